/* SPDX-License-Identifier: MIT */
/* The output format of mosquitto_sub's -F: %p and the like for the message, @Y for the time of arrival, \n for
 * characters. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format.h"

/* One piece of a format. */
typedef struct {
    enum { END, LITERAL, FIELD, TIME, BAD_FIELD, BAD_ESCAPE, CUT } kind;
    char letter;
    bool zero, left;   /* flags of a field */
    size_t width, max; /* max: SIZE_MAX = none */
} piece;

enum { WIDTH_MAX = 10000 };

static const char fields[] = "%plxXtqrmIUjJkobTsn", properties[] = "ACDEFPRS", sized[] = "plxXtmI";

/* ---- Reading ------------------------------------------------------------------------------------ */

static size_t read_number(const char **text)
{
    size_t n = 0;
    for (; **text >= '0' && **text <= '9'; ++*text)
        n = n > WIDTH_MAX ? n : 10 * n + (size_t)(**text - '0');
    return n;
}

static piece read_field(const char **text)
{
    piece p = {.kind = FIELD, .max = SIZE_MAX};
    for (; **text == '0' || **text == '-'; ++*text)
        *(**text == '0' ? &p.zero : &p.left) = true;
    p.width = read_number(text);
    if (**text == '.') {
        ++*text;
        p.max = read_number(text);
    }
    p.letter = **text;
    if (!p.letter)
        p.kind = CUT;
    else if (!strchr(fields, *(*text)++) || p.width > WIDTH_MAX || (p.max != SIZE_MAX && p.max > WIDTH_MAX))
        p.kind = BAD_FIELD;
    return p;
}

static piece read_escape(const char **text)
{
    static const char letters[] = "\\0aenrtv", meanings[] = "\\\0\a\033\n\r\t\v";
    const char *found = **text ? strchr(letters, **text) : NULL;
    piece p = {.kind = !**text ? CUT : found ? LITERAL : BAD_ESCAPE, .letter = **text};
    if (found)
        p.letter = meanings[found - letters];
    *text += **text != '\0';
    return p;
}

/* The next piece of a format; moves *text behind it. */
static piece next(const char **text)
{
    piece p = {.kind = LITERAL, .letter = **text};
    if (!p.letter) {
        p.kind = END;
        return p;
    }
    ++*text;
    if (p.letter == '%')
        return read_field(text);
    if (p.letter == '\\')
        return read_escape(text);
    if (p.letter == '@') {
        p.letter = **text;
        p.kind = !p.letter ? CUT : p.letter == '@' ? LITERAL : TIME;
        *text += p.letter != '\0';
    }
    return p;
}

bool cli_format_check(const char *command, const char *format)
{
    for (;;) {
        const piece p = next(&format);
        if (p.kind == END)
            return true;
        if (p.kind == CUT)
            cli_usage_error(command, "-F: the format ends within an element");
        else if (p.kind == BAD_ESCAPE)
            cli_usage_error(command, "-F: no such character: '\\%c'", p.letter);
        else if (p.kind == BAD_FIELD && strchr(properties, p.letter))
            cli_usage_error(command, "-F: %%%c can't be had: properties of MQTT 5 are not sealed", p.letter);
        else if (p.kind == BAD_FIELD && strchr(fields, p.letter))
            cli_usage_error(command, "-F: a width of %%%c is over %d", p.letter, WIDTH_MAX);
        else if (p.kind == BAD_FIELD)
            cli_usage_error(command, "-F: no such element: '%%%c'", p.letter);
        else
            continue;
        return false;
    }
}

bool cli_format_tells_old(const char *format)
{
    for (piece p = next(&format); p.kind != END; p = next(&format))
        if (p.kind == FIELD && strchr("ojJ", p.letter))
            return true;
    return false;
}

/* ---- Printing ----------------------------------------------------------------------------------- */

static bool fill(const piece *p, size_t len)
{
    char c = p->zero && !p->left && p->letter != 't' && p->letter != 'I' ? '0' : ' ';
    for (; len < p->width; len++)
        if (!cli_put(&c, 1))
            return false;
    return true;
}

static bool put_field(const piece *p, const void *text, size_t len)
{
    if (!strchr(sized, p->letter))
        return cli_put_text(text, len);
    if (p->letter == 't' && len > p->max)
        len = p->max;
    return (p->left || fill(p, len)) && cli_put_text(text, len) && (!p->left || fill(p, len));
}

static bool put_number(const piece *p, long long n)
{
    char text[24];
    return put_field(p, text, (size_t)snprintf(text, sizeof text, "%lld", n));
}

static bool put_hex(const piece *p, const mqtt_e2e_bytes *bytes)
{
    char *text = malloc(2 * bytes->len + 1);
    if (!text) {
        cli_error("out of memory");
        return false;
    }
    cli_hex(bytes->data, bytes->len, text);
    for (char *c = text; p->letter == 'X' && *c; c++)
        if (*c >= 'a')
            *c = (char)(*c - 'a' + 'A');
    bool fine = put_field(p, text, 2 * bytes->len);
    free(text);
    return fine;
}

static bool put_stream(const piece *p, const mqtt_e2e_message *message)
{
    char text[2 * MQTT_E2E_STREAM_ID_SIZE + 1];
    cli_hex(message->id.stream, sizeof message->id.stream, text);
    return put_field(p, text, sizeof text - 1);
}

/* -F hands single conversions on to strftime, so that the format is no literal. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static bool put_conversion(char letter, const struct tm *local)
{
    const char format[] = {'%', letter, '\0'};
    char text[256];
    return cli_put_text(text, strftime(text, sizeof text, format, local));
}
#pragma GCC diagnostic pop

static bool put_clock(const piece *p, const struct timespec *now)
{
    char text[64];
    struct tm local;
    localtime_r(&now->tv_sec, &local);
    if (p->kind == TIME && p->letter == 'N')
        return put_field(p, text, (size_t)snprintf(text, sizeof text, "%09ld", now->tv_nsec));
    if (p->kind == TIME)
        return put_conversion(p->letter, &local);
    if (p->letter == 'I')
        return put_field(p, text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S%z", &local));
    int n = snprintf(text, sizeof text, "%lld.%09ld", (long long)now->tv_sec, now->tv_nsec);
    return put_field(p, text, (size_t)n);
}

static bool put(const piece *p, const mqtt_e2e_delivery *delivery, const struct timespec *now, bool pretty)
{
    const mqtt_e2e_message *message = delivery->message;
    if (p->kind == LITERAL)
        return cli_put(&p->letter, 1);
    if (p->kind == TIME)
        return put_clock(p, now);
    switch (p->letter) {
    case '%':
        return cli_put("%", 1);
    case 'p':
        return put_field(p, message->payload.data, message->payload.len);
    case 't':
        return put_field(p, message->topic.data, message->topic.len);
    case 'x':
    case 'X':
        return put_hex(p, &message->payload);
    case 'l':
        return put_number(p, (long long)message->payload.len);
    case 'q':
        return put_number(p, delivery->qos);
    case 'r':
        return put_number(p, delivery->retain);
    case 'm':
        return put_number(p, delivery->mid);
    case 'I':
    case 'U':
        return put_clock(p, now);
    case 'j':
    case 'J':
        return cli_put_json(delivery,
                            (pretty ? CLI_JSON_PRETTY : 0) | (p->letter == 'J' ? CLI_JSON_EMBED : 0));
    case 'k':
        return put_field(p, cli_kind_name(message->kind), strlen(cli_kind_name(message->kind)));
    case 'o':
        return put_number(p, message->old);
    case 'b':
        return put_field(p, delivery->broker, strlen(delivery->broker));
    case 'T':
        return put_number(p, message->time);
    case 's':
        return put_stream(p, message);
    default: /* 'n' */
        return put_number(p, message->id.counter);
    }
}

bool cli_format_print(const cli_options *options, const mqtt_e2e_delivery *delivery)
{
    struct timespec now;
    const char *format = options->format;
    clock_gettime(CLOCK_REALTIME, &now);
    for (piece p = next(&format); p.kind != END; p = next(&format))
        if (!put(&p, delivery, &now, options->pretty))
            return false;
    return true;
}
