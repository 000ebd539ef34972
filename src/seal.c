/* SPDX-License-Identifier: MIT */
#include "core.h"
#include "known.h"

#include <string.h>

/* MQTT_E2E_PADME is for constants; of what is not, it would make four times the code. */
static size_t padme(size_t len)
{
    unsigned exponent = 0, bits = 0;
    size_t mask;

    while (len >> exponent > 1)
        exponent++;
    while (exponent >> bits > 0)
        bits++;
    mask = ((size_t)1 << (exponent - bits)) - 1;
    return (len + mask) & ~mask;
}

static size_t padded_size(const mqtt_e2e_session *s, size_t len)
{
    if (len <= s->pad_size)
        return s->pad_size;
    return s->padme ? padme(len) : len;
}

size_t mqtt_e2e_sealed_size(const mqtt_e2e_session *s, size_t len)
{
    if (E2E_IS_TOIT(s))
        return e2e_toit_sealed_size(len, padded_size(s, len));
    return MQTT_E2E_OVERHEAD + padded_size(s, len);
}

bool e2e_seal_topic_ok(const mqtt_e2e_topic *topic)
{
    return topic->name != NULL && topic->name_len > 0 && topic->name[0] != '~';
}

/* Kind, time, length, prefix, payload and padding. The payload goes first: it may lie where the others come. */
static void write_text(uint8_t *text, const e2e_draft *draft, size_t padded)
{
    size_t len = draft->prefix_len + draft->len;
    e2e_inner inner = {(uint8_t)draft->kind, draft->time, (uint32_t)len};

    if (draft->len > 0)
        memmove(text + E2E_INNER_SIZE + draft->prefix_len, draft->payload, draft->len);
    e2e_packet_put_inner(text, &inner);
    if (draft->prefix_len > 0)
        memcpy(text + E2E_INNER_SIZE, draft->prefix, draft->prefix_len);
    if (padded > len)
        memset(text + E2E_INNER_SIZE + len, 0, padded - len);
}

static int encrypt(mqtt_e2e_session *s, const mqtt_e2e_topic *topic, const mqtt_e2e_id *id, uint8_t *packet,
                   size_t n)
{
    uint8_t nonce[MQTT_E2E_NONCE_SIZE], mask[E2E_HEADER_SIZE];
    uint8_t *tag = packet + n - MQTT_E2E_TAG_SIZE;

    e2e_packet_put_id(packet, id);
    e2e_packet_nonce(id, nonce);
    if (s->crypto->seal(s->keys, nonce, topic->name, topic->name_len, packet + E2E_HEADER_SIZE,
                        n - E2E_HEADER_SIZE - MQTT_E2E_TAG_SIZE, tag) != 0 ||
        s->crypto->mask(s->keys, tag, mask) != 0)
        return -1;
    for (size_t i = 0; i < sizeof mask; i++)
        packet[i] ^= mask[i];
    return 0;
}

mqtt_e2e_status e2e_seal_draft(mqtt_e2e_session *s, const mqtt_e2e_topic *topic, const e2e_draft *draft,
                               uint8_t *packet, size_t size, size_t *packet_len, mqtt_e2e_id *id)
{
    size_t n = mqtt_e2e_sealed_size(s, draft->prefix_len + draft->len);
    mqtt_e2e_id own = s->own;

    if (E2E_IS_TOIT(s))
        return MQTT_E2E_UNSUPPORTED; /* a request, a reply, or a message sealed anew */
    if (draft->len > MQTT_E2E_PAYLOAD_MAX || n > MQTT_E2E_OVERHEAD + MQTT_E2E_PAYLOAD_MAX)
        return MQTT_E2E_TOO_LONG;
    if (size < n)
        return MQTT_E2E_NO_ROOM;
    if (own.counter == UINT32_MAX)
        return MQTT_E2E_EXHAUSTED;
    s->own.counter++; /* before it is used: whatever fails from here on, this nonce is never used again */
    if (draft->time > s->last_sealed)
        s->last_sealed = draft->time;
    write_text(packet + E2E_HEADER_SIZE, draft, n - MQTT_E2E_OVERHEAD);
    if (encrypt(s, topic, &own, packet, n) != 0) {
        mqtt_e2e_wipe_memory(packet, n);
        return MQTT_E2E_CRYPTO_FAILED;
    }
    if (id != NULL)
        *id = own;
    *packet_len = n;
    return MQTT_E2E_OK;
}

mqtt_e2e_status mqtt_e2e_seal(mqtt_e2e_session *s, const mqtt_e2e_topic *topic, mqtt_e2e_kind kind,
                              const void *payload, size_t len, uint8_t *packet, size_t size, int64_t now_ms,
                              size_t *packet_len)
{
    e2e_draft draft = {kind, e2e_session_now(s, now_ms), NULL, 0, payload, len};

    if (kind != MQTT_E2E_MESSAGE && kind != MQTT_E2E_LASTING)
        return MQTT_E2E_BAD_OPTION;
    if (!e2e_seal_topic_ok(topic))
        return MQTT_E2E_BAD_TOPIC;
    if (draft.time == 0)
        return MQTT_E2E_NO_CLOCK;
    if (E2E_IS_TOIT(s))
        return kind == MQTT_E2E_MESSAGE ? e2e_toit_seal(s, &draft, packet, size, packet_len)
                                        : MQTT_E2E_UNSUPPORTED;
    return e2e_seal_draft(s, topic, &draft, packet, size, packet_len, NULL);
}

mqtt_e2e_status mqtt_e2e_seal_again(mqtt_e2e_session *s, const mqtt_e2e_topic *topic, mqtt_e2e_kind kind,
                                    const mqtt_e2e_id *first, int64_t first_time, const void *payload,
                                    size_t len, uint8_t *packet, size_t size, int64_t now_ms,
                                    size_t *packet_len)
{
    uint8_t prefix[MQTT_E2E_AGAIN_SIZE];
    e2e_draft draft = {
        (mqtt_e2e_kind)E2E_KIND_AGAIN, e2e_session_now(s, now_ms), prefix, sizeof prefix, payload, len};

    if ((kind != MQTT_E2E_MESSAGE && kind != MQTT_E2E_LASTING) || first_time <= 0 ||
        first_time > E2E_TIME_MAX)
        return MQTT_E2E_BAD_OPTION;
    if (!e2e_seal_topic_ok(topic))
        return MQTT_E2E_BAD_TOPIC;
    if (draft.time == 0)
        return MQTT_E2E_NO_CLOCK;
    e2e_packet_put_id(prefix, first);
    e2e_packet_put_time(prefix + MQTT_E2E_BINDING_SIZE, first_time);
    prefix[MQTT_E2E_AGAIN_SIZE - 1] = (uint8_t)kind;
    return e2e_seal_draft(s, topic, &draft, packet, size, packet_len, NULL);
}
