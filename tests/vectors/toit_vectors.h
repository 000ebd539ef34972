/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_TOIT_VECTORS_H
#define MQTT_E2E_TESTS_TOIT_VECTORS_H
/* toit.json as const tables, which to_c.js writes. */
#include "vectors.h"

typedef struct {
    mqtt_e2e_bytes key;
    const char *topic;
} toit_topic;

/* A packet that the Toit library sealed. */
typedef struct {
    mqtt_e2e_bytes key, nonce;
    mqtt_e2e_bytes payload; /* data is NULL: byte i is i * 7 + 3 */
    size_t len;
    size_t size_field; /* what it said the length was */
    uint16_t pad_size;
    int64_t time_ms;
    mqtt_e2e_bytes tag;
    vector_value packet; /* where it was recorded: else only its length */
} toit_packet;

/* A packet that its receiver decided on. */
typedef struct {
    const char *name;
    mqtt_e2e_bytes packet, topic, message;
    int64_t now_ms;
    mqtt_e2e_status status; /* what it said, in our words */
} toit_step;

typedef struct {
    const char *name;
    const toit_step *steps;
    size_t step_count;
} toit_sequence;

extern const mqtt_e2e_bytes toit_key; /* of all that does not name its own */
extern const toit_topic toit_topics[];
extern const toit_packet toit_packets[];
extern const toit_step toit_fresh[];
extern const toit_sequence toit_sequences[];
extern const size_t toit_topic_count, toit_packet_count, toit_fresh_count, toit_sequence_count;

#endif
