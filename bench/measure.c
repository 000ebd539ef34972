/* SPDX-License-Identifier: MIT */
#include "measure.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAIRS_MAX 20000

/* Batches of microseconds can be many; those that come from other processes take longer, and are steadier. */
static size_t pairs_min(const bench_side *side)
{
    return side->sample != NULL ? 21 : 31;
}

static int warm_ups(const bench_side *side)
{
    return side->sample != NULL ? 1 : 5;
}

uint64_t bench_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t bench_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pin(size_t cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

void bench_pin(void)
{
    int cpu = sched_getcpu();

    if (cpu >= 0)
        pin((size_t)cpu);
}

void bench_pin_to(unsigned n)
{
    size_t last = CPU_SETSIZE;
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return;
    for (size_t cpu = 0; cpu < CPU_SETSIZE && (last == CPU_SETSIZE || n > 0); cpu++)
        if (CPU_ISSET(cpu, &set)) {
            n -= last != CPU_SETSIZE;
            last = cpu;
        }
    if (last != CPU_SETSIZE)
        pin(last);
}

void bench_check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "bench: %s failed\n", what);
    exit(2);
}

void *bench_alloc(size_t size)
{
    size_t rounded = (size + 63) / 64 * 64;
    void *memory = aligned_alloc(64, rounded);

    bench_check(memory != NULL, "aligned_alloc");
    memset(memory, 0, rounded);
    return memory;
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return (a > b) - (a < b);
}

double bench_median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_value);
    return n % 2 != 0 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static double time_batch(const bench_side *side)
{
    uint64_t start;

    if (side->sample != NULL)
        return side->sample(side->context);
    if (side->prepare != NULL)
        side->prepare(side->context);
    start = bench_ns();
    side->run(side->context);
    return (double)(bench_ns() - start) / (double)side->ops;
}

bench_pair bench_compare(const bench_side *a, const bench_side *b, double seconds)
{
    double *of_a = bench_alloc(PAIRS_MAX * sizeof *of_a), *of_b = bench_alloc(PAIRS_MAX * sizeof *of_b);
    double *ratios = bench_alloc(PAIRS_MAX * sizeof *ratios);
    uint64_t end = bench_ns() + (uint64_t)(seconds * 1e9);
    bench_pair pair;
    size_t n = 0;

    for (int i = 0; i < warm_ups(a); i++) {
        time_batch(a);
        time_batch(b);
    }
    while (n < pairs_min(a) || (n < PAIRS_MAX && bench_ns() < end)) {
        if (n % 2 == 0)
            of_a[n] = time_batch(a);
        of_b[n] = time_batch(b);
        if (n % 2 != 0)
            of_a[n] = time_batch(a);
        ratios[n] = of_a[n] / of_b[n];
        n++;
    }
    pair = (bench_pair){
        .a = bench_median(of_a, n), .b = bench_median(of_b, n), .ratio = bench_median(ratios, n)};
    pair.a_min = of_a[0]; /* they are sorted now */
    pair.b_min = of_b[0];
    free(of_a);
    free(of_b);
    free(ratios);
    return pair;
}

bench_pair bench_alone(const bench_side *a, double seconds)
{
    double *of_a = bench_alloc(PAIRS_MAX * sizeof *of_a);
    uint64_t end = bench_ns() + (uint64_t)(seconds * 1e9);
    bench_pair pair = {0};
    size_t n = 0;

    for (int i = 0; i < warm_ups(a); i++)
        time_batch(a);
    while (n < pairs_min(a) || (n < PAIRS_MAX && bench_ns() < end))
        of_a[n++] = time_batch(a);
    pair.a = bench_median(of_a, n);
    pair.a_min = of_a[0];
    free(of_a);
    return pair;
}
