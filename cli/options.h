/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_OPTIONS_H
#define MQTT_E2E_CLI_OPTIONS_H
/*
 * The options of the commands that talk to a broker: mosquitto_pub's and mosquitto_sub's letters and meaning,
 * and ours. One table (options.c) drives parsing, help, and the errors for those of mosquitto's that can't be had.
 *
 *     static cli_options options;            // large: keep it off the stack
 *     int code = cli_options_parse(&options, CLI_FOR_DOCTOR, argc, argv);
 *     if (code == CLI_OK && !options.help) {
 *         client = mqtt_e2e_client_new(&options.client, &error);
 *         ...
 *     }
 *     cli_options_free(&options);
 */
#include "cli.h"

/* Commands that share them, as bits. */
enum {
    CLI_FOR_PUB = 1,
    CLI_FOR_SUB = 2,
    CLI_FOR_REQUEST = 4,
    CLI_FOR_DOCTOR = 8,
    CLI_FOR_AGENT = 16,
    CLI_FOR_RUN = 32,
    CLI_FOR_DEVICES = 64,
    CLI_FOR_SHELL = 128
};

/* An option that may be given several times. */
typedef struct {
    const char **items;
    size_t count;
} cli_list;

/* Where the payload comes from. */
typedef enum {
    CLI_NO_SOURCE,
    CLI_MESSAGE, /* -m */
    CLI_FILE,    /* -f */
    CLI_LINES,   /* -l */
    CLI_STDIN,   /* -s */
    CLI_NULL     /* -n */
} cli_source;

typedef struct {
    unsigned command; /* CLI_FOR_... */
    int code;         /* of the error, where it is not CLI_USAGE */
    bool help;        /* --help: it was printed, there is nothing more to do */

    /* Ready for mqtt_e2e_client_new, but for the callbacks: the key file's values, overridden by the options. It
     * points into this struct and into argv. */
    mqtt_e2e_client_options client;
    mqtt_e2e_config
        config; /* the key file as it was read, name, user and all; the key is wiped by cli_options_free */

    const char *secret; /* -K: path of the key file; NULL = the default place */
    cli_list topics;    /* -t, and the topic of -L */
    cli_list filter_out, unsubscribe;
    int qos;
    int64_t wait_ms; /* -W; 0 = not given */
    bool debug, quiet;

    cli_source source;
    const char *source_value; /* of -m and -f */
    bool retain;
    uint32_t repeat; /* times, at least 1 */
    int64_t repeat_delay_ms;

    bool verbose, no_newline, json, pretty;
    const char *state;  /* --state; NULL = by default */
    const char *format; /* -F, checked; NULL = not given */
    uint32_t count;     /* -C; 0 = no limit */
    bool no_retained, retained_only, exit_after_subscribing, lasting;
    double random_filter; /* percent */

    uint32_t replies; /* --replies, at least 1 */
    bool all_replies;

    /* agent */
    cli_list programs; /* NAME=PROGRAM */
    const char *commands_dir, *run_as, *audit;
    bool audit_arguments, service;
    int64_t time_limit_ms, heartbeat_ms;
    uint32_t output_limit, memory_limit; /* MiB */
    uint32_t max_commands;

    /* run */
    char **words; /* what follows the options */
    size_t word_count;
    bool pass_input;
    const char *devices; /* --devices; NULL: beside the key file. Of devices and shell, too */

    const char *history; /* shell: a file, or "none"; NULL = by default */

    /* What overrides the key file; use `client` instead. */
    struct {
        mqtt_e2e_host hosts[MQTT_E2E_HOSTS_MAX];
        size_t host_count;
        uint16_t port;
        bool user_given, password_given, base_given, tls, no_tls, plain_topics, expiry_given, help, nothing;
        const char *user, *base, *name, *id_prefix, *ca_path, *profile;
        char password[256], proxy[512], id[64];
        uint32_t expiry, clock_skew_ms, clock_lead_ms; /* the latter as given, or CLI_SPAN_OF_PROFILE */
        char *url;                                     /* a copy of -L's value, cut into pieces */
    } given;
} cli_options;

/* Reads argv (argv[0] is the command's name), loads the key file, and joins the two. Returns CLI_OK, or the exit
 * code after the error was told. Call cli_options_free in any case. */
int cli_options_parse(cli_options *options, unsigned command, int argc, char **argv);

/* Wipes secrets and frees. */
void cli_options_free(cli_options *options);

/* Prints the options of a command, as `mqtt-e2e help COMMAND` shows them. */
void cli_options_help(unsigned command, FILE *stream);

/* Adds to a list. False: no memory; it was told. */
bool cli_list_append(cli_list *list, const char *value);

/* The name of a command, from its bit. */
const char *cli_options_command(unsigned command);

#endif
