/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_VECTORS_H
#define MQTT_E2E_TESTS_VECTORS_H
/*
 * The JSON files of this directory as const tables. to_c.js writes the tables at build time, so that the test needs no
 * JSON library and runs wherever the protocol does. README.md explains the fields.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mqtt_e2e/session.h"

/* Bytes given whole, or, where they are many, as length and SHA-256 (then whole.data is NULL). */
typedef struct {
    mqtt_e2e_bytes whole;
    size_t len;
    mqtt_e2e_bytes sha256;
} vector_value;

/* Bytes given whole, or, where whole.data is NULL, to be made of a seed. */
typedef struct {
    mqtt_e2e_bytes whole;
    mqtt_e2e_bytes seed;
    size_t len;
} vector_payload;

/* A text so many times over. */
typedef struct {
    mqtt_e2e_bytes text;
    size_t times;
} vector_text;

typedef struct {
    mqtt_e2e_bytes name, key;
} vector_device;

typedef struct {
    mqtt_e2e_bytes key, prk, seal, mask, topic_mac, topic_enc, stream;
    const char *base, *fingerprint;
    const vector_device *devices;
    size_t device_count;
} vector_keys;

typedef struct {
    mqtt_e2e_bytes key, r, hint, id;
    int64_t time;
} vector_stream;

typedef struct {
    size_t length, padded;
} vector_padme;

typedef struct {
    const char *about;
    mqtt_e2e_bytes key;
    const char *topic;
    mqtt_e2e_bytes stream;
    uint32_t counter;
    int64_t time;
    int kind;
    vector_payload payload;
    uint16_t pad_size;
    bool padme;
    mqtt_e2e_bytes nonce, tag, mask;
    vector_value packet;
} vector_packet;

typedef struct {
    vector_text name; /* a topic or a filter */
    vector_value wire;
} vector_name;

typedef struct {
    mqtt_e2e_bytes key;
    const char *base;
    bool plain;
    const vector_name *topics, *filters;
    size_t topic_count, filter_count;
} vector_mode;

/* A topic or filter that must not be sent, in hidden mode, in plain mode or in both. */
typedef struct {
    vector_text name;
    bool hidden, plain;
} vector_bad_name;

typedef struct {
    const char *about;
    mqtt_e2e_bytes key;
    const char *base;
    bool plain;
    mqtt_e2e_bytes wire;
} vector_bad_wire;

typedef struct {
    const char *filter, *topic;
    bool match;
} vector_match;

typedef enum { VECTOR_RECEIVE, VECTOR_REQUEST, VECTOR_CLOSE, VECTOR_ASK_TIME, VECTOR_RENEW } vector_action;

/* What a receiver says of a packet. After a refusal only status and off_by_ms count. */
typedef struct {
    mqtt_e2e_status status;
    int64_t off_by_ms;
    const char *topic;
    int kind;
    int64_t time;
    mqtt_e2e_bytes stream;
    uint32_t counter;
    mqtt_e2e_bytes
        payload; /* of a reply: with its binding; of a message sealed anew: with its first packet's name */
    size_t padding;
    bool old, again;
    int64_t clock_ms; /* TIME_SET */
} vector_expect;

typedef struct {
    vector_action action;
    const char *about;
    int64_t now_ms;  /* 0: none */
    int64_t mono_ms; /* where own_clock */
    mqtt_e2e_bytes wire_topic, packet;
    vector_expect expect;
    uint32_t counter;    /* request, close, ask time */
    uint32_t timeout_ms; /* request */
    mqtt_e2e_bytes r;    /* renew */
} vector_step;

typedef struct {
    const char *name;
    mqtt_e2e_bytes key;
    uint16_t window, streams, lasting_topics;
    uint32_t clock_skew_ms, clock_lead_ms, longest_packet;
    int64_t floor_ms; /* -1: no clock at the start */
    bool plain, own_clock;
    const char *base;
    mqtt_e2e_bytes own_r;
    int64_t own_time;
    const vector_step *steps;
    size_t step_count;
} vector_scenario;

extern const vector_keys vector_keys_table[];
extern const vector_stream vector_streams[];
extern const vector_padme vector_padmes[];
extern const vector_packet vector_packets[];
extern const vector_mode vector_modes[];
extern const vector_bad_name vector_bad_topics[], vector_bad_filters[];
extern const vector_bad_wire vector_bad_wires[];
extern const vector_match vector_matches[];
extern const vector_scenario vector_scenarios[];
extern const size_t vector_keys_count, vector_stream_count, vector_padme_count, vector_packet_count,
    vector_mode_count, vector_bad_topic_count, vector_bad_filter_count, vector_bad_wire_count,
    vector_match_count, vector_scenario_count;

#endif
