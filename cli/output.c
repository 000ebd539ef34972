/* SPDX-License-Identifier: MIT */
/* What people read: errors, hints, warnings, colours. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format.h"

static bool quiet;
static void (*before)(void);

void cli_before_output(void (*hook)(void))
{
    before = hook;
}

static void make_way(void)
{
    if (before)
        before();
}

void cli_be_quiet(void)
{
    quiet = true;
}

const char *cli_paint(FILE *stream, cli_style style)
{
    static const char *const codes[] = {
        [CLI_PLAIN] = "\033[0m", [CLI_BOLD] = "\033[1m",   [CLI_DIM] = "\033[2m",
        [CLI_RED] = "\033[31m",  [CLI_GREEN] = "\033[32m", [CLI_YELLOW] = "\033[33m"};
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    if ((no_color && *no_color) || !term || strcmp(term, "dumb") == 0 || !isatty(fileno(stream)))
        return "";
    return codes[style];
}

static void say(const char *label, cli_style style, const char *format, va_list args)
{
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    cli_tame(text); /* topics, host names and reasons come from others */
    make_way();
    const char *on = cli_paint(stderr, style), *off = *on ? cli_paint(stderr, CLI_PLAIN) : "";
    fprintf(stderr, "%s%s%s%s\n", on, label, off, text);
}

void cli_error(const char *format, ...)
{
    va_list args;
    if (quiet)
        return;
    va_start(args, format);
    say("mqtt-e2e: ", CLI_RED, format, args);
    va_end(args);
}

void cli_hint(const char *format, ...)
{
    va_list args;
    if (quiet)
        return;
    va_start(args, format);
    say("mqtt-e2e: hint: ", CLI_DIM, format, args);
    va_end(args);
}

void cli_warning(const char *format, ...)
{
    va_list args;
    if (quiet)
        return;
    va_start(args, format);
    say("mqtt-e2e: warning: ", CLI_YELLOW, format, args);
    va_end(args);
}

void cli_note(const char *format, ...)
{
    va_list args;
    if (quiet)
        return;
    va_start(args, format);
    say("", CLI_PLAIN, format, args);
    va_end(args);
}

void cli_tell(const mqtt_e2e_error *error)
{
    cli_error("%s", error->text);
    if (error->hint[0])
        cli_hint("%s", error->hint);
}

int cli_usage_error(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("mqtt-e2e: ", CLI_RED, format, args);
    va_end(args);
    fprintf(stderr, "mqtt-e2e: hint: 'mqtt-e2e help %s' shows the options\n", command);
    return CLI_USAGE;
}

static bool write_failed(void)
{
    static bool told;
    if (!told && errno != EPIPE && errno != EINTR) /* EINTR: we are told to end (run.c) */
        cli_error("cannot write to standard output: %s", errno ? strerror(errno) : "a write failed");
    told = true;
    return false;
}

bool cli_put(const void *data, size_t len)
{
    make_way();
    errno = 0;
    return fwrite(data, 1, len, stdout) == len || write_failed();
}

bool cli_flush(void)
{
    errno = 0;
    return (fflush(stdout) == 0 && !ferror(stdout)) || write_failed();
}
