/* SPDX-License-Identifier: MIT */
/*
 * The backend for microcontrollers with an AES engine: mbedTLS 2.28, or 3.x with its classic (not PSA) interface.
 *
 * Key state   A GCM context, and the keys for mask and topics as they came. Their AES contexts, of 280 bytes each, are
 *             made on the stack for each use: for an AES engine that is a copy, in software 4 % of sealing 100 bytes.
 * Heap        mbedTLS's: one AES context (280 bytes in 2.28) inside the GCM context, from init to wipe. `hmac`
 *             takes an SHA-256 context and two blocks (236 bytes in 2.28), and frees them.
 * Constant    As far as the AES code is: with an AES engine or AES-NI, yes; in software its tables make the time
 * time        depend on keys and data, on processors with a cache. The tag is compared in constant time.
 * Wiped       mbedTLS clears its contexts when they are freed.
 *
 * AES: FIPS 197. CTR: SP 800-38A §6.5. GCM: SP 800-38D. HMAC: RFC 2104, FIPS 198-1.
 */
#include "mqtt_e2e/crypto.h"

#include <string.h>

#include <mbedtls/aes.h>
#include <mbedtls/gcm.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>

typedef struct {
    mbedtls_gcm_context gcm;
    uint8_t mask[32];
    uint8_t topic[32];
    uint8_t key_len;
} state;

_Static_assert(sizeof(state) <= MQTT_E2E_CRYPTO_STATE_MAX, "MQTT_E2E_CRYPTO_STATE_MAX is too small");

static int hmac(const uint8_t *key, size_t key_len, const mqtt_e2e_bytes *parts, size_t count,
                uint8_t out[MQTT_E2E_HASH_SIZE])
{
    mbedtls_md_context_t context;

    mbedtls_md_init(&context);
    int failed = mbedtls_md_setup(&context, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 1);
    if (failed == 0)
        failed = mbedtls_md_hmac_starts(&context, key, key_len);
    for (size_t i = 0; failed == 0 && i < count; i++)
        if (parts[i].len > 0)
            failed = mbedtls_md_hmac_update(&context, parts[i].data, parts[i].len);
    if (failed == 0)
        failed = mbedtls_md_hmac_finish(&context, out);
    mbedtls_md_free(&context);
    return failed == 0 ? 0 : -1;
}

static void wipe(void *memory)
{
    state *s = memory;

    mbedtls_gcm_free(&s->gcm);
    mbedtls_platform_zeroize(s, sizeof *s);
}

static int init(void *memory, const uint8_t *keys, size_t key_len)
{
    state *s = memory;

    memset(s, 0, sizeof *s);
    mbedtls_gcm_init(&s->gcm);
    memcpy(s->mask, keys + key_len, key_len);
    memcpy(s->topic, keys + 2 * key_len, key_len);
    s->key_len = (uint8_t)key_len;
    if (mbedtls_gcm_setkey(&s->gcm, MBEDTLS_CIPHER_ID_AES, keys, (unsigned)key_len * 8) == 0)
        return 0;
    wipe(s);
    return -1;
}

static int seal(void *memory, const uint8_t nonce[MQTT_E2E_NONCE_SIZE], const void *aad, size_t aad_len,
                uint8_t *text, size_t len, uint8_t tag[MQTT_E2E_TAG_SIZE])
{
    state *s = memory;

    return mbedtls_gcm_crypt_and_tag(&s->gcm, MBEDTLS_GCM_ENCRYPT, len, nonce, MQTT_E2E_NONCE_SIZE, aad,
                                     aad_len, text, text, MQTT_E2E_TAG_SIZE, tag) == 0
               ? 0
               : -1;
}

static int open(void *memory, const uint8_t nonce[MQTT_E2E_NONCE_SIZE], const void *aad, size_t aad_len,
                const uint8_t *in, uint8_t *out, size_t len, const uint8_t tag[MQTT_E2E_TAG_SIZE])
{
    state *s = memory;

    /* The only call that checks the tag: mbedtls_gcm_crypt_and_tag with MBEDTLS_GCM_DECRYPT does not. */
    if (mbedtls_gcm_auth_decrypt(&s->gcm, len, nonce, MQTT_E2E_NONCE_SIZE, aad, aad_len, tag,
                                 MQTT_E2E_TAG_SIZE, in, out) == 0)
        return 0;
    if (len > 0)
        memset(out, 0, len);
    return -1;
}

static int mask(void *memory, const uint8_t tag[16], uint8_t out[16])
{
    const state *s = memory;
    mbedtls_aes_context aes;

    mbedtls_aes_init(&aes);
    int failed = mbedtls_aes_setkey_enc(&aes, s->mask, (unsigned)s->key_len * 8);
    if (failed == 0)
        failed = mbedtls_aes_crypt_ecb(&aes, MBEDTLS_AES_ENCRYPT, tag, out);
    mbedtls_aes_free(&aes);
    return failed == 0 ? 0 : -1;
}

static int topic(void *memory, const uint8_t iv[16], uint8_t *text, size_t len)
{
    const state *s = memory;
    mbedtls_aes_context aes;
    uint8_t counter[16];
    uint8_t key_stream[16];
    size_t used = 0;

    memcpy(counter, iv, sizeof counter); /* mbedTLS counts in it */
    mbedtls_aes_init(&aes);
    int failed = mbedtls_aes_setkey_enc(&aes, s->topic, (unsigned)s->key_len * 8);
    if (failed == 0)
        failed = mbedtls_aes_crypt_ctr(&aes, len, &used, counter, key_stream, text, text);
    mbedtls_aes_free(&aes);
    mbedtls_platform_zeroize(key_stream, sizeof key_stream);
    return failed == 0 ? 0 : -1;
}

const mqtt_e2e_crypto mqtt_e2e_mbedtls = {
    .name = "mbedtls",
    .state_size = sizeof(state),
    .hmac = hmac,
    .init = init,
    .seal = seal,
    .open = open,
    .mask = mask,
    .topic = topic,
    .wipe = wipe,
};
