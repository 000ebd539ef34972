/* SPDX-License-Identifier: MIT */
#ifndef BENCH_TRIPS_H
#define BENCH_TRIPS_H
/* A program that makes round trips as it is told to: by numbers, each on a line of standard input. It ends with that. */
#include <stddef.h>

void trips_say(const char *text);
size_t trips_order(void); /* the next number; ends the program where there is none */

/*
 * Says "ready"; for each number N makes N round trips, one after the other, and says their median in nanoseconds. `trip` makes
 * one, and returns how long it took; it also waits for what is to be over before the next. For 0 says "P99 LEAST": of all
 * round trips since the last time, 99 in 100 took no longer than the first, and none less than the second.
 */
_Noreturn void trips_serve(double (*trip)(void));

#endif
