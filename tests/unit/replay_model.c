/* SPDX-License-Identifier: MIT */
#include "replay_model.h"

#include <stdlib.h>
#include <string.h>

#define TIME_MAX INT64_C(0xffffffffffff) /* 48 bits */

bool model_same_stream(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, MQTT_E2E_STREAM_ID_SIZE) == 0;
}

bool model_same_packet(const mqtt_e2e_id *a, const mqtt_e2e_id *b)
{
    return model_same_stream(a->stream, b->stream) && a->counter == b->counter;
}

void model_raise(model *m, int64_t floor)
{
    if (floor > m->floor)
        m->floor = floor;
}

/* ---- The clock ---- */

static int64_t in_range(int64_t time)
{
    return time > 0 && time <= TIME_MAX ? time : 0;
}

int64_t model_utc(const model *m, int64_t now_ms)
{
    if (in_range(now_ms) == 0)
        return 0;
    if (!m->options->own_clock_ms)
        return now_ms;
    return m->clock_known ? in_range(now_ms + m->clock_offset) : 0;
}

/* "without a clock, the floor is the time it learns"; a strict start adds the lead. */
static void learn(model *m, int64_t utc)
{
    m->clock_known = true;
    if (!m->floor_kept)
        model_raise(m, utc + (m->options->strict_start ? m->options->clock_lead_ms : 0));
    for (size_t i = 0; i < m->stream_count; i++) {
        model_stream *stream = &m->streams[i];

        if (stream->ended_unknown && utc > stream->newest)
            stream->newest = utc;
        stream->ended_unknown = false;
    }
}

int64_t model_tell(model *m, int64_t now_ms)
{
    int64_t utc = model_utc(m, now_ms);

    if (utc != 0 && !m->clock_known)
        learn(m, utc);
    return utc;
}

void model_set_clock(model *m, int64_t utc, int64_t now_ms)
{
    int64_t before = model_utc(m, now_ms);

    m->clock_offset = utc - now_ms;
    if (!m->clock_known)
        learn(m, utc);
    else if (!m->floor_kept && utc - before > m->options->clock_lead_ms)
        model_raise(m, utc);
}

/* ---- The table ---- */

model_stream *model_find(model *m, const uint8_t *id)
{
    for (size_t i = 0; i < m->stream_count; i++)
        if (model_same_stream(m->streams[i].id, id))
            return &m->streams[i];
    return NULL;
}

/* "drop the stream with the smallest newest time, and raise the floor". Of several that are equally old, which goes is left
 * open; like the library's, this one goes by their places. */
static model_stream *drop_one(model *m)
{
    size_t least = 0;

    for (size_t i = 1; i < m->stream_count; i++)
        if (m->streams[i].newest < m->streams[least].newest)
            least = i;
    model_raise(m, m->streams[least].newest);
    if (m->last_known && model_same_stream(m->last, m->streams[least].id))
        m->last_known = false;
    free(m->streams[least].accepted);
    return &m->streams[least];
}

static model_stream *room(model *m)
{
    return m->stream_count < m->options->streams ? &m->streams[m->stream_count++] : drop_one(m);
}

model_stream *model_enter(model *m, const uint8_t *id)
{
    model_stream *stream = room(m);

    memset(stream, 0, sizeof *stream);
    memcpy(stream->id, id, sizeof stream->id);
    stream->floor = m->floor;
    return stream;
}

/* "A former own stream stands in the table as full, its newest time the greater of now and its last known sealing." */
static void enter_former(model *m, const uint8_t *id, int64_t utc, int64_t last_sealed)
{
    model_stream *stream = model_enter(m, id);

    stream->full = true;
    stream->ended_unknown = utc == 0;
    stream->highest = UINT32_MAX;
    stream->newest = utc > last_sealed ? utc : last_sealed;
}

/* ---- Starting ---- */

static void take_lasting(model *m, const model *stored)
{
    m->lasting_floor = stored->lasting_floor;
    for (size_t i = 0; i < stored->lasting_count; i++) {
        if (i < m->options->lasting_topics) {
            m->lasting[i] = stored->lasting[i];
            m->lasting_newest[i] = stored->lasting_newest[i];
            m->lasting_count++;
        } else if (stored->lasting_newest[i] > m->lasting_floor) {
            m->lasting_floor = stored->lasting_newest[i];
        }
    }
}

/* "With stored state, floor and table start as stored"; what does not fit raises the floor. */
static void take_stored(model *m, model *stored, int64_t utc)
{
    m->floor_kept = stored->floor_kept || stored->clock_known;
    if (m->floor_kept)
        m->floor = stored->floor;
    else /* that run had no state to start from, and never knew the time: this one's start is still such a start */
        model_raise(m, stored->floor);
    m->old_floor = stored->old_floor;
    take_lasting(m, stored);
    for (size_t i = 0; i < stored->stream_count; i++) {
        model_stream *stream = room(m);
        uint64_t below = (uint64_t)stored->streams[i].highest + 1;

        *stream = stored->streams[i];
        /* A stream enters once. What its window then did not reach is not remembered by a larger one now. */
        if (below > stored->options->window && below - stored->options->window > stream->forgotten)
            stream->forgotten = below - stored->options->window;
    }
    stored->stream_count = 0;
    enter_former(m, stored->own, utc, stored->last_sealed);
}

void model_start(model *m, const mqtt_e2e_options *options, const uint8_t *own, int64_t now_ms, model *stored)
{
    int64_t utc;

    memset(m, 0, sizeof *m);
    m->options = options;
    m->floor = options->floor_ms;
    m->floor_kept = options->floor_given;
    memcpy(m->own, own, sizeof m->own);
    utc = model_tell(m, now_ms);
    if (stored != NULL) {
        take_stored(m, stored, utc);
        model_free(stored);
    }
}

void model_free(model *m)
{
    while (m->stream_count > 0)
        free(m->streams[--m->stream_count].accepted);
}

void model_renew(model *m, const uint8_t *own, int64_t now_ms)
{
    enter_former(m, m->own, model_tell(m, now_ms), m->last_sealed);
    memcpy(m->own, own, sizeof m->own);
    m->next = 0;
    m->asking = false;
}

/* ---- The receiver's own doings ---- */

mqtt_e2e_status model_seal(model *m, int64_t now_ms, bool time)
{
    int64_t utc = time ? model_tell(m, now_ms) : 0;

    if (time && utc == 0)
        return MQTT_E2E_NO_CLOCK;
    if (m->next == UINT32_MAX)
        return MQTT_E2E_EXHAUSTED;
    m->next++;
    if (utc > m->last_sealed)
        m->last_sealed = utc;
    return MQTT_E2E_OK;
}

void model_expire(model *m, int64_t now_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < m->request_count; i++)
        if (now_ms < m->requests[i].until)
            m->requests[kept++] = m->requests[i];
    m->request_count = kept;
}

mqtt_e2e_status model_ask(model *m, const mqtt_e2e_id *id, int64_t now_ms, uint32_t timeout_ms)
{
    if (model_tell(m, now_ms) == 0)
        return MQTT_E2E_NO_CLOCK;
    model_expire(m, now_ms);
    if (m->request_count == m->options->requests)
        return MQTT_E2E_BUSY;
    if (model_seal(m, now_ms, true) != MQTT_E2E_OK)
        return MQTT_E2E_EXHAUSTED;
    m->requests[m->request_count++] = (model_request){*id, now_ms + (timeout_ms != 0 ? timeout_ms : 10000)};
    return MQTT_E2E_OK;
}

void model_close(model *m, const mqtt_e2e_id *id)
{
    for (size_t i = m->request_count; i-- > 0;)
        if (model_same_packet(&m->requests[i].id, id))
            m->requests[i] = m->requests[--m->request_count];
}

mqtt_e2e_status model_ask_time(model *m, const mqtt_e2e_id *id, int64_t now_ms)
{
    if (!m->options->own_clock_ms)
        return MQTT_E2E_BAD_OPTION;
    if (model_seal(m, now_ms, false) != MQTT_E2E_OK)
        return MQTT_E2E_EXHAUSTED;
    m->asking = true;
    m->asked = *id;
    m->asked_at = now_ms;
    return MQTT_E2E_OK;
}
