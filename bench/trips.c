/* SPDX-License-Identifier: MIT */
#include "trips.h"
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE_MAX 10000
#define KEPT_MAX    (1 << 18)

/* All since the last time that they were asked for; of more than there is room for, the last ones. */
static struct {
    double ns[KEPT_MAX];
    size_t count;
} kept;

void trips_say(const char *text)
{
    puts(text);
    fflush(stdout);
}

size_t trips_order(void)
{
    char line[32];

    if (fgets(line, sizeof line, stdin) == NULL)
        exit(0);
    return strtoul(line, NULL, 10);
}

static void say_kept(void)
{
    size_t n = kept.count < KEPT_MAX ? kept.count : KEPT_MAX;
    char text[64];

    bench_check(n > 0, "looking at no round trips");
    bench_median(kept.ns, n); /* sorts them */
    snprintf(text, sizeof text, "%.0f %.0f", kept.ns[(n - 1) * 99 / 100], kept.ns[0]);
    trips_say(text);
    kept.count = 0;
}

_Noreturn void trips_serve(double (*trip)(void))
{
    static double trips[AT_ONCE_MAX];
    char text[32];

    trips_say("ready");
    for (;;) {
        size_t n = trips_order();

        if (n == 0) {
            say_kept();
            continue;
        }
        bench_check(n <= AT_ONCE_MAX, "so many round trips");
        for (size_t i = 0; i < n; i++)
            kept.ns[kept.count++ % KEPT_MAX] = trips[i] = trip();
        snprintf(text, sizeof text, "%.0f", bench_median(trips, n));
        trips_say(text);
    }
}
