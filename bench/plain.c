/* SPDX-License-Identifier: MIT */
/*
 * For comparison: what the client calls to seal and open, without any protection. Linked in the place of src/seal.c and
 * src/open.c, it makes of the same client a plaintext one: the payload is the packet.
 */
#include "core.h"

size_t mqtt_e2e_sealed_size(const mqtt_e2e_session *session, size_t len)
{
    (void)session;
    return len;
}

bool e2e_seal_topic_ok(const mqtt_e2e_topic *topic)
{
    return topic->name != NULL;
}

mqtt_e2e_status e2e_seal_draft(mqtt_e2e_session *session, const mqtt_e2e_topic *topic, const e2e_draft *draft,
                               uint8_t *packet, size_t size, size_t *packet_len, mqtt_e2e_id *id)
{
    (void)session;
    (void)topic;
    (void)id;
    if (size < draft->len)
        return MQTT_E2E_NO_ROOM;
    memcpy(packet, draft->payload, draft->len);
    *packet_len = draft->len;
    return MQTT_E2E_OK;
}

mqtt_e2e_status mqtt_e2e_seal(mqtt_e2e_session *session, const mqtt_e2e_topic *topic, mqtt_e2e_kind kind,
                              const void *payload, size_t len, uint8_t *packet, size_t size, int64_t now_ms,
                              size_t *packet_len)
{
    e2e_draft draft = {.kind = kind, .time = now_ms, .payload = payload, .len = len};

    return e2e_seal_draft(session, topic, &draft, packet, size, packet_len, NULL);
}

mqtt_e2e_status mqtt_e2e_seal_again(mqtt_e2e_session *session, const mqtt_e2e_topic *topic,
                                    mqtt_e2e_kind kind, const mqtt_e2e_id *first, int64_t first_time,
                                    const void *payload, size_t len, uint8_t *packet, size_t size,
                                    int64_t now_ms, size_t *packet_len)
{
    (void)first;
    (void)first_time;
    return mqtt_e2e_seal(session, topic, kind, payload, len, packet, size, now_ms, packet_len);
}

mqtt_e2e_status mqtt_e2e_open(mqtt_e2e_session *session, const mqtt_e2e_topic *topic, const uint8_t *packet,
                              size_t len, uint8_t *out, size_t size, int64_t now_ms,
                              mqtt_e2e_message *message)
{
    (void)session;
    (void)out;
    (void)size;
    *message = (mqtt_e2e_message){.kind = MQTT_E2E_MESSAGE,
                                  .time = now_ms,
                                  .first_time = now_ms,
                                  .topic = {topic->name, topic->name_len},
                                  .payload = {packet, len}};
    return MQTT_E2E_OK;
}
