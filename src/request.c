/* SPDX-License-Identifier: MIT */
/* Requests, replies, and the time from a peer (docs/PROTOCOL.md §6). */
#include "core.h"
#include "b64u.h"

#include <string.h>

/* ---- The asker ---- */

/* One whose time is over stays closed, also if the clock is set back after that. */
static void close_expired(mqtt_e2e_session *s, int64_t now_ms)
{
    for (size_t i = 0; i < s->request_count; i++)
        if (now_ms >= s->requests[i].until)
            s->requests[i].until = 0;
}

mqtt_e2e_open_request_ *e2e_request_find(mqtt_e2e_session *s, const mqtt_e2e_id *id, int64_t now_ms)
{
    close_expired(s, now_ms);
    for (size_t i = 0; i < s->request_count; i++) {
        mqtt_e2e_open_request_ *request = &s->requests[i];

        if (request->until != 0 && request->counter == id->counter &&
            memcmp(request->stream, id->stream, sizeof request->stream) == 0)
            return request;
    }
    return NULL;
}

static mqtt_e2e_open_request_ *free_place(mqtt_e2e_session *s, int64_t now_ms)
{
    close_expired(s, now_ms);
    for (size_t i = 0; i < s->request_count; i++)
        if (s->requests[i].until == 0)
            return &s->requests[i];
    return NULL;
}

mqtt_e2e_status mqtt_e2e_request(mqtt_e2e_session *s, const mqtt_e2e_topic *topic, const void *payload,
                                 size_t len, uint8_t *packet, size_t size, int64_t now_ms,
                                 uint32_t timeout_ms, size_t *packet_len, mqtt_e2e_id *request)
{
    e2e_draft draft = {MQTT_E2E_REQUEST, e2e_session_now(s, now_ms), NULL, 0, payload, len};
    mqtt_e2e_open_request_ *place = free_place(s, now_ms);
    mqtt_e2e_status status;

    if (!e2e_seal_topic_ok(topic))
        return MQTT_E2E_BAD_TOPIC;
    if (draft.time == 0)
        return MQTT_E2E_NO_CLOCK;
    if (place == NULL)
        return MQTT_E2E_BUSY;
    status = e2e_seal_draft(s, topic, &draft, packet, size, packet_len, request);
    if (status != MQTT_E2E_OK)
        return status;
    memcpy(place->stream, request->stream, sizeof place->stream);
    place->counter = request->counter;
    place->until = now_ms + (timeout_ms != 0 ? timeout_ms : E2E_REQUEST_TIMEOUT_MS);
    return MQTT_E2E_OK;
}

void mqtt_e2e_close(mqtt_e2e_session *s, const mqtt_e2e_id *request)
{
    for (size_t i = 0; i < s->request_count; i++)
        if (s->requests[i].counter == request->counter &&
            memcmp(s->requests[i].stream, request->stream, sizeof request->stream) == 0)
            s->requests[i].until = 0;
}

/* ---- The answerer ---- */

mqtt_e2e_status mqtt_e2e_reply_topic(mqtt_e2e_session *s, const uint8_t stream[MQTT_E2E_STREAM_ID_SIZE],
                                     char name[MQTT_E2E_REPLY_NAME_SIZE], char *wire, size_t size,
                                     mqtt_e2e_topic *topic)
{
    static const char prefix[] = "~reply/";
    const size_t n = sizeof prefix - 1;

    memcpy(name, prefix, n);
    name[n + e2e_b64u_encode(stream, MQTT_E2E_STREAM_ID_SIZE, name + n)] = '\0';
    return mqtt_e2e_hide(s, name, wire, size, topic);
}

mqtt_e2e_status mqtt_e2e_reply(mqtt_e2e_session *s, const mqtt_e2e_topic *topic, const mqtt_e2e_id *request,
                               const void *payload, size_t len, uint8_t *packet, size_t size, int64_t now_ms,
                               size_t *packet_len)
{
    uint8_t binding[MQTT_E2E_BINDING_SIZE];
    e2e_draft draft = {MQTT_E2E_REPLY, e2e_session_now(s, now_ms), binding, sizeof binding, payload, len};

    if (topic->name == NULL)
        return MQTT_E2E_BAD_TOPIC;
    if (draft.time == 0)
        return MQTT_E2E_NO_CLOCK;
    e2e_packet_put_id(binding, request);
    return e2e_seal_draft(s, topic, &draft, packet, size, packet_len, NULL);
}

/* ---- Time ---- */

bool e2e_request_is_time(const mqtt_e2e_session *s, const mqtt_e2e_id *id, int64_t now_ms)
{
    return s->asking && id->counter == s->asked && now_ms >= s->asked_at &&
           now_ms - s->asked_at <= E2E_TIME_TIMEOUT_MS &&
           memcmp(id->stream, s->own.stream, sizeof id->stream) == 0;
}

mqtt_e2e_status mqtt_e2e_time_request(mqtt_e2e_session *s, const mqtt_e2e_topic *topic, uint8_t *packet,
                                      size_t size, int64_t now_ms, size_t *packet_len)
{
    e2e_draft draft = {MQTT_E2E_REQUEST, 0, NULL, 0, NULL, 0};
    mqtt_e2e_status status;
    mqtt_e2e_id id;

    if (!s->own_clock || now_ms <= 0 || now_ms > E2E_TIME_MAX)
        return MQTT_E2E_BAD_OPTION;
    if (topic->name == NULL)
        return MQTT_E2E_BAD_TOPIC;
    status = e2e_seal_draft(s, topic, &draft, packet, size, packet_len, &id);
    if (status != MQTT_E2E_OK)
        return status;
    s->asking = true;
    s->asked = id.counter;
    s->asked_at = now_ms;
    return MQTT_E2E_OK;
}

mqtt_e2e_status mqtt_e2e_time_reply(mqtt_e2e_session *s, const mqtt_e2e_topic *topic,
                                    const mqtt_e2e_id *request, uint8_t *packet, size_t size, int64_t now_ms,
                                    int64_t *last_ms, size_t *packet_len)
{
    mqtt_e2e_status status;

    if (s->clock_learned)
        return MQTT_E2E_NO_CLOCK; /* time must not go round among those who learnt it from each other */
    if (*last_ms != 0 && now_ms >= *last_ms && now_ms - *last_ms < 1000)
        return MQTT_E2E_BUSY;
    status = mqtt_e2e_reply(s, topic, request, NULL, 0, packet, size, now_ms, packet_len);
    if (status == MQTT_E2E_OK)
        *last_ms = now_ms;
    return status;
}
