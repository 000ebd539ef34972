/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_TOPICS_H
#define MQTT_E2E_CLI_TOPICS_H
/* Whether topics are such, before the library sees them: so that it is a usage error, the same one in all commands. Each
 * returns CLI_OK, or CLI_USAGE after the error was told. */
#include "cli.h"

int cli_check_topic(const char *command, const char *topic); /* to publish to */
int cli_check_filter(const char *command, const char *filter);
int cli_check_base(const char *command, const char *base);
int cli_check_prefix(const char *command, const char *prefix);

/* Whether a topic fits into MQTT's 65,535 bytes once it is hidden. `base` NULL: the key's. */
int cli_check_wire(const char *topic, const char *base, bool plain);

#endif
