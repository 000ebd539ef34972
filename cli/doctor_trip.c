/* SPDX-License-Identifier: MIT */
/* A sealed message to ourselves, through the same client that pub and sub use. A session refuses its own messages, so two take
 * part. */
#include "doctor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define TRIPS 5

typedef struct {
    const cli_options *given;
    const mqtt_e2e_host *hosts;
    size_t host_count;
    int64_t timeout_ms; /* of each step */
    mqtt_e2e_client *hearer, *sender;
    mqtt_e2e_client_options options;
    char topic[48];
    char why[300]; /* the last failure to connect */
    bool subscribed, refused, came;
    mqtt_e2e_status status; /* of a packet of ours that did not open */
} trip;

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

static void on_event(mqtt_e2e_client *client, mqtt_e2e_client_event event, const mqtt_e2e_broker_news *news,
                     void *context)
{
    trip *t = context;
    (void)client;
    if (event != MQTT_E2E_CONNECTED)
        snprintf(t->why, sizeof t->why, "%s", news->why);
}

static void on_subscribed(mqtt_e2e_client *client, const char *filter, bool granted, int qos, void *context)
{
    trip *t = context;
    (void)client;
    (void)filter;
    (void)qos;
    t->subscribed = granted;
    t->refused = !granted;
}

static void on_message(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    trip *t = context;
    (void)client;
    (void)delivery;
    t->came = true;
}

static void on_refused(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    trip *t = context;
    (void)client;
    t->status = delivery->status;
}

static void on_debug(mqtt_e2e_client *client, const char *text, void *context)
{
    (void)client;
    (void)context;
    cli_note("%s", text);
}

/* Runs both until `*done` or `*failed`, or the timeout. */
static bool wait_for(trip *t, const bool *done, const bool *failed)
{
    int64_t end = cli_doctor_ticks() + t->timeout_ms;
    while (!*done && !*failed && cli_doctor_ticks() < end) {
        if (t->sender)
            mqtt_e2e_client_wait(t->sender, 0);
        mqtt_e2e_client_wait(t->hearer, t->sender ? 1 : 20);
    }
    return *done;
}

static mqtt_e2e_client *make(trip *t, const char *id)
{
    mqtt_e2e_error error;
    t->options.client_id = id;
    mqtt_e2e_client *client = mqtt_e2e_client_new(&t->options, &error);
    if (!client)
        cli_report(CLI_WRONG, error.hint, "no client can be made: %s", error.text);
    return client;
}

static bool prepare(trip *t)
{
    const cli_options *o = t->given;
    uint8_t random[8];
    char hex[17];
    mqtt_e2e_error error;
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return false;
    cli_hex(random, sizeof random, hex);
    snprintf(t->topic, sizeof t->topic, "doctor/%s", hex);
    t->options = o->client;
    t->options.hosts = t->hosts;
    t->options.host_count = t->host_count;
    t->options.name = NULL; /* a node of that name may be running, and would be thrown out */
    t->options.persistent = false;
    t->options.on_event = on_event;
    t->options.on_subscribed = on_subscribed;
    t->options.on_refused = on_refused;
    t->options.on_debug = o->debug ? on_debug : NULL;
    t->options.context = t;
    t->hearer = make(t, o->client.client_id);
    if (!t->hearer)
        return false;
    if (!mqtt_e2e_client_subscribe(t->hearer, t->topic, 0, on_message, t, &error)) {
        cli_report(CLI_WRONG, error.hint, "cannot subscribe: %s", error.text);
        return false;
    }
    return true;
}

static bool subscribe(trip *t)
{
    if (wait_for(t, &t->subscribed, &t->refused))
        return true;
    if (t->refused)
        cli_report(CLI_WRONG,
                   "its access list must let this user read and write all topics under our base ('mqtt-e2e "
                   "key show')",
                   "the broker refuses subscriptions under our base");
    else if (!mqtt_e2e_client_connected(t->hearer))
        cli_report(CLI_WRONG, "", "the client does not get a connection: %s",
                   t->why[0] ? t->why : "no answer");
    else
        cli_report(CLI_WRONG, "", "the broker does not answer to a subscription");
    return false;
}

static void report_lost(const trip *t)
{
    if (t->status == MQTT_E2E_STALE || t->status == MQTT_E2E_FUTURE)
        cli_report(CLI_WRONG, "a clock that jumps refuses even its own messages",
                   "our own message was refused: %s", mqtt_e2e_status_text(t->status));
    else if (t->status != MQTT_E2E_OK)
        cli_report(CLI_WRONG,
                   "something between alters packets or topics; a bridge's prefix goes into --prefix",
                   "our own message came back and was refused: %s", mqtt_e2e_status_text(t->status));
    else
        cli_report(CLI_WRONG,
                   "its access list may drop what we publish, or what comes back: it must let this user read "
                   "and write "
                   "all topics under our base ('mqtt-e2e key show')",
                   "a sealed message to ourselves did not come back");
}

/* One there and back, in milliseconds; below 0: lost, or not sent. */
static double once(trip *t)
{
    mqtt_e2e_error error;
    double start = now_ms();
    const bool never = false;
    t->came = false;
    if (!mqtt_e2e_client_publish(t->sender, t->topic, "ping", 4, 0, false, NULL, &error)) {
        cli_report(CLI_WRONG, error.hint, "cannot publish: %s", error.text);
        return -1;
    }
    if (wait_for(t, &t->came, &never))
        return now_ms() - start;
    report_lost(t);
    return -1;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool measure(trip *t)
{
    double ms[TRIPS];
    if (once(t) < 0) /* the first one waits for the connection */
        return false;
    for (size_t i = 0; i < TRIPS; i++)
        if ((ms[i] = once(t)) < 0)
            return false;
    qsort(ms, TRIPS, sizeof ms[0], by_size);
    cli_report_number("round_trip_ms", ms[TRIPS / 2]);
    cli_report(CLI_FINE, "", "a sealed message comes back to us within %.2f ms (the middle of %d)",
               ms[TRIPS / 2], TRIPS);
    return true;
}

static bool go(trip *t)
{
    return prepare(t) && subscribe(t) && (t->sender = make(t, NULL)) != NULL && measure(t);
}

static void end(trip *t)
{
    mqtt_e2e_client_free(t->sender);
    mqtt_e2e_client_free(t->hearer);
}

void cli_doctor_trip(const cli_patient *p)
{
    trip t = {.given = p->options, .hosts = &p->host, .host_count = 1, .timeout_ms = p->timeout_ms};
    go(&t);
    end(&t);
}

/* How it went with each broker, as who heard has it. */
static void report_brokers(const trip *t)
{
    mqtt_e2e_broker_info info;
    for (size_t i = 0; mqtt_e2e_client_broker(t->hearer, i, &info); i++) {
        if (info.connected)
            cli_report(CLI_FINE, "",
                       "%s: connected, round trip %.2f ms; %llu came there first, %llu second, %llu were "
                       "refused",
                       info.broker, (double)info.round_trip_us / 1000, (unsigned long long)info.first,
                       (unsigned long long)info.copies, (unsigned long long)info.refused);
        else
            cli_report(CLI_NOTE, "", "%s: not connected: %s", info.broker, info.why);
    }
}

void cli_doctor_together(const cli_options *options, int64_t timeout_ms)
{
    const mqtt_e2e_client_options *client = &options->client;
    trip t = {.given = options, .hosts = client->hosts, .host_count = client->host_count};
    t.timeout_ms = timeout_ms;
    cli_report_about("all brokers at once");
    if (go(&t))
        report_brokers(&t);
    end(&t);
}
