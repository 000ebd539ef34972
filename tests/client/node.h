/* SPDX-License-Identifier: MIT */
#ifndef TEST_NODE_H
#define TEST_NODE_H
/* A client in a test, and what it was called back about. */
#include <mosquitto.h>

#include "broker.h"
#include "cmocka_all.h"
#include "private.h"
#include "relay.h"

#define TEST_KEY  ((const uint8_t *)"0123456789abcdef")
#define TEST_KEPT 2048  /* messages that a node remembers */
#define TEST_MS   15000 /* no test waits longer for anything */

typedef struct {
    char topic[64];
    char payload[64]; /* cut, with a NUL */
    size_t len;
    mqtt_e2e_kind kind;
    mqtt_e2e_id id;
    bool old, retain;
    int qos;
} test_message;

typedef struct test_node {
    mqtt_e2e_client_options options;
    mqtt_e2e_host hosts[4];
    mqtt_e2e_client *client;
    unsigned connected, disconnected, failed;
    char why[256], broker[280]; /* of the last event */
    uint32_t retry_ms;
    int code;
    unsigned count; /* messages received */
    test_message got[TEST_KEPT];
    unsigned refused[MQTT_E2E_CAUSES];
    unsigned published, unpublished;
    char publish_error[256];
    uint64_t ticket; /* last published */
    unsigned granted, rejected;
    char rejected_filter[128];
    bool answer; /* requests, by "re: " and the payload */
    unsigned answers, timeouts;
    char answer_text[64];
    bool one_answer; /* closes its requests after the first */
} test_node;

/* Options for the broker at `port`, quick to reconnect. Change them before test_node_start. */
void test_node_init(test_node *node, uint16_t port);
void test_node_start(test_node *node);
void test_node_free(test_node *node);
/* Starts it and waits until it is connected. */
void test_node_connect(test_node *node, uint16_t port);
void test_node_subscribe(test_node *node, const char *filter, int qos); /* and waits for the SUBACK */
void test_node_publish(test_node *node, const char *topic, const char *payload, int qos, bool retain);
void test_node_request(test_node *node, const char *topic, const char *payload, uint32_t timeout_ms);
/* How many messages with this payload arrived. */
unsigned test_node_got(const test_node *node, const char *payload);
const test_message *test_node_last(const test_node *node);

/* One turn of all nodes, relays and plain clients there are, waiting a little if nothing happens. */
void test_step(void);
void test_settle(int ms);               /* turns for that long: for what must not come */
void test_use_relay(test_relay *relay); /* too; NULL: none any more */

/* Prints what the nodes went through. Returns true. */
bool test_describe(void);

/* Turns until `condition` holds; fails the test if it never does. */
#define RUN_UNTIL(condition)                                                                                 \
    do {                                                                                                     \
        int64_t end_ = e2e_clock_boot() + TEST_MS;                                                           \
        while (!(condition)) {                                                                               \
            if (e2e_clock_boot() > end_ && test_describe())                                                  \
                fail_msg("in vain: %s", #condition);                                                         \
            test_step();                                                                                     \
        }                                                                                                    \
    } while (0)

/* A plain MQTT client, which sees what the broker sees. */
typedef struct {
    struct mosquitto *mosq;
    bool up, subscribed;
    unsigned count;
    char topic[256]; /* of the last message */
    uint8_t payload[4096];
    size_t len;
    bool retain;
} test_plain;

void test_plain_connect(test_plain *plain, uint16_t port, const char *filter);
void test_plain_publish(test_plain *plain, const char *topic, const void *payload, size_t len);
void test_plain_free(test_plain *plain);

#endif
