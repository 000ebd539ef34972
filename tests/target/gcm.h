/* SPDX-License-Identifier: MIT */
#ifndef TARGET_GCM_H
#define TARGET_GCM_H
/* The backend under test, and its library's own AES-128-GCM, which sealing is compared with. TARGET_BEARSSL or
 * TARGET_MBEDTLS chooses. */
#include "board.h"
#include "mqtt_e2e/crypto.h"

#ifdef TARGET_BEARSSL
#include <bearssl.h>
#define BACKEND mqtt_e2e_bearssl

static br_aes_ct_ctr_keys gcm_keys;

static inline void gcm_prepare(const uint8_t key[16])
{
    br_aes_ct_ctr_init(&gcm_keys, key, 16);
}

/* The constant-time parts that crypto/bearssl.c uses too. */
static inline void gcm_seal(const uint8_t nonce[12], const void *aad, size_t aad_len, uint8_t *text,
                            size_t len, uint8_t tag[16])
{
    br_gcm_context gcm;

    br_gcm_init(&gcm, &gcm_keys.vtable, br_ghash_ctmul32);
    br_gcm_reset(&gcm, nonce, 12);
    br_gcm_aad_inject(&gcm, aad, aad_len);
    br_gcm_flip(&gcm);
    br_gcm_run(&gcm, 1, text, len);
    br_gcm_get_tag(&gcm, tag);
}

#else
#include <mbedtls/gcm.h>
#define BACKEND mqtt_e2e_mbedtls

static mbedtls_gcm_context gcm;

static inline void gcm_prepare(const uint8_t key[16])
{
    mbedtls_gcm_init(&gcm);
    board_check(mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 128) == 0, "mbedtls_gcm_setkey");
}

static inline void gcm_seal(const uint8_t nonce[12], const void *aad, size_t aad_len, uint8_t *text,
                            size_t len, uint8_t tag[16])
{
    board_check(mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, len, nonce, 12, aad, aad_len, text, text,
                                          16, tag) == 0,
                "mbedtls_gcm_crypt_and_tag");
}
#endif

#endif
