/* SPDX-License-Identifier: MIT */
/* mqtt-e2e key device: the key file of one device, with a key of its own. */
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "key.h"
#include "names.h"

/* Whether a name may stand in a key file is for the one parser of key files to say. */
static bool readable(const mqtt_e2e_config *config)
{
    char uri[8192];
    mqtt_e2e_error error;
    mqtt_e2e_config *again = malloc(sizeof *again);
    size_t len = mqtt_e2e_config_uri(config, uri, sizeof uri);
    bool fine = again && len > 0;
    if (!fine)
        cli_error("out of memory");
    else if (!(fine = mqtt_e2e_config_parse(uri, len, again, &error)))
        cli_error("the name of the device is not allowed: %s", cli_without_line(error.text));
    explicit_bzero(uri, sizeof uri);
    if (again)
        mqtt_e2e_config_wipe(again);
    free(again);
    return fine;
}

/* What the broker sees of `topic` of a key file's. False: told. */
static bool hide(const mqtt_e2e_config *config, const char *topic, char *wire, size_t size)
{
    static cli_filter filter;
    mqtt_e2e_topic made;
    cli_filter_init(&filter, "key");
    filter.config = *config;
    filter.config.toit_too = false; /* it is for the protocol */
    filter.options.streams = 1;
    bool fine = cli_filter_begin(&filter) == CLI_OK;
    if (fine) {
        mqtt_e2e_status status = mqtt_e2e_hide(filter.session, topic, wire, size, &made);
        fine = status == MQTT_E2E_OK;
        if (!fine)
            cli_error("cannot make the announcement topic: %s", mqtt_e2e_status_text(status));
    }
    cli_filter_end(&filter);
    return fine;
}

static bool derive(cli_key_job *job)
{
    mqtt_e2e_config *config = &job->config;
    uint8_t key[32];
    if (!cli_device_key(config, job->name, key))
        return false;
    memcpy(config->key, key, sizeof key);
    explicit_bzero(key, sizeof key);
    memcpy(config->name, job->name, strlen(job->name) + 1);
    config->announce[0] = '\0';
    return true;
}

/* From the fleet's key file to the device's. Where that has it announce itself on a topic of the fleet's, the fleet hears it anyhow
 * (both have the same base, and plain topics): then there is nothing to be added. */
static bool make(cli_key_job *job)
{
    char topic[CLI_NAME_MAX + 16], fleets[sizeof job->config.announce], own[sizeof fleets];
    bool named = cli_name_ok(job->name) &&
                 job->config.profile != MQTT_E2E_PROFILE_TOIT; /* in which nobody announces himself */
    snprintf(topic, sizeof topic, "device/%s", named ? job->name : "");
    if (named && !hide(&job->config, topic, fleets, sizeof fleets))
        return false;
    if (!derive(job) || (named && !hide(&job->config, topic, own, sizeof own)))
        return false;
    if (named && fleets[0] != '~' && strcmp(fleets, own) != 0) /* nobody publishes to what is reserved */
        memcpy(job->config.announce, fleets, sizeof fleets);
    return true;
}

/* Whoever has the fleet's key should know that this device has one of its own. */
static void record(const cli_key_job *job)
{
    char path[CLI_NAMES_PATH_SIZE];
    if (!cli_name_ok(job->name) || *job->name == '!') {
        cli_note("mqtt-e2e: '%s' can't be an agent's name: 'run' and 'devices' will not know of it",
                 job->name);
    } else if (job->secret && strcmp(job->secret, "-") == 0) {
        cli_note("mqtt-e2e: tell 'run' and 'devices' of it: a line '%s' in a file for --devices", job->name);
    } else if (!cli_names_path(job->secret, path, sizeof path) || !cli_names_record(path, job->name)) {
        cli_hint("where the key is used, put a line '%s' into a file, and name that by --devices FILE",
                 job->name);
    }
}

int cli_key_device(cli_key_job *job)
{
    char what[300];
    if (strlen(job->name) >= sizeof job->config.name)
        return cli_usage_error("key", "the name of the device is over %zu bytes long",
                               sizeof job->config.name - 1);
    if (!make(job))
        return CLI_FAILED;
    if (!readable(&job->config))
        return CLI_USAGE;
    snprintf(what, sizeof what, "mqtt-e2e key of the device %s", job->name);
    char *text = cli_key_text(&job->config, what);
    int code = text ? cli_key_write(job, text, strlen(text)) : CLI_FAILED;
    cli_forget(text);
    if (code == CLI_OK)
        record(job);
    if (code == CLI_OK && job->config.password[0])
        cli_hint("the password for the broker is in it, too");
    return code;
}
