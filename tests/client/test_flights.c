/* SPDX-License-Identifier: MIT */
/*
 * Messages on their ways to two brokers: what lives how long, and what is sealed anew. What `a` sends to each of them goes through a
 * relay where the test says so. See test_brokers.c for the rest.
 */
#include <string.h>
#include <unistd.h>

#include "two_brokers.h"

/* ---- Lifetimes ----------------------------------------------------------------------------------- */

static int used[64], used_count;

/* Sees to it that this is the third descriptor made from now on: the socket of an instance of libmosquitto, which first makes a pair. */
static void free_for_next(int fd)
{
    int next;

    while ((next = dup(0)) < fd)
        assert_true(next >= 0 && used_count < 64 && (used[used_count++] = next) >= 0);
    assert_int_equal(next, fd);
    assert_true(used_count >= 2);
    close(fd);
    close(used[--used_count]);
    close(used[--used_count]);
}

/* Goal: a broker's descriptor that was closed below us, and is another broker's by now, is not taken from that one. */
static void test_reused_descriptor(void **state)
{
    char file[128];
    int fd;
    int64_t start;

    (void)state;
    snprintf(file, sizeof file, "%s/state", first.dir);
    a.hosts[0].port = test_free_port();
    a.hosts[1].port = relay.port;
    a.options.state_file = file; /* writes are ours then, and their failures close the socket */
    test_node_start(&a);
    RUN_UNTIL(info(&a, 1).connected && info(&a, 0).failures > 0);
    a.client->brokers[0].due = E2E_NEVER;
    fd = mosquitto_socket(a.client->brokers[1].mosq);
    relay.refuse = true;
    test_relay_cut(&relay);
    for (int i = 0; i < 10 && a.client->brokers[1].broken == 0; i++)
        test_node_publish(&a, "topic", "x", 0, false);
    assert_int_not_equal(a.client->brokers[1].broken, 0);
    assert_int_equal(mosquitto_socket(a.client->brokers[1].mosq), -1);
    free_for_next(fd);
    a.client->brokers[0].port = second.port;
    a.client->brokers[0].due = 0;
    start = e2e_clock_boot();
    RUN_UNTIL(info(&a, 0).connected);
    assert_true(e2e_clock_boot() - start < 1000);
    assert_int_equal(mosquitto_socket(a.client->brokers[0].mosq), fd);
    while (used_count > 0)
        close(used[--used_count]);
}

static unsigned words;

/* Sends its own log, as it is. */
static void publish_debug(mqtt_e2e_client *client, const char *text, void *context)
{
    (void)context;
    if (strncmp(text, "not published", 13) == 0 && words < 20) {
        words++;
        assert_true(mqtt_e2e_client_publish(client, "log", text, strlen(text), 0, false, NULL, NULL));
    }
}

/* Goal: who publishes from within a callback while the queue drops its oldest for him, may. */
static void test_drop_in_callback(void **state)
{
    (void)state;
    words = 0;
    relay.refuse = true;
    test_broker_stop(&second);
    a.options.drop_oldest = true;
    a.options.queue_messages = 3;
    a.options.on_debug = publish_debug;
    test_node_start(&a);
    publish_many(&a, 0, 6, 1);
    assert_int_equal(a.client->queue.count, 3);
    RUN_UNTIL(a.unpublished == 6 + words - 3);
}

/* Goal: a request that ended while it was under way leaves nothing when the connection is lost. */
static void test_ended_under_way(void **state)
{
    (void)state;
    test_broker_stop(&second);
    test_node_start(&a);
    RUN_UNTIL(mqtt_e2e_client_connected(a.client));
    test_node_request(&a, "question", "first", 100);
    RUN_UNTIL(a.timeouts == 1 && mqtt_e2e_client_queued(a.client) == 0);
    relay.budget = 0;
    test_node_request(&a, "question", "?", 300);
    RUN_UNTIL(a.timeouts == 2);
    assert_int_equal(a.client->brokers[0].unacked_count, 1);
    relay.refuse = true;
    test_relay_cut(&relay);
    RUN_UNTIL(a.disconnected == 1);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 0);
}

/* ---- Sealed anew --------------------------------------------------------------------------------- */

static test_relay other; /* before the second broker */

static int set_up_relays(void **state)
{
    two_brokers_set_up(state);
    test_relay_init(&other, second.port);
    test_use_relay(&other);
    a.hosts[1].port = other.port;
    a.options.session.clock_skew_ms = b.options.session.clock_skew_ms = 1000;
    return 0;
}

static int tear_down_relays(void **state)
{
    two_brokers_tear_down(state);
    test_relay_free(&other);
    return 0;
}

static void start_later(void)
{
    test_node_start(&a);
    test_node_start(&b);
    test_node_subscribe(&b, "#", 1);
    RUN_UNTIL(info(&a, 0).connected && info(&a, 1).failures > 0 && is_subscribed(&b, 0) &&
              is_subscribed(&b, 1));
}

/* Goal: a broker's persistent session holds the first packet, which has grown old, while another broker was sent a newer one, and lost
 * it. The first gets the newer one too, or nobody would take the message. */
static void test_older_packet(void **state)
{
    (void)state;
    other.refuse = true;
    b.options.host_count = 1;
    a.options.client_id = "a";
    a.options.persistent = true;
    a.options.keep_alive = 0;
    test_node_start(&b);
    test_node_subscribe(&b, "#", 1);
    test_node_start(&a);
    RUN_UNTIL(info(&a, 0).connected && info(&a, 1).failures > 0);
    relay.deaf = true;
    test_node_publish(&a, "topic", "x", 1, false);
    test_settle(1200);
    other.budget = 4; /* a CONNACK, and no PUBACK */
    other.refuse = false;
    RUN_UNTIL(a.client->brokers[1].unacked_count == 1);
    other.refuse = true;
    test_relay_cut(&other);
    relay.deaf = false;
    test_relay_cut(&relay);
    RUN_UNTIL(a.published == 1);
    test_settle(200);
    assert_int_equal(test_node_got(&b, "x"), 1);
    assert_int_equal(b.count, 1);
}

/* Goal: a message that came by one broker, and sealed anew by the other, is a copy, and no replay to be told of. */
static void test_again_elsewhere(void **state)
{
    (void)state;
    other.refuse = true;
    start_later();
    relay.budget = 0;
    test_node_publish(&a, "topic", "x", 1, false);
    RUN_UNTIL(b.count == 1);
    test_settle(700);
    other.refuse = false;
    RUN_UNTIL(a.published == 1);
    RUN_UNTIL(info(&b, 1).copies == 1);
    assert_int_equal(b.count, 1);
    assert_int_equal(b.refused[MQTT_E2E_REPLAY], 0);
}

/* Goal: a request is not asked again when its packet has grown old: it names no first packet, and would be carried out twice. */
static void test_request_once(void **state)
{
    (void)state;
    other.refuse = true;
    b.answer = true;
    start_later();
    test_node_request(&a, "question", "warm up", 5000);
    RUN_UNTIL(a.answers == 1);
    relay.budget = 0;
    test_node_request(&a, "question", "?", 1500);
    RUN_UNTIL(test_node_got(&b, "?") == 1);
    test_settle(700);
    other.refuse = false;
    RUN_UNTIL(a.timeouts == 2);
    assert_int_equal(test_node_got(&b, "?"), 1);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 0);
}

/* Goal: QoS 0 that may be half out at one broker, and goes to another much later, is taken once. */
static void test_again_qos0(void **state)
{
    static char large[8 << 20];
    (void)state;
    memset(large, 'x', sizeof large - 1);
    b.options.session.clock_skew_ms = 60000;
    other.refuse = true;
    start_later();
    relay.deaf = true; /* until the buffers between are full */
    test_node_publish(&a, "topic", large, 0, false);
    RUN_UNTIL(a.client->brokers[0].writing != NULL);
    test_settle(700);
    other.refuse = false;
    RUN_UNTIL(a.published == 1 && b.count == 1);
    relay.deaf = false;
    RUN_UNTIL(info(&a, 0).published == 1);
    test_settle(100);
    assert_int_equal(b.count, 1);
}

/* Goal: the clock was wrong when a message was sealed, and is set before it went out. It goes with the right time. */
static void test_clock_set(void **state)
{
    (void)state;
    other.refuse = true;
    test_node_start(&b);
    test_node_subscribe(&b, "#", 1);
    a.options.clock_offset_ms = -900;
    test_node_start(&a);
    RUN_UNTIL(info(&a, 0).connected);
    test_settle(1000); /* what was sealed before b's beginning it would not take */
    relay.deaf = true;
    test_node_publish(&a, "topic", "x", 1, false);
    RUN_UNTIL(a.client->brokers[0].unacked_count == 1);
    a.client->options.clock_offset_ms = 0;
    relay.refuse = true;
    test_relay_cut(&relay);
    test_settle(150);
    relay.refuse = relay.deaf = false;
    RUN_UNTIL(a.published == 1 && b.count == 1);
    assert_int_equal(b.refused[MQTT_E2E_STALE], 0);
}

/* Goal: without keep-alives too, a broker that never acknowledges does not keep others waiting for packet identifiers for ever. */
static void test_short_of_mids(void **state)
{
    e2e_broker *broker;

    (void)state;
    a.options.keep_alive = 0;
    other.refuse = true;
    test_node_start(&a);
    RUN_UNTIL(info(&a, 0).connected && info(&a, 1).failures > 0);
    relay.budget = 0;
    test_node_publish(&a, "topic", "x", 1, false);
    broker = &a.client->brokers[0];
    RUN_UNTIL(broker->unacked_count == 1);
    broker->last_mid += 60001; /* as after so many of QoS 0 */
    broker->up_at -= 31000;
    TAILQ_FIRST(&broker->unacked)->at -= 31000;
    RUN_UNTIL(a.disconnected == 1);
    assert_non_null(strstr(a.why, "does not acknowledge"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reused_descriptor, two_brokers_set_up, two_brokers_tear_down),
        cmocka_unit_test_setup_teardown(test_drop_in_callback, two_brokers_set_up, two_brokers_tear_down),
        cmocka_unit_test_setup_teardown(test_ended_under_way, two_brokers_set_up, two_brokers_tear_down),
        cmocka_unit_test_setup_teardown(test_older_packet, set_up_relays, tear_down_relays),
        cmocka_unit_test_setup_teardown(test_again_elsewhere, set_up_relays, tear_down_relays),
        cmocka_unit_test_setup_teardown(test_request_once, set_up_relays, tear_down_relays),
        cmocka_unit_test_setup_teardown(test_again_qos0, set_up_relays, tear_down_relays),
        cmocka_unit_test_setup_teardown(test_clock_set, set_up_relays, tear_down_relays),
        cmocka_unit_test_setup_teardown(test_short_of_mids, set_up_relays, tear_down_relays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
