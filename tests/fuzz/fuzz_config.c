/* SPDX-License-Identifier: MIT */
/* Key files and their URI: whatever parses must be sound, and what is written of it must read back as the same; whatever does
 * not must leave no key behind, and an error. */
/* sources: client/config.c client/error.c client/uri.c client/uri_parts.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mqtt_e2e/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int truth)
{
    if (!truth)
        abort();
}

static int ended(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static void check_config(const mqtt_e2e_config *config)
{
    demand(config->key_len == 16 || config->key_len == 32);
    demand(config->host_count <= MQTT_E2E_HOSTS_MAX);
    for (size_t i = 0; i < config->host_count; i++)
        demand(config->hosts[i].name[0] && ended(config->hosts[i].name, sizeof config->hosts[i].name));
    demand(ended(config->base, sizeof config->base) && ended(config->name, sizeof config->name));
    demand(ended(config->user, sizeof config->user) && ended(config->password, sizeof config->password));
    demand(ended(config->announce, sizeof config->announce) && !strpbrk(config->announce, "+#") &&
           config->announce[0] != '~');
    demand(config->base_given || !config->base[0]);
    demand(!config->password[0] || config->user[0]);
}

static void check_error(const mqtt_e2e_config *config, const mqtt_e2e_error *error)
{
    static const mqtt_e2e_config zeros;
    demand(memcmp(config, &zeros, sizeof zeros) == 0);
    demand(error->text[0] && ended(error->text, sizeof error->text) &&
           ended(error->hint, sizeof error->hint));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char uri[16384];
    mqtt_e2e_config config, again;
    mqtt_e2e_error error;
    /* A copy of its own to the byte, so that a sanitizer sees the first one read too many. */
    char *text = malloc(size ? size : 1);
    demand(text != NULL);
    if (size)
        memcpy(text, data, size);
    if (mqtt_e2e_config_parse(text, size, &config, &error)) {
        check_config(&config);
        size_t len = mqtt_e2e_config_uri(&config, uri, sizeof uri);
        demand(len > 0 && len == strlen(uri));
        demand(mqtt_e2e_config_parse(uri, len, &again, &error));
        demand(memcmp(&config, &again, sizeof config) == 0);
        demand(mqtt_e2e_config_uri(&config, uri, len) == 0); /* one byte too small */
    } else {
        check_error(&config, &error);
    }
    free(text);
    return 0;
}
