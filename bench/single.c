/* SPDX-License-Identifier: MIT */
/* What is done less often than sealing and opening. */
#include "more.h"
#include "ours.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS 0.3

/* ---- Topics ---- */

typedef struct {
    mqtt_e2e_session *session;
    const char *name;
    char wire[256];
    size_t wire_len;
    size_t ops;
} topic_job;

static void hide(void *context)
{
    topic_job *job = context;
    mqtt_e2e_topic topic;

    for (size_t i = 0; i < job->ops; i++)
        bench_check(mqtt_e2e_hide(job->session, job->name, job->wire, sizeof job->wire, &topic) ==
                        MQTT_E2E_OK,
                    "hide");
    job->wire_len = topic.wire_len;
}

static void reveal(void *context)
{
    topic_job *job = context;
    mqtt_e2e_topic topic;
    char name[256];

    for (size_t i = 0; i < job->ops; i++)
        bench_check(mqtt_e2e_reveal(job->session, job->wire, job->wire_len, name, sizeof name, &topic) ==
                        MQTT_E2E_OK,
                    "reveal");
}

static void topics(const mqtt_e2e_crypto *crypto)
{
    static const char *const names[] = {"home", "home/kitchen", "home/kitchen/temperature"};
    topic_job job = {.session = ours_session(crypto, 1), .ops = 32};
    bench_side hiding = bench_timed(NULL, hide, &job, job.ops),
               revealing = bench_timed(NULL, reveal, &job, job.ops);
    bench_pair pair;
    char what[64];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        job.name = names[i];
        snprintf(what, sizeof what, "hide a topic of %zu level%s, %s", i + 1, i == 0 ? "" : "s",
                 crypto->name);
        pair = bench_alone(&hiding, SECONDS);
        bench_row_alone(what, &pair);
        snprintf(what, sizeof what, "reveal a topic of %zu level%s, %s", i + 1, i == 0 ? "" : "s",
                 crypto->name);
        pair = bench_alone(&revealing, SECONDS);
        bench_row_alone(what, &pair);
    }
    ours_free(job.session);
}

/* ---- HMAC ---- */

static void hmac(void *context)
{
    const mqtt_e2e_crypto *crypto = context;
    uint8_t key[32] = {1}, out[32];
    mqtt_e2e_bytes part = {OURS_TOPIC, sizeof OURS_TOPIC - 1};

    for (size_t i = 0; i < 64; i++)
        bench_check(crypto->hmac(key, sizeof key, &part, 1, out) == 0, "hmac");
}

static void hmacs(mqtt_e2e_crypto crypto)
{
    bench_side side = bench_timed(NULL, hmac, &crypto, 64);
    bench_pair pair = bench_alone(&side, SECONDS);
    char what[64];

    snprintf(what, sizeof what, "HMAC-SHA256 of 24 bytes, %s", crypto.name);
    bench_row_alone(what, &pair);
}

/* ---- Stored state ---- */

typedef struct {
    mqtt_e2e_session *session;
    uint8_t *state;
    size_t size, len, ops;
} state_job;

static void save(void *context)
{
    state_job *job = context;

    for (size_t i = 0; i < job->ops; i++)
        bench_check(mqtt_e2e_save(job->session, job->state, job->size, &job->len) == MQTT_E2E_OK, "save");
}

static void states(size_t streams)
{
    static uint8_t plain[1], slot[256], opened[256];
    ours_job job = {.receiver = ours_session(&mqtt_e2e_openssl, streams), .plain = plain, .len = 1};
    state_job state = {.session = job.receiver, .ops = streams > 64 ? 1 : 32};
    bench_side side = bench_timed(NULL, save, &state, state.ops);
    bench_pair pair;
    char what[64];

    job.slots = slot;
    job.opened = opened;
    job.stride = sizeof slot;
    job.ops = 1;
    for (size_t i = 0; i < streams; i++) {
        job.sender = ours_session(&mqtt_e2e_openssl, 1);
        ours_topic(&job);
        ours_seal(&job);
        ours_open(&job);
        ours_free(job.sender);
    }
    state.size = mqtt_e2e_state_size(job.receiver);
    state.state = bench_alloc(state.size);
    pair = bench_alone(&side, SECONDS);
    snprintf(what, sizeof what, "make the state of %zu streams (%zu bytes), openssl", streams, state.len);
    bench_row_alone(what, &pair);
    free(state.state);
    ours_free(job.receiver);
}

void more_single(void)
{
    bench_title_alone("What is done less often");
    topics(&mqtt_e2e_openssl);
    topics(&mqtt_e2e_mbedtls);
    topics(&mqtt_e2e_bearssl);
    more_cache();
    hmacs(mqtt_e2e_openssl);
    hmacs(mqtt_e2e_mbedtls);
    hmacs(mqtt_e2e_bearssl);
    states(8);
    states(4096);
}
