/* SPDX-License-Identifier: MIT */
#include "one_broker.h"

test_broker broker;
test_relay relay;
test_node a, b;

void one_broker_init(bool started)
{
    test_broker_init(&broker);
    if (started)
        test_broker_start(&broker);
    test_relay_init(&relay, broker.port);
    test_use_relay(&relay);
    test_node_init(&a, relay.port);
    test_node_init(&b, broker.port);
}

int one_broker_tear_down(void **state)
{
    (void)state;
    test_node_free(&a);
    test_node_free(&b);
    test_use_relay(NULL);
    test_relay_free(&relay);
    test_broker_free(&broker);
    return 0;
}
