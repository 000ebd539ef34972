/* SPDX-License-Identifier: MIT */
/* Clients in the Toit profile, through a real broker: what they have of it, and what they have not. */
#include "one_broker.h"

#include <stdlib.h>
#include <string.h>

static int set_up(void **state)
{
    (void)state;
    one_broker_init(true);
    mqtt_e2e_toit(&a.options.session);
    mqtt_e2e_toit(&b.options.session);
    return 0;
}

static void start_both(void)
{
    test_node_start(&a);
    test_node_start(&b);
    RUN_UNTIL(a.connected == 1 && b.connected == 1);
    test_node_subscribe(&b, "#", 1);
}

/* Goal: each QoS arrives as it was sent; what a node itself sent is not handed on to it. */
static void test_messages(void **state)
{
    (void)state;
    start_both();
    test_node_subscribe(&a, "#", 1);
    for (int qos = 0; qos <= 2; qos++)
        test_node_publish(&a, "iot/kitchen", "ping", qos, false);
    RUN_UNTIL(b.count == 3 && a.published == 3);
    RUN_UNTIL(a.refused[MQTT_E2E_OWN] == 3);
    assert_int_equal(a.count, 0);
    assert_string_equal(test_node_last(&b)->topic, "iot/kitchen");
    test_node_publish(&b, "iot/hall", "pong", 0, false);
    RUN_UNTIL(a.count == 1);
}

/* Goal: the acknowledgement is lost with the connection; the packet goes out again as it was, and is taken once. */
static void test_acknowledgement_lost(void **state)
{
    (void)state;
    start_both();
    relay.budget = 0;
    test_node_publish(&a, "topic", "once", 1, false);
    RUN_UNTIL(b.count == 1);
    test_relay_cut(&relay);
    relay.budget = SIZE_MAX;
    RUN_UNTIL(a.published == 1);
    RUN_UNTIL(b.refused[MQTT_E2E_REPLAY] == 1);
    assert_int_equal(b.count, 1);
}

/* Goal: what was under way for so long that receivers would not take it any more can't be sealed anew, and is told as lost. */
static void test_stale_in_flight(void **state)
{
    (void)state;
    a.options.session.clock_skew_ms = 600;
    start_both();
    relay.deaf = true;
    test_node_publish(&a, "topic", "patience", 1, false);
    test_settle(500);
    test_relay_cut(&relay);
    relay.deaf = false;
    RUN_UNTIL(a.unpublished == 1);
    assert_non_null(strstr(a.publish_error, "in the Toit profile it can't be sealed anew"));
    test_node_publish(&a, "topic", "the next", 1, false);
    RUN_UNTIL(b.count == 1 && a.published == 1);
    assert_string_equal(test_node_last(&b)->payload, "the next");
}

static bool never(mqtt_e2e_client *client, mqtt_e2e_answer answer, const mqtt_e2e_delivery *delivery,
                  void *context)
{
    (void)client;
    (void)answer;
    (void)delivery;
    (void)context;
    fail_msg("a request was made");
    return false;
}

/* Goal: what there is not is an error in words, and nothing is queued. */
static void test_not_there(void **state)
{
    static char text[MQTT_E2E_TOIT_PAYLOAD_MAX + 1];
    const mqtt_e2e_id id = {{1}, 0};
    mqtt_e2e_client *client;
    mqtt_e2e_error error;

    (void)state;
    start_both();
    client = a.client;
    assert_false(mqtt_e2e_client_request(client, "t", "x", 1, 0, 0, never, NULL, &error));
    assert_string_equal(error.text, "the Toit profile has no requests and replies");
    assert_string_equal(error.hint, "publish messages, and subscribe to what comes back");
    assert_false(mqtt_e2e_client_reply(client, &id, "x", 1, 0, &error));
    assert_string_equal(error.text, "the Toit profile has no requests and replies");
    assert_false(mqtt_e2e_client_publish(client, "t", "x", 1, 0, true, NULL, &error));
    assert_string_equal(error.text, "the Toit profile has no lasting (retained) messages");
    assert_false(mqtt_e2e_client_publish(client, "t", text, sizeof text, 0, false, NULL, &error));
    assert_string_equal(error.text, "a message of 65536 bytes: the Toit profile takes 65535 at most");
    assert_int_equal(mqtt_e2e_client_queued(client), 0);
    assert_true(mqtt_e2e_client_publish(client, "t", text, sizeof text - 1, 0, false, NULL, &error));
    RUN_UNTIL(b.count == 1);
    assert_int_equal(test_node_last(&b)->len, sizeof text - 1);
}

static void expect_refused(const mqtt_e2e_client_options *options, const char *text)
{
    mqtt_e2e_error error;

    assert_null(mqtt_e2e_client_new(options, &error));
    assert_string_equal(error.text, text);
}

/* Goal: options that don't go with it. */
static void test_options(void **state)
{
    mqtt_e2e_client_options options = b.options;
    static const uint8_t key[32] = {1};

    (void)state;
    options.time_source = true;
    expect_refused(&options, "the Toit profile has no time source");
    options = b.options;
    options.session.lasting_topics = 1;
    expect_refused(&options, "the Toit profile has no lasting messages");
    options = b.options;
    options.spool_dir = "spool";
    expect_refused(&options, "the Toit profile has no spool: nothing can be sealed anew in it");
    options = b.options;
    options.session.key = key;
    options.session.key_len = 32;
    expect_refused(&options, "a key of 256 bits: the Toit profile takes 128");
    options = b.options;
    options.session.profile = 7;
    expect_refused(&options, "profile 7 is unknown");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, one_broker_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_messages),        TEST(test_acknowledgement_lost),
        TEST(test_stale_in_flight), TEST(test_not_there),
        TEST(test_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
