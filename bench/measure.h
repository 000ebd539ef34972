/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H
/*
 * Comparing two pieces of code on a machine that is not quiet.
 *
 * Both sides run in turns, in batches of some 50 microseconds, A B B A A B ..., so that whatever slows the machine
 * down slows both. Each pair of neighbouring batches gives a ratio, and the median of the ratios is the result: an
 * interrupt spoils one pair, not the figure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One side of a comparison. `prepare` (may be NULL) makes what the batch uses up, and is not timed. */
typedef struct {
    void (*prepare)(void *context);
    void (*run)(void *context); /* `ops` operations */
    void *context;
    size_t ops;
    double (*sample)(void *context); /* in the place of all this: does a batch, and returns ns an operation */
} bench_side;

static inline bench_side bench_timed(void (*prepare)(void *), void (*run)(void *), void *context, size_t ops)
{
    return (bench_side){.prepare = prepare, .run = run, .context = context, .ops = ops};
}

typedef struct {
    double a, b;         /* nanoseconds an operation, median */
    double a_min, b_min; /* and of the fastest batch */
    double ratio;        /* median of a/b over the pairs */
} bench_pair;

/* Runs pairs for about `seconds` of time, at least 31 of them (21 of samples). */
bench_pair bench_compare(const bench_side *a, const bench_side *b, double seconds);

/* One side alone: only a and a_min are set. */
bench_pair bench_alone(const bench_side *a, double seconds);

double bench_median(double *values, size_t n); /* sorts them */

uint64_t bench_ns(void); /* monotonic */

/* UTC in milliseconds, read anew: what a sender does for each message. */
int64_t bench_now_ms(void);

/* Keeps this process on the processor that it is on; or on number `n` of those that it may use, or the last. Where the
 * kernel forbids it, figures are noisier, and no less true. */
void bench_pin(void);
void bench_pin_to(unsigned n);

/* Ends the program where something failed that can't fail: a benchmark of errors would be fast and worthless. */
void bench_check(bool ok, const char *what);

void *bench_alloc(size_t size); /* zeroed, aligned to 64 */

#endif
