/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_ROSTER_H
#define MQTT_E2E_CLI_ROSTER_H
/*
 * Devices that were heard: by what they announce on device/NAME, and by their answers to a ping of all. A run of a device's program
 * is a stream, and is known by that; it may say its name in either way. All of it comes from the network: see names.h
 * on names, and roster_text.
 */
#include <mqtt_e2e/client.h>
#include <mqtt_e2e/command.h>

#include "names.h"

enum { ROSTER_VERSION_MAX = 64, ROSTER_MAX = 1024 };

#define ROSTER_FILTER "device/+"

typedef struct {
    uint8_t stream[MQTT_E2E_STREAM_ID_SIZE];
    char name[CLI_NAME_MAX + 1];          /* "": it has not said it */
    char version[ROSTER_VERSION_MAX + 1]; /* "": nor that */
    int64_t heard_at;                     /* cli_run_now, */
    uint32_t every_s;                     /* and it will be heard again within that; 0: who knows */
    int64_t trip_us;                      /* of its last answer to a ping; -1: none yet */
    int64_t answered_at;                  /* cli_run_now then; 0 */
    bool gone;                            /* it said goodbye */
    bool own_key; /* heard with its own key; then the name is that of the key, whatever it says */
} roster_device;

/* All zeros at first. */
typedef struct {
    roster_device *devices;
    size_t count, room;
} roster;

void roster_free(roster *list);

/* A message on device/NAME. `key_name`: it came with the key that is of that device alone; NULL: with the key file's. */
void roster_announced(roster *list, const mqtt_e2e_message *message, const char *key_name);

/* A device, of that stream, has answered a ping with that text; round trip in microseconds. */
void roster_answered(roster *list, const uint8_t *stream, const mqtt_e2e_bytes *answer, int64_t trip_us,
                     const char *key_name);

/* The same of one that is known by its name alone; -1: it said something unasked. */
void roster_said(roster *list, const char *name, int64_t trip_us);

/* The one of that name that was heard last, and of that stream; NULL: none. */
const roster_device *roster_find(const roster *list, const char *name);
const roster_device *roster_of_stream(const roster *list, const uint8_t *stream);

/* Whether it is there, as far as we know: it has not said goodbye, and has not been silent for longer than it would be. */
bool roster_is_here(const roster_device *device);

/* Sorts by name; a device that was started again is listed once. */
void roster_sort(roster *list);

/* Text of a device, so that nothing of it can steer a terminal or be taken for another line: to `out` of 4 * strlen(text) + 1
 * bytes, which it returns; "": `otherwise`. */
const char *roster_text(const char *text, const char *otherwise, char *out);

/* How wide the names are, also of those that said goodbye or not. */
int roster_width(const roster *list, bool gone_too);

/* A line of a table: name, round trip, `heard` and what parts it from the next, version. Returns its length. */
#define ROSTER_LINE_SIZE 1024
size_t roster_line(const roster_device *device, int width, const char *heard, char out[ROSTER_LINE_SIZE]);

#endif
