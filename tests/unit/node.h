/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_NODE_H
#define MQTT_E2E_TESTS_NODE_H
/* A node for the session's tests: a session in storage of exactly its size, and one call for seal and one for open. */
#include "mqtt_e2e/session.h"
#include "support.h"

#define T0        INT64_C(1795459591440) /* a time to start at */
#define NODE_ROOM 4096                   /* longest packet here */

typedef struct {
    mqtt_e2e_session *session;
    mqtt_e2e_options options;
    uint8_t *storage;
    mqtt_e2e_message message; /* of the last node_open */
    uint8_t out[NODE_ROOM];
    char name[NODE_ROOM];
} node;

typedef struct {
    char wire[NODE_ROOM];
    uint8_t bytes[NODE_ROOM];
    size_t len;
} packet;

extern const uint8_t node_key[32];

/* Default options with the key above, cut to `key_len`. */
mqtt_e2e_options node_options(const mqtt_e2e_crypto *crypto, size_t key_len);

/* Starts at `now_ms`, with random bytes of its own. */
void node_start(node *n, const mqtt_e2e_options *options, int64_t now_ms);
void node_stop(node *n);

/* Seals `text` on `topic`; the status of hide if that fails. */
mqtt_e2e_status node_seal(node *n, const char *topic, mqtt_e2e_kind kind, const char *text, int64_t now_ms,
                          packet *p);
/* Seals what `first`, sealed at `first_ms`, was of. */
mqtt_e2e_status node_seal_again(node *n, const char *topic, mqtt_e2e_kind kind, const mqtt_e2e_id *first,
                                int64_t first_ms, const char *text, int64_t now_ms, packet *p);
mqtt_e2e_status node_ask(node *n, const char *topic, const char *text, int64_t now_ms, uint32_t timeout_ms,
                         packet *p, mqtt_e2e_id *request);
mqtt_e2e_status node_answer(node *n, const mqtt_e2e_id *request, const char *text, int64_t now_ms, packet *p);

/* Reveals the topic and opens; n->message and n->out have the result. The packet stays as it is. */
mqtt_e2e_status node_open(node *n, const packet *p, int64_t now_ms);

/* Fails unless the last message's payload is `text`. */
void node_assert_payload(const node *n, const char *text);

/* Runs `scenario(sealer, opener)` for every pair of backends and both key sizes, each time with fresh nodes that started at
 * T0 - 1,000. */
typedef void (*node_scenario)(node *a, node *b);
void node_each_pair(node_scenario scenario);

/* The same with other options than node_options, and keys of up to `longest_key` bytes. */
void node_each_pair_of(mqtt_e2e_options (*options)(const mqtt_e2e_crypto *crypto, size_t key_len),
                       size_t longest_key, node_scenario scenario);

#endif
