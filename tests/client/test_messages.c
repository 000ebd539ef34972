/* SPDX-License-Identifier: MIT */
/* Messages between clients through a real broker: what arrives, and what is refused. */
#include "node.h"

#include <stdlib.h>
#include <string.h>

static test_broker broker;
static test_node a, b;
static test_plain spy;

static int set_up(void **state)
{
    (void)state;
    test_broker_init(&broker);
    test_broker_start(&broker);
    test_node_connect(&a, broker.port);
    test_node_connect(&b, broker.port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_node_free(&a);
    test_node_free(&b);
    test_broker_free(&broker);
    return 0;
}

/* Goal: each QoS arrives as what it was sent, once, and is told as published. */
static void test_qos(void **state)
{
    uint64_t ticket = 0;

    (void)state;
    test_node_subscribe(&b, "iot/kitchen", 2);
    for (int qos = 0; qos <= 2; qos++) {
        char payload[] = "qos 0";

        payload[4] = (char)('0' + qos);
        assert_true(mqtt_e2e_client_publish(a.client, "iot/kitchen", payload, 5, qos, false, &ticket, NULL));
        RUN_UNTIL(b.count == (unsigned)qos + 1 && a.published == (unsigned)qos + 1);
        assert_string_equal(test_node_last(&b)->topic, "iot/kitchen");
        assert_string_equal(test_node_last(&b)->payload, payload);
        assert_int_equal(test_node_last(&b)->qos, qos);
        assert_int_equal(test_node_last(&b)->kind, MQTT_E2E_MESSAGE);
        assert_true(a.ticket == ticket && ticket != 0);
        assert_int_equal(mqtt_e2e_client_queued(a.client), 0);
    }
    assert_int_equal(a.unpublished, 0);
}

/* Goal: payloads of 0 bytes, with NUL, and of 1 MiB come out as they went in. */
static void test_payloads(void **state)
{
    static char large[1 << 20];

    (void)state;
    test_node_subscribe(&b, "a", 1);
    assert_true(mqtt_e2e_client_publish(a.client, "a", NULL, 0, 1, false, NULL, NULL));
    RUN_UNTIL(b.count == 1);
    assert_int_equal(test_node_last(&b)->len, 0);
    assert_true(mqtt_e2e_client_publish(a.client, "a", "x\0y", 3, 0, false, NULL, NULL));
    RUN_UNTIL(b.count == 2);
    assert_int_equal(test_node_last(&b)->len, 3);
    assert_memory_equal(test_node_last(&b)->payload, "x\0y", 3);
    memset(large, 'z', sizeof large);
    for (int qos = 0; qos <= 1; qos++) {
        assert_true(mqtt_e2e_client_publish(a.client, "a", large, sizeof large, qos, false, NULL, NULL));
        RUN_UNTIL(b.count == 3 + (unsigned)qos);
        assert_int_equal(test_node_last(&b)->len, sizeof large);
    }
    assert_true(mqtt_e2e_client_drain(a.client, TEST_MS));
}

/* Goal: the broker sees neither topic nor payload, and only lasting messages bear the retain flag. */
static void test_what_the_broker_sees(void **state)
{
    char base[MQTT_E2E_BASE_SIZE];

    (void)state;
    test_plain_connect(&spy, broker.port, "#");
    test_node_publish(&a, "iot/kitchen", "secret words", 1, false);
    RUN_UNTIL(spy.count == 1);
    mqtt_e2e_key_base(&mqtt_e2e_openssl, TEST_KEY, 16, base);
    assert_memory_equal(spy.topic, base, strlen(base));
    assert_null(strstr(spy.topic, "iot"));
    assert_null(strstr(spy.topic, "kitchen"));
    assert_int_equal(spy.len, MQTT_E2E_SEALED_SIZE(12, 50));
    assert_null(memmem(spy.payload, spy.len, "secret", 6));
    assert_false(spy.retain);
    test_plain_free(&spy);
}

/* Goal: a lasting message is handed to a late subscriber, while it is fresh to everyone. */
static void test_lasting(void **state)
{
    (void)state;
    test_node_publish(&a, "state/door", "open", 1, true);
    RUN_UNTIL(a.published == 1);
    test_node_subscribe(&b, "state/+", 1);
    /* It was sealed before b started? No: b connected first, so its floor is older. */
    RUN_UNTIL(b.count == 1);
    assert_int_equal(test_node_last(&b)->kind, MQTT_E2E_LASTING);
    assert_true(test_node_last(&b)->retain);
    assert_false(test_node_last(&b)->old);
}

/* Goal: one that started after it was sealed gets it only if it asked for lasting messages, marked old, and once. */
static void test_lasting_old(void **state)
{
    test_node late, asks;

    (void)state;
    test_node_publish(&a, "state/window", "ajar", 1, true);
    RUN_UNTIL(a.published == 1);
    test_settle(5); /* the clock has milliseconds */
    test_node_connect(&late, broker.port);
    test_node_subscribe(&late, "state/window", 1);
    RUN_UNTIL(late.refused[MQTT_E2E_STALE] == 1);
    assert_int_equal(late.count, 0);
    test_node_init(&asks, broker.port);
    asks.options.session.lasting_topics = 16;
    test_node_start(&asks);
    RUN_UNTIL(mqtt_e2e_client_connected(asks.client));
    test_node_subscribe(&asks, "state/window", 1);
    RUN_UNTIL(asks.count == 1);
    assert_true(test_node_last(&asks)->old);
    assert_string_equal(test_node_last(&asks)->payload, "ajar");
    test_node_subscribe(&asks, "state/window", 1); /* the broker sends it again */
    RUN_UNTIL(asks.refused[MQTT_E2E_STALE] == 1);
    assert_int_equal(asks.count, 1);
    test_node_free(&asks);
    test_node_free(&late);
}

/* Goal: wildcards work though topics are hidden; each matching subscription is called; reserved levels are not matched. */
static void test_wildcards(void **state)
{
    (void)state;
    test_node_subscribe(&b, "iot/+/temperature", 1);
    test_node_subscribe(&b, "#", 1);
    test_node_publish(&a, "iot/kitchen/temperature", "21", 1, false);
    RUN_UNTIL(b.count == 2); /* twice: one for each */
    test_node_publish(&a, "iot/kitchen/humidity", "40", 1, false);
    RUN_UNTIL(b.count == 3);
    assert_int_equal(test_node_got(&b, "21"), 2);
    test_node_publish(&a, "$odd", "not for a leading wildcard", 1, false);
    test_node_request(&a, "nobody", "?", 200); /* what b sees of it is the request on `nobody` */
    RUN_UNTIL(a.timeouts == 1);
    test_settle(50);
    assert_int_equal(b.count, 4);
}

/* Goal: after unsubscribing nothing is called any more; subscribing again works. */
static void test_unsubscribe(void **state)
{
    mqtt_e2e_error error;

    (void)state;
    test_node_subscribe(&b, "x", 1);
    test_node_publish(&a, "x", "1", 1, false);
    RUN_UNTIL(b.count == 1);
    assert_true(mqtt_e2e_client_unsubscribe(b.client, "x", NULL));
    assert_false(mqtt_e2e_client_unsubscribe(b.client, "x", &error));
    assert_string_equal(error.text, "'x' is not subscribed to");
    test_node_subscribe(&b, "y", 1); /* its SUBACK says that the UNSUBSCRIBE has been seen too */
    test_node_publish(&a, "x", "2", 1, false);
    test_node_publish(&a, "y", "3", 1, false);
    RUN_UNTIL(b.count == 2);
    assert_int_equal(test_node_got(&b, "2"), 0);
    test_node_subscribe(&b, "x", 1);
    test_node_publish(&a, "x", "4", 1, false);
    RUN_UNTIL(test_node_got(&b, "4") == 1);
}

/* Goal: a callback may subscribe, unsubscribe and publish; nothing gets lost or is called twice. */
static void busy_callback(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    unsigned *calls = context;

    (void)delivery;
    ++*calls;
    assert_true(mqtt_e2e_client_unsubscribe(client, "in", NULL));
    assert_true(mqtt_e2e_client_subscribe(client, "in", 1, busy_callback, context, NULL));
    for (int i = 0; i < 20; i++)
        assert_true(mqtt_e2e_client_publish(client, "out", "echo", 4, i % 3, false, NULL, NULL));
    mqtt_e2e_client_loop(client); /* does nothing here */
    mqtt_e2e_client_wait(client, -1);
    assert_false(mqtt_e2e_client_drain(client, -1));
}

static void test_calls_in_callbacks(void **state)
{
    unsigned calls = 0, granted = b.granted;

    (void)state;
    test_node_subscribe(&a, "out", 2);
    assert_true(mqtt_e2e_client_subscribe(b.client, "in", 1, busy_callback, &calls, NULL));
    RUN_UNTIL(b.granted > granted);
    for (unsigned i = 1; i <= 3; i++) {
        test_node_publish(&a, "in", "go", 1, false);
        RUN_UNTIL(calls == i && a.count == 20 * i && mqtt_e2e_client_queued(b.client) == 0);
    }
}

/* Goal: a captured packet, sent again by someone without the key, is refused; so is one moved to another topic. */
static void test_replay(void **state)
{
    char topic[256];

    (void)state;
    test_plain_connect(&spy, broker.port, "#");
    test_node_subscribe(&b, "#", 1);
    test_node_publish(&a, "door", "open", 1, false);
    RUN_UNTIL(b.count == 1 && spy.count == 1);
    strcpy(topic, spy.topic);
    test_plain_publish(&spy, topic, spy.payload, spy.len);
    RUN_UNTIL(b.refused[MQTT_E2E_REPLAY] == 1);
    test_node_publish(&a, "window", "closed", 1, false);
    RUN_UNTIL(b.count == 2 && strcmp(spy.topic, topic) != 0);
    assert_int_equal(a.refused[MQTT_E2E_OWN], 0);
    test_node_subscribe(&a, "#", 1);
    test_plain_publish(&spy, topic, spy.payload, spy.len);
    RUN_UNTIL(b.refused[MQTT_E2E_REPLAY] == 2); /* known stream and counter: rule 3 comes before rule 4 */
    RUN_UNTIL(a.refused[MQTT_E2E_OWN] == 1);
    spy.payload[spy.len - 1] ^= 1;
    test_plain_publish(&spy, topic, spy.payload, spy.len);
    RUN_UNTIL(b.refused[MQTT_E2E_FORGED] == 1);
    test_plain_publish(&spy, topic, "short", 5);
    RUN_UNTIL(b.refused[MQTT_E2E_MALFORMED] == 1);
    test_plain_publish(&spy, topic, "", 0);
    RUN_UNTIL(b.refused[MQTT_E2E_MALFORMED] == 2);
    *strrchr(topic, '/') = '\0';
    test_plain_publish(&spy, strcat(topic, "/clear"), spy.payload, spy.len);
    RUN_UNTIL(b.refused[MQTT_E2E_FORGED] == 2);
    assert_int_equal(b.count, 2);
    test_plain_free(&spy);
}

/* Goal: what is longer than the session's limit is malformed, whatever is in it. */
static void test_longest_packet(void **state)
{
    static char payload[2000];
    test_node small;

    (void)state;
    test_node_init(&small, broker.port);
    small.options.session.longest_packet = 1000;
    test_node_start(&small);
    RUN_UNTIL(mqtt_e2e_client_connected(small.client));
    test_node_subscribe(&small, "long", 1);
    assert_true(mqtt_e2e_client_publish(a.client, "long", payload, sizeof payload, 1, false, NULL, NULL));
    RUN_UNTIL(small.refused[MQTT_E2E_MALFORMED] == 1);
    assert_true(mqtt_e2e_client_publish(a.client, "long", payload, 900, 1, false, NULL, NULL));
    RUN_UNTIL(small.count == 1);
    test_node_free(&small);
}

/* Goal: another key hears nothing, and in the same base cannot read. */
static void test_other_key(void **state)
{
    test_node other;

    (void)state;
    test_node_init(&other, broker.port);
    other.options.session.key = (const uint8_t *)"another key here";
    other.options.session.base = mqtt_e2e_base(mqtt_e2e_client_session(a.client));
    test_node_start(&other);
    RUN_UNTIL(mqtt_e2e_client_connected(other.client));
    test_node_subscribe(&other, "#", 1);
    test_node_publish(&a, "iot/kitchen", "not for you", 1, false);
    RUN_UNTIL(other.refused[MQTT_E2E_FORGED] == 1);
    assert_int_equal(other.count, 0);
    test_node_free(&other);
}

/* Goal: topics in the clear, for who wants them so, and an own base. */
static void test_plain_topics(void **state)
{
    test_node c, d;

    (void)state;
    test_plain_connect(&spy, broker.port, "home/#");
    test_node_init(&c, broker.port);
    c.options.session.plain_topics = true;
    c.options.session.base = "home";
    test_node_start(&c);
    d = c;
    test_node_start(&d);
    d.options.context = &d;
    RUN_UNTIL(mqtt_e2e_client_connected(c.client) && mqtt_e2e_client_connected(d.client));
    assert_true(mqtt_e2e_client_subscribe(d.client, "iot/+", 1, NULL, NULL, NULL));
    test_settle(50);
    test_node_publish(&c, "iot/kitchen", "x", 1, false);
    RUN_UNTIL(spy.count == 1);
    assert_string_equal(spy.topic, "home/iot/kitchen");
    test_node_free(&d);
    test_node_free(&c);
    test_plain_free(&spy);
}

/* Goal: on a wire topic that is given as it is goes a packet of the key's, bound to that topic; and no topic that can't be one. */
static void test_wire_topics(void **state)
{
    mqtt_e2e_error error;

    (void)state;
    test_plain_connect(&spy, broker.port, "#");
    test_node_free(&b);
    test_node_init(&b, broker.port);
    b.options.session.plain_topics = true;
    b.options.session.base = "";
    test_node_start(&b);
    test_node_subscribe(&b, "fleet/#", 0);
    assert_true(mqtt_e2e_client_publish_wire(a.client, "fleet/x", "here", 4, false, &error));
    RUN_UNTIL(b.count == 1 && spy.count == 1);
    assert_string_equal(spy.topic, "fleet/x");
    assert_int_equal(spy.len, MQTT_E2E_SEALED_SIZE(4, 50));
    assert_false(spy.retain);
    assert_string_equal(test_node_last(&b)->payload, "here");
    assert_true(mqtt_e2e_client_publish_wire(a.client, "elsewhere", "here", 4, false, &error));
    RUN_UNTIL(spy.count == 2);
    test_plain_publish(&spy, "fleet/y", spy.payload, spy.len); /* moved */
    RUN_UNTIL(b.refused[MQTT_E2E_FORGED] == 1);
    assert_int_equal(b.count, 1);
    assert_true(mqtt_e2e_client_publish_wire(a.client, "fleet/x", "again", 5, true, &error));
    RUN_UNTIL(b.count == 2);
    assert_int_equal(test_node_last(&b)->kind, MQTT_E2E_LASTING);
    assert_int_equal(b.refused[MQTT_E2E_STALE], 0);
    assert_false(mqtt_e2e_client_publish_wire(a.client, "", "x", 1, false, &error));
    assert_false(mqtt_e2e_client_publish_wire(a.client, "~time", "x", 1, false, &error));
    assert_false(mqtt_e2e_client_publish_wire(a.client, "fleet/+", "x", 1, false, &error));
    assert_non_null(strstr(error.text, "fleet/+"));
    test_plain_free(&spy);
}

/* Goal: many messages arrive complete, over more topics than one. */
static void test_many(void **state)
{
    enum { N = 3000 };
    char topic[32], payload[32];
    unsigned sent = 0;

    (void)state;
    test_node_subscribe(&b, "many/+", 1);
    while (sent < N) {
        while (sent < N && mqtt_e2e_client_queued(a.client) < 500) {
            snprintf(topic, sizeof topic, "many/%u", sent % 7);
            snprintf(payload, sizeof payload, "%u", sent);
            test_node_publish(&a, topic, payload, sent % 3 == 0 ? 1 : 0, false);
            sent++;
        }
        test_step();
    }
    RUN_UNTIL(a.published == N && b.count == N);
    for (int status = 1; status < MQTT_E2E_CAUSES; status++)
        assert_int_equal(b.refused[status], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_qos, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_payloads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_the_broker_sees, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lasting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lasting_old, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wildcards, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unsubscribe, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_calls_in_callbacks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_longest_packet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_plain_topics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wire_topics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
    };

    cmocka_set_test_filter(getenv("TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
