/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_WIPE_SECRETS_H
#define MQTT_E2E_TESTS_WIPE_SECRETS_H
/* The secrets of a session, worked out beside it, for traces.h to look for. */
#include "mqtt_e2e/session.h"

typedef struct {
    uint8_t key[32], random[MQTT_E2E_RANDOM_SIZE], payload[32], device_key[32], seal_key[32], state_key[32];
    const mqtt_e2e_crypto *crypto;
    size_t key_len;
} wipe_secrets;

/* Chooses a key, a stream's randomness and a payload, and has all looked for that follows from them: the key schedule, and
 * what is cut off of MACs for a stream started at `start` and the topic iot/kitchen. */
void wipe_secrets_choose(wipe_secrets *secrets, const mqtt_e2e_crypto *crypto, size_t key_len, int64_t start);

/* Has the bytes of a MAC looked for, from `cut` on. */
void wipe_secrets_mac(const wipe_secrets *secrets, const char *name, const uint8_t *mac_key, const void *text,
                      size_t len, size_t cut);

#endif
