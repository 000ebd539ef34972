/* SPDX-License-Identifier: MIT */
/*
 * Stored state. The input chooses sizes and one of three ways:
 *
 *   0  it is the state, as it is: refused, and the session stays as it was;
 *   1  a state that a session saved, changed here and there: refused as well;
 *   2  such a state, changed, with a MAC that is right: whatever it says, the session works on, and what it saves then it
 *      also loads.
 */
#include "fuzz.h"
#include "keys.h"

#define STATE_ROOM 40000
#define SENDERS    6

static const mqtt_e2e_topic topic = {"t", "t", 1, 1};

static void choose_sizes(fuzz_input *in, mqtt_e2e_options *options)
{
    options->streams = 1 + fuzz_byte(in) % 24;
    options->window = (uint16_t)(64 * (1 + fuzz_byte(in) % 3));
    options->lasting_topics = fuzz_byte(in) % 4;
}

static mqtt_e2e_status send(mqtt_e2e_session *from, mqtt_e2e_session *to, mqtt_e2e_kind kind, int64_t now)
{
    uint8_t bytes[MQTT_E2E_SEALED_SIZE(0, 50)];
    mqtt_e2e_message message;
    size_t len;

    if (mqtt_e2e_seal(from, &topic, kind, NULL, 0, bytes, sizeof bytes, now, &len) != MQTT_E2E_OK)
        return MQTT_E2E_EXHAUSTED;
    return mqtt_e2e_open(to, &topic, bytes, len, bytes, sizeof bytes, now, &message);
}

/* Some traffic, then the state. */
static size_t make_state(fuzz_input *in, const mqtt_e2e_options *options, uint8_t *state)
{
    mqtt_e2e_options copy = *options;
    mqtt_e2e_session *receiver = fuzz_start(&copy, 1, FUZZ_T0), *sender;
    size_t len, senders = fuzz_byte(in) % SENDERS;

    for (size_t i = 0; i < senders; i++) {
        uint32_t packets = fuzz_byte(in) % 8;

        sender = fuzz_start(&copy, (uint8_t)(2 + i), FUZZ_T0);
        for (uint32_t k = 0; k < packets; k++) {
            sender->own.counter += fuzz_byte(in);
            send(sender, receiver, k % 2 ? MQTT_E2E_LASTING : MQTT_E2E_MESSAGE, FUZZ_T0 + k + 1);
        }
        fuzz_stop(sender);
    }
    demand(mqtt_e2e_save(receiver, state, STATE_ROOM, &len) == MQTT_E2E_OK);
    fuzz_stop(receiver);
    return len;
}

/* Places and what to XOR there, as long as the input lasts. Returns whether anything changed. */
static bool change(fuzz_input *in, uint8_t *state, size_t len)
{
    bool changed = false;
    uint8_t *before = malloc(len);

    demand(before != NULL);
    memcpy(before, state, len);
    while (in->left > 0) {
        size_t at = fuzz_u16(in) % len;

        state[at] ^= fuzz_byte(in);
    }
    changed = memcmp(before, state, len) != 0;
    free(before);
    return changed;
}

static void put_mac(const mqtt_e2e_session *s, uint8_t *state, size_t len)
{
    mqtt_e2e_bytes label = E2E_LABEL("state"), part = {state, len - 16};
    uint8_t key[32], mac[32];

    demand(e2e_keys_derive(s->crypto, s->prk, &label, 1, key, sizeof key) == 0);
    demand(s->crypto->hmac(key, sizeof key, &part, 1, mac) == 0);
    memcpy(state + len - 16, mac, 16);
}

static void check_refused(mqtt_e2e_session *s, const uint8_t *state, size_t len)
{
    uint8_t *before = malloc(s->size);

    demand(before != NULL);
    memcpy(before, s, s->size);
    demand(mqtt_e2e_load(s, state, len, FUZZ_T0) == MQTT_E2E_BAD_STATE);
    demand(memcmp(before, s, s->size) == 0);
    free(before);
}

/* Times of more than 62 bits never come up, and would overflow. */
static bool times_are_sane(const mqtt_e2e_session *s)
{
    const int64_t limit = INT64_C(1) << 62;
    bool sane =
        s->replay.floor < limit && s->replay.floor > -limit && s->old_floor < limit && s->old_floor > -limit;

    for (size_t i = 0; i < s->replay.count; i++) {
        int64_t floor;

        memcpy(&floor, s->replay.streams + i * MQTT_E2E_STREAM_SIZE_(s->replay.words * 64) + 8, sizeof floor);
        sane = sane && floor < limit && floor > -limit;
    }
    return sane;
}

static void check_taken(mqtt_e2e_session *s, const mqtt_e2e_options *options)
{
    mqtt_e2e_options copy = *options;
    mqtt_e2e_session *again = fuzz_start(&copy, 3, FUZZ_T0), *sender = fuzz_start(&copy, 4, FUZZ_T0);
    uint8_t *state = malloc(STATE_ROOM);
    size_t len;

    demand(state != NULL && mqtt_e2e_state_size(s) <= STATE_ROOM);
    demand(mqtt_e2e_save(s, state, mqtt_e2e_state_size(s), &len) == MQTT_E2E_OK);
    demand(mqtt_e2e_load(again, state, len, FUZZ_T0) == MQTT_E2E_OK);
    demand(again->replay.floor >= s->replay.floor && again->old_floor == s->old_floor);
    if (times_are_sane(s)) {
        for (int i = 0; i < 3; i++)
            send(sender, s, MQTT_E2E_LASTING, FUZZ_T0 + i);
        demand(send(s, s, MQTT_E2E_MESSAGE, FUZZ_T0) == MQTT_E2E_OWN);
    }
    fuzz_stop(again);
    fuzz_stop(sender);
    free(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    uint8_t way = fuzz_byte(&in) % 3, *state = malloc(STATE_ROOM);
    mqtt_e2e_options options, then;
    mqtt_e2e_session *s;
    size_t len;

    demand(state != NULL);
    mqtt_e2e_defaults(&options);
    options.crypto = &test_checksum;
    options.key_len = 32;
    then = options;
    choose_sizes(&in, &options);
    choose_sizes(&in, &then);
    s = fuzz_start(&options, 0, FUZZ_T0);
    if (way == 0) {
        uint8_t *bytes;

        len = in.left;
        bytes = fuzz_bytes(&in, &len);
        check_refused(s, bytes, len);
        free(bytes);
    } else {
        len = make_state(&in, &then, state);
        if (way == 1 && change(&in, state, len))
            check_refused(s, state, len);
        if (way == 2) {
            change(&in, state, len);
            put_mac(s, state, len);
            if (mqtt_e2e_load(s, state, len, FUZZ_T0) == MQTT_E2E_OK)
                check_taken(s, &options);
        }
    }
    fuzz_stop(s);
    free(state);
    return 0;
}
