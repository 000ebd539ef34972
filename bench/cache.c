/* SPDX-License-Identifier: MIT */
/* The client's cache of prepared topics: what a message costs instead of hiding its topic, or reading it back. */
#include "more.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define TOPICS  4096
#define SECONDS 0.3

typedef struct {
    e2e_topics cache;
    char names[TOPICS][32];
    size_t stride; /* between topics looked for one after the other: 0 for the same again */
    size_t at;
} cache_job;

static void find(void *context)
{
    cache_job *job = context;
    bool good = true;

    for (size_t i = 0; i < 256; i++) {
        const char *name = job->names[job->at];

        good &= e2e_topics_find(&job->cache, name, strlen(name)) != NULL;
        job->at = (job->at + job->stride) % TOPICS;
    }
    bench_check(good, "e2e_topics_find");
}

void more_cache(void)
{
    cache_job *job = bench_alloc(sizeof *job);
    bench_side side = bench_timed(NULL, find, job, 256);
    bench_pair pair;

    e2e_topics_init(&job->cache, false);
    for (size_t i = 0; i < TOPICS; i++) {
        mqtt_e2e_topic topic = {.name = job->names[i], .wire = job->names[i]};
        e2e_topic *kept;

        snprintf(job->names[i], sizeof job->names[i], "home/room-%zu/temperature", i);
        topic.name_len = topic.wire_len = (uint16_t)strlen(job->names[i]);
        kept = e2e_topics_make(&topic);
        bench_check(kept != NULL, "e2e_topics_make");
        e2e_topics_keep(&job->cache, kept);
        e2e_topics_release(kept);
    }
    pair = bench_alone(&side, SECONDS);
    bench_row_alone("find a prepared topic, the same as before", &pair);
    job->stride = 2053; /* a prime: all of them, with none near the one before */
    pair = bench_alone(&side, SECONDS);
    bench_row_alone("find a prepared topic, each another of 4,096", &pair);
    e2e_topics_clear(&job->cache);
    free(job);
}
