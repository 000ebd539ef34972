/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_PROFILE_H
#define MQTT_E2E_CLI_PROFILE_H
/* --profile: what is spoken (docs/TOIT.md). A key file has it too, so that nobody needs the option. */
#include "cli.h"

/* No time span that can be given: until the profile is known, which has its own. */
#define CLI_SPAN_OF_PROFILE UINT32_MAX

/* Reads "1" or "toit". False: told as a usage error. */
bool cli_profile_parse(const char *command, const char *text, uint8_t *profile);

/* Puts the profile given by the option (NULL: none) into the key file's place, and says what is weak about it if it is chosen so. Returns CLI_OK
 * or an exit code after the error was told. */
int cli_profile_choose(const char *command, const char *given, mqtt_e2e_config *config);

/* The time spans that were not given. */
void cli_profile_spans(mqtt_e2e_options *options);

/* One line of warning, of what is weak about the Toit profile. */
void cli_profile_warn(void);

#endif
