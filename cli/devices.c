/* SPDX-License-Identifier: MIT */
/* mqtt-e2e devices: asks who is there, and lists who answers or announces itself meanwhile. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "fleet.h"
#include "roster.h"

const char cli_devices_help[] = "Usage: mqtt-e2e devices [OPTION...]\n"
                                "\n"
                                "Asks all devices that have the same key, or keys of their own that come of "
                                "it, for a ping, and lists those\n"
                                "that answer or announce themselves meanwhile: name, round trip, and what "
                                "runs there. They can be commanded\n"
                                "by 'mqtt-e2e run'.\n"
                                "\n"
                                "    $ mqtt-e2e devices\n"
                                "    cellar   12.3 ms   mqtt-e2e 0.1.0\n"
                                "    kitchen   9.8 ms   mqtt-e2e 0.1.0 (own key)\n";

enum { LISTEN_MS = 2000, CONNECT_MS = 10000 };

/* A key, and the client that has it. */
typedef struct {
    struct state *state;
    const char *name; /* of the device that has this key alone; NULL: the key file's */
    mqtt_e2e_client *client;
    char filter[CLI_NAME_MAX + 16];
    bool asked;
    int64_t since;    /* when it was made, and then when it was asked, by cli_run_now */
    int64_t asked_us; /* when that went out */
} key;

typedef struct state {
    cli_run run; /* first: the context of the callbacks */
    cli_fleet fleet;
    roster heard;
    key keys[1 + CLI_FLEET_MAX]; /* the key file's first */
    size_t key_count;
} state;

static void on_announced(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    const key *k = context;
    (void)client;
    roster_announced(&k->state->heard, delivery->message, k->name);
}

static bool on_reply(mqtt_e2e_client *client, mqtt_e2e_answer answer, const mqtt_e2e_delivery *delivery,
                     void *context)
{
    const key *k = context;
    (void)client;
    if (answer != MQTT_E2E_ANSWERED)
        return false;
    roster_answered(&k->state->heard, delivery->message->id.stream, &delivery->message->payload,
                    cli_run_now_us() - k->asked_us, k->name);
    return true;
}

/* ---- The list ----------------------------------------------------------------------------------- */

static bool put_json(const roster_device *d)
{
    json_t *object = json_object(), *name = json_string(d->name), *version = json_string(d->version);
    char stream[2 * MQTT_E2E_STREAM_ID_SIZE + 1];
    cli_hex(d->stream, sizeof d->stream, stream);
    if (name && *d->name)
        json_object_set(object, "device", name);
    json_object_set_new(object, "stream", json_string(stream));
    if (d->trip_us >= 0)
        json_object_set_new(object, "round_trip_ms", json_real((double)d->trip_us / 1000));
    if (d->own_key)
        json_object_set_new(object, "own_key", json_true());
    if (version && *d->version)
        json_object_set(object, "version", version);
    json_decref(name);
    json_decref(version);
    char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
    json_decref(object);
    bool fine = text && cli_put(text, strlen(text)) && cli_put("\n", 1);
    free(text);
    return fine;
}

static bool put_line(const roster_device *d, int width)
{
    char line[ROSTER_LINE_SIZE];
    return cli_put(line, roster_line(d, width, "", line));
}

static int list(state *s)
{
    size_t listed = 0;
    roster_sort(&s->heard);
    int width = roster_width(&s->heard, false);
    for (size_t i = 0; i < s->heard.count; i++) {
        const roster_device *device = &s->heard.devices[i];
        if (device->gone)
            continue;
        listed++;
        if (!(s->run.options->json ? put_json(device) : put_line(device, width)))
            return CLI_FAILED;
    }
    if (!cli_flush())
        return CLI_FAILED;
    return listed ? CLI_OK : CLI_TIMEOUT;
}

/* ---- The run ------------------------------------------------------------------------------------ */

static void on_asked(mqtt_e2e_client *client, const mqtt_e2e_id *id, void *of, void *context)
{
    key *k = of;
    (void)client, (void)id, (void)context;
    k->asked_us = cli_run_now_us();
}

/* Once we hear what is announced, too. */
static void ask(key *k)
{
    state *s = k->state;
    mqtt_e2e_error error;
    k->asked = true;
    k->since = cli_run_now();
    if (mqtt_e2e_client_request(k->client, "command/all", "ping", 4, 1,
                                (uint32_t)s->run.options->wait_ms + 1000, on_reply, k, &error))
        return;
    cli_tell(&error);
    cli_run_end(&s->run, CLI_FAILED);
}

static void listen_with(state *s, const char *name, mqtt_e2e_client *client)
{
    key *k = &s->keys[s->key_count++];
    mqtt_e2e_error error;
    *k = (key){.state = s, .name = name, .client = client, .since = cli_run_now()};
    snprintf(k->filter, sizeof k->filter, "device/%s", name ? name : "+");
    if (mqtt_e2e_client_subscribe(client, k->filter, 1, on_announced, k, &error))
        return;
    cli_tell(&error);
    cli_run_end(&s->run, CLI_FAILED);
}

static void on_open(cli_fleet_device *opened, void *context)
{
    listen_with(context, opened->name, opened->client);
}

static int64_t until(const key *k)
{
    return k->since + k->state->run.options->wait_ms + (k->asked ? 0 : CONNECT_MS);
}

static void go_on(state *s)
{
    int64_t end = 0;
    for (key *k = s->keys; k < s->keys + s->key_count; k++)
        if (until(k) > end)
            end = until(k);
    if (!cli_fleet_step(&s->fleet, NULL, 0, cli_run_until(end)))
        return;
    for (key *k = s->keys; k < s->keys + s->key_count; k++)
        if (!k->asked && mqtt_e2e_client_subscribed(k->client, k->filter) == MQTT_E2E_SUBSCRIBED)
            ask(k);
    if (s->run.interrupted)
        cli_run_end(&s->run, CLI_FAILED);
    for (const key *k = s->keys; k < s->keys + s->key_count; k++)
        if (cli_run_now() < until(k))
            return;
    cli_run_end(&s->run, list(s));
}

static void tell_none(const state *s)
{
    uint64_t refused = cli_fleet_refused(&s->fleet);
    bool asked = s->keys[0].asked;
    cli_error(asked ? "no device answered within %g s" : "no broker let us listen within %g s",
              (double)(s->run.options->wait_ms + (asked ? 0 : CONNECT_MS)) / 1000);
    if (refused && !s->run.options->debug)
        cli_hint("%llu %s refused; -d tells why", (unsigned long long)refused,
                 refused == 1 ? "packet was" : "packets were");
}

static int run(state *s, cli_options *options)
{
    if (!options->wait_ms)
        options->wait_ms = LISTEN_MS;
    options->client.on_asked = on_asked;
    options->client.session.longest_packet = 128 * 1024;
    s->fleet.on_open = on_open;
    s->fleet.context = s;
    if (!cli_fleet_names(&s->fleet, options))
        return CLI_FAILED;
    if (!cli_run_start(&s->run, options, CLI_IMPATIENT) || !cli_fleet_start(&s->fleet, &s->run))
        return CLI_FAILED;
    listen_with(s, NULL, s->run.client);
    cli_fleet_open_all(&s->fleet);
    while (!s->run.over)
        go_on(s);
    if (s->run.code == CLI_TIMEOUT)
        tell_none(s);
    if (options->debug)
        cli_fleet_tell_counts(&s->fleet);
    return s->run.code;
}

int cli_devices(int argc, char **argv)
{
    static cli_options options;
    static state s;
    int code = cli_options_parse(&options, CLI_FOR_DEVICES, argc, argv);
    if (code == CLI_OK && !options.help)
        code = run(&s, &options);
    cli_fleet_end(&s.fleet);
    cli_run_stop(&s.run);
    roster_free(&s.heard);
    cli_options_free(&options);
    return code;
}
