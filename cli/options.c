/* SPDX-License-Identifier: MIT */
/* Parses the options of the table. */
#include <stdlib.h>
#include <string.h>

#include "options_table.h"
#include "profile.h"

enum { LONG = 1000 }; /* getopt's value of a long option: this, and the row */

const char *cli_options_command(unsigned command)
{
    static const char *const names[] = {"pub",   "sub", "request", "doctor",
                                        "agent", "run", "devices", "shell"};
    size_t i = 0;
    while (command >> (i + 1))
        i++;
    return names[i];
}

static bool is_row_of(const cli_row *r, char letter, const char *name)
{
    return letter ? r->letter == letter : name && r->name && strcmp(r->name, name) == 0;
}

/* The first row of an option that this command has, or else of one that another has. */
static const cli_row *row_of(unsigned command, char letter, const char *name)
{
    const cli_row *other = NULL;
    for (const cli_row *r = cli_rows; r < cli_rows + cli_row_count; r++) {
        if (r->kind == HEADING || !is_row_of(r, letter, name))
            continue;
        if (r->commands & command)
            return r;
        other = other ? other : r;
    }
    return other;
}

/* What a refused option takes does not matter: it may have a value or not. */
static int takes(const cli_row *r)
{
    return r->kind == REFUSED ? optional_argument : r->value ? required_argument : no_argument;
}

/* getopt's two lists. `shorts` has room for three characters a row and two more, `longs` for one more than the rows. What `run` takes
 * ends its options: they may look like some. */
static void list_options(unsigned command, char *shorts, struct option *longs)
{
    static const char *const colons[] = {
        [no_argument] = "", [required_argument] = ":", [optional_argument] = "::"};
    if (command == CLI_FOR_RUN)
        *shorts++ = '+';
    *shorts++ = ':';
    for (size_t i = 0; i < cli_row_count; i++) {
        const cli_row *r = &cli_rows[i];
        if (r->letter && row_of(command, r->letter, NULL) == r) {
            *shorts++ = r->letter;
            shorts = stpcpy(shorts, colons[takes(r)]);
        }
        if (r->name && row_of(command, 0, r->name) == r)
            *longs++ = (struct option){r->name, takes(r), NULL, LONG + (int)i};
    }
    *shorts = '\0';
    *longs = (struct option){NULL, 0, NULL, 0};
}

bool cli_list_append(cli_list *list, const char *value)
{
    const char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items) {
        cli_error("out of memory");
        return false;
    }
    items[list->count++] = value;
    list->items = items;
    return true;
}

static bool set_number(const char *command, const cli_row *r, const char *name, const char *value,
                       void *field)
{
    int64_t n;
    bool fine = r->kind == SPAN32 || r->kind == SPAN64
                    ? cli_parse_span(command, name, value, r->max, &n)
                    : cli_parse_number(command, name, value, r->min, r->max, &n);
    if (fine && n < r->min) { /* only of a time span */
        cli_usage_error(command, "%s must be more than 0", name);
        fine = false;
    }
    if (!fine)
        return false;
    switch (r->kind) {
    case INT:
        *(int *)field = (int)n;
        break;
    case UINT16:
        *(uint16_t *)field = (uint16_t)n;
        break;
    case UINT32:
    case SPAN32:
        *(uint32_t *)field = (uint32_t)n;
        break;
    case SIZE:
        *(size_t *)field = (size_t)n;
        break;
    default:
        *(int64_t *)field = n;
    }
    return true;
}

static bool refuse(const char *command, const cli_row *r, const char *name)
{
    char why[256];
    snprintf(why, sizeof why, "%s", r->help);
    for (char *p = why; (p = strchr(p, '\n')) != NULL;)
        *p = ' ';
    cli_usage_error(command, "%s can't be had: %s", name, why);
    return false;
}

static bool set(cli_options *options, const cli_row *r, const char *name, const char *value)
{
    const char *command = cli_options_command(options->command);
    void *field = (char *)options + r->field;
    if (!(r->commands & options->command)) {
        unsigned other = CLI_FOR_PUB;
        while (!(r->commands & other))
            other <<= 1;
        cli_usage_error(command, "%s is an option of %s, not of %s", name, cli_options_command(other),
                        command);
        return false;
    }
    switch (r->kind) {
    case FLAG:
        *(bool *)field = true;
        return true;
    case TEXT:
        *(const char **)field = value;
        return true;
    case LIST:
        return cli_list_append(field, value);
    case SET:
        return r->set(options, name, value);
    case REFUSED:
        return refuse(command, r, name);
    default:
        return set_number(command, r, name, value, field);
    }
}

static int parse(cli_options *options, int argc, char **argv)
{
    static char shorts[3 * CLI_ROWS_MAX + 3];
    static struct option longs[CLI_ROWS_MAX + 1];
    const char *command = cli_options_command(options->command);
    int c;
    list_options(options->command, shorts, longs);
    optind = 1;
    while ((c = cli_getopt(command, argc, argv, shorts, longs)) != -1) {
        char name[32];
        if (c == '?')
            return CLI_USAGE;
        const cli_row *r = c >= LONG ? &cli_rows[c - LONG] : row_of(options->command, (char)c, NULL);
        if (c >= LONG)
            snprintf(name, sizeof name, "--%s", r->name);
        else
            snprintf(name, sizeof name, "-%c", c);
        if (!set(options, r, name, optarg))
            return options->code != CLI_OK ? options->code : CLI_USAGE;
    }
    options->words = argv + optind;
    options->word_count = (size_t)(argc - optind);
    if (optind < argc && options->command != CLI_FOR_RUN)
        return cli_usage_error(command, "unexpected argument '%s'", argv[optind]);
    return CLI_OK;
}

int cli_options_parse(cli_options *options, unsigned command, int argc, char **argv)
{
    *options = (cli_options){.command = command,
                             .repeat = 1,
                             .replies = 1,
                             .random_filter = 100,
                             .time_limit_ms = 3600000,
                             .heartbeat_ms = 60000,
                             .output_limit = 64,
                             .memory_limit = 1024,
                             .max_commands = 8};
    mqtt_e2e_client_defaults(&options->client);
    options->client.session.streams = CLI_STREAMS;
    options->client.session.clock_skew_ms = options->client.session.clock_lead_ms = CLI_SPAN_OF_PROFILE;
    int code = parse(options, argc, argv);
    options->help = options->given.help;
    if (code != CLI_OK || options->help) {
        static char help[] = "help";
        char *words[] = {help, argv[0], NULL};
        return code == CLI_OK ? cli_help(2, words) : code;
    }
    if (options->quiet)
        cli_be_quiet();
    return cli_options_join(options);
}

void cli_options_free(cli_options *options)
{
    mqtt_e2e_config_wipe(&options->config);
    explicit_bzero(options->given.password, sizeof options->given.password);
    explicit_bzero(options->given.proxy, sizeof options->given.proxy);
    free(options->topics.items);
    free(options->filter_out.items);
    free(options->unsubscribe.items);
    free(options->programs.items);
    free(options->given.url);
}
