/* SPDX-License-Identifier: MIT */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H
/* Sessions that seal and open in batches, through the public header alone. */
#include "measure.h"
#include "mqtt_e2e/session.h"

#define OURS_TOPIC "home/kitchen/temperature" /* 24 bytes, three levels */

/* A batch: the sender's packets lie in `slots`, `stride` bytes apart. Every packet is opened once, since the second time it
 * would be a replay: so open's batches have ours_seal as what prepares them. */
typedef struct {
    mqtt_e2e_session *sender, *receiver;
    mqtt_e2e_topic topic;
    const uint8_t *plain;
    uint8_t *opened; /* of `stride` bytes */
    size_t len;
    uint8_t *slots;
    size_t stride;
    size_t ops;
} ours_job;

/* A session of the benchmark's key, with a table of `streams`; the caller frees it by ours_free. */
mqtt_e2e_session *ours_session(const mqtt_e2e_crypto *crypto, size_t streams);
void ours_free(mqtt_e2e_session *session);

void ours_topic(ours_job *job); /* prepares OURS_TOPIC */

void ours_seal(void *job);
void ours_open(void *job);

#endif
