/* SPDX-License-Identifier: MIT */
/* A client's beginning and end. What it is asked for is in asked.c, the loop in loop.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "private.h"

/* ---- Buffers ------------------------------------------------------------------------------------- */

static void free_buffer(uint8_t **buffer, size_t *size)
{
    if (*buffer != NULL)
        mqtt_e2e_wipe_memory(*buffer, *size);
    free(*buffer);
    *buffer = NULL;
    *size = 0;
}

bool e2e_client_buffer(uint8_t **buffer, size_t *size, size_t needed)
{
    if (needed <= *size)
        return true;
    if (needed < 4096)
        needed = 4096;
    free_buffer(buffer, size);
    *buffer = malloc(needed);
    *size = *buffer != NULL ? needed : 0;
    return *buffer != NULL;
}

void e2e_client_trim(uint8_t **buffer, size_t *size)
{
    if (*size > E2E_BUFFER_KEPT)
        free_buffer(buffer, size);
}

/* ---- The beginning ------------------------------------------------------------------------------- */

static bool make_session(mqtt_e2e_client *client, mqtt_e2e_error *error)
{
    mqtt_e2e_options *o = &client->options.session;
    int64_t now = e2e_clock_utc(client->options.clock_offset_ms);
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    mqtt_e2e_session *session;
    mqtt_e2e_status status;
    void *storage;

    client->session_size = mqtt_e2e_session_size(o);
    storage = malloc(client->session_size);
    if (storage == NULL)
        return e2e_error_memory(error);
    status = MQTT_E2E_CRYPTO_FAILED;
    if (e2e_clock_random(random, sizeof random))
        status = mqtt_e2e_init(&session, storage, client->session_size, o, random, now);
    mqtt_e2e_wipe_memory(random, sizeof random);
    o->key = NULL; /* the caller's, and not needed any more */
    if (status == MQTT_E2E_OK) {
        client->session = session;
        client->clock_gap = now - e2e_clock_boot();
        e2e_clock_pass(client, now);
        return true;
    }
    free(storage);
    if (status == MQTT_E2E_BAD_OPTION)
        return e2e_error_set(
            error, "", "an option of the session (base, prefix, longest packet, floor) is out of its range");
    return e2e_error_status(error, status);
}

static bool make_brokers(mqtt_e2e_client *client, mqtt_e2e_error *error)
{
    for (unsigned i = 0; i < client->broker_count; i++)
        if (!e2e_broker_init(&client->brokers[i], client, i, error))
            return false;
    return client->broker_count == 1 || e2e_copies_init(&client->copies) || e2e_error_memory(error);
}

static bool set_up(mqtt_e2e_client *client, const mqtt_e2e_client_options *options, mqtt_e2e_error *error)
{
    if (!e2e_options_take(client, options, error) || !make_session(client, error))
        return false;
    if (options->state_file != NULL &&
        !e2e_store_open(&client->store, options->state_file, client->session, e2e_clock_now(client), error))
        return false;
    client->options.state_file = NULL; /* the caller's, and not needed any more */
    client->options.spool_dir = NULL;
    e2e_queue_init(&client->queue, client->broker_count, options->queue_messages, options->queue_bytes);
    client->scratch = malloc(E2E_SCRATCH_SIZE);
    client->name = malloc(E2E_SCRATCH_SIZE);
    if (client->scratch == NULL || client->name == NULL)
        return e2e_error_memory(error);
    client->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (client->epoll < 0)
        return e2e_error_set(error, "", "no epoll descriptor: %s", strerror(errno));
    if (!make_brokers(client, error) ||
        (options->spool_dir != NULL && !e2e_spooling_open(client, options, error)))
        return false;
    return !options->time_source || e2e_subscriptions_add(client, "~time", 0, true, error) != NULL;
}

mqtt_e2e_client *mqtt_e2e_client_new(const mqtt_e2e_client_options *options, mqtt_e2e_error *error)
{
    mqtt_e2e_client *client = calloc(1, sizeof *client);

    if (client == NULL) {
        e2e_error_memory(error);
        return NULL;
    }
    client->epoll = -1;
    client->store.fd = -1;
    client->fork_generation = e2e_fork_generation();
    client->subscriptions.generation = 1;
    client->requests.soonest = E2E_NEVER;
    TAILQ_INIT(&client->requests.all);
    e2e_queue_init(&client->queue, 0, 0, 0);
    e2e_topics_init(&client->hidden, false);
    e2e_topics_init(&client->revealed, true);
    if (set_up(client, options, error))
        return client;
    mqtt_e2e_client_free(client);
    return NULL;
}

/* ---- The end ------------------------------------------------------------------------------------- */

/* A persistent session would keep the subscription to a reply topic that nobody listens on any more. */
static void leave_reply_topic(mqtt_e2e_client *client)
{
    const e2e_subscription *reply = client->requests.reply;

    for (unsigned i = 0; reply != NULL && client->persistent && i < client->broker_count; i++)
        if (client->brokers[i].phase == E2E_UP && reply->links[i].known)
            e2e_connection_unsubscribe(&client->brokers[i], reply->wire);
}

static void free_brokers(mqtt_e2e_client *client, bool forked)
{
    for (unsigned i = 0; i < client->broker_count; i++) {
        e2e_broker *b = &client->brokers[i];

        if (b->client == NULL)
            continue; /* we did not get that far */
        e2e_broker_stop(b, forked);
        SSL_CTX_free(b->tls);
    }
}

/* Without calling back: what is not published now never will be. */
static void drop_all(mqtt_e2e_client *client)
{
    e2e_requests_free(client);
    e2e_flights_drop_all(client);
    for (size_t i = 0; i < client->done_count; i++)
        free(client->done[i].error);
    client->done_count = 0;
}

void mqtt_e2e_client_free(mqtt_e2e_client *client)
{
    bool forked;

    if (client == NULL)
        return;
    forked = client->fork_generation != e2e_fork_generation();
    client->inside++;
    if (!forked)
        leave_reply_topic(client);
    free_brokers(client, forked);
    drop_all(client);
    free(client->done);
    e2e_subscriptions_free(client);
    e2e_copies_free(&client->copies);
    e2e_topics_clear(&client->hidden);
    e2e_topics_clear(&client->revealed);
    free_buffer(&client->packet, &client->packet_size);
    free_buffer(&client->text, &client->text_size);
    if (client->epoll >= 0)
        close(client->epoll);
    if (forked) {
        e2e_store_drop(&client->store);
        e2e_spooling_drop(client);
    }
    e2e_spooling_close(client);
    if (client->session != NULL) {
        e2e_store_close(&client->store, client->session);
        mqtt_e2e_wipe(client->session);
    }
    free(client->session);
    e2e_options_free(client);
    free(client->scratch);
    free(client->name);
    mqtt_e2e_wipe_memory(client, sizeof *client);
    free(client);
}

/* ---- Forks --------------------------------------------------------------------------------------- */

/* An epoll set that is ours alone, under the old descriptor. */
bool e2e_client_new_epoll(mqtt_e2e_client *client)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    bool fine = fd >= 0 && dup3(fd, client->epoll, O_CLOEXEC) >= 0;

    if (fd >= 0)
        close(fd);
    for (unsigned i = 0; fine && i < client->broker_count; i++)
        e2e_broker_rewatch(&client->brokers[i]);
    return fine;
}

bool e2e_client_check_fork(mqtt_e2e_client *client)
{
    unsigned generation = e2e_fork_generation();

    if (client->fork_generation == generation)
        return true;
    if (client->inside > 0)
        return false; /* a callback of the parent's: what called it is in the middle of something */
    client->persistent = false;
    for (unsigned i = 0; i < client->broker_count; i++) {
        e2e_broker_stop(&client->brokers[i], true);
        client->brokers[i].due = 0;
        client->brokers[i].attempt = 0;
    }
    drop_all(client);
    e2e_store_drop(&client->store); /* the parent's */
    e2e_spooling_drop(client);
    if (!e2e_client_new_epoll(client) || !e2e_options_random_id(client) || !e2e_send_renew(client))
        return false;
    client->fork_generation = generation;
    return true;
}
