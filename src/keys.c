/* SPDX-License-Identifier: MIT */
#include "keys.h"
#include "b64u.h"
#include "known.h"
#include "names.h"

#include <string.h>

void mqtt_e2e_wipe_memory(void *memory, size_t len)
{
    volatile uint8_t *p = memory;

    while (len-- > 0)
        *p++ = 0;
}

int e2e_keys_extract(const mqtt_e2e_crypto *crypto, const uint8_t *key, size_t key_len,
                     uint8_t prk[MQTT_E2E_HASH_SIZE])
{
    static const uint8_t salt[] = {'m', 'q', 't', 't', '-', 'e', '2', 'e', '/', '1'};
    mqtt_e2e_bytes ikm = {key, key_len};

    return crypto->hmac(salt, sizeof salt, &ikm, 1, prk);
}

int e2e_keys_derive(const mqtt_e2e_crypto *crypto, const uint8_t prk[MQTT_E2E_HASH_SIZE],
                    const mqtt_e2e_bytes *info, size_t parts, uint8_t *out, size_t n)
{
    static const uint8_t first_block = 1;
    mqtt_e2e_bytes all[4];
    uint8_t block[MQTT_E2E_HASH_SIZE];

    memcpy(all, info, parts * sizeof *info);
    all[parts] = (mqtt_e2e_bytes){&first_block, 1};
    if (crypto->hmac(prk, MQTT_E2E_HASH_SIZE, all, parts + 1, block) != 0)
        return -1;
    memcpy(out, block, n);
    mqtt_e2e_wipe_memory(block, sizeof block);
    return 0;
}

/* Extract and expand in one go, for those that keep no PRK. */
static mqtt_e2e_status from_key(const mqtt_e2e_crypto *crypto, const uint8_t *key, size_t key_len,
                                const mqtt_e2e_bytes *info, size_t parts, uint8_t *out, size_t n)
{
    uint8_t prk[MQTT_E2E_HASH_SIZE];
    int failed;

    if (key_len != 16 && key_len != 32)
        return MQTT_E2E_BAD_OPTION;
    failed = e2e_keys_extract(crypto, key, key_len, prk) != 0 ||
             e2e_keys_derive(crypto, prk, info, parts, out, n) != 0;
    mqtt_e2e_wipe_memory(prk, sizeof prk);
    return failed ? MQTT_E2E_CRYPTO_FAILED : MQTT_E2E_OK;
}

mqtt_e2e_status mqtt_e2e_fingerprint(const mqtt_e2e_crypto *crypto, const uint8_t *key, size_t key_len,
                                     char out[MQTT_E2E_FINGERPRINT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    mqtt_e2e_bytes info = E2E_LABEL("fingerprint");
    uint8_t bytes[8];
    mqtt_e2e_status status = from_key(crypto, key, key_len, &info, 1, bytes, sizeof bytes);

    if (status != MQTT_E2E_OK)
        return status;
    E2E_KNOWN(bytes, sizeof bytes); /* people show it to each other */
    for (size_t i = 0; i < sizeof bytes; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * sizeof bytes] = '\0';
    return MQTT_E2E_OK;
}

mqtt_e2e_status mqtt_e2e_key_base(const mqtt_e2e_crypto *crypto, const uint8_t *key, size_t key_len,
                                  char out[MQTT_E2E_BASE_SIZE])
{
    mqtt_e2e_bytes info = E2E_LABEL("base");
    uint8_t bytes[9];
    mqtt_e2e_status status = from_key(crypto, key, key_len, &info, 1, bytes, sizeof bytes);

    if (status != MQTT_E2E_OK)
        return status;
    out[e2e_b64u_encode(bytes, sizeof bytes, out)] = '\0';
    return MQTT_E2E_OK;
}

mqtt_e2e_status mqtt_e2e_device_key(const mqtt_e2e_crypto *crypto, const uint8_t *key, size_t key_len,
                                    const char *name, uint8_t *out)
{
    mqtt_e2e_bytes info[2] = {{"device", sizeof "device"},
                              {name, e2e_names_length(name)}}; /* the NUL separates */

    if (info[1].len == 0 || info[1].len > MQTT_E2E_TOPIC_MAX)
        return MQTT_E2E_BAD_OPTION;
    return from_key(crypto, key, key_len, info, 2, out, key_len);
}
