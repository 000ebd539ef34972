/* SPDX-License-Identifier: MIT */
/* The client for microcontrollers. Its working memory is, in this order: the name of the topic that is being received, the wire
 * topic that is being sent to, the packet that is being sent. So a device can send from within on_message, and still read what
 * it was given. */
#include "mqtt_e2e/device.h"

#include <string.h>

#define HOUR_MS 3600000
#define BACKOFF_MIN_MS                                                                                       \
    4000 /* as long as an answer counts (§6): asking again sooner would make it an unasked one */
#define BACKOFF_MAX_MS 60000
#define NOT_TAKEN_MS   500 /* the MQTT library did not take the request for the time: its own queue is full */
#define POLL_MAX_MS    60000

static char *received_name(const mqtt_e2e_device *d)
{
    return (char *)d->options.buffer;
}

static char *wire(const mqtt_e2e_device *d)
{
    return (char *)d->options.buffer + d->options.topic_max;
}

static uint8_t *packet(const mqtt_e2e_device *d)
{
    return d->options.buffer + 2 * d->options.topic_max;
}

static size_t packet_max(const mqtt_e2e_device *d)
{
    return d->options.buffer_size - 2 * d->options.topic_max;
}

/* ---- The start ---------------------------------------------------------------------------------- */

void mqtt_e2e_device_defaults(mqtt_e2e_device_options *options)
{
    memset(options, 0, sizeof *options);
    mqtt_e2e_defaults(&options->session);
    options->session.own_clock_ms = true;
    options->qos = 1;
    options->topic_max = 128;
}

static bool fits(const mqtt_e2e_device_options *o)
{
    return o->buffer != NULL && o->topic_max <= MQTT_E2E_TOPIC_MAX &&
           o->buffer_size >=
               MQTT_E2E_DEVICE_BUFFER(o->topic_max, MQTT_E2E_SEALED_SIZE(0, o->session.pad_size));
}

mqtt_e2e_status mqtt_e2e_device_init(mqtt_e2e_device *d, void *storage, size_t size,
                                     const mqtt_e2e_device_options *options,
                                     const uint8_t random[MQTT_E2E_RANDOM_SIZE], int64_t now_ms)
{
    mqtt_e2e_status status;

    memset(d, 0, sizeof *d);
    if (options->publish == NULL || options->subscribe == NULL || options->on_message == NULL ||
        !fits(options))
        return MQTT_E2E_BAD_OPTION;
    status = mqtt_e2e_init(&d->session, storage, size, &options->session, random, now_ms);
    if (status != MQTT_E2E_OK)
        return status;
    d->options = *options;
    d->options.session.key = NULL; /* the caller's, and not needed any more */
    d->backoff = BACKOFF_MIN_MS;
    if (options->topic_max >= MQTT_E2E_REPLY_WIRE_SIZE(strlen(mqtt_e2e_base(d->session))))
        return MQTT_E2E_OK;
    mqtt_e2e_device_wipe(d);
    return MQTT_E2E_BAD_OPTION;
}

void mqtt_e2e_device_wipe(mqtt_e2e_device *d)
{
    mqtt_e2e_wipe(d->session);
    if (d->options.buffer != NULL)
        mqtt_e2e_wipe_memory(d->options.buffer, d->options.buffer_size);
    memset(d, 0, sizeof *d);
}

/* ---- Sending ------------------------------------------------------------------------------------- */

/* What was sealed goes out, if it was. */
static mqtt_e2e_status send(mqtt_e2e_device *d, mqtt_e2e_status sealed, const mqtt_e2e_topic *topic,
                            size_t len, int qos, bool retain)
{
    if (sealed != MQTT_E2E_OK)
        return sealed;
    return d->options.publish(d->options.context, topic->wire, packet(d), len, qos, retain) ? MQTT_E2E_OK
                                                                                            : MQTT_E2E_BUSY;
}

/* Prepares the topic of a call that sends. */
static mqtt_e2e_status hide(mqtt_e2e_device *d, const char *name, mqtt_e2e_topic *topic)
{
    if (!d->connected)
        return MQTT_E2E_BUSY; /* before anything is sealed, which would use up a counter */
    return mqtt_e2e_hide(d->session, name, wire(d), d->options.topic_max, topic);
}

mqtt_e2e_status mqtt_e2e_device_publish_to(mqtt_e2e_device *d, const mqtt_e2e_topic *topic,
                                           const void *payload, size_t len, int qos, bool lasting,
                                           int64_t now_ms)
{
    mqtt_e2e_status status;
    size_t n = 0;

    if (!d->connected)
        return MQTT_E2E_BUSY;
    status = mqtt_e2e_seal(d->session, topic, lasting ? MQTT_E2E_LASTING : MQTT_E2E_MESSAGE, payload, len,
                           packet(d), packet_max(d), now_ms, &n);
    return send(d, status, topic, n, qos, lasting);
}

mqtt_e2e_status mqtt_e2e_device_publish(mqtt_e2e_device *d, const char *name, const void *payload, size_t len,
                                        int qos, bool lasting, int64_t now_ms)
{
    mqtt_e2e_topic topic;
    mqtt_e2e_status status = hide(d, name, &topic);

    return status != MQTT_E2E_OK ? status
                                 : mqtt_e2e_device_publish_to(d, &topic, payload, len, qos, lasting, now_ms);
}

mqtt_e2e_status mqtt_e2e_device_reply(mqtt_e2e_device *d, const mqtt_e2e_id *request, const void *payload,
                                      size_t len, int qos, int64_t now_ms)
{
    char name[MQTT_E2E_REPLY_NAME_SIZE];
    mqtt_e2e_topic topic;
    mqtt_e2e_status status;
    size_t n = 0;

    if (!d->connected)
        return MQTT_E2E_BUSY;
    status = mqtt_e2e_reply_topic(d->session, request->stream, name, wire(d), d->options.topic_max, &topic);
    if (status == MQTT_E2E_OK)
        status =
            mqtt_e2e_reply(d->session, &topic, request, payload, len, packet(d), packet_max(d), now_ms, &n);
    return send(d, status, &topic, n, qos, false);
}

mqtt_e2e_status mqtt_e2e_device_request(mqtt_e2e_device *d, const char *name, const void *payload, size_t len,
                                        int qos, uint32_t timeout_ms, int64_t now_ms, mqtt_e2e_id *request)
{
    mqtt_e2e_topic topic;
    mqtt_e2e_status status;
    size_t n = 0;

    if (!d->options.ask_replies && !d->options.session.own_clock_ms)
        return MQTT_E2E_BAD_OPTION; /* the reply would go where nobody listens */
    status = hide(d, name, &topic);
    if (status != MQTT_E2E_OK)
        return status;
    status = mqtt_e2e_request(d->session, &topic, payload, len, packet(d), packet_max(d), now_ms, timeout_ms,
                              &n, request);
    if (status != MQTT_E2E_OK)
        return status;
    status = send(d, status, &topic, n, qos, false);
    if (status != MQTT_E2E_OK)
        mqtt_e2e_close(d->session, request);
    return status;
}

/* ---- The time ------------------------------------------------------------------------------------- */

/* So that devices which came up together don't ask together for ever: a source answers once a second. */
static uint32_t jitter(const mqtt_e2e_device *d)
{
    mqtt_e2e_id own = mqtt_e2e_own_stream(d->session);

    return own.stream[own.counter % sizeof own.stream] * (d->backoff / 1024);
}

static void ask(mqtt_e2e_device *d, int64_t now_ms)
{
    mqtt_e2e_topic topic;
    size_t n = 0;
    mqtt_e2e_status status = hide(d, "~time", &topic);

    if (status == MQTT_E2E_OK)
        status = mqtt_e2e_time_request(d->session, &topic, packet(d), packet_max(d), now_ms, &n);
    if (send(d, status, &topic, n, 0, false) == MQTT_E2E_BUSY) {
        d->ask_at = now_ms + NOT_TAKEN_MS;
        return;
    }
    d->ask_at = now_ms + d->backoff + jitter(d);
    d->backoff = d->backoff < BACKOFF_MAX_MS / 2 ? 2 * d->backoff : BACKOFF_MAX_MS;
}

uint32_t mqtt_e2e_device_poll(mqtt_e2e_device *d, int64_t now_ms)
{
    if (!d->options.session.own_clock_ms || !d->connected)
        return POLL_MAX_MS;
    if (now_ms >= d->ask_at)
        ask(d, now_ms);
    return d->ask_at - now_ms < POLL_MAX_MS ? (uint32_t)(d->ask_at - now_ms) : POLL_MAX_MS;
}

/* ---- What happened -------------------------------------------------------------------------------- */

static bool subscribe_replies(mqtt_e2e_device *d)
{
    char name[MQTT_E2E_REPLY_NAME_SIZE];
    mqtt_e2e_id own = mqtt_e2e_own_stream(d->session);
    mqtt_e2e_topic topic;

    return mqtt_e2e_reply_topic(d->session, own.stream, name, wire(d), d->options.topic_max, &topic) ==
               MQTT_E2E_OK &&
           d->options.subscribe(d->options.context, topic.wire, d->options.qos);
}

static mqtt_e2e_status subscribe(mqtt_e2e_device *d)
{
    for (size_t i = 0; i < d->options.filter_count; i++) {
        mqtt_e2e_status status =
            mqtt_e2e_hide_filter(d->session, d->options.filters[i], wire(d), d->options.topic_max);

        if (status != MQTT_E2E_OK)
            return status;
        if (!d->options.subscribe(d->options.context, wire(d), d->options.qos))
            return MQTT_E2E_BUSY;
    }
    if ((d->options.ask_replies || d->options.session.own_clock_ms) && !subscribe_replies(d))
        return MQTT_E2E_BUSY;
    return MQTT_E2E_OK;
}

mqtt_e2e_status mqtt_e2e_device_connected(mqtt_e2e_device *d, int64_t now_ms)
{
    mqtt_e2e_status status = subscribe(d);

    d->connected = status == MQTT_E2E_OK;
    if (d->connected && mqtt_e2e_utc(d->session, now_ms) == 0) {
        d->backoff = BACKOFF_MIN_MS;
        d->ask_at = 0;
    }
    mqtt_e2e_device_poll(d, now_ms);
    return status;
}

void mqtt_e2e_device_disconnected(mqtt_e2e_device *d)
{
    d->connected = false;
}

mqtt_e2e_status mqtt_e2e_device_received(mqtt_e2e_device *d, const char *topic_text, size_t topic_len,
                                         uint8_t *in, size_t len, int64_t now_ms)
{
    mqtt_e2e_topic topic = {NULL, topic_text, 0, 0};
    mqtt_e2e_message message;
    mqtt_e2e_status status;

    if (topic_len < d->options.topic_max)
        mqtt_e2e_reveal(d->session, topic_text, topic_len, received_name(d), d->options.topic_max, &topic);
    status = mqtt_e2e_open(d->session, &topic, in, len, in, len, now_ms, &message);
    if (status == MQTT_E2E_OK)
        d->options.on_message(d, &message, now_ms, d->options.context);
    else if (status == MQTT_E2E_TIME_SET) {
        d->ask_at = now_ms + HOUR_MS;
        d->backoff = BACKOFF_MIN_MS;
    } else if (mqtt_e2e_refused(status) && d->options.on_refused != NULL) {
        if (topic.name != NULL)
            message.topic = (mqtt_e2e_bytes){topic.name, topic.name_len};
        d->options.on_refused(d, status, &message, d->options.context);
    }
    return status;
}

mqtt_e2e_status mqtt_e2e_device_renew(mqtt_e2e_device *d, const uint8_t random[MQTT_E2E_RANDOM_SIZE],
                                      int64_t now_ms)
{
    mqtt_e2e_status status = mqtt_e2e_renew(d->session, random, now_ms);

    if (status == MQTT_E2E_OK && d->connected &&
        (d->options.ask_replies || d->options.session.own_clock_ms) && !subscribe_replies(d))
        return MQTT_E2E_BUSY;
    return status;
}
