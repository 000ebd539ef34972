/* SPDX-License-Identifier: MIT */
/* Goal: a call that fails half-way, because the crypto library does or because what comes later is wrong, leaves nothing
 * readable in the caller's buffers. */
#include "node.h"
#include "traces.h"

#include <string.h>

static const char payload[] = "the key lies under the mat", level[] = "under-the-mat";

static node n;
static mqtt_e2e_crypto failing;
static packet p;

static void start(void **state)
{
    mqtt_e2e_options options = node_options(*state, 32);

    traces_clear();
    traces_add("payload", payload, sizeof payload - 1);
    traces_add("level", level, sizeof level - 1);
    node_start(&n, &options, T0);
    failing = *options.crypto;
    n.session->crypto = &failing;
    memset(&p, 0, sizeof p);
}

/* ---- A library that fails ------------------------------------------------------------------------- */

static int failing_seal(void *keys, const uint8_t nonce[MQTT_E2E_NONCE_SIZE], const void *aad, size_t aad_len,
                        uint8_t *text, size_t len, uint8_t tag[MQTT_E2E_TAG_SIZE])
{
    (void)keys, (void)nonce, (void)aad, (void)aad_len, (void)text, (void)len, (void)tag;
    return -1;
}

static int failing_mask(void *keys, const uint8_t tag[16], uint8_t mask[16])
{
    (void)keys, (void)tag, (void)mask;
    return -1;
}

static int failing_topic(void *keys, const uint8_t iv[16], uint8_t *text, size_t len)
{
    (void)keys, (void)iv, (void)text, (void)len;
    return -1;
}

static int failing_hmac(const uint8_t *key, size_t key_len, const mqtt_e2e_bytes *parts, size_t count,
                        uint8_t out[MQTT_E2E_HASH_SIZE])
{
    (void)key, (void)key_len, (void)parts, (void)count, (void)out;
    return -1;
}

static int failing_init(void *keys, const uint8_t *three, size_t key_len)
{
    (void)keys, (void)three, (void)key_len;
    return -1;
}

/* ---- 1. seal ---- */

static void test_seal(void **state)
{
    mqtt_e2e_id before;

    start(state);
    before = mqtt_e2e_own_stream(n.session);
    failing.seal = failing_seal;
    assert_int_equal(node_seal(&n, "t", MQTT_E2E_MESSAGE, payload, T0, &p), MQTT_E2E_CRYPTO_FAILED);
    assert_null(traces_in(p.bytes, sizeof p.bytes));
    failing.seal = n.options.crypto->seal;
    failing.mask = failing_mask;
    assert_int_equal(node_seal(&n, "t", MQTT_E2E_MESSAGE, payload, T0, &p), MQTT_E2E_CRYPTO_FAILED);
    assert_null(traces_in(p.bytes, sizeof p.bytes));
    /* Each attempt used a counter up, whatever came of it: no nonce is used twice. */
    assert_int_equal(mqtt_e2e_own_stream(n.session).counter, before.counter + 2);
    node_stop(&n);
}

/* The same in the Toit profile. */
static void test_seal_toit(void **state)
{
    mqtt_e2e_options options = node_options(*state, 16);

    start(state);
    node_stop(&n);
    mqtt_e2e_toit(&options);
    node_start(&n, &options, T0);
    failing = *options.crypto;
    n.session->crypto = &failing;
    failing.seal = failing_seal;
    assert_int_equal(node_seal(&n, "t", MQTT_E2E_MESSAGE, payload, T0, &p), MQTT_E2E_CRYPTO_FAILED);
    assert_null(traces_in(p.bytes, sizeof p.bytes));
    failing.hmac = failing_hmac;
    assert_int_equal(node_seal(&n, "t", MQTT_E2E_MESSAGE, payload, T0, &p), MQTT_E2E_CRYPTO_FAILED);
    assert_null(traces_in(p.bytes, sizeof p.bytes));
    failing = *options.crypto;
    /* Each attempt used a time up. */
    assert_true(n.session->last_sealed > T0 * 1000000);
    node_stop(&n);
}

/* ---- 2. open ---- */

static void test_open(void **state)
{
    start(state);
    assert_int_equal(node_seal(&n, "t", MQTT_E2E_MESSAGE, payload, T0, &p), MQTT_E2E_OK);
    failing.mask = failing_mask;
    assert_int_equal(node_open(&n, &p, T0), MQTT_E2E_CRYPTO_FAILED);
    assert_null(traces_in(n.out, sizeof n.out));
    node_stop(&n);
}

/* ---- 3. hide and reveal ---- */

static void test_hide(void **state)
{
    mqtt_e2e_topic topic;

    start(state);
    failing.topic = failing_topic;
    assert_int_equal(mqtt_e2e_hide(n.session, level, p.wire, sizeof p.wire, &topic), MQTT_E2E_CRYPTO_FAILED);
    assert_null(traces_in(p.wire, sizeof p.wire));
    failing.topic = n.options.crypto->topic;
    failing.hmac = failing_hmac;
    assert_int_equal(mqtt_e2e_hide(n.session, level, p.wire, sizeof p.wire, &topic), MQTT_E2E_CRYPTO_FAILED);
    assert_null(traces_in(p.wire, sizeof p.wire));
    assert_null(topic.name);
    node_stop(&n);
}

static mqtt_e2e_status reveal(mqtt_e2e_topic *topic)
{
    memset(n.name, 0, sizeof n.name);
    return mqtt_e2e_reveal(n.session, p.wire, strlen(p.wire), n.name, sizeof n.name, topic);
}

/* The first level reads back; that it does not stay is the point. */
static void test_reveal(void **state)
{
    char name[sizeof level + 2];
    mqtt_e2e_topic topic;

    start(state);
    memcpy(name, level, sizeof level - 1);
    memcpy(name + sizeof level - 1, "/x", 3);
    assert_int_equal(mqtt_e2e_hide(n.session, name, p.wire, sizeof p.wire, &topic), MQTT_E2E_OK);
    assert_int_equal(reveal(&topic), MQTT_E2E_OK);
    assert_string_equal(traces_in(n.name, sizeof n.name), "level");
    failing.hmac = failing_hmac;
    assert_int_equal(reveal(&topic), MQTT_E2E_CRYPTO_FAILED);
    assert_null(traces_in(n.name, sizeof n.name));
    failing.hmac = n.options.crypto->hmac;
    failing.topic = failing_topic;
    assert_int_equal(reveal(&topic), MQTT_E2E_CRYPTO_FAILED);
    failing.topic = n.options.crypto->topic;
    p.wire[strlen(p.wire) - 3] ^= 1;
    assert_int_equal(reveal(&topic), MQTT_E2E_FORGED);
    assert_null(traces_in(n.name, sizeof n.name));
    node_stop(&n);
}

/* ---- 4. init, renew, save ---- */

static void test_sessions(void **state)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE] = {0}, saved[2000];
    static _Alignas(8) uint8_t storage[8192];
    mqtt_e2e_options options;
    mqtt_e2e_session *session;
    mqtt_e2e_id before;
    size_t len;

    start(state);
    options = n.options;
    options.crypto = &failing;
    failing.init = failing_init;
    assert_int_equal(mqtt_e2e_init(&session, storage, sizeof storage, &options, random, T0),
                     MQTT_E2E_CRYPTO_FAILED);
    assert_null(session);
    assert_true(test_all_zero(storage, sizeof storage));
    before = mqtt_e2e_own_stream(n.session);
    failing.hmac = failing_hmac;
    assert_int_equal(mqtt_e2e_init(&session, storage, sizeof storage, &options, random, T0),
                     MQTT_E2E_CRYPTO_FAILED);
    assert_int_equal(mqtt_e2e_renew(n.session, random, T0), MQTT_E2E_CRYPTO_FAILED);
    assert_memory_equal(mqtt_e2e_own_stream(n.session).stream, before.stream, sizeof before.stream);
    assert_int_equal(mqtt_e2e_save(n.session, saved, sizeof saved, &len), MQTT_E2E_CRYPTO_FAILED);
    n.session->crypto = n.options.crypto;
    assert_int_equal(mqtt_e2e_save(n.session, saved, sizeof saved, &len), MQTT_E2E_OK);
    n.session->crypto = &failing;
    assert_int_equal(mqtt_e2e_load(n.session, saved, len, T0), MQTT_E2E_BAD_STATE);
    node_stop(&n);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seal), cmocka_unit_test(test_seal_toit), cmocka_unit_test(test_open),
        cmocka_unit_test(test_hide), cmocka_unit_test(test_reveal),    cmocka_unit_test(test_sessions),
    };

    test_seed();
    return test_run_over_backends("failures", tests, sizeof tests / sizeof tests[0]);
}
