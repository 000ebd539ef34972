/* SPDX-License-Identifier: MIT */
/* libsodium's secretbox; and the construction that OwnTracks publishes: secretbox with a random nonce, base64 of
 * both, as a member of a JSON object. Not OwnTracks' code: libsodium's base64 and jansson. */
#include "bare.h"

#include <string.h>

#include <jansson.h>
#include <sodium.h>

#define BASE64    sodium_base64_VARIANT_ORIGINAL
#define NONCE     crypto_secretbox_NONCEBYTES
#define OVERHEAD  (NONCE + crypto_secretbox_MACBYTES)
#define BOXED_MAX (OVERHEAD + 16384)

static uint8_t key[crypto_secretbox_KEYBYTES];
static uint8_t boxed[BOXED_MAX];
static char encoded[sodium_base64_ENCODED_LEN(BOXED_MAX, BASE64)];

void bare_sodium_start(const uint8_t key_bytes[32])
{
    bench_check(sodium_init() >= 0, "sodium_init");
    memcpy(key, key_bytes, sizeof key);
}

/* With a counter for the nonce: libsodium's manual suggests a random one too, which costs a system call more. */
void bare_sodium_seal(const bare_job *job)
{
    static uint8_t nonce[NONCE];
    int failed = 0;

    for (size_t i = 0; i < job->ops; i++) {
        uint8_t *slot = job->slots + i * job->stride;

        sodium_increment(nonce, sizeof nonce);
        memcpy(slot, nonce, NONCE);
        failed |= crypto_secretbox_easy(slot + NONCE, job->plain, job->len, slot, key);
    }
    bench_check(failed == 0, "secretbox");
}

void bare_sodium_open(const bare_job *job)
{
    int failed = 0;

    for (size_t i = 0; i < job->ops; i++) {
        uint8_t *slot = job->slots + i * job->stride;

        failed |= crypto_secretbox_open_easy(job->opened, slot + NONCE, job->len + crypto_secretbox_MACBYTES,
                                             slot, key);
    }
    bench_check(failed == 0, "secretbox open");
}

static bool json_seal(const bare_job *job, uint8_t *slot)
{
    json_t *object;
    size_t n;

    randombytes_buf(boxed, NONCE);
    if (crypto_secretbox_easy(boxed + NONCE, job->plain, job->len, boxed, key) != 0)
        return false;
    sodium_bin2base64(encoded, sizeof encoded, boxed, OVERHEAD + job->len, BASE64);
    object = json_pack("{s:s, s:s}", "_type", "encrypted", "data", encoded);
    n = json_dumpb(object, (char *)slot, job->stride - 1, JSON_COMPACT);
    json_decref(object);
    slot[n < job->stride ? n : 0] = '\0';
    return n > 0 && n < job->stride;
}

static bool json_open(const bare_job *job, const uint8_t *slot)
{
    json_t *object = json_loads((const char *)slot, 0, NULL);
    const char *type, *data;
    size_t n = 0;
    bool good = object != NULL && json_unpack(object, "{s:s, s:s}", "_type", &type, "data", &data) == 0 &&
                strcmp(type, "encrypted") == 0 &&
                sodium_base642bin(boxed, sizeof boxed, data, strlen(data), NULL, &n, NULL, BASE64) == 0 &&
                n == OVERHEAD + job->len &&
                crypto_secretbox_open_easy(job->opened, boxed + NONCE, n - NONCE, boxed, key) == 0;

    json_decref(object);
    return good;
}

void bare_json_seal(const bare_job *job)
{
    bool good = true;

    for (size_t i = 0; i < job->ops; i++)
        good &= json_seal(job, job->slots + i * job->stride);
    bench_check(good, "secretbox, base64, JSON");
}

void bare_json_open(const bare_job *job)
{
    bool good = true;

    for (size_t i = 0; i < job->ops; i++)
        good &= json_open(job, job->slots + i * job->stride);
    bench_check(good, "JSON, base64, secretbox open");
}
