/* SPDX-License-Identifier: MIT */
/* All that outlives a device is in one piece of memory that processes share: a device that wakes from deep sleep is a new process
 * (test_sleep.c). The controller's backend is BearSSL, since it has no heap. */
#define _GNU_SOURCE
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <ucontext.h>

#include "mqtt_e2e/session.h"

#include "key.h"

#define QUEUE         64
#define SENT          64
#define SUBSCRIPTIONS 64

typedef struct {
    int64_t now, boot; /* since the world began */
    bool up, takes, tells_time;
    unsigned connections, acks, answers, messages, times_asked;
    world_packet queue[QUEUE];
    size_t queued, taken;
    world_packet sent[SENT];
    size_t sent_count;
    char subscriptions[SUBSCRIPTIONS][256];
    size_t subscription_count;
    char answer[512], heard[512];
    mqtt_e2e_id request;
    int64_t last_time;
    mqtt_e2e_session *session;
    uint64_t storage[2048];
} world;

static world *w;

static ucontext_t test_context, device_context;
static char device_stack[256 * 1024];

/* ---- Checks ---- */

void world_check(bool right, const char *what, const char *file, int line)
{
    if (right)
        return;
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    exit(1);
}

void world_check_text(const char *found, const char *expected, const char *file, int line)
{
    if (strcmp(found, expected) == 0)
        return;
    fprintf(stderr, "%s:%d: found '%s', expected '%s'\n", file, line, found, expected);
    exit(1);
}

/* ---- Time ---- */

void world_begin(int64_t device_ms)
{
    mqtt_e2e_options options;
    uint8_t random[MQTT_E2E_RANDOM_SIZE];

    if (w == NULL)
        w = mmap(NULL, sizeof *w, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(w != MAP_FAILED);
    memset(w, 0, sizeof *w);
    w->boot = -device_ms;
    w->up = w->takes = w->tells_time = true;
    mqtt_e2e_defaults(&options);
    options.crypto = &mqtt_e2e_bearssl;
    options.key = mqtt_e2e_node_key;
    options.key_len = sizeof mqtt_e2e_node_key;
    options.base = MQTT_E2E_NODE_BASE;
    options.streams = 64;
    options.requests = 32;
    world_random(random, sizeof random);
    check(mqtt_e2e_init(&w->session, w->storage, sizeof w->storage, &options, random, world_utc() - 1) ==
          MQTT_E2E_OK);
}

int64_t world_ms(void)
{
    return w->now - w->boot;
}

int64_t world_utc(void)
{
    return WORLD_T0 + w->now;
}

void world_random(void *out, size_t len)
{
    check(getrandom(out, len, 0) == (ssize_t)len);
}

void world_start(void (*device)(void))
{
    getcontext(&device_context);
    device_context.uc_stack.ss_sp = device_stack;
    device_context.uc_stack.ss_size = sizeof device_stack;
    device_context.uc_link = NULL;
    makecontext(&device_context, device, 0);
}

void world_yield(void)
{
    swapcontext(&device_context, &test_context);
}

void world_run(int64_t ms)
{
    for (int64_t end = w->now + ms; w->now < end; w->now++)
        swapcontext(&test_context, &device_context);
}

void world_skip(int64_t ms)
{
    w->now += ms;
}

/* ---- The broker ---- */

bool world_up(void)
{
    return w->up;
}

bool world_takes(void)
{
    return w->takes;
}

unsigned world_connections(void)
{
    return w->connections;
}

void world_set_up(bool up)
{
    w->up = up;
    if (!up)
        w->connections++;
}

void world_set_takes(bool takes)
{
    w->takes = takes;
}

void world_connected(bool clean)
{
    if (clean)
        w->subscription_count = 0;
}

static size_t place_of(const char *filter)
{
    size_t i = 0;

    while (i < w->subscription_count && strcmp(w->subscriptions[i], filter) != 0)
        i++;
    return i;
}

void world_subscribed(const char *filter, int qos)
{
    size_t i = place_of(filter);

    check(qos >= 0 && qos <= 2 && strlen(filter) < sizeof w->subscriptions[0]);
    if (i < w->subscription_count)
        return;
    check(i < SUBSCRIPTIONS);
    strcpy(w->subscriptions[w->subscription_count++], filter);
}

void world_unsubscribed(const char *filter)
{
    size_t i = place_of(filter);

    check(i < w->subscription_count);
    memcpy(w->subscriptions[i], w->subscriptions[--w->subscription_count], sizeof w->subscriptions[0]);
}

size_t world_subscriptions(void)
{
    return w->subscription_count;
}

const world_packet *world_next(void)
{
    return w->up && w->taken < w->queued ? &w->queue[w->taken++ % QUEUE] : NULL;
}

size_t world_waiting(void)
{
    return w->queued - w->taken;
}

void world_acknowledged(void)
{
    w->acks++;
}

unsigned world_acks(void)
{
    return w->acks;
}

/* To the device, if it has subscribed; brokers keep it only where they know the client. */
static void deliver(const world_packet *p)
{
    if (place_of(p->topic) == w->subscription_count)
        return;
    check(w->queued - w->taken < QUEUE);
    w->queue[w->queued++ % QUEUE] = *p;
}

void world_flood(const char *topic, size_t len, unsigned times)
{
    static world_packet p;

    check(len <= sizeof p.bytes);
    snprintf(p.topic, sizeof p.topic, "%s", topic);
    p.len = len;
    p.qos = 1;
    world_random(p.bytes, len < 256 ? len : 256);
    while (times-- > 0)
        deliver(&p);
}

void world_send_again(unsigned back)
{
    check(back < w->sent_count);
    deliver(&w->sent[w->sent_count - 1 - back]);
}

/* ---- The controller ---- */

const char *world_topic_of(const char *name)
{
    static char wire[256];
    mqtt_e2e_topic topic;

    check(mqtt_e2e_hide(w->session, name, wire, sizeof wire, &topic) == MQTT_E2E_OK);
    return wire;
}

void world_tell_time(bool tells)
{
    w->tells_time = tells;
}

static void send(world_packet *p, mqtt_e2e_status status)
{
    check(status == MQTT_E2E_OK);
    p->qos = 1;
    check(w->sent_count < SENT);
    w->sent[w->sent_count++] = *p;
    deliver(p);
}

void world_ask(const char *name, const char *text)
{
    static world_packet p;
    mqtt_e2e_topic topic;

    w->answer[0] = '\0';
    check(mqtt_e2e_hide(w->session, name, p.topic, sizeof p.topic, &topic) == MQTT_E2E_OK);
    send(&p, mqtt_e2e_request(w->session, &topic, text, strlen(text), p.bytes, sizeof p.bytes, world_utc(),
                              2000, &p.len, &w->request));
}

void world_tell(const char *name, const char *text)
{
    static world_packet p;
    mqtt_e2e_topic topic;

    check(mqtt_e2e_hide(w->session, name, p.topic, sizeof p.topic, &topic) == MQTT_E2E_OK);
    send(&p, mqtt_e2e_seal(w->session, &topic, MQTT_E2E_MESSAGE, text, strlen(text), p.bytes, sizeof p.bytes,
                           world_utc(), &p.len));
}

static void tell_time(const mqtt_e2e_id *request)
{
    static world_packet p;
    char name[MQTT_E2E_REPLY_NAME_SIZE];
    mqtt_e2e_topic topic;

    w->times_asked++;
    if (!w->tells_time)
        return;
    check(mqtt_e2e_reply_topic(w->session, request->stream, name, p.topic, sizeof p.topic, &topic) ==
          MQTT_E2E_OK);
    if (mqtt_e2e_time_reply(w->session, &topic, request, p.bytes, sizeof p.bytes, world_utc(), &w->last_time,
                            &p.len) == MQTT_E2E_OK)
        deliver(&p);
}

static void keep(char *out, size_t size, const mqtt_e2e_bytes *bytes)
{
    snprintf(out, size, "%.*s", (int)bytes->len, bytes->len > 0 ? (const char *)bytes->data : "");
}

/* What a device sends has to be in order, or the test fails. */
bool world_published(const char *wire, const void *bytes, size_t len, int qos, bool retain)
{
    static char name[256];
    static uint8_t out[8192];
    mqtt_e2e_topic topic;
    mqtt_e2e_message message;
    mqtt_e2e_status status;

    if (!w->up || !w->takes)
        return false;
    check(qos >= 0 && qos <= 2 && !retain && len <= sizeof out);
    mqtt_e2e_reveal(w->session, wire, strlen(wire), name, sizeof name, &topic);
    status = mqtt_e2e_open(w->session, &topic, bytes, len, out, sizeof out, world_utc(), &message);
    if (status == MQTT_E2E_TIME_ASKED) {
        tell_time(&message.id);
        return true;
    }
    if (status == MQTT_E2E_UNASKED)
        return true; /* an answer that came late */
    check(status == MQTT_E2E_OK);
    if (message.kind == MQTT_E2E_REPLY) {
        w->answers++;
        check(message.request.counter == w->request.counter);
        keep(w->answer, sizeof w->answer, &message.payload);
    } else {
        w->messages++;
        keep(w->heard, sizeof w->heard, &message.payload);
    }
    return true;
}

const char *world_answer(void)
{
    return w->answer;
}

unsigned world_answers(void)
{
    return w->answers;
}

const char *world_heard(void)
{
    return w->heard;
}

unsigned world_messages(void)
{
    return w->messages;
}

unsigned world_times_asked(void)
{
    return w->times_asked;
}
