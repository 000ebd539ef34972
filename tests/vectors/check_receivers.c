/* SPDX-License-Identifier: MIT */
/* refusals.json: receivers, packet by packet. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"

#define ROOM 4096

typedef struct {
    const vector_scenario *scenario;
    const mqtt_e2e_crypto *crypto;
    mqtt_e2e_session *session;
    bool in_place; /* whether packets are opened where they lie */
    uint32_t counts[MQTT_E2E_CAUSES];
    char about[200]; /* scenario and step */
} run;

static mqtt_e2e_session *start(const vector_scenario *s, const mqtt_e2e_crypto *crypto)
{
    mqtt_e2e_options options = check_options(crypto, s->key);

    options.window = s->window;
    options.streams = s->streams;
    options.lasting_topics = s->lasting_topics;
    options.clock_skew_ms = s->clock_skew_ms;
    options.clock_lead_ms = s->clock_lead_ms;
    options.longest_packet = s->longest_packet;
    options.plain_topics = s->plain;
    options.own_clock_ms = s->own_clock;
    options.base = s->base;
    options.floor_given = s->floor_ms >= 0;
    options.floor_ms = s->floor_ms >= 0 ? s->floor_ms : 0;
    return check_session(&options, s->own_r.data, s->own_clock ? 1 : s->own_time);
}

/* now_ms as the session wants it. */
static int64_t clock_of(const run *r, const vector_step *step)
{
    return r->scenario->own_clock ? step->mono_ms : step->now_ms;
}

static void check_accepted(run *r, const vector_expect *e, const mqtt_e2e_message *m)
{
    size_t binding = e->again ? MQTT_E2E_AGAIN_SIZE : e->kind == MQTT_E2E_REPLY ? MQTT_E2E_BINDING_SIZE : 0;
    const uint8_t *payload = e->payload.data;

    check_bytes(r->crypto, r->about, "stream", m->id.stream, sizeof m->id.stream, e->stream);
    check_bytes(r->crypto, r->about, "topic", m->topic.data, m->topic.len,
                (mqtt_e2e_bytes){e->topic, strlen(e->topic)});
    check_bytes(r->crypto, r->about, "payload", m->payload.data, m->payload.len,
                (mqtt_e2e_bytes){payload + binding, e->payload.len - binding});
    if ((int)m->kind != e->kind || m->time != e->time || m->id.counter != e->counter ||
        m->padding != e->padding)
        check_wrong("%s: %s: kind, time, counter or padding", r->crypto->name, r->about);
    if (m->old != e->old || m->again != e->again)
        check_wrong("%s: %s: old is %d, again %d", r->crypto->name, r->about, m->old, m->again);
    if (binding > 0) {
        uint8_t named[MQTT_E2E_AGAIN_SIZE];
        e2e_packet_put_id(named, m->again ? &m->first : &m->request);
        e2e_packet_put_time(named + MQTT_E2E_BINDING_SIZE, m->first_time);
        named[MQTT_E2E_AGAIN_SIZE - 1] = (uint8_t)m->kind;
        check_bytes(r->crypto, r->about, "named packet", named, binding, (mqtt_e2e_bytes){payload, binding});
    }
}

static void receive(run *r, const vector_step *step)
{
    static uint8_t packet[ROOM], out[ROOM];
    static char name[ROOM];
    const vector_expect *e = &step->expect;
    mqtt_e2e_topic topic;
    mqtt_e2e_message m;

    assert_true(step->packet.len <= ROOM && step->wire_topic.len < ROOM);
    memcpy(packet, step->packet.data, step->packet.len);
    (void)mqtt_e2e_reveal(r->session, step->wire_topic.data, step->wire_topic.len, name, sizeof name, &topic);
    mqtt_e2e_status status = mqtt_e2e_open(r->session, &topic, packet, step->packet.len,
                                           r->in_place ? packet : out, ROOM, clock_of(r, step), &m);
    check_status(r->crypto, r->about, "open", status, e->status);
    if (status != e->status)
        return;
    if (status < MQTT_E2E_CAUSES)
        r->counts[status]++;
    if (status == MQTT_E2E_OK)
        check_accepted(r, e, &m);
    if (m.off_by_ms != e->off_by_ms)
        check_wrong("%s: %s: off by %lld instead of %lld ms", r->crypto->name, r->about,
                    (long long)m.off_by_ms, (long long)e->off_by_ms);
    if (status == MQTT_E2E_TIME_SET && mqtt_e2e_utc(r->session, step->mono_ms) != e->clock_ms)
        check_wrong("%s: %s: the clock was set wrongly", r->crypto->name, r->about);
}

static void request(run *r, const vector_step *step)
{
    uint8_t packet[200];
    char wire[100];
    mqtt_e2e_topic topic;
    mqtt_e2e_id id = mqtt_e2e_own_stream(r->session);
    size_t len;
    bool time = step->action == VECTOR_ASK_TIME;

    if (id.counter != step->counter)
        check_wrong("%s: %s: our counter is %lu", r->crypto->name, r->about, (unsigned long)id.counter);
    assert_int_equal(mqtt_e2e_hide(r->session, time ? "~time" : "q", wire, sizeof wire, &topic), MQTT_E2E_OK);
    mqtt_e2e_status status =
        time ? mqtt_e2e_time_request(r->session, &topic, packet, sizeof packet, clock_of(r, step), &len)
             : mqtt_e2e_request(r->session, &topic, "", 0, packet, sizeof packet, clock_of(r, step),
                                step->timeout_ms, &len, &id);
    check_status(r->crypto, r->about, "request", status, MQTT_E2E_OK);
}

static void take_step(run *r, const vector_step *step)
{
    mqtt_e2e_id id = mqtt_e2e_own_stream(r->session);

    snprintf(r->about, sizeof r->about, "%s, %s", r->scenario->name, step->about);
    switch (step->action) {
    case VECTOR_RECEIVE:
        receive(r, step);
        break;
    case VECTOR_REQUEST:
    case VECTOR_ASK_TIME:
        request(r, step);
        break;
    case VECTOR_CLOSE:
        id.counter = step->counter;
        mqtt_e2e_close(r->session, &id);
        break;
    case VECTOR_RENEW:
        check_status(r->crypto, r->about, "renew",
                     mqtt_e2e_renew(r->session, step->r.data, clock_of(r, step)), MQTT_E2E_OK);
        break;
    }
}

static void check_scenario(const vector_scenario *scenario, const mqtt_e2e_crypto *crypto, bool in_place)
{
    run r = {
        .scenario = scenario, .crypto = crypto, .session = start(scenario, crypto), .in_place = in_place};

    for (size_t i = 0; i < scenario->step_count; i++)
        take_step(&r, &scenario->steps[i]);
    const uint32_t *counts = mqtt_e2e_counts(r.session);
    for (int cause = 0; cause < MQTT_E2E_CAUSES; cause++)
        if (counts[cause] != r.counts[cause])
            check_wrong("%s: %s: counted %lu as \"%s\" instead of %lu", crypto->name, scenario->name,
                        (unsigned long)counts[cause], mqtt_e2e_status_text((mqtt_e2e_status)cause),
                        (unsigned long)r.counts[cause]);
    check_end(r.session);
}

void check_receivers(void **state)
{
    (void)state;
    for (size_t b = 0; b < test_backend_count; b++)
        for (size_t i = 0; i < vector_scenario_count; i++)
            check_scenario(&vector_scenarios[i], test_backends[b], i % 2 == 1);
    check_all_right();
}
