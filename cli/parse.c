/* SPDX-License-Identifier: MIT */
/* Options, numbers and time spans. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* The long option that stands at `word`, shortened or with a value, if its letter is `letter`. */
static const struct option *long_of(const char *word, const struct option *longs, int letter)
{
    if (strncmp(word, "--", 2) != 0)
        return NULL;
    size_t len = strcspn(word + 2, "=");
    for (; longs->name; longs++)
        if (longs->val == letter && strncmp(longs->name, word + 2, len) == 0)
            return longs;
    return NULL;
}

/* Wherever it stands: what was read before it does not matter any more. */
static _Noreturn void show_help(const char *command)
{
    char help[] = "help", name[16];
    char *words[] = {help, name, NULL};
    snprintf(name, sizeof name, "%s", command);
    int code = cli_help(2, words);
    exit(cli_flush() ? code : CLI_FAILED);
}

int cli_getopt(const char *command, int argc, char **argv, const char *shorts, const struct option *longs)
{
    opterr = 0;
    int option = getopt_long(argc, argv, shorts, longs, NULL);
    if (option != ':' && option != '?')
        return option;
    const char *word = argv[optind - 1];
    if (option == '?' && strcmp(word, "--help") == 0)
        show_help(command);
    const struct option *found = optopt ? long_of(word, longs, optopt) : NULL;
    /* What follows `=` may be a secret: it is not shown. */
    if (found && option == '?')
        cli_usage_error(command, "--%s takes no value", found->name);
    else if (found)
        cli_usage_error(command, "--%s needs a value", found->name);
    else if (option == ':')
        cli_usage_error(command, "-%c needs a value", optopt);
    else if (optopt)
        cli_usage_error(command, "unknown option -%c", optopt);
    else
        cli_usage_error(command, "unknown or ambiguous option %.*s", (int)strcspn(word, "="), word);
    return '?';
}

bool cli_parse_number(const char *command, const char *option, const char *text, int64_t min, int64_t max,
                      int64_t *number)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    bool digits = text[0] == '-' ? text[1] >= '0' && text[1] <= '9' : text[0] >= '0' && text[0] <= '9';
    if (!digits || *end || errno || n < min || n > max) {
        cli_usage_error(command, "%s must be a whole number from %lld to %lld, not '%s'", option,
                        (long long)min, (long long)max, text);
        return false;
    }
    *number = n;
    return true;
}

/* Digits with at most one point, as thousandths; -1: not a number, or one that is too large for any span. */
static int64_t thousandths(const char **text)
{
    const char *p = *text;
    int64_t value = 0;
    int digits = 0, decimals = -1;
    for (; (*p >= '0' && *p <= '9') || (*p == '.' && decimals < 0); p++) {
        if (*p == '.') {
            decimals = 0;
            continue;
        }
        if (decimals == 3 || value > INT64_MAX / 100000000)
            return -1;
        value = value * 10 + (*p - '0');
        digits++;
        decimals += decimals >= 0;
    }
    if (!digits)
        return -1;
    for (decimals = decimals < 0 ? 0 : decimals; decimals < 3; decimals++)
        value *= 10;
    *text = p;
    return value;
}

bool cli_parse_span(const char *command, const char *option, const char *text, int64_t max_ms, int64_t *ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"", 1000},     {"ms", 1},      {"s", 1000},    {"m", 60000},
                 {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    const char *unit = text;
    int64_t value = thousandths(&unit);
    for (size_t i = 0; value >= 0 && i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i].name) == 0 && value <= INT64_MAX / units[i].ms) {
            value = value * units[i].ms / 1000;
            if (value > max_ms)
                break;
            *ms = value;
            return true;
        }
    cli_usage_error(command,
                    "%s must be a time span like 300, 300s, 500ms, 5m or 1h, at most %llds, not '%s'", option,
                    (long long)(max_ms / 1000), text);
    return false;
}
