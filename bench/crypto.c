/* SPDX-License-Identifier: MIT */
/* bench-crypto: what sealing and opening cost, without a network. See bench/README.md. */
#include "bare.h"
#include "more.h"
#include "ours.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>

#define SECONDS   0.4 /* for each figure shown */
#define SECONDS_D 1.0 /* and for one that must be reached */
#define LONGEST   16384
#define STRIDE(n)                                                                                            \
    (((n) + 256) / 64 * 64) /* room for the packet, and for the longest of the others' but JSON */

typedef struct {
    const char *name;
    const mqtt_e2e_crypto *ours;
    const bare_library *bare;
} backend;

static const backend backends[] = {
    {"OpenSSL", &mqtt_e2e_openssl, &bare_openssl},
    {"mbedTLS", &mqtt_e2e_mbedtls, &bare_mbedtls},
    {"BearSSL", &mqtt_e2e_bearssl, &bare_bearssl},
};

static const uint8_t key[32] = "another key, of the comparators";
static uint8_t plain[LONGEST + 16], opened[STRIDE(LONGEST)];

/* Batches of some 50 microseconds that stay in the first-level cache where they can. */
static size_t ops_for(size_t len)
{
    return len >= 8192 ? 4 : len >= 512 ? 16 : 64;
}

static ours_job new_ours(const mqtt_e2e_crypto *crypto, size_t len)
{
    ours_job job = {.plain = plain, .opened = opened, .len = len, .stride = STRIDE(len), .ops = ops_for(len)};

    job.sender = ours_session(crypto, 8);
    job.receiver = ours_session(crypto, 4096);
    job.slots = bench_alloc(job.ops * job.stride);
    ours_topic(&job);
    return job;
}

static void free_ours(ours_job *job)
{
    ours_free(job->sender);
    ours_free(job->receiver);
    free(job->slots);
}

/* ---- Comparing ---- */

typedef struct {
    bench_side ours, other;
    double seconds;
} comparison;

static bench_pair compare(void *context)
{
    const comparison *c = context;

    return bench_compare(&c->ours, &c->other, c->seconds);
}

/* The functions of bare.h as a bench_side wants them. */
typedef struct {
    bare_job job;
    void (*seal)(const bare_job *job);
    void (*open)(const bare_job *job);
} other_job;

static void other_seal(void *context)
{
    const other_job *other = context;

    other->seal(&other->job);
}

static void other_open(void *context)
{
    const other_job *other = context;

    other->open(&other->job);
}

static other_job new_other(const ours_job *ours, size_t len)
{
    other_job other = {.job = {.aad = (const uint8_t *)OURS_TOPIC,
                               .aad_len = sizeof OURS_TOPIC - 1,
                               .plain = plain,
                               .opened = opened,
                               .len = len,
                               .stride = 3 * ours->stride, /* for JSON */
                               .ops = ours->ops}};

    other.job.slots = bench_alloc(other.job.ops * other.job.stride);
    return other;
}

static other_job new_bare(const ours_job *ours, const bare_library *bare, size_t len, bool same_primitives)
{
    other_job other = new_other(ours, len);

    other.job.stride = ours->stride;
    other.job.same_primitives = same_primitives;
    other.seal = bare->seal;
    other.open = bare->open;
    return other;
}

/* Two rows, seal and open, of one comparison. */
static void rows(ours_job *ours, other_job *other, const bench_figure *model)
{
    double seconds = model->demand == BENCH_SHOWN ? SECONDS : SECONDS_D;
    comparison seal = {bench_timed(NULL, ours_seal, ours, ours->ops),
                       bench_timed(NULL, other_seal, other, ours->ops), seconds};
    comparison open = {bench_timed(ours_seal, ours_open, ours, ours->ops),
                       bench_timed(other_seal, other_open, other, ours->ops), seconds};
    bench_figure figure = *model;
    char what[64];

    figure.measure = compare;
    snprintf(what, sizeof what, "seal %zu bytes", ours->len);
    figure.what = what;
    figure.context = &seal;
    bench_row(&figure);
    snprintf(what, sizeof what, "open %zu bytes", ours->len);
    figure.context = &open;
    bench_row(&figure);
}

/* ---- The tables ---- */

static void table_of_demands(void)
{
    ours_job ours = new_ours(&mqtt_e2e_openssl, 100);
    other_job same = new_bare(&ours, &bare_openssl, 111, true),
              gcm = new_bare(&ours, &bare_openssl, 100, false);
    other_job json = new_other(&ours, 100);

    json.seal = bare_json_seal;
    json.open = bare_json_open;
    bench_title("100 bytes, prepared topic of 24 bytes, OpenSSL", "ns (min)");
    rows(&ours, &same,
         &(bench_figure){
             .other = "GCM of 111, one AES block, one clock read", .demand = BENCH_AT_MOST, .limit = 1.15});
    rows(&ours, &gcm, &(bench_figure){.other = "GCM of 100", .demand = BENCH_AT_MOST, .limit = 1.35});
    rows(&ours, &json,
         &(bench_figure){.other = "secretbox, base64, JSON: times faster",
                         .demand = BENCH_AT_LEAST,
                         .limit = 5,
                         .inverse = true});
    more_streams();
    free(same.job.slots);
    free(gcm.job.slots);
    free(json.job.slots);
    free_ours(&ours);
}

static void table_of_backend(const backend *b)
{
    static const size_t sizes[] = {20, 100, 1000, LONGEST};
    char title[64], other_name[64];

    snprintf(title, sizeof title, "Our seal and open over %s, and %s called bare", b->name, b->name);
    bench_title(title, "ns (min)");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ours_job ours = new_ours(b->ours, sizes[i]);
        other_job bare = new_bare(&ours, b->bare, sizes[i], false);

        snprintf(other_name, sizeof other_name, "GCM of %zu bytes", sizes[i]);
        rows(&ours, &bare, &(bench_figure){.other = other_name});
        free(bare.job.slots);
        free_ours(&ours);
    }
}

static void table_of_sodium(void)
{
    static const size_t sizes[] = {20, 100, 1000, LONGEST};

    bench_title("Our seal and open over OpenSSL, and what else people use", "ns (min)");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ours_job ours = new_ours(&mqtt_e2e_openssl, sizes[i]);
        other_job other = new_other(&ours, sizes[i]);

        other.seal = bare_sodium_seal;
        other.open = bare_sodium_open;
        rows(&ours, &other, &(bench_figure){.other = "secretbox: times faster", .inverse = true});
        other.seal = bare_json_seal;
        other.open = bare_json_open;
        rows(&ours, &other,
             &(bench_figure){.other = "secretbox, base64, JSON: times faster", .inverse = true});
        free(other.job.slots);
        free_ours(&ours);
    }
}

int main(void)
{
    bench_pin();
    bare_sodium_start(key);
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        backends[i].bare->start(key);
    table_of_demands();
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        table_of_backend(&backends[i]);
    table_of_sodium();
    more_single();
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        backends[i].bare->stop();
    return bench_verdict();
}
