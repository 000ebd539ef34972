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

#include <sqlite3.h>

#include "one_broker.h"

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
    one_broker_init(true);
    snprintf(dir, sizeof dir, "%s/spool", broker.dir);
    a.options.spool_dir = dir;
    a.options.session.clock_skew_ms = b.options.session.clock_skew_ms = 1000;
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

/* As a disk that is full for anything of some size. */
static void limit_file(bool on)
{
    assert_int_equal(sqlite3_exec(a.client->spool.db,
                                  on ? "PRAGMA max_page_count=1" : "PRAGMA max_page_count=100000", NULL, NULL,
                                  NULL),
                     SQLITE_OK);
}

/* Without a turn of the loop. False: refused. */
static bool publish_large(uint64_t *ticket)
{
    static char large[100000];

    memset(large, 'x', sizeof large);
    return mqtt_e2e_client_publish(a.client, "topic", large, sizeof large, 1, false, ticket, NULL);
}

/* Goal: there is no room for the second of two messages, before the first was committed: neither is kept, both are told of, the numbers
 * fit, and no ticket is given out twice. */
static void test_no_room_between(void **state)
{
    uint64_t ticket, before;

    (void)state;
    relay.refuse = true;
    a.options.on_event = note_event;
    test_node_start(&a);
    publish_many(0, 1);
    RUN_UNTIL(a.client->spool.committed.messages == 1);
    assert_true(mqtt_e2e_client_publish(a.client, "topic", "1", 1, 1, false, &before, NULL));
    limit_file(true);
    assert_false(publish_large(&ticket));
    limit_file(false);
    RUN_UNTIL(failures == 1 && a.unpublished == 1);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 1);
    assert_int_equal(a.client->queue.count, 1);
    assert_true(mqtt_e2e_client_publish(a.client, "topic", "2", 1, 1, false, &ticket, NULL));
    assert_true(ticket > before);
    start_receiver();
    relay.refuse = false;
    RUN_UNTIL(b.count == 2 && mqtt_e2e_client_queued(a.client) == 0);
    assert_int_equal(test_node_got(&b, "0") + test_node_got(&b, "2"), 2);
    assert_int_equal(a.unpublished, 1);
}

/* Goal: what was dropped to make room, for a message that could not be written then, stays dropped, as was told. */
static void test_dropped_in_vain(void **state)
{
    uint64_t ticket;

    (void)state;
    relay.refuse = true;
    a.options.drop_oldest = true;
    a.options.spool_messages = 2;
    test_node_start(&a);
    publish_many(0, 2);
    RUN_UNTIL(a.client->spool.committed.messages == 2);
    limit_file(true);
    assert_false(publish_large(&ticket));
    limit_file(false);
    RUN_UNTIL(a.unpublished == 1);
    test_settle(1200);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 1);
    crash();
    start_receiver();
    test_node_start(&a);
    RUN_UNTIL(mqtt_e2e_client_queued(a.client) == 0);
    test_settle(50);
    assert_int_equal(b.count, 1);
    assert_int_equal(test_node_got(&b, "1"), 1);
}

/* Goal: a message that this run can't send, since its topic would be too long, is given up with a word, and holds up no other. */
static void test_unfit_topic(void **state)
{
    static char topic[50000];
    mqtt_e2e_error error;

    (void)state;
    relay.refuse = true;
    memset(topic, 'x', sizeof topic - 1);
    for (size_t i = 200; i < sizeof topic - 1; i += 200)
        topic[i] = '/';
    a.options.session.base = "";
    a.options.session.plain_topics = true;
    test_node_start(&a);
    publish_many(0, 1);
    if (!mqtt_e2e_client_publish(a.client, topic, "too long", 8, 1, false, NULL, &error))
        fail_msg("%s", error.text);
    publish_many(1, 2);
    RUN_UNTIL(a.client->spool.committed.messages == 3);
    crash();
    a.options.session.plain_topics = false;
    a.options.session.base = NULL;
    start_receiver();
    test_node_start(&a);
    RUN_UNTIL(b.count == 2 && a.unpublished == 1 && mqtt_e2e_client_queued(a.client) == 0);
}

/* Goal: nobody wakes the loop but the spool: no keep-alives, no acknowledgements. All that may be under way goes out. */
static void test_wakes_itself(void **state)
{
    (void)state;
    a.options.keep_alive = 0;
    a.options.inflight = 400;
    a.options.on_published = NULL;
    start_receiver();
    test_node_start(&a);
    RUN_UNTIL(mqtt_e2e_client_connected(a.client));
    relay.budget = 0;
    publish_many(0, 400);
    RUN_UNTIL(b.count == 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_crash, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_long_outage, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_again, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_more_than_the_queue, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_drop_oldest, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_one_at_a_time, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_disk_full, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_no_room_between, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_dropped_in_vain, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_unfit_topic, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_wakes_itself, set_up, one_broker_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
