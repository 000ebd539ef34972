/* SPDX-License-Identifier: MIT */
#include "bare.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

static EVP_CIPHER_CTX *sealing, *opening, *block;
static uint64_t counter;
static volatile int64_t clock_sink;

static EVP_CIPHER_CTX *keyed(const char *name, const uint8_t *key, int encrypt)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

    bench_check(cipher != NULL && context != NULL &&
                    EVP_CipherInit_ex2(context, cipher, key, NULL, encrypt, NULL) == 1,
                "OpenSSL");
    EVP_CIPHER_free(cipher);
    return context;
}

static void start(const uint8_t key[16])
{
    sealing = keyed("AES-128-GCM", key, 1);
    opening = keyed("AES-128-GCM", key, 0);
    block = keyed("AES-128-ECB", key, 1);
    EVP_CIPHER_CTX_set_padding(block, 0);
}

static void stop(void)
{
    EVP_CIPHER_CTX_free(sealing);
    EVP_CIPHER_CTX_free(opening);
    EVP_CIPHER_CTX_free(block);
}

/* The tag is passed by parameters: EVP_CIPHER_CTX_ctrl, which the manual shows, does the same and takes longer. */
static int seal_one(const bare_job *job, uint8_t *slot)
{
    OSSL_PARAM tag[2] = {OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, slot + 16 + job->len, 16),
                         OSSL_PARAM_END};
    int written;

    bare_next_nonce(slot, &counter);
    return EVP_EncryptInit_ex2(sealing, NULL, NULL, slot, NULL) == 1 &&
           EVP_EncryptUpdate(sealing, NULL, &written, job->aad, (int)job->aad_len) == 1 &&
           EVP_EncryptUpdate(sealing, slot + 16, &written, job->plain, (int)job->len) == 1 &&
           EVP_EncryptFinal_ex(sealing, slot + 16, &written) == 1 &&
           EVP_CIPHER_CTX_get_params(sealing, tag) == 1;
}

static int open_one(const bare_job *job, uint8_t *slot)
{
    OSSL_PARAM tag[2] = {OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, slot + 16 + job->len, 16),
                         OSSL_PARAM_END};
    int written;

    return EVP_DecryptInit_ex2(opening, NULL, NULL, slot, NULL) == 1 &&
           EVP_CIPHER_CTX_set_params(opening, tag) == 1 &&
           EVP_DecryptUpdate(opening, NULL, &written, job->aad, (int)job->aad_len) == 1 &&
           EVP_DecryptUpdate(opening, job->opened, &written, slot + 16, (int)job->len) == 1 &&
           EVP_DecryptFinal_ex(opening, job->opened, &written) == 1;
}

static int clock_and_block(const bare_job *job, const uint8_t *slot)
{
    uint8_t out[16];

    clock_sink = bench_now_ms();
    return EVP_Cipher(block, out, slot + 16 + job->len, 16) > 0;
}

static void seal(const bare_job *job)
{
    int good = 1;

    for (size_t i = 0; i < job->ops; i++) {
        uint8_t *slot = job->slots + i * job->stride;

        good &= seal_one(job, slot);
        if (job->same_primitives)
            good &= clock_and_block(job, slot);
    }
    bench_check(good == 1, "OpenSSL seal");
}

static void open(const bare_job *job)
{
    int good = 1;

    for (size_t i = 0; i < job->ops; i++) {
        uint8_t *slot = job->slots + i * job->stride;

        if (job->same_primitives)
            good &= clock_and_block(job, slot);
        good &= open_one(job, slot);
    }
    bench_check(good == 1, "OpenSSL open");
}

const bare_library bare_openssl = {"OpenSSL", start, seal, open, stop};
