/* SPDX-License-Identifier: MIT */
/*
 * The backend for hosts: OpenSSL 3, through EVP.
 *
 * Key state   Four pointers. Contexts with the key set, kept as long as the session: GCM for sealing, GCM for
 *             opening (a context has one direction), ECB for the mask, CTR for topics. A message sets the IV alone;
 *             setting the key again would cost more than the rest of a short message.
 * Heap        OpenSSL's: the four contexts, taken by init and freed by wipe. `hmac` takes a context and frees it.
 *             Kept for the whole process: the HMAC algorithm and one context without a key, which are made once, by
 *             whichever thread comes first.
 * Constant    With AES and carry-less multiplication instructions, and with OpenSSL's bit-sliced or vector-permute
 * time        code. Its plain C code for processors that have neither uses tables.
 * Wiped       OpenSSL clears what holds a key when a context is freed.
 *
 * AES: FIPS 197. ECB, CTR: SP 800-38A. GCM: SP 800-38D. HMAC: RFC 2104, FIPS 198-1.
 */
#include "mqtt_e2e/crypto.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

typedef struct {
    EVP_CIPHER_CTX *seal;
    EVP_CIPHER_CTX *open;
    EVP_CIPHER_CTX *mask;
    EVP_CIPHER_CTX *topic;
} state;

_Static_assert(sizeof(state) <= MQTT_E2E_CRYPTO_STATE_MAX, "MQTT_E2E_CRYPTO_STATE_MAX is too small");

/* ---- HMAC -------------------------------------------------------------------------------------- */

static CRYPTO_ONCE hmac_once = CRYPTO_ONCE_STATIC_INIT;
static EVP_MAC_CTX *hmac_blank; /* SHA-256 chosen, no key: copying it is cheaper than looking both up */

static void hmac_prepare(void)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *blank = EVP_MAC_CTX_new(algorithm);

    if (blank != NULL && EVP_MAC_CTX_set_params(blank, params) != 1) {
        EVP_MAC_CTX_free(blank);
        blank = NULL;
    }
    EVP_MAC_free(algorithm); /* the context holds a reference of its own */
    hmac_blank = blank;
}

static int hmac(const uint8_t *key, size_t key_len, const mqtt_e2e_bytes *parts, size_t count,
                uint8_t out[MQTT_E2E_HASH_SIZE])
{
    if (CRYPTO_THREAD_run_once(&hmac_once, hmac_prepare) != 1 || hmac_blank == NULL)
        return -1;
    EVP_MAC_CTX *context = EVP_MAC_CTX_dup(hmac_blank);
    if (context == NULL)
        return -1;
    /* A NULL key means to EVP "the former key": an empty one needs an address all the same. */
    int done = EVP_MAC_init(context, key_len > 0 ? key : (const uint8_t *)"", key_len, NULL);
    for (size_t i = 0; done == 1 && i < count; i++)
        if (parts[i].len > 0)
            done = EVP_MAC_update(context, parts[i].data, parts[i].len);
    size_t len = 0;
    if (done == 1)
        done = EVP_MAC_final(context, out, &len, MQTT_E2E_HASH_SIZE);
    EVP_MAC_CTX_free(context);
    return done == 1 && len == MQTT_E2E_HASH_SIZE ? 0 : -1;
}

/* ---- Set-up ------------------------------------------------------------------------------------ */

static void wipe(void *memory)
{
    state *s = memory;

    EVP_CIPHER_CTX_free(s->seal);
    EVP_CIPHER_CTX_free(s->open);
    EVP_CIPHER_CTX_free(s->mask);
    EVP_CIPHER_CTX_free(s->topic);
    OPENSSL_cleanse(s, sizeof *s);
}

/* A context with its cipher and key set, or NULL. */
static EVP_CIPHER_CTX *keyed(const EVP_CIPHER *cipher, const uint8_t *key, int encrypt)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

    if (context != NULL && EVP_CipherInit_ex2(context, cipher, key, NULL, encrypt, NULL) != 1) {
        EVP_CIPHER_CTX_free(context);
        return NULL;
    }
    return context;
}

static int init(void *memory, const uint8_t *keys, size_t key_len)
{
    state *s = memory;
    /* Fetched by name here, once: given EVP_aes_128_gcm() every init would search for it again. */
    EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, key_len == 16 ? "AES-128-GCM" : "AES-256-GCM", NULL);
    EVP_CIPHER *ecb = EVP_CIPHER_fetch(NULL, key_len == 16 ? "AES-128-ECB" : "AES-256-ECB", NULL);
    EVP_CIPHER *ctr = EVP_CIPHER_fetch(NULL, key_len == 16 ? "AES-128-CTR" : "AES-256-CTR", NULL);
    uint8_t none[4] = {0}; /* any: `open` overwrites all 12 bytes; without it, it may not */
    const OSSL_PARAM fixed[] = {
        OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_IV_FIXED, none, sizeof none), OSSL_PARAM_END};

    memset(s, 0, sizeof *s);
    int ready = gcm != NULL && ecb != NULL && ctr != NULL;
    if (ready) {
        s->seal = keyed(gcm, keys, 1);
        s->open = keyed(gcm, keys, 0);
        s->mask = keyed(ecb, keys + key_len, 1);
        s->topic = keyed(ctr, keys + 2 * key_len, 1);
        ready = s->seal != NULL && s->open != NULL && s->mask != NULL && s->topic != NULL &&
                EVP_CIPHER_CTX_set_params(s->open, fixed) == 1 && EVP_CIPHER_CTX_set_padding(s->mask, 0) == 1;
    }
    EVP_CIPHER_free(gcm);
    EVP_CIPHER_free(ecb);
    EVP_CIPHER_free(ctr);
    if (!ready)
        wipe(s);
    return ready ? 0 : -1;
}

/* ---- Messages ---------------------------------------------------------------------------------- */

/* Lengths: MQTT carries at most 268,435,455 bytes, so that all fit int. Empty parts are left out, since a NULL
 * `in` would mean something else to EVP. */

/* The IV to open with goes by the parameter that TLS sets a record's with, here of its whole length: EVP_DecryptInit_ex2
 * asks the provider several questions first, which takes a quarter of the time of a short message. A provider that did
 * not know it would open nothing. To seal, no parameter sets an IV that is given. Tags go by parameters too:
 * EVP_CIPHER_CTX_ctrl would do the same by way of such parameters, and take 20 ns more. */
#define TAG_PARAM(tag) OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, MQTT_E2E_TAG_SIZE)

static int seal(void *memory, const uint8_t nonce[MQTT_E2E_NONCE_SIZE], const void *aad, size_t aad_len,
                uint8_t *text, size_t len, uint8_t tag[MQTT_E2E_TAG_SIZE])
{
    EVP_CIPHER_CTX *gcm = ((state *)memory)->seal;
    OSSL_PARAM params[] = {TAG_PARAM(tag), OSSL_PARAM_END};
    int written = 0;

    if (EVP_EncryptInit_ex2(gcm, NULL, NULL, nonce, NULL) != 1 ||
        (aad_len > 0 && EVP_EncryptUpdate(gcm, NULL, &written, aad, (int)aad_len) != 1) ||
        (len > 0 && EVP_EncryptUpdate(gcm, text, &written, text, (int)len) != 1) ||
        EVP_EncryptFinal_ex(gcm, text, &written) != 1 || EVP_CIPHER_CTX_get_params(gcm, params) != 1)
        return -1;
    return 0;
}

static int open(void *memory, const uint8_t nonce[MQTT_E2E_NONCE_SIZE], const void *aad, size_t aad_len,
                const uint8_t *in, uint8_t *out, size_t len, const uint8_t tag[MQTT_E2E_TAG_SIZE])
{
    EVP_CIPHER_CTX *gcm = ((state *)memory)->open;
    uint8_t expected[MQTT_E2E_TAG_SIZE], iv[MQTT_E2E_NONCE_SIZE]; /* OSSL_PARAM takes no const */
    const OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_SET_IV_INV, iv, sizeof iv), TAG_PARAM(expected),
        OSSL_PARAM_END};
    int written = 0;

    memcpy(expected, tag, sizeof expected);
    memcpy(iv, nonce, sizeof iv);
    if (EVP_CIPHER_CTX_set_params(gcm, params) == 1 &&
        (aad_len == 0 || EVP_DecryptUpdate(gcm, NULL, &written, aad, (int)aad_len) == 1) &&
        (len == 0 || EVP_DecryptUpdate(gcm, out, &written, in, (int)len) == 1) &&
        EVP_DecryptFinal_ex(gcm, out, &written) == 1)
        return 0;
    if (len > 0)
        memset(out, 0, len);
    return -1;
}

/* EVP_Cipher leaves it to the caller to hand over whole blocks, as here, and does without EVP_EncryptUpdate's buffer: half
 * the time. It returns how many bytes it wrote, or by its manual 1; 0 or less if it failed. */
static int mask(void *memory, const uint8_t tag[16], uint8_t out[16])
{
    return EVP_Cipher(((state *)memory)->mask, out, tag, 16) > 0 ? 0 : -1;
}

static int topic(void *memory, const uint8_t iv[16], uint8_t *text, size_t len)
{
    EVP_CIPHER_CTX *ctr = ((state *)memory)->topic;
    int written = 0;

    if (EVP_EncryptInit_ex2(ctr, NULL, NULL, iv, NULL) != 1 ||
        (len > 0 && EVP_EncryptUpdate(ctr, text, &written, text, (int)len) != 1))
        return -1;
    return 0;
}

const mqtt_e2e_crypto mqtt_e2e_openssl = {
    .name = "openssl",
    .state_size = sizeof(state),
    .hmac = hmac,
    .init = init,
    .seal = seal,
    .open = open,
    .mask = mask,
    .topic = topic,
    .wipe = wipe,
};
