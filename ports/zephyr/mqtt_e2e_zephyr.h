/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_ZEPHYR_H
#define MQTT_E2E_ZEPHYR_H
/*
 * mqtt_e2e_device joined to Zephyr's MQTT client, in one thread: Zephyr calls the event handler from within mqtt_input.
 *
 *     static mqtt_e2e_zephyr node;
 *
 *     mqtt_e2e_zephyr_defaults(&options);                 then key, filters, on_message
 *     mqtt_e2e_zephyr_init(&node, &options);
 *     mqtt_client_init(&node.client);                     then broker, client_id, rx_buf, tx_buf, transport
 *     for (;;) {
 *         if (mqtt_e2e_zephyr_connect(&node) == 0)
 *             while (mqtt_e2e_zephyr_run(&node, 1000) == 0)
 *                 ;
 *         k_sleep(K_SECONDS(5));
 *     }
 *
 * client.rx_buf must have room for a topic of CONFIG_MQTT_E2E_TOPIC_MAX bytes and 8 more; packets don't go through it.
 * client.tx_buf likewise: what is published is sent from where it lies.
 */
#include <zephyr/kernel.h>
#include <zephyr/net/mqtt.h>

#include "mqtt_e2e/device.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MQTT_E2E_ZEPHYR_SESSION                                                                              \
    MQTT_E2E_SESSION_SIZE(CONFIG_MQTT_E2E_KEY_STATE, CONFIG_MQTT_E2E_STREAMS, 64, CONFIG_MQTT_E2E_REQUESTS, 0)

typedef struct {
    mqtt_e2e_device device;
    struct mqtt_client client;
    uint32_t dropped; /* packets that were too long */
    /* Private. */
    bool open;
    int64_t subscribe_at;
    uint16_t message_id;
    uint64_t session[(MQTT_E2E_ZEPHYR_SESSION + 7) / 8];
    uint8_t working[MQTT_E2E_DEVICE_BUFFER(CONFIG_MQTT_E2E_TOPIC_MAX, CONFIG_MQTT_E2E_PACKET_MAX)];
    uint8_t packet[CONFIG_MQTT_E2E_PACKET_MAX];
} mqtt_e2e_zephyr;

/* Milliseconds since the start, at least 1: what the calls of device.h take as now_ms. */
int64_t mqtt_e2e_zephyr_now(void);

/* mqtt_e2e_device_defaults, and what Kconfig says. */
void mqtt_e2e_zephyr_defaults(mqtt_e2e_device_options *options);

/* Starts the session. buffer, publish, subscribe and context of `options` are set here. CRYPTO_FAILED also where
 * sys_csrand_get has no randomness. */
mqtt_e2e_status mqtt_e2e_zephyr_init(mqtt_e2e_zephyr *node, const mqtt_e2e_device_options *options);

/* Connects. 0 or a negative errno, as mqtt_connect. QoS 2 is not spoken: packets are refused the second time anyhow. */
int mqtt_e2e_zephyr_connect(mqtt_e2e_zephyr *node);

/* Waits up to `ms` for something to happen and handles it. 0, or a negative errno: the connection is lost, or was never
 * granted. */
int mqtt_e2e_zephyr_run(mqtt_e2e_zephyr *node, int ms);

#ifdef __cplusplus
}
#endif
#endif
