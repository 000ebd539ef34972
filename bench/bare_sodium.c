/* SPDX-License-Identifier: MIT */
/* libsodium's secretbox; and the construction that OwnTracks publishes: secretbox with a random nonce, base64 of
 * both, as a member of a JSON object. Not OwnTracks' code: OpenSSL's base64, which is the fast one (libsodium's takes
 * constant time, of which a ciphertext has no need), and jansson. */
#include "bare.h"

#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <sodium.h>

#define NONCE     crypto_secretbox_NONCEBYTES
#define OVERHEAD  (NONCE + crypto_secretbox_MACBYTES)
#define BOXED_MAX (OVERHEAD + 16384)

static uint8_t key[crypto_secretbox_KEYBYTES];
static uint8_t boxed[BOXED_MAX + 3];
static uint8_t encoded[(BOXED_MAX + 2) / 3 * 4 + 1];

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
    json_t *object = json_object();
    int encoded_len;
    size_t n;

    randombytes_buf(boxed, NONCE);
    if (crypto_secretbox_easy(boxed + NONCE, job->plain, job->len, boxed, key) != 0)
        return false;
    encoded_len = EVP_EncodeBlock(encoded, boxed, (int)(OVERHEAD + job->len));
    json_object_set_new_nocheck(object, "_type", json_stringn_nocheck("encrypted", 9));
    json_object_set_new_nocheck(object, "data", json_stringn_nocheck((char *)encoded, (size_t)encoded_len));
    n = json_dumpb(object, (char *)slot, job->stride - 1, JSON_COMPACT);
    json_decref(object);
    slot[n < job->stride ? n : 0] = '\0';
    return n > 0 && n < job->stride;
}

/* Base64 to `boxed`. OpenSSL's decoder counts the padding as bytes. */
static size_t decode(const char *data, size_t len)
{
    int n = len <= sizeof encoded ? EVP_DecodeBlock(boxed, (const uint8_t *)data, (int)len) : -1;

    if (n <= 0)
        return 0;
    return (size_t)n - (data[len - 1] == '=') - (data[len - 2] == '=');
}

static bool json_open(const bare_job *job, const uint8_t *slot)
{
    json_t *object = json_loads((const char *)slot, 0, NULL);
    const char *type = json_string_value(json_object_get(object, "_type"));
    const json_t *data = json_object_get(object, "data");
    bool good =
        type != NULL && strcmp(type, "encrypted") == 0 && json_is_string(data) &&
        decode(json_string_value(data), json_string_length(data)) == OVERHEAD + job->len &&
        crypto_secretbox_open_easy(job->opened, boxed + NONCE, OVERHEAD - NONCE + job->len, boxed, key) == 0;

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
