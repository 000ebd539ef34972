/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_REPLAY_MODEL_H
#define MQTT_E2E_TESTS_REPLAY_MODEL_H
/*
 * The receiver of docs/PROTOCOL.md §4 (with §3's lasting messages and §6's clock), told once more in the plainest way:
 * it keeps a list of every counter accepted, in no window and no bitmap, sees packets in clear, and shares no code with
 * the library. The library must come to the same verdict on every packet.
 */
#include "mqtt_e2e/session.h"

#define MODEL_TOPICS   16 /* topics are numbers; 0 is `~time` */
#define MODEL_STREAMS  64
#define MODEL_REQUESTS 8

typedef struct {
    uint8_t id[MQTT_E2E_STREAM_ID_SIZE];
    uint32_t highest;
    int64_t newest;
    int64_t floor;      /* "own floor": the table's, when it entered */
    bool full;          /* a former own stream */
    bool ended_unknown; /* ... that ended at a time that is not known yet */
    uint64_t
        forgotten; /* counters below it count as seen: what a smaller window, as stored, did not remember */
    uint32_t *accepted; /* all, since it entered */
    size_t accepted_count, accepted_room;
} model_stream;

typedef struct {
    mqtt_e2e_id id;
    int64_t until;
} model_request;

typedef struct {
    const mqtt_e2e_options *options;     /* of the receiver */
    model_stream streams[MODEL_STREAMS]; /* a new one stands where the one was that it drove out */
    size_t stream_count;
    uint8_t own[MQTT_E2E_STREAM_ID_SIZE];
    uint32_t next;                         /* counter of its next packet */
    uint8_t last[MQTT_E2E_STREAM_ID_SIZE]; /* the stream last accepted from */
    bool last_known;
    int64_t floor, last_sealed;
    bool floor_kept, clock_known;
    int64_t clock_offset; /* where options.own_clock_ms */
    /* Lasting messages: topics in the order in which they were met, and the newest handed on of each. */
    int lasting[MODEL_TOPICS];
    int64_t lasting_newest[MODEL_TOPICS];
    size_t lasting_count;
    int64_t lasting_floor; /* newest of topics that are not remembered */
    int64_t old_floor;     /* newest handed on though too old */
    model_request requests[MODEL_REQUESTS];
    size_t request_count;
    bool asking; /* for the time */
    mqtt_e2e_id asked;
    int64_t asked_at;
} model;

/* A packet as its sender knows it. */
typedef struct {
    bool in_base; /* the topic reads back */
    bool authentic;
    size_t len;
    mqtt_e2e_id id; /* what the header unmasks to */
    int topic;
    unsigned kind;
    int64_t time;
    uint32_t inner_len;
    mqtt_e2e_id binding; /* of a reply */
    /* Of a message sealed anew, kind 4: what it says of the first packet. */
    mqtt_e2e_id first;
    unsigned first_kind;
    int64_t first_time;
} model_packet;

typedef struct {
    mqtt_e2e_status status;
    int64_t off_by_ms;
    bool old;
} model_verdict;

/* A fresh start; `stored` (NULL: none) is the model that stopped, the state of which is loaded. It is freed. */
void model_start(model *m, const mqtt_e2e_options *options, const uint8_t *own, int64_t now_ms,
                 model *stored);
void model_free(model *m);
void model_renew(model *m, const uint8_t *own, int64_t now_ms);
model_verdict model_open(model *m, const model_packet *p, int64_t now_ms);

/* The receiver's own doings. `time`: whether it takes a time to seal. */
mqtt_e2e_status model_seal(model *m, int64_t now_ms, bool time);
mqtt_e2e_status model_ask(model *m, const mqtt_e2e_id *id, int64_t now_ms, uint32_t timeout_ms);
void model_close(model *m, const mqtt_e2e_id *id);
mqtt_e2e_status model_ask_time(model *m, const mqtt_e2e_id *id, int64_t now_ms);
void model_set_clock(model *m, int64_t utc, int64_t now_ms);
void model_raise(model *m, int64_t floor);

int64_t model_utc(const model *m, int64_t now_ms);
model_stream *model_find(model *m, const uint8_t *id);

/* For replay_rules.c: UTC, the first of which counts as learnt; a new stream in the table; requests whose time is over are
 * closed, and stay so if the clock goes back. */
int64_t model_tell(model *m, int64_t now_ms);
model_stream *model_enter(model *m, const uint8_t *id);
void model_expire(model *m, int64_t now_ms);
bool model_same_stream(const uint8_t *a, const uint8_t *b);
bool model_same_packet(const mqtt_e2e_id *a, const mqtt_e2e_id *b);

#endif
