/* SPDX-License-Identifier: MIT */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H
/*
 * What we are compared with: the same crypto libraries called without us, as somebody would who knows them. Key and
 * context are kept, a message sets the nonce alone, nothing is copied that need not be, and nothing is allocated.
 */
#include "measure.h"

/* A batch of messages in `slots`, `stride` bytes apart: nonce (12 of 16 bytes), ciphertext, tag. */
typedef struct {
    const uint8_t *aad;
    size_t aad_len;
    const uint8_t *plain; /* what seal reads */
    uint8_t *opened;      /* what open writes */
    size_t len;
    uint8_t *slots;
    size_t stride;
    size_t ops;
    bool
        same_primitives; /* also one AES block (a mask of the tag) and one clock read for each, as ours has */
} bare_job;

typedef struct {
    const char *name;
    void (*start)(const uint8_t key[16]); /* sets up the one context; the key serves GCM and the block */
    void (*seal)(const bare_job *job);
    void (*open)(const bare_job *job);
    void (*stop)(void);
} bare_library;

extern const bare_library bare_openssl, bare_mbedtls, bare_bearssl;

/* A nonce never used before: a counter. */
static inline void bare_next_nonce(uint8_t nonce[12], uint64_t *counter)
{
    uint64_t next = ++*counter;

    for (int i = 0; i < 12; i++)
        nonce[i] = 0;
    for (int i = 0; i < 8; i++)
        nonce[i] = (uint8_t)(next >> 8 * i);
}

/* libsodium: secretbox alone, and as OwnTracks builds its messages of it: in base64, in JSON. `same_primitives` means
 * nothing here, and slots hold nonce (24) and box, or the JSON text with a NUL. */
void bare_sodium_start(const uint8_t key[32]);
void bare_sodium_seal(const bare_job *job);
void bare_sodium_open(const bare_job *job);
void bare_json_seal(const bare_job *job);
void bare_json_open(const bare_job *job);

#endif
