/* SPDX-License-Identifier: MIT */
/* The model's verdicts: lasting messages (§3), and the rules of §4 in their order. */
#include "replay_model.h"

#include <stdlib.h>
#include <string.h>

/* ---- Messages sealed anew (§3): one message, whatever it is sealed in ---- */

static bool again(const model_packet *p)
{
    return p->kind == 4;
}

static unsigned kind_of(const model_packet *p)
{
    return again(p) ? p->first_kind : p->kind;
}

static int64_t time_of(const model_packet *p)
{
    return again(p) ? p->first_time : p->time;
}

/* ---- Lasting messages (§3) ---- */

/* Where the newest of a topic is remembered, or NULL: the memory is full. */
static int64_t *lasting_of(model *m, int topic)
{
    for (size_t i = 0; i < m->lasting_count; i++)
        if (m->lasting[i] == topic)
            return &m->lasting_newest[i];
    if (m->lasting_count >= m->options->lasting_topics)
        return NULL;
    m->lasting[m->lasting_count] = topic;
    m->lasting_newest[m->lasting_count] = m->lasting_floor;
    return &m->lasting_newest[m->lasting_count++];
}

static bool hand_on_old(model *m, const model_packet *p, int64_t utc)
{
    int64_t *newest = kind_of(p) == 3 && time_of(p) != 0 ? lasting_of(m, p->topic) : NULL;

    if (newest == NULL || time_of(p) <= *newest)
        return false;
    *newest = time_of(p);
    /* It enters no table. Were our clock set back, or is it sealed anew, it might pass for new: so §4's promise asks for this
     * floor. */
    if ((again(p) || p->time < utc - m->options->clock_skew_ms) && time_of(p) > m->old_floor)
        m->old_floor = time_of(p);
    return true;
}

static void remember_lasting(model *m, const model_packet *p)
{
    int64_t *newest = lasting_of(m, p->topic);

    if (newest == NULL)
        newest = &m->lasting_floor;
    if (time_of(p) > *newest)
        *newest = time_of(p);
}

/* ---- The rules of §4 ---- */

static void accept_counter(model_stream *stream, uint32_t counter)
{
    if (stream->accepted_count == stream->accepted_room) {
        stream->accepted_room = stream->accepted_room * 2 + 16;
        stream->accepted = realloc(stream->accepted, stream->accepted_room * sizeof *stream->accepted);
        if (stream->accepted == NULL)
            abort();
    }
    stream->accepted[stream->accepted_count++] = counter;
}

static bool was_accepted(const model_stream *stream, uint32_t counter)
{
    for (size_t i = 0; i < stream->accepted_count; i++)
        if (stream->accepted[i] == counter)
            return true;
    return false;
}

static bool seen(const model *m, const model_stream *stream, uint32_t counter)
{
    return stream->full || (int64_t)counter <= (int64_t)stream->highest - m->options->window ||
           counter < stream->forgotten || was_accepted(stream, counter);
}

static mqtt_e2e_status take_time(model *m, const model_packet *p, int64_t now_ms)
{
    if (p->time == 0 || p->inner_len != 16)
        return MQTT_E2E_MALFORMED;
    m->asking = false;
    model_set_clock(m, p->time + (now_ms - m->asked_at) / 2, now_ms);
    return MQTT_E2E_TIME_SET;
}

static mqtt_e2e_status rule_6(model *m, const model_packet *p, int64_t now_ms)
{
    if (p->inner_len < 16)
        return MQTT_E2E_MALFORMED;
    if (m->asking && model_same_packet(&p->binding, &m->asked) && now_ms >= m->asked_at &&
        now_ms <= m->asked_at + 4000)
        return take_time(m, p, now_ms);
    model_expire(m, now_ms);
    for (size_t i = 0; i < m->request_count; i++)
        if (model_same_packet(&m->requests[i].id, &p->binding))
            return MQTT_E2E_OK;
    return MQTT_E2E_UNASKED;
}

static mqtt_e2e_status rule_6_again(model *m, const model_packet *p)
{
    const model_stream *stream = model_find(m, p->first.stream);

    if (p->inner_len < 23 || (p->first_kind != 0 && p->first_kind != 3) || p->first_time == 0)
        return MQTT_E2E_MALFORMED;
    if (model_same_stream(p->first.stream, m->own))
        return MQTT_E2E_OWN;
    return stream != NULL && seen(m, stream, p->first.counter) ? MQTT_E2E_REPLAY : MQTT_E2E_OK;
}

static model_verdict stale(int64_t by)
{
    return (model_verdict){MQTT_E2E_STALE, by > 1 ? by : 1, false};
}

/* By how much a time is too early for a stream. */
static int64_t below(model *m, const mqtt_e2e_id *id, int64_t time)
{
    const model_stream *stream = model_find(m, id->stream);

    return (stream != NULL ? stream->floor : m->floor) + 1 - time;
}

static model_verdict rules_7_and_8(model *m, const model_packet *p, int64_t utc)
{
    int64_t skew = m->options->clock_skew_ms, latest = utc + m->options->clock_lead_ms, by, other;

    if (utc == 0)
        return (model_verdict){.status = MQTT_E2E_NO_CLOCK};
    if (p->time > latest || time_of(p) > latest)
        return (model_verdict){MQTT_E2E_FUTURE, (p->time > time_of(p) ? p->time : time_of(p)) - latest,
                               false};
    if (p->time == 0 || p->time < utc - skew)
        return stale(utc - skew - p->time);
    by = below(m, &p->id, p->time);
    other = again(p) ? below(m, &p->first, p->first_time) : by;
    if (other > by)
        by = other;
    if (kind_of(p) == 3 && m->old_floor + 1 - time_of(p) > by)
        by = m->old_floor + 1 - time_of(p);
    return by > 0 ? stale(by) : (model_verdict){.status = MQTT_E2E_OK};
}

static void accept(model *m, const mqtt_e2e_id *id, int64_t time)
{
    model_stream *stream = model_find(m, id->stream);
    bool known = stream != NULL;

    if (!known)
        stream = model_enter(m, id->stream);
    accept_counter(stream, id->counter);
    if (!known || id->counter > stream->highest)
        stream->highest = id->counter;
    if (time > stream->newest)
        stream->newest = time;
    memcpy(m->last, stream->id, sizeof m->last);
    m->last_known = true;
}

static void rule_9(model *m, const model_packet *p)
{
    if (again(p))
        accept(m, &p->first, p->first_time);
    accept(m, &p->id, p->time);
    if (kind_of(p) == 3)
        remember_lasting(m, p);
}

model_verdict model_open(model *m, const model_packet *p, int64_t now_ms)
{
    int64_t utc = model_tell(m, now_ms);
    const model_stream *stream = model_find(m, p->id.stream);
    model_verdict verdict = {MQTT_E2E_OK, 0, false};

    if (!p->in_base)
        return (model_verdict){.status = MQTT_E2E_FORGED};
    if (p->len < 43 || p->len > m->options->longest_packet)
        return (model_verdict){.status = MQTT_E2E_MALFORMED};
    if (model_same_stream(p->id.stream, m->own))
        return (model_verdict){.status = MQTT_E2E_OWN};
    if (stream != NULL && seen(m, stream, p->id.counter))
        return (model_verdict){.status = MQTT_E2E_REPLAY};
    if (!p->authentic)
        return (model_verdict){.status = MQTT_E2E_FORGED};
    if (p->kind > 4)
        return (model_verdict){.status = MQTT_E2E_UNSUPPORTED};
    if (p->inner_len > p->len - 43)
        return (model_verdict){.status = MQTT_E2E_MALFORMED};
    if (p->topic == 0 && p->kind == 1 && p->time == 0 && p->inner_len == 0)
        return (model_verdict){.status = MQTT_E2E_TIME_ASKED};
    if (p->kind == 2)
        verdict.status = rule_6(m, p, now_ms);
    if (p->kind == 4)
        verdict.status = rule_6_again(m, p);
    if (verdict.status == MQTT_E2E_OK)
        verdict = rules_7_and_8(m, p, utc);
    if (verdict.status == MQTT_E2E_STALE && hand_on_old(m, p, utc)) {
        verdict.status = MQTT_E2E_OK;
        verdict.old = true;
    } else if (verdict.status == MQTT_E2E_OK) {
        rule_9(m, p);
    }
    return verdict;
}
