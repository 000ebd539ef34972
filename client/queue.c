/* SPDX-License-Identifier: MIT */
/* Plaintext that waits for a broker, or for its acknowledgement. Every copy of a payload is wiped when it goes. */
#include <stdlib.h>
#include <string.h>

#include "parts.h"

void e2e_queue_init(e2e_queue *queue, size_t max_count, size_t max_bytes)
{
    memset(queue, 0, sizeof *queue);
    TAILQ_INIT(&queue->messages);
    TAILQ_INIT(&queue->requests);
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

e2e_entry *e2e_queue_make(e2e_queue *queue, const e2e_outgoing *draft)
{
    e2e_entry *entry = malloc(sizeof *entry + draft->len);

    if (entry == NULL)
        return NULL;
    memset(entry, 0, sizeof *entry);
    if (draft->len > 0)
        memcpy(entry->payload, draft->payload, draft->len);
    entry->draft = *draft;
    entry->draft.payload = entry->payload;
    entry->draft.topic->refs++;
    entry->ticket = ++queue->tickets;
    queue->count++;
    queue->bytes += draft->len;
    return entry;
}

static e2e_entry_list *list_of(e2e_queue *queue, const e2e_entry *entry)
{
    return entry->draft.kind == MQTT_E2E_REQUEST ? &queue->requests : &queue->messages;
}

void e2e_queue_append(e2e_queue *queue, e2e_entry *entry)
{
    TAILQ_INSERT_TAIL(list_of(queue, entry), entry, link);
}

void e2e_queue_return(e2e_queue *queue, e2e_entry *entry)
{
    TAILQ_INSERT_HEAD(list_of(queue, entry), entry, link);
}

e2e_entry *e2e_queue_next(const e2e_queue *queue, bool requests)
{
    e2e_entry *message = TAILQ_FIRST(&queue->messages), *request = TAILQ_FIRST(&queue->requests);

    if (request == NULL || !requests)
        return message;
    return message == NULL || request->ticket < message->ticket ? request : message;
}

void e2e_queue_take(e2e_queue *queue, e2e_entry *entry)
{
    TAILQ_REMOVE(list_of(queue, entry), entry, link);
}

void e2e_queue_unseal(e2e_entry *entry)
{
    free(entry->sealed);
    entry->sealed = NULL;
}

void e2e_queue_free(e2e_queue *queue, e2e_entry *entry)
{
    queue->count--;
    queue->bytes -= entry->draft.len;
    e2e_topics_release(entry->draft.topic);
    e2e_queue_unseal(entry);
    mqtt_e2e_wipe_memory(entry, sizeof *entry + entry->draft.len);
    free(entry);
}

void e2e_queue_free_all(e2e_queue *queue, e2e_entry_list *entries)
{
    e2e_entry *entry;

    while ((entry = TAILQ_FIRST(entries)) != NULL) {
        TAILQ_REMOVE(entries, entry, link);
        e2e_queue_free(queue, entry);
    }
}
