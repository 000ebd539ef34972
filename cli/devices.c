/* SPDX-License-Identifier: MIT */
/* mqtt-e2e devices: asks who is there, and lists who answers or announces itself meanwhile. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include "roster.h"
#include "run.h"

const char cli_devices_help[] =
    "Usage: mqtt-e2e devices [OPTION...]\n"
    "\n"
    "Asks all devices that have the same key for a ping, and lists those that answer or announce themselves\n"
    "meanwhile: name, round trip, and what runs there. They can be commanded by 'mqtt-e2e run'.\n"
    "\n"
    "    $ mqtt-e2e devices\n"
    "    cellar   12.3 ms   mqtt-e2e 0.1.0\n"
    "    kitchen   9.8 ms   mqtt-e2e 0.1.0\n";

enum { LISTEN_MS = 2000 };

typedef struct {
    cli_run run; /* first: the context of the callbacks */
    roster heard;
    bool asked;
    int64_t started, asked_us;
} state;

static void on_announced(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    state *s = context;
    (void)client;
    roster_announced(&s->heard, delivery->message);
}

static bool on_reply(mqtt_e2e_client *client, mqtt_e2e_answer answer, const mqtt_e2e_delivery *delivery,
                     void *context)
{
    state *s = context;
    (void)client;
    if (answer != MQTT_E2E_ANSWERED)
        return false;
    roster_answered(&s->heard, delivery->message->id.stream, &delivery->message->payload,
                    cli_run_now_us() - s->asked_us);
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

static void put_line(const roster_device *d, int width)
{
    char name[4 * ROSTER_NAME_MAX + 1], version[4 * ROSTER_VERSION_MAX + 1], trip[32] = "-";
    if (d->trip_us >= 0)
        snprintf(trip, sizeof trip, "%.1f ms", (double)d->trip_us / 1000);
    printf("%-*s  %9s   %s\n", width, roster_text(d->name, "?", name), trip,
           roster_text(d->version, "-", version));
}

static int list(state *s)
{
    int width = 0;
    size_t listed = 0;
    roster_sort(&s->heard);
    const roster_device *devices = s->heard.devices;
    for (size_t i = 0; i < s->heard.count; i++)
        if (!devices[i].gone && (int)strlen(devices[i].name) > width)
            width = (int)strlen(devices[i].name);
    for (size_t i = 0; i < s->heard.count; i++) {
        if (devices[i].gone)
            continue;
        listed++;
        if (!s->run.options->json)
            put_line(&devices[i], width);
        else if (!put_json(&devices[i]))
            return CLI_FAILED;
    }
    if (!cli_flush())
        return CLI_FAILED;
    return listed ? CLI_OK : CLI_TIMEOUT;
}

/* ---- The run ------------------------------------------------------------------------------------ */

/* Once we hear what is announced, too. */
static void ask(state *s)
{
    mqtt_e2e_error error;
    s->asked = true;
    s->asked_us = cli_run_now_us();
    s->started = cli_run_now();
    if (!mqtt_e2e_client_request(s->run.client, "command/all", "ping", 4, 1,
                                 (uint32_t)s->run.options->wait_ms + 1000, on_reply, s, &error)) {
        cli_tell(&error);
        cli_run_end(&s->run, CLI_FAILED);
    }
}

static void go_on(state *s)
{
    int64_t wait = s->run.options->wait_ms + (s->asked ? 0 : 10000);
    if (!cli_run_step(&s->run, NULL, 0, cli_run_until(s->started + wait)))
        return;
    if (!s->asked && mqtt_e2e_client_subscribed(s->run.client, ROSTER_FILTER) == MQTT_E2E_SUBSCRIBED)
        ask(s);
    else if (s->run.interrupted)
        cli_run_end(&s->run, CLI_FAILED);
    else if (cli_run_now() - s->started >= wait)
        cli_run_end(&s->run, list(s));
}

static void tell_none(const state *s)
{
    uint64_t refused = cli_count_refused(s->run.client);
    cli_error(s->asked ? "no device answered within %g s" : "no broker let us listen within %g s",
              (double)s->run.options->wait_ms / 1000 + (s->asked ? 0 : 10));
    if (refused && !s->run.options->debug)
        cli_hint("%llu %s refused; -d tells why", (unsigned long long)refused,
                 refused == 1 ? "packet was" : "packets were");
}

static int run(state *s, cli_options *options)
{
    mqtt_e2e_error error;
    if (!options->wait_ms)
        options->wait_ms = LISTEN_MS;
    if (!cli_run_start(&s->run, options, CLI_IMPATIENT))
        return cli_run_stop(&s->run);
    s->started = cli_run_now();
    if (!mqtt_e2e_client_subscribe(s->run.client, ROSTER_FILTER, 1, on_announced, s, &error)) {
        cli_tell(&error);
        cli_run_end(&s->run, CLI_FAILED);
    }
    while (!s->run.over)
        go_on(s);
    if (s->run.code == CLI_TIMEOUT)
        tell_none(s);
    if (options->debug)
        cli_tell_counts(s->run.client);
    return cli_run_stop(&s->run);
}

int cli_devices(int argc, char **argv)
{
    static cli_options options;
    static state s;
    int code = cli_options_parse(&options, CLI_FOR_DEVICES, argc, argv);
    if (code == CLI_OK && !options.help)
        code = run(&s, &options);
    roster_free(&s.heard);
    cli_options_free(&options);
    return code;
}
