/* SPDX-License-Identifier: MIT */
/*
 * What is printed of answers. On a terminal: line by line above the line that is typed, behind the device's name where several
 * could be meant, with what they took; nothing of it steers the terminal. Else as `run` does it: results to standard output.
 */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "shell.h"

/* ---- Words -------------------------------------------------------------------------------------- */

const char *shell_span(int64_t ms, char out[32])
{
    if (ms < 1000)
        snprintf(out, 32, "%d ms", (int)ms);
    else if (ms < 120000)
        snprintf(out, 32, "%g s", (double)(ms / 100) / 10);
    else if (ms < 7200000)
        snprintf(out, 32, "%d min", (int)(ms / 60000));
    else
        snprintf(out, 32, "%d h", (int)(ms / 3600000));
    return out;
}

void shell_say(const shell_state *shell, cli_style style, const char *format, ...)
{
    char text[1024], visible[4 * sizeof text + 1];
    const char *on = cli_paint(stdout, style);
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!shell->editing) {
        cli_note("%s", text);
        return;
    }
    len = len < (int)sizeof text ? len : (int)sizeof text - 1;
    size_t n = cli_make_visible(text, (size_t)len, visible);
    cli_put(on, strlen(on));
    cli_put(visible, n);
    on = *on ? cli_paint(stdout, CLI_PLAIN) : "";
    cli_put(on, strlen(on));
    cli_put("\n", 1);
    cli_flush();
}

/* What it took until now, as the answerer's work and the way there and back. */
static const char *took(const remote_call *call, char out[32])
{
    int64_t us = cli_run_now_us() - call->sent_us;
    if (us >= 10000000)
        return shell_span(us / 1000, out);
    snprintf(out, 32, "%.*f ms", us < 100000 ? 1 : 0, (double)us / 1000);
    return out;
}

/* ---- The sink ----------------------------------------------------------------------------------- */

static const shell_state *shell_of(const remote_call *call)
{
    return ((const shell_call *)call->owner)->shell;
}

static bool tells_time(const shell_state *shell)
{
    return shell->editing || shell->run.options->verbose;
}

static const char *name_of(const remote_call *call, const remote_answer *answer)
{
    const char *name = remote_answer_name(call, answer);
    if (*name)
        return name;
    const roster_device *device = roster_of_stream(&shell_of(call)->heard, answer->stream);
    return device && *device->name ? device->name : "?";
}

static bool put(FILE *stream, const char *text, size_t len)
{
    static char visible[4 * MQTT_E2E_PART_DATA + 1];
    if (stream == stdout)
        return cli_put_text(text, len);
    bool terminal = isatty(fileno(stream));
    while (len > 0) {
        size_t n = len < MQTT_E2E_PART_DATA ? len : MQTT_E2E_PART_DATA;
        size_t out = terminal ? cli_make_visible(text, n, visible) : n;
        if (fwrite(terminal ? visible : text, 1, out, stream) != out)
            return false;
        text += n;
        len -= n;
    }
    return true;
}

static bool put_text(const remote_call *call, const remote_answer *answer, FILE *stream, bool named,
                     const char *text, size_t len)
{
    const char *name = named ? name_of(call, answer) : "";
    return put(stream, name, strlen(name)) && put(stream, ": ", named ? 2 : 0) && put(stream, text, len);
}

static bool is_one_of_many(const remote_call *call)
{
    return !*call->device || ((const shell_call *)call->owner)->batch || shell_calls_open(shell_of(call)) > 1;
}

static bool put_line(const remote_call *call, const remote_answer *answer, bool error, const char *line,
                     size_t len)
{
    const shell_state *shell = shell_of(call);
    bool named = is_one_of_many(call);
    FILE *stream = error && !shell->editing ? stderr : stdout;
    return put_text(call, answer, stream, named, line, len) && put(stream, "\n", 1) &&
           (stream == stderr || cli_flush());
}

/* One device's to a file or a pipe is as it came; there is one command at a time. */
static bool piece(remote_call *call, remote_answer *answer, const mqtt_e2e_part *part)
{
    bool error = part->type == MQTT_E2E_ERROR_OUTPUT;
    FILE *stream = error ? stderr : stdout;
    if (is_one_of_many(call) || shell_of(call)->editing || isatty(fileno(stream)))
        return remote_answer_lines(call, answer, error, &part->data, put_line);
    return put(stream, part->data.data, part->data.len) && (error || cli_flush());
}

/* Most say who they are. */
static bool says_name(const char *text, size_t len, const char *name)
{
    size_t n = strlen(name);
    return len > n && memcmp(text, name, n) == 0 && text[n] == ':';
}

static bool plain(remote_call *call, remote_answer *answer, const mqtt_e2e_bytes *text)
{
    const shell_state *shell = shell_of(call);
    const char *data = text->data ? text->data : "", *name = name_of(call, answer);
    size_t len = text->len;
    char time[32], tail[96];
    while (len > 0 && data[len - 1] == '\n')
        len--;
    bool named = is_one_of_many(call) && !says_name(data, len, name);
    snprintf(tail, sizeof tail, "   %s%s%s", cli_paint(stdout, CLI_DIM), took(call, time),
             cli_paint(stdout, CLI_PLAIN));
    return put_text(call, answer, stdout, named, data, len) &&
           cli_put(tail, tells_time(shell) ? strlen(tail) : 0) && cli_put("\n", 1) && cli_flush();
}

static bool end(remote_call *call, remote_answer *answer)
{
    const shell_call *of = call->owner;
    const char *name = name_of(call, answer);
    char words[512], time[32];
    int code = remote_end_code(&answer->end, words, sizeof words);
    if (!remote_answer_last_lines(call, answer, put_line))
        return false;
    took(call, time);
    if (*words)
        cli_error("%s: '%s' %s (%s)", name, of->typed, words, time);
    else if (code != 0)
        shell_say(of->shell, CLI_YELLOW, "%s: '%s' ended with exit code %d after %s", name, of->typed, code,
                  time);
    else if (tells_time(of->shell))
        shell_say(of->shell, CLI_DIM, "%s: '%s' ended after %s", name, of->typed, time);
    return true;
}

const remote_sink shell_print = {.piece = piece, .plain = plain, .end = end};
