/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_FUZZ_H
#define MQTT_E2E_TESTS_FUZZ_H
/* What fuzz targets share: an input that is eaten from the front, checks, and memory of exact size. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "mqtt_e2e/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_T0 INT64_C(1795459591440)

/* Ends the run, and says where. */
#define demand(truth)                                                                                        \
    ((truth) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #truth), abort()))

typedef struct {
    const uint8_t *at;
    size_t left;
} fuzz_input;

/* Zero where the input is at its end. */
static inline uint8_t fuzz_byte(fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

static inline uint32_t fuzz_u16(fuzz_input *in)
{
    uint32_t high = fuzz_byte(in);

    return high << 8 | fuzz_byte(in);
}

/* A copy of the next bytes, fewer at the end of the input, in memory of exactly their size: one step beyond is found. */
static inline uint8_t *fuzz_bytes(fuzz_input *in, size_t *len)
{
    uint8_t *copy;

    if (*len > in->left)
        *len = in->left;
    copy = malloc(*len);
    demand(copy != NULL || *len == 0);
    if (*len > 0)
        memcpy(copy, in->at, *len);
    in->at += *len;
    in->left -= *len;
    return copy;
}

/* A session of exactly its size, over `crypto`. */
static inline mqtt_e2e_session *fuzz_start(mqtt_e2e_options *options, uint8_t which, int64_t now_ms)
{
    static const uint8_t key[32] = "a key of thirty-two bytes, yes!";
    uint8_t random[MQTT_E2E_RANDOM_SIZE] = {which};
    mqtt_e2e_session *session;
    size_t size;
    void *storage;

    options->key = key;
    size = mqtt_e2e_session_size(options);
    storage = malloc(size);
    demand(storage != NULL);
    demand(mqtt_e2e_init(&session, storage, size, options, random, now_ms) == MQTT_E2E_OK);
    return session;
}

static inline void fuzz_stop(mqtt_e2e_session *session)
{
    mqtt_e2e_wipe(session);
    free(session);
}

#endif
