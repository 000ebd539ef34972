/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_FORMAT_H
#define MQTT_E2E_CLI_FORMAT_H
/* How `sub` and `request` print what arrives: plain, with the topic, in JSON, or in a format of mosquitto_sub's. */
#include "options.h"

/* Checks a format of -F. False: a usage error was told. */
bool cli_format_check(const char *command, const char *format);

/* Prints one message in the way the options want, marks it if it is old, and flushes. On a terminal the
 * control characters of others are made visible. False: not written; the error was told. */
bool cli_print(const cli_options *options, const mqtt_e2e_delivery *delivery);

#endif
