/* SPDX-License-Identifier: MIT */
/* The vectors of tests/vectors, which come from an implementation of its own, over every backend. */
#include "check.h"

#include <string.h>

#include "keys.h"

static void check_schedule(const mqtt_e2e_crypto *crypto, const vector_keys *v)
{
    const struct {
        const char *label;
        const mqtt_e2e_bytes *expected;
    } parts[] = {
        {"seal", &v->seal},           {"mask", &v->mask},     {"topic mac", &v->topic_mac},
        {"topic enc", &v->topic_enc}, {"stream", &v->stream},
    };
    uint8_t prk[MQTT_E2E_HASH_SIZE], out[E2E_KEY_MAX];

    assert_int_equal(e2e_keys_extract(crypto, v->key.data, v->key.len, prk), 0);
    check_bytes(crypto, v->fingerprint, "prk", prk, sizeof prk, v->prk);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        mqtt_e2e_bytes label = {parts[i].label, strlen(parts[i].label)};
        assert_int_equal(e2e_keys_derive(crypto, prk, &label, 1, out, parts[i].expected->len), 0);
        check_bytes(crypto, v->fingerprint, parts[i].label, out, parts[i].expected->len, *parts[i].expected);
    }
}

static void check_names_of_key(const mqtt_e2e_crypto *crypto, const vector_keys *v)
{
    char base[MQTT_E2E_BASE_SIZE], fingerprint[MQTT_E2E_FINGERPRINT_SIZE];
    char name[512];
    uint8_t key[E2E_KEY_MAX];

    assert_int_equal(mqtt_e2e_key_base(crypto, v->key.data, v->key.len, base), MQTT_E2E_OK);
    assert_string_equal(base, v->base);
    assert_int_equal(mqtt_e2e_fingerprint(crypto, v->key.data, v->key.len, fingerprint), MQTT_E2E_OK);
    assert_string_equal(fingerprint, v->fingerprint);
    for (size_t i = 0; i < v->device_count; i++) {
        const vector_device *device = &v->devices[i];
        assert_true(device->name.len < sizeof name);
        memcpy(name, device->name.data, device->name.len);
        name[device->name.len] = '\0';
        check_status(crypto, name, "device key",
                     mqtt_e2e_device_key(crypto, v->key.data, v->key.len, name, key), MQTT_E2E_OK);
        check_bytes(crypto, name, "device key", key, v->key.len, device->key);
    }
}

void check_keys(void **state)
{
    (void)state;
    for (size_t b = 0; b < test_backend_count; b++) {
        for (size_t i = 0; i < vector_keys_count; i++) {
            check_schedule(test_backends[b], &vector_keys_table[i]);
            check_names_of_key(test_backends[b], &vector_keys_table[i]);
        }
    }
    check_all_right();
}

void check_streams(void **state)
{
    (void)state;
    for (size_t b = 0; b < test_backend_count; b++) {
        for (size_t i = 0; i < vector_stream_count; i++) {
            const vector_stream *v = &vector_streams[i];
            mqtt_e2e_options options = check_options(test_backends[b], v->key);
            options.hint = v->hint.len > 0 ? v->hint.data : NULL;
            options.hint_len = v->hint.len;
            mqtt_e2e_session *session = check_session(&options, v->r.data, v->time);
            mqtt_e2e_id own = mqtt_e2e_own_stream(session);
            check_bytes(test_backends[b], "stream", "id", own.stream, sizeof own.stream, v->id);
            assert_int_equal(own.counter, 0);
            check_end(session);
        }
    }
    check_all_right();
}

void check_padme(void **state)
{
    (void)state;
    mqtt_e2e_options options = check_options(test_backends[0], vector_keys_table[0].key);
    options.pad_size = 0;
    options.padme = true;
    mqtt_e2e_session *session = check_session(&options, NULL, 1);

    for (size_t i = 0; i < vector_padme_count; i++) {
        const vector_padme *v = &vector_padmes[i];
        if (MQTT_E2E_PADME(v->length) != v->padded ||
            mqtt_e2e_sealed_size(session, v->length) != v->padded + MQTT_E2E_OVERHEAD)
            check_wrong("padme of %zu is not %zu", v->length, v->padded);
    }
    check_end(session);
    check_all_right();
}

static void sha256_of_the_standard(void **state)
{
    (void)state;
    uint8_t digest[32];

    check_sha256("abc", 3, digest); /* FIPS 180-2, appendix B.1 */
    test_assert_hex(digest, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, digest); /* B.2 */
    test_assert_hex(digest, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_the_standard), /* the test's own */
        cmocka_unit_test(check_keys),
        cmocka_unit_test(check_streams),
        cmocka_unit_test(check_padme),
        cmocka_unit_test(check_parts),
        cmocka_unit_test(check_seal),
        cmocka_unit_test(check_open),
        cmocka_unit_test(check_topics),
        cmocka_unit_test(check_filters),
        cmocka_unit_test(check_bad_names),
        cmocka_unit_test(check_bad_wires),
        cmocka_unit_test(check_matches),
        cmocka_unit_test(check_receivers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
