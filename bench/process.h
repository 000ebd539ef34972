/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H
/* A private broker, and programs that we talk to in lines. Where something fails, the program ends; those that it started
 * end with it. */
#include <stddef.h>

typedef struct process process;

/* Starts a program of the directory that we lie in, on a processor: see bench_pin_to. */
process *process_start(unsigned processor, const char *program, const char *role, const char *port,
                       const char *topic, const char *len, const char *qos);
void process_tell(process *p, size_t number);
const char *process_hear(process *p); /* its next line; lives until the next call */
void process_end(process *p);

/* Mosquitto on a free port of the loopback; `self` is argv[0]. */
void process_broker_start(const char *self);
const char *process_broker_port(void);
void process_broker_end(void);

#endif
