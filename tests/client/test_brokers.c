/* SPDX-License-Identifier: MIT */
/*
 * Several brokers at once: a message goes to all, the first copy is taken, and none of them waits for another. Nodes `a` and
 * `b` use both; what `a` sends to the first goes through a relay, which loses it if the test says so.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "two_brokers.h"

static void start_both(void)
{
    test_node_start(&a);
    test_node_start(&b);
    test_node_subscribe(&b, "#", 1);
    RUN_UNTIL(info(&a, 0).connected && info(&a, 1).connected && is_subscribed(&b, 0) && is_subscribed(&b, 1));
}

static void expect_each_once(unsigned count)
{
    static unsigned seen[100000];

    assert_int_equal(b.count, count);
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < count && i < TEST_KEPT; i++)
        assert_int_equal(++seen[atoi(b.got[i].payload)], 1);
}

/* Goal: with both up, each message is handed on once, in order, whatever its QoS, and the copies are not called replays. */
static void test_first_copy(void **state)
{
    (void)state;
    start_both();
    for (int qos = 0; qos < 3; qos++)
        publish_many(&a, 100u * (unsigned)qos, 100u * (unsigned)qos + 100, qos);
    RUN_UNTIL(a.published == 300 && info(&b, 0).copies + info(&b, 1).copies == 300);
    expect_each_once(300);
    assert_int_equal(info(&b, 0).first + info(&b, 1).first, 300);
    assert_int_equal(info(&b, 0).refused + info(&b, 1).refused, 0);
    assert_int_equal(b.refused[MQTT_E2E_REPLAY], 0);
    RUN_UNTIL(info(&a, 0).published == 300 && info(&a, 1).published == 300);
    assert_true(info(&a, 0).round_trip_us > 0 && info(&a, 0).round_trip_us < 1000000);
    assert_false(mqtt_e2e_client_broker(a.client, 2, &(mqtt_e2e_broker_info){0}));
    assert_true(mqtt_e2e_client_drained(a.client));
}

/* Goal: with several brokers a copy that one of them repeats is still a replay. */
static void test_replay(void **state)
{
    test_plain plain;

    (void)state;
    start_both();
    test_plain_connect(&plain, second.port, "#");
    test_node_publish(&a, "topic", "x", 1, false);
    RUN_UNTIL(plain.count == 1 && b.count == 1 && info(&b, 0).copies + info(&b, 1).copies == 1);
    test_plain_publish(&plain, plain.topic, plain.payload, plain.len);
    RUN_UNTIL(b.refused[MQTT_E2E_REPLAY] == 1);
    assert_int_equal(info(&b, 1).refused, 1);
    test_plain_free(&plain);
}

/* Goal: one broker does not answer, another is gone: neither costs time. They are tried again each by itself. */
static void test_dead_ones(void **state)
{
    int64_t start = e2e_clock_boot();

    (void)state;
    relay.deaf = true;
    a.hosts[2] = a.hosts[0];
    a.hosts[2].port = test_free_port();
    a.options.host_count = 3;
    a.options.connect_ms = 500;
    test_node_start(&a);
    RUN_UNTIL(mqtt_e2e_client_connected(a.client));
    test_node_publish(&a, "topic", "x", 1, false);
    RUN_UNTIL(a.published == 1);
    assert_true(e2e_clock_boot() - start < 400);
    RUN_UNTIL(a.failed >= 4 && info(&a, 0).failures >= 2);
    assert_int_equal(a.connected, 1);
    assert_true(info(&a, 1).connected && info(&a, 1).tried && info(&a, 2).tried);
    assert_false(info(&a, 2).connected);
    assert_string_equal(info(&a, 2).why, "connection refused");
}

/* A host whose name server does not answer: what the resolver does then. */
int __real_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **result);
int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **result);

int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **result)
{
    if (name == NULL || strcmp(name, "silent.example") != 0 || (hints->ai_flags & AI_NUMERICHOST) != 0)
        return __real_getaddrinfo(name, service, hints, result);
    sleep(2);
    return EAI_AGAIN;
}

/* A port that drops SYNs: somebody listens, but the queue of connections that he does not accept is full. */
static uint16_t black_hole(int fds[4])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fds[0], (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fds[0], 0), 0);
    assert_int_equal(getsockname(fds[0], (struct sockaddr *)&address, &size), 0);
    for (int i = 1; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(fds[i], (struct sockaddr *)&address, size);
    }
    return ntohs(address.sin_port);
}

/* Goal: a host that can't be looked up and one that swallows SYNs hold nothing up: no turn of the loop takes longer than 50 ms, and
 * messages go by the third as if it were alone. */
static void test_black_holes(void **state)
{
    int fds[4];
    unsigned sent = 0;
    int64_t end = e2e_clock_boot() + 4000, longest = 0;

    (void)state;
    a.hosts[0].port = black_hole(fds);
    strcpy(a.hosts[2].name, "silent.example");
    a.options.host_count = 3;
    a.options.connect_ms = 1500;
    c.hosts[0].port = second.port;
    test_node_start(&c);
    test_node_subscribe(&c, "#", 1);
    test_node_start(&a);
    while (e2e_clock_boot() < end) {
        int64_t before = e2e_clock_boot(), took;

        mqtt_e2e_client_loop(a.client);
        took = e2e_clock_boot() - before;
        longest = took > longest ? took : longest;
        if (mqtt_e2e_client_connected(a.client) && sent < 1000 && sent == c.count) {
            publish_many(&a, sent, sent + 1, 1);
            sent++;
        }
        mqtt_e2e_client_wait(c.client, 1);
    }
    assert_true(longest <= 50);
    assert_int_equal(c.count, 1000);
    assert_true(info(&a, 0).failures > 0 && info(&a, 2).failures > 0);
    assert_string_equal(info(&a, 0).why, "connection timed out");
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}

/* Goal: a broker that takes messages and says nothing, while the other works: all are published at the other's pace, and what is
 * kept for the silent one stays within the bounds. */
static void test_silent_one(void **state)
{
    (void)state;
    a.options.queue_messages = 50;
    start_both();
    relay.budget = 0;
    relay.deaf = true;
    for (unsigned i = 0; i < 1000; i++) {
        RUN_UNTIL(mqtt_e2e_client_queued(a.client) < 50);
        publish_many(&a, i, i + 1, 1);
    }
    RUN_UNTIL(a.published == 1000 && b.count == 1000);
    expect_each_once(1000);
    assert_true(a.client->queue.late_count <= 50);
    assert_int_equal(a.client->brokers[0].unacked_count, a.client->options.inflight);
}

/* Goal: a broker that was away gets what it missed, as far as it is kept: who listens only there hears it. */
static void test_late_copies(void **state)
{
    (void)state;
    start_both();
    test_node_connect(&c, second.port);
    test_node_subscribe(&c, "#", 1);
    test_broker_stop(&second);
    RUN_UNTIL(a.disconnected == 1 && b.disconnected == 1 && c.disconnected == 1);
    assert_true(mqtt_e2e_client_connected(a.client));
    publish_many(&a, 0, 10, 1);
    RUN_UNTIL(a.published == 10 && b.count == 10);
    assert_int_equal(a.client->queue.late_count, 10);
    a.client->brokers[1].due = e2e_clock_boot() + 10000; /* after who listens */
    test_broker_start(&second);
    RUN_UNTIL(is_subscribed(&c, 0));
    a.client->brokers[1].due = 0;
    RUN_UNTIL(c.count == 10);
    RUN_UNTIL(info(&b, 1).connected);
    RUN_UNTIL(a.client->queue.late_count == 0);
    assert_int_equal(b.count, 10);
}

/* Goal: what one broker refuses goes by the other, and is published; what both refuse is not. */
static void test_refused_by_one(void **state)
{
    (void)state;
    test_broker_stop(&first);
    test_broker_configure(&first, "retain_available false\n");
    test_broker_start(&first);
    a.options.mqtt_version = 5;
    start_both();
    test_node_publish(&a, "topic", "lasting", 1, true);
    RUN_UNTIL(a.published == 1 && b.count == 1);
    test_broker_stop(&second);
    RUN_UNTIL(a.disconnected == 1);
    RUN_UNTIL(info(&a, 1).failures > 0);
    test_node_publish(&a, "topic", "lasting", 1, true);
    RUN_UNTIL(a.unpublished == 1);
    assert_int_equal(a.published, 1);
}

/* Goal: a request goes by all brokers, and its answer comes by the one that the answerer is on. */
static void test_request(void **state)
{
    (void)state;
    c.answer = true;
    test_node_start(&c);
    test_node_subscribe(&c, "question", 1);
    start_both();
    a.one_answer = true;
    test_node_request(&a, "question", "?", 5000);
    RUN_UNTIL(a.answers == 1);
    assert_string_equal(a.answer_text, "re: ?");
    RUN_UNTIL(mqtt_e2e_client_drained(a.client));
    assert_int_equal(a.client->queue.count, 0);
}

/* Goal: who ends at once has told every broker that is within reach. */
static void test_drain(void **state)
{
    int64_t start;

    (void)state;
    test_node_connect(&c, second.port);
    test_node_subscribe(&c, "#", 1);
    a.hosts[0].port = first.port; /* no relay: nobody turns it meanwhile */
    test_node_start(&a);
    test_node_publish(&a, "topic", "x", 0, false);
    assert_true(mqtt_e2e_client_drain(a.client, 5000));
    test_node_free(&a);
    RUN_UNTIL(c.count == 1);
    /* One that never answers costs a second. */
    relay.deaf = true;
    a.hosts[0].port = relay.port;
    start = e2e_clock_boot();
    test_node_start(&a);
    test_node_publish(&a, "topic", "y", 1, false);
    assert_true(mqtt_e2e_client_drain(a.client, 5000));
    assert_in_range(e2e_clock_boot() - start, 900, 2000);
    RUN_UNTIL(c.count == 2);
}

/* Goal: each broker in turn is killed and started again, in the middle of traffic: nothing is lost, nothing comes twice. */
static void test_kill_either(void **state)
{
    unsigned sent = 0;

    (void)state;
    a.options.queue_messages = 10000;
    start_both();
    for (int round = 0; round < 8; round++) {
        test_broker *victim = round % 2 == 0 ? &first : &second;

        for (int i = 0; i < 100; i++, sent++) {
            publish_many(&a, sent, sent + 1, 1);
            if (i % 4 == 0)
                test_step();
            if (i == 30 + 5 * round)
                test_broker_kill(victim);
        }
        test_broker_start(victim);
        RUN_UNTIL(is_subscribed(&b, 0) && is_subscribed(&b, 1) && info(&a, 0).connected &&
                  info(&a, 1).connected);
    }
    RUN_UNTIL(a.published == sent && b.count >= sent);
    test_settle(200);
    expect_each_once(sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_copy, two_brokers_set_up, two_brokers_tear_down),
        cmocka_unit_test_setup_teardown(test_replay, two_brokers_set_up, two_brokers_tear_down),
        cmocka_unit_test_setup_teardown(test_dead_ones, two_brokers_set_up, two_brokers_tear_down),
        cmocka_unit_test_setup_teardown(test_black_holes, two_brokers_set_up, two_brokers_tear_down),
        cmocka_unit_test_setup_teardown(test_silent_one, two_brokers_set_up, two_brokers_tear_down),
        cmocka_unit_test_setup_teardown(test_late_copies, two_brokers_set_up, two_brokers_tear_down),
        cmocka_unit_test_setup_teardown(test_refused_by_one, two_brokers_set_up, two_brokers_tear_down),
        cmocka_unit_test_setup_teardown(test_request, two_brokers_set_up, two_brokers_tear_down),
        cmocka_unit_test_setup_teardown(test_drain, two_brokers_set_up, two_brokers_tear_down),
        cmocka_unit_test_setup_teardown(test_kill_either, two_brokers_set_up, two_brokers_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
