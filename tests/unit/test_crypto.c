/* SPDX-License-Identifier: MIT */
/*
 * Goal: the backends are interchangeable, refuse what was altered, hand out nothing of it, and leave no key behind.
 *
 * Every buffer is allocated to the byte, so that the address sanitizer sees a byte too many.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

/* ---- A sealed text, and the key it is sealed with ----------------------------------------------- */

typedef struct {
    uint8_t keys[96];
    size_t key_len;
    uint8_t nonce[MQTT_E2E_NONCE_SIZE];
    uint8_t *aad, *plain, *cipher; /* NULL where empty */
    size_t aad_len, len;
    uint8_t tag[MQTT_E2E_TAG_SIZE];
} sealed;

static uint8_t *allocate(size_t len)
{
    uint8_t *p = len > 0 ? malloc(len) : NULL;

    assert_true(len == 0 || p != NULL);
    return p;
}

static uint8_t *allocate_copy(const uint8_t *from, size_t len)
{
    uint8_t *p = allocate(len);

    if (len > 0)
        memcpy(p, from, len);
    return p;
}

/* Random keys, nonce, AAD and text, sealed. */
static sealed make_sealed(const mqtt_e2e_crypto *crypto, size_t key_len, size_t aad_len, size_t len)
{
    sealed s = {.key_len = key_len, .aad_len = aad_len, .len = len};

    test_random(s.keys, sizeof s.keys);
    test_random(s.nonce, sizeof s.nonce);
    s.aad = allocate(aad_len);
    s.plain = allocate(len);
    test_random(s.aad, aad_len);
    test_random(s.plain, len);
    s.cipher = allocate_copy(s.plain, len);
    void *state = test_set_up(crypto, s.keys, key_len);
    assert_int_equal(crypto->seal(state, s.nonce, s.aad, aad_len, s.cipher, len, s.tag), 0);
    test_drop(crypto, state);
    return s;
}

static void free_sealed(const sealed *s)
{
    free(s->aad);
    free(s->plain);
    free(s->cipher);
}

/* Opens it in place and to another buffer; both must give the plain text. */
static void assert_opens(const mqtt_e2e_crypto *crypto, void *state, const sealed *s)
{
    uint8_t *in_place = allocate_copy(s->cipher, s->len);
    uint8_t *elsewhere = allocate(s->len);

    assert_int_equal(crypto->open(state, s->nonce, s->aad, s->aad_len, in_place, in_place, s->len, s->tag),
                     0);
    assert_int_equal(crypto->open(state, s->nonce, s->aad, s->aad_len, s->cipher, elsewhere, s->len, s->tag),
                     0);
    if (s->len > 0) {
        assert_memory_equal(in_place, s->plain, s->len);
        assert_memory_equal(elsewhere, s->plain, s->len);
    }
    free(in_place);
    free(elsewhere);
}

/* Opens it in place and to another buffer; both must be refused and leave zeros. */
static void assert_refused(const mqtt_e2e_crypto *crypto, void *state, const sealed *s)
{
    uint8_t *in_place = allocate_copy(s->cipher, s->len);
    uint8_t *elsewhere = allocate(s->len);

    if (s->len > 0)
        memset(elsewhere, 0xa5, s->len);
    assert_int_equal(crypto->open(state, s->nonce, s->aad, s->aad_len, in_place, in_place, s->len, s->tag),
                     -1);
    assert_int_equal(crypto->open(state, s->nonce, s->aad, s->aad_len, s->cipher, elsewhere, s->len, s->tag),
                     -1);
    assert_true(test_all_zero(in_place, s->len));
    assert_true(test_all_zero(elsewhere, s->len));
    free(in_place);
    free(elsewhere);
}

/* ---- Interchangeable ---------------------------------------------------------------------------- */

static size_t random_key_len(void)
{
    return test_random_below(2) == 0 ? 16 : 32;
}

/* What one backend seals, all open, and nothing else comes out. */
static void opens_what_others_seal(void **backend)
{
    const mqtt_e2e_crypto *crypto = *backend;

    for (size_t len = 0; len <= 300; len++) {
        size_t aad_len = len < 60 ? len : test_random_below(300);
        sealed s = make_sealed(crypto, random_key_len(), aad_len, len);
        for (size_t b = 0; b < test_backend_count; b++) {
            void *state = test_set_up(test_backends[b], s.keys, s.key_len);
            assert_opens(test_backends[b], state, &s);
            test_drop(test_backends[b], state);
        }
        free_sealed(&s);
    }
}

/* More than 2^16 blocks, and a last block of one byte. */
static void opens_long_texts(void **backend)
{
    const mqtt_e2e_crypto *crypto = *backend;
    sealed s = make_sealed(crypto, 16, 65535, (1u << 20) + 1);

    for (size_t b = 0; b < test_backend_count; b++) {
        void *state = test_set_up(test_backends[b], s.keys, s.key_len);
        assert_opens(test_backends[b], state, &s);
        test_drop(test_backends[b], state);
    }
    free_sealed(&s);
}

/* Same mask, topic cipher and HMAC as the first backend's. */
static void agrees_with_the_first(void **backend)
{
    const mqtt_e2e_crypto *crypto = *backend;
    const mqtt_e2e_crypto *first = test_backends[0];

    for (size_t len = 0; len <= 300; len++) {
        uint8_t keys[96], iv[16], mask[2][16], mac[2][MQTT_E2E_HASH_SIZE];
        size_t key_len = random_key_len();
        test_random(keys, sizeof keys);
        test_random(iv, sizeof iv);
        uint8_t *text = allocate(len);
        test_random(text, len);
        uint8_t *same = allocate_copy(text, len);
        void *ours = test_set_up(crypto, keys, key_len);
        void *firsts = test_set_up(first, keys, key_len);
        assert_int_equal(crypto->mask(ours, iv, mask[0]) | first->mask(firsts, iv, mask[1]), 0);
        assert_memory_equal(mask[0], mask[1], 16);
        assert_int_equal(crypto->topic(ours, iv, text, len) | first->topic(firsts, iv, same, len), 0);
        const mqtt_e2e_bytes part = {text, len};
        size_t mac_key_len = len % 65;
        assert_int_equal(crypto->hmac(keys, mac_key_len, &part, 1, mac[0]), 0);
        assert_int_equal(first->hmac(keys, mac_key_len, &part, 1, mac[1]), 0);
        assert_memory_equal(mac[0], mac[1], sizeof mac[0]);
        if (len > 0)
            assert_memory_equal(text, same, len);
        test_drop(crypto, ours);
        test_drop(first, firsts);
        free(text);
        free(same);
    }
}

/* ---- Counters ------------------------------------------------------------------------------------ */

static void increment(uint8_t block[16])
{
    for (int i = 15; i >= 0 && ++block[i] == 0; i--)
        ;
}

/* The topic cipher counts in all 128 bits (SP 800-38A, B.1). The model: single blocks by `mask`, same key. */
static void topic_counter_carries(void **backend)
{
    static const char *const ivs[] = {
        "000000000000000000000000ffffffff", "0123456789abcdef01234567fffffffe",
        "00112233445566778899aabbfffffff0", "000000000000000000ffffffffffffff",
        "ffffffffffffffffffffffffffffffff", "fffffffffffffffffffffffffffffffd",
    };
    const mqtt_e2e_crypto *crypto = *backend;
    uint8_t keys[96];

    test_random(keys, 32);
    memcpy(keys + 32, keys, 32);
    memcpy(keys + 64, keys, 32);
    void *state = test_set_up(crypto, keys, 32);
    for (size_t i = 0; i < sizeof ivs / sizeof ivs[0]; i++) {
        for (size_t len = 0; len <= 300; len += 1 + len / 20) {
            uint8_t iv[16], block[16], text[300] = {0}, expected[320];
            test_hex(ivs[i], iv, sizeof iv);
            memcpy(block, iv, sizeof block);
            for (size_t at = 0; at < len; at += 16, increment(block))
                assert_int_equal(crypto->mask(state, block, expected + at), 0);
            assert_int_equal(crypto->topic(state, iv, text, len), 0);
            assert_int_equal(memcmp(text, expected, len), 0);
            assert_true(test_all_zero(text + len, sizeof text - len));
        }
    }
    test_drop(crypto, state);
}

/* ---- Altered ------------------------------------------------------------------------------------- */

static void flip(uint8_t *bytes, size_t bit)
{
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* Every single bit of a part, one after the other. */
static void assert_every_bit_counts(const mqtt_e2e_crypto *crypto, void *state, const sealed *s,
                                    uint8_t *part, size_t len)
{
    for (size_t bit = 0; bit < 8 * len; bit++) {
        flip(part, bit);
        assert_refused(crypto, state, s);
        flip(part, bit);
    }
}

static void refuses_every_altered_bit(void **backend)
{
    static const size_t lens[] = {0, 1, 15, 16, 17, 32, 61, 111};
    const mqtt_e2e_crypto *crypto = *backend;

    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        sealed s = make_sealed(crypto, random_key_len(), lens[i] % 24, lens[i]);
        void *state = test_set_up(crypto, s.keys, s.key_len);
        assert_every_bit_counts(crypto, state, &s, s.tag, sizeof s.tag);
        assert_every_bit_counts(crypto, state, &s, s.nonce, sizeof s.nonce);
        assert_every_bit_counts(crypto, state, &s, s.aad, s.aad_len);
        assert_every_bit_counts(crypto, state, &s, s.cipher, s.len);
        assert_opens(crypto, state, &s); /* refusals leave no trace in the state */
        test_drop(crypto, state);
        free_sealed(&s);
    }
}

/* Tags as Project Wycheproof alters them: cut, all zeros, all ones, inverted, of the neighbour. */
static void refuses_bad_tags(void **backend)
{
    const mqtt_e2e_crypto *crypto = *backend;
    sealed s = make_sealed(crypto, 16, 20, 77);
    sealed other = make_sealed(crypto, 16, 20, 77);
    void *state = test_set_up(crypto, s.keys, s.key_len);
    uint8_t tag[MQTT_E2E_TAG_SIZE];

    memcpy(tag, s.tag, sizeof tag);
    for (size_t kept = 0; kept < sizeof tag; kept++) { /* cut: zeros and ones where the rest was */
        memset(s.tag + kept, 0, sizeof tag - kept);
        if (memcmp(s.tag, tag, sizeof tag) != 0)
            assert_refused(crypto, state, &s);
        memset(s.tag + kept, 0xff, sizeof tag - kept);
        if (memcmp(s.tag, tag, sizeof tag) != 0)
            assert_refused(crypto, state, &s);
        memcpy(s.tag, tag, sizeof tag);
    }
    for (size_t i = 0; i < sizeof tag; i++)
        s.tag[i] = (uint8_t)~tag[i];
    assert_refused(crypto, state, &s);
    memcpy(s.tag, other.tag, sizeof tag);
    assert_refused(crypto, state, &s);
    memcpy(s.tag, tag, sizeof tag);
    assert_opens(crypto, state, &s);
    test_drop(crypto, state);
    free_sealed(&s);
    free_sealed(&other);
}

/* A byte more or less, of text or AAD, and a boundary between them that has moved. */
static void refuses_other_lengths(void **backend)
{
    const mqtt_e2e_crypto *crypto = *backend;
    sealed s = make_sealed(crypto, 32, 32, 64);
    void *state = test_set_up(crypto, s.keys, s.key_len);
    uint8_t *joined = allocate(s.aad_len + s.len);

    memcpy(joined, s.aad, s.aad_len);
    memcpy(joined + s.aad_len, s.cipher, s.len);
    for (size_t aad_len = 0; aad_len <= s.aad_len + s.len; aad_len++) {
        sealed moved = s;
        moved.aad = joined;
        moved.aad_len = aad_len;
        moved.cipher = joined + aad_len;
        moved.len = s.aad_len + s.len - aad_len;
        if (aad_len != s.aad_len)
            assert_refused(crypto, state, &moved);
    }
    for (size_t len = 0; len < s.len; len++) {
        sealed shorter = s;
        shorter.len = len;
        assert_refused(crypto, state, &shorter);
    }
    for (size_t aad_len = 0; aad_len < s.aad_len; aad_len++) {
        sealed shorter = s;
        shorter.aad_len = aad_len;
        assert_refused(crypto, state, &shorter);
    }
    free(joined);
    test_drop(crypto, state);
    free_sealed(&s);
}

static void refuses_other_keys(void **backend)
{
    const mqtt_e2e_crypto *crypto = *backend;
    sealed s = make_sealed(crypto, 32, 8, 50);

    for (size_t bit = 0; bit < 8 * s.key_len; bit++) {
        flip(s.keys, bit);
        void *state = test_set_up(crypto, s.keys, s.key_len);
        assert_refused(crypto, state, &s);
        test_drop(crypto, state);
        flip(s.keys, bit);
    }
    s.key_len = 16; /* the first half of it */
    void *state = test_set_up(crypto, s.keys, s.key_len);
    assert_refused(crypto, state, &s);
    test_drop(crypto, state);
    free_sealed(&s);
}

/* ---- State --------------------------------------------------------------------------------------- */

/* Two states in turn, one aligned to no more than the 8 bytes that are promised. */
static void states_are_separate(void **backend)
{
    const mqtt_e2e_crypto *crypto = *backend;
    sealed a = make_sealed(crypto, 16, 24, 111);
    sealed b = make_sealed(crypto, 32, 3, 60);
    uint8_t *storage = allocate(crypto->state_size + 8);
    void *state_a = storage + 8; /* malloc aligns to 16 where that is usual */
    void *state_b = test_set_up(crypto, b.keys, b.key_len);

    assert_int_equal(crypto->init(state_a, a.keys, a.key_len), 0);
    for (int i = 0; i < 3; i++) {
        assert_opens(crypto, state_a, &a);
        assert_refused(crypto, state_a, &b);
        assert_opens(crypto, state_b, &b);
        assert_refused(crypto, state_b, &a);
    }
    test_drop(crypto, state_b);
    assert_opens(crypto, state_a, &a);
    crypto->wipe(state_a);
    assert_true(test_all_zero(state_a, crypto->state_size));
    free(storage);
    free_sealed(&a);
    free_sealed(&b);
}

static void wipe_of_zeros_is_harmless(void **backend)
{
    const mqtt_e2e_crypto *crypto = *backend;
    void *state = calloc(1, crypto->state_size);

    assert_non_null(state);
    crypto->wipe(state);
    crypto->wipe(state);
    assert_true(test_all_zero(state, crypto->state_size));
    free(state);
}

static void table_is_filled_in(void **backend)
{
    static const char *const names[] = {"openssl", "mbedtls", "bearssl"};
    const mqtt_e2e_crypto *crypto = *backend;
    bool known = false;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        known = known || strcmp(crypto->name, names[i]) == 0;
    assert_true(known);
    assert_in_range(crypto->state_size, 1, MQTT_E2E_CRYPTO_STATE_MAX);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_filled_in),        cmocka_unit_test(opens_what_others_seal),
        cmocka_unit_test(opens_long_texts),          cmocka_unit_test(agrees_with_the_first),
        cmocka_unit_test(topic_counter_carries),     cmocka_unit_test(refuses_every_altered_bit),
        cmocka_unit_test(refuses_bad_tags),          cmocka_unit_test(refuses_other_lengths),
        cmocka_unit_test(refuses_other_keys),        cmocka_unit_test(states_are_separate),
        cmocka_unit_test(wipe_of_zeros_is_harmless),
    };

    test_seed();
    return test_run_over_backends("backends", tests, sizeof tests / sizeof tests[0]);
}
