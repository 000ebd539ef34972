/* SPDX-License-Identifier: MIT */
/* Brokers that refuse: connections, subscriptions, messages; and servers that are none. */
#include "node.h"

#include <glob.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static test_broker broker;
static test_node a, b;

static int set_up(void **state)
{
    (void)state;
    test_broker_init(&broker);
    test_node_init(&a, broker.port);
    test_node_init(&b, broker.port);
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

static void start_node(test_node *node)
{
    test_node_start(node);
    RUN_UNTIL(mqtt_e2e_client_connected(node->client));
}

/* ---- Refusals ------------------------------------------------------------------------------------- */

static void make_password_file(void)
{
    test_run(&broker, "mosquitto_passwd -b -c passwords anna 'right one'");
    test_broker_configure(&broker, "allow_anonymous false\npassword_file %s\n",
                          test_broker_file(&broker, "passwords", NULL));
    test_broker_start(&broker);
}

/* Goal: a wrong password is told in words, retried at growing intervals, and never shown. */
static void wrong_password(int version, int code)
{
    unsigned attempts;

    make_password_file();
    a.options.mqtt_version = b.options.mqtt_version = version;
    a.options.user = b.options.user = "anna";
    a.options.password = "wrong one";
    b.options.password = "right one";
    test_node_start(&a);
    RUN_UNTIL(a.failed == 1);
    assert_non_null(strstr(a.why, "refused user name or password"));
    assert_null(strstr(a.why, "wrong one"));
    assert_int_equal(a.code, code);
    assert_true(a.retry_ms >= 25 && a.retry_ms <= 50);
    RUN_UNTIL(a.failed == 4);
    assert_true(a.retry_ms >= 200 && a.retry_ms <= 400);
    attempts = a.failed;
    test_settle(400);
    assert_true(a.failed - attempts <= 2);
    assert_int_equal(a.connected + a.disconnected, 0);
    start_node(&b);
}

static void test_wrong_password(void **state)
{
    (void)state;
    wrong_password(4, 5);
}

static void test_wrong_password_5(void **state)
{
    (void)state;
    wrong_password(5, 0x87);
}

static const char *find_dynamic_security(void)
{
    static char path[256];
    glob_t found;

    if (glob("/usr/lib/*/mosquitto_dynamic_security.so", 0, NULL, &found) != 0)
        return NULL;
    snprintf(path, sizeof path, "%s", found.gl_pathv[0]);
    globfree(&found);
    return path;
}

/* A broker that lets nobody subscribe, and publish only if `publish`. */
static void start_strict_broker(const char *publish)
{
    const char *plugin = find_dynamic_security();
    char rules[512];

    if (plugin == NULL) {
        print_message("no mosquitto_dynamic_security.so: skipped\n");
        skip();
    }
    snprintf(rules, sizeof rules,
             "{\"defaultACLAccess\":{\"publishClientSend\":%s,\"publishClientReceive\":true,"
             "\"subscribe\":false,\"unsubscribe\":true},\"clients\":[],\"groups\":[],\"roles\":[]}",
             publish);
    test_broker_configure(&broker, "plugin %s\nplugin_opt_config_file %s\n", plugin,
                          test_broker_file(&broker, "rules.json", rules));
    test_broker_start(&broker);
}

/* Goal: a subscription that the broker refuses is reported; so is the reply topic of requests. */
static void test_subscription_refused(void **state)
{
    (void)state;
    start_strict_broker("true");
    start_node(&a);
    assert_true(mqtt_e2e_client_subscribe(a.client, "iot/kitchen", 1, NULL, NULL, NULL));
    RUN_UNTIL(a.rejected == 1);
    assert_string_equal(a.rejected_filter, "iot/kitchen");
    test_node_request(&a, "iot/kitchen", "?", 300);
    RUN_UNTIL(a.rejected == 2);
    assert_memory_equal(a.rejected_filter, "~reply/", 7);
    test_node_publish(&a, "iot/kitchen", "goes through", 1, false); /* nobody waits for the request */
    RUN_UNTIL(a.published == 1);
    RUN_UNTIL(a.timeouts == 1);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 0);
    assert_int_equal(a.granted, 0);
}

/* Goal: MQTT 5 says when a message was refused; that reaches on_published. */
static void test_publish_refused(void **state)
{
    (void)state;
    start_strict_broker("false");
    a.options.mqtt_version = 5;
    start_node(&a);
    for (int qos = 1; qos <= 2; qos++) {
        test_node_publish(&a, "iot/kitchen", "x", qos, false);
        RUN_UNTIL(a.unpublished == (unsigned)qos);
        assert_non_null(strstr(a.publish_error, "the broker refused the message"));
    }
    assert_int_equal(mqtt_e2e_client_queued(a.client), 0);
}

/* Goal: what an MQTT 5 broker says that it does not take is told before it is sent; the rest goes through. */
static void test_limits(void **state)
{
    static char large[3000];

    (void)state;
    test_broker_configure(&broker, "max_qos 1\nretain_available false\nmax_packet_size 2000\n");
    test_broker_start(&broker);
    a.options.mqtt_version = 5;
    start_node(&a);
    start_node(&b);
    test_node_subscribe(&b, "#", 1);
    test_node_publish(&a, "a", "x", 2, false);
    RUN_UNTIL(a.unpublished == 1);
    assert_string_equal(a.publish_error, "the broker takes messages up to QoS 1 only");
    for (int qos = 0; qos <= 1; qos++) {
        test_node_publish(&a, "a", "x", qos, true);
        RUN_UNTIL(a.unpublished == 2 + 2 * (unsigned)qos);
        assert_string_equal(a.publish_error, "the broker keeps no lasting (retained) messages");
        assert_true(mqtt_e2e_client_publish(a.client, "a", large, sizeof large, qos, false, NULL, NULL));
        RUN_UNTIL(a.unpublished == 3 + 2 * (unsigned)qos);
        assert_string_equal(a.publish_error, "the packet is longer than the broker takes");
    }
    test_node_publish(&a, "a", "fits", 1, false);
    RUN_UNTIL(b.count == 1 && a.published == 1);
    assert_int_equal(a.disconnected, 0);
}

/* Goal: with MQTT 5 the broker knows how long packets we take, and sends no longer ones. */
static void test_longest_packet_5(void **state)
{
    static char large[200000];

    (void)state;
    test_broker_start(&broker);
    b.options.mqtt_version = 5;
    b.options.session.longest_packet = 1000;
    start_node(&a);
    start_node(&b);
    test_node_subscribe(&b, "#", 1);
    assert_true(mqtt_e2e_client_publish(a.client, "a", large, sizeof large, 1, false, NULL, NULL));
    test_node_publish(&a, "a", "short", 1, false);
    RUN_UNTIL(b.count == 1);
    assert_int_equal(b.refused[MQTT_E2E_MALFORMED], 0);
}

/* Goal: MQTT 3.1.1 has no way to say that a message is too long but to close: it is found among others, and given up. */
static void test_closes_on_message(void **state)
{
    static char large[3000];

    (void)state;
    test_broker_configure(&broker, "max_packet_size 2000\n");
    test_broker_start(&broker);
    b.hosts[0].port = broker.port;
    start_node(&a);
    start_node(&b);
    test_node_subscribe(&b, "#", 1);
    for (unsigned round = 1; round <= 2; round++) {
        for (int i = 0; i < 3; i++)
            test_node_publish(&a, "a", "innocent", 1, false);
        assert_true(mqtt_e2e_client_publish(a.client, "a", large, sizeof large, 1, false, NULL, NULL));
        for (int i = 0; i < 3; i++)
            test_node_publish(&a, "a", "innocent", 1, false);
        RUN_UNTIL(a.unpublished == round && a.published == 6 * round && b.count == 6 * round);
        assert_non_null(strstr(a.publish_error, "closes the connection whenever"));
        test_node_free(&a);
        if (round == 2)
            break;
        a.options.name = "persistent too"; /* where libmosquitto would send all again by itself */
        a.options.persistent = true;
        start_node(&a);
    }
}

/* ---- A server that answers as the test wants ---------------------------------------------------------- */

static int listener, answerer = -1;

static int listen_for_client(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;

    set_up(state);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    a.hosts[0].port = ntohs(address.sin_port);
    return 0;
}

static int stop_listening(void **state)
{
    close(listener);
    close(answerer);
    return tear_down(state);
}

/* Takes the next connection, and sends `len` bytes when the client has sent something. */
static void answer(const void *data, size_t len)
{
    char sent[1024];

    close(answerer);
    RUN_UNTIL((answerer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
    RUN_UNTIL(recv(answerer, sent, sizeof sent, 0) > 0);
    assert_int_equal(send(answerer, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

#define ANSWER(bytes) answer(bytes, sizeof(bytes) - 1)

/* Goal: something that is no broker. */
static void test_not_a_broker(void **state)
{
    (void)state;
    test_node_start(&a);
    ANSWER("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: "
           "5\r\n\r\nwhat?");
    RUN_UNTIL(a.failed == 1);
    assert_non_null(strstr(a.why, "speaks no MQTT"));
    ANSWER("");
    close(answerer);
    answerer = -1;
    RUN_UNTIL(a.failed == 2);
    assert_non_null(strstr(a.why, "closed before the broker answered"));
    ANSWER("\x20\x02\x00\x00\xff\xff\xff\xff\xff\xff"); /* a CONNACK, and a length of five bytes */
    RUN_UNTIL(a.disconnected == 1);
    assert_non_null(strstr(a.why, "speaks no MQTT"));
}

/* Goal: each refusal of MQTT 3.1.1 has its words and its code. */
static void test_refusals(void **state)
{
    static const char *const words[] = {"does not speak this version", "client id", "not available",
                                        "user name or password", "not authorized"};
    char connack[] = "\x20\x02\x00\x00";

    (void)state;
    a.options.backoff_max_ms = 50;
    test_node_start(&a);
    for (unsigned i = 0; i < 5; i++) {
        connack[3] = (char)(i + 1);
        answer(connack, 4);
        RUN_UNTIL(a.failed == i + 1);
        assert_non_null(strstr(a.why, words[i]));
        assert_int_equal(a.code, i + 1);
    }
}

/* Goal: MQTT 5 says why it refuses, and why it ends a connection. */
static void test_reasons(void **state)
{
    (void)state;
    a.options.mqtt_version = 5;
    test_node_start(&a);
    ANSWER("\x20\x03\x00\x86\x00");
    RUN_UNTIL(a.failed == 1);
    assert_string_equal(a.why, "the broker refused user name or password");
    assert_int_equal(a.code, 0x86);
    ANSWER("\x20\x03\x00\x8a\x00");
    RUN_UNTIL(a.failed == 2);
    assert_string_equal(a.why, "the broker has banned us");
    ANSWER("\x20\x02\x00\x01"); /* a broker that knows MQTT 3 only */
    RUN_UNTIL(a.failed == 3);
    assert_string_equal(a.why, "the broker does not speak this version of MQTT");
    ANSWER("\x20\x03\x00\x00\x00\xe0\x01\x98");
    RUN_UNTIL(a.disconnected == 1);
    assert_string_equal(a.why, "the broker ended the connection: administrative action");
    assert_int_equal(a.code, 0x98); /* MQTT 5 §3.14.2.1 */
}

/* Goal: an MQTT 5 broker may say how many messages it takes in flight. */
static void test_receive_maximum(void **state)
{
    (void)state;
    a.options.mqtt_version = 5;
    test_node_start(&a);
    ANSWER("\x20\x06\x00\x00\x03\x21\x00\x02"); /* receive maximum 2 */
    RUN_UNTIL(a.connected == 1);
    for (int i = 0; i < 5; i++)
        test_node_publish(&a, "a", "x", 1, false);
    assert_int_equal(a.client->brokers[0].unacked_count, 2);
    assert_int_equal(send(answerer, "\x40\x02\x00\x01", 4, MSG_NOSIGNAL), 4);
    RUN_UNTIL(a.published == 1);
    assert_int_equal(a.client->brokers[0].unacked_count, 2);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 4);
}

/* Goal: a broker that acknowledges QoS 2 as if it were QoS 1, as RabbitMQ does, breaks the protocol: the message is given up, and
 * that is said, rather than sent again for ever. */
static void test_puback_for_qos_2(void **state)
{
    uint8_t sent[1024];

    (void)state;
    test_node_start(&a);
    test_node_publish(&a, "a", "x", 2, false);
    for (unsigned round = 1; a.unpublished == 0; round++) {
        assert_true(round < 10);
        ANSWER("\x20\x02\x00\x00");
        RUN_UNTIL(recv(answerer, sent, sizeof sent, 0) > 0); /* the PUBLISH: its packet identifier is 1 */
        assert_int_equal(send(answerer, "\x40\x02\x00\x01", 4, MSG_NOSIGNAL), 4);
        RUN_UNTIL(a.disconnected == round);
        test_settle(20);
    }
    assert_non_null(strstr(a.publish_error, "answers this message against the rules"));
    assert_int_equal(mqtt_e2e_client_queued(a.client), 0);
}

/* Goal: a broker that falls silent is noticed within one and a half keep-alives. */
static void test_keep_alive(void **state)
{
    int64_t start = e2e_clock_boot();

    (void)state;
    a.options.keep_alive = 5;
    test_node_start(&a);
    ANSWER("\x20\x02\x00\x00");
    RUN_UNTIL(a.disconnected == 1);
    assert_non_null(strstr(a.why, "nothing was heard from the broker for 7."));
    assert_true(e2e_clock_boot() - start < 7700); /* 7,500 and the time to connect */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_wrong_password, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_password_5, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_subscription_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_publish_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_longest_packet_5, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_closes_on_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_a_broker, listen_for_client, stop_listening),
        cmocka_unit_test_setup_teardown(test_refusals, listen_for_client, stop_listening),
        cmocka_unit_test_setup_teardown(test_reasons, listen_for_client, stop_listening),
        cmocka_unit_test_setup_teardown(test_receive_maximum, listen_for_client, stop_listening),
        cmocka_unit_test_setup_teardown(test_puback_for_qos_2, listen_for_client, stop_listening),
        cmocka_unit_test_setup_teardown(test_keep_alive, listen_for_client, stop_listening),
    };

    cmocka_set_test_filter(getenv("TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
