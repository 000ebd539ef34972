/* SPDX-License-Identifier: MIT */
/*
 * What the sender's spool costs, on SQLite as it is and on LMDB: payloads of 100 bytes, packets of 154. Flushes go to the disk that
 * the folder lies on, so a figure is that disk's; the ratio is what counts.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure.h"
#include "spool_engine.h"
#include "table.h"

#define GROUP   100
#define GROUPS  10
#define SINGLE  50
#define WAITING 100000
#define SECONDS 2.0

typedef struct {
    const spool_engine *engine;
    char dir[64];
    void *spool;
    uint64_t seqs[GROUP * GROUPS];
} side;

/* ---- Ours ------------------------------------------------------------------------------------------- */

static void *ours_open(const char *dir, uint64_t *messages)
{
    e2e_spool *spool = calloc(1, sizeof *spool);
    mqtt_e2e_error error = {0};

    bench_check(spool != NULL, "calloc");
    if (!e2e_spool_open(spool, dir, 10000000, (uint64_t)1 << 32, &error))
        bench_check(false, error.text);
    *messages = spool->now.messages;
    return spool;
}

static void ours_add(void *spool, e2e_spool_item *item)
{
    bench_check(e2e_spool_add(spool, item, NULL), "e2e_spool_add");
}

static void ours_sealed(void *spool, const e2e_spool_item *item)
{
    bench_check(e2e_spool_sealed(spool, item, NULL), "e2e_spool_sealed");
}

static void ours_done(void *spool, uint64_t seq)
{
    e2e_spool_done(spool, seq);
}

static void ours_commit(void *spool)
{
    bench_check(e2e_spool_commit(spool, NULL), "e2e_spool_commit");
}

static void ours_close(void *spool)
{
    bench_check(e2e_spool_close(spool, NULL), "e2e_spool_close");
    free(spool);
}

const spool_engine spool_ours = {"SQLite",    "spool.db", ours_open,   ours_add,
                                 ours_sealed, ours_done,  ours_commit, ours_close};

/* ---- The work --------------------------------------------------------------------------------------- */

static void add_group(side *s, size_t from, size_t n)
{
    uint8_t payload[100];

    for (size_t i = 0; i < n; i++) {
        e2e_spool_item item = {
            .topic = "home/room-17/temperature", .payload = payload, .len = sizeof payload, .qos = 1};

        memset(payload, (int)(from + i), sizeof payload);
        s->engine->add(s->spool, &item);
        s->seqs[from + i] = item.seq;
    }
    s->engine->commit(s->spool);
}

static void seal_group(side *s, size_t from, size_t n)
{
    uint8_t packet[154];

    for (size_t i = 0; i < n; i++) {
        e2e_spool_item item = {.seq = s->seqs[from + i], .packet = packet, .packet_len = sizeof packet};

        memset(packet, (int)(from + i), sizeof packet);
        item.first.counter = (uint32_t)i;
        s->engine->sealed(s->spool, &item);
    }
    s->engine->commit(s->spool);
}

static void end_group(side *s, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s->engine->done(s->spool, s->seqs[from + i]);
    s->engine->commit(s->spool);
}

typedef void (*work)(side *s, size_t from, size_t n);

/* ns a message */
static double repeat(side *s, work what, size_t groups, size_t n)
{
    uint64_t start = bench_ns();

    for (size_t i = 0; i < groups; i++)
        what(s, i * n, n);
    return (double)(bench_ns() - start) / (double)(groups * n);
}

static double single(void *context)
{
    double ns = repeat(context, add_group, SINGLE, 1);

    repeat(context, end_group, SINGLE, 1);
    return ns;
}

static double add(void *context)
{
    double ns = repeat(context, add_group, GROUPS, GROUP);

    repeat(context, end_group, GROUPS, GROUP);
    return ns;
}

static double seal(void *context)
{
    double ns;

    repeat(context, add_group, GROUPS, GROUP);
    ns = repeat(context, seal_group, GROUPS, GROUP);
    repeat(context, end_group, GROUPS, GROUP);
    return ns;
}

static double done(void *context)
{
    repeat(context, add_group, GROUPS, GROUP);
    repeat(context, seal_group, GROUPS, GROUP);
    return repeat(context, end_group, GROUPS, GROUP);
}

static double reopen(void *context)
{
    side *s = context;
    uint64_t messages, start;
    double ns;

    s->engine->close(s->spool);
    start = bench_ns();
    s->spool = s->engine->open(s->dir, &messages);
    ns = (double)(bench_ns() - start);
    bench_check(messages == WAITING, "counting");
    return ns / WAITING;
}

/* ---- The table --------------------------------------------------------------------------------------- */

static side start(const spool_engine *engine)
{
    side s = {.engine = engine};
    uint64_t messages;

    snprintf(s.dir, sizeof s.dir, "bench-spool.XXXXXX");
    bench_check(mkdtemp(s.dir) != NULL, "mkdtemp");
    s.spool = engine->open(s.dir, &messages);
    return s;
}

/* Bytes on the disk of all files; with `away` they are removed. */
static size_t files(const char *dir, bool away)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    size_t sum = 0;

    bench_check(d != NULL, "opendir");
    while ((e = readdir(d)) != NULL) {
        char path[400];
        struct stat info;

        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode))
            continue;
        sum += (size_t)info.st_blocks * 512;
        if (away)
            unlink(path);
    }
    closedir(d);
    if (away)
        rmdir(dir);
    return sum;
}

static bench_pair measure(void *context)
{
    const bench_side *sides = context;

    return bench_compare(&sides[0], &sides[1], SECONDS);
}

static void row(side s[2], const char *what, double (*sample)(void *))
{
    bench_side sides[2] = {{.sample = sample, .context = &s[0]}, {.sample = sample, .context = &s[1]}};
    bench_figure figure = {.what = what, .other = "the same on LMDB", .unit = BENCH_NS};

    figure.measure = measure;
    figure.context = sides;
    bench_row(&figure);
}

static void print_sizes(side s[2], const char *when)
{
    printf("%s: %s %zu KiB, %s %zu KiB on the disk\n", when, s[0].engine->name, files(s[0].dir, false) / 1024,
           s[1].engine->name, files(s[1].dir, false) / 1024);
}

static void outage(side *s, bool ends)
{
    size_t n = GROUP * GROUPS;
    uint64_t first = s->seqs[0];

    for (size_t i = 0; i < WAITING / n; i++)
        if (!ends) {
            add_group(s, 0, n);
            seal_group(s, 0, n / 2);
            first = i == 0 ? s->seqs[0] : first;
        } else {
            for (size_t j = 0; j < n; j++)
                s->seqs[j] = first + i * n + j;
            end_group(s, 0, n);
        }
    s->seqs[0] = first;
}

/* A small one, most of which is in use. */
static void damage(const spool_engine *engine)
{
    side s = start(engine);

    add_group(&s, 0, GROUP * GROUPS);
    engine->close(s.spool);
    spool_damage(engine, s.dir, GROUP * GROUPS);
    files(s.dir, true);
}

int main(void)
{
    side s[2] = {start(&spool_ours), start(&spool_lmdb)};

    bench_title("The spool: payloads of 100 bytes, ns a message", "ns (min)");
    row(s, "add, a commit each", single);
    row(s, "add, a commit for 100", add);
    row(s, "sealed, a commit for 100", seal);
    row(s, "done, a commit for 100", done);
    for (int i = 0; i < 2; i++)
        outage(&s[i], false);
    row(s, "open, 100,000 waiting", reopen);
    printf("\n");
    print_sizes(s, "100,000 waiting, half of them sealed");
    for (int i = 0; i < 2; i++) {
        outage(&s[i], true);
        s[i].engine->close(s[i].spool);
    }
    print_sizes(s, "all of them done, and closed");
    for (int i = 0; i < 2; i++) {
        files(s[i].dir, true);
        damage(s[i].engine);
    }
    return 0;
}
