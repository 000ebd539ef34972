/* SPDX-License-Identifier: MIT */
/* What options must fit together, and the key file under them. */
#include <string.h>
#include <unistd.h>

#include "options_table.h"
#include "profile.h"
#include "topics.h"

/* ---- Topics ------------------------------------------------------------------------------------- */

static int check_filters(const char *command, const cli_list *list)
{
    int code = CLI_OK;
    for (size_t i = 0; i < list->count && code == CLI_OK; i++)
        code = cli_check_filter(command, list->items[i]);
    return code;
}

/* Only what an earlier run left in the spool is to be sent. */
static bool only_spool(const cli_options *options)
{
    return options->client.spool_dir && options->topics.count == 0 && options->source == CLI_NO_SOURCE;
}

static int check_spool(const cli_options *options, const char *command)
{
    if (!*options->client.spool_dir)
        return cli_usage_error(command, "--spool names no directory");
    if (options->qos == 0 && !only_spool(options))
        return cli_usage_error(command, "--spool goes with -q 1 or -q 2: QoS 0 is never acknowledged");
    return CLI_OK;
}

static int check_sender(const cli_options *options, const char *command)
{
    if (options->client.spool_dir && check_spool(options, command) != CLI_OK)
        return CLI_USAGE;
    if (only_spool(options))
        return CLI_OK;
    if (options->topics.count == 0)
        return cli_usage_error(command, "no topic: give one with -t");
    if (options->topics.count > 1)
        return cli_usage_error(command, "more than one topic: give one -t");
    if (options->source == CLI_NO_SOURCE)
        return cli_usage_error(command, "no message: give one with -m, -f, %s-s or -n",
                               options->command == CLI_FOR_PUB ? "-l, " : "");
    if (options->secret && strcmp(options->secret, "-") == 0 &&
        (options->source == CLI_LINES || options->source == CLI_STDIN ||
         (options->source == CLI_FILE && strcmp(options->source_value, "-") == 0)))
        return cli_usage_error(command, "standard input holds the key (-K -) or the message, not both");
    if (options->source == CLI_LINES && (options->repeat > 1 || options->repeat_delay_ms))
        return cli_usage_error(command, "--repeat goes with one message (-m, -f, -s, -n), not with -l");
    return cli_check_topic(command, options->topics.items[0]);
}

static int check_subscriber(const cli_options *options, const char *command)
{
    if (options->topics.count + options->unsubscribe.count == 0)
        return cli_usage_error(command, "no topic: give at least one with -t");
    if (options->no_retained && options->retained_only)
        return cli_usage_error(command, "-R and --retained-only leave nothing to print");
    int code = check_filters(command, &options->topics);
    if (code == CLI_OK)
        code = check_filters(command, &options->unsubscribe);
    return code == CLI_OK ? check_filters(command, &options->filter_out) : code;
}

static int check_remote(const cli_options *options, const char *command)
{
    bool all = options->all_replies;
    if (options->topics.count) /* of -L */
        return cli_usage_error(command, "the URL has a topic: commands have topics of their own");
    if (options->command == CLI_FOR_RUN && options->word_count < (all ? 1 : 2))
        return cli_usage_error(command,
                               all || options->word_count ? "no command" : "no device and no command");
    return CLI_OK;
}

/* ---- Checks ------------------------------------------------------------------------------------- */

static int check_output(const cli_options *options, const char *command)
{
    if (options->json && (options->format || options->verbose || options->no_newline))
        return cli_usage_error(command, "--json does not go with -F, -v or -N");
    if (options->all_replies && options->replies > 1)
        return cli_usage_error(command, "--all and --replies exclude each other");
    return CLI_OK;
}

static int check_base(const cli_options *options, const char *command)
{
    const char *prefix = options->client.session.prefix;
    int code = options->given.base ? cli_check_base(command, options->given.base) : CLI_OK;
    return code == CLI_OK && prefix ? cli_check_prefix(command, prefix) : code;
}

static int check_client(const cli_options *options, const char *command)
{
    const mqtt_e2e_client_options *client = &options->client;
    bool id = client->client_id && *client->client_id;
    if (client->client_id && !*client->client_id)
        return cli_usage_error(command, "the client id is empty");
    if (id && options->given.id_prefix)
        return cli_usage_error(command, "-i and -I exclude each other");
    if ((client->cert_file != NULL) != (client->tls_key_file != NULL))
        return cli_usage_error(command, "--cert and --key go together");
    if (client->session.window % 64)
        return cli_usage_error(command, "--window must be a multiple of 64, not %u", client->session.window);
    if (options->given.expiry_given && (!client->persistent || client->mqtt_version != 5))
        return cli_usage_error(command, "-x goes with -c and -V 5: MQTT 3.1.1 knows no session expiry");
    return check_base(options, command);
}

static int check_wire(const cli_options *options)
{
    const mqtt_e2e_options *session = &options->client.session;
    bool sends = (options->command & (CLI_FOR_PUB | CLI_FOR_REQUEST)) && options->topics.count;
    return sends ? cli_check_wire(options->topics.items[0], session->base, session->plain_topics) : CLI_OK;
}

/* What the Toit profile has not. */
static int check_profile(const cli_options *options, const char *command)
{
    const char *what = options->command & (CLI_FOR_REQUEST | CLI_FOR_RUN | CLI_FOR_DEVICES)
                           ? "requests and replies"
                       : options->retain || options->lasting ? "lasting (retained) messages"
                       : options->client.spool_dir           ? "spool: nothing can be sealed anew in it"
                       : options->client.time_source         ? "time source"
                                                             : NULL;
    if (options->client.session.profile != MQTT_E2E_PROFILE_TOIT || !what)
        return CLI_OK;
    return cli_usage_error(command, "the Toit profile%s has no %s",
                           options->given.profile ? "" : ", which the key file is of,", what);
}

/* What only shows once the key file is read. */
static int check_joined(const cli_options *options, const char *command)
{
    const mqtt_e2e_client_options *client = &options->client;
    if (client->persistent && !client->client_id && !(client->name && *client->name))
        return cli_usage_error(command, "-c needs a client id that stays: give -i ID or --name NAME");
    if (options->given.password_given && !(client->user && *client->user))
        return cli_usage_error(command, "-P needs a user name: give -u NAME");
    int code = check_profile(options, command);
    return code == CLI_OK ? check_wire(options) : code;
}

/* ---- Joining ------------------------------------------------------------------------------------ */

static bool tls_wanted(const cli_options *options)
{
    const mqtt_e2e_client_options *client = &options->client;
    if (client->ca_file || options->given.tls || options->given.ca_path || client->cert_file)
        return true;
    return !options->given.no_tls && client->tls;
}

/* As in mosquitto: the port of MQTT over TLS means TLS. */
static void note_tls_ports(mqtt_e2e_host *hosts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (hosts[i].port == 8883 && hosts[i].transport == MQTT_E2E_AS_SET)
            hosts[i].transport = MQTT_E2E_MQTTS;
}

static void override_hosts(cli_options *options)
{
    mqtt_e2e_client_options *client = &options->client;
    if (options->given.host_count == 0 && options->given.port && client->host_count == 0) {
        strcpy(options->given.hosts[0].name, "localhost");
        options->given.host_count = 1;
    } else if (options->given.host_count == 0 && options->given.port) {
        memcpy(options->given.hosts, client->hosts, client->host_count * sizeof client->hosts[0]);
        options->given.host_count = client->host_count;
        for (size_t i = 0; i < client->host_count; i++) /* -p overrides the file's ports */
            options->given.hosts[i].port = 0;
    }
    if (options->given.host_count == 0)
        return;
    for (size_t i = 0; i < options->given.host_count; i++)
        if (options->given.hosts[i].port == 0)
            options->given.hosts[i].port = options->given.port;
    client->hosts = options->given.hosts;
    client->host_count = options->given.host_count;
}

static void override(cli_options *options)
{
    mqtt_e2e_client_options *client = &options->client;
    if (options->given.user)
        client->user = options->given.user;
    if (options->given.password_given)
        client->password = options->given.password;
    if (options->given.name)
        client->name = options->given.name;
    if (options->given.base)
        client->session.base = options->given.base;
    if (options->given.plain_topics)
        client->session.plain_topics = true;
    if (options->given.ca_path)
        client->ca_path = options->given.ca_path;
    override_hosts(options);
    client->tls = tls_wanted(options);
    if (!options->given.no_tls) {
        note_tls_ports(options->given.hosts, options->given.host_count);
        note_tls_ports(options->config.hosts, options->config.host_count);
    }
    client->session_expiry = options->given.expiry_given ? options->given.expiry : UINT32_MAX;
    if (options->given.id_prefix) {
        snprintf(options->given.id, sizeof options->given.id, "%s%ld", options->given.id_prefix,
                 (long)getpid());
        client->client_id = options->given.id;
    }
    options->lasting |= options->retained_only; /* what the broker kept is old by nature */
    client->session.lasting_topics = options->lasting ? CLI_LASTING_TOPICS : 0;
}

/* The time spans given outlast the profile's own. */
static void use_key_file(cli_options *options)
{
    mqtt_e2e_options *session = &options->client.session;
    uint32_t skew = session->clock_skew_ms, lead = session->clock_lead_ms;
    mqtt_e2e_client_use(&options->client, &options->config);
    options->given.clock_skew_ms = session->clock_skew_ms = skew;
    options->given.clock_lead_ms = session->clock_lead_ms = lead;
    cli_profile_spans(session);
    override(options);
}

int cli_options_join(cli_options *options)
{
    const char *command = cli_options_command(options->command);
    int code = CLI_OK;
    if (options->command == CLI_FOR_SUB)
        code = check_subscriber(options, command);
    else if (options->command & (CLI_FOR_PUB | CLI_FOR_REQUEST))
        code = check_sender(options, command);
    else if (options->command != CLI_FOR_DOCTOR)
        code = check_remote(options, command);
    if (code == CLI_OK)
        code = check_output(options, command);
    if (code == CLI_OK)
        code = check_client(options, command);
    if (code != CLI_OK)
        return code;
    if (!cli_load_key(options->secret, &options->config))
        return CLI_FAILED;
    code = cli_profile_choose(command, options->given.profile, &options->config);
    if (code == CLI_OK && options->command == CLI_FOR_PUB)
        code = cli_profile_one(command, &options->config);
    if (code != CLI_OK)
        return code;
    use_key_file(options);
    return check_joined(options, command);
}
