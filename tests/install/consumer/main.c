/* SPDX-License-Identifier: MIT */
/* Seals with one session, opens with another, prints what came out; and links the client. */
#include <mqtt_e2e/client.h>

#include <stdio.h>

#define STREAMS 8

int main(void)
{
    static const uint8_t key[16] = {1, 2, 3}, random_a[MQTT_E2E_RANDOM_SIZE] = {4},
                         random_b[MQTT_E2E_RANDOM_SIZE] = {5}; /* a test: never constant elsewhere */
    static uint64_t storage[2][MQTT_E2E_SESSION_SIZE(MQTT_E2E_CRYPTO_STATE_MAX, STREAMS, 64, 2, 0) / 8 + 1];
    const char text[] = "hello, sealed";
    const int64_t now = 1700000000000;
    mqtt_e2e_options options;
    mqtt_e2e_session *a, *b;
    mqtt_e2e_topic topic;
    mqtt_e2e_message message;
    char wire[100];
    uint8_t packet[MQTT_E2E_SEALED_SIZE(sizeof text, 50)];
    size_t len;

    mqtt_e2e_defaults(&options);
    options.crypto = &mqtt_e2e_openssl;
    options.key = key;
    options.key_len = sizeof key;
    if (mqtt_e2e_init(&a, storage[0], sizeof storage[0], &options, random_a, now) != MQTT_E2E_OK ||
        mqtt_e2e_init(&b, storage[1], sizeof storage[1], &options, random_b, now) != MQTT_E2E_OK)
        return 1;
    if (mqtt_e2e_hide(a, "iot/kitchen", wire, sizeof wire, &topic) != MQTT_E2E_OK ||
        mqtt_e2e_seal(a, &topic, MQTT_E2E_MESSAGE, text, sizeof text - 1, packet, sizeof packet, now + 1,
                      &len) != MQTT_E2E_OK ||
        mqtt_e2e_open(b, &topic, packet, len, packet, sizeof packet, now + 2, &message) != MQTT_E2E_OK)
        return 1;
    printf("%.*s\n", (int)message.payload.len, (const char *)message.payload.data);
    mqtt_e2e_wipe(a);
    mqtt_e2e_wipe(b);
    mqtt_e2e_client_free(NULL);
    return 0;
}
