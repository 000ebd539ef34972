/* SPDX-License-Identifier: MIT */
#ifndef E2E_REPLAY_H
#define E2E_REPLAY_H
/*
 * The table of streams (docs/PROTOCOL.md §4): what a receiver remembers so that nothing is accepted twice.
 *
 * Invariant: every id ever accepted is either marked in its stream's record (its counter is within the window and
 * its bit is set, or its counter is below the window), or its time is at or below the floor. Whoever removes a record
 * must raise the floor to the record's newest time first; the floor never falls.
 *
 * A message is one id for ever, that of its first packet, and one time, that packet's; each packet that is the message sealed
 * anew names both. Whichever of them is accepted, this id is accepted with this time, beside the packet's own. So the
 * invariant holds of it too, and from then on every other one finds it marked, or its time at or below the floor. It does
 * not matter that entering the second of the two streams may remove the first: that raises the floor.
 */
#include "mqtt_e2e/session.h"

/* A record, followed by `words` times 64 counters: counter c is bit c % window. In words of 32 bits, which small processors
 * shift in one instruction. */
typedef struct {
    int64_t newest; /* time, of all accepted */
    int64_t floor;  /* the table's, when the stream entered */
    uint32_t highest;
    uint8_t id[MQTT_E2E_STREAM_ID_SIZE];
    uint32_t map[];
} e2e_stream;

typedef mqtt_e2e_replay_ e2e_replay;

/* Floors of streams that are full: no time is above them. The second is for one that ended at a time which is not known yet. */
#define E2E_REPLAY_FULL         INT64_MAX
#define E2E_REPLAY_FULL_UNTIMED (INT64_MAX - 1)

/* Large tables have an index. Compiled for no more than 16 streams, as on microcontrollers, there is no code for one. */
#ifndef MQTT_E2E_STREAMS_MAX
#define MQTT_E2E_STREAMS_MAX 32767
#endif
#define E2E_REPLAY_INDEXED(replay) (MQTT_E2E_STREAMS_MAX > 16 && (replay)->index != NULL)

e2e_stream *e2e_replay_at(const e2e_replay *replay, size_t i);

/* The record of a stream, or NULL. */
e2e_stream *e2e_replay_find(const e2e_replay *replay, const uint8_t id[MQTT_E2E_STREAM_ID_SIZE]);

/* Rule 3: at or below the window, or marked. */
bool e2e_replay_seen(const e2e_replay *replay, const e2e_stream *stream, uint32_t counter);

/* Enters a stream with nothing marked; evicts the one with the smallest newest time where there is no room. */
e2e_stream *e2e_replay_enter(e2e_replay *replay, const uint8_t id[MQTT_E2E_STREAM_ID_SIZE], uint32_t counter);

/* Marks a counter of a stream in the table. */
void e2e_replay_mark(e2e_replay *replay, e2e_stream *stream, uint32_t counter, int64_t time);

/* Rule 9 for one id: marks it in `stream`, its stream's record, or enters that where it is NULL. */
void e2e_replay_accept(e2e_replay *replay, e2e_stream *stream, const mqtt_e2e_id *id, int64_t time);

/* Enters a former own stream as full: nothing of it will be accepted. Not `timed`: the time is not known, `newest` may be
 * too low. */
void e2e_replay_enter_full(e2e_replay *replay, const uint8_t id[MQTT_E2E_STREAM_ID_SIZE], int64_t newest,
                           bool timed);

/* The time is known now: the newest time of those entered as full without it. */
void e2e_replay_time_full(e2e_replay *replay, int64_t utc);

/* Empties the table; the floor stays. */
void e2e_replay_clear(e2e_replay *replay);

void e2e_replay_raise(e2e_replay *replay, int64_t floor);

#endif
