/* SPDX-License-Identifier: MIT */
/* BearSSL through its own GCM, over the implementations that our backend uses on this kind of machine: the
 * constant-time ones in portable C. (Those with AES-NI are not what a microcontroller would run.) */
#include "bare.h"

#include <string.h>

#include <bearssl.h>

#if UINTPTR_MAX > 0xffffffffu
typedef br_aes_ct64_ctr_keys ctr_keys;
#define ctr_init br_aes_ct64_ctr_init
#define ctr_run  br_aes_ct64_ctr_run
#define ghash    br_ghash_ctmul64
#else
typedef br_aes_ct_ctr_keys ctr_keys;
#define ctr_init br_aes_ct_ctr_init
#define ctr_run  br_aes_ct_ctr_run
#define ghash    br_ghash_ctmul32
#endif

static ctr_keys keys;
static br_gcm_context gcm;
static uint64_t counter;
static volatile int64_t clock_sink;

static void start(const uint8_t key[16])
{
    ctr_init(&keys, key, 16);
    br_gcm_init(&gcm, &keys.vtable, ghash); /* makes H; br_gcm_reset keeps it */
}

static void stop(void)
{
    memset(&keys, 0, sizeof keys);
}

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void clock_and_block(const bare_job *job, const uint8_t *slot)
{
    uint8_t out[16] = {0};
    const uint8_t *tag = slot + 16 + job->len;

    clock_sink = bench_now_ms();
    ctr_run(&keys, tag, read32(tag + 12), out, sizeof out);
}

static void seal(const bare_job *job)
{
    for (size_t i = 0; i < job->ops; i++) {
        uint8_t *slot = job->slots + i * job->stride;

        bare_next_nonce(slot, &counter);
        memcpy(slot + 16, job->plain, job->len); /* it works in place only */
        br_gcm_reset(&gcm, slot, 12);
        br_gcm_aad_inject(&gcm, job->aad, job->aad_len);
        br_gcm_flip(&gcm);
        br_gcm_run(&gcm, 1, slot + 16, job->len);
        br_gcm_get_tag(&gcm, slot + 16 + job->len);
        if (job->same_primitives)
            clock_and_block(job, slot);
    }
}

static void open(const bare_job *job)
{
    uint32_t good = 1;

    for (size_t i = 0; i < job->ops; i++) {
        uint8_t *slot = job->slots + i * job->stride;

        if (job->same_primitives)
            clock_and_block(job, slot);
        memcpy(job->opened, slot + 16, job->len);
        br_gcm_reset(&gcm, slot, 12);
        br_gcm_aad_inject(&gcm, job->aad, job->aad_len);
        br_gcm_flip(&gcm);
        br_gcm_run(&gcm, 0, job->opened, job->len);
        good &= br_gcm_check_tag(&gcm, slot + 16 + job->len);
    }
    bench_check(good == 1, "BearSSL open");
}

const bare_library bare_bearssl = {"BearSSL", start, seal, open, stop};
