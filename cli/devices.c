/* SPDX-License-Identifier: MIT */
/* mqtt-e2e devices: asks who is there, and lists who answers or announces itself meanwhile. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <mqtt_e2e/command.h>

#include "format.h"
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

enum { NAME_MAX_ = 64, VERSION_MAX = 64, DEVICES_MAX = 1024, LISTEN_MS = 2000 };

typedef struct {
    uint8_t stream[MQTT_E2E_STREAM_ID_SIZE];
    char name[NAME_MAX_ + 1], version[VERSION_MAX + 1];
    int64_t trip_us; /* -1: did not answer */
    bool gone;
} device;

typedef struct {
    cli_run run; /* first: the context of the callbacks */
    device *devices;
    size_t count;
    bool asked;
    int64_t started, asked_us;
} state;

static const char filter[] = "device/+";

/* A run of a device's program is a stream; it is known by that, and may say its name in two ways. NULL: too many. */
static device *of_stream(state *s, const mqtt_e2e_message *message)
{
    for (size_t i = 0; i < s->count; i++)
        if (memcmp(s->devices[i].stream, message->id.stream, sizeof s->devices[i].stream) == 0)
            return &s->devices[i];
    if (s->count == DEVICES_MAX)
        return NULL;
    device *made = &s->devices[s->count++];
    *made = (device){.trip_us = -1};
    memcpy(made->stream, message->id.stream, sizeof made->stream);
    return made;
}

static void copy(char *out, size_t most, const void *text, size_t len)
{
    len = len < most ? len : most;
    memcpy(out, text, len);
    out[len] = '\0';
}

static void on_announced(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    static const size_t before = sizeof "device/" - 1;
    const mqtt_e2e_message *message = delivery->message;
    mqtt_e2e_announcement announcement;
    (void)client;
    if (message->kind != MQTT_E2E_MESSAGE ||
        !mqtt_e2e_announcement_read(message->payload.data, message->payload.len, &announcement))
        return;
    device *d = of_stream(context, message);
    if (!d)
        return;
    copy(d->name, NAME_MAX_, (const char *)message->topic.data + before, message->topic.len - before);
    if (announcement.version.len)
        copy(d->version, VERSION_MAX, announcement.version.data, announcement.version.len);
    d->gone = !announcement.here;
}

/* "NAME: pong" */
static bool on_reply(mqtt_e2e_client *client, mqtt_e2e_answer answer, const mqtt_e2e_delivery *delivery,
                     void *context)
{
    static const char pong[] = ": pong";
    state *s = context;
    (void)client;
    if (answer != MQTT_E2E_ANSWERED)
        return false;
    const mqtt_e2e_bytes *text = &delivery->message->payload;
    size_t tail = sizeof pong - 1;
    device *d = of_stream(s, delivery->message);
    if (!d)
        return true;
    if (d->trip_us < 0)
        d->trip_us = cli_run_now_us() - s->asked_us;
    if (!*d->name && text->len > tail && memcmp((const char *)text->data + text->len - tail, pong, tail) == 0)
        copy(d->name, NAME_MAX_, text->data, text->len - tail);
    return true;
}

/* ---- The list ----------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const device *)a)->name, ((const device *)b)->name);
}

static bool put_json(const device *d)
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

/* Nothing of it steers a terminal, or can be taken for another line. */
static void put_line(const device *d, int width)
{
    char name[4 * NAME_MAX_ + 1], version[4 * VERSION_MAX + 1], trip[32] = "-";
    name[cli_make_visible(d->name, strlen(d->name), name)] = '\0';
    version[cli_make_visible(d->version, strlen(d->version), version)] = '\0';
    for (char *p = name; *p; p++)
        *p = *p == '\n' || *p == '\t' ? '?' : *p;
    for (char *p = version; *p; p++)
        *p = *p == '\n' || *p == '\t' ? '?' : *p;
    if (d->trip_us >= 0)
        snprintf(trip, sizeof trip, "%.1f ms", (double)d->trip_us / 1000);
    printf("%-*s  %9s   %s\n", width, *name ? name : "?", trip, *version ? version : "-");
}

static int list(state *s)
{
    int width = 0;
    size_t listed = 0;
    qsort(s->devices, s->count, sizeof *s->devices, by_name);
    for (size_t i = 0; i < s->count; i++)
        if (!s->devices[i].gone && (int)strlen(s->devices[i].name) > width)
            width = (int)strlen(s->devices[i].name);
    for (size_t i = 0; i < s->count; i++) {
        if (s->devices[i].gone)
            continue;
        listed++;
        if (!s->run.options->json)
            put_line(&s->devices[i], width);
        else if (!put_json(&s->devices[i]))
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
    if (!s->asked && mqtt_e2e_client_subscribed(s->run.client, filter) == MQTT_E2E_SUBSCRIBED)
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
    s->devices = calloc(DEVICES_MAX, sizeof *s->devices);
    if (!s->devices) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    if (!options->wait_ms)
        options->wait_ms = LISTEN_MS;
    if (!cli_run_start(&s->run, options, CLI_IMPATIENT))
        return cli_run_stop(&s->run);
    s->started = cli_run_now();
    if (!mqtt_e2e_client_subscribe(s->run.client, filter, 1, on_announced, s, &error)) {
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
    free(s.devices);
    cli_options_free(&options);
    return code;
}
