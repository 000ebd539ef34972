/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_REPLAY_WORLD_H
#define MQTT_E2E_TESTS_REPLAY_WORLD_H
/*
 * A small world for the replay tests: up to 100 senders, a network that keeps every packet and delivers it when it likes,
 * as often as it likes, and one receiver beside its model (replay_model.h). A step is a handful of random numbers from
 * which all that happens in it follows, so that a history can be run again, whole or in part.
 *
 * After each step two things are looked at. Nothing is handed on twice: see `check_once`. And verdict, counts, floor and
 * table are those of the model.
 */
#include "mqtt_e2e/session.h"
#include "replay_model.h"

#include <stdio.h>

#define WORLD_DRAWS   16
#define WORLD_SENDERS 100
#define WORLD_STEPS   2000 /* at most, in one history */
#define WORLD_ROOM    192  /* bytes of the longest packet, mutated ones included */

typedef struct {
    uint32_t draw[WORLD_DRAWS];
} world_step;

typedef struct {
    uint8_t id[MQTT_E2E_STREAM_ID_SIZE];
    int64_t next;   /* counter */
    int64_t offset; /* of its clock */
} world_sender;

typedef struct {
    uint8_t bytes[WORLD_ROOM];
    model_packet clear;
    uint8_t text[WORLD_ROOM];
    size_t message; /* number of the message's first packet: its own, unless the message was sealed anew */
    /* Of the message, told at its first packet: */
    bool handed_on;            /* by a receiver that remembers */
    bool handed_on_by_earlier; /* by one that started anew since, without its state */
    int64_t handed_on_at;      /* UTC, the latest, by the receiver's clock */
} world_packet;

typedef struct {
    const mqtt_e2e_crypto *crypto;
    mqtt_e2e_session *receiver, *courier; /* the courier seals for the senders, and is one of them */
    mqtt_e2e_options options, courier_options;
    model model;
    int64_t time;   /* the true one */
    int64_t offset; /* of the receiver's clock */
    int64_t booted; /* when a clock of its own was zero */
    bool blind;     /* it has no clock now */
    int64_t start;  /* UTC when it last started without state, by its clock; 0 = not known yet */
    bool start_strict;
    world_sender senders[WORLD_SENDERS];
    size_t sender_count;
    world_packet packets[WORLD_STEPS];
    size_t packet_count, delivered;     /* the one delivered last */
    int64_t topic_newest[MODEL_TOPICS]; /* of all lasting messages handed on */
    mqtt_e2e_id asked[4], asked_time;
    size_t asked_count;
    uint32_t counts[MQTT_E2E_CAUSES];                   /* since the receiver started */
    size_t outcomes[MQTT_E2E_TIME_SET + 1], old, again; /* of all packets */
    const world_step *step;
    size_t drawn;
    FILE *tell;
    char failure[256];
    uint8_t key[32];
    _Alignas(8) uint64_t storage[10000], courier_storage[1000];
    uint8_t state[60000];
} world;

/* Runs a history. 0: all was right. Else world->failure says what was wrong, and one less than the result is how many
 * steps it took. `tell` (may be NULL) is told all that happens. */
size_t world_run(world *w, const mqtt_e2e_crypto *crypto, const world_step *setup, const world_step *steps,
                 size_t count, FILE *tell);

/* ---- For its parts ---- */

uint32_t world_pick(world *w, uint32_t limit); /* 0 to limit - 1 */
bool world_chance(world *w, uint32_t percent);
void world_bytes(world *w, uint8_t *out, size_t len);
void world_tell(world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_fail(world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t world_now(const world *w); /* what the receiver's calls are given */
int64_t world_utc(const world *w); /* UTC by the receiver's clock */
const char *world_topic_name(int topic);
mqtt_e2e_topic world_topic(int topic);

/* replay_packets.c: new packets of a sender, or of the receiver's; copies that someone changed on the way. */
world_packet *world_new_packet(world *w);
void world_keep(world *w, world_packet *p);
world_packet *world_make(world *w);
world_packet *world_answer_time(world *w);
void world_mutate(world *w, world_packet *p, bool *in_base);

/* replay_check.c: delivers `p`, which is `original` or was made from it, and compares the verdict; compares the table. */
void world_deliver(world *w, world_packet *original, const world_packet *p, bool in_base);
void world_check(world *w);

/* replay_steps.c: starts the receiver, from `state` (state_len 0: without) which `stored` is the model of; does a step. */
void world_start(world *w, model *stored, size_t state_len, bool damaged);
void world_do_step(world *w);

#endif
