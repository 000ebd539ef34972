/* SPDX-License-Identifier: MIT */
/* mqtt-e2e sub: subscribes, and prints what opens, as mosquitto_sub does. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "profile.h"

const char cli_sub_help[] =
    "Usage: mqtt-e2e sub -t FILTER... [OPTION...]\n"
    "\n"
    "Subscribes, and prints the messages that were sealed with the key, are fresh, and did not come before.\n"
    "Others are refused: -d tells which and why. Takes mosquitto_sub's options.\n"
    "\n"
    "    mqtt-e2e sub -t 'iot/#' -v\n"
    "    mqtt-e2e sub -t iot/door/state --lasting -C 1 -W 5   # what was last said of it\n"
    "    mqtt-e2e sub -t '#' --json | jq -r .payload\n"
    "\n"
    "A message that the broker kept (pub -r) and that is older than our start is handed on only with\n"
    "--lasting, marked '[old] ' before the line, \"old\":true in JSON, or %o in a format.\n"
    "To clear what the broker keeps: 'mqtt-e2e seal -t TOPIC -n' prints the wire topic for\n"
    "'mosquitto_pub -r -n -t WIRETOPIC'.\n"
    "\n"
    "Format (-F): %t topic, %p payload, %x %X payload in hex, %l its length, %q QoS, %r the broker's retain\n"
    "flag, %m message id, %I %U time of arrival (ISO 8601, Unix), %j JSON, %J JSON with the payload as\n"
    "JSON, %% a %; ours: %k kind, %o 1 if old, %b broker, %T time of sealing in ms, %s stream, %n counter. "
    "A\n"
    "width goes before the letter: %10t, %-10t, %5.5t, %05l. @X is strftime's %X of the time of arrival,\n"
    "@N nanoseconds, @@ a @. \\n \\t \\r \\0 \\a \\e \\v \\\\ are characters.\n";

typedef struct {
    cli_run run; /* first: the context of the callbacks */
    uint32_t printed;
    mqtt_e2e_id last;     /* what was handed to us last, to print it once though several filters match */
    bool any, subscribed; /* subscribed: all brokers have answered, to all subscriptions */
} state;

/* ---- Messages ----------------------------------------------------------------------------------- */

static bool seen_just_now(state *sub, const mqtt_e2e_id *id)
{
    bool same = sub->any && sub->last.counter == id->counter &&
                memcmp(sub->last.stream, id->stream, sizeof id->stream) == 0;
    sub->any = true;
    sub->last = *id;
    return same;
}

static bool filtered_out(const cli_options *options, const mqtt_e2e_bytes *topic)
{
    for (size_t i = 0; i < options->filter_out.count; i++) {
        const char *filter = options->filter_out.items[i];
        if (mqtt_e2e_match(filter, strlen(filter), topic->data, topic->len))
            return true;
    }
    return false;
}

static void on_message(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    state *sub = context;
    const cli_options *options = sub->run.options;
    if (sub->run.over || seen_just_now(sub, &delivery->message->id) ||
        filtered_out(options, &delivery->message->topic) || (options->no_retained && delivery->retain))
        return;
    if (options->retained_only && !delivery->retain) {
        cli_run_end(&sub->run, CLI_OK);
        return;
    }
    if (client == sub->run.old)
        cli_profile_tell_old(&delivery->message->topic);
    if (options->random_filter < 100 && drand48() * 100 >= options->random_filter)
        return;
    sub->printed++;
    if (!cli_print(options, delivery)) {
        mqtt_e2e_client_not_handled(client);
        cli_run_end(&sub->run, CLI_FAILED);
    } else if (options->count && sub->printed == options->count)
        cli_run_end(&sub->run, CLI_OK);
}

/* What comes on a topic that is only to be unsubscribed from. */
static void ignore_message(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    (void)client, (void)delivery, (void)context;
}

/* ---- Subscriptions ------------------------------------------------------------------------------ */

static bool is_in(const cli_list *list, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}

/* How many subscriptions are as given, among those that we asked for. */
static size_t count_in(const state *sub, const cli_list *list, mqtt_e2e_subscription wanted)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        mqtt_e2e_subscription found = mqtt_e2e_client_subscribed(sub->run.client, list->items[i]);
        if (sub->run.old && mqtt_e2e_client_subscribed(sub->run.old, list->items[i]) == MQTT_E2E_SUBSCRIBING)
            found = MQTT_E2E_SUBSCRIBING;
        count += found == wanted;
    }
    return count;
}

static size_t count(const state *sub, mqtt_e2e_subscription wanted)
{
    const cli_options *options = sub->run.options;
    return count_in(sub, &options->topics, wanted) + count_in(sub, &options->unsubscribe, wanted);
}

/* Whether there is something to wait for: a broker that denies all is none. */
static void check_subscribed(state *sub)
{
    size_t denied = count(sub, MQTT_E2E_DENIED);
    if (count(sub, MQTT_E2E_SUBSCRIBING) > 0)
        return;
    if (denied && (sub->run.options->exit_after_subscribing || count(sub, MQTT_E2E_SUBSCRIBED) == 0))
        cli_run_end(&sub->run, CLI_FAILED);
    else
        sub->subscribed = true;
}

static void on_subscribed(mqtt_e2e_client *client, const char *filter, bool granted, int qos, void *context)
{
    state *sub = context;
    const cli_options *options = sub->run.options;
    mqtt_e2e_error error;
    if (!granted)
        cli_error("the broker does not let us subscribe to %s", filter);
    else if (options->debug)
        cli_note("subscribed to %s: QoS %d", filter, qos);
    if (granted && is_in(&options->unsubscribe, filter, options->unsubscribe.count) &&
        mqtt_e2e_client_subscribed(client, filter) == MQTT_E2E_SUBSCRIBED &&
        !mqtt_e2e_client_unsubscribe(client, filter, &error))
        cli_tell(&error);
    check_subscribed(sub);
}

static bool add(state *sub, const cli_list *list, mqtt_e2e_on_message callback)
{
    const cli_options *options = sub->run.options;
    mqtt_e2e_error error;
    for (size_t i = 0; i < list->count; i++) {
        bool given_before =
            is_in(list, list->items[i], i) ||
            (list == &options->unsubscribe && is_in(&options->topics, list->items[i], options->topics.count));
        if (given_before)
            continue;
        if (!mqtt_e2e_client_subscribe(sub->run.client, list->items[i], options->qos, callback, sub,
                                       &error) ||
            (sub->run.old &&
             !mqtt_e2e_client_subscribe(sub->run.old, list->items[i], options->qos, callback, sub, &error))) {
            cli_tell(&error);
            cli_run_end(&sub->run, CLI_USAGE);
            return false;
        }
    }
    return true;
}

/* Only what one is subscribed to can be left, and a kept session of an earlier run may be: so we join it first. */
static bool subscribe(state *sub)
{
    const cli_options *options = sub->run.options;
    return add(sub, &options->topics, on_message) && add(sub, &options->unsubscribe, ignore_message);
}

/* ---- The run ------------------------------------------------------------------------------------ */

/* -W counts from the first connection, as in mosquitto_sub. */
static int64_t time_left(const state *sub)
{
    int64_t wait = sub->run.options->wait_ms;
    return wait && sub->run.was_connected ? cli_run_until(sub->run.connected_at + wait) : -1;
}

static void go_on(state *sub)
{
    const cli_options *options = sub->run.options;
    /* No events asked for: only whether the reader has gone, who may wait for us to end. */
    struct pollfd output = {.fd = STDOUT_FILENO, .events = 0};
    if (!cli_run_step(&sub->run, &output, 1, time_left(sub)))
        return;
    if (options->exit_after_subscribing && !sub->subscribed && sub->run.was_connected)
        check_subscribed(sub); /* a broker that has failed is waited for no longer */
    if (sub->run.over)
        return;
    if (options->exit_after_subscribing && sub->subscribed)
        cli_run_end(&sub->run, CLI_OK);
    else if (output.revents & (POLLERR | POLLNVAL))
        cli_run_end(&sub->run, CLI_FAILED);
    else if (sub->run.interrupted) /* how an endless one is stopped; one that counts has failed */
        cli_run_end(&sub->run, options->count ? CLI_FAILED : CLI_OK);
    else if (time_left(sub) == 0)
        cli_run_end(&sub->run, CLI_TIMEOUT);
}

static void tell_end(const state *sub)
{
    uint64_t refused = cli_count_refused(sub->run.client);
    if (sub->run.old)
        refused += cli_count_refused(sub->run.old);
    if (sub->run.code == CLI_TIMEOUT)
        cli_error("timed out after %g s", (double)sub->run.options->wait_ms / 1000);
    if (sub->run.options->debug) {
        cli_tell_counts(sub->run.client);
        cli_tell_brokers(sub->run.client);
    } else if (refused && sub->printed == 0)
        cli_hint("%llu %s refused; -d tells why", (unsigned long long)refused,
                 refused == 1 ? "message was" : "messages were");
}

static int run(state *sub, cli_options *options)
{
    options->client.on_subscribed = on_subscribed;
    srand48((long)(cli_run_now() ^ getpid()));
    if (cli_run_start(&sub->run, options, CLI_ONCE_CONNECTED)) {
        if (subscribe(sub))
            while (!sub->run.over)
                go_on(sub);
        tell_end(sub);
    }
    return cli_run_stop(&sub->run);
}

int cli_sub(int argc, char **argv)
{
    static cli_options options;
    static state sub;
    int code = cli_options_parse(&options, CLI_FOR_SUB, argc, argv);
    if (code == CLI_OK && !options.help)
        code = run(&sub, &options);
    cli_options_free(&options);
    return code;
}
