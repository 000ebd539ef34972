/* SPDX-License-Identifier: MIT */
/*
 * Stored replay state (docs/PROTOCOL.md §4, "With stored state"), as bytes:
 *
 *   "mqe1" (of the Toit profile, whose times are nanoseconds, "mqeT") ‖ words (2) ‖ streams (2) ‖ lasting topics (2) ‖ floor (8) ‖ old floor (8) ‖
 *   lasting floor (8) ‖ own stream id (12) ‖ last sealing (8) ‖ 1 if the floor is to be kept, 0 if the time that
 *   raises it was not known yet (1)
 *   for each stream: id (12) ‖ highest (4) ‖ newest (8) ‖ floor (8) ‖ words × 8 bytes of the map, where bit i of
 *   the last byte and onwards is counter i modulo the window
 *   for each lasting topic: hash (8) ‖ newest (8)
 *   HMAC-SHA256(derive("state", 32), all before)[0..16)
 *
 * It holds no secret. The MAC is against damage and another key; not against one who puts an older state in place.
 */
#include "core.h"
#include "known.h"

#include <string.h>

#define HEAD_SIZE        55
#define STREAM_HEAD_SIZE 32
#define LASTING_SIZE     16
#define MAC_SIZE         16

static const uint8_t magic[4] = {'m', 'q', 'e', '1'}, toit_magic[4] = {'m', 'q', 'e', 'T'};

static uint64_t size_for(uint64_t streams, uint64_t words, uint64_t lasting)
{
    return HEAD_SIZE + streams * (STREAM_HEAD_SIZE + words * 8) + lasting * LASTING_SIZE + MAC_SIZE;
}

size_t mqtt_e2e_state_size(const mqtt_e2e_session *s)
{
    return (size_t)size_for(s->replay.capacity, s->replay.words, s->lasting_count);
}

static int mac_of(const mqtt_e2e_session *s, const uint8_t *state, size_t len, uint8_t mac[MAC_SIZE])
{
    mqtt_e2e_bytes label = E2E_LABEL("state"), part = {state, len};
    uint8_t key[MQTT_E2E_HASH_SIZE], full[MQTT_E2E_HASH_SIZE];
    int failed = e2e_keys_derive(s->crypto, s->prk, &label, 1, key, sizeof key) != 0 ||
                 s->crypto->hmac(key, sizeof key, &part, 1, full) != 0;

    if (!failed)
        memcpy(mac, full, MAC_SIZE);
    mqtt_e2e_wipe_memory(key, sizeof key);
    mqtt_e2e_wipe_memory(full, sizeof full);
    return failed ? -1 : 0;
}

/* ---- Save ---- */

static uint8_t *put_head(const mqtt_e2e_session *s, uint8_t *p)
{
    memcpy(p, magic, sizeof magic);
    if (E2E_IS_TOIT(s))
        memcpy(p, toit_magic, sizeof toit_magic);
    e2e_packet_put_u16(p + 4, s->replay.words);
    e2e_packet_put_u16(p + 6, s->replay.count);
    e2e_packet_put_u16(p + 8, s->lasting_used);
    e2e_packet_put_i64(p + 10, s->replay.floor);
    e2e_packet_put_i64(p + 18, s->old_floor);
    e2e_packet_put_i64(p + 26, s->lasting_floor);
    memcpy(p + 34, s->own.stream, sizeof s->own.stream);
    e2e_packet_put_i64(p + 46, s->last_sealed);
    p[54] = s->floor_kept || s->clock_known;
    return p + HEAD_SIZE;
}

static uint8_t *put_stream(uint8_t *p, const e2e_stream *stream, size_t words)
{
    mqtt_e2e_id id = {.counter = stream->highest};

    memcpy(id.stream, stream->id, sizeof id.stream);
    e2e_packet_put_id(p, &id);
    e2e_packet_put_i64(p + 16, stream->newest);
    e2e_packet_put_i64(p + 24, stream->floor);
    for (size_t i = 0; i < words; i++)
        e2e_packet_put_i64(p + STREAM_HEAD_SIZE + i * 8,
                           (int64_t)((uint64_t)stream->map[2 * i + 1] << 32 | stream->map[2 * i]));
    return p + STREAM_HEAD_SIZE + words * 8;
}

mqtt_e2e_status mqtt_e2e_save(mqtt_e2e_session *s, uint8_t *out, size_t size, size_t *len)
{
    size_t n = (size_t)size_for(s->replay.count, s->replay.words, s->lasting_used);
    uint8_t *p;

    if (size < n)
        return MQTT_E2E_NO_ROOM;
    p = put_head(s, out);
    for (size_t i = 0; i < s->replay.count; i++)
        p = put_stream(p, e2e_replay_at(&s->replay, i), s->replay.words);
    for (size_t i = 0; i < s->lasting_used; i++, p += LASTING_SIZE) {
        memcpy(p, s->lasting[i].topic, sizeof s->lasting[i].topic);
        e2e_packet_put_i64(p + 8, s->lasting[i].newest);
    }
    if (mac_of(s, out, n - MAC_SIZE, p) != 0)
        return MQTT_E2E_CRYPTO_FAILED;
    *len = n;
    return MQTT_E2E_OK;
}

/* ---- Load ---- */

/* Whether a stored map has a counter marked. */
static bool stored_seen(const uint8_t *map, size_t words, uint32_t counter)
{
    uint32_t bit = counter % (uint32_t)(words * 64);

    return ((uint64_t)e2e_packet_get_i64(map + bit / 64 * 8) >> bit % 64 & 1) != 0;
}

/* A run that began without state, and stopped before it knew the time, had no floor yet: the next one still owes it. */
static void load_floors(mqtt_e2e_session *s, const uint8_t *state)
{
    int64_t floor = e2e_packet_get_i64(state + 10);

    s->floor_kept = state[54] != 0;
    if (s->floor_kept)
        s->replay.floor = floor;
    else
        e2e_replay_raise(&s->replay, floor);
    s->old_floor = e2e_packet_get_i64(state + 18);
    s->lasting_floor = e2e_packet_get_i64(state + 26);
}

/* Enters a stored stream; the window may have another size now. What neither remembers counts as seen. */
static void load_stream(mqtt_e2e_session *s, const uint8_t *p, size_t words)
{
    uint32_t now = s->replay.words * 64u, then = (uint32_t)words * 64;
    e2e_stream *stream;
    mqtt_e2e_id id;

    e2e_packet_get_id(p, &id);
    stream = e2e_replay_enter(&s->replay, id.stream, id.counter);
    stream->newest = e2e_packet_get_i64(p + 16);
    stream->floor = e2e_packet_get_i64(p + 24);
    for (uint32_t back = 0; back < now && back <= id.counter; back++) {
        uint32_t counter = id.counter - back;

        if (back >= then || stored_seen(p + STREAM_HEAD_SIZE, words, counter))
            e2e_replay_mark(&s->replay, stream, counter, 0);
    }
}

/* Topics for which there is no room now are forgotten, and what they remember becomes the start of every new one. */
static void load_lasting(mqtt_e2e_session *s, const uint8_t *p, size_t count)
{
    for (size_t i = 0; i < count; i++, p += LASTING_SIZE) {
        int64_t newest = e2e_packet_get_i64(p + 8);

        if (i < s->lasting_count) {
            memcpy(s->lasting[i].topic, p, sizeof s->lasting[i].topic);
            s->lasting[i].newest = newest;
            s->lasting_used++;
        } else if (newest > s->lasting_floor) {
            s->lasting_floor = newest;
        }
    }
}

static bool usable(const mqtt_e2e_session *s, const uint8_t *state, size_t len)
{
    uint8_t mac[MAC_SIZE], differ = 0;

    if (len < HEAD_SIZE + MAC_SIZE || memcmp(state, E2E_IS_TOIT(s) ? toit_magic : magic, sizeof magic) != 0 ||
        e2e_packet_get_u16(state + 4) == 0)
        return false;
    if (len !=
        size_for(e2e_packet_get_u16(state + 6), e2e_packet_get_u16(state + 4), e2e_packet_get_u16(state + 8)))
        return false;
    if (mac_of(s, state, len - MAC_SIZE, mac) != 0)
        return false;
    for (size_t i = 0; i < MAC_SIZE; i++)
        differ |= mac[i] ^ state[len - MAC_SIZE + i];
    E2E_KNOWN(&differ, sizeof differ); /* the verdict, which the caller is told */
    return differ == 0;
}

mqtt_e2e_status mqtt_e2e_load(mqtt_e2e_session *s, const uint8_t *state, size_t len, int64_t now_ms)
{
    size_t words, streams;
    int64_t utc = e2e_session_now(s, now_ms), ended = e2e_session_table_time(s, utc), last_sealed;
    const uint8_t *p = state + HEAD_SIZE;

    if (s->replay.count != 0 || s->lasting_used != 0 || !usable(s, state, len))
        return MQTT_E2E_BAD_STATE;
    words = e2e_packet_get_u16(state + 4);
    streams = e2e_packet_get_u16(state + 6);
    load_floors(s, state);
    for (size_t i = 0; i < streams; i++, p += STREAM_HEAD_SIZE + words * 8)
        load_stream(s, p, words);
    load_lasting(s, p, e2e_packet_get_u16(state + 8));
    last_sealed = e2e_packet_get_i64(state + 46);
    e2e_replay_enter_full(&s->replay, state + 34, ended > last_sealed ? ended : last_sealed, utc != 0);
    return MQTT_E2E_OK;
}

void mqtt_e2e_mark(mqtt_e2e_session *s, const mqtt_e2e_id *id, int64_t time)
{
    /* What came before in the window is forgotten where the stream was not known: as when it was accepted. */
    e2e_replay_accept(&s->replay, e2e_replay_find(&s->replay, id->stream), id,
                      E2E_IS_TOIT(s) ? e2e_packet_get_i64(id->stream) : time);
}
