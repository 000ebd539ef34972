/* SPDX-License-Identifier: MIT */
/* How connections come about, or do not: brokers that refuse, versions of MQTT, lists of hosts, proxies, client ids. */
#include "node.h"

#include <glob.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static test_broker broker;
static test_relay relay;
static test_node a, b;

static int set_up(void **state)
{
    (void)state;
    test_broker_init(&broker);
    test_relay_init(&relay, broker.port);
    test_use_relay(&relay);
    test_node_init(&a, broker.port);
    test_node_init(&b, broker.port);
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

/* Goal: the first host is dead; the second is used, soon. After a loss the first is tried again first. */
static void test_second_host(void **state)
{
    test_broker first;
    int64_t start = e2e_clock_boot();

    (void)state;
    test_broker_start(&broker);
    test_broker_init(&first);
    a.hosts[1] = a.hosts[0];
    a.hosts[0].port = first.port;
    a.options.host_count = 2;
    a.options.backoff_min_ms = 300;
    start_node(&a);
    assert_true(e2e_clock_boot() - start < 5000);
    assert_int_equal(a.failed, 1);
    assert_int_equal(a.connected, 1);
    test_node_publish(&a, "a", "x", 1, false);
    RUN_UNTIL(a.published == 1);
    test_broker_start(&first);
    test_broker_stop(&broker);
    RUN_UNTIL(a.disconnected == 1);
    RUN_UNTIL(a.connected == 2);
    assert_non_null(strstr(a.broker, ":"));
    assert_int_equal(atoi(strchr(a.broker, ':') + 1), first.port);
    test_node_publish(&a, "a", "x", 2, false);
    RUN_UNTIL(a.published == 2);
    test_broker_free(&first);
}

/* Goal: what was under way at one broker goes out at the next. */
static void test_failover_in_flight(void **state)
{
    test_broker second;

    (void)state;
    test_broker_start(&broker);
    test_broker_init(&second);
    test_broker_start(&second);
    a.hosts[0].port = relay.port;
    a.hosts[1] = a.hosts[0];
    a.hosts[1].port = second.port;
    a.options.host_count = 2;
    a.options.name = "failing over";
    a.options.persistent = true;
    b.hosts[0].port = second.port;
    start_node(&a);
    start_node(&b);
    test_node_subscribe(&b, "#", 2);
    relay.deaf = true;
    test_node_publish(&a, "a", "one", 1, false);
    test_node_publish(&a, "a", "two", 2, false);
    test_settle(50);
    relay.refuse = true;
    test_relay_cut(&relay);
    RUN_UNTIL(b.count == 2 && a.published == 2);
    assert_int_equal(test_node_got(&b, "one") + test_node_got(&b, "two"), 2);
    test_broker_free(&second);
}

/* Goal: a host that takes connections and says nothing is given up, and the next is tried. */
static void test_silent_host(void **state)
{
    (void)state;
    test_broker_start(&broker);
    relay.deaf = true;
    a.hosts[1] = a.hosts[0];
    a.hosts[0].port = relay.port;
    a.options.host_count = 2;
    a.options.connect_ms = 300;
    start_node(&a);
    assert_int_equal(a.failed, 1);
    assert_int_equal(atoi(strchr(a.broker, ':') + 1), broker.port);
}

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
    assert_int_equal(a.client->brokers[0].inflight_count, 2);
    assert_int_equal(send(answerer, "\x40\x02\x00\x01", 4, MSG_NOSIGNAL), 4);
    RUN_UNTIL(a.published == 1);
    assert_int_equal(a.client->brokers[0].inflight_count, 2);
    assert_int_equal(mqtt_e2e_client_queued(a.client), 4);
}

/* Goal: a broker that falls silent is noticed by the keep-alive time. */
static void test_keep_alive(void **state)
{
    int64_t start = e2e_clock_boot();

    (void)state;
    a.options.keep_alive = 5;
    test_node_start(&a);
    ANSWER("\x20\x02\x00\x00");
    RUN_UNTIL(a.disconnected == 1);
    assert_string_equal(a.why, "the broker did not answer within the keep-alive time");
    assert_true(e2e_clock_boot() - start < 14000);
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
        cmocka_unit_test_setup_teardown(test_wrong_password, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_password_5, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_subscription_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_publish_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_longest_packet_5, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_versions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_second_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failover_in_flight, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silent_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_listens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_taken_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_a_broker, listen_for_client, stop_listening),
        cmocka_unit_test_setup_teardown(test_refusals, listen_for_client, stop_listening),
        cmocka_unit_test_setup_teardown(test_reasons, listen_for_client, stop_listening),
        cmocka_unit_test_setup_teardown(test_receive_maximum, listen_for_client, stop_listening),
        cmocka_unit_test_setup_teardown(test_keep_alive, listen_for_client, stop_listening),
        cmocka_unit_test_setup_teardown(test_proxy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_idle, set_up, tear_down),
    };

    cmocka_set_test_filter(getenv("TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
