/* SPDX-License-Identifier: MIT */
/* How connections come about: versions of MQTT, lists of hosts, names, proxies; and how they end. */
#include "one_broker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <netinet/in.h>

static int set_up(void **state)
{
    (void)state;
    one_broker_init(false);
    a.hosts[0].port = broker.port; /* without the relay, unless a test says so */
    return 0;
}

static void start_node(test_node *node)
{
    test_node_start(node);
    RUN_UNTIL(mqtt_e2e_client_connected(node->client));
}

/* Goal: the local address may be chosen. */
static void test_bind_address(void **state)
{
    (void)state;
    test_broker_start(&broker);
    a.options.bind_address = "127.0.0.1";
    start_node(&a);
    b.options.bind_address = "192.0.2.1"; /* of nobody (RFC 5737) */
    test_node_start(&b);
    RUN_UNTIL(b.failed >= 2);
    assert_string_equal(b.why, "cannot assign requested address");
}

/* Goal: all versions of MQTT talk to each other. */
static void test_versions(void **state)
{
    (void)state;
    test_broker_start(&broker);
    for (int version = 3; version <= 5; version++) {
        test_node_init(&a, broker.port);
        test_node_init(&b, broker.port);
        a.options.mqtt_version = version;
        b.options.mqtt_version = 3 + (version + 1) % 3;
        start_node(&a);
        start_node(&b);
        test_node_subscribe(&b, "v", 2);
        for (int qos = 0; qos <= 2; qos++)
            test_node_publish(&a, "v", "x", qos, false);
        RUN_UNTIL(b.count == 3 && a.published == 3);
        test_node_free(&a);
        test_node_free(&b);
    }
}

/* ---- Hosts ---------------------------------------------------------------------------------------- */

/* Goal: nobody listens. */
static void test_nobody_listens(void **state)
{
    (void)state;
    test_node_start(&a);
    RUN_UNTIL(a.failed == 3);
    assert_string_equal(a.why, "connection refused");
    snprintf(a.rejected_filter, sizeof a.rejected_filter, "127.0.0.1:%u", (unsigned)broker.port);
    assert_string_equal(a.broker, a.rejected_filter);
    assert_false(mqtt_e2e_client_connected(a.client));
    assert_false(mqtt_e2e_client_drain(b.client != NULL ? b.client : a.client, 50) &&
                 mqtt_e2e_client_queued(a.client) > 0);
}

/* Goal: names are looked up without blocking, addresses tried one after the other (`localhost` may be ::1 first). */
static void test_names(void **state)
{
    (void)state;
    test_broker_start(&broker);
    strcpy(a.hosts[0].name, "localhost");
    start_node(&a);
    /* A label of 64 characters can't be a name, so that nobody is asked. */
    memset(b.hosts[0].name, 'x', 64);
    strcpy(b.hosts[0].name + 64, ".invalid");
    test_node_start(&b);
    RUN_UNTIL(b.failed == 1);
    assert_non_null(strstr(b.why, "host name lookup failed: "));
    test_node_free(&b);
    for (int i = 0; i < 20; i++) { /* freed while the lookup is going on, or just done */
        test_node_start(&b);
        mqtt_e2e_client_loop(b.client);
        test_node_free(&b);
    }
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

/* Goal: an IPv6 address; in what people read it is in brackets. */
static void test_ipv6(void **state)
{
    char label[64];

    (void)state;
    if (!has_ipv6()) {
        print_message("no ::1 here: skipped\n");
        skip();
    }
    test_broker_configure(&broker, "listener %u ::1\n", (unsigned)broker.port);
    test_broker_start(&broker);
    strcpy(a.hosts[0].name, "::1");
    start_node(&a);
    snprintf(label, sizeof label, "[::1]:%u", (unsigned)broker.port);
    assert_string_equal(a.broker, label);
    test_node_publish(&a, "a", "x", 1, false);
    RUN_UNTIL(a.published == 1);
}

/* Goal: the same client id twice: each takes the other's place, and not all the time. */
static void test_taken_over(void **state)
{
    (void)state;
    test_broker_start(&broker);
    a.options.client_id = b.options.client_id = "twins";
    start_node(&a);
    start_node(&b);
    RUN_UNTIL(a.disconnected == 1);
    assert_string_equal(a.why, "connection closed by the broker");
    test_settle(2000);
    assert_true(a.connected + b.connected <= 20);
    RUN_UNTIL(a.retry_ms >= 200);
}

/* ---- Proxies -------------------------------------------------------------------------------------- */

/* Goal: through a SOCKS5 proxy, which is told the name, not an address; with user name and password, or without. */
static void test_proxy(void **state)
{
    char url[128];

    (void)state;
    test_broker_start(&broker);
    relay.socks = true;
    snprintf(url, sizeof url, "socks5h://127.0.0.1:%u", (unsigned)relay.port);
    strcpy(a.hosts[0].name, "broker.example");
    a.options.proxy = url;
    start_node(&a);
    assert_string_equal(relay.socks_name, "broker.example");
    test_node_subscribe(&a, "x", 1);
    test_node_free(&a);
    snprintf(url, sizeof url, "socks5h://u%%73er:pa%%3Ass@localhost:%u", (unsigned)relay.port);
    start_node(&a);
    assert_string_equal(relay.socks_user, "user");
    assert_string_equal(relay.socks_password, "pa:ss");
    test_node_free(&a);
    relay.refuse = true;
    test_node_start(&a);
    RUN_UNTIL(a.failed == 1);
    assert_true(a.why[0] != '\0');
}

/* ---- The end -------------------------------------------------------------------------------------- */

/* Goal: drain waits until all is out, and says whether it is. */
static void test_drain(void **state)
{
    (void)state;
    test_broker_start(&broker);
    test_node_start(&a);
    for (int i = 0; i < 300; i++)
        test_node_publish(&a, "a", "x", i % 3, false);
    assert_true(mqtt_e2e_client_drain(a.client, TEST_MS));
    assert_int_equal(a.published, 300);
    assert_true(mqtt_e2e_client_drain(a.client, 0));
    test_broker_stop(&broker);
    RUN_UNTIL(a.disconnected == 1);
    test_node_publish(&a, "a", "x", 0, false);
    assert_false(mqtt_e2e_client_drain(a.client, 100));
    assert_int_equal(mqtt_e2e_client_queued(a.client), 1);
}

/* Goal: a client that has nothing to do sleeps. */
static void test_idle(void **state)
{
    int64_t start;

    (void)state;
    test_broker_start(&broker);
    start_node(&a);
    test_settle(50);
    assert_true(mqtt_e2e_client_timeout(a.client) > 5000);
    start = e2e_clock_boot();
    mqtt_e2e_client_wait(a.client, 200);
    assert_true(e2e_clock_boot() - start >= 195);
    a.options.keep_alive = 0;
    test_node_free(&a);
    start_node(&a);
    test_settle(50);
    assert_int_equal(mqtt_e2e_client_timeout(a.client), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bind_address, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_versions, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_listens, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_names, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_ipv6, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_taken_over, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_proxy, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_drain, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_idle, set_up, one_broker_tear_down),
    };

    cmocka_set_test_filter(getenv("TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
