/* SPDX-License-Identifier: MIT */
/* Glue between mqtt_e2e_device and lwIP's MQTT client. Nothing is closed within lwIP's callbacks, which go on using
 * the connection: they set `lost`, and poll closes. */
#include "mqtt_e2e_lwip.h"

#include <string.h>

#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 30000

/* ---- Sending ------------------------------------------------------------------------------------ */

bool mqtt_e2e_lwip_publish(void *context, const char *topic, const uint8_t *packet, size_t len, int qos,
                           bool retain)
{
    mqtt_e2e_lwip *self = context;

    return len <= 0xffff &&
           mqtt_publish(self->client, topic, packet, (u16_t)len, (u8_t)qos, retain, NULL, NULL) == ERR_OK;
}

static void on_subscribed(void *context, err_t result)
{
    mqtt_e2e_lwip *self = context;

    if (result != ERR_OK) {
        self->lost =
            true; /* the broker said no, or nothing: a device that hears only half is not connected */
        return;
    }
    if (--self->subscribing > 0)
        return;
    self->backoff = BACKOFF_MIN_MS;
    if (self->on_state != NULL)
        self->on_state(self, true);
}

bool mqtt_e2e_lwip_subscribe(void *context, const char *filter, int qos)
{
    mqtt_e2e_lwip *self = context;

    if (mqtt_subscribe(self->client, filter, (u8_t)qos, on_subscribed, self) != ERR_OK)
        return false;
    self->subscribing++;
    return true;
}

/* ---- Receiving ---------------------------------------------------------------------------------- */

static void on_publish(void *context, const char *topic, u32_t len)
{
    mqtt_e2e_lwip *self = context;

    (void)len;
    self->packet_len = 0;
    self->topic_len = strlen(topic);
    if (self->topic_len >= sizeof self->topic)
        self->topic_len = 0; /* none of ours, and none at all: forged */
    memcpy(self->topic, topic, self->topic_len);
}

/* A packet comes in pieces where it is longer than lwIP's buffer. */
static void on_data(void *context, const u8_t *data, u16_t len, u8_t flags)
{
    mqtt_e2e_lwip *self = context;
    u32_t room = self->packet_max - self->packet_len;
    u32_t n = len < room ? len : room;

    memcpy(self->packet + self->packet_len, data, n);
    self->packet_len += n;
    if ((flags & MQTT_DATA_FLAG_LAST) != 0)
        mqtt_e2e_device_received(self->device, self->topic, self->topic_len, self->packet, self->packet_len,
                                 self->now_ms());
}

/* ---- The connection ------------------------------------------------------------------------------ */

static void on_connection(mqtt_client_t *client, void *context, mqtt_connection_status_t status)
{
    mqtt_e2e_lwip *self = context;

    (void)client;
    self->lost = status != MQTT_CONNECT_ACCEPTED ||
                 mqtt_e2e_device_connected(self->device, self->now_ms()) != MQTT_E2E_OK;
}

static void connect_again(mqtt_e2e_lwip *self)
{
    self->connect_at = 0;
    self->subscribing = 0;
    if (mqtt_client_connect(self->client, &self->broker, self->port, on_connection, self, &self->info) ==
        ERR_OK)
        mqtt_set_inpub_callback(self->client, on_publish, on_data, self);
    else
        self->lost = true;
}

static void lose(mqtt_e2e_lwip *self)
{
    self->lost = false;
    mqtt_e2e_device_disconnected(self->device);
    mqtt_disconnect(self->client);
    /* Jitter, so that all devices of a broker that restarts don't come back at once. */
    self->connect_at = self->now_ms() + self->backoff / 2 + LWIP_RAND() % self->backoff;
    self->backoff = self->backoff < BACKOFF_MAX_MS / 2 ? self->backoff * 2 : BACKOFF_MAX_MS;
    if (self->on_state != NULL)
        self->on_state(self, false);
}

bool mqtt_e2e_lwip_start(mqtt_e2e_lwip *self)
{
    self->client = mqtt_client_new();
    self->backoff = BACKOFF_MIN_MS;
    self->lost = false;
    self->connect_at = self->now_ms();
    return self->client != NULL;
}

void mqtt_e2e_lwip_poll(mqtt_e2e_lwip *self)
{
    int64_t now = self->now_ms();

    if (self->lost)
        lose(self);
    else if (self->connect_at != 0 && now >= self->connect_at)
        connect_again(self);
    else
        mqtt_e2e_device_poll(self->device, now);
}
