/* SPDX-License-Identifier: MIT */
/*
 * Goal: memory that held a payload, a key or a password is wiped before it is freed. All our calls of free come here
 * (ld --wrap), where the block is searched for them.
 */
#include "node.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define SECRET   "a payload that nobody else may see"
#define PASSWORD "a password that nobody else may see"

void __real_free(void *memory);
void __wrap_free(void *memory);

static unsigned freed, leaks;

static bool holds(const void *memory, size_t size, const void *secret, size_t len)
{
    return size > 0 && memmem(memory, size, secret, len) != NULL;
}

void __wrap_free(void *memory)
{
    size_t size = memory != NULL ? malloc_usable_size(memory) : 0;

    freed++;
    leaks += holds(memory, size, SECRET, 16) || holds(memory, size, TEST_KEY, 16) ||
             holds(memory, size, PASSWORD, 16);
    __real_free(memory);
}

static test_broker broker;
static test_relay relay;
static test_node a, b;

static void start(test_node *node, uint16_t port)
{
    test_node_init(node, port);
    node->options.user = "anna";
    node->options.password = PASSWORD;
    node->answer = true;
    test_node_start(node);
    RUN_UNTIL(mqtt_e2e_client_connected(node->client));
}

/* In every way that a payload can take, among them those that end early. */
static void test_all_ways(void **state)
{
    static char large[1500000];

    (void)state;
    test_broker_init(&broker);
    test_broker_start(&broker);
    test_relay_init(&relay, broker.port);
    test_use_relay(&relay);
    start(&a, relay.port);
    start(&b, broker.port);
    test_node_subscribe(&b, "#", 2);
    for (int qos = 0; qos <= 2; qos++)
        test_node_publish(&a, "topic", SECRET, qos, qos == 1);
    test_node_request(&a, "topic", SECRET, 1000);
    RUN_UNTIL(a.answers == 1);
    for (size_t i = 0; i + sizeof SECRET < sizeof large; i += sizeof SECRET)
        memcpy(large + i, SECRET, sizeof SECRET);
    assert_true(mqtt_e2e_client_publish(a.client, "topic", large, sizeof large, 1, false, NULL, NULL));
    RUN_UNTIL(b.count == 5 && a.timeouts == 1 && a.published == 4 && a.answers == 1);
    relay.refuse = true;
    relay.deaf = true;
    test_node_publish(&a, "topic", SECRET, 1, false); /* under way at the end */
    test_node_request(&a, "topic", SECRET, 10000);
    test_settle(50);
    test_relay_cut(&relay);
    RUN_UNTIL(a.disconnected == 1);
    test_node_publish(&a, "topic", SECRET, 0, false); /* queued at the end */
    test_node_request(&a, "topic", SECRET, 10);
    test_node_request(&a, "topic", SECRET, 10000);
    RUN_UNTIL(a.timeouts == 2);
    test_node_free(&a);
    test_node_free(&b);
    assert_true(freed > 100);
    assert_int_equal(leaks, 0);
    test_use_relay(NULL);
    test_relay_free(&relay);
    test_broker_free(&broker);
}

/* Goal: the search does find what it looks for. */
static void test_search(void **state)
{
    char *copy = strdup("before " SECRET);

    (void)state;
    assert_non_null(copy);
    free(copy);
    assert_int_equal(leaks, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_ways), cmocka_unit_test(test_search)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
