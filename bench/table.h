/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H
/* The tables that the benchmarks print (Markdown, so that they can go into docs/PERFORMANCE.md as they are), and
 * the verdict on the figures that must be reached. */
#include "measure.h"

typedef enum {
    BENCH_SHOWN,   /* for information */
    BENCH_AT_MOST, /* the ratio must not be greater than the limit */
    BENCH_AT_LEAST /* nor smaller */
} bench_demand;

/* What is shown of nanoseconds. */
typedef enum { BENCH_NS, BENCH_MICROSECONDS, BENCH_PER_SECOND } bench_unit;

/* What is compared: measured again where a demand is missed, see bench_row. */
typedef struct {
    const char *what;  /* "seal 100 bytes" */
    const char *other; /* "the same primitives, bare" */
    bench_demand demand;
    double limit;
    bool inverse; /* the ratio shown is other/ours: "times faster" */
    bench_unit unit;
    bench_pair (*measure)(void *context);
    void *context;
} bench_figure;

/* A heading, and the head of a table of bench_row: what its figures are, "ns (min)". */
void bench_title(const char *text, const char *figures);

/* Measures and prints a row. A figure that misses its demand is measured twice more, and the median of the three ratios
 * decides: a busy moment can spoil a round, and must not decide. */
void bench_row(const bench_figure *figure);

/* A table of single figures, without comparison. */
void bench_title_alone(const char *text);
void bench_row_alone(const char *what, const bench_pair *pair);

/* What main returns: 0, or 1 if a demand was missed, which it says. */
int bench_verdict(void);

#endif
