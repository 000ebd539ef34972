/* SPDX-License-Identifier: MIT */
/* Messages that wait for a broker, or for its acknowledgement. Every copy of a payload is wiped when it goes. */
#include <stdlib.h>
#include <string.h>

#include "parts.h"

void e2e_queue_init(e2e_queue *queue, unsigned brokers, size_t max_count, size_t max_bytes)
{
    memset(queue, 0, sizeof *queue);
    queue->lanes = brokers;
    TAILQ_INIT(&queue->messages);
    TAILQ_INIT(&queue->requests);
    TAILQ_INIT(&queue->sent);
    TAILQ_INIT(&queue->late);
    TAILQ_INIT(&queue->given_up);
    queue->max_count = max_count;
    queue->max_bytes = max_bytes;
}

bool e2e_queue_has_room(const e2e_queue *queue, size_t len, mqtt_e2e_error *error)
{
    if (queue->count >= queue->max_count)
        return e2e_error_set(error, "wait until some are published, or allow more (queue_messages)",
                             "the queue is full: %zu messages wait to be published", queue->count);
    if (len > queue->max_bytes || queue->bytes > queue->max_bytes - len)
        return e2e_error_set(
            error, "wait until some are published, or allow more (queue_bytes)",
            "the queue is full: %zu bytes wait to be published, %zu more were to be added, and"
            " %zu are allowed",
            queue->bytes, len, queue->max_bytes);
    return true;
}

static size_t size_of(const e2e_queue *queue, size_t len)
{
    return sizeof(e2e_entry) + queue->lanes * sizeof(e2e_flight) + len;
}

e2e_entry *e2e_queue_make(e2e_queue *queue, const e2e_outgoing *draft)
{
    e2e_entry *entry = malloc(size_of(queue, draft->len));
    uint8_t *payload;

    if (entry == NULL)
        return NULL;
    memset(entry, 0, size_of(queue, 0));
    payload = (uint8_t *)(entry->flights + queue->lanes);
    if (draft->len > 0)
        memcpy(payload, draft->payload, draft->len);
    entry->draft = *draft;
    entry->draft.payload = payload;
    entry->draft.topic->refs++;
    entry->ticket = ++queue->tickets;
    for (unsigned i = 0; i < queue->lanes; i++)
        entry->flights[i].entry = entry;
    queue->count++;
    queue->bytes += draft->len;
    return entry;
}

void e2e_queue_append(e2e_queue *queue, e2e_entry *entry)
{
    entry->list = entry->draft.kind == MQTT_E2E_REQUEST ? &queue->requests : &queue->messages;
    TAILQ_INSERT_TAIL(entry->list, entry, link);
}

e2e_entry *e2e_queue_next(const e2e_queue *queue, bool requests)
{
    e2e_entry *message = TAILQ_FIRST(&queue->messages), *request = TAILQ_FIRST(&queue->requests);

    if (request == NULL || !requests)
        return message;
    return message == NULL || request->ticket < message->ticket ? request : message;
}

e2e_entry *e2e_queue_unspooled(const e2e_queue *queue)
{
    e2e_entry *entry;

    TAILQ_FOREACH(entry, &queue->messages, link)
    if (entry->seq == 0)
        return entry;
    return NULL;
}

bool e2e_queue_is_done(const e2e_queue *queue, const e2e_entry *entry)
{
    return entry->list == &queue->late || entry->list == &queue->given_up;
}

/* Adds an entry to the counts of its list, or takes it out (by = -1). */
static void count(e2e_queue *queue, const e2e_entry *entry, int by)
{
    size_t one = (size_t)by, bytes = by > 0 ? entry->draft.len : -entry->draft.len;

    if (entry->list == &queue->late) {
        queue->late_count += one;
        queue->late_bytes += bytes;
    } else if (entry->list != &queue->given_up) {
        queue->count += one;
        queue->bytes += bytes;
    }
}

void e2e_queue_move(e2e_queue *queue, e2e_entry *entry, e2e_entry_list *to)
{
    count(queue, entry, -1);
    if (entry->list != NULL)
        TAILQ_REMOVE(entry->list, entry, link);
    entry->list = to;
    TAILQ_INSERT_TAIL(to, entry, link);
    count(queue, entry, 1);
}

bool e2e_queue_keep_packet(e2e_entry *entry, const void *packet, size_t len)
{
    if (entry->sealed == NULL && (entry->sealed = malloc(len)) != NULL) {
        memcpy(entry->sealed, packet, len);
        entry->sealed_len = len;
    }
    return entry->sealed != NULL;
}

void e2e_queue_unseal(e2e_entry *entry)
{
    free(entry->sealed);
    entry->sealed = NULL;
}

void e2e_queue_free(e2e_queue *queue, e2e_entry *entry)
{
    count(queue, entry, -1);
    if (entry->list != NULL)
        TAILQ_REMOVE(entry->list, entry, link);
    e2e_topics_release(entry->draft.topic);
    e2e_queue_unseal(entry);
    explicit_bzero(entry->flights + queue->lanes, entry->draft.len); /* the payload */
    free(entry);
}
