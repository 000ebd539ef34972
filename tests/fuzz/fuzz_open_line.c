/* SPDX-License-Identifier: MIT */
/*
 * What `mqtt-e2e open` reads: lines WIRETOPIC HEX of any content and length. The first byte of the input chooses the longest
 * line taken. Lines read must join to the input again, and what is taken apart must be what stood there.
 */
/* sources: cli/line.c */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int truth)
{
    if (!truth)
        abort();
}

static void check_packet(const char *before, size_t len, const cli_packet *packet)
{
    char hex[3];
    demand(packet->topic_len > 0 && strlen(packet->topic) == packet->topic_len);
    demand(memcmp(before, packet->topic, packet->topic_len) == 0 && before[packet->topic_len] == ' ');
    len -= len > 0 && before[len - 1] == '\r';
    demand(packet->topic_len + 1 + 2 * packet->packet_len == len);
    for (size_t i = 0; i < packet->packet_len; i++) {
        snprintf(hex, sizeof hex, "%02x", packet->packet[i]);
        demand((before[packet->topic_len + 1 + 2 * i] | 0x20) == (hex[0] | 0x20));
        demand((before[packet->topic_len + 2 + 2 * i] | 0x20) == (hex[1] | 0x20));
    }
}

static void check_line(cli_line *line)
{
    cli_packet packet;
    char *before = malloc(line->len + 1);
    demand(before != NULL && line->data[line->len] == '\0');
    memcpy(before, line->data, line->len + 1);
    const char *wrong = cli_line_parse(line->data, line->len, &packet);
    if (!wrong)
        check_packet(before, line->len, &packet);
    else
        demand(wrong[0] != '\0');
    free(before);
}

/* Where in the data the line stood; what was cut off was longer than allowed. */
static const uint8_t *compare(const uint8_t *at, const uint8_t *end, const cli_line *line, size_t max)
{
    const uint8_t *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    size_t len = (size_t)((newline ? newline : end) - at);
    demand(line->too_long == (len > max));
    demand(line->len == (len > max ? max : len) && memcmp(line->data, at, line->len) == 0);
    return newline ? newline + 1 : end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cli_line line = {0};
    int got;
    if (size < 2)
        return 0;
    size_t max = data[0] < 128 ? 70000 : data[0] - 127u;
    const uint8_t *at = data + 1, *end = data + size;
    uint8_t *copy = malloc(size - 1);
    demand(copy != NULL);
    memcpy(copy, at, size - 1);
    FILE *in = fmemopen(copy, size - 1, "rb");
    demand(in != NULL);
    while ((got = cli_line_read(in, &line, max)) == 1) {
        at = compare(at, end, &line, max);
        if (!line.too_long)
            check_line(&line);
    }
    demand(got == 0 && at == end);
    fclose(in);
    free(copy);
    free(line.data);
    return 0;
}
