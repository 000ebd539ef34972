/* SPDX-License-Identifier: MIT */
/* mqtt-e2e key: shows a key, or hands it on. A second small table, of what follows `key`. */
#include <stdlib.h>
#include <string.h>

#include "key.h"

const char cli_key_help[] =
    "Usage: mqtt-e2e key show [-K FILE] [--reveal] [--json]\n"
    "       mqtt-e2e key qr [-K FILE] [-o FILE.png|FILE.svg]\n"
    "       mqtt-e2e key device NAME [-K FILE] [-o FILE]\n"
    "       mqtt-e2e key c [-K FILE] [-o FILE]\n"
    "       mqtt-e2e key toit [-K FILE] [-o FILE]\n"
    "\n"
    "  show    fingerprint, base, hosts. Two people compare fingerprints to see\n"
    "          whether they have the same key\n"
    "  qr      the key file's line as a QR code, on the terminal or in a picture\n"
    "  device  a key file for the device NAME alone: its key follows from this one,\n"
    "          and tells nothing of it. Who has this key can make it again\n"
    "  c       the key and what belongs to it as a C header, for firmware\n"
    "  toit    the same in the Toit language\n"
    "\n"
    "  -K, --secret FILE   the key file (default: $MQTT_E2E_KEY_FILE, else\n"
    "                      ~/.config/mqtt-e2e/key); - is standard input\n"
    "  -o FILE             write to a new file, for its owner alone; nothing is ever\n"
    "                      overwritten\n"
    "      --reveal        show the line with the key and the broker's password too\n"
    "      --json          one JSON object\n"
    "\n"
    "All but show without --reveal write the key out: take care where.\n";

enum { REVEAL = 256, JSON };

static const struct option longs[] = {{"secret", required_argument, NULL, 'K'},
                                      {"reveal", no_argument, NULL, REVEAL},
                                      {"json", no_argument, NULL, JSON},
                                      {NULL, 0, NULL, 0}};

static const struct action {
    const char *name;
    int (*run)(cli_key_job *job);
    bool names_device, shows, writes;
} actions[] = {{"show", cli_key_show, false, true, false},
               {"qr", cli_key_qr, false, false, true},
               {"device", cli_key_device, true, false, true},
               {"c", cli_key_c, false, false, true},
               {"toit", cli_key_toit, false, false, true}};

static const struct action *find(const char *name)
{
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

static int parse_options(cli_key_job *job, const struct action *action, int argc, char **argv)
{
    int option;
    while ((option = cli_getopt("key", argc, argv, ":K:o:", longs)) != -1) {
        if (option == '?')
            return CLI_USAGE;
        if (option == 'o' && !action->writes)
            return cli_usage_error("key", "key %s takes no -o", action->name);
        if ((option == REVEAL || option == JSON) && !action->shows)
            return cli_usage_error("key", "key %s takes no --%s", action->name,
                                   option == JSON ? "json" : "reveal");
        job->secret = option == 'K' ? optarg : job->secret;
        job->out = option == 'o' ? optarg : job->out;
        job->reveal |= option == REVEAL;
        job->json |= option == JSON;
    }
    argc -= optind;
    argv += optind;
    if (action->names_device && argc > 0) {
        job->name = *argv++;
        argc--;
    }
    if (action->names_device && (!job->name || !*job->name))
        return cli_usage_error("key", "key device needs the name of the device");
    return argc > 0 ? cli_usage_error("key", "'%s' is one argument too many", *argv) : CLI_OK;
}

int cli_key(int argc, char **argv)
{
    static cli_key_job job;
    if (argc < 2)
        return cli_usage_error("key", "key needs one of show, qr, device, c, toit");
    const struct action *action = find(argv[1]);
    if (!action)
        return cli_usage_error("key", "unknown 'key %s': it is one of show, qr, device, c, toit", argv[1]);
    int code = parse_options(&job, action, argc - 1, argv + 1);
    if (code != CLI_OK)
        return code;
    code = cli_load_key(job.secret, &job.config) ? action->run(&job) : CLI_FAILED;
    mqtt_e2e_config_wipe(&job.config);
    return code;
}

int cli_key_write(const cli_key_job *job, const void *data, size_t len)
{
    if (job->out && strcmp(job->out, "-") != 0)
        return cli_write_new(job->out, data, len, false) ? CLI_OK : CLI_FAILED;
    fwrite(data, 1, len, stdout);
    return cli_flush() ? CLI_OK : CLI_FAILED;
}

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

int cli_key_device(cli_key_job *job)
{
    uint8_t key[32];
    char what[300];
    size_t len = strlen(job->name);
    if (len >= sizeof job->config.name)
        return cli_usage_error("key", "the name of the device is over %zu bytes long",
                               sizeof job->config.name - 1);
    mqtt_e2e_status status =
        mqtt_e2e_device_key(&mqtt_e2e_openssl, job->config.key, job->config.key_len, job->name, key);
    if (status != MQTT_E2E_OK) {
        cli_error("cannot derive a key for the device '%s': %s", job->name, mqtt_e2e_status_text(status));
        return CLI_FAILED;
    }
    memcpy(job->config.key, key, sizeof key);
    explicit_bzero(key, sizeof key);
    memcpy(job->config.name, job->name, len + 1);
    if (!readable(&job->config))
        return CLI_USAGE;
    snprintf(what, sizeof what, "mqtt-e2e key of the device %s", job->name);
    char *text = cli_key_text(&job->config, what);
    int code = text ? cli_key_write(job, text, strlen(text)) : CLI_FAILED;
    cli_forget(text);
    if (code == CLI_OK && job->config.password[0])
        cli_hint("the password for the broker is in it, too");
    return code;
}
