/* SPDX-License-Identifier: MIT */
#include "node.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define ALL_MAX 16

/* libmosquitto never frees the name of a proxy; we leave it an empty one. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:mosquitto_socks5_set\n";
}

static test_node *nodes[ALL_MAX];
static test_plain *plains[ALL_MAX];
static test_relay *relays[ALL_MAX];

/* ---- What nodes are called back about -------------------------------------------------------------- */

static void on_event(mqtt_e2e_client *client, mqtt_e2e_client_event event, const mqtt_e2e_broker_news *news,
                     void *context)
{
    test_node *node = context;

    (void)client;
    node->connected += event == MQTT_E2E_CONNECTED;
    node->disconnected += event == MQTT_E2E_DISCONNECTED;
    node->failed += event == MQTT_E2E_FAILED;
    snprintf(node->why, sizeof node->why, "%s", news->why);
    snprintf(node->broker, sizeof node->broker, "%s", news->broker);
    node->retry_ms = news->retry_ms;
    node->code = news->code;
}

static void copy_text(char *out, size_t size, mqtt_e2e_bytes text)
{
    size_t n = text.len < size ? text.len : size - 1;

    memcpy(out, text.data, n);
    out[n] = '\0';
}

static void on_message(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    const mqtt_e2e_message *message = delivery->message;
    test_node *node = context;
    test_message *got = &node->got[node->count++ % TEST_KEPT];
    char answer[80];

    copy_text(got->topic, sizeof got->topic, message->topic);
    copy_text(got->payload, sizeof got->payload, message->payload);
    got->len = message->payload.len;
    got->kind = message->kind;
    got->id = message->id;
    got->old = message->old;
    got->retain = delivery->retain;
    got->qos = delivery->qos;
    if (message->kind != MQTT_E2E_REQUEST || !node->answer)
        return;
    snprintf(answer, sizeof answer, "re: %s", got->payload);
    assert_true(mqtt_e2e_client_reply(client, &message->id, answer, strlen(answer), delivery->qos, NULL));
}

static void on_refused(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    test_node *node = context;

    (void)client;
    node->refused[delivery->status]++;
}

static void on_published(mqtt_e2e_client *client, uint64_t ticket, const mqtt_e2e_error *error, void *context)
{
    test_node *node = context;

    (void)client;
    node->published += error == NULL;
    node->unpublished += error != NULL;
    node->ticket = ticket;
    if (error != NULL)
        snprintf(node->publish_error, sizeof node->publish_error, "%s", error->text);
}

static void on_subscribed(mqtt_e2e_client *client, const char *filter, bool granted, int qos, void *context)
{
    test_node *node = context;

    (void)client;
    (void)qos;
    node->granted += granted;
    node->rejected += !granted;
    if (!granted)
        snprintf(node->rejected_filter, sizeof node->rejected_filter, "%s", filter);
}

static void on_debug(mqtt_e2e_client *client, const char *text, void *context)
{
    (void)client;
    fprintf(stderr, "  %p %s\n", context, text);
}

static bool on_reply(mqtt_e2e_client *client, mqtt_e2e_answer answer, const mqtt_e2e_delivery *delivery,
                     void *context)
{
    test_node *node = context;

    (void)client;
    if (answer == MQTT_E2E_TIMED_OUT) {
        assert_null(delivery);
        node->timeouts++;
        return false;
    }
    node->answers++;
    copy_text(node->answer_text, sizeof node->answer_text, delivery->message->payload);
    return !node->one_answer;
}

/* ---- Nodes --------------------------------------------------------------------------------------- */

void test_node_init(test_node *node, uint16_t port)
{
    memset(node, 0, sizeof *node);
    mqtt_e2e_client_defaults(&node->options);
    strcpy(node->hosts[0].name, "127.0.0.1");
    node->hosts[0].port = port;
    node->options.hosts = node->hosts;
    node->options.host_count = 1;
    node->options.session.key = TEST_KEY;
    node->options.session.key_len = 16;
    node->options.session.streams = 16;
    node->options.backoff_min_ms = 50;
    node->options.backoff_max_ms = 400;
    node->options.on_event = on_event;
    node->options.on_refused = on_refused;
    node->options.on_published = on_published;
    node->options.on_subscribed = on_subscribed;
    node->options.on_debug = getenv("TEST_DEBUG") != NULL ? on_debug : NULL;
    node->options.context = node;
}

void test_node_start(test_node *node)
{
    mqtt_e2e_error error;
    int i = 0;

    node->client = mqtt_e2e_client_new(&node->options, &error);
    if (node->client == NULL)
        fail_msg("no client: %s", error.text);
    while (nodes[i] != NULL)
        i++;
    assert_true(i < ALL_MAX);
    nodes[i] = node;
}

void test_node_free(test_node *node)
{
    mqtt_e2e_client_free(node->client);
    node->client = NULL;
    for (int i = 0; i < ALL_MAX; i++)
        if (nodes[i] == node)
            nodes[i] = NULL;
}

void test_node_connect(test_node *node, uint16_t port)
{
    test_node_init(node, port);
    test_node_start(node);
    RUN_UNTIL(mqtt_e2e_client_connected(node->client));
}

void test_node_subscribe(test_node *node, const char *filter, int qos)
{
    unsigned before = node->granted;

    assert_true(mqtt_e2e_client_subscribe(node->client, filter, qos, on_message, node, NULL));
    RUN_UNTIL(node->granted > before);
}

void test_node_publish(test_node *node, const char *topic, const char *payload, int qos, bool retain)
{
    mqtt_e2e_error error;

    if (!mqtt_e2e_client_publish(node->client, topic, payload, strlen(payload), qos, retain, NULL, &error))
        fail_msg("not queued: %s", error.text);
}

void test_node_request(test_node *node, const char *topic, const char *payload, uint32_t timeout_ms)
{
    mqtt_e2e_error error;

    if (!mqtt_e2e_client_request(node->client, topic, payload, strlen(payload), 1, timeout_ms, on_reply, node,
                                 &error))
        fail_msg("not queued: %s", error.text);
}

unsigned test_node_got(const test_node *node, const char *payload)
{
    unsigned n = 0;

    for (unsigned i = 0; i < node->count && i < TEST_KEPT; i++)
        n += strcmp(node->got[i].payload, payload) == 0;
    return n;
}

const test_message *test_node_last(const test_node *node)
{
    assert_true(node->count > 0);
    return &node->got[(node->count - 1) % TEST_KEPT];
}

/* ---- Plain clients --------------------------------------------------------------------------------- */

static void plain_on_connect(struct mosquitto *mosq, void *context, int code)
{
    test_plain *plain = context;

    (void)mosq;
    plain->up = code == 0;
}

static void plain_on_subscribe(struct mosquitto *mosq, void *context, int mid, int count, const int *granted)
{
    test_plain *plain = context;

    (void)mosq;
    (void)mid;
    (void)count;
    plain->subscribed = granted[0] < 128;
}

static void plain_on_message(struct mosquitto *mosq, void *context, const struct mosquitto_message *message)
{
    test_plain *plain = context;

    (void)mosq;
    plain->count++;
    snprintf(plain->topic, sizeof plain->topic, "%s", message->topic);
    plain->len = (size_t)message->payloadlen;
    plain->retain = message->retain;
    if (plain->len > 0 && plain->len <= sizeof plain->payload)
        memcpy(plain->payload, message->payload, plain->len);
}

void test_plain_connect(test_plain *plain, uint16_t port, const char *filter)
{
    int i = 0;

    memset(plain, 0, sizeof *plain);
    mosquitto_lib_init();
    plain->mosq = mosquitto_new(NULL, true, plain);
    assert_non_null(plain->mosq);
    mosquitto_connect_callback_set(plain->mosq, plain_on_connect);
    mosquitto_subscribe_callback_set(plain->mosq, plain_on_subscribe);
    mosquitto_message_callback_set(plain->mosq, plain_on_message);
    assert_int_equal(mosquitto_connect(plain->mosq, "127.0.0.1", port, 60), 0);
    while (plains[i] != NULL)
        i++;
    assert_true(i < ALL_MAX);
    plains[i] = plain;
    RUN_UNTIL(plain->up);
    if (filter == NULL)
        return;
    assert_int_equal(mosquitto_subscribe(plain->mosq, NULL, filter, 2), 0);
    RUN_UNTIL(plain->subscribed);
}

void test_plain_publish(test_plain *plain, const char *topic, const void *payload, size_t len)
{
    assert_int_equal(mosquitto_publish(plain->mosq, NULL, topic, (int)len, payload, 0, false), 0);
}

void test_plain_free(test_plain *plain)
{
    mosquitto_disconnect(plain->mosq);
    mosquitto_destroy(plain->mosq);
    for (int i = 0; i < ALL_MAX; i++)
        if (plains[i] == plain)
            plains[i] = NULL;
}

/* ---- Turns --------------------------------------------------------------------------------------- */

void test_use_relay(test_relay *used)
{
    int i = 0;

    if (used == NULL)
        memset(relays, 0, sizeof relays);
    while (used != NULL && relays[i] != NULL && relays[i] != used)
        i++;
    if (used != NULL)
        relays[i] = used;
}

/* As a program's loop does: a node that forgets to say when it has something to do sleeps here too. */
static void turn(const test_node *node, short events)
{
    if (node->client != NULL && (events != 0 || mqtt_e2e_client_timeout(node->client) == 0))
        mqtt_e2e_client_loop(node->client);
}

void test_step(void)
{
    struct pollfd fds[ALL_MAX];
    int timeout = 5; /* relays and plain clients are asked that often */

    for (int i = 0; i < ALL_MAX; i++) {
        int due = nodes[i] != NULL ? mqtt_e2e_client_timeout(nodes[i]->client) : -1;

        timeout = due >= 0 && due < timeout ? due : timeout;
        fds[i] = (struct pollfd){nodes[i] != NULL ? mqtt_e2e_client_fd(nodes[i]->client) : -1, POLLIN, 0};
    }
    poll(fds, ALL_MAX, timeout);
    for (int i = 0; i < ALL_MAX; i++)
        if (nodes[i] != NULL)
            turn(nodes[i], fds[i].revents);
    for (int i = 0; i < ALL_MAX && relays[i] != NULL; i++)
        test_relay_step(relays[i]);
    for (int i = 0; i < ALL_MAX; i++)
        if (plains[i] != NULL)
            mosquitto_loop(plains[i]->mosq, 0, 1);
}

void test_settle(int ms)
{
    for (int64_t end = e2e_clock_boot() + ms; e2e_clock_boot() < end;)
        test_step();
}

static void describe(const test_node *node)
{
    print_message(
        "node %p: connected %u, lost %u, failed %u (%s); received %u; published %u, not %u; queued %zu;"
        " subscribed %u, not %u; answers %u, timeouts %u; refused",
        (const void *)node, node->connected, node->disconnected, node->failed, node->why, node->count,
        node->published, node->unpublished, mqtt_e2e_client_queued(node->client), node->granted,
        node->rejected, node->answers, node->timeouts);
    for (int status = 1; status < MQTT_E2E_CAUSES; status++)
        if (node->refused[status] > 0)
            print_message(" %u %s", node->refused[status], mqtt_e2e_status_text((mqtt_e2e_status)status));
    print_message("\n");
}

bool test_describe(void)
{
    for (int i = 0; i < ALL_MAX; i++)
        if (nodes[i] != NULL)
            describe(nodes[i]);
    return true;
}
