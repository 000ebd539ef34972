/* SPDX-License-Identifier: MIT */
/*
 * What goes out. A message is sealed when a broker can take it, not before, so that it does not grow stale in a queue;
 * and a broker is handed the next when the one before is written, so that nothing waits inside libmosquitto.
 */
#include <stdlib.h>
#include <string.h>

#include "private.h"

int64_t e2e_send_fresh_ms(const mqtt_e2e_client *client)
{
    return client->options.session.clock_skew_ms / 2;
}

bool e2e_send_renew(mqtt_e2e_client *client)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    bool fine = e2e_clock_random(random, sizeof random) &&
                mqtt_e2e_renew(client->session, random, e2e_clock_now(client)) == MQTT_E2E_OK;

    mqtt_e2e_wipe_memory(random, sizeof random);
    if (fine && !e2e_store_snapshot(&client->store, client->session)) { /* before it seals anything */
        e2e_client_stop(client);
        return false;
    }
    if (fine)
        e2e_requests_renewed(client);
    return fine;
}

/* ---- Sealing ------------------------------------------------------------------------------------- */

static mqtt_e2e_status seal_request(mqtt_e2e_client *client, const e2e_outgoing *draft, int64_t now,
                                    size_t *len)
{
    int64_t left = draft->request->deadline - e2e_clock_boot();
    mqtt_e2e_id id;
    mqtt_e2e_status status;

    if (client->requests.reply == NULL)
        return MQTT_E2E_NO_ROOM; /* there was no memory for it when the stream was renewed */
    status =
        mqtt_e2e_request(client->session, &draft->topic->topic, draft->payload, draft->len, client->packet,
                         client->packet_size, now, left > 0 ? (uint32_t)left : 1, len, &id);

    if (status == MQTT_E2E_OK)
        e2e_requests_sealed(client, draft->request, &id);
    return status;
}

/* A message names its first packet, so that receivers take one. They remember a window of counters for each stream: a packet
 * that names one of its own stream would push those before it out. */
static mqtt_e2e_status seal_again(mqtt_e2e_client *client, const e2e_outgoing *draft, int64_t now,
                                  size_t *len)
{
    mqtt_e2e_id own = mqtt_e2e_own_stream(client->session);

    if (memcmp(own.stream, draft->first.stream, sizeof own.stream) == 0 && !e2e_send_renew(client))
        return MQTT_E2E_EXHAUSTED;
    return mqtt_e2e_seal_again(client->session, &draft->topic->topic, draft->kind, &draft->first,
                               draft->first_ms, draft->payload, draft->len, client->packet,
                               client->packet_size, now, len);
}

static mqtt_e2e_status seal_once(mqtt_e2e_client *client, const e2e_outgoing *draft, int64_t now, size_t *len)
{
    if (draft->again)
        return seal_again(client, draft, now, len);
    switch (draft->kind) {
    case MQTT_E2E_REQUEST:
        return seal_request(client, draft, now, len);
    case MQTT_E2E_REPLY:
        return mqtt_e2e_reply(client->session, &draft->topic->topic, &draft->answers, draft->payload,
                              draft->len, client->packet, client->packet_size, now, len);
    default:
        return mqtt_e2e_seal(client->session, &draft->topic->topic, draft->kind, draft->payload, draft->len,
                             client->packet, client->packet_size, now, len);
    }
}

/* To client->packet. EXHAUSTED: a request, which now waits for the new stream's reply topic. */
static mqtt_e2e_status seal(mqtt_e2e_client *client, const e2e_outgoing *draft, int64_t now,
                            e2e_sealed *sealed)
{
    size_t size = mqtt_e2e_sealed_size(client->session, draft->len + MQTT_E2E_AGAIN_SIZE);
    mqtt_e2e_status status;

    if (!e2e_client_buffer(&client->packet, &client->packet_size, size))
        return MQTT_E2E_NO_ROOM;
    status = seal_once(client, draft, now, &sealed->len);
    if (status == MQTT_E2E_EXHAUSTED && e2e_send_renew(client) && draft->kind != MQTT_E2E_REQUEST)
        status = seal_once(client, draft, now, &sealed->len);
    sealed->wire = draft->topic->topic.wire;
    sealed->packet = client->packet;
    sealed->qos = draft->qos;
    sealed->retain = draft->kind == MQTT_E2E_LASTING;
    return status;
}

/* ---- Done ---------------------------------------------------------------------------------------- */

void e2e_send_note(mqtt_e2e_client *client, uint64_t ticket, const mqtt_e2e_error *error)
{
    e2e_done *done = client->done;

    if (client->options.on_published == NULL)
        return;
    if (client->done_count == client->done_size) {
        size_t size = client->done_size > 0 ? 2 * client->done_size : 64;

        done = realloc(done, size * sizeof *done);
        if (done == NULL)
            return;
        client->done = done;
        client->done_size = size;
    }
    done = &client->done[client->done_count++];
    *done = (e2e_done){.ticket = ticket};
    if (error != NULL && (done->error = malloc(sizeof *error)) != NULL)
        *done->error = *error;
}

void e2e_send_report(mqtt_e2e_client *client, e2e_entry *entry, const mqtt_e2e_error *error)
{
    e2e_request *request = entry->draft.request;

    if (error != NULL)
        e2e_client_debug(client, "not published on '%.200s': %s", entry->draft.topic->topic.name,
                         error->text);
    if (request != NULL && error != NULL)
        e2e_requests_fail(client, request);
    else if (entry->draft.kind == MQTT_E2E_MESSAGE || entry->draft.kind == MQTT_E2E_LASTING)
        e2e_send_note(client, entry->ticket, error);
}

/* ---- Handing over -------------------------------------------------------------------------------- */

/* Whether it is the packet that was refused, not the connection that failed. */
static bool is_refusal(int code)
{
    return code == MOSQ_ERR_INVAL || code == MOSQ_ERR_PAYLOAD_SIZE || code == MOSQ_ERR_OVERSIZE_PACKET ||
           code == MOSQ_ERR_QOS_NOT_SUPPORTED || code == MOSQ_ERR_MALFORMED_UTF8 ||
           code == MOSQ_ERR_NOT_SUPPORTED;
}

/* What this broker said that it does not take (MQTT 5). */
static bool is_taken(const e2e_broker *b, const e2e_outgoing *draft, mqtt_e2e_error *error)
{
    if (draft->qos > b->max_qos)
        return e2e_error_set(error, "", "the broker takes messages up to QoS %d only", b->max_qos);
    if (draft->kind == MQTT_E2E_LASTING && b->no_lasting)
        return e2e_error_set(error, "", "the broker keeps no lasting (retained) messages");
    return true;
}

static void put_in_flight(e2e_broker *b, e2e_flight *flight, uint16_t mid)
{
    flight->mid = mid;
    flight->at = e2e_clock_boot();
    /* Of QoS 0 the broker has a part: a loss of the connection ends that, but another broker may be sent it meanwhile. */
    flight->entry->went_out |= flight->entry->draft.qos > 0 || b->client->broker_count > 1;
    if (flight->entry->draft.qos == 0) {
        e2e_flights_write(b, flight);
        return;
    }
    e2e_flights_await_ack(b, flight);
}

bool e2e_send_now(e2e_broker *b, const e2e_outgoing *draft, uint64_t *ticket)
{
    mqtt_e2e_client *client = b->client;
    e2e_sealed sealed;
    uint16_t mid;
    int code;

    if (!is_taken(b, draft, NULL) || seal(client, draft, e2e_clock_now(client), &sealed) != MQTT_E2E_OK)
        return false;
    code = e2e_connection_publish(b, &sealed, &mid);
    if (code != MOSQ_ERR_SUCCESS) {
        b->broken = is_refusal(code) ? 0 : code;
        return false;
    }
    if (mosquitto_want_write(b->mosq)) {
        e2e_entry *entry = e2e_queue_make(&client->queue, draft);

        if (entry != NULL) {
            e2e_flights_begin(client, entry);
            put_in_flight(b, &entry->flights[b->index], mid);
            *ticket = entry->ticket;
            e2e_broker_watch(b);
            return true;
        }
    }
    *ticket = ++client->queue.tickets;
    b->info.published++;
    e2e_send_note(client, *ticket, NULL);
    e2e_send_pump(b); /* should on_debug have queued something */
    return true;
}

static bool may_go_again(const e2e_entry *entry)
{
    return entry->went_out &&
           (entry->draft.kind == MQTT_E2E_MESSAGE || entry->draft.kind == MQTT_E2E_LASTING);
}

/* A new packet. */
static mqtt_e2e_status seal_entry(mqtt_e2e_client *client, e2e_entry *entry, e2e_sealed *sealed)
{
    mqtt_e2e_status status;

    e2e_queue_unseal(entry);
    entry->sealed_at = e2e_clock_boot();
    entry->sealed_ms = e2e_clock_now(client);
    entry->draft.again = may_go_again(entry); /* in the Toit profile: not at all */
    status = seal(client, &entry->draft, entry->sealed_ms, sealed);
    if (status == MQTT_E2E_OK && !entry->draft.again) {
        entry->draft.first = mqtt_e2e_own_stream(client->session);
        entry->draft.first.counter--;
        entry->draft.first_ms = entry->sealed_ms;
    }
    return status;
}

/* The packet that was made before, if receivers will still take it; else a new one. */
static mqtt_e2e_status get_sealed(mqtt_e2e_client *client, e2e_entry *entry, e2e_sealed *sealed)
{
    if (!e2e_flights_fresh(client, entry))
        return seal_entry(client, entry, sealed);
    *sealed = (e2e_sealed){entry->draft.topic->topic.wire, entry->sealed, entry->sealed_len, entry->draft.qos,
                           entry->draft.kind == MQTT_E2E_LASTING};
    return MQTT_E2E_OK;
}

mqtt_e2e_status e2e_send_seal(mqtt_e2e_client *client, e2e_entry *entry)
{
    e2e_sealed sealed;
    mqtt_e2e_status status = seal_entry(client, entry, &sealed);

    if (status == MQTT_E2E_OK && !e2e_queue_keep_packet(entry, sealed.packet, sealed.len))
        status = MQTT_E2E_NO_ROOM;
    e2e_client_trim(&client->packet, &client->packet_size);
    return status;
}

static void hand_over(e2e_broker *b, e2e_flight *flight, const e2e_sealed *sealed)
{
    e2e_entry *entry = flight->entry;
    mqtt_e2e_error error;
    uint16_t mid;
    int code = e2e_connection_publish(b, sealed, &mid);

    if (is_refusal(code)) {
        e2e_error_set(&error, "", "%s", e2e_reason_mosquitto(code));
        e2e_flights_refused(b, flight, &error);
        return;
    }
    b->broken = code;
    /* With QoS 1 and 2 libmosquitto has it, whatever became of the connection. */
    if (code != MOSQ_ERR_SUCCESS && (entry->draft.qos == 0 || code == MOSQ_ERR_NOMEM))
        return;
    if (entry->draft.qos > 0 || mosquitto_want_write(b->mosq)) {
        put_in_flight(b, flight, mid);
    } else {
        e2e_flights_arrived(b, flight);
    }
}

/* The next that has not been sealed yet. What waits for a spool that can't be written holds up no others. */
static e2e_entry *next_entry(e2e_broker *b)
{
    const e2e_queue *queue = &b->client->queue;
    e2e_entry *entry = e2e_queue_next(queue, !TAILQ_EMPTY(&queue->requests) && e2e_requests_ready(b));

    if (entry != NULL && entry->seq != 0 && !entry->spooled && e2e_spooling_stalled(b->client))
        return e2e_queue_unspooled(queue);
    return entry;
}

/* An entry that could not be sealed. False: nothing can go. */
static bool not_sealed(mqtt_e2e_client *client, e2e_entry *entry, mqtt_e2e_status status)
{
    mqtt_e2e_error error;

    if (status == MQTT_E2E_EXHAUSTED && entry->draft.kind != MQTT_E2E_REQUEST) {
        e2e_client_debug(client, "no random bytes for a new stream; nothing is sent");
        return false;
    }
    if (status == MQTT_E2E_EXHAUSTED && entry->flying == 0)
        return true; /* a request: it waits for the new stream's reply topic */
    if (status == MQTT_E2E_UNSUPPORTED)
        e2e_error_set(&error, "",
                      "no broker acknowledged it in %.1f s, and in the Toit profile it can't be"
                      " sealed anew: it might be taken twice",
                      (double)e2e_send_fresh_ms(client) / 1000);
    else
        e2e_error_status(&error, status);
    e2e_flights_fail(client, entry, &error);
    return true;
}

/* False: nothing can go. */
static bool send_next(e2e_broker *b)
{
    mqtt_e2e_client *client = b->client;
    e2e_flight *flight = e2e_flights_next(b);
    e2e_entry *entry = flight != NULL ? flight->entry : next_entry(b);
    mqtt_e2e_status status;
    mqtt_e2e_error error;
    e2e_sealed sealed;

    if (entry == NULL || !e2e_broker_has_window(b, entry->draft.qos))
        return false;
    if (entry->seq != 0 && !(entry->spooled && e2e_flights_fresh(client, entry))) {
        e2e_spooling_want(client);
        return false;
    }
    status = get_sealed(client, entry, &sealed);
    if (status != MQTT_E2E_OK)
        return not_sealed(client, entry, status);
    if (flight == NULL) {
        e2e_flights_begin(client, entry);
        flight = &entry->flights[b->index];
    }
    if (entry->draft.qos > 0 || entry->flying > 1)
        e2e_queue_keep_packet(entry, sealed.packet, sealed.len);
    if (is_taken(b, &entry->draft, &error))
        hand_over(b, flight, &sealed);
    else
        e2e_flights_refused(b, flight, &error);
    e2e_client_trim(&client->packet, &client->packet_size);
    return true;
}

/* Tells a node without a clock the time (§6). */
static void answer_time(e2e_broker *b)
{
    mqtt_e2e_client *client = b->client;
    e2e_topic *topic = e2e_client_reply_topic(client, &b->time_request, NULL);
    size_t size = mqtt_e2e_sealed_size(client->session, MQTT_E2E_BINDING_SIZE), len;
    mqtt_e2e_status status = MQTT_E2E_EXHAUSTED;
    uint16_t mid;

    b->time_asked = false;
    if (topic == NULL)
        return;
    if (e2e_client_buffer(&client->packet, &client->packet_size, size))
        for (int i = 0; i < 2 && status == MQTT_E2E_EXHAUSTED && (i == 0 || e2e_send_renew(client)); i++)
            status = mqtt_e2e_time_reply(client->session, &topic->topic, &b->time_request, client->packet,
                                         client->packet_size, e2e_clock_now(client), &b->time_last_ms, &len);
    if (status == MQTT_E2E_OK) {
        e2e_sealed sealed = {topic->topic.wire, client->packet, len, 0, false};

        b->broken = e2e_connection_publish(b, &sealed, &mid);
    }
    e2e_topics_release(topic);
}

void e2e_send_pump(e2e_broker *b)
{
    while (e2e_broker_writable(b)) {
        if (e2e_subscriptions_send(b))
            continue;
        if (b->time_asked)
            answer_time(b);
        else if (!send_next(b))
            break;
    }
    e2e_broker_watch(b);
}
