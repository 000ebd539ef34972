/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned wrong_count;

void check_wrong(const char *format, ...)
{
    char text[400];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    wrong_count++;
    print_error("%s\n", text);
}

void check_all_right(void)
{
    unsigned count = wrong_count;

    wrong_count = 0;
    if (count > 0)
        fail_msg("%u values are wrong", count);
}

static void print_hex(const char *label, const void *data, size_t len)
{
    print_error("  %s (%zu) ", label, len);
    for (size_t i = 0; i < len && i < 400; i++)
        print_error("%02x", ((const uint8_t *)data)[i]);
    print_error("\n");
}

void check_bytes(const mqtt_e2e_crypto *crypto, const char *about, const char *what, const void *data,
                 size_t len, mqtt_e2e_bytes expected)
{
    if (len == expected.len && (len == 0 || memcmp(data, expected.data, len) == 0))
        return;
    check_wrong("%s: %s: wrong %s", crypto->name, about, what);
    print_hex("expected", expected.data, expected.len);
    print_hex("     got", data, len);
}

void check_value(const mqtt_e2e_crypto *crypto, const char *about, const char *what, const void *data,
                 size_t len, const vector_value *expected)
{
    uint8_t digest[32];

    if (expected->whole.data != NULL) {
        check_bytes(crypto, about, what, data, len, expected->whole);
        return;
    }
    if (len != expected->len)
        check_wrong("%s: %s: %s has %zu bytes instead of %zu", crypto->name, about, what, len, expected->len);
    check_sha256(data, len, digest);
    check_bytes(crypto, about, what, digest, sizeof digest, expected->sha256);
}

void check_status(const mqtt_e2e_crypto *crypto, const char *about, const char *what, mqtt_e2e_status got,
                  mqtt_e2e_status expected)
{
    if (got != expected)
        check_wrong("%s: %s: %s: expected \"%s\", got \"%s\"", crypto->name, about, what,
                    mqtt_e2e_status_text(expected), mqtt_e2e_status_text(got));
}

void *check_alloc(size_t size)
{
    void *memory = calloc(1, size > 0 ? size : 1);

    if (memory == NULL)
        fail_msg("out of memory");
    return memory;
}

uint8_t *check_seeded(mqtt_e2e_bytes seed, size_t len)
{
    uint8_t *out = check_alloc(len + 32);
    uint8_t *input = check_alloc(seed.len + 4);

    memcpy(input, seed.data, seed.len);
    for (size_t block = 0; block * 32 < len; block++) {
        input[seed.len + 2] = (uint8_t)(block >> 8);
        input[seed.len + 3] = (uint8_t)block;
        check_sha256(input, seed.len + 4, out + block * 32);
    }
    free(input);
    return out;
}

char *check_spell(const vector_text *text)
{
    char *out = check_alloc(text->text.len * text->times + 1);

    for (size_t i = 0; i < text->times; i++)
        memcpy(out + i * text->text.len, text->text.data, text->text.len);
    return out;
}

mqtt_e2e_options check_options(const mqtt_e2e_crypto *crypto, mqtt_e2e_bytes key)
{
    mqtt_e2e_options options;

    mqtt_e2e_defaults(&options);
    options.crypto = crypto;
    options.key = key.data;
    options.key_len = key.len;
    return options;
}

mqtt_e2e_session *check_session(const mqtt_e2e_options *options, const void *random, int64_t now_ms)
{
    static const uint8_t zeros[MQTT_E2E_RANDOM_SIZE];
    size_t size = mqtt_e2e_session_size(options);
    void *storage = check_alloc(size);
    mqtt_e2e_session *session;
    mqtt_e2e_status status =
        mqtt_e2e_init(&session, storage, size, options, random != NULL ? random : zeros, now_ms);

    if (status != MQTT_E2E_OK)
        fail_msg("%s: init: %s", options->crypto->name, mqtt_e2e_status_text(status));
    assert_ptr_equal(session, storage);
    return session;
}

void check_end(mqtt_e2e_session *session)
{
    mqtt_e2e_wipe(session);
    free(session);
}

static uint32_t rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static void sha256_block(uint32_t state[8], const uint8_t block[64])
{
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    };
    uint32_t w[64], s[8];

    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (unsigned i = 16; i < 64; i++)
        w[i] = w[i - 16] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
               (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(s, state, sizeof s);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t t1 = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
                      ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
        uint32_t t2 = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
                      ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof s[0]);
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++)
        state[i] += s[i];
}

void check_sha256(const void *data, size_t len, uint8_t out[32])
{
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t block[128] = {0};
    size_t done = len / 64 * 64, rest = len - done, padded = rest < 56 ? 64 : 128;

    for (size_t i = 0; i < done; i += 64)
        sha256_block(state, (const uint8_t *)data + i);
    if (rest > 0)
        memcpy(block, (const uint8_t *)data + done, rest);
    block[rest] = 0x80;
    for (unsigned i = 0; i < 8; i++)
        block[padded - 1 - i] = (uint8_t)((uint64_t)len * 8 >> (8 * i));
    for (size_t i = 0; i < padded; i += 64)
        sha256_block(state, block + i);
    for (unsigned i = 0; i < 32; i++)
        out[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}
