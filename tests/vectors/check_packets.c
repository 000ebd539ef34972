/* SPDX-License-Identifier: MIT */
/* packets.json and example.json: sealing gives the same bytes, opening gives the message back. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "packet.h"

#define AGAIN   4   /* kind */
#define TRIP_MS 400 /* of a question for the time */
#define ROOM    (MQTT_E2E_OVERHEAD + 65535)

static uint8_t packet[ROOM], text[ROOM];
static char wire[2048], reply_wire[256];

/* One vector with what is needed to seal or open it. */
typedef struct {
    const vector_packet *vector;
    const mqtt_e2e_crypto *crypto;
    uint8_t *payload;  /* as on the wire: of a reply with its binding */
    mqtt_e2e_id id;    /* of the packet */
    mqtt_e2e_id named; /* of a reply, or sealed anew: what its payload names */
    size_t prefix;     /* bytes with which it does */
    bool time_request, time_reply;
} scene;

static mqtt_e2e_id make_id(const void *stream, uint32_t counter)
{
    mqtt_e2e_id id = {.counter = counter};

    memcpy(id.stream, stream, sizeof id.stream);
    return id;
}

static scene set_scene(const mqtt_e2e_crypto *crypto, const vector_packet *v)
{
    scene s = {.vector = v, .crypto = crypto, .id = make_id(v->stream.data, v->counter)};

    if (v->payload.whole.data == NULL) {
        s.payload = check_seeded(v->payload.seed, v->payload.len);
    } else {
        s.payload = check_alloc(v->payload.len);
        memcpy(s.payload, v->payload.whole.data, v->payload.len);
    }
    s.prefix = v->kind == AGAIN ? MQTT_E2E_AGAIN_SIZE : v->kind == MQTT_E2E_REPLY ? MQTT_E2E_BINDING_SIZE : 0;
    if (s.prefix > 0)
        e2e_packet_get_id(s.payload, &s.named);
    s.time_request = strcmp(v->topic, "~time") == 0;
    s.time_reply = strcmp(v->about, "time reply") == 0;
    return s;
}

/* The topic is prepared as its user would: replies go on a topic of their own kind. */
static mqtt_e2e_topic prepare(mqtt_e2e_session *session, const scene *s, char name[MQTT_E2E_REPLY_NAME_SIZE])
{
    mqtt_e2e_topic topic;
    bool to_reply_topic = strncmp(s->vector->topic, "~reply/", 7) == 0;
    mqtt_e2e_status status =
        to_reply_topic
            ? mqtt_e2e_reply_topic(session, s->named.stream, name, reply_wire, sizeof reply_wire, &topic)
            : mqtt_e2e_hide(session, s->vector->topic, wire, sizeof wire, &topic);

    if (status != MQTT_E2E_OK)
        fail_msg("%s: %s: %s", s->crypto->name, s->vector->about, mqtt_e2e_status_text(status));
    assert_string_equal(topic.name, s->vector->topic);
    return topic;
}

static mqtt_e2e_kind first_kind(const scene *s)
{
    return (mqtt_e2e_kind)s->payload[MQTT_E2E_AGAIN_SIZE - 1];
}

static int64_t first_time(const scene *s)
{
    return e2e_packet_get_time(s->payload + MQTT_E2E_BINDING_SIZE);
}

static mqtt_e2e_status seal(mqtt_e2e_session *session, const scene *s, const mqtt_e2e_topic *topic,
                            size_t *len)
{
    const vector_packet *v = s->vector;
    mqtt_e2e_id request;
    int64_t last = 0;

    if (s->time_request)
        return mqtt_e2e_time_request(session, topic, packet, sizeof packet, 1000, len);
    if (s->time_reply)
        return mqtt_e2e_time_reply(session, topic, &s->named, packet, sizeof packet, v->time, &last, len);
    if (v->kind == MQTT_E2E_REQUEST)
        return mqtt_e2e_request(session, topic, s->payload, v->payload.len, packet, sizeof packet, v->time, 0,
                                len, &request);
    if (v->kind == MQTT_E2E_REPLY)
        return mqtt_e2e_reply(session, topic, &s->named, s->payload + MQTT_E2E_BINDING_SIZE,
                              v->payload.len - MQTT_E2E_BINDING_SIZE, packet, sizeof packet, v->time, len);
    if (v->kind == AGAIN)
        return mqtt_e2e_seal_again(session, topic, first_kind(s), &s->named, first_time(s),
                                   s->payload + s->prefix, v->payload.len - s->prefix, packet, sizeof packet,
                                   v->time, len);
    return mqtt_e2e_seal(session, topic, (mqtt_e2e_kind)v->kind, s->payload, v->payload.len, packet,
                         sizeof packet, v->time, len);
}

static mqtt_e2e_options packet_options(const scene *s)
{
    mqtt_e2e_options options = check_options(s->crypto, s->vector->key);

    options.pad_size = s->vector->pad_size;
    options.padme = s->vector->padme;
    return options;
}

/* The stream is put in by hand: streams.json has tested where it comes from. */
static void check_sealing(const scene *s)
{
    mqtt_e2e_options options = packet_options(s);
    options.own_clock_ms = s->time_request;
    mqtt_e2e_session *session = check_session(&options, NULL, s->time_request ? 1000 : s->vector->time);
    char name[MQTT_E2E_REPLY_NAME_SIZE];
    size_t len = 0;

    session->own = s->id;
    mqtt_e2e_topic topic = prepare(session, s, name);
    memset(packet, 0xaa, sizeof packet); /* what padding must not be */
    check_status(s->crypto, s->vector->about, "seal", seal(session, s, &topic, &len), MQTT_E2E_OK);
    check_value(s->crypto, s->vector->about, "packet", packet, len, &s->vector->packet);
    if (len != mqtt_e2e_sealed_size(session, s->vector->payload.len))
        check_wrong("%s: %s: sealed_size", s->crypto->name, s->vector->about);
    check_end(session);
}

/* Lets the receiver ask what the reply answers: the asker is a session with the stream that the reply names. */
static void ask(mqtt_e2e_session *session, const scene *s, int64_t now_ms)
{
    mqtt_e2e_topic topic;
    mqtt_e2e_id own = session->own, request;
    size_t len;

    session->own = s->named;
    assert_int_equal(mqtt_e2e_hide(session, s->time_reply ? "~time" : "q", wire, sizeof wire, &topic),
                     MQTT_E2E_OK);
    if (s->time_reply)
        assert_int_equal(mqtt_e2e_time_request(session, &topic, text, sizeof text, now_ms, &len),
                         MQTT_E2E_OK);
    else
        assert_int_equal(
            mqtt_e2e_request(session, &topic, "", 0, text, sizeof text, now_ms, 0, &len, &request),
            MQTT_E2E_OK);
    if (!s->time_reply)
        session->own = own;
}

static void check_message(const scene *s, const mqtt_e2e_message *m, size_t len)
{
    const vector_packet *v = s->vector;
    bool again = v->kind == AGAIN;
    mqtt_e2e_kind kind = again ? first_kind(s) : (mqtt_e2e_kind)v->kind;

    check_bytes(s->crypto, v->about, "payload", m->payload.data, m->payload.len,
                (mqtt_e2e_bytes){s->payload + s->prefix, v->payload.len - s->prefix});
    check_bytes(s->crypto, v->about, "topic", m->topic.data, m->topic.len,
                (mqtt_e2e_bytes){v->topic, strlen(v->topic)});
    if (m->kind != kind || m->time != v->time || m->old || !e2e_packet_same_id(&m->id, &s->id) ||
        m->padding != len - MQTT_E2E_OVERHEAD - v->payload.len)
        check_wrong("%s: %s: kind, time, id, old or padding", s->crypto->name, v->about);
    if (v->kind == MQTT_E2E_REPLY && !e2e_packet_same_id(&m->request, &s->named))
        check_wrong("%s: %s: request", s->crypto->name, v->about);
    if (m->again != again || m->first_time != (again ? first_time(s) : v->time) ||
        (again && !e2e_packet_same_id(&m->first, &s->named)))
        check_wrong("%s: %s: first packet", s->crypto->name, v->about);
}

/* Opens what is in `packet`, in place or not. */
static void check_opening(const scene *s, size_t len, bool in_place)
{
    mqtt_e2e_options options = check_options(s->crypto, s->vector->key);
    options.floor_given = true;
    options.own_clock_ms = s->time_reply;
    int64_t now_ms = s->time_reply ? 1000 : s->time_request ? 1 : s->vector->time;
    mqtt_e2e_session *session = check_session(&options, NULL, now_ms);
    char name[MQTT_E2E_REPLY_NAME_SIZE];
    mqtt_e2e_message message;

    if (s->vector->kind == MQTT_E2E_REPLY)
        ask(session, s, now_ms);
    mqtt_e2e_topic topic = prepare(session, s, name);
    mqtt_e2e_status status = mqtt_e2e_open(session, &topic, packet, len, in_place ? packet : text, ROOM,
                                           now_ms + (s->time_reply ? TRIP_MS : 0), &message);
    check_status(s->crypto, s->vector->about, "open", status,
                 s->time_request ? MQTT_E2E_TIME_ASKED
                 : s->time_reply ? MQTT_E2E_TIME_SET
                                 : MQTT_E2E_OK);
    if (status == MQTT_E2E_OK)
        check_message(s, &message, len);
    if (status == MQTT_E2E_TIME_SET && mqtt_e2e_utc(session, 1000 + TRIP_MS) != s->vector->time + TRIP_MS / 2)
        check_wrong("%s: the clock was set wrongly", s->crypto->name);
    check_end(session);
}

static void for_packets(void (*check)(const scene *))
{
    for (size_t b = 0; b < test_backend_count; b++) {
        for (size_t i = 0; i < vector_packet_count; i++) {
            scene s = set_scene(test_backends[b], &vector_packets[i]);
            check(&s);
            free(s.payload);
        }
    }
    check_all_right();
}

void check_seal(void **state)
{
    (void)state;
    for_packets(check_sealing);
}

/* The packet to open is the vector's, or, where only its hash is given, one sealed that has this hash. */
static void open_both_ways(const scene *s)
{
    for (int in_place = 0; in_place < 2; in_place++) {
        const vector_value *given = &s->vector->packet;
        if (given->whole.data != NULL)
            memcpy(packet, given->whole.data, given->len);
        else
            check_sealing(s);
        check_opening(s, given->len, in_place == 1);
    }
}

void check_open(void **state)
{
    (void)state;
    for_packets(open_both_ways);
}

/* Nonce and mask for themselves, so that a wrong packet is not the first that one hears of them. */
static void check_parts_of(const scene *s)
{
    const vector_packet *v = s->vector;
    uint8_t bytes[16];

    e2e_packet_nonce(&s->id, bytes);
    check_bytes(s->crypto, v->about, "nonce", bytes, MQTT_E2E_NONCE_SIZE, v->nonce);
    mqtt_e2e_options options = check_options(s->crypto, v->key);
    mqtt_e2e_session *session = check_session(&options, NULL, 1);
    assert_int_equal(s->crypto->mask(session->keys, v->tag.data, bytes), 0);
    check_bytes(s->crypto, v->about, "mask", bytes, sizeof bytes, v->mask);
    check_end(session);
}

void check_parts(void **state)
{
    (void)state;
    for_packets(check_parts_of);
}
