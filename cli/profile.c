/* SPDX-License-Identifier: MIT */
#include "profile.h"

#include <string.h>

bool cli_profile_parse(const char *command, const char *text, uint8_t *profile)
{
    bool toit = strcmp(text, "toit") == 0;
    if (!toit && strcmp(text, "1") != 0) {
        cli_usage_error(command, "--profile must be 1 or toit, not '%s'", text);
        return false;
    }
    *profile = toit ? MQTT_E2E_PROFILE_TOIT : MQTT_E2E_PROFILE_1;
    return true;
}

void cli_profile_warn(void)
{
    cli_warning(
        "the Toit profile is weak: everybody on the way reads the time and the topic of each message, "
        "and can have it taken on another topic");
}

int cli_profile_choose(const char *command, const char *given, mqtt_e2e_config *config)
{
    if (given && !cli_profile_parse(command, given, &config->profile))
        return CLI_USAGE;
    if (config->profile != MQTT_E2E_PROFILE_TOIT)
        return CLI_OK;
    if (config->key_len != 16) {
        cli_error("--profile toit takes a key of 128 bits, and this one has %zu", config->key_len * 8);
        cli_hint("'mqtt-e2e keygen --profile toit FILE' makes one");
        return CLI_FAILED;
    }
    if (given)
        cli_profile_warn();
    return CLI_OK;
}

void cli_profile_spans(mqtt_e2e_options *options)
{
    mqtt_e2e_options defaults;
    mqtt_e2e_defaults(&defaults);
    if (options->profile == MQTT_E2E_PROFILE_TOIT)
        mqtt_e2e_toit(&defaults);
    if (options->clock_skew_ms == CLI_SPAN_OF_PROFILE)
        options->clock_skew_ms = defaults.clock_skew_ms;
    if (options->clock_lead_ms == CLI_SPAN_OF_PROFILE)
        options->clock_lead_ms = defaults.clock_lead_ms;
}
