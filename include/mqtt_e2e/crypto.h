/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CRYPTO_H
#define MQTT_E2E_CRYPTO_H
/*
 * What the protocol needs from a crypto library: one const table of functions for each.
 *
 * The protocol (src/) includes no crypto library. It is handed one of the tables below, and a piece of
 * the caller's storage of `state_size` bytes, aligned to 8, in which the backend keeps its three AES keys.
 *
 *   backend  table              header of the library  key state           constant time
 *   OpenSSL  mqtt_e2e_openssl   <openssl/evp.h>        pointers; heap      yes with AES-NI and the like
 *   mbedTLS  mqtt_e2e_mbedtls   <mbedtls/gcm.h>        contexts and heap   no in software (look-up tables)
 *   BearSSL  mqtt_e2e_bearssl   <bearssl.h>            all in the state    yes
 *
 * Functions that return int return 0 for success and -1 for failure. A failure of anything but `open`
 * means that the library is out of memory or misbuilt; nothing was sent and nothing may be.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MQTT_E2E_TAG_SIZE   16 /* GCM tag, never cut (SP 800-38D §5.2.1.2) */
#define MQTT_E2E_NONCE_SIZE 12 /* GCM IV of 96 bits (SP 800-38D §8.2) */
#define MQTT_E2E_HASH_SIZE  32 /* SHA-256 */

/* A run of bytes that somebody else owns. */
typedef struct {
    const void *data;
    size_t len;
} mqtt_e2e_bytes;

typedef struct mqtt_e2e_crypto {
    const char *name; /* "openssl", "mbedtls", "bearssl" */
    size_t
        state_size; /* bytes of key state that the caller gives; heap that the library takes comes on top */

    /* HMAC-SHA256 (RFC 2104) of `count` parts, one after the other. Needs no state. `key_len` is at most 64.
     * Leaves no copy of the key behind. */
    int (*hmac)(const uint8_t *key, size_t key_len, const mqtt_e2e_bytes *parts, size_t count,
                uint8_t out[MQTT_E2E_HASH_SIZE]);

    /* Sets up `state` (any content) with three AES keys of `key_len` (16 or 32) bytes, one after the other
     * in `keys`: seal key, mask key, topic cipher key. After a failure `state` needs no wipe. */
    int (*init)(void *state, const uint8_t *keys, size_t key_len);

    /* AES-GCM encryption, in place, with the seal key. */
    int (*seal)(void *state, const uint8_t nonce[MQTT_E2E_NONCE_SIZE], const void *aad, size_t aad_len,
                uint8_t *text, size_t len, uint8_t tag[MQTT_E2E_TAG_SIZE]);

    /* AES-GCM authenticated decryption with the seal key; `out` is `in` or does not overlap it.
     * -1: the tag is wrong, and `out` holds zeros. */
    int (*open)(void *state, const uint8_t nonce[MQTT_E2E_NONCE_SIZE], const void *aad, size_t aad_len,
                const uint8_t *in, uint8_t *out, size_t len, const uint8_t tag[MQTT_E2E_TAG_SIZE]);

    /* One AES block with the mask key: `mask` = AES(mask key, tag). */
    int (*mask)(void *state, const uint8_t tag[16], uint8_t mask[16]);

    /* AES-CTR in place with the topic cipher key; `iv` is the first counter block. */
    int (*topic)(void *state, const uint8_t iv[16], uint8_t *text, size_t len);

    /* Wipes the keys and frees what the library took. `state` may be all zeros (never set up). */
    void (*wipe)(void *state);
} mqtt_e2e_crypto;

extern const mqtt_e2e_crypto mqtt_e2e_openssl;
extern const mqtt_e2e_crypto mqtt_e2e_mbedtls;
extern const mqtt_e2e_crypto mqtt_e2e_bearssl;

/* The largest state_size of the three on any target, for storage of a fixed size on hosts. */
#define MQTT_E2E_CRYPTO_STATE_MAX 2048

#ifdef __cplusplus
}
#endif
#endif
