/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_FILTER_H
#define MQTT_E2E_CLI_FILTER_H
/* What seal and open share: commands that filter lines through one session, without a broker. */
#include "cli.h"

typedef struct {
    const char *command;
    const char *secret;       /* -K; NULL = the default place */
    mqtt_e2e_options options; /* of the session; key and base come from the key file unless given */
    mqtt_e2e_config config;
    mqtt_e2e_session *session;
    void *storage;
    const char *profile; /* --profile */
    bool now_given, base_given, plain_given;
    int64_t now; /* --now: a fixed clock */
} cli_filter;

/* The options that both have, for getopt_long: letters, and values from 256 on; a command's own start at CLI_FILTER_OWN. */
enum { CLI_NOW = 256, CLI_BASE, CLI_PLAIN_TOPICS, CLI_PROFILE, CLI_FILTER_OWN };
#define CLI_FILTER_LETTERS "K:"
#define CLI_FILTER_LONGS                                                                                     \
    {"secret", required_argument, NULL, 'K'}, {"now", required_argument, NULL, CLI_NOW},                     \
        {"base", required_argument, NULL, CLI_BASE}, {"profile", required_argument, NULL, CLI_PROFILE},      \
    {                                                                                                        \
        "plain-topics", no_argument, NULL, CLI_PLAIN_TOPICS                                                  \
    }

/* Sets the defaults of a filter. */
void cli_filter_init(cli_filter *filter, const char *command);

/* Takes one of these options, with optarg. False: told as a usage error. */
bool cli_filter_option(cli_filter *filter, int option);

/* Loads the key and starts the session. Returns CLI_OK, or the exit code after the error was told. */
int cli_filter_start(cli_filter *filter);

/* The same where filter->config is loaded already. */
int cli_filter_begin(cli_filter *filter);

/* Starts a new stream where the old one is used up. False: told. */
bool cli_filter_renew(cli_filter *filter);

/* UTC in milliseconds: --now, or the system's clock. */
int64_t cli_filter_now(const cli_filter *filter);

/* Wipes all. */
void cli_filter_end(cli_filter *filter);

#endif
