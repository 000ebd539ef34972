/* SPDX-License-Identifier: MIT */
#ifndef TEST_BROKER_H
#define TEST_BROKER_H
/* A mosquitto of the test's own: on a free port of the loopback, with its files in a directory of its own. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct {
    char dir[64];
    char config[4096]; /* further lines of mosquitto.conf */
    uint16_t port;
    pid_t pid; /* 0 = not running */
} test_broker;

/* Makes the directory and picks a port. Fails the test if that can't be done, as all here do. */
void test_broker_init(test_broker *broker);
/* The path of a file in the directory; it lasts until the call after next. With `text`, writes it there. */
const char *test_broker_file(const test_broker *broker, const char *name, const char *text);
/* Adds lines to mosquitto.conf; a format as in printf. */
void test_broker_configure(test_broker *broker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Starts it, and waits until it accepts connections. */
void test_broker_start(test_broker *broker);
/* Ends it, and waits until it is gone. It can be started again, on the same port. */
void test_broker_stop(test_broker *broker);
/* The same with SIGKILL: what it had not passed on is lost. */
void test_broker_kill(test_broker *broker);
/* Ends it and removes its files. */
void test_broker_free(test_broker *broker);

/* A port of 127.0.0.1 on which nobody listens. */
uint16_t test_free_port(void);
/* Runs a program in the directory and waits for it; its words are shown if it fails. */
void test_run(const test_broker *broker, const char *command);

#endif
