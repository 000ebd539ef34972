/* SPDX-License-Identifier: MIT */
/*
 * The ways of messages to brokers. A message is sealed once, when the first broker can take it, and from then on it has a
 * flight to each broker, up or down. One acknowledgement, of whichever, and it is done; its other flights go on, since the
 * broker that has it may lie, or nobody else may listen there. No broker waits for another: each has its own list of
 * flights, in the order of sealing. What is done takes no room from what is not: it has as much again, and what was done
 * first goes first.
 */
#include "private.h"

bool e2e_flights_fresh(const mqtt_e2e_client *client, const e2e_entry *entry)
{
    int64_t most = e2e_send_fresh_ms(client), age;

    if (entry->sealed == NULL || e2e_clock_boot() - entry->sealed_at > most)
        return false;
    age = e2e_clock_utc(client->options.clock_offset_ms) - entry->sealed_ms; /* the clock may have been set */
    return age >= -most && age <= most;
}

/* ---- Their states -------------------------------------------------------------------------------- */

static void leave(e2e_broker *b, e2e_flight *flight)
{
    switch (flight->state) {
    case E2E_FLIGHT_WAITING:
        TAILQ_REMOVE(&b->waiting, flight, link);
        break;
    case E2E_FLIGHT_WRITING:
        b->writing = NULL;
        break;
    case E2E_FLIGHT_UNACKED:
        TAILQ_REMOVE(&b->unacked, flight, link);
        b->unacked_count--;
        break;
    case E2E_FLIGHT_NONE:
        flight->entry->flying++;
        break;
    }
}

void e2e_flights_begin(mqtt_e2e_client *client, e2e_entry *entry)
{
    e2e_queue_move(&client->queue, entry, &client->queue.sent);
    for (unsigned i = 0; i < client->broker_count; i++) {
        leave(&client->brokers[i], &entry->flights[i]);
        entry->flights[i].state = E2E_FLIGHT_WAITING;
        TAILQ_INSERT_TAIL(&client->brokers[i].waiting, &entry->flights[i], link);
    }
}

void e2e_flights_wait(e2e_broker *b, e2e_flight *flight)
{
    leave(b, flight);
    flight->state = E2E_FLIGHT_WAITING;
    TAILQ_INSERT_HEAD(&b->waiting, flight, link);
}

void e2e_flights_write(e2e_broker *b, e2e_flight *flight)
{
    leave(b, flight);
    flight->state = E2E_FLIGHT_WRITING;
    b->writing = flight;
}

void e2e_flights_await_ack(e2e_broker *b, e2e_flight *flight)
{
    leave(b, flight);
    flight->state = E2E_FLIGHT_UNACKED;
    TAILQ_INSERT_TAIL(&b->unacked, flight, link);
    b->unacked_count++;
}

/* Nothing of it is left to be done: forgets the message too. */
static void free_if_over(mqtt_e2e_client *client, e2e_entry *entry)
{
    if (entry->flying > 0)
        return;
    if (entry->draft.request != NULL)
        e2e_requests_forget_entry(entry->draft.request);
    e2e_queue_free(&client->queue, entry);
}

static void land(e2e_broker *b, e2e_flight *flight)
{
    leave(b, flight);
    flight->state = E2E_FLIGHT_NONE;
    flight->entry->flying--;
}

void e2e_flights_end(e2e_broker *b, e2e_flight *flight)
{
    land(b, flight);
    free_if_over(b->client, flight->entry);
}

/* ---- What goes next ------------------------------------------------------------------------------ */

static bool is_over(const e2e_entry *entry)
{
    return entry->draft.kind == MQTT_E2E_REQUEST && entry->draft.request == NULL; /* nobody waits any more */
}

/* What may have arrived goes once more as it was, or as what names its first packet; requests and replies name none. */
static bool is_too_late(const mqtt_e2e_client *client, const e2e_entry *entry)
{
    bool nameless = entry->draft.kind == MQTT_E2E_REQUEST || entry->draft.kind == MQTT_E2E_REPLY;

    return (e2e_queue_is_done(&client->queue, entry) || (nameless && entry->went_out)) &&
           !e2e_flights_fresh(client, entry);
}

e2e_flight *e2e_flights_next(e2e_broker *b)
{
    e2e_flight *flight, *next;

    for (flight = TAILQ_FIRST(&b->waiting); flight != NULL; flight = next) {
        const e2e_entry *entry = flight->entry;

        next = TAILQ_NEXT(flight, link);
        if (is_over(entry) || is_too_late(b->client, entry))
            e2e_flights_end(b, flight);
        else if (entry->draft.request == NULL || e2e_requests_heard(b, entry->draft.request))
            return flight;
    }
    return NULL;
}

e2e_flight *e2e_flights_find(e2e_broker *b, uint16_t mid)
{
    e2e_flight *flight = b->writing;

    if (flight != NULL && flight->mid == mid)
        return flight;
    TAILQ_FOREACH(flight, &b->unacked, link)
    if (flight->mid == mid)
        return flight;
    return NULL;
}

/* ---- Done ---------------------------------------------------------------------------------------- */

/* Lets go of an entry's flights that have not begun. */
static void ground(mqtt_e2e_client *client, e2e_entry *entry)
{
    for (unsigned i = 0; i < client->broker_count; i++)
        if (entry->flights[i].state == E2E_FLIGHT_WAITING)
            land(&client->brokers[i], &entry->flights[i]);
}

/* Keeps what is done within its bounds. */
static void shed(mqtt_e2e_client *client)
{
    e2e_queue *queue = &client->queue;

    while (queue->late_count > queue->max_count || queue->late_bytes > queue->max_bytes) {
        e2e_entry *oldest = TAILQ_FIRST(&queue->late);

        ground(client, oldest);
        e2e_queue_move(queue, oldest, &queue->given_up);
        free_if_over(client, oldest);
    }
}

/* The first outcome is the one that counts. */
static void conclude(mqtt_e2e_client *client, e2e_entry *entry, const mqtt_e2e_error *error)
{
    e2e_queue *queue = &client->queue;

    if (e2e_queue_is_done(queue, entry))
        return;
    e2e_spooling_done(client, entry);
    e2e_queue_move(queue, entry, error == NULL ? &queue->late : &queue->given_up);
    if (error != NULL)
        ground(client, entry);
    e2e_send_report(client, entry, error); /* last: what it calls back may drop what is queued */
}

void e2e_flights_arrived(e2e_broker *b, e2e_flight *flight)
{
    mqtt_e2e_client *client = b->client;
    e2e_entry *entry = flight->entry;

    b->info.published++;
    land(b, flight);
    conclude(client, entry, NULL);
    free_if_over(client, entry);
    shed(client);
}

void e2e_flights_fail(mqtt_e2e_client *client, e2e_entry *entry, const mqtt_e2e_error *error)
{
    conclude(client, entry, error);
    free_if_over(client, entry);
}

/* Whether another broker may take it: has it already, is up, or may soon be. */
static bool has_hope(const mqtt_e2e_client *client, const e2e_entry *entry)
{
    for (unsigned i = 0; i < client->broker_count; i++) {
        const e2e_broker *b = &client->brokers[i];
        e2e_flight_state state = entry->flights[i].state;

        if (state == E2E_FLIGHT_UNACKED || state == E2E_FLIGHT_WRITING ||
            (state == E2E_FLIGHT_WAITING && (b->phase == E2E_UP || b->attempt == 0)))
            return true;
    }
    return false;
}

void e2e_flights_refused(e2e_broker *b, e2e_flight *flight, const mqtt_e2e_error *error)
{
    mqtt_e2e_client *client = b->client;
    e2e_entry *entry = flight->entry;

    e2e_client_debug(client, "%s: '%.200s' is not published there: %s", b->label,
                     entry->draft.topic->topic.name, error->text);
    land(b, flight);
    if (!has_hope(client, entry))
        conclude(client, entry, error);
    free_if_over(client, entry);
}

void e2e_flights_abandon(mqtt_e2e_client *client, e2e_entry *entry)
{
    if (!e2e_queue_is_done(&client->queue,
                           entry)) /* what a broker has not acknowledged waits for that, and takes no room */
        e2e_queue_move(&client->queue, entry, &client->queue.given_up);
    ground(client, entry);
    free_if_over(client, entry);
}

/* ---- When a connection has gone ------------------------------------------------------------------ */

void e2e_flights_back(e2e_broker *b, e2e_flight *flight)
{
    if (flight->entry->list == &b->client->queue.given_up || is_over(flight->entry))
        e2e_flights_end(b, flight);
    else
        e2e_flights_wait(b, flight);
}

void e2e_flights_back_all(e2e_broker *b)
{
    e2e_flight *flight;

    while ((flight = TAILQ_LAST(&b->unacked, e2e_flight_list)) != NULL) /* so that their order stays */
        e2e_flights_back(b, flight);
}

void e2e_flights_drop_all(mqtt_e2e_client *client)
{
    e2e_queue *queue = &client->queue;
    e2e_entry_list *lists[] = {&queue->messages, &queue->requests, &queue->sent, &queue->late,
                               &queue->given_up};

    for (unsigned i = 0; i < client->broker_count; i++) {
        client->brokers[i].writing = NULL;
        client->brokers[i].unacked_count = 0;
        TAILQ_INIT(&client->brokers[i].waiting);
        TAILQ_INIT(&client->brokers[i].unacked);
    }
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        while (!TAILQ_EMPTY(lists[i]))
            e2e_queue_free(queue, TAILQ_FIRST(lists[i]));
}

bool e2e_flights_pending(const e2e_broker *b)
{
    return b->writing != NULL || b->unacked_count > 0 || !TAILQ_EMPTY(&b->waiting);
}
