/* SPDX-License-Identifier: MIT */
#ifndef TEST_ONE_BROKER_H
#define TEST_ONE_BROKER_H
/* A broker, and a relay before it, where tests break things: node `a` is to go through that, node `b` to the broker itself. */
#include "node.h"

extern test_broker broker;
extern test_relay relay;
extern test_node a, b;

/* `started`: the broker; else that is up to the test. */
void one_broker_init(bool started);
int one_broker_tear_down(void **state);

#endif
