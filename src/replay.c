/* SPDX-License-Identifier: MIT */
#include "replay.h"

#include <string.h>

e2e_stream *e2e_replay_at(const e2e_replay *replay, size_t i)
{
    return (void *)(replay->streams + i * (sizeof(e2e_stream) + replay->words * sizeof(uint64_t)));
}

static bool same_id(const e2e_stream *stream, const uint8_t *id)
{
    return memcmp(stream->id, id, MQTT_E2E_STREAM_ID_SIZE) == 0;
}

/* ---- The index: open addressing with linear probing; a place holds a record's number plus one. Ids are outputs of
 * HMAC made by holders of the key, and only their streams enter, so the id's first bytes are the hash. In the Toit profile these
 * are the time, and the last ones are random. ---- */

#ifdef MQTT_E2E_TOIT
#define HASH_AT (MQTT_E2E_STREAM_ID_SIZE - 2)
#else
#define HASH_AT 0
#endif

static size_t mask_of(const e2e_replay *replay)
{
    return ((size_t)1 << replay->index_bits) - 1;
}

static size_t home_of(const e2e_replay *replay, const uint8_t *id)
{
    return ((size_t)id[HASH_AT] | (size_t)id[HASH_AT + 1] << 8) & mask_of(replay);
}

/* The place of a stream, or the empty one where it would go. */
static size_t place_of(const e2e_replay *replay, const uint8_t *id)
{
    size_t place = home_of(replay, id);

    while (replay->index[place] != 0 && !same_id(e2e_replay_at(replay, replay->index[place] - 1u), id))
        place = (place + 1) & mask_of(replay);
    return place;
}

/* Takes a stream out of the index, and moves those behind it back to where probing will find them. */
static void unindex(e2e_replay *replay, const uint8_t *id)
{
    size_t mask = mask_of(replay), hole = place_of(replay, id);

    replay->index[hole] = 0;
    for (size_t i = (hole + 1) & mask; replay->index[i] != 0; i = (i + 1) & mask) {
        size_t home = home_of(replay, e2e_replay_at(replay, replay->index[i] - 1u)->id);

        if (((i - home) & mask) < ((i - hole) & mask))
            continue; /* its home lies behind the hole */
        replay->index[hole] = replay->index[i];
        replay->index[i] = 0;
        hole = i;
    }
}

e2e_stream *e2e_replay_find(const e2e_replay *replay, const uint8_t id[MQTT_E2E_STREAM_ID_SIZE])
{
    if (replay->last != NULL && same_id(replay->last, id)) /* often the next packet is of the same stream */
        return replay->last;
    if (E2E_REPLAY_INDEXED(replay)) {
        uint16_t number = replay->index[place_of(replay, id)];

        return number == 0 ? NULL : e2e_replay_at(replay, number - 1u);
    }
    for (size_t i = 0; i < replay->count; i++)
        if (same_id(e2e_replay_at(replay, i), id))
            return e2e_replay_at(replay, i);
    return NULL;
}

/* ---- The window ---- */

static size_t map_size(const e2e_replay *replay)
{
    return replay->words * sizeof(uint64_t);
}

static uint32_t window_of(const e2e_replay *replay)
{
    return replay->words * 64u;
}

/* Which word, and which bit of it, a counter has. The usual window needs no division, which processors are slow at or do
 * not have. */
static size_t word_of(const e2e_replay *replay, uint32_t counter)
{
    return (replay->words == 1 ? counter % 64 : counter % window_of(replay)) / 32;
}

static uint32_t bit_of(uint32_t counter)
{
    return (uint32_t)1 << counter % 32; /* windows are whole words */
}

bool e2e_replay_seen(const e2e_replay *replay, const e2e_stream *stream, uint32_t counter)
{
    if (counter > stream->highest)
        return false;
    if (stream->highest - counter >= window_of(replay))
        return true;
    return (stream->map[word_of(replay, counter)] & bit_of(counter)) != 0;
}

/* Clears the bits of the counters between two, which were skipped. */
static void clear_between(e2e_replay *replay, e2e_stream *stream, uint32_t low, uint32_t high)
{
    if (high - low > window_of(replay))
        memset(stream->map, 0, map_size(replay));
    else
        while (++low != high)
            stream->map[word_of(replay, low)] &= ~bit_of(low);
}

void e2e_replay_mark(e2e_replay *replay, e2e_stream *stream, uint32_t counter, int64_t time)
{
    if (counter > stream->highest) {
        clear_between(replay, stream, stream->highest, counter);
        stream->highest = counter;
    }
    if (!e2e_replay_seen(replay, stream, counter)) /* behind the window its bit is another one's */
        stream->map[word_of(replay, counter)] |= bit_of(counter);
    if (time > stream->newest)
        stream->newest = time;
}

/* ---- The table ---- */

void e2e_replay_raise(e2e_replay *replay, int64_t floor)
{
    if (floor > replay->floor)
        replay->floor = floor;
}

/* Makes room: the stream with the smallest newest time goes, and the floor rises over all that was accepted of it. */
static size_t evict(e2e_replay *replay)
{
    size_t least = 0;

    for (size_t i = 1; i < replay->count; i++)
        if (e2e_replay_at(replay, i)->newest < e2e_replay_at(replay, least)->newest)
            least = i;
    e2e_replay_raise(replay, e2e_replay_at(replay, least)->newest);
    if (E2E_REPLAY_INDEXED(replay))
        unindex(replay, e2e_replay_at(replay, least)->id);
    if (replay->last == e2e_replay_at(replay, least))
        replay->last = NULL;
    return least;
}

e2e_stream *e2e_replay_enter(e2e_replay *replay, const uint8_t id[MQTT_E2E_STREAM_ID_SIZE], uint32_t counter)
{
    size_t i = replay->count < replay->capacity ? replay->count++ : evict(replay);
    e2e_stream *stream = e2e_replay_at(replay, i);

    memset(stream->map, 0, map_size(replay));
    memcpy(stream->id, id, MQTT_E2E_STREAM_ID_SIZE);
    stream->highest = counter;
    stream->newest = 0;
    stream->floor = replay->floor;
    if (E2E_REPLAY_INDEXED(replay))
        replay->index[place_of(replay, id)] = (uint16_t)(i + 1);
    return stream;
}

void e2e_replay_accept(e2e_replay *replay, e2e_stream *stream, const mqtt_e2e_id *id, int64_t time)
{
    if (stream == NULL)
        stream = e2e_replay_enter(replay, id->stream, id->counter);
    e2e_replay_mark(replay, stream, id->counter, time);
    replay->last = stream;
}

void e2e_replay_enter_full(e2e_replay *replay, const uint8_t id[MQTT_E2E_STREAM_ID_SIZE], int64_t newest,
                           bool timed)
{
    e2e_stream *stream = e2e_replay_find(replay, id);

    if (stream == NULL)
        stream = e2e_replay_enter(replay, id, UINT32_MAX);
    stream->highest = UINT32_MAX;
    stream->floor = timed ? E2E_REPLAY_FULL : E2E_REPLAY_FULL_UNTIMED;
    memset(stream->map, 0xff, map_size(replay));
    if (newest > stream->newest)
        stream->newest = newest;
}

void e2e_replay_time_full(e2e_replay *replay, int64_t utc)
{
    for (size_t i = 0; i < replay->count; i++) {
        e2e_stream *stream = e2e_replay_at(replay, i);

        if (stream->floor != E2E_REPLAY_FULL_UNTIMED)
            continue;
        stream->floor = E2E_REPLAY_FULL;
        if (stream->newest < utc)
            stream->newest = utc;
    }
}

void e2e_replay_clear(e2e_replay *replay)
{
    replay->count = 0;
    replay->last = NULL;
    if (E2E_REPLAY_INDEXED(replay))
        memset(replay->index, 0, sizeof *replay->index << replay->index_bits);
}
