/* SPDX-License-Identifier: MIT */
#ifndef TEST_TWO_BROKERS_H
#define TEST_TWO_BROKERS_H
/*
 * Two brokers and three nodes, of which `a` and `b` use both, and `c` the second. What `a` sends to the first goes through a relay,
 * which loses it if the test says so.
 */
#include "node.h"

extern test_broker first, second;
extern test_relay relay;
extern test_node a, b, c;

int two_brokers_set_up(void **state);
int two_brokers_tear_down(void **state);

mqtt_e2e_broker_info info(const test_node *node, size_t i);
/* Whether broker `i` has granted all that the node subscribed to. */
bool is_subscribed(const test_node *node, size_t i);
/* The numbers from `from` to below `to`, on "topic". */
void publish_many(test_node *node, unsigned from, unsigned to, int qos);

#endif
