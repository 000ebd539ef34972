/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_PROFILE_H
#define MQTT_E2E_CLI_PROFILE_H
/* --profile: what is spoken (docs/TOIT.md). A key file has it too, so that nobody needs the option. */
#include "run.h"

/* No time span that can be given: until the profile is known, which has its own. */
#define CLI_SPAN_OF_PROFILE UINT32_MAX

/* Reads "1", "toit", or "toit,1". False: told as a usage error. */
bool cli_profile_parse(const char *command, const char *text, mqtt_e2e_config *config);

/* Puts the profile given by the option (NULL: none) into the key file's place, and says what is weak about it if it is chosen so. Returns CLI_OK
 * or an exit code after the error was told. */
int cli_profile_choose(const char *command, const char *given, mqtt_e2e_config *config);

/* The time spans that were not given. */
void cli_profile_spans(mqtt_e2e_options *options);

/* For commands that can't be both at the same time. Returns CLI_OK, or an exit code after the error was told. */
int cli_profile_one(const char *command, const mqtt_e2e_config *config);

/* A client for the nodes that are still to be moved, beside that of `options`, for who is told toit,1. NULL: *error says why. */
mqtt_e2e_client *cli_profile_old_client(cli_options *options, mqtt_e2e_error *error);

/* Says of a topic, each once, that who publishes on it has not been moved yet. */
void cli_profile_tell_old(const mqtt_e2e_bytes *topic);

/* One line of warning, of what is weak about the Toit profile. */
void cli_profile_warn(void);

#endif
