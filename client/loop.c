/* SPDX-License-Identifier: MIT */
/* The loop, which broker is tried when, and what is told about connections. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "private.h"

#define EVENTS_MAX 16

/* ---- Comings and goings -------------------------------------------------------------------------- */

static unsigned count_up(const mqtt_e2e_client *client)
{
    unsigned up = 0;

    for (unsigned i = 0; i < client->broker_count; i++)
        up += client->brokers[i].phase == E2E_UP;
    return up;
}

void e2e_client_tell(mqtt_e2e_client *client, mqtt_e2e_client_event event, const mqtt_e2e_broker_news *news)
{
    if (client->options.on_event == NULL)
        return;
    client->inside++;
    client->options.on_event(client, event, news, client->options.context);
    client->inside--;
}

static void tell(e2e_broker *b, mqtt_e2e_client_event event, const char *why, uint32_t retry_ms, int code)
{
    mqtt_e2e_client *client = b->client;
    mqtt_e2e_broker_news news = {.broker = b->label,
                                 .why = why,
                                 .retry_ms = retry_ms,
                                 .code = code,
                                 .index = b->index,
                                 .connected = count_up(client)};

    e2e_client_tell(client, event, &news);
}

void e2e_client_up(e2e_broker *b)
{
    b->info.connects++;
    b->info.failures = 0;
    e2e_spooling_up(b->client);
    tell(b, MQTT_E2E_CONNECTED, "", 0, 0);
}

/* Each broker is tried by itself, after a delay that grows with its failures. */
void e2e_client_down(e2e_broker *b, bool was_up, int code)
{
    const mqtt_e2e_client_options *o = &b->client->options;
    int64_t now = e2e_clock_boot();
    uint32_t random = 0;

    /* It held. One that is lost again after about as long as we had waited for it counts as a failure: so it is when two clients
     * with one id throw each other out. */
    if (was_up && now - b->up_at >= 4 * (int64_t)b->delay)
        b->attempt = 0;
    e2e_clock_random(&random, sizeof random); /* without, there is no jitter */
    b->delay = e2e_clock_backoff(++b->attempt, o->backoff_min_ms, o->backoff_max_ms, random);
    b->due = now + b->delay;
    b->info.failures += !was_up;
    b->info.code = code;
    tell(b, was_up ? MQTT_E2E_DISCONNECTED : MQTT_E2E_FAILED, b->why, b->delay, code);
}

void e2e_client_stop(mqtt_e2e_client *client)
{
    mqtt_e2e_broker_news news = {.broker = "", .why = strerror(errno)};

    if (client->stopped)
        return;
    client->stopped = true;
    e2e_client_tell(client, MQTT_E2E_STATE_LOST, &news);
}

void e2e_client_debug(mqtt_e2e_client *client, const char *format, ...)
{
    char text[512];
    va_list args;

    if (client->options.on_debug == NULL)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    client->inside++;
    client->options.on_debug(client, text, client->options.context);
    client->inside--;
}

/* ---- A turn -------------------------------------------------------------------------------------- */

static void handle_events(mqtt_e2e_client *client, const struct epoll_event *events, int count)
{
    bool stray = false;

    for (int i = 0; i < count; i++) {
        e2e_broker *b = &client->brokers[events[i].data.u64 & 0xff];

        if (b->generation == events[i].data.u64 >> 8)
            e2e_broker_event(b, events[i].events);
        else
            stray = true;
    }
    /* A socket that we have closed, but a process forked from us has not, stays in the set and can't be taken out. */
    if (stray)
        e2e_client_new_epoll(client);
}

static void call_published(mqtt_e2e_client *client)
{
    size_t count = client->done_count;

    client->inside++; /* so that callbacks add nothing to the list */
    for (size_t i = 0; i < count; i++) {
        e2e_done *done = &client->done[i];

        client->options.on_published(client, done->ticket, done->error, client->options.context);
        free(done->error);
    }
    client->done_count = 0;
    client->inside--;
}

static void turn(mqtt_e2e_client *client, const struct epoll_event *events, int count)
{
    int64_t now;

    e2e_clock_now(client); /* notices a jump before anything is opened */
    handle_events(client, events, count);
    e2e_store_settle(&client->store);
    for (unsigned i = 0; client->stopped && i < client->broker_count; i++) {
        e2e_broker_stop(&client->brokers[i], false);
        client->brokers[i].due = E2E_NEVER;
    }
    now = e2e_clock_boot();
    for (unsigned i = 0; i < client->broker_count; i++)
        e2e_broker_tick(&client->brokers[i], now);
    e2e_requests_expire(client, now);
    if (client->done_count > 0)
        call_published(client);
    e2e_spooling_run(client);
    e2e_client_pump(client);
    e2e_subscriptions_sweep(client);
}

static void run(mqtt_e2e_client *client, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int count;

    if (client->inside > 0 || !e2e_client_check_fork(client))
        return;
    count = epoll_wait(client->epoll, events, EVENTS_MAX, timeout_ms);
    turn(client, events, count);
}

/* ---- Public -------------------------------------------------------------------------------------- */

int mqtt_e2e_client_fd(const mqtt_e2e_client *client)
{
    return client->epoll;
}

int mqtt_e2e_client_timeout(const mqtt_e2e_client *client)
{
    int64_t next = client->requests.soonest, spool = e2e_spooling_next(client), now;

    next = spool < next ? spool : next;
    if (client->done_count > 0)
        return 0;
    for (unsigned i = 0; i < client->broker_count; i++) {
        int64_t at = e2e_broker_next(&client->brokers[i]);

        next = at < next ? at : next;
    }
    if (next == E2E_NEVER)
        return -1;
    now = e2e_clock_boot();
    return next <= now ? 0 : next - now > INT_MAX ? INT_MAX : (int)(next - now);
}

void mqtt_e2e_client_loop(mqtt_e2e_client *client)
{
    run(client, 0);
}

void mqtt_e2e_client_wait(mqtt_e2e_client *client, int timeout_ms)
{
    int due = mqtt_e2e_client_timeout(client);

    run(client, due < 0 || (timeout_ms >= 0 && timeout_ms < due) ? timeout_ms : due);
}

/* Whether a broker that is up, or that we have not failed to reach yet, is still to have something. */
static bool others_pending(const mqtt_e2e_client *client)
{
    for (unsigned i = 0; i < client->broker_count; i++) {
        const e2e_broker *b = &client->brokers[i];

        if ((b->phase == E2E_UP || b->attempt == 0) && e2e_flights_pending(b))
            return true;
    }
    return false;
}

bool mqtt_e2e_client_drained(const mqtt_e2e_client *client)
{
    return mqtt_e2e_client_queued(client) == 0 && !others_pending(client);
}

bool mqtt_e2e_client_drain(mqtt_e2e_client *client, int timeout_ms)
{
    int64_t now = e2e_clock_boot(), end = timeout_ms < 0 ? E2E_NEVER : now + timeout_ms, until;
    int64_t published = now; /* when all was */

    while (client->inside == 0 && (client->done_count > 0 || !mqtt_e2e_client_drained(client))) {
        now = e2e_clock_boot();
        if (mqtt_e2e_client_queued(client) > 0)
            published = now;
        until = mqtt_e2e_client_queued(client) == 0 && published + MQTT_E2E_LINGER_MS < end
                    ? published + MQTT_E2E_LINGER_MS
                    : end;
        mqtt_e2e_client_wait(client, until == E2E_NEVER ? -1 : until > now ? (int)(until - now) : 0);
        if (now >= until)
            break;
    }
    return mqtt_e2e_client_queued(client) == 0;
}

bool mqtt_e2e_client_connected(const mqtt_e2e_client *client)
{
    return count_up(client) > 0;
}

bool mqtt_e2e_client_broker(const mqtt_e2e_client *client, size_t index, mqtt_e2e_broker_info *info)
{
    const e2e_broker *b;

    if (index >= client->broker_count)
        return false;
    b = &client->brokers[index];
    *info = b->info;
    info->broker = b->label;
    info->why = b->phase == E2E_UP ? "" : b->why;
    info->connected = b->phase == E2E_UP;
    info->tried = b->phase == E2E_UP || b->attempt > 0;
    return true;
}

size_t mqtt_e2e_client_queued(const mqtt_e2e_client *client)
{
    return client->queue.count + e2e_spooling_left(client);
}

int64_t mqtt_e2e_client_now(const mqtt_e2e_client *client)
{
    return e2e_clock_utc(client->options.clock_offset_ms);
}

const mqtt_e2e_session *mqtt_e2e_client_session(const mqtt_e2e_client *client)
{
    return client->session;
}

const mqtt_e2e_client_state *mqtt_e2e_client_state_of(const mqtt_e2e_client *client)
{
    return client->store.fd >= 0 ? &client->store.news : NULL;
}

void mqtt_e2e_client_not_handled(mqtt_e2e_client *client)
{
    e2e_store_not_handled(&client->store);
}
