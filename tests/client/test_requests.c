/* SPDX-License-Identifier: MIT */
/* Requests and their replies, and the time for nodes without a clock (docs/PROTOCOL.md §6). */
#include "node.h"

#include <stdlib.h>
#include <string.h>

static test_broker broker;
static test_relay relay;
static test_node asker, one, two;
static test_plain spy;

static int set_up(void **state)
{
    (void)state;
    test_broker_init(&broker);
    test_broker_start(&broker);
    test_relay_init(&relay, broker.port);
    test_use_relay(&relay);
    test_node_init(&asker, relay.port);
    test_node_init(&one, broker.port);
    test_node_init(&two, broker.port);
    one.answer = two.answer = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_node_free(&asker);
    test_node_free(&one);
    test_node_free(&two);
    test_use_relay(NULL);
    test_relay_free(&relay);
    test_broker_free(&broker);
    return 0;
}

static void start_all(void)
{
    test_node_start(&asker);
    test_node_start(&one);
    test_node_start(&two);
    RUN_UNTIL(mqtt_e2e_client_connected(asker.client) && mqtt_e2e_client_connected(one.client) &&
              mqtt_e2e_client_connected(two.client));
    test_node_subscribe(&one, "cmd/+", 1);
}

/* Goal: a request is answered, on a reply topic that was subscribed to before it went out. */
static void test_reply(void **state)
{
    (void)state;
    start_all();
    asker.one_answer = true;
    test_node_request(&asker, "cmd/ping", "ping", 5000);
    RUN_UNTIL(asker.answers == 1);
    assert_string_equal(asker.answer_text, "re: ping");
    assert_int_equal(test_node_last(&one)->kind, MQTT_E2E_REQUEST);
    assert_true(TAILQ_EMPTY(&asker.client->requests.all)); /* closed by the callback */
    assert_int_equal(asker.timeouts, 0);
    assert_int_equal(mqtt_e2e_client_queued(asker.client), 0);
    test_node_request(&asker, "cmd/ping", "again", 5000);
    RUN_UNTIL(asker.answers == 2);
    assert_string_equal(asker.answer_text, "re: again");
}

/*
 * Goal: a broker that has not set TCP_NODELAY holds back the answer until what it sent before is acknowledged, which takes the
 * kernel 40 ms. Not when we are at the other end. The fastest counts: a busy machine makes some slow.
 */
static void test_held_back(void **state)
{
    int64_t fastest = INT64_MAX;

    (void)state;
    test_broker_stop(&broker);
    test_broker_configure(&broker, "set_tcp_nodelay false\n");
    test_broker_start(&broker);
    test_node_init(&asker, broker.port); /* the relay's end of the connection would be as slow as any */
    start_all();
    asker.one_answer = true;
    for (unsigned n = 1; n <= 20; n++) {
        int64_t begin = e2e_clock_micros();

        test_node_request(&asker, "cmd/ping", "ping", 5000);
        RUN_UNTIL(asker.answers == n && mqtt_e2e_client_queued(asker.client) == 0);
        if (e2e_clock_micros() - begin < fastest)
            fastest = e2e_clock_micros() - begin;
    }
    assert_in_range(fastest, 0, 20000);
}

/* Goal: several answerers; the asker takes all until the timeout, which comes once. */
static void test_several_replies(void **state)
{
    (void)state;
    start_all();
    test_node_subscribe(&two, "cmd/#", 1);
    test_node_request(&asker, "cmd/who", "who", 400);
    RUN_UNTIL(asker.timeouts == 1);
    assert_int_equal(asker.answers, 2);
    test_settle(100);
    assert_int_equal(asker.timeouts, 1);
}

/* Goal: no answer: the timeout counts from the call, also when there is no connection at all. */
static void test_timeout(void **state)
{
    int64_t start;

    (void)state;
    start_all();
    start = e2e_clock_boot();
    test_node_request(&asker, "nobody", "?", 150);
    RUN_UNTIL(asker.timeouts == 1);
    assert_true(e2e_clock_boot() - start >= 150);
    relay.refuse = true;
    test_relay_cut(&relay);
    RUN_UNTIL(asker.disconnected == 1);
    test_node_request(&asker, "cmd/late", "late", 150);
    assert_int_equal(mqtt_e2e_client_queued(asker.client), 1);
    RUN_UNTIL(asker.timeouts == 2);
    assert_int_equal(mqtt_e2e_client_queued(asker.client), 0); /* and it is not sent afterwards */
    relay.refuse = false;
    RUN_UNTIL(asker.connected == 2);
    test_settle(100);
    assert_int_equal(test_node_got(&one, "late"), 0);
}

/* Goal: a request made while offline goes out after the reconnect, with the reply topic subscribed to again. */
static void test_request_offline(void **state)
{
    (void)state;
    start_all();
    test_node_request(&asker, "cmd/a", "a", 5000);
    RUN_UNTIL(asker.answers == 1);
    relay.refuse = true;
    test_relay_cut(&relay);
    RUN_UNTIL(asker.disconnected == 1);
    test_node_request(&asker, "cmd/b", "b", 10000);
    test_settle(200);
    relay.refuse = false;
    RUN_UNTIL(asker.answers == 2);
    assert_string_equal(asker.answer_text, "re: b");
}

/* Goal: a request that may have arrived is not sealed anew when it has become too old, or it would be done twice. One that did not
 * go out is. */
static void test_request_stale(void **state)
{
    (void)state;
    asker.options.session.clock_skew_ms = one.options.session.clock_skew_ms = 600;
    start_all();
    asker.one_answer = true;
    test_node_request(&asker, "cmd/first", "first", 5000);
    RUN_UNTIL(asker.answers == 1);
    relay.budget = 0; /* no answer comes through, nor an acknowledgement */
    test_node_request(&asker, "cmd/once", "once", 1500);
    RUN_UNTIL(one.count == 2);
    test_settle(500);
    relay.refuse = true;
    test_relay_cut(&relay);
    RUN_UNTIL(asker.disconnected == 1);
    test_node_request(&asker, "cmd/later", "later", 5000);
    relay.refuse = false;
    relay.budget = SIZE_MAX;
    RUN_UNTIL(asker.answers == 2);
    assert_string_equal(asker.answer_text, "re: later");
    RUN_UNTIL(asker.timeouts >= 1);
    assert_int_equal(one.count, 3);
    RUN_UNTIL(mqtt_e2e_client_queued(asker.client) == 0);
}

/* Goal: a reply sent again by the broker, or to a request that is closed, is refused. */
static void test_unasked(void **state)
{
    char topic[256];

    (void)state;
    start_all();
    asker.one_answer = true;
    test_plain_connect(&spy, broker.port, "+/+/+");
    test_node_request(&asker, "cmd/ping", "ping", 5000);
    RUN_UNTIL(asker.answers == 1 && spy.count == 2);
    snprintf(topic, sizeof topic, "%s", spy.topic);
    test_plain_publish(&spy, topic, spy.payload, spy.len);
    RUN_UNTIL(asker.refused[MQTT_E2E_REPLAY] == 1);
    assert_true(mqtt_e2e_client_reply(one.client, &test_node_last(&one)->id, "late", 4, 1, NULL));
    RUN_UNTIL(asker.refused[MQTT_E2E_UNASKED] == 1);
    assert_int_equal(asker.answers, 1);
    test_plain_free(&spy);
}

static unsigned done_calls;

static bool count_calls(mqtt_e2e_client *client, mqtt_e2e_answer answer, const mqtt_e2e_delivery *delivery,
                        void *context)
{
    (void)client;
    (void)delivery;
    (void)context;
    done_calls += answer == MQTT_E2E_ANSWERED;
    return false;
}

/* Goal: more requests than the session has room for wait for their turn; messages do not wait for them. */
static void test_many_requests(void **state)
{
    (void)state;
    asker.options.session.requests = 3;
    start_all();
    done_calls = 0;
    for (int i = 0; i < 50; i++)
        assert_true(
            mqtt_e2e_client_request(asker.client, "cmd/x", "x", 1, i % 3, 10000, count_calls, NULL, NULL));
    test_node_publish(&asker, "cmd/y", "message", 1, false);
    RUN_UNTIL(done_calls == 50);
    assert_int_equal(test_node_got(&one, "message"), 1);
    assert_int_equal(HASH_COUNT(asker.client->requests.by_id), 0);
}

/* Goal: with a new stream come a new reply topic and answers; the old topic is left when nobody needs it any more. */
static void test_new_stream(void **state)
{
    unsigned topics;

    (void)state;
    start_all();
    asker.one_answer = true;
    test_node_request(&asker, "cmd/a", "a", 5000);
    RUN_UNTIL(asker.answers == 1);
    topics = HASH_COUNT(asker.client->subscriptions.by_filter);
    asker.client->session->own.counter = UINT32_MAX;
    test_node_request(&asker, "cmd/b", "b", 5000);
    RUN_UNTIL(asker.answers == 2);
    assert_string_equal(asker.answer_text, "re: b");
    RUN_UNTIL(HASH_COUNT(asker.client->subscriptions.by_filter) == topics);
    /* And with one open. */
    asker.one_answer = false;
    test_node_request(&asker, "cmd/c", "c", 600);
    RUN_UNTIL(asker.answers == 3);
    asker.client->session->own.counter = UINT32_MAX;
    test_node_publish(&asker, "other", "renews", 1, false);
    RUN_UNTIL(asker.published == 1);
    assert_true(mqtt_e2e_client_reply(one.client, &test_node_last(&one)->id, "more", 4, 1, NULL));
    RUN_UNTIL(asker.answers == 4);
    assert_string_equal(asker.answer_text, "more");
    RUN_UNTIL(asker.timeouts == 1);
    RUN_UNTIL(HASH_COUNT(asker.client->subscriptions.by_filter) == topics);
}

/* Goal: a callback may ask again, and answer late; freeing the client with open requests calls nobody. */
static bool ask_again(mqtt_e2e_client *client, mqtt_e2e_answer answer, const mqtt_e2e_delivery *delivery,
                      void *context)
{
    int *left = context;

    (void)delivery;
    assert_int_equal(answer, MQTT_E2E_ANSWERED);
    if (--*left > 0)
        assert_true(mqtt_e2e_client_request(client, "cmd/loop", "loop", 4, 1, 5000, ask_again, left, NULL));
    return false;
}

static void test_asking_in_callbacks(void **state)
{
    int left = 20, never = 100;

    (void)state;
    start_all();
    assert_true(
        mqtt_e2e_client_request(asker.client, "cmd/loop", "loop", 4, 1, 5000, ask_again, &left, NULL));
    RUN_UNTIL(left == 0);
    assert_true(
        mqtt_e2e_client_request(asker.client, "cmd/loop", "loop", 4, 1, 5000, ask_again, &never, NULL));
    assert_true(
        mqtt_e2e_client_request(asker.client, "cmd/loop", "loop", 4, 1, 5000, ask_again, &never, NULL));
    mqtt_e2e_client_loop(asker.client);
}

static mqtt_e2e_id asked_id;
static unsigned asked_times;
static void *asked_of;

static void on_asked(mqtt_e2e_client *client, const mqtt_e2e_id *id, void *of, void *context)
{
    (void)context;
    asked_id = *id;
    asked_of = of;
    asked_times++;
    /* It may send, too: what it says must not get into the request that is being sealed. */
    assert_true(mqtt_e2e_client_publish(client, "cmd/aside", "aside", 5, 0, false, NULL, NULL));
}

/* Goal: who asks learns the id of the request when it goes out; it is what the answerer sees. */
static void test_asked(void **state)
{
    (void)state;
    asked_times = 0;
    asker.options.on_asked = on_asked;
    start_all();
    asker.one_answer = true;
    test_node_request(&asker, "cmd/ping", "ping", 5000);
    assert_int_equal(asked_times, 0); /* the reply topic is not subscribed to yet */
    RUN_UNTIL(asker.answers == 1 && one.count == 2);
    assert_int_equal(asked_times, 1);
    assert_ptr_equal(asked_of, &asker);
    assert_string_equal(one.got[0].payload, "ping");
    assert_memory_equal(&one.got[0].id, &asked_id, sizeof asked_id);
    assert_string_equal(one.got[1].payload, "aside");
}

static bool cancel_now(mqtt_e2e_client *client, mqtt_e2e_answer answer, const mqtt_e2e_delivery *delivery,
                       void *context)
{
    assert_int_equal(answer, MQTT_E2E_ANSWERED);
    (void)delivery;
    ++*(unsigned *)context;
    mqtt_e2e_client_cancel(client, context);
    return true;
}

/* Goal: a request that is cancelled calls nobody any more, whether it was answered, waits, or has not gone out: then it does not. */
static void test_cancel(void **state)
{
    unsigned calls = 0, other = 0;

    (void)state;
    start_all();
    assert_true(mqtt_e2e_client_request(asker.client, "cmd/a", "a", 1, 1, 5000, cancel_now, &calls, NULL));
    assert_true(mqtt_e2e_client_request(asker.client, "cmd/b", "b", 1, 1, 5000, cancel_now, &other, NULL));
    mqtt_e2e_client_cancel(asker.client, &other); /* not sealed yet */
    RUN_UNTIL(calls == 1 && TAILQ_EMPTY(&asker.client->requests.all));
    assert_int_equal(test_node_got(&one, "b"), 0);
    assert_true(mqtt_e2e_client_reply(one.client, &test_node_last(&one)->id, "more", 4, 1, NULL));
    RUN_UNTIL(asker.refused[MQTT_E2E_UNASKED] == 1);
    assert_int_equal(calls, 1);
    assert_true(mqtt_e2e_client_request(asker.client, "nobody", "c", 1, 1, 100, cancel_now, &other, NULL));
    RUN_UNTIL(mqtt_e2e_client_queued(asker.client) == 0); /* it is out, and waits */
    mqtt_e2e_client_cancel(asker.client, &other);
    RUN_UNTIL(TAILQ_EMPTY(&asker.client->requests.all));
    test_settle(200);
    assert_int_equal(other, 0);
}

/* Goal: what can't be a request is an error that says so. */
static void test_bad_requests(void **state)
{
    mqtt_e2e_error error;

    (void)state;
    start_all();
    assert_false(mqtt_e2e_client_request(asker.client, "a/+", "x", 1, 0, 0, NULL, NULL, &error));
    assert_non_null(strstr(error.text, "wildcard"));
    assert_false(mqtt_e2e_client_request(asker.client, "~time", "x", 1, 0, 0, NULL, NULL, &error));
    assert_non_null(strstr(error.text, "reserved"));
    assert_false(mqtt_e2e_client_request(asker.client, "a", "x", 1, 3, 0, NULL, NULL, &error));
    assert_int_equal(mqtt_e2e_client_queued(asker.client), 0);
}

/* ---- The time ------------------------------------------------------------------------------------- */

/* A node without a clock: a session over a plain MQTT client, as firmware has it. */
typedef struct {
    mqtt_e2e_session *session;
    _Alignas(8) uint8_t storage[8192];
    test_plain plain;
    char name[MQTT_E2E_REPLY_NAME_SIZE], reply_wire[256], time_wire[256];
    mqtt_e2e_topic reply, time;
} clockless;

static void clockless_start(clockless *c, uint8_t seed)
{
    mqtt_e2e_options options;
    uint8_t random[MQTT_E2E_RANDOM_SIZE] = {seed};
    mqtt_e2e_id own;

    mqtt_e2e_defaults(&options);
    options.crypto = &mqtt_e2e_openssl;
    options.key = TEST_KEY;
    options.key_len = 16;
    options.own_clock_ms = true;
    assert_int_equal(
        mqtt_e2e_init(&c->session, c->storage, sizeof c->storage, &options, random, e2e_clock_boot()), 0);
    own = mqtt_e2e_own_stream(c->session);
    assert_int_equal(
        mqtt_e2e_reply_topic(c->session, own.stream, c->name, c->reply_wire, sizeof c->reply_wire, &c->reply),
        0);
    assert_int_equal(mqtt_e2e_hide(c->session, "~time", c->time_wire, sizeof c->time_wire, &c->time), 0);
    test_plain_connect(&c->plain, broker.port, c->reply_wire);
}

static void clockless_ask(clockless *c)
{
    uint8_t packet[256];
    size_t len;

    assert_int_equal(
        mqtt_e2e_time_request(c->session, &c->time, packet, sizeof packet, e2e_clock_boot(), &len), 0);
    test_plain_publish(&c->plain, c->time_wire, packet, len);
}

static mqtt_e2e_status clockless_open(clockless *c)
{
    mqtt_e2e_message message;
    uint8_t text[4096];

    return mqtt_e2e_open(c->session, &c->reply, c->plain.payload, c->plain.len, text, sizeof text,
                         e2e_clock_boot(), &message);
}

static void clockless_free(clockless *c)
{
    test_plain_free(&c->plain);
    mqtt_e2e_wipe(c->session);
}

/* Goal: a node without a clock gets the time of a source; nobody else answers, and nobody is handed the request. */
static void test_time(void **state)
{
    static clockless c;

    (void)state;
    one.options.time_source = true;
    one.options.clock_offset_ms = 3600000; /* its clock is not ours, so that we see whose it is */
    start_all();
    test_node_subscribe(&two, "#", 1);
    test_settle(50); /* until one has subscribed to ~time */
    clockless_start(&c, 1);
    clockless_ask(&c);
    RUN_UNTIL(c.plain.count == 1);
    assert_int_equal(clockless_open(&c), MQTT_E2E_TIME_SET);
    assert_true(llabs(mqtt_e2e_utc(c.session, e2e_clock_boot()) - mqtt_e2e_client_now(one.client)) < 2000);
    test_settle(50);
    assert_int_equal(c.plain.count, 1);
    assert_int_equal(two.count, 0);
    clockless_free(&c);
}

/* Goal: a source answers at most once a second for each broker. */
static void test_time_rate(void **state)
{
    static clockless c, d;
    int64_t first;

    (void)state;
    one.options.time_source = true;
    start_all();
    test_settle(50);
    clockless_start(&c, 1);
    clockless_start(&d, 2);
    clockless_ask(&c);
    RUN_UNTIL(c.plain.count == 1);
    first = e2e_clock_boot();
    for (int i = 0; i < 10; i++) {
        clockless_ask(&d);
        test_settle(20);
    }
    if (e2e_clock_boot() - first < 900)
        assert_int_equal(d.plain.count, 0);
    while (d.plain.count == 0) {
        clockless_ask(&d);
        test_settle(100);
    }
    assert_true(e2e_clock_boot() - first >= 900);
    clockless_free(&d);
    clockless_free(&c);
}

/* Goal: a jump of the clock raises the floor: what was sealed before it is stale then. */
static void test_clock_jump(void **state)
{
    (void)state;
    start_all();
    test_node_publish(&asker, "cmd/a", "before", 1, false);
    RUN_UNTIL(one.count == 1);
    one.client->options.clock_offset_ms = 11000; /* more than the lead */
    test_node_publish(&two, "cmd/b", "of a stream that was not heard before", 1, false);
    RUN_UNTIL(one.refused[MQTT_E2E_STALE] == 1);
    test_node_publish(&asker, "cmd/a", "of one that was", 1, false);
    RUN_UNTIL(one.count == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reply, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_held_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_replies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timeout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_request_offline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_request_stale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unasked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_new_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_asking_in_callbacks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time_rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clock_jump, set_up, tear_down),
    };

    cmocka_set_test_filter(getenv("TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
