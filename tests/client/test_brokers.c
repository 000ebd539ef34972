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

#include "node.h"

static test_broker first, second;
static test_relay relay;
static test_node a, b, c;

static void use_both(test_node *node, uint16_t port)
{
    node->hosts[0].port = port;
    node->hosts[1] = node->hosts[0];
    node->hosts[1].port = second.port;
    node->options.host_count = 2;
}

static int set_up(void **state)
{
    (void)state;
    test_broker_init(&first);
    test_broker_init(&second);
    test_broker_start(&first);
    test_broker_start(&second);
    test_relay_init(&relay, first.port);
    test_use_relay(&relay);
    test_node_init(&a, first.port);
    test_node_init(&b, first.port);
    test_node_init(&c, second.port);
    use_both(&a, relay.port);
    use_both(&b, first.port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_node_free(&a);
    test_node_free(&b);
    test_node_free(&c);
    test_use_relay(NULL);
    test_relay_free(&relay);
    test_broker_free(&first);
    test_broker_free(&second);
    return 0;
}

static mqtt_e2e_broker_info info(const test_node *node, size_t i)
{
    mqtt_e2e_broker_info info;

    assert_true(mqtt_e2e_client_broker(node->client, i, &info));
    return info;
}

static bool is_subscribed(const test_node *node, size_t i)
{
    e2e_subscription *subscription, *next;
    bool all = node->client->brokers[i].phase == E2E_UP;

    HASH_ITER(hh, node->client->subscriptions.by_filter, subscription, next)
    all &= subscription->links[i].state == E2E_LINK_GRANTED;
    return all;
}

static void start_both(void)
{
    test_node_start(&a);
    test_node_start(&b);
    test_node_subscribe(&b, "#", 1);
    RUN_UNTIL(info(&a, 0).connected && info(&a, 1).connected && is_subscribed(&b, 0) && is_subscribed(&b, 1));
}

static void publish_many(test_node *node, unsigned from, unsigned to, int qos)
{
    char text[16];

    for (unsigned i = from; i < to; i++) {
        snprintf(text, sizeof text, "%u", i);
        test_node_publish(node, "topic", text, qos, false);
    }
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
    set_up(state);
    test_relay_init(&other, second.port);
    test_use_relay(&other);
    a.hosts[1].port = other.port;
    a.options.session.clock_skew_ms = b.options.session.clock_skew_ms = 1000;
    return 0;
}

static int tear_down_relays(void **state)
{
    tear_down(state);
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
        cmocka_unit_test_setup_teardown(test_first_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dead_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_black_holes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silent_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_late_copies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_by_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kill_either, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reused_descriptor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drop_in_callback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ended_under_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_older_packet, set_up_relays, tear_down_relays),
        cmocka_unit_test_setup_teardown(test_again_elsewhere, set_up_relays, tear_down_relays),
        cmocka_unit_test_setup_teardown(test_request_once, set_up_relays, tear_down_relays),
        cmocka_unit_test_setup_teardown(test_again_qos0, set_up_relays, tear_down_relays),
        cmocka_unit_test_setup_teardown(test_clock_set, set_up_relays, tear_down_relays),
        cmocka_unit_test_setup_teardown(test_short_of_mids, set_up_relays, tear_down_relays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
