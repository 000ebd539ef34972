/* SPDX-License-Identifier: MIT */
#include "bare.h"

#include <mbedtls/aes.h>
#include <mbedtls/gcm.h>

static mbedtls_gcm_context gcm;
static mbedtls_aes_context block;
static uint64_t counter;
static volatile int64_t clock_sink;

static void start(const uint8_t key[16])
{
    mbedtls_gcm_init(&gcm);
    mbedtls_aes_init(&block);
    bench_check(mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 128) == 0 &&
                    mbedtls_aes_setkey_enc(&block, key, 128) == 0,
                "mbedTLS");
}

static void stop(void)
{
    mbedtls_gcm_free(&gcm);
    mbedtls_aes_free(&block);
}

static int clock_and_block(const bare_job *job, const uint8_t *slot)
{
    uint8_t out[16];

    clock_sink = bench_now_ms();
    return mbedtls_aes_crypt_ecb(&block, MBEDTLS_AES_ENCRYPT, slot + 16 + job->len, out);
}

static void seal(const bare_job *job)
{
    int failed = 0;

    for (size_t i = 0; i < job->ops; i++) {
        uint8_t *slot = job->slots + i * job->stride;

        bare_next_nonce(slot, &counter);
        failed |= mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, job->len, slot, 12, job->aad,
                                            job->aad_len, job->plain, slot + 16, 16, slot + 16 + job->len);
        if (job->same_primitives)
            failed |= clock_and_block(job, slot);
    }
    bench_check(failed == 0, "mbedTLS seal");
}

static void open(const bare_job *job)
{
    int failed = 0;

    for (size_t i = 0; i < job->ops; i++) {
        uint8_t *slot = job->slots + i * job->stride;

        if (job->same_primitives)
            failed |= clock_and_block(job, slot);
        failed |= mbedtls_gcm_auth_decrypt(&gcm, job->len, slot, 12, job->aad, job->aad_len,
                                           slot + 16 + job->len, 16, slot + 16, job->opened);
    }
    bench_check(failed == 0, "mbedTLS open");
}

const bare_library bare_mbedtls = {"mbedTLS", start, seal, open, stop};
