/* SPDX-License-Identifier: MIT */
/* Prints messages to standard output, with nothing in them that could steer a terminal. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "run.h"

/* The length of the UTF-8 character (RFC 3629) at `text`, and which it is; 0: none stands there. */
static size_t character(const unsigned char *text, size_t len, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *text < 0x80   ? 1
               : *text < 0xC0 ? 0
               : *text < 0xE0 ? 2
               : *text < 0xF0 ? 3
               : *text < 0xF8 ? 4
                              : 0;
    if (n == 0 || n > len)
        return 0;
    *code = n == 1 ? *text : *text & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        *code = *code << 6 | (text[i] & 0x3Fu);
    }
    return *code < least[n] || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000) ? 0 : n;
}

/* Whether a terminal shows a character and does nothing else: no C0 or C1 control, and nothing that turns the
 * direction of writing (Unicode Annex 9), which makes text look other than it is. */
static bool harmless(uint32_t code)
{
    if (code < 0x20)
        return code == '\n' || code == '\t';
    return !((code >= 0x7F && code < 0xA0) || (code >= 0x202A && code <= 0x202E) ||
             (code >= 0x2066 && code <= 0x2069));
}

void cli_tame(char *text)
{
    unsigned char *at = (unsigned char *)text;
    for (size_t len = strlen(text); len > 0;) {
        uint32_t code;
        size_t n = character(at, len, &code);
        bool fine = n && harmless(code) && code >= 0x20;
        n = n ? n : 1;
        if (!fine)
            memset(at, '?', n);
        at += n;
        len -= n;
    }
}

size_t cli_make_visible(const void *data, size_t len, char *out)
{
    const unsigned char *text = data;
    char *to = out;
    while (len) {
        uint32_t code;
        size_t n = character(text, len, &code);
        if (n && harmless(code)) {
            memcpy(to, text, n);
            to += n;
        } else {
            n = n ? n : 1;
            for (size_t i = 0; i < n; i++)
                to += sprintf(to, "\\x%02x", text[i]);
        }
        text += n;
        len -= n;
    }
    return (size_t)(to - out);
}

static bool put_visible(const unsigned char *text, size_t len)
{
    char visible[4 * 512 + 1];
    while (len) {
        size_t n = len < 512 ? len : 512;
        while (n > 509 && n < len && (text[n] & 0xC0) == 0x80) /* not within a character */
            n--;
        if (!cli_put(visible, cli_make_visible(text, n, visible)))
            return false;
        text += n;
        len -= n;
    }
    return true;
}

bool cli_put_text(const void *text, size_t len)
{
    static int terminal = -1;
    if (terminal < 0)
        terminal = isatty(STDOUT_FILENO);
    return terminal ? put_visible(text, len) : cli_put(text, len);
}

bool cli_put_json(const mqtt_e2e_delivery *delivery, unsigned how)
{
    if (isatty(STDOUT_FILENO))
        how |= CLI_JSON_ASCII;
    char *text = cli_json_text(delivery, how);
    bool fine = !text || cli_put(text, strlen(text));
    free(text);
    return fine;
}

static bool print_plain(const cli_options *options, const mqtt_e2e_message *message)
{
    bool fine = true;
    if (options->verbose) {
        fine = cli_put_text(message->topic.data, message->topic.len) && cli_put(" ", 1);
        if (fine && message->payload.len == 0) /* as mosquitto_sub has it */
            fine = cli_put("(null)", 6);
    }
    return fine && cli_put_text(message->payload.data, message->payload.len);
}

bool cli_print(const cli_options *options, const mqtt_e2e_delivery *delivery)
{
    static const char mark[] = "[old] ";
    size_t len = delivery->message->payload.len;
    bool fine = true;
    cli_memory_lift(len);
    if (options->json)
        fine = cli_put_json(delivery, options->pretty ? CLI_JSON_PRETTY : 0);
    else {
        if (delivery->message->old && !(options->format && cli_format_tells_old(options->format)))
            fine = cli_put(mark, sizeof mark - 1);
        fine = fine && (options->format ? cli_format_print(options, delivery)
                                        : print_plain(options, delivery->message));
    }
    if (fine && !options->no_newline)
        fine = cli_put("\n", 1);
    cli_memory_restore(len);
    return cli_flush() && fine;
}
