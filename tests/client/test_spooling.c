/* SPDX-License-Identifier: MIT */
/*
 * Messages that outlive their sender: node `a` keeps them in a spool, and sends through a relay; it ends with messages under way, as
 * after a crash, and another run goes on. Each message arrives, once. The database itself is tested in test_spool.c.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node.h"

static test_broker broker;
static test_relay relay;
static test_node a, b;
static char dir[128];
static unsigned failures; /* of the spool */

static void note_event(mqtt_e2e_client *client, mqtt_e2e_client_event event, const mqtt_e2e_broker_news *news,
                       void *context)
{
    (void)client;
    (void)context;
    (void)news;
    failures += event == MQTT_E2E_SPOOL_FAILED;
}

static int set_up(void **state)
{
    (void)state;
    failures = 0;
    test_broker_init(&broker);
    test_broker_start(&broker);
    test_relay_init(&relay, broker.port);
    test_use_relay(&relay);
    test_node_init(&a, relay.port);
    test_node_init(&b, broker.port);
    snprintf(dir, sizeof dir, "%s/spool", broker.dir);
    a.options.spool_dir = dir;
    a.options.session.clock_skew_ms = b.options.session.clock_skew_ms = 1000;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_node_free(&a);
    test_node_free(&b);
    test_use_relay(NULL);
    test_relay_free(&relay);
    test_broker_free(&broker);
    return 0;
}

static void start_receiver(void)
{
    test_node_start(&b);
    test_node_subscribe(&b, "#", 1);
}

static void publish_many(unsigned from, unsigned to)
{
    char text[16];

    for (unsigned i = from; i < to; i++) {
        snprintf(text, sizeof text, "%u", i);
        test_node_publish(&a, "topic", text, 1, false);
    }
}

/* The sender is gone, as after a crash: nobody told the broker. Then another. */
static void crash(void)
{
    relay.refuse = true;
    test_relay_cut(&relay);
    test_node_free(&a);
    relay.refuse = relay.deaf = false;
    relay.budget = SIZE_MAX;
}

static void expect_each_once(unsigned count)
{
    static unsigned seen[TEST_KEPT];

    assert_int_equal(b.count, count);
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(++seen[atoi(b.got[i].payload)], 1);
}

/* Goal: the acknowledgements of some were lost, others never got out; the next run sends all, while the packets are fresh as they
 * were, later sealed anew; each arrives once. */
static void crash_and_go_on(int outage_ms)
{
    start_receiver();
    test_node_start(&a);
    RUN_UNTIL(mqtt_e2e_client_connected(a.client));
    relay.budget = 0;
    publish_many(0, 50);
    RUN_UNTIL(b.count == 50);
    relay.deaf = true;
    publish_many(50, 150);
    test_settle(50);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 150);
    crash();
    test_settle(outage_ms);
    test_node_start(&a);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 150);
    RUN_UNTIL(mqtt_e2e_client_queued(a.client) == 0);
    test_settle(100);
    expect_each_once(150);
    assert_int_equal(b.refused[MQTT_E2E_REPLAY], 50);
    assert_int_equal(b.refused[MQTT_E2E_STALE], 0);
    crash();
    test_node_start(&a);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 0);
}

static void test_crash(void **state)
{
    (void)state;
    crash_and_go_on(0);
}

static void test_long_outage(void **state)
{
    (void)state;
    crash_and_go_on(1500);
}

/* Goal: the same without a spool or a crash. The acknowledgements of some were lost, others did not get to the broker, and then it was away for longer than receivers
 * take a packet. All are sealed anew, and each is taken once, also by who remembers 64 counters of a stream. Then once more. */
static void test_again(void **state)
{
    (void)state;
    a.options.spool_dir = NULL;
    a.options.session.clock_skew_ms = b.options.session.clock_skew_ms = 600;
    b.options.session.window = 64;
    start_receiver();
    test_node_start(&a);
    RUN_UNTIL(mqtt_e2e_client_connected(a.client));
    relay.budget = 0;
    for (int i = 0; i < 100; i++) {
        test_node_publish(&a, "topic", i < 80 ? "arrived" : "not yet", 1, false);
        if (i == 79)
            RUN_UNTIL(b.count == 80);
        relay.deaf = i >= 79;
    }
    for (unsigned round = 0; round < 2; round++) {
        test_settle(900);
        relay.refuse = true;
        test_relay_cut(&relay);
        RUN_UNTIL(a.disconnected == round + 1u);
        relay.refuse = false;
        relay.deaf = false;
        relay.budget = round == 0 ? 4 : SIZE_MAX; /* a CONNACK, no PUBACK */
        RUN_UNTIL(b.count == 100);
    }
    RUN_UNTIL(a.published == 100);
    test_settle(50);
    assert_int_equal(b.count, 100);
    assert_int_equal(test_node_got(&b, "not yet"), 20);
    assert_int_equal(b.refused[MQTT_E2E_REPLAY], 180);
    assert_int_equal(b.refused[MQTT_E2E_STALE], 0);
}

/* Goal: the spool holds far more than the queue; all arrive, in the order in which they were taken. */
static void test_more_than_the_queue(void **state)
{
    (void)state;
    a.options.queue_messages = 20;
    relay.refuse = true;
    test_node_start(&a);
    publish_many(0, 1500);
    RUN_UNTIL(a.client->spool.committed.messages == 1500);
    assert_true(a.client->queue.count <= 20);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 1500);
    crash();
    start_receiver();
    test_node_start(&a);
    RUN_UNTIL(b.count == 1500 && mqtt_e2e_client_queued(a.client) == 0);
    for (unsigned i = 0; i < 1500; i++)
        assert_int_equal(atoi(b.got[i].payload), i);
    assert_int_equal(a.client->spool.now.messages, 0);
}

/* Goal: who would rather lose the oldest does, in the spool and in the queue, and is told which. */
static void test_drop_oldest(void **state)
{
    (void)state;
    a.options.drop_oldest = true;
    a.options.spool_messages = 10;
    a.options.queue_messages = 4;
    relay.refuse = true;
    test_node_start(&a);
    publish_many(0, 15);
    for (int i = 0; i < 6; i++)
        test_node_publish(&a, "topic", "QoS 0", 0, false);
    RUN_UNTIL(a.unpublished == 5 + 2); /* the spool's two in the queue were dropped, and left room */
    start_receiver();
    relay.refuse = false;
    RUN_UNTIL(b.count == 14 && mqtt_e2e_client_queued(a.client) == 0);
    assert_int_equal(test_node_got(&b, "QoS 0"), 4);
    assert_int_equal(test_node_got(&b, "4") + test_node_got(&b, "5"), 1);
}

/* Goal: one client has a spool at a time; and another key has another. */
static void test_one_at_a_time(void **state)
{
    mqtt_e2e_error error;

    (void)state;
    test_node_start(&a);
    b.options.spool_dir = dir;
    assert_null(mqtt_e2e_client_new(&b.options, &error));
    assert_non_null(strstr(error.text, "another process uses"));
    b.options.session.key = (const uint8_t *)"another key, 16";
    test_node_start(&b);
}

/* Goal: the disk is full. What was not kept is reported as not published, and nothing of it goes out; when there is room again, all goes on. */
static void test_disk_full(void **state)
{
    struct rlimit before, none = {0, 0};

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    a.options.on_event = note_event;
    start_receiver();
    test_node_start(&a);
    publish_many(0, 1);
    RUN_UNTIL(b.count == 1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    publish_many(1, 4);
    test_settle(300);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(a.unpublished, 3);
    assert_true(failures > 0);
    assert_int_equal(b.count, 1);
    test_settle(1000); /* it tries again after that long */
    publish_many(4, 6);
    RUN_UNTIL(b.count == 3 && mqtt_e2e_client_queued(a.client) == 0);
    assert_int_equal(test_node_got(&b, "4") + test_node_got(&b, "5"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_crash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_outage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_more_than_the_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drop_oldest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disk_full, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
