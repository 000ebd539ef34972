/* SPDX-License-Identifier: MIT */
#include "two_brokers.h"

#include <stdio.h>

test_broker first, second;
test_relay relay;
test_node a, b, c;

static void use_both(test_node *node, uint16_t port)
{
    node->hosts[0].port = port;
    node->hosts[1] = node->hosts[0];
    node->hosts[1].port = second.port;
    node->options.host_count = 2;
}

int two_brokers_set_up(void **state)
{
    (void)state;
    test_broker_init(&first);
    test_broker_init(&second);
    test_broker_start(&first);
    test_broker_start(&second);
    test_relay_init(&relay, first.port);
    test_use_relay(&relay);
    test_node_init(&a, first.port);
    test_node_init(&b, first.port);
    test_node_init(&c, second.port);
    use_both(&a, relay.port);
    use_both(&b, first.port);
    return 0;
}

int two_brokers_tear_down(void **state)
{
    (void)state;
    test_node_free(&a);
    test_node_free(&b);
    test_node_free(&c);
    test_use_relay(NULL);
    test_relay_free(&relay);
    test_broker_free(&first);
    test_broker_free(&second);
    return 0;
}

mqtt_e2e_broker_info info(const test_node *node, size_t i)
{
    mqtt_e2e_broker_info info;

    assert_true(mqtt_e2e_client_broker(node->client, i, &info));
    return info;
}

bool is_subscribed(const test_node *node, size_t i)
{
    e2e_subscription *subscription, *next;
    bool all = node->client->brokers[i].phase == E2E_UP;

    HASH_ITER(hh, node->client->subscriptions.by_filter, subscription, next)
    all &= subscription->links[i].state == E2E_LINK_GRANTED;
    return all;
}

void publish_many(test_node *node, unsigned from, unsigned to, int qos)
{
    char text[16];

    for (unsigned i = from; i < to; i++) {
        snprintf(text, sizeof text, "%u", i);
        test_node_publish(node, "topic", text, qos, false);
    }
}
