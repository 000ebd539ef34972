/* SPDX-License-Identifier: MIT */
/*
 * A device: answers ping, status, led on and led off, on `command/all` and `command/NAME`.
 *
 *     mqtt-e2e key c -o main/key.h        on your machine; NAME and the broker are the key file's
 *     idf.py menuconfig                   Example Connection Configuration: your Wi-Fi
 *     idf.py flash monitor
 *
 * It has no clock and asks for the time: let a node be its source, such as `mqtt-e2e sub --time-source`.
 */
#include <esp_crt_bundle.h>
#include <esp_event.h>
#include <esp_log.h>
#include <esp_netif.h>
#include <esp_system.h>
#include <nvs_flash.h>
#include <protocol_examples_common.h>
#include <stdio.h>

#include "answer.h"
#include "mqtt_e2e_esp.h"

#if __has_include("key.h")
#include "key.h"
#else
#error "no main/key.h: make it on your machine by `mqtt-e2e key c -o main/key.h`"
#endif

static const char tag[] = "device";
static mqtt_e2e_esp node;
static char own_topic[64];
static const char *const filters[] = {"command/all", own_topic};
static answer_device device;

static void on_message(mqtt_e2e_device *d, const mqtt_e2e_message *message, int64_t now_ms, void *context)
{
    char text[160];
    size_t len;

    (void)context;
    if (message->kind != MQTT_E2E_REQUEST)
        return; /* nobody waits for an answer */
    device.up_s = (unsigned long)(mqtt_e2e_esp_uptime() / 1000);
    device.free_kb = esp_get_free_heap_size() / 1024;
    len = answer(&device, message->payload.data, message->payload.len, text, sizeof text);
    if (mqtt_e2e_device_reply(d, &message->id, text, len, 1, now_ms) != MQTT_E2E_OK)
        ESP_LOGW(tag, "the answer did not go out");
}

static void on_refused(mqtt_e2e_device *d, mqtt_e2e_status cause, const mqtt_e2e_message *message,
                       void *context)
{
    (void)d, (void)message, (void)context;
    ESP_LOGI(tag, "refused: %s", mqtt_e2e_status_text(cause));
}

static mqtt_e2e_status start(void)
{
    mqtt_e2e_device_options options;

    device.name = MQTT_E2E_NODE_NAME[0] != '\0' ? MQTT_E2E_NODE_NAME : "esp32";
    snprintf(own_topic, sizeof own_topic, "command/%s", device.name);
    mqtt_e2e_esp_defaults(&options);
    options.session.key = mqtt_e2e_node_key;
    options.session.key_len = sizeof mqtt_e2e_node_key;
    options.session.base = MQTT_E2E_NODE_BASE;
    options.session.plain_topics = MQTT_E2E_NODE_PLAIN_TOPICS;
    options.filters = filters;
    options.filter_count = 2;
    options.on_message = on_message;
    options.on_refused = on_refused;
    return mqtt_e2e_esp_init(&node, &options, NULL);
}

static esp_err_t connect(void)
{
    const esp_mqtt_client_config_t config = {
        .broker.address.hostname = mqtt_e2e_node_hosts[0].name,
        .broker.address.port = mqtt_e2e_node_hosts[0].port,
        .broker.address.transport = MQTT_E2E_NODE_TLS ? MQTT_TRANSPORT_OVER_SSL : MQTT_TRANSPORT_OVER_TCP,
        .broker.verification.crt_bundle_attach = MQTT_E2E_NODE_TLS ? esp_crt_bundle_attach : NULL,
        .credentials.username = MQTT_E2E_NODE_USER[0] != '\0' ? MQTT_E2E_NODE_USER : NULL,
        .credentials.authentication.password =
            MQTT_E2E_NODE_PASSWORD[0] != '\0' ? MQTT_E2E_NODE_PASSWORD : NULL,
    };

    return mqtt_e2e_esp_connect(&node, &config);
}

void app_main(void)
{
    mqtt_e2e_status status;

    ESP_ERROR_CHECK(nvs_flash_init());
    ESP_ERROR_CHECK(esp_netif_init());
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    ESP_ERROR_CHECK(
        example_connect()); /* before the session starts: the radio is what makes random numbers random */
    status = start();
    if (status != MQTT_E2E_OK) {
        ESP_LOGE(tag, "can't start: %s", mqtt_e2e_status_text(status));
        return;
    }
    ESP_ERROR_CHECK(connect());
    for (;;) {
        status = mqtt_e2e_esp_run(&node, 1000);
        if (status != MQTT_E2E_OK)
            ESP_LOGW(tag, "can't subscribe: %s", mqtt_e2e_status_text(status));
    }
}
