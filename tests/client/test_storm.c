/* SPDX-License-Identifier: MIT */
/*
 * Three brokers in a storm: what node `a` sends, and what `b` receives, goes through relays that are cut, muted, deaf or closed, at random,
 * from a seed. Brokers keep b's sessions, so what one has acknowledged comes to b some time. Then the weather clears up, and the accounts
 * must be right: no message twice, none of QoS 1 or 2 lost, each request ended once, nothing left in any list.
 *
 * TEST_SEED=N takes another storm, TEST_ONLY=test_spool one variant; without, each variant has its own, always the same. The kernel's timing adds to it, so a failure
 * may need some runs to come again.
 */
#include <stdlib.h>
#include <string.h>

#include "node.h"

#define BROKERS  3
#define MOST     1500 /* messages and requests in one storm */
#define STORM_MS 2000

static test_broker brokers[BROKERS];
static test_relay relays[2 * BROKERS]; /* a's, then b's */
static test_node a, b;
static uint32_t state_of_random;

static struct {
    unsigned count, requests;
    uint8_t qos[MOST];
    uint64_t ticket[MOST];
    bool failed[MOST]; /* on_published said so */
} sent;

typedef struct {
    int mqtt_version;
    bool spool, persistent, requests;
    uint16_t inflight;
} variant;

static uint32_t random_below(uint32_t n)
{
    state_of_random ^= state_of_random << 13; /* xorshift */
    state_of_random ^= state_of_random >> 17;
    state_of_random ^= state_of_random << 5;
    return state_of_random % n;
}

/* ---- The weather --------------------------------------------------------------------------------- */

static void clear_up(test_relay *relay)
{
    relay->refuse = relay->deaf = false;
    if (relay->budget != SIZE_MAX) /* bytes are missing: nobody could read on */
        test_relay_cut(relay);
    relay->budget = SIZE_MAX;
}

static void worsen(test_relay *relay)
{
    switch (random_below(5)) {
    case 0:
        test_relay_cut(relay);
        break;
    case 1:
        relay->refuse = true;
        test_relay_cut(relay);
        break;
    case 2:
        relay->deaf = true;
        break;
    case 3:
        clear_up(relay);
        relay->budget = random_below(3000);
        break;
    default:
        clear_up(relay);
    }
}

static void for_all(void (*change)(test_relay *relay))
{
    for (size_t i = 0; i < sizeof relays / sizeof relays[0]; i++)
        change(&relays[i]);
}

static void close_relay(test_relay *relay)
{
    relay->refuse = true;
    test_relay_cut(relay);
}

/* ---- What is sent -------------------------------------------------------------------------------- */

static void on_outcome(mqtt_e2e_client *client, uint64_t ticket, const mqtt_e2e_error *error, void *context)
{
    (void)client;
    (void)context;
    for (unsigned i = 0; error != NULL && i < sent.count; i++)
        if (sent.ticket[i] == ticket)
            sent.failed[i] = true;
    a.published += error == NULL;
    a.unpublished += error != NULL;
    if (error != NULL)
        snprintf(a.publish_error, sizeof a.publish_error, "%s", error->text);
}

/* One more, if the queue takes it. */
static void send_one(const variant *v)
{
    unsigned i = sent.count;
    char text[16];
    int qos = (int)random_below(3);

    if (i == MOST || a.client->queue.count >= a.options.queue_messages)
        return;
    snprintf(text, sizeof text, "%u", i);
    if (v->requests && random_below(10) == 0) {
        test_node_request(&a, "question", text, 300 + random_below(1000));
        sent.qos[i] = 0; /* it may end before it went out */
        sent.requests++;
    } else if (mqtt_e2e_client_publish(a.client, "topic", text, strlen(text), qos, false, &sent.ticket[i],
                                       NULL)) {
        sent.qos[i] = (uint8_t)qos;
    } else {
        return;
    }
    sent.count++;
}

/* ---- The accounts -------------------------------------------------------------------------------- */

static unsigned arrivals(unsigned i)
{
    char text[16];

    snprintf(text, sizeof text, "%u", i);
    return test_node_got(&b, text);
}

static bool all_arrived(void)
{
    for (unsigned i = 0; i < sent.count; i++)
        if (sent.qos[i] > 0 && !sent.failed[i] && arrivals(i) == 0)
            return false;
    return true;
}

static void expect_no_rest(const variant *v)
{
    const e2e_queue *queue = &a.client->queue;

    for (unsigned i = 0; i < sent.count; i++)
        if (arrivals(i) > 1)
            fail_msg("message %u of QoS %u arrived %u times", i, sent.qos[i], arrivals(i));
    if (a.unpublished > 0)
        fail_msg("%u were not published: %s", a.unpublished, a.publish_error);
    assert_int_equal(queue->count + queue->bytes + queue->late_count + queue->late_bytes, 0);
    assert_true(TAILQ_EMPTY(&queue->given_up) && TAILQ_EMPTY(&queue->sent));
    for (unsigned i = 0; i < BROKERS; i++)
        assert_false(e2e_flights_pending(&a.client->brokers[i]));
    assert_int_equal(a.client->spooling.held, 0);
    assert_int_equal(v->spool ? a.client->spool.now.messages : 0, 0);
    assert_int_equal(b.refused[MQTT_E2E_STALE], 0);
    assert_int_equal(b.refused[MQTT_E2E_FORGED], 0);
}

/* Whether nobody is busy: for 100 ms hardly anything happened. */
static bool is_quiet(void)
{
    unsigned turns = 0;

    for (int64_t end = e2e_clock_boot() + 100; e2e_clock_boot() < end; turns++)
        test_step();
    return turns < 100;
}

/* ---- The storm ----------------------------------------------------------------------------------- */

/* Another run of the sender, as after a crash. */
static void restart_sender(void)
{
    for (size_t i = 0; i < BROKERS; i++)
        close_relay(&relays[i]);
    test_node_free(&a);
    for (size_t i = 0; i < BROKERS; i++)
        clear_up(&relays[i]);
    test_node_start(&a);
}

/* Who receives has a state file: without, libmosquitto 2.0 leaks a message if the connection breaks as it acknowledges it. */
static void start_nodes(const variant *v)
{
    static char dir[128], files[2][128];

    snprintf(dir, sizeof dir, "%s/spool", brokers[0].dir);
    snprintf(files[0], sizeof files[0], "%s/a", brokers[0].dir);
    snprintf(files[1], sizeof files[1], "%s/b", brokers[0].dir);
    a.options.state_file = v->requests ? files[0] : NULL;
    b.options.state_file = files[1];
    for (unsigned i = 0; i < BROKERS; i++) {
        a.hosts[i] = b.hosts[i] = a.hosts[0];
        a.hosts[i].port = relays[i].port;
        b.hosts[i].port = relays[BROKERS + i].port;
    }
    a.options.host_count = b.options.host_count = BROKERS;
    a.options.mqtt_version = v->mqtt_version;
    a.options.spool_dir = v->spool ? dir : NULL;
    a.options.persistent = v->persistent;
    a.options.client_id = "a";
    a.options.inflight = v->inflight;
    a.options.keep_alive = 0;
    a.options.queue_messages = 200;
    a.options.session.clock_skew_ms = 600; /* it seals anew after half of that; b takes what is far older */
    a.options.on_published = on_outcome;
    a.one_answer = true;
    b.options.client_id = "b";
    b.options.persistent = true;
    b.options.session.streams = 4096;
    b.options.session.window = 4096;
    b.answer = true;
    test_node_start(&a);
    test_node_start(&b);
    /* Of QoS 2 the half of a handshake would go with b's instance of libmosquitto, when b suspects what it sends itself. */
    test_node_subscribe(&b, "#", 1);
    RUN_UNTIL(b.granted == BROKERS);
}

static void blow(const variant *v)
{
    int64_t end = e2e_clock_boot() + STORM_MS, change = 0, outage = e2e_clock_boot() + STORM_MS / 2;

    while (e2e_clock_boot() < end) {
        for (uint32_t i = random_below(4); i > 0; i--)
            send_one(v);
        if (e2e_clock_boot() >= change) {
            worsen(&relays[random_below(2 * BROKERS)]);
            change = e2e_clock_boot() + 5 + random_below(40);
            if (v->spool && !v->requests && random_below(12) == 0)
                restart_sender();
        }
        if (e2e_clock_boot() >= outage) {
            for_all(close_relay);
            RUN_UNTIL(is_quiet()); /* whoever has much to send, and nobody to send it to, sleeps */
            for_all(clear_up);
            outage = INT64_MAX;
        }
        test_step();
    }
}

static void weather(const variant *v, uint32_t seed)
{
    if (getenv("TEST_SEED") != NULL)
        seed = (uint32_t)atoi(getenv("TEST_SEED"));
    print_message("seed %u\n", seed);
    state_of_random = seed * 2654435761u + 1;
    start_nodes(v);
    blow(v);
    for_all(clear_up);
    RUN_UNTIL(mqtt_e2e_client_drained(a.client) && all_arrived());
    RUN_UNTIL(a.answers + a.timeouts == sent.requests);
    RUN_UNTIL(a.client->queue.late_count == 0);
    RUN_UNTIL(is_quiet());
    expect_no_rest(v);
    print_message("%u messages, %u of them requests; %u arrived; %u connections lost\n", sent.count,
                  sent.requests, b.count, a.disconnected + b.disconnected);
}

static void test_plain_queue(void **state)
{
    (void)state;
    weather(&(variant){.mqtt_version = 4, .requests = true, .inflight = 100}, 1);
}

static void test_small_window(void **state)
{
    (void)state;
    weather(&(variant){.mqtt_version = 5, .requests = true, .inflight = 3}, 2);
}

static void test_persistent(void **state)
{
    (void)state;
    weather(&(variant){.mqtt_version = 4, .persistent = true, .inflight = 20}, 3);
}

static void test_spool(void **state)
{
    (void)state;
    weather(&(variant){.mqtt_version = 5, .spool = true, .inflight = 50}, 4);
}

static void test_spool_persistent(void **state)
{
    (void)state;
    weather(
        &(variant){.mqtt_version = 4, .spool = true, .persistent = true, .requests = true, .inflight = 300},
        5);
}

static int set_up(void **state)
{
    (void)state;
    memset(&sent, 0, sizeof sent);
    for (unsigned i = 0; i < BROKERS; i++) {
        test_broker_init(&brokers[i]);
        test_broker_configure(&brokers[i], "max_queued_messages 0\nmax_inflight_messages 0\n");
        test_broker_start(&brokers[i]);
    }
    for (unsigned i = 0; i < 2 * BROKERS; i++) {
        test_relay_init(&relays[i], brokers[i % BROKERS].port);
        test_use_relay(&relays[i]);
    }
    test_node_init(&a, 0);
    test_node_init(&b, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_node_free(&a);
    test_node_free(&b);
    test_use_relay(NULL);
    for (unsigned i = 0; i < 2 * BROKERS; i++)
        test_relay_free(&relays[i]);
    for (unsigned i = 0; i < BROKERS; i++)
        test_broker_free(&brokers[i]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_small_window, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_persistent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_spool, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_spool_persistent, set_up, tear_down),
    };

    if (getenv("TEST_ONLY") != NULL)
        cmocka_set_test_filter(getenv("TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
