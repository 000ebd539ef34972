/* SPDX-License-Identifier: MIT */
/* ESP-IDF as far as the adapter and its examples need it. The MQTT task runs whenever the other one waits. */
#include <string.h>
#include <sys/time.h>

#include "esp_crt_bundle.h"
#include "esp_event.h"
#include "esp_netif.h"
#include "esp_random.h"
#include "esp_rom_crc.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "freertos/message_buffer.h"
#include "mqtt_client.h"
#include "nvs_flash.h"
#include "protocol_examples_common.h"
#include "world.h"

#define RECONNECT_MS 10000
#define CHUNK        100 /* bytes of esp-mqtt's buffer, here: longer packets come in parts */
#define BURST        8   /* packets that come in before the application's task gets its turn */

struct esp_mqtt_client {
    esp_event_handler_t handler;
    void *handler_arg;
    bool taken, started, connected, in_handler, clean;
    unsigned connection;
    int64_t connect_at;
    int next_id;
};

static struct esp_mqtt_client the_client;

/* ---- The MQTT task ---- */

static void post(struct esp_mqtt_client *c, esp_mqtt_event_t *event)
{
    event->client = c;
    c->in_handler = true;
    c->handler(c->handler_arg, "MQTT_EVENTS", event->event_id, event);
    c->in_handler = false;
}

static void post_part(struct esp_mqtt_client *c, const world_packet *p, size_t offset)
{
    static char topic[256], data[CHUNK];
    size_t len = p->len - offset < CHUNK ? p->len - offset : CHUNK;
    esp_mqtt_event_t event = {.event_id = MQTT_EVENT_DATA,
                              .data = data,
                              .data_len = (int)len,
                              .total_data_len = (int)p->len,
                              .current_data_offset = (int)offset,
                              .qos = p->qos};

    memcpy(data, p->bytes + offset, len);
    if (offset == 0) {
        event.topic_len = (int)strlen(p->topic);
        memcpy(topic, p->topic, (size_t)event.topic_len); /* no NUL */
        event.topic = topic;
    }
    post(c, &event);
    memset(data, 0xEE, sizeof data); /* nobody may look at it later */
    memset(topic, 0xEE, sizeof topic);
}

static void post_packet(struct esp_mqtt_client *c, const world_packet *p)
{
    size_t offset = 0;

    do {
        post_part(c, p, offset);
        offset += CHUNK;
    } while (offset < p->len);
    if (p->qos > 0)
        world_acknowledged();
}

static void mqtt_task(struct esp_mqtt_client *c)
{
    esp_mqtt_event_t event = {.event_id = MQTT_EVENT_CONNECTED};
    const world_packet *p;

    if (!c->started)
        return;
    if (c->connected && c->connection != world_connections()) {
        c->connected = false;
        c->connect_at = world_ms() + RECONNECT_MS;
        event.event_id = MQTT_EVENT_DISCONNECTED;
        post(c, &event);
        if (world_up() && world_ms() % 2 == 0) /* a network that is back at once */
            c->connect_at = 0;
    }
    if (!c->connected && world_up() && world_ms() >= c->connect_at) {
        c->connected = true;
        c->connection = world_connections();
        world_connected(c->clean);
        event.event_id = MQTT_EVENT_CONNECTED;
        post(c, &event);
    }
    for (int i = 0; c->connected && i < BURST && (p = world_next()) != NULL; i++)
        post_packet(c, p);
}

/* ---- esp-mqtt ---- */

esp_mqtt_client_handle_t esp_mqtt_client_init(const esp_mqtt_client_config_t *config)
{
    check(!the_client.taken && config->broker.address.hostname != NULL && config->broker.address.port > 0 &&
          config->broker.address.transport != MQTT_TRANSPORT_UNKNOWN);
    memset(&the_client, 0, sizeof the_client);
    the_client.taken = true;
    the_client.clean = !config->session.disable_clean_session;
    return &the_client;
}

esp_err_t esp_mqtt_client_register_event(esp_mqtt_client_handle_t client, esp_mqtt_event_id_t event,
                                         esp_event_handler_t event_handler, void *event_handler_arg)
{
    check(event == MQTT_EVENT_ANY);
    client->handler = event_handler;
    client->handler_arg = event_handler_arg;
    return ESP_OK;
}

esp_err_t esp_mqtt_client_start(esp_mqtt_client_handle_t client)
{
    client->started = true;
    return ESP_OK;
}

esp_err_t esp_mqtt_client_stop(esp_mqtt_client_handle_t client)
{
    check(!client->in_handler);
    if (!client->started)
        return ESP_FAIL;
    client->started = client->connected = false;
    return ESP_OK;
}

esp_err_t esp_mqtt_client_destroy(esp_mqtt_client_handle_t client)
{
    check(!client->in_handler && !client->started);
    client->taken = false;
    return ESP_OK;
}

/* The lock: what another task asks for while the handler runs would wait for ever, if the handler waited for that task. The
 * adapter does not send from the handler at all. */
static bool can_send(struct esp_mqtt_client *c)
{
    check(!c->in_handler);
    return c->connected && c->connection == world_connections() && world_takes();
}

int esp_mqtt_client_publish(esp_mqtt_client_handle_t client, const char *topic, const char *data, int len,
                            int qos, int retain)
{
    check(len > 0); /* 0 would mean strlen */
    if (!can_send(client) || !world_published(topic, data, (size_t)len, qos, retain != 0))
        return -2;
    return qos == 0 ? 0 : ++client->next_id;
}

int esp_mqtt_client_subscribe_single(esp_mqtt_client_handle_t client, const char *topic, int qos)
{
    if (!can_send(client))
        return -1;
    world_subscribed(topic, qos);
    return ++client->next_id;
}

int esp_mqtt_client_subscribe_multiple(esp_mqtt_client_handle_t client, const esp_mqtt_topic_t *list,
                                       int size)
{
    for (int i = 0; i < size; i++)
        if (esp_mqtt_client_subscribe_single(client, list[i].filter, list[i].qos) < 0)
            return -1;
    return client->next_id;
}

int esp_mqtt_client_unsubscribe(esp_mqtt_client_handle_t client, const char *topic)
{
    if (!can_send(client))
        return -1;
    world_unsubscribed(topic);
    return ++client->next_id;
}

int esp_mqtt_client_get_outbox_size(esp_mqtt_client_handle_t client)
{
    (void)client;
    return 0;
}

/* ---- FreeRTOS: messages one after the other, each with its length before it ---- */

MessageBufferHandle_t xMessageBufferCreateStatic(size_t size, uint8_t *memory, StaticMessageBuffer_t *control)
{
    *control = (StaticMessageBuffer_t){.memory = memory, .size = size};
    return control;
}

size_t xMessageBufferSend(MessageBufferHandle_t buffer, const void *data, size_t len, TickType_t wait)
{
    check(wait == 0 && len > 0); /* the handler must not wait: it holds esp-mqtt's lock */
    if (buffer->used + sizeof len + len > buffer->size)
        return 0;
    memcpy(buffer->memory + buffer->used, &len, sizeof len);
    memcpy(buffer->memory + buffer->used + sizeof len, data, len);
    buffer->used += sizeof len + len;
    return len;
}

static size_t take(MessageBufferHandle_t buffer, void *data, size_t size)
{
    size_t len;

    memcpy(&len, buffer->memory, sizeof len);
    if (len > size)
        return 0;
    memcpy(data, buffer->memory + sizeof len, len);
    buffer->used -= sizeof len + len;
    memmove(buffer->memory, buffer->memory + sizeof len + len, buffer->used);
    return len;
}

size_t xMessageBufferReceive(MessageBufferHandle_t buffer, void *data, size_t size, TickType_t wait)
{
    int64_t until = world_ms() + (int64_t)wait * 1000 / configTICK_RATE_HZ;

    for (;;) {
        mqtt_task(&the_client);
        if (buffer->used > 0)
            return take(buffer, data, size);
        if (world_ms() >= until)
            return 0;
        world_yield();
    }
}

BaseType_t xMessageBufferIsEmpty(MessageBufferHandle_t buffer)
{
    return buffer->used == 0;
}

void vMessageBufferDelete(MessageBufferHandle_t buffer)
{
    buffer->memory = NULL;
}

/* ---- The rest ---- */

int64_t esp_timer_get_time(void)
{
    return world_ms() * 1000;
}

/* Before libc's own: the example's clock is the world's. */
int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    (void)zone;
    time->tv_sec = (time_t)(world_ms() / 1000);
    time->tv_usec = (suseconds_t)(world_ms() % 1000 * 1000);
    return 0;
}

void esp_fill_random(void *buf, size_t len)
{
    world_random(buf, len);
}

uint32_t esp_rom_crc32_le(uint32_t crc, uint8_t const *buf, uint32_t len)
{
    crc = ~crc;
    while (len-- > 0) {
        crc ^= *buf++;
        for (int i = 0; i < 8; i++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xEDB88320) : 0);
    }
    return ~crc;
}

uint32_t esp_get_free_heap_size(void)
{
    return 200000;
}

esp_err_t esp_event_loop_create_default(void)
{
    return ESP_OK;
}

esp_err_t esp_netif_init(void)
{
    return ESP_OK;
}

esp_err_t nvs_flash_init(void)
{
    return ESP_OK;
}

esp_err_t example_connect(void)
{
    return ESP_OK;
}

esp_err_t example_disconnect(void)
{
    return ESP_OK;
}

esp_err_t esp_crt_bundle_attach(void *conf)
{
    (void)conf;
    return ESP_OK;
}
