/* SPDX-License-Identifier: MIT */
/* The Toit profile through the public calls, over every pair of backends: what it has, and what it has not. The vectors of the
 * Toit library itself are in toit_recorded.c. */
#include "node.h"
#include "toit_recorded.h"

#include <string.h>

#include "packet.h"

static packet p, q;

static int64_t time_of(const packet *sealed)
{
    return e2e_packet_get_i64(sealed->bytes);
}

static mqtt_e2e_status seal(node *n, const char *text, int64_t now_ms, packet *to)
{
    return node_seal(n, "iot/kitchen", MQTT_E2E_MESSAGE, text, now_ms, to);
}

static mqtt_e2e_options toit_options(const mqtt_e2e_crypto *crypto, size_t key_len)
{
    mqtt_e2e_options options = node_options(crypto, key_len);

    mqtt_e2e_toit(&options);
    return options;
}

static void each_pair(node_scenario scenario)
{
    node_each_pair_of(toit_options, 16, scenario);
}

/* ---- 1. What one seals, the other opens, once; and nobody opens his own ---- */

static void seal_then_open(node *a, node *b)
{
    mqtt_e2e_id seen;
    int64_t newest;

    assert_int_equal(seal(a, "ping", T0, &p), MQTT_E2E_OK);
    assert_int_equal(p.len, MQTT_E2E_TOIT_OVERHEAD + 50);
    assert_int_equal(mqtt_e2e_sealed_size(a->session, 51), MQTT_E2E_TOIT_OVERHEAD + 51);
    assert_int_equal(node_open(b, &p, T0 + 5), MQTT_E2E_OK);
    node_assert_payload(b, "ping");
    assert_string_equal(b->name, "iot/kitchen");
    assert_string_equal(p.wire + strlen(mqtt_e2e_base(a->session)), "/iot/kitchen");
    assert_int_equal(b->message.kind, MQTT_E2E_MESSAGE);
    assert_int_equal(b->message.time, T0);
    assert_int_equal(b->message.padding, 46);
    assert_memory_equal(b->message.id.stream, p.bytes, MQTT_E2E_NONCE_SIZE);
    assert_int_equal(b->message.id.counter, 0);
    assert_int_equal(node_open(b, &p, T0 + 5), MQTT_E2E_REPLAY);
    assert_memory_equal(b->message.id.stream, p.bytes, MQTT_E2E_NONCE_SIZE);
    assert_int_equal(b->message.payload.len, 0);
    assert_int_equal(node_open(a, &p, T0 + 5), MQTT_E2E_OWN);
    assert_true(test_all_zero(a->out, p.len - MQTT_E2E_TAG_SIZE));
    assert_true(mqtt_e2e_last_seen(b->session, NULL, &seen, &newest));
    assert_memory_equal(seen.stream, p.bytes, sizeof seen.stream);
    assert_int_equal(newest, T0);
    assert_int_equal(mqtt_e2e_counts(b->session)[MQTT_E2E_OK], 1);
    assert_int_equal(mqtt_e2e_counts(b->session)[MQTT_E2E_REPLAY], 1);
    assert_int_equal(mqtt_e2e_counts(a->session)[MQTT_E2E_OWN], 1);
}

static void test_seal_then_open(void **state)
{
    (void)state;
    each_pair(seal_then_open);
}

/* ---- 2. Every altered bit is refused, and leaves nothing readable; another topic is not noticed (that is the profile) ---- */

static void altered(node *a, node *b)
{
    assert_int_equal(seal(a, "a secret", T0, &p), MQTT_E2E_OK);
    for (size_t bit = 0; bit < p.len * 8; bit += 1 + test_random_below(16)) {
        p.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        memset(b->out, 0, sizeof b->out);
        assert_int_equal(node_open(b, &p, T0), MQTT_E2E_FORGED);
        assert_true(test_all_zero(b->out, sizeof b->out));
        assert_true(test_all_zero(&b->message.id, sizeof b->message.id));
        p.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    memcpy(strchr(p.wire, '/'), "/controller", sizeof "/controller");
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_OK);
    assert_string_equal(b->name, "controller");
    assert_int_equal(seal(a, "x", T0, &p), MQTT_E2E_OK);
    p.wire[0] ^= 1; /* outside the base */
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_FORGED);
}

static void test_altered(void **state)
{
    (void)state;
    each_pair(altered);
}

/* ---- 3. The window is 15 s either way, to the millisecond ---- */

static void window(node *a, node *b)
{
    assert_int_equal(seal(a, "x", T0 + 20000, &p), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &p, T0 + 4999), MQTT_E2E_FUTURE);
    assert_int_equal(b->message.off_by_ms, 1);
    assert_int_equal(b->message.time, T0 + 20000);
    assert_int_equal(node_open(b, &p, T0 + 35001), MQTT_E2E_STALE);
    assert_int_equal(b->message.off_by_ms, 1);
    assert_int_equal(node_open(b, &p, 0), MQTT_E2E_NO_CLOCK);
    assert_int_equal(node_open(b, &p, INT64_C(9223372036855)),
                     MQTT_E2E_NO_CLOCK); /* no nanoseconds in 63 bits */
    assert_int_equal(node_open(b, &p, T0 + 5000), MQTT_E2E_OK);
    assert_int_equal(seal(a, "x", T0 + 20000, &p), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &p, T0 + 35000), MQTT_E2E_OK);
    /* What was sealed before the start; the floor is the last nanosecond of that millisecond. */
    assert_int_equal(mqtt_e2e_floor(b->session), T0 - 1000);
}

static void test_window(void **state)
{
    (void)state;
    each_pair(window);
}

static void before_the_start(node *a, node *b)
{
    mqtt_e2e_options options = b->options;

    assert_int_equal(seal(a, "x", T0, &p), MQTT_E2E_OK);
    node_stop(b);
    node_start(b, &options, T0);
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_STALE);
    assert_int_equal(b->message.off_by_ms, 1);
    assert_int_equal(seal(a, "x", T0 + 1, &p), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &p, T0 + 1), MQTT_E2E_OK);
}

static void test_before_the_start(void **state)
{
    (void)state;
    each_pair(before_the_start);
}

/* ---- 4. T only grows, by the clock where that does, and no nonce comes twice ---- */

static void grows(node *a, node *b)
{
    int64_t now = T0, last = 0;

    (void)b;
    for (int i = 0; i < 500; i++) {
        assert_int_equal(seal(a, "x", now, &p), MQTT_E2E_OK);
        assert_true(time_of(&p) > last);
        last = time_of(&p);
        if (i % 2 == 0)
            now += test_random_below(3);
        else if (now > T0 + 3)
            now -= test_random_below(3); /* slewed */
    }
    assert_true(last / 1000000 <= T0 + 1000);
}

static void test_grows(void **state)
{
    (void)state;
    each_pair(grows);
}

/* A clock that was far ahead: a new run begins, and what either of them sealed is still known as our own. */
static void set_back(node *a, node *b)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    mqtt_e2e_id first = mqtt_e2e_own_stream(a->session);

    assert_int_equal(seal(a, "ahead", T0 + 3600000, &p), MQTT_E2E_OK);
    assert_int_equal(seal(a, "x", T0 + 3599500, &q), MQTT_E2E_OK); /* half a second: it goes on from there */
    assert_true(time_of(&q) == time_of(&p) + 1);
    assert_int_equal(seal(a, "now", T0, &q), MQTT_E2E_EXHAUSTED);
    test_random(random, sizeof random);
    assert_int_equal(mqtt_e2e_renew(a->session, random, T0), MQTT_E2E_OK);
    assert_memory_not_equal(mqtt_e2e_own_stream(a->session).stream, first.stream, sizeof first.stream);
    assert_int_equal(seal(a, "now", T0, &q), MQTT_E2E_OK);
    assert_int_equal(time_of(&q) / 1000000, T0);
    assert_int_equal(node_open(a, &q, T0), MQTT_E2E_OWN);
    assert_int_equal(node_open(a, &p, T0 + 3600000), MQTT_E2E_OWN);
    assert_int_equal(node_open(b, &q, T0), MQTT_E2E_OK);
}

static void test_set_back(void **state)
{
    (void)state;
    each_pair(set_back);
}

/* ---- 5. Nothing returns: not from behind 64 others, not out of order ---- */

enum { SHUFFLED = 400 };

static void nothing_returns(node *a, node *b)
{
    static packet all[SHUFFLED];
    bool taken[SHUFFLED] = {false};
    int64_t now = T0;
    unsigned accepted = 0;

    for (size_t i = 0; i < SHUFFLED; i++, now += test_random_below(2))
        assert_int_equal(seal(a, "x", now, &all[i]), MQTT_E2E_OK);
    for (size_t i = 0; i < 5 * SHUFFLED; i++) { /* mostly in order, now and then an old one */
        size_t which = i < SHUFFLED && test_random_below(4) != 0 ? i : test_random_below(SHUFFLED);
        mqtt_e2e_status status = node_open(b, &all[which], now);

        assert_true(status == MQTT_E2E_OK || status == MQTT_E2E_REPLAY || status == MQTT_E2E_STALE);
        assert_false(status == MQTT_E2E_OK && taken[which]);
        taken[which] |= status == MQTT_E2E_OK;
        accepted += status == MQTT_E2E_OK;
    }
    assert_true(accepted > SHUFFLED / 10);
}

/* A burst in one millisecond, far longer than the memory, comes through whole; and of the last 64 all may be late. */
static void burst_and_late(node *a, node *b)
{
    static packet late[MQTT_E2E_TOIT_NONCES];

    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(seal(a, "x", T0, &p), MQTT_E2E_OK);
        assert_int_equal(node_open(b, &p, T0), MQTT_E2E_OK);
    }
    for (size_t i = 0; i < MQTT_E2E_TOIT_NONCES; i++)
        assert_int_equal(seal(a, "x", T0 + 1, &late[i]), MQTT_E2E_OK);
    for (size_t i = MQTT_E2E_TOIT_NONCES; i-- > 0;)
        assert_int_equal(node_open(b, &late[i], T0 + 1), MQTT_E2E_OK);
    for (size_t i = 0; i < MQTT_E2E_TOIT_NONCES; i++)
        assert_int_equal(node_open(b, &late[i], T0 + 1), MQTT_E2E_REPLAY);
    assert_int_equal(node_open(b, &p, T0 + 1), MQTT_E2E_STALE); /* forgotten, and below the floor */
}

static void test_nothing_returns(void **state)
{
    (void)state;
    each_pair(nothing_returns);
    each_pair(burst_and_late);
}

/* ---- 6. Stored state: what was accepted, and what was our own, is known after a restart ---- */

static void restarted(node *a, node *b)
{
    static uint8_t bytes[65536];
    mqtt_e2e_options options = b->options, other = node_options(b->options.crypto, 16);
    mqtt_e2e_id id;
    size_t len;

    assert_int_equal(seal(a, "accepted", T0, &p), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_OK);
    assert_int_equal(mqtt_e2e_save(b->session, bytes, sizeof bytes, &len), MQTT_E2E_OK);
    assert_int_equal(seal(b, "our own", T0, &q), MQTT_E2E_OK);
    node_stop(b);
    node_start(b, &options, T0 + 10);
    assert_int_equal(mqtt_e2e_load(b->session, bytes, len, T0 + 10), MQTT_E2E_OK);
    assert_int_equal(mqtt_e2e_floor(b->session), T0 - 1000);
    assert_int_equal(node_open(b, &p, T0 + 10), MQTT_E2E_REPLAY);
    assert_int_equal(node_open(b, &q, T0 + 10), MQTT_E2E_OWN);
    assert_int_equal(seal(a, "meanwhile", T0 + 5, &p), MQTT_E2E_OK);
    memcpy(id.stream, p.bytes, sizeof id.stream);
    id.counter = 0;
    mqtt_e2e_mark(b->session, &id, 1); /* of a journal: the time is in the id */
    assert_int_equal(node_open(b, &p, T0 + 10), MQTT_E2E_REPLAY);
    assert_int_equal(seal(a, "meanwhile", T0 + 6, &p), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &p, T0 + 10), MQTT_E2E_OK);
    node_stop(b);
    node_start(b, &other, T0); /* of the protocol, with the same key: each refuses the other's */
    assert_int_equal(mqtt_e2e_load(b->session, bytes, len, T0), MQTT_E2E_BAD_STATE);
    assert_int_equal(mqtt_e2e_save(b->session, bytes, sizeof bytes, &len), MQTT_E2E_OK);
    node_stop(b);
    node_start(b, &options, T0);
    assert_int_equal(mqtt_e2e_load(b->session, bytes, len, T0), MQTT_E2E_BAD_STATE);
}

static void test_restarted(void **state)
{
    (void)state;
    each_pair(restarted);
}

/* ---- 7. What there is not ---- */

static void not_there(node *a, node *b)
{
    static char long_text[MQTT_E2E_TOIT_PAYLOAD_MAX + 1];
    static uint8_t room[MQTT_E2E_TOIT_OVERHEAD + sizeof long_text];
    mqtt_e2e_id id = {{1}, 0};
    mqtt_e2e_topic topic = {"t", "x/t", 1, 3};
    mqtt_e2e_options options = toit_options(b->options.crypto, 16);
    mqtt_e2e_session *none;
    size_t len = 7;

    assert_int_equal(node_seal(a, "t", MQTT_E2E_LASTING, "x", T0, &p), MQTT_E2E_UNSUPPORTED);
    assert_int_equal(node_seal(a, "t", MQTT_E2E_REQUEST, "x", T0, &p), MQTT_E2E_BAD_OPTION);
    assert_int_equal(node_ask(a, "t", "x", T0, 0, &p, &id), MQTT_E2E_UNSUPPORTED);
    assert_int_equal(node_answer(a, &id, "x", T0, &p), MQTT_E2E_UNSUPPORTED);
    assert_int_equal(node_seal_again(a, "t", MQTT_E2E_MESSAGE, &id, T0, "x", T0, &p), MQTT_E2E_UNSUPPORTED);
    assert_int_equal(mqtt_e2e_seal(a->session, &topic, MQTT_E2E_MESSAGE, long_text, sizeof long_text, room,
                                   sizeof room, T0, &len),
                     MQTT_E2E_TOO_LONG);
    assert_int_equal(mqtt_e2e_seal(a->session, &topic, MQTT_E2E_MESSAGE, long_text, sizeof long_text - 1,
                                   room, sizeof room - 2, T0, &len),
                     MQTT_E2E_NO_ROOM);
    assert_int_equal(mqtt_e2e_seal(a->session, &topic, MQTT_E2E_MESSAGE, "x", 1, room, sizeof room,
                                   INT64_C(9223372036855), &len),
                     MQTT_E2E_NO_CLOCK);
    assert_int_equal(len, 7);
    options.key_len = 32;
    assert_int_equal(mqtt_e2e_init(&none, a->storage, 1 << 20, &options, node_key, T0), MQTT_E2E_BAD_OPTION);
    options = toit_options(b->options.crypto, 16);
    options.profile = 2;
    assert_int_equal(mqtt_e2e_init(&none, a->storage, 1 << 20, &options, node_key, T0), MQTT_E2E_BAD_OPTION);
    options.profile = MQTT_E2E_PROFILE_TOIT;
    options.streams = 8; /* 64 at least are remembered, whatever is set */
    options.window = 4096;
    assert_int_equal(mqtt_e2e_session_size(&options),
                     MQTT_E2E_SESSION_SIZE(options.crypto->state_size, MQTT_E2E_TOIT_NONCES, 64, 2, 0));
}

/* Padmé, which their receivers take as any padding, and no packet longer than they can be. */
static void padme(node *a, node *b)
{
    mqtt_e2e_options options = toit_options(a->options.crypto, 16);

    options.padme = true;
    node_stop(a);
    node_start(a, &options, T0 - 1000);
    assert_int_equal(mqtt_e2e_sealed_size(a->session, 65535), MQTT_E2E_TOIT_OVERHEAD + 65535);
    assert_int_equal(mqtt_e2e_sealed_size(a->session, 1001), MQTT_E2E_TOIT_OVERHEAD + MQTT_E2E_PADME(1001));
    assert_int_equal(
        seal(a, "a text of more than fifty bytes, so that it is padded by Padm\303\251 now", T0, &p),
        MQTT_E2E_OK);
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_OK);
}

static void test_not_there(void **state)
{
    (void)state;
    each_pair(not_there);
    each_pair(padme);
}

/* ---- 8. A node of the protocol and one of this profile take nothing of each other's ---- */

static void strangers(node *a, node *b)
{
    mqtt_e2e_options options = node_options(b->options.crypto, 16);

    options.plain_topics = true;
    options.base = "";
    node_stop(b);
    node_start(b, &options, T0 - 1000);
    assert_int_equal(seal(a, "x", T0, &p), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_FORGED);
    assert_int_equal(seal(b, "x", T0, &p), MQTT_E2E_OK);
    memmove(p.wire + 13, p.wire, strlen(p.wire) + 1);
    memcpy(p.wire, mqtt_e2e_base(a->session), 12);
    p.wire[12] = '/';
    assert_int_equal(node_open(a, &p, T0), MQTT_E2E_FORGED);
}

static void test_strangers(void **state)
{
    (void)state;
    each_pair(strangers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(toit_recorded_topics), cmocka_unit_test(toit_recorded_packets),
        cmocka_unit_test(toit_recorded_fresh),  cmocka_unit_test(toit_recorded_sequences),
        cmocka_unit_test(test_seal_then_open),  cmocka_unit_test(test_altered),
        cmocka_unit_test(test_window),          cmocka_unit_test(test_before_the_start),
        cmocka_unit_test(test_grows),           cmocka_unit_test(test_set_back),
        cmocka_unit_test(test_nothing_returns), cmocka_unit_test(test_restarted),
        cmocka_unit_test(test_not_there),       cmocka_unit_test(test_strangers),
    };

    test_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
