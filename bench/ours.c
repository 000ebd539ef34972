/* SPDX-License-Identifier: MIT */
#include "ours.h"

#include <stdlib.h>
#include <sys/random.h>

static const uint8_t key[16] = "a benchmark's ke";

mqtt_e2e_session *ours_session(const mqtt_e2e_crypto *crypto, size_t streams)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    mqtt_e2e_options options;
    mqtt_e2e_session *session;
    size_t size;

    mqtt_e2e_defaults(&options);
    options.crypto = crypto;
    options.key = key;
    options.key_len = sizeof key;
    options.streams = (uint16_t)streams;
    size = mqtt_e2e_session_size(&options);
    bench_check(getrandom(random, sizeof random, 0) == sizeof random, "getrandom");
    /* Started a second ago: what is sealed in the millisecond of the start is stale. */
    bench_check(mqtt_e2e_init(&session, bench_alloc(size), size, &options, random, bench_now_ms() - 1000) ==
                    MQTT_E2E_OK,
                "mqtt_e2e_init");
    return session;
}

void ours_free(mqtt_e2e_session *session)
{
    mqtt_e2e_wipe(session);
    free(session);
}

void ours_topic(ours_job *job)
{
    static char wire[MQTT_E2E_WIRE_SIZE(12, sizeof OURS_TOPIC - 1, 3)];

    bench_check(mqtt_e2e_hide(job->sender, OURS_TOPIC, wire, sizeof wire, &job->topic) == MQTT_E2E_OK,
                "mqtt_e2e_hide");
}

void ours_seal(void *context)
{
    const ours_job *job = context;
    bool good = true;
    size_t n;

    for (size_t i = 0; i < job->ops; i++)
        good &= mqtt_e2e_seal(job->sender, &job->topic, MQTT_E2E_MESSAGE, job->plain, job->len,
                              job->slots + i * job->stride, job->stride, bench_now_ms(), &n) == MQTT_E2E_OK;
    bench_check(good, "mqtt_e2e_seal");
}

void ours_open(void *context)
{
    const ours_job *job = context;
    size_t n = mqtt_e2e_sealed_size(job->sender, job->len);
    mqtt_e2e_message message;
    bool good = true;

    for (size_t i = 0; i < job->ops; i++)
        good &= mqtt_e2e_open(job->receiver, &job->topic, job->slots + i * job->stride, n, job->opened,
                              job->stride, bench_now_ms(), &message) == MQTT_E2E_OK;
    bench_check(good && message.payload.len == job->len, "mqtt_e2e_open");
}
