/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_OPTIONS_TABLE_H
#define MQTT_E2E_CLI_OPTIONS_TABLE_H
/* The table of options, and the setters of those whose value is more than a number or a text. */
#include "options.h"

/* False: the error was told. */
typedef bool (*cli_setter)(cli_options *options, const char *name, const char *value);

typedef enum {
    HEADING, /* no option: `help` stands above those that follow */
    FLAG,    /* bool */
    INT,     /* numbers from `min` to `max`, by the type of their field */
    UINT16,
    UINT32,
    INT64,
    SIZE,
    SPAN32, /* time spans in milliseconds, from `min` to `max`; uint32_t */
    SPAN64, /* int64_t */
    TEXT,   /* const char * */
    LIST,   /* cli_list */
    SET,    /* a setter */
    REFUSED /* can't be had: `help` says why */
} cli_kind_of_option;

typedef struct {
    cli_kind_of_option kind;
    unsigned char commands;
    char letter; /* or 0 */
    const char *name;
    const char *value; /* what it takes, for the help; NULL = nothing */
    const char *help;  /* a newline starts another line of it */
    size_t field;
    int64_t min, max;
    cli_setter set;
} cli_row;

extern const cli_row cli_rows[];
extern const size_t cli_row_count;
#define CLI_ROWS_MAX 160

/* ---- options_set.c ------------------------------------------------------------------------------ */

bool cli_set_hosts(cli_options *options, const char *name, const char *value);
bool cli_set_url(cli_options *options, const char *name, const char *value);
bool cli_set_password(cli_options *options, const char *name, const char *value);
bool cli_set_proxy(cli_options *options, const char *name, const char *value);
bool cli_set_version(cli_options *options, const char *name, const char *value);
bool cli_set_expiry(cli_options *options, const char *name, const char *value);
bool cli_set_source(cli_options *options, const char *name, const char *value);
bool cli_set_format(cli_options *options, const char *name, const char *value);
bool cli_set_random(cli_options *options, const char *name, const char *value);

/* ---- options_join.c ----------------------------------------------------------------------------- */

/* Checks what must fit together, and loads the key file into `client`. Returns CLI_OK or an exit code. */
int cli_options_join(cli_options *options);

#endif
