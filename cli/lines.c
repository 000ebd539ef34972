/* SPDX-License-Identifier: MIT */
/* Lines from a descriptor, as they come. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "lines.h"

enum { CHUNK = 65536 };

/* Room for a chunk behind what is there. */
static bool make_room(cli_lines *lines)
{
    if (lines->start) {
        memmove(lines->data, lines->data + lines->start, lines->len - lines->start);
        lines->len -= lines->start;
        lines->looked -= lines->start;
        lines->start = 0;
    }
    if (lines->size - lines->len >= CHUNK)
        return true;
    size_t size = lines->size < CHUNK ? 2 * CHUNK : 2 * lines->size;
    char *more = lines->len > MQTT_E2E_PAYLOAD_MAX ? NULL : realloc(lines->data, size);
    if (!more) {
        cli_error("a line of standard input is too long for a message: at most %d bytes",
                  MQTT_E2E_PAYLOAD_MAX);
        return false;
    }
    lines->data = more;
    lines->size = size;
    return true;
}

bool cli_lines_read(cli_lines *lines, int fd)
{
    if (!make_room(lines))
        return false;
    ssize_t n = read(fd, lines->data + lines->len, CHUNK);
    if (n > 0)
        lines->len += (size_t)n;
    else if (n == 0)
        lines->ended = true;
    else if (errno != EINTR && errno != EAGAIN) {
        cli_error("cannot read standard input: %s", strerror(errno));
        return false;
    }
    return true;
}

bool cli_lines_peek(cli_lines *lines, const char **line, size_t *len)
{
    const char *end = lines->looked < lines->len
                          ? memchr(lines->data + lines->looked, '\n', lines->len - lines->looked)
                          : NULL;
    *line = lines->data + lines->start;
    if (end) {
        lines->looked = (size_t)(end - lines->data);
        *len = lines->looked - lines->start;
        return true;
    }
    lines->looked = lines->len;
    *len = lines->len - lines->start;
    return lines->ended && *len > 0;
}

void cli_lines_take(cli_lines *lines, size_t len)
{
    lines->start += len;
    if (lines->start < lines->len)
        lines->start++; /* the line's end */
    lines->looked = lines->start;
}

bool cli_lines_done(const cli_lines *lines)
{
    return lines->ended && lines->start == lines->len;
}

void cli_lines_free(cli_lines *lines)
{
    free(lines->data);
    *lines = (cli_lines){.ended = true};
}
