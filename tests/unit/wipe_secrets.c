/* SPDX-License-Identifier: MIT */
#include "wipe_secrets.h"

#include "keys.h"
#include "support.h"
#include "traces.h"

#include <string.h>

static void derive(const wipe_secrets *s, const uint8_t *prk, const char *label, uint8_t *derived, size_t n)
{
    mqtt_e2e_bytes info = {label, strlen(label)};

    assert_int_equal(e2e_keys_derive(s->crypto, prk, &info, 1, derived, n), 0);
    traces_add(label, derived, n);
}

/* H of GCM, which tags are made with: AES(seal key, 0). */
static void add_hash_key(const wipe_secrets *s)
{
    static _Alignas(8) uint8_t keys[MQTT_E2E_CRYPTO_STATE_MAX];
    uint8_t all_seal[3 * 32], h[16], zero[16] = {0};

    for (size_t i = 0; i < 3; i++)
        memcpy(all_seal + i * s->key_len, s->seal_key, s->key_len);
    assert_int_equal(s->crypto->init(keys, all_seal, s->key_len), 0);
    assert_int_equal(s->crypto->mask(keys, zero, h), 0);
    s->crypto->wipe(keys);
    traces_add("H of GCM", h, sizeof h);
}

void wipe_secrets_mac(const wipe_secrets *s, const char *name, const uint8_t *mac_key, const void *text,
                      size_t len, size_t cut)
{
    mqtt_e2e_bytes part = {text, len};
    uint8_t mac[MQTT_E2E_HASH_SIZE];

    assert_int_equal(s->crypto->hmac(mac_key, 32, &part, 1, mac), 0);
    traces_add(name, mac + cut, sizeof mac - cut);
}

/* What is cut off of MACs says nothing of a key, but is nobody's business either. */
static void add_macs(const wipe_secrets *s, const uint8_t *topic_mac_key, const uint8_t *stream_key,
                     int64_t start)
{
    uint8_t seed[MQTT_E2E_RANDOM_SIZE + 8];

    memcpy(seed, s->random, sizeof s->random);
    for (size_t i = 0; i < 8; i++)
        seed[sizeof s->random + i] = (uint8_t)((uint64_t)start >> (56 - 8 * i));
    wipe_secrets_mac(s, "MAC behind a stream id", stream_key, seed, sizeof seed, 12);
    wipe_secrets_mac(s, "MAC behind a token", topic_mac_key, "\1kitchen", 8, 8);
    wipe_secrets_mac(s, "MAC of a topic with lasting messages", topic_mac_key, "lastingiot/kitchen", 18, 8);
}

/* HMAC's first step: the key, XORed with a byte. */
static void add_hmac_blocks(const uint8_t prk[MQTT_E2E_HASH_SIZE])
{
    uint8_t block[MQTT_E2E_HASH_SIZE];

    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < sizeof block; k++)
            block[k] = prk[k] ^ (i == 0 ? 0x36 : 0x5c);
        traces_add(i == 0 ? "PRK in the inner block" : "PRK in the outer block", block, sizeof block);
    }
}

void wipe_secrets_choose(wipe_secrets *s, const mqtt_e2e_crypto *crypto, size_t key_len, int64_t start)
{
    mqtt_e2e_bytes device[2] = {{"device", 7}, {"lamp", 4}};
    uint8_t prk[32], derived[32], topic_mac_key[32], stream_key[32];

    traces_clear();
    s->crypto = crypto;
    s->key_len = key_len;
    test_random(s->key, sizeof s->key);
    test_random(s->random, sizeof s->random);
    test_random(s->payload, sizeof s->payload);
    assert_int_equal(e2e_keys_extract(crypto, s->key, key_len, prk), 0);
    traces_add("key", s->key, key_len);
    traces_add("random", s->random, sizeof s->random);
    traces_add("payload", s->payload, sizeof s->payload);
    traces_add("PRK", prk, sizeof prk);
    add_hmac_blocks(prk);
    derive(s, prk, "seal", s->seal_key, key_len);
    add_hash_key(s);
    derive(s, prk, "mask", derived, key_len);
    derive(s, prk, "topic enc", derived, key_len);
    derive(s, prk, "topic mac", topic_mac_key, 32);
    derive(s, prk, "stream", stream_key, 32);
    derive(s, prk, "state", s->state_key, 32);
    add_macs(s, topic_mac_key, stream_key, start);
    assert_int_equal(e2e_keys_derive(crypto, prk, device, 2, derived, key_len), 0);
    traces_add("device key", derived, key_len);
}
