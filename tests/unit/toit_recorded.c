/* SPDX-License-Identifier: MIT */
/* tests/vectors/toit.json: what the Toit library sealed, and what its receiver decided. */
#include "toit_recorded.h"
#include "check.h"
#include "toit_vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

#define ROOM 80000

static mqtt_e2e_session *start(const mqtt_e2e_crypto *crypto, mqtt_e2e_bytes key, uint16_t pad_size,
                               int64_t now_ms)
{
    mqtt_e2e_options options = check_options(crypto, key);

    mqtt_e2e_toit(&options);
    options.pad_size = pad_size;
    options.floor_given = true; /* their receiver has none */
    options.longest_packet = ROOM;
    return check_session(&options, NULL, now_ms);
}

/* ---- Topics ---- */

void toit_recorded_topics(void **state)
{
    (void)state;
    for (size_t b = 0; b < test_backend_count; b++) {
        for (size_t i = 0; i < toit_topic_count; i++) {
            mqtt_e2e_session *s = start(test_backends[b], toit_topics[i].key, 50, 1);

            check_bytes(test_backends[b], toit_topics[i].topic, "topic", mqtt_e2e_base(s), 12,
                        (mqtt_e2e_bytes){toit_topics[i].topic, strlen(toit_topics[i].topic)});
            check_end(s);
        }
    }
    check_all_right();
}

/* ---- Packets: sealed the same, byte for byte, from the same time and random bytes; and opened ---- */

static uint8_t *payload_of(const toit_packet *v)
{
    uint8_t *payload = check_alloc(v->len);

    for (size_t i = 0; i < v->len; i++)
        payload[i] = v->payload.data != NULL ? ((const uint8_t *)v->payload.data)[i] : (uint8_t)(i * 7 + 3);
    return payload;
}

static void open_recorded(mqtt_e2e_session *s, const toit_packet *v, const uint8_t *packet, size_t len,
                          const uint8_t *payload, const char *about)
{
    mqtt_e2e_topic topic = {"s", "x/s", 1, 3};
    mqtt_e2e_message message;
    uint8_t *out = check_alloc(len);

    check_status(s->crypto, about, "open",
                 mqtt_e2e_open(s, &topic, packet, len, out, len, v->time_ms, &message), MQTT_E2E_OK);
    check_bytes(s->crypto, about, "payload", message.payload.data, message.payload.len,
                (mqtt_e2e_bytes){payload, v->len});
    if (message.time != v->time_ms || message.padding != len - MQTT_E2E_TOIT_OVERHEAD - v->len)
        check_wrong("%s: %s: time or padding", s->crypto->name, about);
    free(out);
}

/* The library wraps a length of over 65,535 bytes: made here as it makes it, to know that it is the same packet. */
static void check_wrapped(mqtt_e2e_session *s, const toit_packet *v, const uint8_t *payload)
{
    size_t n = MQTT_E2E_TOIT_OVERHEAD + v->len;
    uint8_t *packet = check_alloc(n);
    mqtt_e2e_topic topic = {"s", "x/s", 1, 3};
    mqtt_e2e_message message;

    memcpy(packet, v->nonce.data, 12);
    packet[12] = 1;
    packet[13] = (uint8_t)(v->size_field >> 8);
    packet[14] = (uint8_t)v->size_field;
    memcpy(packet + 15, payload, v->len);
    assert_int_equal(
        s->crypto->seal(s->keys, v->nonce.data, "1234567812345678", 16, packet + 12, n - 28, packet + n - 16),
        0);
    check_value(s->crypto, "wrapped", "packet", packet, n, &v->packet);
    /* Its receiver hands the first 4,464 bytes on; ours does not take a message that was cut. */
    check_status(s->crypto, "wrapped", "open",
                 mqtt_e2e_open(s, &topic, packet, n, packet, n, v->time_ms, &message), MQTT_E2E_MALFORMED);
    free(packet);
}

static void check_sealed(const mqtt_e2e_crypto *crypto, const char *about, const toit_packet *v,
                         const uint8_t *packet, size_t n)
{
    assert_int_equal(n, v->packet.len);
    check_bytes(crypto, about, "tag", packet + n - MQTT_E2E_TAG_SIZE, MQTT_E2E_TAG_SIZE, v->tag);
    if (v->packet.whole.data != NULL || v->packet.sha256.data != NULL)
        check_value(crypto, about, "packet", packet, n, &v->packet);
}

static void check_packet(const mqtt_e2e_crypto *crypto, const toit_packet *v, size_t number)
{
    mqtt_e2e_session *s = start(crypto, v->key, v->pad_size, v->time_ms);
    uint8_t *payload = payload_of(v), *packet = check_alloc(ROOM);
    e2e_draft draft = {.payload = payload, .len = v->len};
    char about[64];
    size_t n = 0;
    mqtt_e2e_status status = e2e_toit_seal_with(s, v->nonce.data, &draft, packet, ROOM, &n);

    snprintf(about, sizeof about, "packet %zu, of %zu bytes", number, v->len);
    if (v->len > MQTT_E2E_TOIT_PAYLOAD_MAX) {
        check_status(crypto, about, "seal", status, MQTT_E2E_TOO_LONG);
        check_wrapped(s, v, payload);
    } else {
        check_status(crypto, about, "seal", status, MQTT_E2E_OK);
        check_sealed(crypto, about, v, packet, n);
        open_recorded(s, v, packet, n, payload, about);
    }
    free(payload);
    free(packet);
    check_end(s);
}

void toit_recorded_packets(void **state)
{
    (void)state;
    for (size_t b = 0; b < test_backend_count; b++)
        for (size_t i = 0; i < toit_packet_count; i++)
            check_packet(test_backends[b], &toit_packets[i], i);
    check_all_right();
}

/* ---- Decisions ---- */

static mqtt_e2e_status decide(mqtt_e2e_session *s, const toit_step *step, const char *about)
{
    static uint8_t out[ROOM];
    char name[64];
    static const char wire[] = "FGeeQanXEwx3/s";
    mqtt_e2e_topic topic;
    mqtt_e2e_message message;

    assert_int_equal(mqtt_e2e_reveal(s, wire, sizeof wire - 1, name, sizeof name, &topic), MQTT_E2E_OK);
    mqtt_e2e_status status = mqtt_e2e_open(s, &topic, step->packet.data, step->packet.len, out, sizeof out,
                                           step->now_ms, &message);
    if (status == MQTT_E2E_OK && step->status == MQTT_E2E_OK) {
        check_bytes(s->crypto, about, "topic", topic.wire, topic.wire_len, step->topic);
        check_bytes(s->crypto, about, "message", message.payload.data, message.payload.len, step->message);
    }
    return status;
}

/* Single packets: what it accepts, ours accepts, and nothing else. Where ours calls the cause another one: */
static const struct {
    const char *name;
    mqtt_e2e_status ours;
} named_otherwise[] = {
    {"truncated to 28 bytes", MQTT_E2E_MALFORMED}, /* too short: not even tried to be opened */
    {"iv time int64 min", MQTT_E2E_STALE},         /* its subtraction wraps */
    {"future and garbage", MQTT_E2E_FORGED},       /* what is said of a time is said of a true one only */
};

static mqtt_e2e_status expected(const toit_step *step)
{
    for (size_t i = 0; i < sizeof named_otherwise / sizeof named_otherwise[0]; i++)
        if (strcmp(named_otherwise[i].name, step->name) == 0)
            return named_otherwise[i].ours;
    return step->status;
}

void toit_recorded_fresh(void **state)
{
    (void)state;
    size_t otherwise = 0;

    for (size_t b = 0; b < test_backend_count; b++) {
        for (size_t i = 0; i < toit_fresh_count; i++) {
            const toit_step *step = &toit_fresh[i];
            mqtt_e2e_session *s = start(test_backends[b], toit_key, 50, step->now_ms);
            mqtt_e2e_status ours = decide(s, step, step->name);

            if ((ours == MQTT_E2E_OK) != (step->status == MQTT_E2E_OK))
                check_wrong("%s: %s: another decision", test_backends[b]->name, step->name);
            check_status(test_backends[b], step->name, "cause", ours, expected(step));
            otherwise += expected(step) != step->status;
            check_end(s);
        }
    }
    check_all_right();
    assert_int_equal(otherwise, 3 * test_backend_count);
}

/* Sequences: where ours decides otherwise, it is stricter, in one place; and once it names another cause. */
static const struct {
    const char *sequence;
    size_t step;
    mqtt_e2e_status theirs, ours;
} stricter[] = {
    /* It remembers 10 nonces, so the 11th message lets the first in again. */
    {"replay after 10 other accepted packets", 11, MQTT_E2E_OK, MQTT_E2E_REPLAY},
    /* It remembers before it looks at the length; ours only what it accepts. */
    {"size=data+1 twice", 1, MQTT_E2E_REPLAY, MQTT_E2E_MALFORMED},
};

static mqtt_e2e_status expected_in(const toit_sequence *sequence, size_t step, size_t *differ)
{
    for (size_t i = 0; i < sizeof stricter / sizeof stricter[0]; i++) {
        if (strcmp(stricter[i].sequence, sequence->name) != 0 || stricter[i].step != step)
            continue;
        assert_int_equal(sequence->steps[step].status, stricter[i].theirs);
        (*differ)++;
        return stricter[i].ours;
    }
    return sequence->steps[step].status;
}

void toit_recorded_sequences(void **state)
{
    (void)state;
    size_t differ = 0;

    for (size_t b = 0; b < test_backend_count; b++) {
        for (size_t i = 0; i < toit_sequence_count; i++) {
            const toit_sequence *sequence = &toit_sequences[i];
            mqtt_e2e_session *s = start(test_backends[b], toit_key, 50, sequence->steps[0].now_ms);

            /* Of its own packets it recorded the echo of the first of 12 only: ours must have accepted that before. */
            if (strstr(sequence->name, "own packet echoed") != NULL)
                check_status(test_backends[b], sequence->name, "as a stranger's",
                             decide(s, &sequence->steps[0], sequence->name), MQTT_E2E_OK);
            for (size_t j = 0; j < sequence->step_count; j++)
                check_status(test_backends[b], sequence->name, sequence->steps[j].name,
                             decide(s, &sequence->steps[j], sequence->name),
                             expected_in(sequence, j, &differ));
            check_end(s);
        }
    }
    check_all_right();
    assert_int_equal(differ, test_backend_count * (sizeof stricter / sizeof stricter[0]));
}
