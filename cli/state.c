/* SPDX-License-Identifier: MIT */
/* Where sub and agent keep their replay state, and what is said of what it found there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "files.h"
#include "run.h"

/* One that ends by itself, or that asks what was last said, is to hear it each time. */
static bool long_running(const cli_options *options)
{
    return options->client.persistent || options->command == CLI_FOR_AGENT ||
           !(options->count || options->wait_ms || options->exit_after_subscribing || options->lasting ||
             options->retained_only);
}

bool cli_state_path(const char *name, char *out, size_t size)
{
    const char *dir = secure_getenv("XDG_STATE_HOME"), *home = secure_getenv("HOME");
    bool given = dir && *dir == '/'; /* a relative one is to be ignored (XDG Base Directory Specification) */
    if (!given && !(home && *home == '/'))
        return false;
    int n = snprintf(out, size, "%s%s/mqtt-e2e/%s", given ? dir : home, given ? "" : "/.local/state", name);
    return n > 0 && (size_t)n < size && cli_make_parents(out);
}

/* sub-FINGERPRINT-ID, or agent-...: one for each key, and for each node that has a name or an id. Those
 * of the Toit profile, sub-toit-..., are of another form. */
static bool default_path(const cli_options *options, char *out, size_t size)
{
    const mqtt_e2e_client_options *client = &options->client;
    const char *id = client->name ? client->name : client->client_id ? client->client_id : "";
    char fingerprint[MQTT_E2E_FINGERPRINT_SIZE], name[2 * 256 + 64];
    if (mqtt_e2e_fingerprint(&mqtt_e2e_openssl, client->session.key, client->session.key_len, fingerprint) !=
        MQTT_E2E_OK)
        return false;
    const char *profile = client->session.profile == MQTT_E2E_PROFILE_TOIT ? "-toit" : "";
    int n = snprintf(name, sizeof name, "%s%s-%s%s", cli_options_command(options->command), profile,
                     fingerprint, *id ? "-" : "");
    if (n < 0 || (size_t)n + 2 * strlen(id) >= sizeof name)
        return false;
    cli_hex(id, strlen(id), name + n); /* whatever characters it has */
    return cli_state_path(name, out, size);
}

static void tell(const mqtt_e2e_client *client, const char *path)
{
    const mqtt_e2e_client_state *found = mqtt_e2e_client_state_of(client);
    char stream[2 * MQTT_E2E_STREAM_ID_SIZE + 1];
    if (!found)
        return;
    if (found->why)
        cli_warning("the state file '%s' is not trusted: %s; what was sealed before now is refused", path,
                    found->why);
    if (found->floor_ahead_ms)
        cli_warning("the state file '%s' was written when the clock was ahead by %.0f s or more: until then "
                    "all is refused as "
                    "stale; if the clock is right now, and was wrong then, remove the file",
                    path, (double)found->floor_ahead_ms / 1000);
    if (!found->unhandled)
        return;
    cli_hex(found->id.stream, sizeof found->id.stream, stream);
    cli_warning(
        "the run before was stopped with a message in hand, which is not handed on again: packet %u of "
        "stream %s, sealed at %lld ms",
        (unsigned)found->id.counter, stream, (long long)found->time);
}

mqtt_e2e_client *cli_state_client(cli_options *options, mqtt_e2e_error *error)
{
    mqtt_e2e_client_options *client = &options->client;
    mqtt_e2e_client *made;
    char path[4096];
    bool named = options->state && strcmp(options->state, "none") != 0;
    bool keeps = options->command & (CLI_FOR_SUB | CLI_FOR_AGENT);
    if (!keeps || (options->state && !named) || (!named && !long_running(options)))
        return mqtt_e2e_client_new(client, error);
    if (named)
        snprintf(path, sizeof path, "%s", options->state);
    else if (!default_path(options, path, sizeof path))
        return mqtt_e2e_client_new(client, error);
    client->state_file = path;
    made = mqtt_e2e_client_new(client, error);
    client->state_file = NULL;
    if (!made &&
        !named) { /* another one has it, or the disk is full: as safe, but what came meanwhile is refused */
        char why[sizeof error->text];
        memcpy(why, error->text, sizeof why);
        made = mqtt_e2e_client_new(client, error);
        if (made && (options->debug || options->command == CLI_FOR_AGENT))
            cli_note("no replay state is kept: %s", why);
        return made;
    }
    if (made)
        tell(made, path);
    return made;
}
