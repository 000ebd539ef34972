/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_LINE_H
#define MQTT_E2E_CLI_LINE_H
/* Lines `WIRETOPIC HEX`, which mosquitto_sub -F '%t %x' and mqtt-e2e seal print. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* One line being read; grows as needed. All zeros at first; free(data) at the end. */
typedef struct {
    char *data; /* without the end of line; a NUL stands behind it */
    size_t len, size;
    bool too_long; /* more than `max` bytes: only the first ones are here, the rest of the line was skipped */
} cli_line;

/* Reads the next line. 1: there is one; 0: end of input; -1: errno says why not. The last line needs no newline. */
int cli_line_read(FILE *in, cli_line *line, size_t max);

typedef struct {
    const char *topic; /* NUL-terminated */
    size_t topic_len;
    uint8_t *packet;
    size_t packet_len;
} cli_packet;

/* Takes a line apart, in place: the topic is what stands before its last space, and the hex behind it becomes bytes. NULL,
 * or what is wrong with it, for people; packet->topic is set if there is one even so. `line` has a NUL at `len`. */
const char *cli_line_parse(char *line, size_t len, cli_packet *packet);

#endif
