/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_ESP_H
#define MQTT_E2E_ESP_H
/*
 * mqtt_e2e_device joined to ESP-IDF's MQTT client (esp-mqtt).
 *
 * esp-mqtt calls its event handler in a task of its own, with its lock held. A session belongs to one thread, and one more lock
 * here would be taken in the opposite order by whoever publishes. So the handler only puts packets together and leaves them in
 * a message buffer; all else happens in your task:
 *
 *     static mqtt_e2e_esp node;
 *     mqtt_e2e_device_options options;
 *
 *     mqtt_e2e_esp_defaults(&options);
 *     options.session.key = ...; options.filters = ...; options.on_message = ...;
 *     mqtt_e2e_esp_init(&node, &options, NULL);
 *     mqtt_e2e_esp_connect(&node, &config);
 *     for (;;)
 *         mqtt_e2e_esp_run(&node, 1000);
 *
 * Call everything, mqtt_e2e_device_publish(&node.device, ...) too, from the task that calls mqtt_e2e_esp_run.
 */
#include <freertos/FreeRTOS.h>
#include <freertos/message_buffer.h>
#include <mqtt_client.h>
#include <sdkconfig.h>

#include "mqtt_e2e/device.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MQTT_E2E_ESP_HEAD  2 /* bytes before a packet in the inbox: the length of its topic */
#define MQTT_E2E_ESP_ENTRY (MQTT_E2E_ESP_HEAD + CONFIG_MQTT_E2E_TOPIC_MAX + CONFIG_MQTT_E2E_PACKET_MAX)
#define MQTT_E2E_ESP_SESSION                                                                                 \
    MQTT_E2E_SESSION_SIZE(CONFIG_MQTT_E2E_KEY_STATE, CONFIG_MQTT_E2E_STREAMS, 64, CONFIG_MQTT_E2E_REQUESTS, 0)

typedef struct {
    mqtt_e2e_device device;
    esp_mqtt_client_handle_t client;
    int64_t (*now)(void);
    uint32_t dropped; /* packets that were too long, or found the inbox full */
    /* Private. */
    uint32_t turns,
        turns_seen; /* connections begun and ended: odd is connected. The MQTT task's, and what your task saw */
    int64_t subscribe_at;
    MessageBufferHandle_t inbox;
    StaticMessageBuffer_t inbox_control;
    size_t topic_len, joined; /* of the packet that is coming in, by the MQTT task */
    bool skipping;
    uint64_t session[(MQTT_E2E_ESP_SESSION + 7) / 8];
    uint8_t working[MQTT_E2E_DEVICE_BUFFER(CONFIG_MQTT_E2E_TOPIC_MAX, CONFIG_MQTT_E2E_PACKET_MAX)];
    uint8_t joining[MQTT_E2E_ESP_ENTRY];
    uint8_t received[MQTT_E2E_ESP_ENTRY];
    uint8_t inbox_memory[CONFIG_MQTT_E2E_INBOX + 1];
} mqtt_e2e_esp;

/* Milliseconds since the start, at least 1. Deep sleep starts it anew. For options.session.own_clock_ms. */
int64_t mqtt_e2e_esp_uptime(void);

/* UTC in milliseconds, or 0 as long as nobody (SNTP) set the system's time. For options.session.own_clock_ms = false. */
int64_t mqtt_e2e_esp_utc(void);

/* Milliseconds since power came, at least 1, deep sleep counted: the system's time as long as nobody sets it. */
int64_t mqtt_e2e_esp_since_power(void);

/* mqtt_e2e_device_defaults, and what Kconfig says. */
void mqtt_e2e_esp_defaults(mqtt_e2e_device_options *options);

/*
 * Starts the session. Call it after Wi-Fi or Bluetooth have started: esp_fill_random is no true random generator before.
 * `options` as for mqtt_e2e_device_init; buffer, publish, subscribe and context are set here. `now` is one of the three above,
 * NULL for the first or second, as own_clock_ms says. To get at the mqtt_e2e_esp in on_message: it starts with its device.
 */
mqtt_e2e_status mqtt_e2e_esp_init(mqtt_e2e_esp *node, const mqtt_e2e_device_options *options,
                                  int64_t (*now)(void));

/* Starts esp-mqtt, which connects by itself, and again when the connection is lost. */
esp_err_t mqtt_e2e_esp_connect(mqtt_e2e_esp *node, const esp_mqtt_client_config_t *config);

/* Waits up to `ms` for something to happen and handles it. Not OK: what mqtt_e2e_device_connected returned; it is tried again
 * every second. */
mqtt_e2e_status mqtt_e2e_esp_run(mqtt_e2e_esp *node, uint32_t ms);

/* Disconnects, ends esp-mqtt, and wipes all. */
void mqtt_e2e_esp_stop(mqtt_e2e_esp *node);

#ifdef __cplusplus
}
#endif
#endif
