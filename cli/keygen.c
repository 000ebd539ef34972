/* SPDX-License-Identifier: MIT */
/* mqtt-e2e keygen: makes a key file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "files.h"
#include "profile.h"

const char cli_keygen_help[] =
    "Usage: mqtt-e2e keygen [OPTION]... [FILE]\n"
    "\n"
    "Makes a key file: one line that sets up a node whole. Copy it to the nodes that\n"
    "are to talk with each other. Nothing is ever overwritten. FILE is\n"
    "$MQTT_E2E_KEY_FILE unless given, else $XDG_CONFIG_HOME/mqtt-e2e/key, else\n"
    "~/.config/mqtt-e2e/key; '-' is standard output.\n"
    "\n"
    "  -h HOST[:PORT],...  the brokers, tried in this order; IPv6 as [::1]:1883.\n"
    "                      Without -h, well-known public brokers are named, so that\n"
    "                      the key file alone makes two nodes meet\n"
    "  -p PORT             port of hosts given without one (default 1883, with TLS\n"
    "                      8883)\n"
    "  -u USER             user name at the broker\n"
    "  -P SOURCE           its password: file:PATH (first line) or env:NAME\n"
    "  -o FILE             the same as FILE\n"
    "      --base BASE     what all topics start with (default: from the key);\n"
    "                      '' is nothing\n"
    "      --bits N        128 (AES-128-GCM, default) or 256 (AES-256-GCM)\n"
    "      --name NAME     name of the node; a session that the broker keeps (-c) is\n"
    "                      found by it and the key, and is for one node alone\n"
    "      --plain-topics  topic names are visible to the broker\n"
    "      --profile toit  for nodes that run the Toit library mqtt-e2e: whoever has the\n"
    "                      file speaks as they do, with the weaknesses of that; toit,1:\n"
    "                      to move such a fleet to what is spoken by default\n"
    "      --tls           TLS to the broker\n";

enum { BASE = 256, BITS, FORCE, NAME, PLAIN, PROFILE, TLS };

static const struct option longs[] = {{"base", required_argument, NULL, BASE},
                                      {"bits", required_argument, NULL, BITS},
                                      {"force", no_argument, NULL, FORCE},
                                      {"name", required_argument, NULL, NAME},
                                      {"plain-topics", no_argument, NULL, PLAIN},
                                      {"profile", required_argument, NULL, PROFILE},
                                      {"tls", no_argument, NULL, TLS},
                                      {NULL, 0, NULL, 0}};

typedef struct {
    mqtt_e2e_config config;
    const char *path;
    int64_t port;
    bool public_brokers;
} job;

/* Runs a config through the one parser that knows the grammar. What it says of "line 1" is said of the options. */
static bool parse(const char *uri, mqtt_e2e_config *config)
{
    mqtt_e2e_error error;
    if (mqtt_e2e_config_parse(uri, strlen(uri), config, &error))
        return true;
    if (error.hint[0]) {
        cli_error("%s", cli_without_line(error.text));
        cli_hint("%s", error.hint);
    } else {
        cli_usage_error("keygen", "%s", cli_without_line(error.text));
    }
    return false;
}

static bool add_hosts(job *j, const char *list)
{
    static mqtt_e2e_config with_hosts;
    char uri[4096];
    if (!*list || strpbrk(list, "/?# \t\r\n")) {
        cli_usage_error("keygen", "-h takes HOST[:PORT],... and no more");
        return false;
    }
    int n = snprintf(uri, sizeof uri, "mqtt-e2e://AAAAAAAAAAAAAAAAAAAAAA@%s", list);
    if (n < 0 || (size_t)n >= sizeof uri) {
        cli_usage_error("keygen", "-h is over %d bytes long", 4000);
        return false;
    }
    if (!parse(uri, &with_hosts))
        return false;
    if (with_hosts.host_count > MQTT_E2E_HOSTS_MAX - j->config.host_count) {
        cli_usage_error("keygen", "more than %d hosts", MQTT_E2E_HOSTS_MAX);
        return false;
    }
    memcpy(&j->config.hosts[j->config.host_count], with_hosts.hosts,
           with_hosts.host_count * sizeof with_hosts.hosts[0]);
    j->config.host_count += with_hosts.host_count;
    return true;
}

static bool copy(const char *option, const char *value, char *out, bool may_be_empty)
{
    if (strlen(value) > 255) {
        cli_usage_error("keygen", "%s is over 255 bytes long", option);
        return false;
    }
    if (!*value && !may_be_empty) {
        cli_usage_error("keygen", "%s needs a value that is not empty", option);
        return false;
    }
    memcpy(out, value, strlen(value) + 1);
    return true;
}

static bool set_bits(job *j, const char *value)
{
    j->config.key_len = strcmp(value, "128") == 0 ? 16 : strcmp(value, "256") == 0 ? 32 : 0;
    if (!j->config.key_len)
        cli_usage_error("keygen", "--bits must be 128 or 256, not '%s'", value);
    return j->config.key_len > 0;
}

/* CLI_OK, or the exit code after an error. */
static int set(job *j, int option)
{
    switch (option) {
    case 'h':
        return add_hosts(j, optarg) ? CLI_OK : CLI_USAGE;
    case 'p':
        return cli_parse_number("keygen", "-p", optarg, 1, 65535, &j->port) ? CLI_OK : CLI_USAGE;
    case 'u':
        return copy("-u", optarg, j->config.user, false) ? CLI_OK : CLI_USAGE;
    case 'P':
        return cli_password("keygen", optarg, j->config.password, sizeof j->config.password);
    case 'o':
        j->path = optarg;
        return CLI_OK;
    case BASE:
        j->config.base_given = true;
        return copy("--base", optarg, j->config.base, true) ? CLI_OK : CLI_USAGE;
    case BITS:
        return set_bits(j, optarg) ? CLI_OK : CLI_USAGE;
    case NAME:
        return copy("--name", optarg, j->config.name, false) ? CLI_OK : CLI_USAGE;
    case PLAIN:
        j->config.plain_topics = true;
        return CLI_OK;
    case PROFILE:
        return cli_profile_parse("keygen", optarg, &j->config) ? CLI_OK : CLI_USAGE;
    case TLS:
        j->config.tls = true;
        return CLI_OK;
    case FORCE:
        return cli_usage_error("keygen",
                               "no --force: a key that is overwritten is gone; move it away instead");
    default:
        return CLI_USAGE;
    }
}

static int parse_options(job *j, int argc, char **argv)
{
    int option, code = CLI_OK;
    j->config.key_len = 16;
    while (code == CLI_OK && (option = cli_getopt("keygen", argc, argv, ":h:p:u:P:o:", longs)) != -1)
        code = set(j, option);
    if (code != CLI_OK)
        return code;
    if (argc - optind > 1 || (argc > optind && j->path))
        return cli_usage_error("keygen", "more than one file to write to");
    if (argc > optind)
        j->path = argv[optind];
    if (j->path && !*j->path)
        return cli_usage_error("keygen", "the name of the key file is empty");
    if ((j->config.profile == MQTT_E2E_PROFILE_TOIT || j->config.toit_too) && j->config.key_len != 16)
        return cli_usage_error("keygen",
                               "--profile toit goes with --bits 128: the Toit library takes no other");
    /* A password must not go to the public brokers that are named where no other is. */
    if (j->config.host_count == 0 && (j->config.user[0] || j->port))
        return cli_usage_error("keygen", "-u, -P and -p need -h: they would be for the public brokers");
    return CLI_OK;
}

/* Brokers that anybody may use. With TLS they answer on other ports: that of test.mosquitto.org whose certificate the
 * system knows is 8886. */
static void name_brokers(job *j)
{
    static const mqtt_e2e_host brokers[] = {{"broker.hivemq.com", 0, MQTT_E2E_AS_SET},
                                            {"test.mosquitto.org", 0, MQTT_E2E_AS_SET},
                                            {"broker.emqx.io", 0, MQTT_E2E_AS_SET}};
    if (j->config.host_count == 0) {
        memcpy(j->config.hosts, brokers, sizeof brokers);
        j->config.hosts[1].port = j->config.tls ? 8886 : 0;
        j->config.host_count = sizeof brokers / sizeof brokers[0];
        j->public_brokers = true;
    }
    for (size_t i = 0; i < j->config.host_count; i++)
        if (!j->config.hosts[i].port && !j->public_brokers)
            j->config.hosts[i].port = (uint16_t)j->port;
}

static bool fill_random(uint8_t *out, size_t len)
{
    while (len > 0) {
        ssize_t n = getrandom(out, len, 0); /* waits until the generator is seeded */
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            cli_error("cannot get random bytes: %s", strerror(errno));
            return false;
        }
        out += n;
        len -= (size_t)n;
    }
    return true;
}

/* What was written must read back: what the parser refuses must not come into the file. */
static bool check(const mqtt_e2e_config *config)
{
    char uri[8192];
    mqtt_e2e_config *again = calloc(1, sizeof *again);
    bool fine = again && mqtt_e2e_config_uri(config, uri, sizeof uri) > 0;
    if (!fine)
        cli_error("out of memory");
    fine = fine && parse(uri, again);
    explicit_bzero(uri, sizeof uri);
    if (again)
        mqtt_e2e_config_wipe(again);
    free(again);
    return fine;
}

static bool report(const job *j, const char *path, bool to_stdout)
{
    cli_identity identity;
    FILE *out = to_stdout ? stderr : stdout;
    char host[300];
    if (!cli_identify(&j->config, &identity))
        return false;
    if (!to_stdout)
        fprintf(out, "key file     %s\n", path);
    fprintf(out, "fingerprint  %s\nbase         %s\nhosts        ", identity.fingerprint,
            identity.base[0] ? identity.base : "(none)");
    for (size_t i = 0; i < j->config.host_count; i++) {
        cli_host_text(&j->config, i, host, sizeof host);
        fprintf(out, "%s%s", i ? ", " : "", host);
    }
    fputc('\n', out);
    if (j->config.profile == MQTT_E2E_PROFILE_TOIT || j->config.toit_too)
        cli_profile_warn();
    if (j->public_brokers) {
        cli_note("The file names these public brokers, so that it alone makes two nodes meet. They can't "
                 "read the messages,");
        cli_note("but they see when you talk, and promise nothing. With -h HOST it names your own.");
    }
    return true;
}

static int make(job *j)
{
    char place[4096];
    bool by_default = !j->path, to_stdout = j->path && strcmp(j->path, "-") == 0;
    if (by_default && !mqtt_e2e_config_path(place, sizeof place)) {
        cli_error("no home directory to put the key file in");
        cli_hint("name the file: mqtt-e2e keygen FILE");
        return CLI_FAILED;
    }
    const char *path = by_default ? place : j->path;
    if (!fill_random(j->config.key, j->config.key_len))
        return CLI_FAILED;
    if (!check(&j->config))
        return CLI_USAGE;
    char *text = cli_key_text(&j->config, "mqtt-e2e key");
    if (!text)
        return CLI_FAILED;
    bool fine = to_stdout ? fputs(text, stdout) >= 0 && cli_flush()
                          : cli_write_new(path, text, strlen(text), by_default);
    cli_forget(text);
    return fine && report(j, path, to_stdout) ? CLI_OK : CLI_FAILED;
}

int cli_keygen(int argc, char **argv)
{
    static job j;
    int code = parse_options(&j, argc, argv);
    if (code == CLI_OK) {
        name_brokers(&j);
        code = make(&j);
    }
    mqtt_e2e_config_wipe(&j.config);
    return code;
}
