/* SPDX-License-Identifier: MIT */
/*
 * Constant time, by valgrind: every secret (keys, randomness, payloads) is marked as memory that was never set, and all that
 * is computed from it counts as that too, until src/ says E2E_KNOWN, or a packet is on the wire. Memcheck then reports
 * each branch and each address that depends on a secret. The method is Adam Langley's ctgrind (2010).
 *
 * Goal: no report. tests/ct/run plants mistakes, which must be reported, and takes each E2E_KNOWN away, of which none may be
 * needless. CT_BACKEND chooses the backend; CT_PLANT puts a branch on a payload byte between it and the session.
 */
#include "mqtt_e2e/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

#ifndef CT_BACKEND
#define CT_BACKEND mqtt_e2e_bearssl
#endif

#define T0        INT64_C(1795459591440)
#define ROOM      1200
#define WIRE_ROOM 200

#define CHECK(truth)                                                                                         \
    ((truth) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #truth), exit(3)))

/* ---- Secret, public, or neither ---- */

static void make_secret(void *memory, size_t len)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(memory, len);
}

static void make_public(void *memory, size_t len)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(memory, len);
}

/* Whether a byte of it depends on a secret: if not, this test would test nothing. */
static int is_secret(const void *memory, size_t len)
{
    static uint8_t bits[ROOM];
    uint8_t any = 0;

    if (!RUNNING_ON_VALGRIND)
        return 1;
    (void)VALGRIND_GET_VBITS(memory, bits, len);
    for (size_t i = 0; i < len; i++)
        any |= bits[i];
    return any != 0;
}

/* ---- A branch on a payload byte, to be found ---- */

static mqtt_e2e_crypto backend;

#ifdef CT_PLANT
static volatile int capitals;

static int open_and_peek(void *state, const uint8_t nonce[MQTT_E2E_NONCE_SIZE], const void *aad,
                         size_t aad_len, const uint8_t *in, uint8_t *out, size_t len,
                         const uint8_t tag[MQTT_E2E_TAG_SIZE])
{
    int result = CT_BACKEND.open(state, nonce, aad, aad_len, in, out, len, tag);

    if (result == 0 && len > 11 && out[11] == 'A')
        capitals++;
    return result;
}
#endif

/* ---- Two nodes ---- */

typedef struct {
    mqtt_e2e_session *session;
    mqtt_e2e_options options;
    mqtt_e2e_topic topic;
    char wire[WIRE_ROOM];
    uint64_t storage[700];
} node;

static uint8_t key[32], packet[ROOM], out[ROOM], payload[ROOM];
static char name[WIRE_ROOM];
static mqtt_e2e_message message;

static void start(node *n, size_t key_len)
{
    static uint8_t starts;
    uint8_t random[MQTT_E2E_RANDOM_SIZE];

    memset(key, 0x42, sizeof key);
    memset(random, ++starts, sizeof random);
    make_secret(key, sizeof key);
    make_secret(random, sizeof random);
    n->options.crypto = &backend;
    n->options.key = key;
    n->options.key_len = key_len;
    CHECK(mqtt_e2e_init(&n->session, n->storage, sizeof n->storage, &n->options, random, T0) == MQTT_E2E_OK);
    CHECK(is_secret(n->session->prk, 32) && is_secret(n->session->topic_mac, 32));
    CHECK(mqtt_e2e_hide(n->session, "iot/kitchen", n->wire, sizeof n->wire, &n->topic) == MQTT_E2E_OK);
    make_public(n->wire, sizeof n->wire); /* the broker sees it */
}

static mqtt_e2e_status deliver(node *to, const mqtt_e2e_topic *topic, size_t len, int64_t now)
{
    static int in_place;

    make_public(packet, len); /* as it does packets */
    in_place = !in_place;
    if (in_place)
        memcpy(out, packet, len);
    return mqtt_e2e_open(to->session, topic, in_place ? out : packet, len, out, sizeof out, now, &message);
}

/* The payload went through all as a secret, and is one still. */
static void check_payload(size_t len)
{
    CHECK(message.payload.len == len);
    CHECK(len == 0 || is_secret(message.payload.data, len));
    make_public(out, sizeof out);
    make_public(payload, sizeof payload);
    CHECK(memcmp(message.payload.data, payload, len) == 0);
}

static void new_payload(size_t len)
{
    for (size_t i = 0; i < len; i++)
        payload[i] = (uint8_t)('A' + i);
    make_secret(payload, len);
}

/* ---- What they do ---- */

static void messages(node *a, node *b)
{
    static const size_t lens[] = {0, 1, 49, 50, 51, 100, 1000};
    size_t len;

    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        mqtt_e2e_kind kind = i % 2 ? MQTT_E2E_LASTING : MQTT_E2E_MESSAGE;

        new_payload(lens[i]);
        CHECK(mqtt_e2e_seal(a->session, &a->topic, kind, payload, lens[i], packet, sizeof packet, T0 + 1,
                            &len) == MQTT_E2E_OK);
        CHECK(is_secret(packet, len));
        CHECK(deliver(b, &b->topic, len, T0 + 1) == MQTT_E2E_OK);
        check_payload(lens[i]);
        CHECK(deliver(b, &b->topic, len, T0 + 1) == MQTT_E2E_REPLAY);
        CHECK(deliver(a, &a->topic, len, T0 + 1) == MQTT_E2E_OWN);
        packet[20] ^= 1;
        CHECK(deliver(b, &b->topic, len, T0 + 1) == MQTT_E2E_REPLAY);
        packet[0] ^= 1;
        CHECK(deliver(b, &b->topic, len, T0 + 1) == MQTT_E2E_FORGED);
    }
}

static void refusals(node *a, node *b)
{
    size_t len;

    new_payload(20);
    CHECK(mqtt_e2e_seal(a->session, &a->topic, MQTT_E2E_MESSAGE, payload, 20, packet, sizeof packet, T0 + 2,
                        &len) == MQTT_E2E_OK);
    CHECK(deliver(b, &b->topic, len, T0 + 400000) == MQTT_E2E_STALE);
    CHECK(deliver(b, &b->topic, len, T0 - 400000) == MQTT_E2E_FUTURE);
    CHECK(deliver(b, &b->topic, 42, T0) == MQTT_E2E_MALFORMED);
    CHECK(mqtt_e2e_seal(a->session, &a->topic, MQTT_E2E_LASTING, payload, 20, packet, sizeof packet, T0 + 3,
                        &len) == MQTT_E2E_OK);
    CHECK(deliver(b, &b->topic, len, T0 + 400000) == MQTT_E2E_OK &&
          message.old); /* b asks for lasting ones */
    check_payload(20);
}

static void sealed_anew(node *a, node *b)
{
    mqtt_e2e_id first = mqtt_e2e_own_stream(a->session);
    size_t len;

    new_payload(20);
    first.counter += 9;
    a->session->own.counter += 10;
    for (int i = 0; i < 2; i++) {
        CHECK(mqtt_e2e_seal_again(a->session, &a->topic, MQTT_E2E_MESSAGE, &first, T0 + 1, payload, 20,
                                  packet, sizeof packet, T0 + 3, &len) == MQTT_E2E_OK);
        CHECK(is_secret(packet, len));
        CHECK(deliver(b, &b->topic, len, T0 + 3) == (i == 0 ? MQTT_E2E_OK : MQTT_E2E_REPLAY));
        if (i == 0)
            check_payload(20);
        new_payload(20);
    }
    first.counter--;
    CHECK(mqtt_e2e_seal_again(a->session, &a->topic, MQTT_E2E_LASTING, &first, T0 - 1, payload, 20, packet,
                              sizeof packet, T0 + 3, &len) == MQTT_E2E_OK);
    CHECK(deliver(b, &b->topic, len, T0 + 400000) == MQTT_E2E_STALE); /* older than the last on its topic */
}

static void topics(node *a, node *b)
{
    char wire[WIRE_ROOM];
    mqtt_e2e_topic topic;

    CHECK(mqtt_e2e_reveal(b->session, a->wire, strlen(a->wire), name, sizeof name, &topic) == MQTT_E2E_OK);
    CHECK(strcmp(name, "iot/kitchen") == 0);
    CHECK(mqtt_e2e_hide_filter(a->session, "$share/g/iot/+/#", wire, sizeof wire) == MQTT_E2E_OK);
    strcpy(wire, a->wire);
    wire[strlen(wire) - 3] ^= 1;
    CHECK(mqtt_e2e_reveal(b->session, wire, strlen(wire), name, sizeof name, &topic) == MQTT_E2E_FORGED);
}

static void requests(node *a, node *b)
{
    char reply_name[MQTT_E2E_REPLY_NAME_SIZE], wire[WIRE_ROOM];
    mqtt_e2e_topic reply_topic;
    mqtt_e2e_id request;
    size_t len;

    new_payload(5);
    CHECK(mqtt_e2e_request(a->session, &a->topic, payload, 5, packet, sizeof packet, T0 + 4, 0, &len,
                           &request) == MQTT_E2E_OK);
    CHECK(deliver(b, &b->topic, len, T0 + 4) == MQTT_E2E_OK && message.kind == MQTT_E2E_REQUEST);
    check_payload(5);
    CHECK(mqtt_e2e_reply_topic(b->session, message.id.stream, reply_name, wire, sizeof wire, &reply_topic) ==
          MQTT_E2E_OK);
    new_payload(7);
    CHECK(mqtt_e2e_reply(b->session, &reply_topic, &message.id, payload, 7, packet, sizeof packet, T0 + 5,
                         &len) == MQTT_E2E_OK);
    CHECK(deliver(a, &reply_topic, len, T0 + 5) == MQTT_E2E_OK && message.kind == MQTT_E2E_REPLY);
    check_payload(7);
    mqtt_e2e_close(a->session, &request);
    new_payload(7);
    CHECK(mqtt_e2e_reply(b->session, &reply_topic, &request, payload, 7, packet, sizeof packet, T0 + 6,
                         &len) == MQTT_E2E_OK);
    CHECK(deliver(a, &reply_topic, len, T0 + 6) == MQTT_E2E_UNASKED);
}

/* `c` has no UTC, and asks `b`. */
static void learn_time(node *b, node *c)
{
    char reply_name[MQTT_E2E_REPLY_NAME_SIZE], wire[WIRE_ROOM], time_wire[WIRE_ROOM];
    mqtt_e2e_topic reply_topic, time_topic;
    int64_t last = 0;
    size_t len;

    CHECK(mqtt_e2e_hide(c->session, "~time", time_wire, sizeof time_wire, &time_topic) == MQTT_E2E_OK);
    CHECK(mqtt_e2e_time_request(c->session, &time_topic, packet, sizeof packet, 1000, &len) == MQTT_E2E_OK);
    CHECK(deliver(b, &time_topic, len, T0 + 7) == MQTT_E2E_TIME_ASKED);
    CHECK(mqtt_e2e_reply_topic(b->session, message.id.stream, reply_name, wire, sizeof wire, &reply_topic) ==
          MQTT_E2E_OK);
    CHECK(mqtt_e2e_time_reply(b->session, &reply_topic, &message.id, packet, sizeof packet, T0 + 7, &last,
                              &len) == MQTT_E2E_OK);
    CHECK(deliver(c, &reply_topic, len, 1010) == MQTT_E2E_TIME_SET);
}

/* b stops, and starts again from what it stored. */
static void restart(node *b, size_t key_len)
{
    static uint8_t state[4000];
    uint8_t random[MQTT_E2E_RANDOM_SIZE] = {7};
    size_t len;

    make_secret(random, sizeof random);
    CHECK(mqtt_e2e_renew(b->session, random, T0 + 8) == MQTT_E2E_OK);
    CHECK(mqtt_e2e_save(b->session, state, sizeof state, &len) == MQTT_E2E_OK);
    make_public(state, len);
    mqtt_e2e_wipe(b->session);
    start(b, key_len);
    state[10] ^= 1;
    CHECK(mqtt_e2e_load(b->session, state, len, T0 + 9) == MQTT_E2E_BAD_STATE);
    state[10] ^= 1;
    CHECK(mqtt_e2e_load(b->session, state, len, T0 + 9) == MQTT_E2E_OK);
}

static void bare_keys(size_t key_len)
{
    char fingerprint[MQTT_E2E_FINGERPRINT_SIZE], base[MQTT_E2E_BASE_SIZE];
    uint8_t device_key[32];

    CHECK(mqtt_e2e_fingerprint(&backend, key, key_len, fingerprint) == MQTT_E2E_OK);
    CHECK(mqtt_e2e_key_base(&backend, key, key_len, base) == MQTT_E2E_OK);
    CHECK(mqtt_e2e_device_key(&backend, key, key_len, "lamp", device_key) == MQTT_E2E_OK);
    CHECK(is_secret(device_key, key_len));
}

static void toit(void)
{
    static const size_t lens[] = {0, 1, 50, 100};
    static node a, b;
    size_t len;

    mqtt_e2e_defaults(&a.options);
    mqtt_e2e_toit(&a.options);
    b.options = a.options;
    start(&a, 16);
    start(&b, 16);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        new_payload(lens[i]);
        CHECK(mqtt_e2e_seal(a.session, &a.topic, MQTT_E2E_MESSAGE, payload, lens[i], packet, sizeof packet,
                            T0 + 1, &len) == MQTT_E2E_OK);
        CHECK(is_secret(packet, len));
        CHECK(deliver(&b, &b.topic, len, T0 + 400000) == MQTT_E2E_STALE);
        CHECK(deliver(&b, &b.topic, len, T0 + 1) == MQTT_E2E_OK);
        check_payload(lens[i]);
        CHECK(deliver(&b, &b.topic, len, T0 + 1) == MQTT_E2E_REPLAY);
        CHECK(deliver(&a, &a.topic, len, T0 + 1) == MQTT_E2E_OWN);
        packet[0] ^= 1;
        CHECK(deliver(&b, &b.topic, len, T0 + 1) == MQTT_E2E_FORGED);
    }
    restart(&b, 16);
    mqtt_e2e_wipe(a.session);
    mqtt_e2e_wipe(b.session);
}

int main(void)
{
    static node a, b, c;

    backend = CT_BACKEND;
#ifdef CT_PLANT
    backend.open = open_and_peek;
#endif
    for (size_t key_len = 16; key_len <= 32; key_len += 16) {
        mqtt_e2e_defaults(&a.options);
        b.options = c.options = a.options;
        b.options.lasting_topics = 2;
        c.options.own_clock_ms = true;
        start(&a, key_len);
        start(&b, key_len);
        start(&c, key_len);
        messages(&a, &b);
        refusals(&a, &b);
        sealed_anew(&a, &b);
        topics(&a, &b);
        requests(&a, &b);
        learn_time(&b, &c);
        restart(&b, key_len);
        bare_keys(key_len);
        mqtt_e2e_wipe(a.session);
        mqtt_e2e_wipe(b.session);
        mqtt_e2e_wipe(c.session);
    }
    toit();
    puts(RUNNING_ON_VALGRIND ? "all done, under valgrind" : "all done");
    return 0;
}
