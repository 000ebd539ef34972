/* SPDX-License-Identifier: MIT */
/*
 * Goal: each primitive of each backend is the one that its standard defines. Known answers from
 *
 *     HMAC-SHA256   RFC 4231 §4 (but cases 6 and 7, whose key is longer than a backend takes)
 *     HKDF-SHA256   RFC 5869 appendix A.1, A.2, A.3: first 32 bytes of output
 *     AES           FIPS 197 appendices B, C.1, C.3
 *     AES-CTR       SP 800-38A F.5.1, F.5.5
 *     AES-GCM       McGrew and Viega, The Galois/Counter Mode of Operation, appendix B: cases 1-4 and 13-16 (IV
 *                   of 96 bits); NIST CAVP gcmEncryptExtIV128 and 256 for AAD without text
 */
#include "support.h"

#include <string.h>

#include "keys.h"

/* ---- HMAC and HKDF ----------------------------------------------------------------------------- */

typedef struct {
    const char *key;
    const char *data;
    const char *mac; /* or its first bytes */
} hmac_case;

static const hmac_case hmac_cases[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "dddddddddddddddddddddddddddddddddddddddddddddddddd"
     "dddddddddddddddddddddddddddddddddddddddddddddddddd",
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {"0102030405060708090a0b0c0d0e0f10111213141516171819",
     "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
     "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
     "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    {"0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c", "546573742057697468205472756e636174696f6e",
     "a3b6167473100ee06e0c796c2955552b"},
};

static void hmac_is_rfc_4231s(void **backend)
{
    const mqtt_e2e_crypto *crypto = *backend;

    for (size_t i = 0; i < sizeof hmac_cases / sizeof hmac_cases[0]; i++) {
        uint8_t key[64], data[64], mac[MQTT_E2E_HASH_SIZE];
        size_t key_len = test_hex(hmac_cases[i].key, key, sizeof key);
        size_t len = test_hex(hmac_cases[i].data, data, sizeof data);
        for (size_t cut = 0; cut <= len;
             cut++) { /* in two parts, wherever they meet, one of them empty or not */
            const mqtt_e2e_bytes parts[] = {{data, cut}, {NULL, 0}, {data + cut, len - cut}};
            assert_int_equal(crypto->hmac(key, key_len, parts, 3, mac), 0);
            test_assert_hex(mac, strlen(hmac_cases[i].mac) / 2, hmac_cases[i].mac);
        }
    }
}

/* No part at all, and no key. The answer is well known from other test suites; OpenSSL's tool computes it. */
static void hmac_of_nothing(void **backend)
{
    static const char expected[] = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
    static const uint8_t zeros[64];
    const mqtt_e2e_crypto *crypto = *backend;
    uint8_t mac[MQTT_E2E_HASH_SIZE];

    assert_int_equal(crypto->hmac(NULL, 0, NULL, 0, mac), 0);
    test_assert_hex(mac, sizeof mac, expected);
    assert_int_equal(crypto->hmac(zeros, 64, NULL, 0, mac), 0); /* keys are filled up with zeros to a block */
    test_assert_hex(mac, sizeof mac, expected);
}

typedef struct {
    const char *ikm, *salt, *prk;
    uint8_t info_from;
    size_t info_len;
    const char *okm;
} hkdf_case;

static const hkdf_case hkdf_cases[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
     "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5", 0xf0, 10,
     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"},
    {NULL, NULL, "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244", 0xb0, 80,
     "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"}, /* its salt is longer than a key here */
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "",
     "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04", 0, 0,
     "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"},
};

static void hkdf_is_rfc_5869s(void **backend)
{
    const mqtt_e2e_crypto *crypto = *backend;

    for (size_t i = 0; i < sizeof hkdf_cases / sizeof hkdf_cases[0]; i++) {
        const hkdf_case *c = &hkdf_cases[i];
        uint8_t ikm[32], salt[32], prk[MQTT_E2E_HASH_SIZE], info[80], okm[32];
        if (c->ikm != NULL) {
            mqtt_e2e_bytes part = {ikm, test_hex(c->ikm, ikm, sizeof ikm)};
            size_t salt_len = test_hex(c->salt, salt, sizeof salt);
            assert_int_equal(crypto->hmac(salt, salt_len, &part, 1, prk), 0); /* HKDF-Extract */
            test_assert_hex(prk, sizeof prk, c->prk);
        }
        test_hex(c->prk, prk, sizeof prk);
        for (size_t k = 0; k < c->info_len; k++)
            info[k] = (uint8_t)(c->info_from + k);
        const mqtt_e2e_bytes parts[] = {{info, c->info_len / 3},
                                        {info + c->info_len / 3, c->info_len - c->info_len / 3}};
        assert_int_equal(e2e_keys_derive(crypto, prk, parts, 2, okm, sizeof okm), 0);
        test_assert_hex(okm, sizeof okm, c->okm);
    }
}

/* ---- AES ---------------------------------------------------------------------------------------- */

/* A state with `key` in the place `which` (0 seal, 1 mask, 2 topic), and others in the other places. */
static void *keyed(const mqtt_e2e_crypto *crypto, const char *key, size_t which)
{
    uint8_t bytes[32], keys[96];
    size_t key_len = test_hex(key, bytes, sizeof bytes);

    memset(keys, 0x3c, sizeof keys);
    memcpy(keys + which * key_len, bytes, key_len);
    return test_set_up(crypto, keys, key_len);
}

static void mask_is_fips_197s(void **backend)
{
    static const char *const cases[][3] = {
        {"2b7e151628aed2a6abf7158809cf4f3c", "3243f6a8885a308d313198a2e0370734",
         "3925841d02dc09fbdc118597196a0b32"},
        {"000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff",
         "69c4e0d86a7b0430d8cdb78070b4c55a"},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
         "00112233445566778899aabbccddeeff", "8ea2b7ca516745bfeafc49904b496089"},
    };
    const mqtt_e2e_crypto *crypto = *backend;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t in[16], out[16];
        void *state = keyed(crypto, cases[i][0], 1);
        test_hex(cases[i][1], in, sizeof in);
        for (int again = 0; again < 2; again++) {
            memset(out, 0, sizeof out);
            assert_int_equal(crypto->mask(state, in, out), 0);
            test_assert_hex(out, sizeof out, cases[i][2]);
        }
        test_drop(crypto, state);
    }
}

static void topic_is_sp_800_38as(void **backend)
{
    static const char iv_hex[] = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
    static const char plain[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                                "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    static const char *const cases[][2] = {
        {"2b7e151628aed2a6abf7158809cf4f3c",
         "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
         "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"},
        {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
         "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
         "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"},
    };
    const mqtt_e2e_crypto *crypto = *backend;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t iv[16], text[64];
        void *state = keyed(crypto, cases[i][0], 2);
        test_hex(iv_hex, iv, sizeof iv);
        test_hex(plain, text, sizeof text);
        assert_int_equal(crypto->topic(state, iv, text, sizeof text), 0);
        test_assert_hex(text, sizeof text, cases[i][1]);
        assert_int_equal(crypto->topic(state, iv, text, sizeof text), 0);
        test_assert_hex(text, sizeof text, plain);
        test_drop(crypto, state);
    }
}

/* ---- GCM ---------------------------------------------------------------------------------------- */

typedef struct {
    const char *key, *iv, *aad, *plain, *cipher, *tag;
} gcm_case;

#define KEY_128 "feffe9928665731c6d6a8f9467308308"
#define ZERO_16 "00000000000000000000000000000000"
#define IV      "cafebabefacedbaddecaf888"
#define AAD     "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define PLAIN_60                                                                                             \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"       \
    "b16aedf5aa0de657ba637b39"
#define CIPHER_128                                                                                           \
    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"       \
    "1ba30b396a0aac973d58e091"
#define CIPHER_256                                                                                           \
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"       \
    "c5f61e6393ba7a0abcc9f662"

static const gcm_case gcm_cases[] = {
    {ZERO_16, "000000000000000000000000", "", "", "", "58e2fccefa7e3061367f1d57a4e7455a"},
    {ZERO_16, "000000000000000000000000", "", ZERO_16, "0388dace60b6a392f328c2b971b2fe78",
     "ab6e47d42cec13bdf53a67b21257bddf"},
    {KEY_128, IV, "", PLAIN_60 "1aafd255", CIPHER_128 "473f5985", "4d5c2af327cd64a62cf35abd2ba6fab4"},
    {KEY_128, IV, AAD, PLAIN_60, CIPHER_128, "5bc94fbc3221a5db94fae95ae7121a47"},
    {ZERO_16 ZERO_16, "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {ZERO_16 ZERO_16, "000000000000000000000000", "", ZERO_16, "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {KEY_128 KEY_128, IV, "", PLAIN_60 "1aafd255", CIPHER_256 "898015ad", "b094dac5d93471bdec1a502270e3cc6c"},
    {KEY_128 KEY_128, IV, AAD, PLAIN_60, CIPHER_256, "76fc6ece0f4e1768cddf8853bb2d551b"},
    {"77be63708971c4e240d1cb79e8d77feb", "e0e00f19fed7ba0136a797f3", "7a43ec1d9c0a5a78a0b16533a6213cab", "",
     "", "209fcc8d3675ed938e9c7166709dd946"},
    {"78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223", "d79cf22d504cc793c3fb6c8a",
     "b96baa8c1c75a671bfb2d08d06be5f36", "", "", "3e5d486aa2e30b22e040b85723a06e76"},
};

static void seal_and_open_are_gcm(void **backend)
{
    const mqtt_e2e_crypto *crypto = *backend;

    for (size_t i = 0; i < sizeof gcm_cases / sizeof gcm_cases[0]; i++) {
        const gcm_case *c = &gcm_cases[i];
        uint8_t nonce[MQTT_E2E_NONCE_SIZE], aad[32], text[64], tag[MQTT_E2E_TAG_SIZE];
        void *state = keyed(crypto, c->key, 0);
        assert_int_equal(test_hex(c->iv, nonce, sizeof nonce), sizeof nonce);
        size_t aad_len = test_hex(c->aad, aad, sizeof aad);
        size_t len = test_hex(c->plain, text, sizeof text);
        assert_int_equal(crypto->seal(state, nonce, aad, aad_len, text, len, tag), 0);
        test_assert_hex(text, len, c->cipher);
        test_assert_hex(tag, sizeof tag, c->tag);
        assert_int_equal(crypto->open(state, nonce, aad, aad_len, text, text, len, tag), 0);
        test_assert_hex(text, len, c->plain);
        test_drop(crypto, state);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(hmac_is_rfc_4231s),    cmocka_unit_test(hmac_of_nothing),
        cmocka_unit_test(hkdf_is_rfc_5869s),    cmocka_unit_test(mask_is_fips_197s),
        cmocka_unit_test(topic_is_sp_800_38as), cmocka_unit_test(seal_and_open_are_gcm),
    };

    return test_run_over_backends("known answers", tests, sizeof tests / sizeof tests[0]);
}
