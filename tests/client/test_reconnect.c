/* SPDX-License-Identifier: MIT */
/*
 * Connections that break, and brokers that go and come back: what was promised arrives, and once. Node `a` sends through
 * a relay, where the test breaks things; node `b` listens, at the broker itself.
 */
#include "one_broker.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int set_up(void **state)
{
    (void)state;
    one_broker_init(true);
    return 0;
}

static void start_both(void)
{
    test_node_start(&a);
    test_node_start(&b);
    RUN_UNTIL(mqtt_e2e_client_connected(a.client) && mqtt_e2e_client_connected(b.client));
    test_node_subscribe(&b, "#", 2);
}

/* Breaks a's connection, and lets no other come about. */
static void part(void)
{
    unsigned before = a.disconnected;

    relay.refuse = true;
    test_relay_cut(&relay);
    RUN_UNTIL(a.disconnected > before);
    relay.budget = SIZE_MAX;
    relay.deaf = false;
}

static void restart_broker(void)
{
    unsigned granted;

    test_broker_stop(&broker);
    RUN_UNTIL(!mqtt_e2e_client_connected(b.client));
    granted = b.granted;
    test_broker_start(&broker);
    RUN_UNTIL(b.granted > granted); /* it subscribed again by itself */
}

static void publish_some(const char *name, unsigned count)
{
    char payload[32];

    for (unsigned i = 0; i < count; i++) {
        snprintf(payload, sizeof payload, "%s %u", name, i);
        test_node_publish(&a, "topic", payload, (int)(i % 3), false);
    }
}

static void expect_each_once(const char *name, unsigned count)
{
    char payload[32];

    for (unsigned i = 0; i < count; i++) {
        snprintf(payload, sizeof payload, "%s %u", name, i);
        assert_int_equal(test_node_got(&b, payload), 1);
    }
}

/* Within a QoS: their handshakes take different times. */
static void expect_order(unsigned from, unsigned count)
{
    int last[3] = {-1, -1, -1};

    for (unsigned i = from; i < from + count; i++) {
        int number = atoi(strrchr(b.got[i].payload, ' ')), *before = &last[number % 3];

        assert_true(number > *before);
        *before = number;
    }
}

/* Goal: the broker goes and comes back on its port; what was queued meanwhile arrives, once, in order. */
static void test_broker_restart(void **state)
{
    (void)state;
    start_both();
    publish_some("before", 3);
    RUN_UNTIL(b.count == 3 && a.published == 3);
    part();
    assert_true(a.why[0] != '\0' && a.retry_ms <= 400);
    publish_some("meanwhile", 20);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 20);
    restart_broker();
    assert_int_equal(b.count, 3);
    relay.refuse = false;
    RUN_UNTIL(b.count == 23 && a.published == 23);
    expect_each_once("meanwhile", 20);
    expect_order(3, 20);
    assert_int_equal(a.connected, 2);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 0);
}

/* Goal: messages queued before there ever was a connection arrive too. */
static void test_broker_late(void **state)
{
    (void)state;
    relay.refuse = true;
    test_node_start(&a);
    publish_some("early", 5);
    RUN_UNTIL(a.failed >= 3);
    test_node_start(&b);
    RUN_UNTIL(mqtt_e2e_client_connected(b.client));
    test_node_subscribe(&b, "#", 2);
    relay.refuse = false;
    RUN_UNTIL(a.published == 5 && b.count == 5);
    expect_each_once("early", 5);
}

/* Goal: a full queue is a clear error that takes nothing; there is room again when it drained. */
static void test_queue_full(void **state)
{
    static char large[600];
    mqtt_e2e_error error;

    (void)state;
    a.options.queue_messages = 3;
    a.options.queue_bytes = 1000;
    start_both();
    part();
    publish_some("q", 3);
    assert_false(mqtt_e2e_client_publish(a.client, "topic", "x", 1, 0, false, NULL, &error));
    assert_string_equal(error.text, "the queue is full: 3 messages wait to be published");
    assert_true(error.hint[0] != '\0');
    assert_false(mqtt_e2e_client_request(a.client, "topic", "x", 1, 0, 0, NULL, NULL, &error));
    assert_int_equal(mqtt_e2e_client_queued(a.client), 3);
    relay.refuse = false;
    RUN_UNTIL(mqtt_e2e_client_queued(a.client) == 0);
    part();
    assert_true(mqtt_e2e_client_publish(a.client, "topic", large, sizeof large, 1, false, NULL, &error));
    assert_false(mqtt_e2e_client_publish(a.client, "topic", large, sizeof large, 1, false, NULL, &error));
    assert_non_null(strstr(error.text, "bytes wait to be published"));
    relay.refuse = false;
    RUN_UNTIL(b.count == 4);
    expect_each_once("q", 3);
}

/* Goal: what waits for longer than the clock skew arrives, since it is sealed when it goes out. */
static void test_sealed_late(void **state)
{
    (void)state;
    a.options.session.clock_skew_ms = b.options.session.clock_skew_ms = 400;
    start_both();
    part();
    publish_some("late", 6);
    test_settle(900);
    relay.refuse = false;
    RUN_UNTIL(b.count == 6);
    expect_each_once("late", 6);
    assert_int_equal(b.refused[MQTT_E2E_STALE], 0);
}

/* Goal: the acknowledgement is lost with the connection; the packet goes out again as it was, and is taken once. */
static void acknowledgement_lost(int qos)
{
    start_both();
    relay.budget = 0;
    test_node_publish(&a, "topic", "once", qos, false);
    if (qos == 1) {
        RUN_UNTIL(b.count == 1);
    } else {
        test_settle(100);
    }
    assert_int_equal(a.published, 0);
    part();
    assert_int_equal(mqtt_e2e_client_queued(a.client), 1);
    relay.refuse = false;
    RUN_UNTIL(a.published == 1);
    test_settle(50);
    assert_int_equal(test_node_got(&b, "once"), 1);
    assert_int_equal(b.refused[MQTT_E2E_REPLAY], qos == 1);
}

static void test_puback_lost(void **state)
{
    (void)state;
    acknowledgement_lost(1);
}

static void test_pubrec_lost(void **state)
{
    (void)state;
    acknowledgement_lost(2);
}

/* Goal: of a QoS 2 handshake only the PUBCOMP is lost. The broker has delivered; the second copy is refused. */
static void test_pubcomp_lost(void **state)
{
    (void)state;
    start_both();
    relay.budget = 4; /* a PUBREC */
    test_node_publish(&a, "topic", "once", 2, false);
    RUN_UNTIL(b.count == 1);
    part();
    relay.refuse = false;
    RUN_UNTIL(a.published == 1);
    RUN_UNTIL(b.refused[MQTT_E2E_REPLAY] == 1);
    assert_int_equal(b.count, 1);
}

/* Goal: a message was under way for longer than receivers take it: it is sealed anew. */
static void test_stale_in_flight(void **state)
{
    (void)state;
    a.options.session.clock_skew_ms = b.options.session.clock_skew_ms = 600;
    start_both();
    relay.deaf = true; /* it does not get to the broker */
    test_node_publish(&a, "topic", "patience", 1, false);
    test_node_publish(&a, "topic", "patience too", 2, false);
    test_settle(900);
    part();
    relay.refuse = false;
    RUN_UNTIL(b.count == 2 && a.published == 2);
    assert_int_equal(b.refused[MQTT_E2E_STALE], 0);
}

/* Goal: no more messages than allowed are in flight; the others wait, and all arrive. */
static void test_window(void **state)
{
    (void)state;
    a.options.inflight = 2;
    start_both();
    relay.budget = 0;
    for (int i = 0; i < 5; i++)
        test_node_publish(&a, "topic", "w", 1, false);
    RUN_UNTIL(b.count == 2);
    test_settle(100);
    assert_int_equal(b.count, 2);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 5);
    part();
    relay.refuse = false;
    RUN_UNTIL(a.published == 5);
    RUN_UNTIL(b.count == 5);
    assert_int_equal(b.refused[MQTT_E2E_REPLAY], 2);
}

/* Goal: packet identifiers run out only if the broker leaves one unacknowledged; then nothing more is sent. */
static void test_packet_identifiers(void **state)
{
    e2e_broker *connection;

    (void)state;
    start_both();
    connection = &a.client->brokers[0];
    relay.budget = 0;
    test_node_publish(&a, "topic", "unacknowledged", 1, false);
    RUN_UNTIL(b.count == 1);
    assert_true(e2e_broker_writable(connection));
    connection->last_mid = (uint16_t)(connection->last_mid + 60001);
    assert_false(e2e_broker_writable(connection));
    test_node_publish(&a, "topic", "waits", 0, false);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 2);
    connection->up_at -= 60000; /* so it was for a minute */
    TAILQ_FIRST(&connection->unacked)->at -= 60000;
    connection->misc_at = 0;
    RUN_UNTIL(a.disconnected == 1);
    assert_non_null(strstr(a.why, "does not acknowledge"));
    relay.budget = SIZE_MAX;
    RUN_UNTIL(a.published == 2);
}

/* Goal: who reads slowly is not overrun: what the socket does not take waits in the bounded queue, and arrives in order. */
static void test_back_pressure(void **state)
{
    enum { SIZE = 100000 };
    static char payload[SIZE];
    unsigned sent = 0;

    (void)state;
    a.options.queue_messages = 10;
    start_both();
    relay.deaf = true;
    for (;;) {
        memset(payload, 0, sizeof payload);
        snprintf(payload, sizeof payload, "%u", sent);
        if (!mqtt_e2e_client_publish(a.client, "topic", payload, SIZE, 0, false, NULL, NULL))
            break;
        assert_true(++sent < 1000);
        test_step();
    }
    assert_int_equal(mqtt_e2e_client_queued(a.client), 10);
    relay.deaf = false;
    RUN_UNTIL(b.count == sent);
    for (unsigned i = 0; i < sent; i++)
        assert_int_equal(atoi(b.got[i].payload), i);
    RUN_UNTIL(a.published == sent);
    /* The same, and the connection breaks with a half-written message. */
    relay.deaf = true;
    for (sent = 0; mqtt_e2e_client_publish(a.client, "topic", payload, SIZE, 0, false, NULL, NULL); sent++)
        test_step();
    part();
    assert_int_equal(mqtt_e2e_client_queued(a.client), 10);
    relay.refuse = false;
    RUN_UNTIL(mqtt_e2e_client_queued(a.client) == 0);
}

/* ---- Persistent sessions --------------------------------------------------------------------------- */

static void make_persistent(test_node *node, const char *name, int version)
{
    node->options.name = name;
    node->options.persistent = true;
    node->options.mqtt_version = version;
    node->options.session_expiry = 600;
}

/* Goal: the broker keeps messages for a node whose connection is lost, with MQTT 3.1.1 and with MQTT 5's expiry. */
static void broker_keeps_messages(int version)
{
    make_persistent(&a, "listener", version); /* the roles are the other way round here: a listens */
    start_both();
    test_node_subscribe(&a, "to/a", 2);
    part();
    for (int qos = 0; qos <= 2; qos++) {
        char payload[] = "qos 0";

        payload[4] = (char)('0' + qos);
        test_node_publish(&b, "to/a", payload, qos, false);
    }
    RUN_UNTIL(b.published == 3);
    relay.refuse = false;
    RUN_UNTIL(a.count >= 2);
    test_settle(50);
    assert_int_equal(test_node_got(&a, "qos 1"), 1);
    assert_int_equal(test_node_got(&a, "qos 2"), 1);
}

static void test_kept_by_broker(void **state)
{
    (void)state;
    broker_keeps_messages(4);
}

static void test_kept_by_broker_5(void **state)
{
    (void)state;
    broker_keeps_messages(5);
}

/* Goal: a sender with a persistent session goes on with its handshakes, and delivers once. */
static void test_persistent_sender(void **state)
{
    (void)state;
    make_persistent(&a, "sender", 4);
    start_both();
    for (int qos = 1; qos <= 2; qos++)
        for (size_t budget = 0; budget <= 4; budget += 4) {
            unsigned published = a.published, count = b.count;

            RUN_UNTIL(mqtt_e2e_client_connected(a.client));
            relay.budget = budget;
            test_node_publish(&a, "topic", "once", qos, false);
            test_settle(100);
            part();
            relay.refuse = false;
            RUN_UNTIL(a.published == published + 1 && b.count == count + 1);
        }
    assert_int_equal(test_node_got(&b, "once"), 4);
}

/* Goal: a broker that lost the session makes us begin one anew, with nothing lost. */
static void test_session_lost(void **state)
{
    (void)state;
    make_persistent(&a, "sender", 4);
    start_both();
    relay.budget = 4; /* PUBREC for the first, nothing for the second */
    test_node_publish(&a, "topic", "one", 2, false);
    test_node_publish(&a, "topic", "two", 1, false);
    RUN_UNTIL(test_node_got(&b, "one") == 1 && test_node_got(&b, "two") == 1);
    part();
    restart_broker();
    relay.refuse = false;
    RUN_UNTIL(a.published == 2 && mqtt_e2e_client_queued(a.client) == 0);
    RUN_UNTIL(b.refused[MQTT_E2E_REPLAY] >= 2);
    assert_int_equal(b.count, 2);
    test_node_publish(&a, "topic", "three", 2, false);
    RUN_UNTIL(test_node_got(&b, "three") == 1);
    assert_int_equal(a.connected, 2);
}

/* Goal: stale messages under way in a persistent session are sealed anew, though libmosquitto sends the old ones again. */
static void test_persistent_stale(void **state)
{
    (void)state;
    make_persistent(&a, "sender", 4);
    a.options.session.clock_skew_ms = b.options.session.clock_skew_ms = 600;
    start_both();
    relay.deaf = true;
    test_node_publish(&a, "topic", "again", 1, false);
    test_settle(900);
    part();
    relay.refuse = false;
    RUN_UNTIL(b.count == 1 && a.published == 1);
    RUN_UNTIL(b.refused[MQTT_E2E_STALE] == 1);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 0);
}

/* Goal: unsubscribing while offline holds, also where the broker keeps the session. */
static void test_unsubscribe_offline(void **state)
{
    (void)state;
    make_persistent(&a, "listener", 4);
    start_both();
    test_node_subscribe(&a, "no/more", 1);
    part();
    assert_true(mqtt_e2e_client_unsubscribe(a.client, "no/more", NULL));
    relay.refuse = false;
    RUN_UNTIL(mqtt_e2e_client_connected(a.client));
    test_node_subscribe(&a, "other", 1);
    test_node_publish(&b, "no/more", "x", 1, false);
    test_node_publish(&b, "other", "y", 1, false);
    RUN_UNTIL(a.count == 1);
    assert_int_equal(HASH_COUNT(a.client->subscriptions.by_filter), 1);
    assert_int_equal(mqtt_e2e_counts(mqtt_e2e_client_session(a.client))[MQTT_E2E_OK], 1);
}

/* ---- Streams --------------------------------------------------------------------------------------- */

/* Goal: after the last counter a stream is followed by another, with nothing lost. */
static void test_exhausted(void **state)
{
    mqtt_e2e_session *session;

    (void)state;
    start_both();
    for (int qos = 0; qos <= 2; qos++) {
        unsigned count = b.count;

        session = a.client->session;
        session->own.counter = UINT32_MAX - 1;
        for (int i = 0; i < 3; i++)
            test_node_publish(&a, "topic", "x", qos, false);
        RUN_UNTIL(b.count == count + 3);
        assert_int_equal(b.got[count].id.counter, UINT32_MAX - 1);
        assert_int_equal(b.got[count + 1].id.counter, 0);
        assert_int_equal(b.got[count + 2].id.counter, 1);
        assert_memory_not_equal(b.got[count].id.stream, b.got[count + 1].id.stream, 12);
    }
    assert_int_equal(a.unpublished, 0);
}

static const e2e_entry *no_entry(const mqtt_e2e_client *client)
{
    return e2e_queue_next(&client->queue, true);
}

/* In the child. */
static int publish_from_child(void)
{
    static const char text[] = "from the child";
    bool fine = mqtt_e2e_client_publish(a.client, "topic", text, sizeof text - 1, 1, false, NULL, NULL);

    fine = fine && mqtt_e2e_client_queued(a.client) == 1; /* what the parent queued is the parent's */
    test_use_relay(NULL);
    fine = fine && mqtt_e2e_client_drain(a.client, TEST_MS) && no_entry(a.client) == NULL;
    mqtt_e2e_client_free(a.client);
    return fine ? 0 : 1;
}

/* Goal: a child has a stream, a connection and a queue of its own; the parent notices nothing. */
static void test_fork(void **state)
{
    pid_t pid;
    int status;

    (void)state;
    a.hosts[0].port = broker.port; /* the relay would need a turn of the parent's */
    start_both();
    test_node_publish(&a, "topic", "before", 1, false);
    RUN_UNTIL(b.count == 1 && a.published == 1);
    test_node_publish(&a, "topic", "under way", 1,
                      false); /* its acknowledgement is not read before the fork */
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(publish_from_child());
    RUN_UNTIL(waitpid(pid, &status, WNOHANG) == pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    RUN_UNTIL(b.count == 3 && a.published == 2);
    test_node_publish(&a, "topic", "after", 1, false);
    RUN_UNTIL(b.count == 4);
    assert_int_equal(test_node_got(&b, "from the child"), 1);
    assert_int_equal(test_node_got(&b, "under way"), 1);
    for (unsigned i = 0; i < 4; i++)
        if (strcmp(b.got[i].payload, "from the child") == 0)
            assert_memory_not_equal(b.got[i].id.stream, b.got[0].id.stream, 12);
        else
            assert_memory_equal(b.got[i].id.stream, b.got[0].id.stream, 12);
    assert_int_equal(a.disconnected, 0);
    assert_int_equal(a.connected, 1);
}

/* Goal: a child that holds our sockets, and does nothing, does not make our loop spin after we closed them. */
static void test_idle_child(void **state)
{
    unsigned turns = 0;
    pid_t pid;

    (void)state;
    start_both();
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
        _exit(0);
    }
    part();
    relay.refuse = false;
    RUN_UNTIL(a.connected == 2);
    test_settle(50);
    for (int64_t end = e2e_clock_boot() + 200; e2e_clock_boot() < end; turns++)
        mqtt_e2e_client_wait(a.client, 200);
    assert_true(turns < 20);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    test_node_publish(&a, "topic", "still here", 1, false);
    RUN_UNTIL(b.count == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_broker_restart, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_broker_late, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_queue_full, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_sealed_late, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_puback_lost, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_pubrec_lost, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_pubcomp_lost, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_stale_in_flight, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_window, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_packet_identifiers, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_back_pressure, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_kept_by_broker, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_kept_by_broker_5, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_persistent_sender, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_session_lost, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_persistent_stale, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_unsubscribe_offline, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_exhausted, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_fork, set_up, one_broker_tear_down),
        cmocka_unit_test_setup_teardown(test_idle_child, set_up, one_broker_tear_down),
    };

    cmocka_set_test_filter(getenv("TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
