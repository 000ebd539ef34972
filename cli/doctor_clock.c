/* SPDX-License-Identifier: MIT */
/*
 * Other nodes' clocks, over the bare connection. A session that knows no time listens to all under our base: it refuses
 * everything as "no clock", and so says when each authentic packet was sealed, whatever its age. It also asks
 * for the time (§6), which a time source answers.
 */
#include "doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LISTEN_MS 2000

typedef struct {
    cli_patient *patient;
    mqtt_e2e_options options;
    mqtt_e2e_session *session;
    void *storage;
    char *name; /* room for a topic read back */
    char *wire; /* and for one hidden */
    bool answered, never;
    int64_t error_ms,
        trip_ms; /* of the time source's answer: our clock less its, give or take half the round trip */
    int64_t asked_at;
    unsigned heard, foreign;
    int64_t behind_ms, ahead_ms; /* the most, of senders' clocks */
} listener;

#define WIRE_SIZE ((size_t)MQTT_E2E_TOPIC_MAX + 1)

static bool start(listener *l)
{
    const mqtt_e2e_client_options *o = &l->patient->options->client;
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    l->options = o->session;
    l->options.crypto = &mqtt_e2e_openssl;
    l->options.own_clock_ms = true;
    l->options.longest_packet = MQTT_E2E_PAYLOAD_MAX;
    l->options.lasting_topics = 0;
    l->options.requests = 1;
    size_t size = mqtt_e2e_session_size(&l->options);
    l->storage = calloc(1, size);
    l->name = malloc(WIRE_SIZE);
    l->wire = malloc(WIRE_SIZE);
    if (!l->storage || !l->name || !l->wire || getrandom(random, sizeof random, 0) != sizeof random)
        return false;
    mqtt_e2e_status status =
        mqtt_e2e_init(&l->session, l->storage, size, &l->options, random, cli_doctor_ticks());
    explicit_bzero(random, sizeof random);
    return status == MQTT_E2E_OK;
}

static void finish(listener *l)
{
    mqtt_e2e_wipe(l->session);
    free(l->storage);
    free(l->name);
    free(l->wire);
}

/* How far the sender's clock is off, if the packet is live and of another node. */
static void take_time(listener *l, const mqtt_e2e_message *message)
{
    int64_t age = cli_doctor_utc(l->patient->options) - message->time;
    l->heard++;
    if (age > l->behind_ms)
        l->behind_ms = age;
    if (-age > l->ahead_ms)
        l->ahead_ms = -age;
}

static void take_answer(listener *l)
{
    int64_t ticks = cli_doctor_ticks();
    l->answered = true;
    l->trip_ms = ticks - l->asked_at;
    l->error_ms = cli_doctor_utc(l->patient->options) - mqtt_e2e_utc(l->session, ticks);
}

static void hear(void *context, const struct mosquitto_message *m)
{
    listener *l = context;
    mqtt_e2e_topic topic;
    mqtt_e2e_message message;
    size_t len = strlen(m->topic);
    if (m->retain || m->payloadlen <= 0 || len > MQTT_E2E_TOPIC_MAX)
        return; /* what was kept is old by nature */
    mqtt_e2e_reveal(l->session, m->topic, len, l->name, WIRE_SIZE, &topic);
    mqtt_e2e_status status = mqtt_e2e_open(l->session, &topic, m->payload, (size_t)m->payloadlen, m->payload,
                                           (size_t)m->payloadlen, cli_doctor_ticks(), &message);
    if (status == MQTT_E2E_TIME_SET)
        take_answer(l);
    else if (status == MQTT_E2E_FORGED)
        l->foreign++;
    else if ((status == MQTT_E2E_OK || status == MQTT_E2E_NO_CLOCK || status == MQTT_E2E_STALE ||
              status == MQTT_E2E_FUTURE) &&
             message.time > 0)
        take_time(l, &message);
}

static bool is_toit(const listener *l)
{
    return l->options.profile == MQTT_E2E_PROFILE_TOIT;
}

static bool subscribe_reply(listener *l)
{
    char name[MQTT_E2E_REPLY_NAME_SIZE];
    mqtt_e2e_topic topic;
    mqtt_e2e_id own = mqtt_e2e_own_stream(l->session);
    return mqtt_e2e_reply_topic(l->session, own.stream, name, l->wire, WIRE_SIZE, &topic) == MQTT_E2E_OK &&
           mosquitto_subscribe(l->patient->mosq, NULL, l->wire, 0) == 0;
}

/* The Toit profile has nobody to ask: there we listen only. */
static bool subscribe(listener *l)
{
    struct mosquitto *mosq = l->patient->mosq;
    if (!is_toit(l) && !subscribe_reply(l))
        return false;
    return l->patient->no_wildcards ||
           (mqtt_e2e_hide_filter(l->session, "#", l->wire, WIRE_SIZE) == MQTT_E2E_OK &&
            mosquitto_subscribe(mosq, NULL, l->wire, 0) == 0);
}

static bool ask(listener *l)
{
    mqtt_e2e_topic topic;
    uint8_t packet[MQTT_E2E_SEALED_SIZE(0, 65535)];
    size_t len;
    if (is_toit(l))
        return true;
    if (mqtt_e2e_hide(l->session, "~time", l->wire, WIRE_SIZE, &topic) != MQTT_E2E_OK)
        return false;
    l->asked_at = cli_doctor_ticks();
    return mqtt_e2e_time_request(l->session, &topic, packet, sizeof packet, l->asked_at, &len) ==
               MQTT_E2E_OK &&
           mosquitto_publish(l->patient->mosq, NULL, topic.wire, (int)len, packet, 0, false) == 0;
}

/* ---- Findings ------------------------------------------------------------------------------------ */

static const char set_clocks[] =
    "set the clock that is wrong: timedatectl set-ntp true, or what that system has for it";

static void report_source(const listener *l)
{
    const mqtt_e2e_options *o = &l->patient->options->client.session;
    int64_t off = l->error_ms < 0 ? -l->error_ms : l->error_ms;
    char span[32], trip[32];
    cli_report_number("clock_error_ms", (double)l->error_ms);
    cli_doctor_span(off, span);
    cli_doctor_span((l->trip_ms + 1) / 2, trip);
    /* Of two clocks that differ, one is ahead of the other, and its messages are refused there as future. */
    if (off > (int64_t)o->clock_lead_ms || off > (int64_t)o->clock_skew_ms)
        cli_report(CLI_WRONG, set_clocks, "our clock is %s %s that of the time source that answered", span,
                   l->error_ms > 0 ? "ahead of" : "behind");
    else
        cli_report(CLI_FINE, "", "a time source answers: our clock is within %s of its, give or take %s",
                   span, trip);
}

static void report_nodes(const listener *l)
{
    const mqtt_e2e_options *o = &l->patient->options->client.session;
    char behind[32], ahead[32];
    cli_doctor_span(l->behind_ms, behind);
    cli_doctor_span(l->ahead_ms, ahead);
    if (l->behind_ms > (int64_t)o->clock_skew_ms)
        cli_report(CLI_WRONG, set_clocks,
                   "the clock of a node heard is behind ours by %s: we refuse its messages as stale", behind);
    else if (l->ahead_ms > (int64_t)o->clock_lead_ms)
        cli_report(CLI_WRONG, set_clocks,
                   "the clock of a node heard is ahead of ours by %s: we refuse its messages as future",
                   ahead);
    else
        cli_report(CLI_FINE, "",
                   "%u messages of other nodes heard: their clocks are at most %s behind ours and %s ahead",
                   l->heard, behind, ahead);
}

static void report(const listener *l)
{
    if (l->answered)
        report_source(l);
    if (l->heard > 0)
        report_nodes(l);
    if (is_toit(l) && l->heard == 0)
        cli_report(CLI_NOTE, "run it again while a node sends",
                   "nobody to compare our clock with: within 2 s no node was heard");
    else if (!l->answered && l->heard == 0)
        cli_report(
            CLI_NOTE, "'mqtt-e2e sub --time-source' on another machine, with the same key, answers",
            "nobody to compare our clock with: within 2 s no time source answered, and no node was heard");
    if (l->foreign > 0)
        cli_report(
            CLI_NOTE,
            "do all nodes have this key (compare 'mqtt-e2e key show'), and hidden or plain topics alike?",
            "%u packets under our base do not open", l->foreign);
}

void cli_doctor_clock(cli_patient *p)
{
    listener l = {.patient = p};
    p->on_message = hear;
    p->context = &l;
    if (!start(&l) || !subscribe(&l) || !ask(&l))
        cli_report(CLI_WRONG, "", "cannot ask for the time");
    else {
        cli_doctor_run(p, LISTEN_MS, &l.never);
        report(&l);
    }
    p->on_message = NULL;
    finish(&l);
}
