/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H
/* A private broker, and programs that we talk to in lines. Where something fails, the program ends; those that it started
 * end with it. */
#include <stddef.h>

typedef struct process process;

/* Starts a program, named from the directory that we lie in, on a processor: see bench_pin_to. `words` are its arguments, from
 * its name to a NULL. We hear what it says on descriptor `voice`: standard output, or standard error. */
process *process_start(unsigned processor, const char *const *words, int voice);

/* The same, of one that is called as bench-node is, with the broker's port; and waits until it is ready. */
process *process_start_node(unsigned processor, const char *program, const char *role, const char *topic,
                            size_t len, int qos);

void process_tell(process *p, size_t number);
const char *process_hear(process *p); /* its next line; lives until the next call */
void process_end(process *p);

#define PROCESS_KEY "a benchmark's ke" /* 16 bytes */

/* For brokers that are not to hold anything up: no limit below what is sent at once, and in flight what our client has. */
#define PROCESS_QUICK "set_tcp_nodelay true\nmax_queued_messages 0\nmax_inflight_messages 100\n"

/* Mosquitto on a free port of the loopback, with lines of settings; `self` is argv[0]. */
void process_broker_start(const char *self, const char *settings);
const char *process_broker_port(void);
void process_broker_end(void);

/* The path of a file beside the broker's, which goes with them. */
const char *process_file(const char *name);

#endif
