/* SPDX-License-Identifier: MIT */
#include "profile.h"

#include <stdlib.h>
#include <string.h>

bool cli_profile_parse(const char *command, const char *text, mqtt_e2e_config *config)
{
    if (mqtt_e2e_config_profile(config, text))
        return true;
    cli_usage_error(command, "--profile must be 1, toit, or toit,1, not '%s'", text);
    return false;
}

void cli_profile_warn(void)
{
    cli_warning(
        "the Toit profile is weak: everybody on the way reads the time and the topic of each message, "
        "and can have it taken on another topic");
}

int cli_profile_choose(const char *command, const char *given, mqtt_e2e_config *config)
{
    if (given && !cli_profile_parse(command, given, config))
        return CLI_USAGE;
    if (config->profile != MQTT_E2E_PROFILE_TOIT && !config->toit_too)
        return CLI_OK;
    if (config->key_len != 16) {
        cli_error("--profile %s takes a key of 128 bits, and this one has %zu",
                  config->toit_too ? "toit,1" : "toit", config->key_len * 8);
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

/* ---- Moving a fleet ----------------------------------------------------------------------------- */

int cli_profile_one(const char *command, const mqtt_e2e_config *config)
{
    if (!config->toit_too)
        return CLI_OK;
    return cli_usage_error(
        command, "%s speaks one profile at a time, and can't know which: give --profile toit or --profile 1",
        command);
}

/* It has the brokers and the user of the other, and nothing that there can be one of only. */
mqtt_e2e_client *cli_profile_old_client(cli_options *options, mqtt_e2e_error *error)
{
    const mqtt_e2e_client_options one = options->client;
    const char *state = options->state;
    char path[4096];
    mqtt_e2e_client_options *old = &options->client;
    mqtt_e2e_toit(&old->session);
    old->session.clock_skew_ms = options->given.clock_skew_ms;
    old->session.clock_lead_ms = options->given.clock_lead_ms;
    cli_profile_spans(&old->session);
    old->session.base = NULL; /* that library knows no other */
    old->client_id = NULL;
    old->persistent = false;
    old->time_source = false;
    if (state && strcmp(state, "none") != 0) {
        snprintf(path, sizeof path, "%s.toit", state);
        options->state = path;
    }
    mqtt_e2e_client *client = cli_state_client(options, error);
    options->client = one;
    options->state = state;
    return client;
}

void cli_profile_tell_old(const mqtt_e2e_bytes *topic)
{
    enum { MOST = 1000 };
    static char *told[MOST];
    static size_t count;
    for (size_t i = 0; i < count; i++)
        if (strlen(told[i]) == topic->len && memcmp(told[i], topic->data, topic->len) == 0)
            return;
    if (count == MOST || !(told[count] = strndup(topic->data, topic->len)))
        return;
    cli_note("mqtt-e2e: who publishes on %s still speaks the Toit profile", told[count++]);
}
