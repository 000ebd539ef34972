/* SPDX-License-Identifier: MIT */
/* The client for microcontrollers: a device, its MQTT library (an array), and a controller (a session by itself). */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "mqtt_e2e/device.h"

#define T0        INT64_C(1795459591440)
#define TOPIC_MAX 128
#define SENT_MAX  16

static const uint8_t key[16] = "sixteen bytes ok";
static bool toit; /* all of it in the Toit profile */

typedef struct {
    char topic[TOPIC_MAX];
    uint8_t bytes[400];
    size_t len;
    int qos;
    bool retain;
} packet;

/* What the MQTT library was given, and whether it takes more. */
static struct {
    packet sent[SENT_MAX];
    size_t sent_count;
    char filters[SENT_MAX][TOPIC_MAX];
    size_t filter_count;
    bool full;
} mqtt;

static struct {
    mqtt_e2e_message message;
    char topic[64], payload[400];
    unsigned count, refused[MQTT_E2E_CAUSES];
    bool answer;
    char refused_topic[64];
} got;

static mqtt_e2e_device device;
static mqtt_e2e_session *host;
static uint64_t device_storage[1024], host_storage[1024];
static uint8_t buffer[MQTT_E2E_DEVICE_BUFFER(TOPIC_MAX, 300)];

static bool publish(void *context, const char *topic, const uint8_t *bytes, size_t len, int qos, bool retain)
{
    packet *p = &mqtt.sent[mqtt.sent_count];

    assert_ptr_equal(context, &mqtt);
    if (mqtt.full)
        return false;
    assert_true(mqtt.sent_count < SENT_MAX && len <= sizeof p->bytes);
    snprintf(p->topic, sizeof p->topic, "%s", topic);
    memcpy(p->bytes, bytes, len);
    p->len = len;
    p->qos = qos;
    p->retain = retain;
    mqtt.sent_count++;
    return true;
}

static bool subscribe(void *context, const char *filter, int qos)
{
    assert_ptr_equal(context, &mqtt);
    assert_int_equal(qos, 1);
    if (mqtt.full)
        return false;
    assert_true(mqtt.filter_count < SENT_MAX);
    snprintf(mqtt.filters[mqtt.filter_count++], TOPIC_MAX, "%s", filter);
    return true;
}

static void on_message(mqtt_e2e_device *d, const mqtt_e2e_message *message, int64_t now_ms, void *context)
{
    (void)context;
    assert_ptr_equal(d, &device);
    got.count++;
    if (got.answer)
        assert_int_equal(mqtt_e2e_device_reply(d, &message->id, "re: ", 4, 1, now_ms), MQTT_E2E_OK);
    /* After the reply: it must not have overwritten what was received. */
    got.message = *message;
    snprintf(got.topic, sizeof got.topic, "%.*s", (int)message->topic.len, (const char *)message->topic.data);
    snprintf(got.payload, sizeof got.payload, "%.*s", (int)message->payload.len,
             (const char *)message->payload.data);
}

static void on_refused(mqtt_e2e_device *d, mqtt_e2e_status cause, const mqtt_e2e_message *message,
                       void *context)
{
    (void)d, (void)context;
    got.refused[cause]++;
    snprintf(got.refused_topic, sizeof got.refused_topic, "%.*s", (int)message->topic.len,
             message->topic.len > 0 ? (const char *)message->topic.data : "");
}

static const char *const filters[] = {"command/all", "command/+/now"};

static mqtt_e2e_device_options options_of(const mqtt_e2e_crypto *crypto, bool own_clock)
{
    mqtt_e2e_device_options options;

    mqtt_e2e_device_defaults(&options);
    options.session.crypto = crypto;
    options.session.key = key;
    options.session.key_len = sizeof key;
    options.session.own_clock_ms = own_clock;
    if (toit)
        mqtt_e2e_toit(&options.session);
    options.filters = filters;
    options.filter_count = 2;
    options.buffer = buffer;
    options.buffer_size = sizeof buffer;
    options.publish = publish;
    options.subscribe = subscribe;
    options.on_message = on_message;
    options.on_refused = on_refused;
    options.context = &mqtt;
    return options;
}

static mqtt_e2e_status try_start(const mqtt_e2e_device_options *options, int64_t now_ms)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE];

    test_random(random, sizeof random);
    return mqtt_e2e_device_init(&device, device_storage, sizeof device_storage, options, random, now_ms);
}

static void start_host(const mqtt_e2e_crypto *crypto, int64_t now_ms)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    mqtt_e2e_options options;

    mqtt_e2e_defaults(&options);
    options.crypto = crypto;
    options.key = key;
    options.key_len = sizeof key;
    if (toit)
        mqtt_e2e_toit(&options);
    test_random(random, sizeof random);
    assert_int_equal(mqtt_e2e_init(&host, host_storage, sizeof host_storage, &options, random, now_ms),
                     MQTT_E2E_OK);
}

static void set_up(void **state, bool own_clock)
{
    mqtt_e2e_device_options options = options_of(*state, own_clock);

    memset(&mqtt, 0, sizeof mqtt);
    memset(&got, 0, sizeof got);
    start_host(*state, T0 - 1000);
    assert_int_equal(try_start(&options, own_clock ? 1 : T0 - 1000), MQTT_E2E_OK);
}

static void tear_down(void)
{
    mqtt_e2e_device_wipe(&device);
    mqtt_e2e_wipe(host);
    assert_true(test_all_zero(buffer, sizeof buffer));
    assert_true(test_all_zero(device_storage, sizeof device_storage));
    assert_true(test_all_zero(&device, sizeof device));
}

/* The host opens what the device sent last. */
static mqtt_e2e_status host_open(int64_t now_ms, mqtt_e2e_message *message)
{
    static char name[TOPIC_MAX];
    const packet *p = &mqtt.sent[mqtt.sent_count - 1];
    static uint8_t out[400];
    mqtt_e2e_topic topic;

    mqtt_e2e_reveal(host, p->topic, strlen(p->topic), name, sizeof name, &topic);
    return mqtt_e2e_open(host, &topic, p->bytes, p->len, out, sizeof out, now_ms, message);
}

static packet host_seal(const char *name, mqtt_e2e_kind kind, const char *payload, int64_t now_ms,
                        mqtt_e2e_id *id)
{
    packet p = {.topic = ""};
    mqtt_e2e_topic topic;

    assert_int_equal(mqtt_e2e_hide(host, name, p.topic, sizeof p.topic, &topic), MQTT_E2E_OK);
    assert_int_equal(kind == MQTT_E2E_REQUEST
                         ? mqtt_e2e_request(host, &topic, payload, strlen(payload), p.bytes, sizeof p.bytes,
                                            now_ms, 0, &p.len, id)
                         : mqtt_e2e_seal(host, &topic, kind, payload, strlen(payload), p.bytes,
                                         sizeof p.bytes, now_ms, &p.len),
                     MQTT_E2E_OK);
    return p;
}

static mqtt_e2e_status receive(packet p, int64_t now_ms)
{
    return mqtt_e2e_device_received(&device, p.topic, strlen(p.topic), p.bytes, p.len, now_ms);
}

/* ---- 1. Subscriptions are made after every connection, under their hidden names ---- */

static void test_connect(void **state)
{
    char wire[TOPIC_MAX];

    set_up(state, false);
    for (size_t round = 1; round <= 2; round++) {
        assert_int_equal(mqtt_e2e_device_connected(&device, T0), MQTT_E2E_OK);
        assert_int_equal(mqtt.filter_count, 2 * round);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(mqtt_e2e_hide_filter(host, filters[i], wire, sizeof wire), MQTT_E2E_OK);
            assert_string_equal(mqtt.filters[2 * round - 2 + i], wire);
        }
        mqtt_e2e_device_disconnected(&device);
    }
    assert_int_equal(mqtt.sent_count, 0); /* it knows the time */
    mqtt.full = true;
    assert_int_equal(mqtt_e2e_device_connected(&device, T0), MQTT_E2E_BUSY);
    assert_int_equal(mqtt_e2e_device_publish(&device, "t", "x", 1, 0, false, T0), MQTT_E2E_BUSY);
    tear_down();
}

/* ---- 2. What it sends opens; lasting messages alone bear the retain flag; while offline nothing is sealed ---- */

static void test_publish(void **state)
{
    mqtt_e2e_message message;

    set_up(state, false);
    assert_int_equal(mqtt_e2e_device_publish(&device, "t", "x", 1, 0, false, T0), MQTT_E2E_BUSY);
    assert_int_equal(mqtt_e2e_own_stream(device.session).counter, 0);
    mqtt_e2e_device_connected(&device, T0);
    for (int lasting = 0; lasting < 2; lasting++) {
        assert_int_equal(mqtt_e2e_device_publish(&device, "iot/kitchen", "21.5", 4, 1, lasting, T0),
                         MQTT_E2E_OK);
        assert_int_equal(mqtt.sent[mqtt.sent_count - 1].retain, lasting);
        assert_int_equal(mqtt.sent[mqtt.sent_count - 1].qos, 1);
        assert_int_equal(host_open(T0, &message), MQTT_E2E_OK);
        assert_int_equal(message.kind, lasting ? MQTT_E2E_LASTING : MQTT_E2E_MESSAGE);
        assert_memory_equal(message.topic.data, "iot/kitchen", message.topic.len);
        assert_memory_equal(message.payload.data, "21.5", 4);
    }
    mqtt.full = true;
    assert_int_equal(mqtt_e2e_device_publish(&device, "t", "x", 1, 0, false, T0), MQTT_E2E_BUSY);
    mqtt.full = false;
    assert_int_equal(mqtt_e2e_device_publish(&device, "a/+", "x", 1, 0, false, T0), MQTT_E2E_BAD_TOPIC);
    assert_int_equal(mqtt_e2e_device_publish(&device, "~x", "x", 1, 0, false, T0), MQTT_E2E_BAD_TOPIC);
    assert_int_equal(mqtt_e2e_device_publish(&device, "t", buffer, 258, 0, false, T0), MQTT_E2E_NO_ROOM);
    assert_int_equal(mqtt_e2e_device_publish(&device, "a/b/c/d/e/f/g/h", "x", 1, 0, false, T0),
                     MQTT_E2E_NO_ROOM);
    assert_int_equal(mqtt.sent_count, 2);
    tear_down();
}

/* ---- 3. A request is answered from within the callback, once; what it got stays readable meanwhile ---- */

static void test_answer(void **state)
{
    mqtt_e2e_message message;
    mqtt_e2e_id id;
    packet p;

    set_up(state, false);
    mqtt_e2e_device_connected(&device, T0);
    got.answer = true;
    p = host_seal("command/a/now", MQTT_E2E_REQUEST, "ping", T0, &id);
    assert_int_equal(receive(p, T0 + 20), MQTT_E2E_OK);
    assert_string_equal(got.topic, "command/a/now");
    assert_string_equal(got.payload, "ping");
    assert_int_equal(host_open(T0 + 40, &message), MQTT_E2E_OK);
    assert_int_equal(message.kind, MQTT_E2E_REPLY);
    assert_memory_equal(&message.request, &id, sizeof id);
    assert_int_equal(receive(p, T0 + 30), MQTT_E2E_REPLAY);
    assert_string_equal(got.refused_topic, "command/a/now");
    assert_int_equal(got.count, 1);
    assert_int_equal(mqtt.sent_count, 1);
    tear_down();
}

/* ---- 4. Junk of every kind is refused by cause, and never answered ---- */

static void test_junk(void **state)
{
    packet p;

    set_up(state, false);
    mqtt_e2e_device_connected(&device, T0);
    p = host_seal("command/all", MQTT_E2E_MESSAGE, "x", T0, NULL);
    p.bytes[30] ^= 1;
    assert_int_equal(receive(p, T0), MQTT_E2E_FORGED);
    assert_int_equal(mqtt_e2e_device_received(&device, p.topic, strlen(p.topic), p.bytes, 42, T0),
                     MQTT_E2E_MALFORMED);
    assert_int_equal(mqtt_e2e_device_received(&device, "elsewhere", 9, p.bytes, p.len, T0), MQTT_E2E_FORGED);
    assert_string_equal(got.refused_topic, "");
    memset(p.topic, 'x', sizeof p.topic); /* longer than any that it has room for */
    assert_int_equal(mqtt_e2e_device_received(&device, p.topic, sizeof p.topic, p.bytes, p.len, T0),
                     MQTT_E2E_FORGED);
    assert_int_equal(mqtt_e2e_device_received(&device, p.topic, 0, p.bytes, 0, T0), MQTT_E2E_FORGED);
    p = host_seal("command/all", MQTT_E2E_MESSAGE, "x", T0, NULL);
    assert_int_equal(receive(p, T0 + 300001), MQTT_E2E_STALE);
    p = host_seal("command/all", MQTT_E2E_MESSAGE, "x", T0 + 10001, NULL);
    assert_int_equal(receive(p, T0), MQTT_E2E_FUTURE);
    assert_int_equal(got.count, 0);
    assert_int_equal(mqtt.sent_count, 0);
    assert_int_equal(got.refused[MQTT_E2E_FORGED], 4);
    assert_int_equal(mqtt_e2e_counts(device.session)[MQTT_E2E_FORGED], 4);
    tear_down();
}

/* ---- 5. Without a clock: it asks at once, then less and less often, hears nothing before, and every hour after ---- */

static packet tell_time(int64_t now_ms)
{
    char name[MQTT_E2E_REPLY_NAME_SIZE];
    packet p = {.topic = ""};
    mqtt_e2e_message message;
    mqtt_e2e_topic topic;
    int64_t last = 0;

    assert_int_equal(host_open(now_ms, &message), MQTT_E2E_TIME_ASKED);
    assert_int_equal(mqtt_e2e_reply_topic(host, message.id.stream, name, p.topic, sizeof p.topic, &topic),
                     MQTT_E2E_OK);
    assert_int_equal(
        mqtt_e2e_time_reply(host, &topic, &message.id, p.bytes, sizeof p.bytes, now_ms, &last, &p.len),
        MQTT_E2E_OK);
    return p;
}

static void test_time(void **state)
{
    packet p, answer;
    int64_t now = 1000;

    set_up(state, true);
    assert_int_equal(mqtt_e2e_device_poll(&device, now), 60000);
    mqtt_e2e_device_connected(&device, now);
    assert_int_equal(mqtt.filter_count, 3); /* the third is the reply topic */
    assert_int_equal(mqtt.sent_count, 1);
    assert_int_equal(mqtt_e2e_device_publish(&device, "t", "x", 1, 0, false, now), MQTT_E2E_NO_CLOCK);
    p = host_seal("command/all", MQTT_E2E_MESSAGE, "x", T0, NULL);
    assert_int_equal(receive(p, now), MQTT_E2E_NO_CLOCK);
    for (int64_t expected = 4000, i = 2; i < 8; i++) { /* nobody answers */
        uint32_t wait = mqtt_e2e_device_poll(&device, now);

        assert_true(wait >= (expected < 60000 ? expected : 60000) && wait <= 60000);
        assert_true(wait <= expected * 5 / 4);
        now = device.ask_at - 1;
        mqtt_e2e_device_poll(&device, now);
        assert_int_equal(mqtt.sent_count, i - 1);
        mqtt_e2e_device_poll(&device, ++now);
        assert_int_equal(mqtt.sent_count, i);
        expected = expected < 30000 ? 2 * expected : 60000;
    }
    answer = tell_time(T0 + 50);
    assert_string_equal(answer.topic, mqtt.filters[2]);
    assert_int_equal(receive(answer, now + 100), MQTT_E2E_TIME_SET);
    assert_int_equal(mqtt_e2e_utc(device.session, now + 100), T0 + 100);
    assert_int_equal(receive(p, now + 100), MQTT_E2E_STALE); /* sealed before it knew the time: the floor */
    p = host_seal("command/all", MQTT_E2E_MESSAGE, "on", T0 + 200, NULL);
    assert_int_equal(receive(p, now + 200), MQTT_E2E_OK);
    assert_string_equal(got.payload, "on");
    assert_int_equal(mqtt_e2e_device_poll(&device, now + 100 + 3599999), 1);
    assert_int_equal(mqtt.sent_count, 7);
    mqtt_e2e_device_poll(&device, now + 100 + 3600000);
    assert_int_equal(mqtt.sent_count, 8);
    mqtt_e2e_device_connected(&device, now + 100 + 3600100); /* asked already: not once more */
    assert_int_equal(mqtt.sent_count, 8);
    tear_down();
}

/* The MQTT library's queue is full when it asks: again soon, not after the backoff. */
static void test_time_not_taken(void **state)
{
    set_up(state, true);
    mqtt_e2e_device_connected(&device, 1000);
    mqtt.full = true;
    mqtt_e2e_device_poll(&device, 100000);
    mqtt.full = false;
    assert_int_equal(mqtt_e2e_device_poll(&device, 100100), 400);
    mqtt_e2e_device_poll(&device, 100500);
    assert_int_equal(mqtt.sent_count, 2);
    tear_down();
}

/* ---- 6. A reset: with no memory of what it had seen it refuses that all the same ---- */

static void test_reset(void **state)
{
    mqtt_e2e_device_options options = options_of(*state, true);
    packet p;

    set_up(state, true);
    mqtt_e2e_device_connected(&device, 1000);
    assert_int_equal(receive(tell_time(T0), 1010), MQTT_E2E_TIME_SET);
    p = host_seal("command/all", MQTT_E2E_MESSAGE, "open the door", T0 + 100, NULL);
    assert_int_equal(receive(p, 1200), MQTT_E2E_OK);
    mqtt_e2e_device_wipe(&device);
    assert_int_equal(try_start(&options, 1), MQTT_E2E_OK);
    mqtt_e2e_device_connected(&device, 500);
    assert_int_equal(receive(p, 510), MQTT_E2E_NO_CLOCK);
    assert_int_equal(receive(tell_time(T0 + 5000), 520), MQTT_E2E_TIME_SET);
    assert_int_equal(receive(p, 600), MQTT_E2E_STALE);
    assert_int_equal(got.count, 1);
    tear_down();
}

/* ---- 7. It asks others too, if it said that it would ---- */

static void test_request(void **state)
{
    mqtt_e2e_device_options options = options_of(*state, false);
    char name[MQTT_E2E_REPLY_NAME_SIZE];
    uint8_t random[MQTT_E2E_RANDOM_SIZE] = {7};
    mqtt_e2e_message message;
    mqtt_e2e_topic topic;
    mqtt_e2e_id id;
    packet p = {.topic = ""};

    set_up(state, false);
    mqtt_e2e_device_connected(&device, T0);
    assert_int_equal(mqtt_e2e_device_request(&device, "ask", "?", 1, 1, 0, T0, &id), MQTT_E2E_BAD_OPTION);
    mqtt_e2e_device_wipe(&device);
    options.ask_replies = true;
    options.session.requests = 1;
    try_start(&options, T0 - 1000);
    mqtt_e2e_device_connected(&device, T0);
    mqtt.full = true;
    assert_int_equal(mqtt_e2e_device_request(&device, "ask", "?", 1, 1, 0, T0, &id), MQTT_E2E_BUSY);
    mqtt.full = false; /* and the only one that may be open was closed */
    assert_int_equal(mqtt_e2e_device_request(&device, "ask", "?", 1, 1, 0, T0, &id), MQTT_E2E_OK);
    assert_int_equal(host_open(T0, &message), MQTT_E2E_OK);
    mqtt_e2e_reply_topic(host, message.id.stream, name, p.topic, sizeof p.topic, &topic);
    assert_int_equal(
        mqtt_e2e_reply(host, &topic, &message.id, "42", 2, p.bytes, sizeof p.bytes, T0 + 5, &p.len),
        MQTT_E2E_OK);
    assert_string_equal(p.topic, mqtt.filters[mqtt.filter_count - 1]);
    assert_int_equal(receive(p, T0 + 10), MQTT_E2E_OK);
    assert_int_equal(got.message.kind, MQTT_E2E_REPLY);
    assert_memory_equal(&got.message.request, &id, sizeof id);
    assert_string_equal(got.payload, "42");
    assert_int_equal(mqtt_e2e_device_renew(&device, random, T0 + 20), MQTT_E2E_OK);
    assert_string_not_equal(mqtt.filters[mqtt.filter_count - 1], p.topic);
    tear_down();
}

/* ---- 8. Options out of their range ---- */

#define assert_bad(change)                                                                                   \
    do {                                                                                                     \
        mqtt_e2e_device_options o = options_of(*state, true);                                                \
        change;                                                                                              \
        assert_int_equal(try_start(&o, 1), MQTT_E2E_BAD_OPTION);                                             \
        assert_true(test_all_zero(device_storage, sizeof device_storage));                                   \
    } while (0)

static void test_options(void **state)
{
    memset(device_storage, 0, sizeof device_storage);
    assert_bad(o.publish = NULL);
    assert_bad(o.subscribe = NULL);
    assert_bad(o.on_message = NULL);
    assert_bad(o.buffer = NULL);
    assert_bad(o.buffer_size = 2 * TOPIC_MAX + 92);
    assert_bad(o.topic_max = 0);
    assert_bad(o.topic_max = 240);
    assert_bad(o.topic_max = MQTT_E2E_REPLY_WIRE_SIZE(12) - 1);
    assert_bad(o.session.key_len = 15);
}

/* ---- 9. In the Toit profile: a command is heard once, and answered as a message ---- */

static void test_toit(void **state)
{
    mqtt_e2e_message message;
    mqtt_e2e_id id;
    packet p;

    toit = true;
    set_up(state, false);
    assert_int_equal(mqtt_e2e_device_connected(&device, T0), MQTT_E2E_OK);
    assert_string_equal(mqtt.filters[0] + strlen(mqtt_e2e_base(host)), "/command/all");
    p = host_seal("command/all", MQTT_E2E_MESSAGE, "ping", T0, NULL);
    assert_int_equal(receive(p, T0), MQTT_E2E_OK);
    assert_string_equal(got.payload, "ping");
    assert_int_equal(receive(p, T0), MQTT_E2E_REPLAY);
    assert_int_equal(mqtt_e2e_device_publish(&device, "iot/lamp", "pong", 4, 0, false, T0), MQTT_E2E_OK);
    assert_int_equal(mqtt.sent[0].len, MQTT_E2E_TOIT_OVERHEAD + 50);
    assert_int_equal(host_open(T0, &message), MQTT_E2E_OK);
    assert_memory_equal(message.payload.data, "pong", 4);
    assert_int_equal(receive(mqtt.sent[0], T0), MQTT_E2E_OWN);
    assert_int_equal(mqtt_e2e_device_publish(&device, "iot/lamp", "x", 1, 0, true, T0), MQTT_E2E_UNSUPPORTED);
    assert_int_equal(mqtt_e2e_device_reply(&device, &message.id, "x", 1, 0, T0), MQTT_E2E_UNSUPPORTED);
    assert_int_equal(mqtt_e2e_device_request(&device, "t", "x", 1, 0, 0, T0, &id), MQTT_E2E_BAD_OPTION);
    mqtt_e2e_device_poll(&device, T0 + 60000);
    assert_int_equal(mqtt.sent_count, 1);
    tear_down();
    toit = false;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect), cmocka_unit_test(test_publish), cmocka_unit_test(test_answer),
        cmocka_unit_test(test_junk),    cmocka_unit_test(test_time),    cmocka_unit_test(test_time_not_taken),
        cmocka_unit_test(test_reset),   cmocka_unit_test(test_request), cmocka_unit_test(test_options),
        cmocka_unit_test(test_toit),
    };

    test_seed();
    return test_run_over_backends("device", tests, sizeof tests / sizeof *tests);
}
