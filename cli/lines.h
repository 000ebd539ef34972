/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_LINES_H
#define MQTT_E2E_CLI_LINES_H
/* Lines from a descriptor, as they come, without ever waiting for more than is there. */
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *data;
    size_t size, start, len; /* data[start..len) is not handed out yet */
    size_t looked;           /* up to here no line ends */
    bool ended;              /* end of the input */
} cli_lines;

/* Reads what is there; call when `fd` is readable. False: it was told. */
bool cli_lines_read(cli_lines *lines, int fd);

/* The next line, without its end; the last one may have none. It stays in place until cli_lines_take. */
bool cli_lines_peek(cli_lines *lines, const char **line, size_t *len);
void cli_lines_take(cli_lines *lines, size_t len);

/* Whether all was handed out. */
bool cli_lines_done(const cli_lines *lines);

void cli_lines_free(cli_lines *lines);

#endif
