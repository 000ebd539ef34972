/* SPDX-License-Identifier: MIT */
#ifndef E2E_KEYS_H
#define E2E_KEYS_H
/* The key schedule (docs/PROTOCOL.md §2): HKDF-SHA256 (RFC 5869), one output block at most. */
#include "mqtt_e2e/session.h"

#define E2E_KEY_MAX 32

/* A string literal as a label, without its NUL. */
#define E2E_LABEL(text) ((mqtt_e2e_bytes){text, sizeof text - 1})

/* PRK = HKDF-Extract("mqtt-e2e/1", key). 0, or -1 if the backend failed. */
int e2e_keys_extract(const mqtt_e2e_crypto *crypto, const uint8_t *key, size_t key_len,
                     uint8_t prk[MQTT_E2E_HASH_SIZE]);

/* HKDF-Expand(PRK, info, n) for n <= 32; `info` is given in parts, at most 3. */
int e2e_keys_derive(const mqtt_e2e_crypto *crypto, const uint8_t prk[MQTT_E2E_HASH_SIZE],
                    const mqtt_e2e_bytes *info, size_t parts, uint8_t *out, size_t n);

#endif
