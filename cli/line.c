/* SPDX-License-Identifier: MIT */
#include "line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <mqtt_e2e/session.h>

static bool grow(cli_line *line, size_t max)
{
    size_t size = line->size ? line->size * 2 : 4096;
    if (size > max + 1)
        size = max + 1;
    char *data = realloc(line->data, size);
    if (!data)
        return false;
    line->data = data;
    line->size = size;
    return true;
}

int cli_line_read(FILE *in, cli_line *line, size_t max)
{
    int c;
    line->len = 0;
    line->too_long = false;
    if (line->size == 0 && !grow(line, max))
        return -1;
    errno = 0;
    while ((c = getc_unlocked(in)) != EOF && c != '\n') {
        if (line->len == max) {
            line->too_long = true;
            continue;
        }
        if (line->len + 1 == line->size && !grow(line, max))
            return -1;
        line->data[line->len++] = (char)c;
    }
    if (c == EOF && ferror(in))
        return -1;
    line->data[line->len] = '\0';
    return c != EOF || line->len > 0 || line->too_long;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hex to bytes, in place; -1: not hex. */
static int decode(char *hex, size_t len, uint8_t *out)
{
    for (size_t i = 0; i < len; i += 2) {
        int high = nibble(hex[i]), low = nibble(hex[i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

const char *cli_line_parse(char *line, size_t len, cli_packet *packet)
{
    memset(packet, 0, sizeof *packet);
    if (memchr(line, '\0', len))
        return "a NUL in the line";
    if (len > 0 && line[len - 1] == '\r')
        line[--len] = '\0';
    char *space = memrchr(line, ' ', len);
    if (!space)
        return "no space between topic and hex";
    if (space == line)
        return "no topic before the hex";
    if (space - line > MQTT_E2E_TOPIC_MAX)
        return "the topic is over 65535 bytes long";
    *space = '\0';
    packet->topic = line;
    packet->topic_len = (size_t)(space - line);
    size_t digits = len - packet->topic_len - 1;
    if (digits % 2)
        return "an odd number of hex digits";
    packet->packet = (uint8_t *)space + 1;
    packet->packet_len = digits / 2;
    return decode(space + 1, digits, packet->packet) == 0 ? NULL : "not hex behind the last space";
}
