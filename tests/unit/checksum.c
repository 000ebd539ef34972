/* SPDX-License-Identifier: MIT */
#include "checksum.h"

#include <string.h>

typedef struct {
    uint64_t seal, mask, topic;
} state;

static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 29;
}

static uint64_t mix_bytes(uint64_t sum, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint64_t word = 0;

    sum = mix(sum, len);
    for (; len >= 8; len -= 8, p += 8) {
        memcpy(&word, p, 8);
        sum = mix(sum, word);
    }
    word = 0;
    if (len > 0)
        memcpy(&word, p, len);
    return mix(sum, word);
}

static void spread(uint64_t sum, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (i % 8 == 0)
            sum = mix(sum, i + 1);
        out[i] = (uint8_t)(sum >> i % 8 * 8);
    }
}

static int hmac(const uint8_t *key, size_t key_len, const mqtt_e2e_bytes *parts, size_t count,
                uint8_t out[MQTT_E2E_HASH_SIZE])
{
    uint64_t sum = mix_bytes(1, key, key_len);

    for (size_t i = 0; i < count; i++)
        sum = mix_bytes(sum, parts[i].data, parts[i].len);
    spread(sum, out, MQTT_E2E_HASH_SIZE);
    return 0;
}

static int init(void *memory, const uint8_t *keys, size_t key_len)
{
    state *s = memory;

    s->seal = mix_bytes(2, keys, key_len);
    s->mask = mix_bytes(3, keys + key_len, key_len);
    s->topic = mix_bytes(4, keys + 2 * key_len, key_len);
    return 0;
}

static void crypt(uint64_t sum, uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (i % 8 == 0)
            sum = mix(sum, i + 1);
        text[i] ^= (uint8_t)(sum >> i % 8 * 8);
    }
}

static void make_tag(uint64_t nonce, const void *aad, size_t aad_len, const uint8_t *text, size_t len,
                     uint8_t tag[MQTT_E2E_TAG_SIZE])
{
    spread(mix_bytes(mix_bytes(nonce, aad, aad_len), text, len), tag, MQTT_E2E_TAG_SIZE);
}

static int seal(void *memory, const uint8_t nonce[MQTT_E2E_NONCE_SIZE], const void *aad, size_t aad_len,
                uint8_t *text, size_t len, uint8_t tag[MQTT_E2E_TAG_SIZE])
{
    uint64_t sum = mix_bytes(((state *)memory)->seal, nonce, MQTT_E2E_NONCE_SIZE);

    crypt(sum, text, len);
    make_tag(sum, aad, aad_len, text, len, tag);
    return 0;
}

static int open(void *memory, const uint8_t nonce[MQTT_E2E_NONCE_SIZE], const void *aad, size_t aad_len,
                const uint8_t *in, uint8_t *out, size_t len, const uint8_t tag[MQTT_E2E_TAG_SIZE])
{
    uint64_t sum = mix_bytes(((state *)memory)->seal, nonce, MQTT_E2E_NONCE_SIZE);
    uint8_t expected[MQTT_E2E_TAG_SIZE];

    make_tag(sum, aad, aad_len, in, len, expected);
    if (memcmp(expected, tag, sizeof expected) != 0) {
        memset(out, 0, len);
        return -1;
    }
    memmove(out, in, len);
    crypt(sum, out, len);
    return 0;
}

static int mask(void *memory, const uint8_t tag[16], uint8_t out[16])
{
    spread(mix_bytes(((state *)memory)->mask, tag, 16), out, 16);
    return 0;
}

static int topic(void *memory, const uint8_t iv[16], uint8_t *text, size_t len)
{
    crypt(mix_bytes(((state *)memory)->topic, iv, 16), text, len);
    return 0;
}

static void wipe(void *memory)
{
    memset(memory, 0, sizeof(state));
}

const mqtt_e2e_crypto test_checksum = {
    .name = "checksum",
    .state_size = sizeof(state),
    .hmac = hmac,
    .init = init,
    .seal = seal,
    .open = open,
    .mask = mask,
    .topic = topic,
    .wipe = wipe,
};
