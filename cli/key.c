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
    "          and tells nothing of it. Who has this key can make it again. NAME is\n"
    "          added to FILE.devices, which tells 'run' and 'devices' of it\n"
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
