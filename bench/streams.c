/* SPDX-License-Identifier: MIT */
/* Does a receiver get slower by hearing many senders? */
#include "more.h"
#include "ours.h"
#include "table.h"

#include <stdlib.h>

#define STREAMS 4096
#define LEN     100
#define STRIDE  192

/* Senders take turns in random order, each once in a batch. Sealing sweeps the caches (each sender has contexts of its
 * own), so that a batch that is not timed goes first on either side, to let the receiver have them again. */
typedef struct {
    ours_job job;
    mqtt_e2e_session **senders;
    size_t sender_count;
    uint16_t order[STREAMS];
    uint8_t *warm_up;
    uint32_t random; /* xorshift: the same order in every run */
} crowd;

static void shuffle(crowd *c)
{
    for (size_t i = STREAMS - 1; i > 0; i--) {
        uint16_t other = c->order[i];
        size_t j;

        c->random ^= c->random << 13;
        c->random ^= c->random >> 17;
        c->random ^= c->random << 5;
        j = c->random % (i + 1);
        c->order[i] = c->order[j];
        c->order[j] = other;
    }
}

static void seal_all(crowd *c, uint8_t *slots)
{
    ours_job job = c->job;

    shuffle(c);
    job.ops = 1;
    for (size_t i = 0; i < STREAMS; i++) {
        job.sender = c->senders[c->order[i] % c->sender_count];
        job.slots = slots + i * STRIDE;
        ours_seal(&job);
    }
}

static void prepare(void *context)
{
    crowd *c = context;
    ours_job warm_up = c->job;

    seal_all(c, c->warm_up);
    seal_all(c, c->job.slots);
    warm_up.slots = c->warm_up;
    ours_open(&warm_up);
}

static void run(void *context)
{
    ours_open(&((crowd *)context)->job);
}

static crowd *new_crowd(size_t senders)
{
    static uint8_t plain[LEN], opened[STRIDE];
    crowd *c = bench_alloc(sizeof *c);

    c->job = (ours_job){.plain = plain, .opened = opened, .len = LEN, .stride = STRIDE, .ops = STREAMS};
    c->job.receiver = ours_session(&mqtt_e2e_openssl, STREAMS);
    c->job.slots = bench_alloc(STREAMS * STRIDE);
    c->warm_up = bench_alloc(STREAMS * STRIDE);
    c->senders = bench_alloc(senders * sizeof(mqtt_e2e_session *));
    c->sender_count = senders;
    for (size_t i = 0; i < senders; i++)
        c->senders[i] = ours_session(&mqtt_e2e_openssl, 1);
    for (size_t i = 0; i < STREAMS; i++)
        c->order[i] = (uint16_t)i;
    c->random = 2463534242;
    c->job.sender = c->senders[0];
    ours_topic(&c->job);
    return c;
}

static void free_crowd(crowd *c)
{
    for (size_t i = 0; i < c->sender_count; i++)
        ours_free(c->senders[i]);
    ours_free(c->job.receiver);
    free(c->senders);
    free(c->warm_up);
    free(c->job.slots);
    free(c);
}

static bench_pair compare(void *context)
{
    crowd **crowds = context;
    bench_side many = bench_timed(prepare, run, crowds[0], STREAMS),
               one = bench_timed(prepare, run, crowds[1], STREAMS);

    return bench_compare(&many, &one, 1);
}

void more_streams(void)
{
    crowd *crowds[2] = {new_crowd(STREAMS), new_crowd(1)};

    bench_row(&(bench_figure){.what = "open, 4096 streams",
                              .other = "open, one stream",
                              .demand = BENCH_AT_MOST,
                              .limit = 1.3,
                              .measure = compare,
                              .context = crowds});
    free_crowd(crowds[0]);
    free_crowd(crowds[1]);
}
