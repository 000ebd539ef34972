/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_WORLD_H
#define MQTT_E2E_TESTS_WORLD_H
/*
 * The world around a device under test: time, a broker, and a controller that has the key. The device runs as a coroutine: where
 * its framework would wait, the stub calls world_yield, and the test goes on; one millisecond passes each time the test lets the
 * device run. All is in one process and one thread, so every run is the same.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WORLD_T0 INT64_C(1795459591440) /* UTC when the world begins */

typedef struct {
    char topic[256];
    uint8_t bytes[8192];
    size_t len;
    int qos;
} world_packet;

/* ---- For the stubs ---- */

int64_t world_ms(void); /* since the device's power came */
void world_yield(void);
bool world_up(void);                  /* the broker can be reached, */
bool world_takes(void);               /* and the MQTT library takes what it is given */
unsigned world_connections(void);     /* changes when the broker ends all connections */
void world_connected(bool clean);     /* a client's CONNECT was granted */
const world_packet *world_next(void); /* what the broker sends next, or NULL */
void world_acknowledged(void);        /* a PUBACK */
bool world_published(const char *topic, const void *bytes, size_t len, int qos, bool retain);
void world_subscribed(const char *filter, int qos);
void world_unsubscribed(const char *filter);
void world_random(void *out, size_t len);

/* ---- For the test: time ---- */

void world_begin(int64_t device_ms); /* afresh; the device's clock stands at device_ms */
void world_start(void (*device)(void));
void world_run(int64_t ms);  /* lets the device run for so long */
void world_skip(int64_t ms); /* time passes, and the device sleeps */
int64_t world_utc(void);

/* ---- For the test: the broker ---- */

void world_set_up(bool up); /* false: ends the connections, too */
void world_set_takes(bool takes);
void world_flood(const char *topic, size_t len, unsigned times); /* packets of len bytes of junk */
void world_send_again(unsigned back);                            /* what the controller sent, 0 the last */
size_t world_subscriptions(void);
size_t world_waiting(void); /* packets that the device has not got yet */
unsigned world_acks(void);
const char *world_topic_of(const char *name); /* its wire form */

/* ---- For the test: the controller ---- */

void world_tell_time(bool tells);
void world_ask(const char *name, const char *text); /* sends a request */
void world_tell(const char *name, const char *text);
const char *world_answer(void); /* payload of the reply to the last request, "" if there is none yet */
unsigned world_answers(void);   /* how many replies there were in all */
const char *world_heard(void);  /* payload of the last message on a topic */
unsigned world_messages(void);  /* how many there were */
unsigned world_times_asked(void);

/* ---- Checks ---- */

#define check(what)                 world_check(what, #what, __FILE__, __LINE__)
#define check_text(found, expected) world_check_text(found, expected, __FILE__, __LINE__)
void world_check(bool right, const char *what, const char *file, int line);
void world_check_text(const char *found, const char *expected, const char *file, int line);

#ifdef __cplusplus
}
#endif
#endif
