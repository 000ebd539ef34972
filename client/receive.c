/* SPDX-License-Identifier: MIT */
/* What comes in: read back the topic, open, hand on. All of it runs within a callback of libmosquitto. */
#include <string.h>

#include "private.h"

/* Opens to the client's buffer. What is too long in any case is refused where it lies. */
static mqtt_e2e_status open_packet(mqtt_e2e_client *client, const mqtt_e2e_topic *topic,
                                   const struct mosquitto_message *from, mqtt_e2e_message *message)
{
    static uint8_t nothing[1];
    uint8_t *packet = from->payload != NULL ? from->payload : nothing, *out = packet;
    size_t len = from->payloadlen > 0 ? (size_t)from->payloadlen : 0;

    if (len <= client->options.session.longest_packet) {
        if (!e2e_client_buffer(&client->text, &client->text_size, len))
            return MQTT_E2E_NO_ROOM;
        out = client->text;
    }
    return mqtt_e2e_open(client->session, topic, packet, len, out, len, e2e_clock_now(client), message);
}

/* The prepared topic, for messages to come; a reference. NULL: no memory. */
static e2e_topic *keep_topic(mqtt_e2e_client *client, const mqtt_e2e_topic *read)
{
    e2e_topic *topic = e2e_topics_make(read);

    if (topic != NULL)
        e2e_topics_keep(&client->revealed, topic);
    return topic;
}

static void call_subscribers(mqtt_e2e_client *client, e2e_topic *topic, const mqtt_e2e_delivery *delivery)
{
    if (!e2e_subscriptions_match(client, topic))
        return;
    for (size_t i = 0; i < topic->match_count; i++) {
        const e2e_subscription *subscription = topic->matches[i];

        if (subscription->dead || subscription->callback == NULL) /* by a callback before it */
            continue;
        client->inside++;
        subscription->callback(client, delivery, subscription->context);
        client->inside--;
    }
}

static void note_time_request(e2e_broker *b, const mqtt_e2e_message *message)
{
    if (!b->client->options.time_source || b->time_asked)
        return;
    b->time_asked = true;
    b->time_request = message->id;
}

static void note_accepted(e2e_broker *b, const mqtt_e2e_message *message)
{
    b->info.first++;
    e2e_copies_accepted(&b->client->copies, &message->id, b->index);
    if (message->again)
        e2e_copies_accepted(&b->client->copies, &message->first, b->index);
}

static void hand_on(e2e_broker *b, e2e_topic *topic, const mqtt_e2e_delivery *delivery)
{
    mqtt_e2e_client *client = b->client;

    if (delivery->status == MQTT_E2E_TIME_ASKED)
        note_time_request(b, delivery->message);
    else if (delivery->status == MQTT_E2E_OK && delivery->message->kind == MQTT_E2E_REPLY)
        e2e_requests_answer(client, delivery);
    else if (delivery->status == MQTT_E2E_OK)
        call_subscribers(client, topic, delivery);
}

/* A message sealed anew may have come in its first packet, or in the other. */
static bool is_copy(const e2e_broker *b, const mqtt_e2e_message *message)
{
    e2e_copies *copies = &b->client->copies;

    if (e2e_copies_is_copy(copies, &message->id, b->index))
        return true;
    if (!message->again || !e2e_copies_is_copy(copies, &message->first, b->index))
        return false;
    e2e_copies_accepted(copies, &message->id, b->index);
    return true;
}

static void refuse(e2e_broker *b, const mqtt_e2e_delivery *delivery)
{
    mqtt_e2e_client *client = b->client;

    if (!mqtt_e2e_refused(delivery->status)) {
        e2e_client_debug(client, "a packet of %zu bytes could not be opened: %s", delivery->packet_len,
                         mqtt_e2e_status_text(delivery->status));
        return;
    }
    if ((delivery->status == MQTT_E2E_REPLAY || delivery->status == MQTT_E2E_STALE) &&
        is_copy(b, delivery->message)) {
        b->info.copies++;
        return;
    }
    b->info.refused++;
    if (client->options.on_refused == NULL)
        return;
    client->inside++;
    client->options.on_refused(client, delivery, client->options.context);
    client->inside--;
}

void e2e_receive(e2e_broker *b, const struct mosquitto_message *from)
{
    mqtt_e2e_client *client = b->client;

    if (client->stopped)
        return;
    size_t wire_len = strlen(from->topic);
    e2e_topic *topic = e2e_topics_find(&client->revealed, from->topic, wire_len);
    mqtt_e2e_topic read;
    mqtt_e2e_message message;
    mqtt_e2e_delivery delivery = {.message = &message,
                                  .broker = b->label,
                                  .wire_topic = from->topic,
                                  .packet_len = from->payloadlen > 0 ? (size_t)from->payloadlen : 0,
                                  .qos = from->qos,
                                  .retain = from->retain,
                                  .mid = (uint16_t)from->mid};

    if (topic != NULL) {
        topic->refs++;
        read = topic->topic;
    } else {
        mqtt_e2e_reveal(client->session, from->topic, wire_len, client->name, E2E_SCRATCH_SIZE, &read);
    }
    delivery.status = open_packet(client, &read, from, &message);
    if (delivery.status == MQTT_E2E_OK)
        note_accepted(b, &message);
    if (read.name != NULL)
        message.topic = (mqtt_e2e_bytes){read.name, read.name_len}; /* also of what was refused */
    if (delivery.status == MQTT_E2E_OK && !e2e_store_accepted(&client->store, client->session, &message))
        e2e_client_stop(client); /* what can't be remembered is not handed on */
    else if (delivery.status != MQTT_E2E_OK && delivery.status != MQTT_E2E_TIME_ASKED)
        refuse(b, &delivery);
    else if (topic != NULL || (topic = keep_topic(client, &read)) != NULL)
        hand_on(b, topic, &delivery);
    e2e_topics_release(topic);
    e2e_client_trim(&client->text, &client->text_size);
}
