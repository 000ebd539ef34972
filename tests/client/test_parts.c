/* SPDX-License-Identifier: MIT */
/* Parts of the client without a broker: backoff, caches, the queue, options, and what is refused before it is sent. */
#include "node.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- Backoff --------------------------------------------------------------------------------------- */

/* Goal: delays double up to the maximum, and are spread over the upper half of that. */
static void test_backoff(void **state)
{
    static const uint32_t randoms[] = {0, 1, 77, 12345, UINT32_MAX / 2, UINT32_MAX - 1, UINT32_MAX};
    uint32_t expected = 500;

    (void)state;
    for (uint32_t attempt = 1; attempt < 100; attempt++) {
        for (size_t i = 0; i < sizeof randoms / sizeof *randoms; i++) {
            uint32_t delay = e2e_clock_backoff(attempt, 500, 30000, randoms[i]);

            assert_in_range(delay, expected / 2, expected);
        }
        assert_int_equal(e2e_clock_backoff(attempt, 500, 30000, 0), expected);
        expected = expected * 2 < 30000 ? expected * 2 : 30000;
    }
    assert_int_not_equal(e2e_clock_backoff(9, 500, 30000, 100), e2e_clock_backoff(9, 500, 30000, 5000));
    assert_int_equal(e2e_clock_backoff(UINT32_MAX, 1, UINT32_MAX, 0), UINT32_MAX);
    assert_in_range(e2e_clock_backoff(5, 1, 1, 12345), 0, 1);
}

/* ---- The cache of topics ---------------------------------------------------------------------------- */

static e2e_topic *make_topic(const char *name, const char *wire)
{
    mqtt_e2e_topic topic = {name, wire, (uint16_t)strlen(name), (uint16_t)strlen(wire)};
    e2e_topic *made = e2e_topics_make(&topic);

    assert_non_null(made);
    return made;
}

static void keep(e2e_topics *topics, unsigned number)
{
    char name[32], wire[32];
    e2e_topic *topic;

    snprintf(name, sizeof name, "name/%u", number);
    snprintf(wire, sizeof wire, "wire/%u", number);
    topic = make_topic(name, wire);
    e2e_topics_keep(topics, topic);
    e2e_topics_release(topic);
}

static const e2e_topic *find(e2e_topics *topics, unsigned number)
{
    char key[32];

    snprintf(key, sizeof key, topics->wire ? "wire/%u" : "name/%u", number);
    return e2e_topics_find(topics, key, strlen(key));
}

/* Goal: it holds what was kept, by name or by wire topic, and stays bounded: what is in use stays longest. */
static void test_topics(void **state)
{
    enum { MANY = 40000, BOUND = 16384 };
    e2e_topics topics;

    (void)state;
    for (int wire = 0; wire <= 1; wire++) {
        e2e_topics_init(&topics, wire);
        assert_null(find(&topics, 0));
        keep(&topics, 0);
        keep(&topics, 1);
        for (unsigned i = 2; i < MANY; i++) {
            keep(&topics, i);
            assert_non_null(find(&topics, 1)); /* in use all the time */
        }
        assert_true(topics.count <= BOUND && topics.count > BOUND / 2);
        assert_non_null(find(&topics, 1));
        assert_null(find(&topics, 2));
        assert_non_null(find(&topics, MANY - 1));
        assert_string_equal(find(&topics, MANY - 1)->topic.name, "name/39999");
        e2e_topics_clear(&topics);
        assert_int_equal(topics.count + topics.bytes, 0);
        assert_null(find(&topics, 1));
    }
}

/* Goal: long topics are bounded by their bytes; one that is in use elsewhere outlives its place in the cache. */
static void test_topics_bytes(void **state)
{
    static char name[60001], wire[60001];
    e2e_topics topics;
    e2e_topic *first;

    (void)state;
    e2e_topics_init(&topics, false);
    memset(name, 'n', 60000);
    memset(wire, 'w', 60000);
    first = make_topic("first", "w");
    e2e_topics_keep(&topics, first);
    for (unsigned i = 0; i < 200; i++) {
        e2e_topic *topic;

        snprintf(name, sizeof name, "%u", i);
        name[strlen(name)] = 'n';
        topic = make_topic(name, wire);
        e2e_topics_keep(&topics, topic);
        e2e_topics_release(topic);
    }
    assert_true(topics.bytes <= (size_t)8 << 20);
    assert_null(e2e_topics_find(&topics, "first", 5));
    assert_string_equal(first->topic.name, "first");
    e2e_topics_release(first);
    e2e_topics_clear(&topics);
}

/* ---- The queue -------------------------------------------------------------------------------------- */

static e2e_entry *put(e2e_queue *queue, mqtt_e2e_kind kind, e2e_topic *topic)
{
    e2e_outgoing draft = {.kind = kind, .topic = topic, .payload = "abc", .len = 3};
    e2e_entry *entry = e2e_queue_make(queue, &draft);

    assert_non_null(entry);
    e2e_queue_append(queue, entry);
    return entry;
}

/* Goal: order is that of the calls, also across requests; who must wait lets others pass; what is done makes room. */
static void test_queue(void **state)
{
    e2e_topic *topic = make_topic("name", "wire");
    e2e_queue queue;
    e2e_entry *one, *two, *three;
    mqtt_e2e_error error;

    (void)state;
    e2e_queue_init(&queue, 2, 3, 100);
    one = put(&queue, MQTT_E2E_REQUEST, topic);
    two = put(&queue, MQTT_E2E_MESSAGE, topic);
    three = put(&queue, MQTT_E2E_REPLY, topic);
    assert_memory_equal(three->draft.payload, "abc", 3);
    assert_int_equal(queue.bytes, 9);
    assert_ptr_equal(e2e_queue_next(&queue, true), one);
    assert_ptr_equal(e2e_queue_next(&queue, false), two);
    e2e_queue_move(&queue, two, &queue.sent);
    assert_ptr_equal(e2e_queue_next(&queue, false), three);
    assert_false(e2e_queue_has_room(&queue, 0, &error));
    assert_false(e2e_queue_is_done(&queue, two));
    e2e_queue_move(&queue, two, &queue.late);
    assert_true(e2e_queue_is_done(&queue, two));
    assert_int_equal(queue.count * 100 + queue.late_count * 10 + queue.late_bytes, 213);
    assert_true(e2e_queue_has_room(&queue, 94, &error));
    assert_false(e2e_queue_has_room(&queue, 95, &error));
    assert_false(e2e_queue_has_room(&queue, SIZE_MAX, &error));
    e2e_queue_move(&queue, two, &queue.given_up);
    assert_int_equal(queue.late_count + queue.late_bytes, 0);
    e2e_queue_free(&queue, one);
    e2e_queue_free(&queue, two);
    e2e_queue_free(&queue, three);
    assert_int_equal(queue.count + queue.bytes, 0);
    assert_int_equal(topic->refs, 1);
    e2e_topics_release(topic);
}

/* ---- Several brokers ---------------------------------------------------------------------------------- */

/* Goal: the second copy by another broker is one; a third, or a second by the same, is a replay; so is what was never accepted. */
static void test_copies(void **state)
{
    e2e_copies copies = {0};
    mqtt_e2e_id id = {"stream", 7}, other = {"stream", 8}, same_place = {"stream", 7 + 4096};

    (void)state;
    assert_false(e2e_copies_is_copy(&copies, &id, 1)); /* one broker */
    assert_true(e2e_copies_init(&copies));
    assert_false(e2e_copies_is_copy(&copies, &id, 1));
    e2e_copies_accepted(&copies, &id, 0);
    assert_false(e2e_copies_is_copy(&copies, &id, 0));
    assert_true(e2e_copies_is_copy(&copies, &id, 1));
    assert_false(e2e_copies_is_copy(&copies, &id, 1));
    assert_true(e2e_copies_is_copy(&copies, &id, 7));
    assert_false(e2e_copies_is_copy(&copies, &other, 1));
    e2e_copies_accepted(&copies, &same_place, 2);
    assert_false(e2e_copies_is_copy(&copies, &id, 3));
    assert_true(e2e_copies_is_copy(&copies, &same_place, 3));
    e2e_copies_free(&copies);
}

/* ---- Options ---------------------------------------------------------------------------------------- */

static void expect_error(const mqtt_e2e_client_options *options, const char *text)
{
    mqtt_e2e_error error = {{0}, {0}};

    assert_null(mqtt_e2e_client_new(options, &error));
    if (strstr(error.text, text) == NULL)
        fail_msg("'%s' does not say '%s'", error.text, text);
    assert_null(mqtt_e2e_client_new(options, NULL));
}

#define EXPECT_ERROR(member, value, text)                                                                    \
    do {                                                                                                     \
        mqtt_e2e_client_options wrong_ = node.options;                                                       \
        wrong_.member = value;                                                                               \
        expect_error(&wrong_, text);                                                                         \
    } while (0)

/* Goal: options out of their range are an error that names them. */
static void test_options(void **state)
{
    static const mqtt_e2e_host nameless = {"", 0, MQTT_E2E_AS_SET};
    test_node node;

    (void)state;
    test_node_init(&node, 1);
    EXPECT_ERROR(session.key, NULL, "no key is given");
    EXPECT_ERROR(session.key_len, 15, "a key of 15 bytes");
    EXPECT_ERROR(session.crypto, NULL, "no crypto library");
    EXPECT_ERROR(session.own_clock_ms, true, "own_clock_ms");
    EXPECT_ERROR(session.window, 100, "a window of 100");
    EXPECT_ERROR(session.streams, 0, "0 streams");
    EXPECT_ERROR(session.base, "a/+", "out of its range");
    EXPECT_ERROR(mqtt_version, 6, "MQTT version 6");
    EXPECT_ERROR(keep_alive, 4, "keep-alive time of 4 seconds");
    EXPECT_ERROR(password, "secret", "password without a user name");
    EXPECT_ERROR(persistent, true, "lasting client id");
    EXPECT_ERROR(client_id, "", "client id");
    EXPECT_ERROR(host_count, 9, "9 brokers");
    EXPECT_ERROR(queue_messages, 0, "queue without room");
    EXPECT_ERROR(queue_bytes, 0, "queue without room");
    EXPECT_ERROR(inflight, 0, "in flight");
    EXPECT_ERROR(backoff_min_ms, 0, "no range");
    EXPECT_ERROR(backoff_max_ms, 1, "no range");
    EXPECT_ERROR(connect_ms, 0, "connect_ms");
    EXPECT_ERROR(hosts, &nameless, "broker 1 has no host name");
    EXPECT_ERROR(proxy, "http://x", "proxy is not understood");
    node.options.name = "n";
    node.options.persistent = true;
    node.options.mqtt_version = 5;
    EXPECT_ERROR(proxy, "socks5h://x", "through a proxy");
}

/* Goal: the forms of a proxy's URL. */
static void test_proxy_urls(void **state)
{
    static const char *const bad[] = {"",
                                      "socks5h://",
                                      "socks5://x",
                                      "socks5h://x:",
                                      "socks5h://x:0",
                                      "socks5h://x:65536",
                                      "socks5h://x:80x",
                                      "socks5h://@x",
                                      "socks5h://:p@x",
                                      "socks5h://u%4@x",
                                      "socks5h://u%00@x",
                                      "socks5h://[::1",
                                      "socks5h://[]:80",
                                      "socks5h://[::1]x"};
    e2e_proxy proxy;

    (void)state;
    assert_true(e2e_options_proxy("socks5h://host", &proxy, NULL));
    assert_string_equal(proxy.host, "host");
    assert_int_equal(proxy.port, 1080);
    assert_string_equal(proxy.user, "");
    assert_true(e2e_options_proxy("socks5h://us%40er@host:99", &proxy, NULL));
    assert_string_equal(proxy.user, "us@er");
    assert_string_equal(proxy.password, "");
    assert_int_equal(proxy.port, 99);
    assert_true(e2e_options_proxy("socks5h://u:p%3a@q@[::1]:65535", &proxy, NULL));
    assert_string_equal(proxy.password, "p:@q");
    assert_string_equal(proxy.host, "::1");
    assert_int_equal(proxy.port, 65535);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(e2e_options_proxy(bad[i], &proxy, NULL));
}

static void get_id(char id[256], const char *name, bool persistent, const char *key)
{
    test_node node;

    test_node_init(&node, 1);
    node.options.name = name;
    node.options.persistent = persistent;
    node.options.session.key = (const uint8_t *)key;
    test_node_start(&node);
    strcpy(id, node.client->client_id);
    test_node_free(&node);
    assert_int_equal(strlen(id), 23); /* MQTT 3.1.1 §3.1.3.1 */
    for (int i = 0; i < 23; i++)
        assert_true(isalnum((unsigned char)id[i]));
}

/* Goal: where the broker keeps the session, a name has the same client id each time, that of another name or key
 * differs; else it is random. */
static void test_client_ids(void **state)
{
    char one[256], two[256];

    (void)state;
    get_id(one, "kitchen", true, "0123456789abcdef");
    get_id(two, "kitchen", true, "0123456789abcdef");
    assert_string_equal(one, two);
    get_id(two, "kitchen", true, "0123456789abcdeg");
    assert_string_not_equal(one, two);
    get_id(two, "cellar", true, "0123456789abcdef");
    assert_string_not_equal(one, two);
    get_id(one, NULL, false, "0123456789abcdef");
    get_id(two, NULL, false, "0123456789abcdef");
    assert_string_not_equal(one, two);
    get_id(one, "kitchen", false, "0123456789abcdef"); /* two programs with one key file */
    get_id(two, "kitchen", false, "0123456789abcdef");
    assert_string_not_equal(one, two);
}

/* Goal: a key file's settings become options; nothing of the caller's memory is needed once the client is made. */
static void test_use(void **state)
{
    mqtt_e2e_client_options options;
    mqtt_e2e_config config;
    mqtt_e2e_error error;
    mqtt_e2e_client *client;
    static const char line[] =
        "mqtt-e2e://MDEyMzQ1Njc4OWFiY2RlZg@127.0.0.1:1,[::1]:2/my/base?name=n&user=u&password=p";

    (void)state;
    assert_false(mqtt_e2e_config_parse(line, 20, &config, NULL)); /* who does not ask is not told */
    assert_true(mqtt_e2e_config_parse(line, strlen(line), &config, &error));
    mqtt_e2e_client_defaults(&options);
    mqtt_e2e_client_use(&options, &config);
    client = mqtt_e2e_client_new(&options, NULL);
    assert_non_null(client);
    mqtt_e2e_config_wipe(&config);
    memset(&options, 0xee, sizeof options);
    assert_string_equal(mqtt_e2e_base(mqtt_e2e_client_session(client)), "my/base");
    assert_string_equal(client->brokers[0].label, "127.0.0.1:1");
    assert_string_equal(client->brokers[1].label, "[::1]:2");
    assert_string_equal(client->options.user, "u");
    assert_string_equal(client->options.password, "p");
    assert_int_equal(client->broker_count, 2);
    assert_null(client->options.session.key);
    mqtt_e2e_client_free(client);
    mqtt_e2e_client_free(NULL);
}

/* ---- Refused before anything is sent ----------------------------------------------------------------- */

static test_node offline;

static void expect_bad_topic(const char *topic, const char *text)
{
    mqtt_e2e_error error = {{0}, {0}};

    assert_false(mqtt_e2e_client_publish(offline.client, topic, "x", 1, 0, false, NULL, &error));
    if (strstr(error.text, text) == NULL)
        fail_msg("'%s' does not say '%s'", error.text, text);
}

static void expect_bad_filter(const char *filter, const char *text)
{
    mqtt_e2e_error error = {{0}, {0}};

    assert_false(mqtt_e2e_client_subscribe(offline.client, filter, 0, NULL, NULL, &error));
    if (strstr(error.text, text) == NULL)
        fail_msg("'%s' does not say '%s'", error.text, text);
}

/* Goal: topics and filters that can't be are errors that say why. */
static void test_bad_topics(void **state)
{
    static char deep[600], longest[70001];

    (void)state;
    test_node_init(&offline, 1);
    test_node_start(&offline);
    memset(deep, '/', 300);
    memset(longest, 'x', 70000);
    expect_bad_topic("", "empty");
    expect_bad_topic("a/+", "wildcard");
    expect_bad_topic("a#b", "wildcard");
    expect_bad_topic("~time", "reserved");
    expect_bad_topic("~", "reserved");
    expect_bad_topic(deep, "more than 256 levels");
    expect_bad_topic("\xff", "not valid UTF-8");
    expect_bad_topic(longest, "too long");
    longest[60000] = '\0';
    expect_bad_topic(longest, "too long"); /* its wire topic is */
    expect_bad_filter("", "empty");
    expect_bad_filter("a/#/b", "wildcard");
    expect_bad_filter("a+", "wildcard");
    expect_bad_filter("$share/group", "shares no topic");
    expect_bad_filter("~reply/+", "reserved");
    expect_bad_filter(deep, "more than 256 levels");
    expect_bad_filter("\xc0\x80", "not valid UTF-8");
    assert_int_equal(mqtt_e2e_client_queued(offline.client), 0);
    assert_int_equal(HASH_COUNT(offline.client->subscriptions.by_filter), 0);
}

/* Goal: QoS and payload out of their range. */
static void test_bad_messages(void **state)
{
    mqtt_e2e_error error;

    (void)state;
    for (int qos = -1; qos <= 3; qos += 4) {
        assert_false(mqtt_e2e_client_publish(offline.client, "a", "x", 1, qos, false, NULL, &error));
        assert_non_null(strstr(error.text, "QoS"));
        assert_false(mqtt_e2e_client_subscribe(offline.client, "a", qos, NULL, NULL, &error));
    }
    assert_false(mqtt_e2e_client_publish(offline.client, "a", "x", 268435455, 0, false, NULL, &error));
    assert_non_null(strstr(error.text, "longer than MQTT can carry"));
    assert_false(mqtt_e2e_client_unsubscribe(offline.client, "never subscribed", &error));
    test_node_free(&offline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backoff),      cmocka_unit_test(test_topics),
        cmocka_unit_test(test_topics_bytes), cmocka_unit_test(test_queue),
        cmocka_unit_test(test_copies),       cmocka_unit_test(test_options),
        cmocka_unit_test(test_proxy_urls),   cmocka_unit_test(test_client_ids),
        cmocka_unit_test(test_use),          cmocka_unit_test(test_bad_topics),
        cmocka_unit_test(test_bad_messages),
    };

    cmocka_set_test_filter(getenv("TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
