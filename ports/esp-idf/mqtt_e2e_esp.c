/* SPDX-License-Identifier: MIT */
#include "mqtt_e2e_esp.h"

#include <esp_random.h>
#include <string.h>

#define AGAIN_MS 1000

/* ---- In the MQTT task ---- */

static void turn(mqtt_e2e_esp *node, bool connected)
{
    static const uint8_t wake = 0;

    if ((node->turns & 1) != connected)
        __atomic_fetch_add(&node->turns, 1, __ATOMIC_RELEASE);
    xMessageBufferSend(node->inbox, &wake, sizeof wake, 0); /* if it is full, your task is awake anyway */
}

/* The first event of a message has its topic; further ones, of what is longer than esp-mqtt's buffer, have none. */
static void begin(mqtt_e2e_esp *node, const esp_mqtt_event_t *event)
{
    node->joined = 0;
    node->topic_len = (size_t)event->topic_len;
    node->skipping =
        event->topic_len >= CONFIG_MQTT_E2E_TOPIC_MAX || event->total_data_len > CONFIG_MQTT_E2E_PACKET_MAX;
    if (node->skipping) {
        node->dropped++;
        return;
    }
    node->joining[0] = (uint8_t)(node->topic_len >> 8);
    node->joining[1] = (uint8_t)node->topic_len;
    memcpy(node->joining + MQTT_E2E_ESP_HEAD, event->topic, node->topic_len);
}

static void join(mqtt_e2e_esp *node, const esp_mqtt_event_t *event)
{
    size_t before = MQTT_E2E_ESP_HEAD + node->topic_len, offset = (size_t)event->current_data_offset;

    if (offset == 0)
        begin(node, event);
    before = MQTT_E2E_ESP_HEAD + node->topic_len;
    if (node->skipping || offset != node->joined ||
        (size_t)event->data_len > sizeof node->joining - before - offset) {
        node->skipping = true;
        return;
    }
    memcpy(node->joining + before + offset, event->data, (size_t)event->data_len);
    node->joined += (size_t)event->data_len;
    if (node->joined < (size_t)event->total_data_len)
        return;
    node->skipping = true; /* until the next one begins */
    if (xMessageBufferSend(node->inbox, node->joining, before + node->joined, 0) == 0)
        node->dropped++;
}

static void on_event(void *context, esp_event_base_t base, int32_t id, void *event)
{
    mqtt_e2e_esp *node = context;

    (void)base;
    if (id == MQTT_EVENT_CONNECTED || id == MQTT_EVENT_DISCONNECTED)
        turn(node, id == MQTT_EVENT_CONNECTED);
    else if (id == MQTT_EVENT_DATA)
        join(node, event);
}

/* ---- In your task ---- */

static bool publish(void *context, const char *topic, const uint8_t *packet, size_t len, int qos, bool retain)
{
    const mqtt_e2e_esp *node = context;

    return esp_mqtt_client_publish(node->client, topic, (const char *)packet, (int)len, qos, retain) >= 0;
}

static bool subscribe(void *context, const char *filter, int qos)
{
    const mqtt_e2e_esp *node = context;

    return esp_mqtt_client_subscribe(node->client, filter, qos) >= 0;
}

void mqtt_e2e_esp_defaults(mqtt_e2e_device_options *options)
{
    mqtt_e2e_device_defaults(options);
#ifdef CONFIG_MQTT_E2E_MBEDTLS
    options->session.crypto = &mqtt_e2e_mbedtls;
#endif
    options->session.pad_size = CONFIG_MQTT_E2E_PAD_SIZE;
    options->session.streams = CONFIG_MQTT_E2E_STREAMS;
    options->session.requests = CONFIG_MQTT_E2E_REQUESTS;
    options->session.clock_skew_ms = CONFIG_MQTT_E2E_CLOCK_SKEW_S * UINT32_C(1000);
    options->topic_max = CONFIG_MQTT_E2E_TOPIC_MAX;
}

mqtt_e2e_status mqtt_e2e_esp_init(mqtt_e2e_esp *node, const mqtt_e2e_device_options *given,
                                  int64_t (*now)(void))
{
    mqtt_e2e_device_options options = *given;
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    mqtt_e2e_status status;

    memset(node, 0, sizeof *node);
    node->now = now != NULL ? now : options.session.own_clock_ms ? mqtt_e2e_esp_uptime : mqtt_e2e_esp_utc;
    options.buffer = node->working;
    options.buffer_size = sizeof node->working;
    options.publish = publish;
    options.subscribe = subscribe;
    options.context = node;
    esp_fill_random(random, sizeof random);
    status = mqtt_e2e_device_init(&node->device, node->session, sizeof node->session, &options, random,
                                  node->now());
    mqtt_e2e_wipe_memory(random, sizeof random);
    return status;
}

esp_err_t mqtt_e2e_esp_connect(mqtt_e2e_esp *node, const esp_mqtt_client_config_t *config)
{
    esp_err_t error;

    node->skipping = true;
    node->inbox =
        xMessageBufferCreateStatic(sizeof node->inbox_memory - 1, node->inbox_memory, &node->inbox_control);
    if (node->inbox == NULL || (node->client = esp_mqtt_client_init(config)) == NULL)
        return ESP_ERR_NO_MEM;
    error = esp_mqtt_client_register_event(node->client, MQTT_EVENT_ANY, on_event, node);
    return error != ESP_OK ? error : esp_mqtt_client_start(node->client);
}

/* What became of the connection since the last look: lost, made, or both. */
static mqtt_e2e_status follow(mqtt_e2e_esp *node)
{
    uint32_t turns = __atomic_load_n(&node->turns, __ATOMIC_ACQUIRE);
    mqtt_e2e_status status = MQTT_E2E_OK;

    if (turns != node->turns_seen) {
        mqtt_e2e_device_disconnected(&node->device);
        node->turns_seen = turns;
        node->subscribe_at = 0;
    }
    if ((turns & 1) != 0 && !node->device.connected && node->now() >= node->subscribe_at) {
        status = mqtt_e2e_device_connected(&node->device, node->now());
        node->subscribe_at = node->now() + AGAIN_MS;
    }
    return status;
}

mqtt_e2e_status mqtt_e2e_esp_run(mqtt_e2e_esp *node, uint32_t ms)
{
    uint32_t due = mqtt_e2e_device_poll(&node->device, node->now());
    TickType_t ticks = due < ms ? pdMS_TO_TICKS(due) + 1 : pdMS_TO_TICKS(ms); /* rounded up */
    size_t topic_len, n = xMessageBufferReceive(node->inbox, node->received, sizeof node->received, ticks);
    mqtt_e2e_status status = follow(node);

    if (n < MQTT_E2E_ESP_HEAD)
        return status; /* nothing, or a turn */
    topic_len = (size_t)node->received[0] << 8 | node->received[1];
    mqtt_e2e_device_received(&node->device, (const char *)node->received + MQTT_E2E_ESP_HEAD, topic_len,
                             node->received + MQTT_E2E_ESP_HEAD + topic_len,
                             n - MQTT_E2E_ESP_HEAD - topic_len, node->now());
    return status;
}

void mqtt_e2e_esp_stop(mqtt_e2e_esp *node)
{
    if (node->client != NULL) {
        esp_mqtt_client_stop(node->client);
        esp_mqtt_client_destroy(node->client);
    }
    if (node->inbox != NULL)
        vMessageBufferDelete(node->inbox);
    mqtt_e2e_device_wipe(&node->device);
    mqtt_e2e_wipe_memory(node, sizeof *node);
}
