/* SPDX-License-Identifier: MIT */
/*
 * The queue above the spool (spool.c): which of its messages are in memory, and in which order things happen, so that each is sent, and
 * arrives, once.
 *
 *   taken    added to the spool; the loop commits it, many at a time
 *   loaded   the queue holds the next few hundred, whatever the spool has
 *   sealed   packet and name are in the spool, flushed, before a broker gets a byte of it
 *   done     acknowledged by a broker, or refused by all: taken out
 *
 * After a crash what was sealed is taken to have gone out: it goes as the same packet while that is fresh, and else as one that
 * names the first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "private.h"

#define BATCH_MAX 128  /* messages sealed for one flush */
#define RETRY_MS  1000 /* after the spool could not be written */
#define CHECK_MS  1000 /* how often it is looked whether what waits has grown too old */

static bool is_open(const mqtt_e2e_client *client)
{
    return client->spool.db != NULL;
}

/* ---- The beginning and the end ------------------------------------------------------------------- */

/* In a folder of the key's own: what another key sealed must not go out under this one. */
bool e2e_spooling_open(mqtt_e2e_client *client, const mqtt_e2e_client_options *o, mqtt_e2e_error *error)
{
    char fingerprint[MQTT_E2E_FINGERPRINT_SIZE], path[4096];

    if (strlen(o->spool_dir) >= sizeof path - sizeof fingerprint - 1)
        return e2e_error_set(error, "", "the name of the spool is too long");
    if (mkdir(o->spool_dir, 0700) != 0 && errno != EEXIST)
        return e2e_error_set(error, "", "cannot make the spool '%.160s': %s", o->spool_dir, strerror(errno));
    if (mqtt_e2e_fingerprint(o->session.crypto, o->session.key, o->session.key_len, fingerprint) !=
        MQTT_E2E_OK)
        return e2e_error_status(error, MQTT_E2E_CRYPTO_FAILED);
    snprintf(path, sizeof path, "%s/%s", o->spool_dir, fingerprint);
    if (!e2e_spool_open(&client->spool, path, o->spool_messages, o->spool_bytes, error))
        return false;
    client->spooling.due = true;
    return true;
}

void e2e_spooling_close(mqtt_e2e_client *client)
{
    if (is_open(client))
        e2e_spool_close(&client->spool, NULL);
}

void e2e_spooling_drop(mqtt_e2e_client *client)
{
    if (is_open(client))
        e2e_spool_drop(&client->spool);
    memset(&client->spooling, 0, sizeof client->spooling);
}

size_t e2e_spooling_left(const mqtt_e2e_client *client)
{
    return is_open(client) ? (size_t)client->spool.now.messages - client->spooling.held : 0;
}

/* ---- Taking -------------------------------------------------------------------------------------- */

void e2e_spooling_hold(mqtt_e2e_client *client, e2e_entry *entry, uint64_t seq)
{
    entry->seq = seq;
    entry->ticket = seq | E2E_SPOOLED;
    client->spooling.loaded = seq;
    client->spooling.held++;
    e2e_queue_append(&client->queue, entry);
}

static e2e_entry *find(const mqtt_e2e_client *client, uint64_t seq)
{
    e2e_entry *entry;

    TAILQ_FOREACH(entry, &client->queue.messages, link)
    if (entry->seq == seq)
        return entry;
    return NULL;
}

/* The message with this number will never be published. */
static void give_up(mqtt_e2e_client *client, uint64_t seq, const mqtt_e2e_error *error)
{
    e2e_entry *entry = find(client, seq);

    if (entry != NULL)
        e2e_flights_fail(client, entry, error);
    else
        e2e_send_note(client, seq | E2E_SPOOLED, error);
}

static bool make_room(mqtt_e2e_client *client, size_t len, mqtt_e2e_error *error)
{
    mqtt_e2e_error dropped;
    uint64_t seq;

    while (!e2e_spool_has_room(&client->spool, len, error)) {
        if (!client->options.drop_oldest || !e2e_spool_evict(&client->spool, len, &seq, error))
            return false;
        e2e_error_set(&dropped, "", "dropped, as the spool is full and was to drop the oldest");
        give_up(client, seq, &dropped);
    }
    return true;
}

size_t e2e_spooling_room(const mqtt_e2e_client *client)
{
    size_t half = (client->queue.max_count + 1) / 2;

    return client->spooling.held < half && client->queue.bytes < client->queue.max_bytes / 2
               ? half - client->spooling.held
               : 0;
}

bool e2e_spooling_takes(const mqtt_e2e_client *client, const e2e_outgoing *draft)
{
    return is_open(client) && draft->qos > 0 &&
           (draft->kind == MQTT_E2E_MESSAGE || draft->kind == MQTT_E2E_LASTING);
}

bool e2e_spooling_take(mqtt_e2e_client *client, const e2e_outgoing *draft, uint64_t *ticket,
                       mqtt_e2e_error *error)
{
    e2e_spool_item item = {.topic = draft->topic->topic.name,
                           .payload = draft->payload,
                           .len = draft->len,
                           .qos = draft->qos,
                           .kind = draft->kind};
    bool next =
        client->spooling.loaded == client->spool.now.last; /* nothing before it is still to be loaded */
    e2e_entry *entry;

    if (!make_room(client, draft->len, error) || !e2e_spool_add(&client->spool, &item, error))
        return false;
    *ticket = item.seq | E2E_SPOOLED;
    client->spooling.due = true;
    if (next && e2e_spooling_room(client) > 0 && (entry = e2e_queue_make(&client->queue, draft)) != NULL)
        e2e_spooling_hold(client, entry, item.seq);
    return true;
}

/* ---- When it must be looked after ----------------------------------------------------------------- */

void e2e_spooling_failed(mqtt_e2e_client *client, const mqtt_e2e_error *error)
{
    mqtt_e2e_broker_news news = {.broker = "", .why = error->text, .retry_ms = RETRY_MS};

    client->spooling.due = true;
    client->spooling.retry_at = e2e_clock_boot() + RETRY_MS;
    e2e_client_tell(client, MQTT_E2E_SPOOL_FAILED, &news);
}

int64_t e2e_spooling_next(const mqtt_e2e_client *client)
{
    if (!is_open(client) || !(client->spooling.due || e2e_loading_possible(client)))
        return E2E_NEVER;
    return client->spooling.retry_at;
}

/* ---- Sealing ------------------------------------------------------------------------------------- */

typedef struct {
    e2e_entry *entries[BATCH_MAX];
    size_t count;
} batch;

static bool is_ready(const mqtt_e2e_client *client, const e2e_entry *entry)
{
    return entry->spooled && e2e_flights_fresh(client, entry);
}

/* False: nothing more can be sealed now. The entry may be gone. */
static bool seal_one(mqtt_e2e_client *client, e2e_entry *entry, batch *b)
{
    mqtt_e2e_status status = e2e_send_seal(client, entry);
    mqtt_e2e_error error;

    entry->spooled = false;
    if (status == MQTT_E2E_OK)
        b->entries[b->count++] = entry;
    else if (status == MQTT_E2E_EXHAUSTED) {
        client->spooling.retry_at = e2e_clock_boot() + RETRY_MS;
        return false; /* no random bytes for a new stream */
    } else {
        e2e_error_status(&error, status);
        e2e_flights_fail(client, entry, &error);
    }
    return b->count < BATCH_MAX;
}

static bool waits(const mqtt_e2e_client *client, const e2e_entry *entry)
{
    for (unsigned i = 0; i < client->broker_count; i++)
        if (entry->flights[i].state == E2E_FLIGHT_WAITING)
            return true;
    return false;
}

/* What is on its ways, and has grown too old to go as it is. */
static void seal_stale(mqtt_e2e_client *client, batch *b)
{
    int64_t now = e2e_clock_boot();
    e2e_entry *entry, *next;

    if (now < client->spooling.check_at)
        return;
    client->spooling.check_at = now + CHECK_MS;
    for (entry = TAILQ_FIRST(&client->queue.sent); entry != NULL; entry = next) {
        next = TAILQ_NEXT(entry, link);
        if (entry->seq == 0 || is_ready(client, entry) || !waits(client, entry))
            continue;
        if (!seal_one(client, entry, b)) {
            client->spooling.check_at = now; /* there may be more */
            return;
        }
    }
}

/* As many of those that wait as may soon be under way. */
static void seal_next(mqtt_e2e_client *client, batch *b)
{
    size_t ready = 0;
    e2e_entry *entry, *next;

    for (entry = TAILQ_FIRST(&client->queue.messages);
         entry != NULL && ready < client->options.inflight && b->count < BATCH_MAX; entry = next) {
        next = TAILQ_NEXT(entry, link);
        if (entry->seq == 0)
            continue;
        ready++;
        if (!is_ready(client, entry) && !seal_one(client, entry, b))
            return;
    }
}

static bool keep(mqtt_e2e_client *client, const e2e_entry *entry)
{
    e2e_spool_item item = {.seq = entry->seq,
                           .sealed = true,
                           .first = entry->draft.first,
                           .first_ms = entry->draft.first_ms,
                           .packet = entry->sealed,
                           .packet_len = entry->sealed_len,
                           .packet_ms = entry->sealed_ms};
    mqtt_e2e_error error;

    return e2e_spool_sealed(&client->spool, &item, &error);
}

/* Nothing since the last commit is in the spool: what was taken since then was never kept. */
static void undo(mqtt_e2e_client *client, uint64_t first, uint64_t last, const batch *b,
                 const mqtt_e2e_error *error)
{
    for (size_t i = 0; i < b->count; i++)
        e2e_queue_unseal(b->entries[i]);
    if (client->spooling.loaded + 1 >= first) /* none of those before waits to be loaded */
        client->spooling.loaded = last;
    client->spooling.undone = last;
    for (uint64_t seq = first; seq <= last; seq++)
        give_up(client, seq, error);
    e2e_spooling_failed(client, error);
}

void e2e_spooling_run(mqtt_e2e_client *client)
{
    uint64_t first, last;
    mqtt_e2e_error error;
    batch b = {.count = 0};

    if (!is_open(client) || client->inside > 0 || e2e_clock_boot() < client->spooling.retry_at)
        return;
    client->spooling.due = false;
    e2e_loading_run(client);
    first = (client->spooling.undone > client->spool.committed.last ? client->spooling.undone
                                                                    : client->spool.committed.last) +
            1;
    if (mqtt_e2e_client_connected(client) && !client->stopped) {
        seal_stale(client, &b);
        seal_next(client, &b);
    }
    for (size_t i = 0; i < b.count; i++)
        keep(client, b.entries[i]); /* the commit fails if one does */
    last = client->spool.now.last;
    if (!e2e_spool_commit(&client->spool, &error)) {
        undo(client, first, last, &b, &error);
        return;
    }
    client->spooling.due |= b.count == BATCH_MAX; /* there may be more */
    for (size_t i = 0; i < b.count; i++) {
        b.entries[i]->spooled = true;
        b.entries[i]->went_out = true; /* after a crash nobody will know better */
    }
}

void e2e_spooling_want(mqtt_e2e_client *client)
{
    client->spooling.due = true;
    client->spooling.check_at = 0;
}

bool e2e_spooling_stalled(const mqtt_e2e_client *client)
{
    return e2e_clock_boot() < client->spooling.retry_at;
}

void e2e_spooling_up(mqtt_e2e_client *client)
{
    client->spooling.check_at = 0;
}

void e2e_spooling_done(mqtt_e2e_client *client, const e2e_entry *entry)
{
    if (entry->seq == 0)
        return;
    client->spooling.held--;
    client->spooling.due = true;
    e2e_spool_done(&client->spool, entry->seq);
}
