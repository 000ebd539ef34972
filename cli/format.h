/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_FORMAT_H
#define MQTT_E2E_CLI_FORMAT_H
/* How `sub` and `request` print what arrives: plain, with the topic, in JSON, or in a format of mosquitto_sub's. */
#include "options.h"

/* ---- print.c ------------------------------------------------------------------------------------ */

/* Prints one message in the way the options want, marks it if it is old, and flushes. On a terminal the
 * control characters of others are made visible. False: not written; the error was told. */
bool cli_print(const cli_options *options, const mqtt_e2e_delivery *delivery);

/* Writes text of others to standard output: as it is, or, on a terminal, with control characters made visible. */
bool cli_put_text(const void *text, size_t len);

/* Text of others as a terminal may have it, with control characters made visible; `out` has room for 4 * len + 1 bytes. Returns
 * its length. */
size_t cli_make_visible(const void *text, size_t len, char *out);

/* The same in place, with question marks instead; line ends and tabs are controls too. */
void cli_tame(char *text);

/* Writes a message in JSON, without a line end. True also if it can't be had in that form: that was told. */
bool cli_put_json(const mqtt_e2e_delivery *delivery, unsigned how);

/* ---- format.c: -F ------------------------------------------------------------------------------- */

/* Checks a format. False: a usage error was told. */
bool cli_format_check(const char *command, const char *format);

/* Whether it shows which messages are old. */
bool cli_format_tells_old(const char *format);

/* Prints a message in the checked format options->format. False: not written. */
bool cli_format_print(const cli_options *options, const mqtt_e2e_delivery *delivery);

#endif
