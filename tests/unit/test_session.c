/* SPDX-License-Identifier: MIT */
/* Sealing, opening, requests and time through the public calls, over every pair of backends. */
#include "node.h"

#include <stdlib.h>
#include <string.h>

static packet p, q;

/* ---- 1. What one seals, the other opens, once ---- */

static void seal_then_open(node *a, node *b)
{
    mqtt_e2e_id seen;
    int64_t newest;

    assert_false(mqtt_e2e_last_seen(b->session, NULL, &seen, &newest));
    assert_int_equal(node_seal(a, "iot/kitchen", MQTT_E2E_MESSAGE, "ping", T0, &p), MQTT_E2E_OK);
    assert_int_equal(p.len, MQTT_E2E_SEALED_SIZE(4, 50));
    assert_int_equal(node_open(b, &p, T0 + 5), MQTT_E2E_OK);
    node_assert_payload(b, "ping");
    assert_string_equal(b->name, "iot/kitchen");
    assert_int_equal(b->message.topic.len, 11);
    assert_int_equal(b->message.kind, MQTT_E2E_MESSAGE);
    assert_int_equal(b->message.time, T0);
    assert_int_equal(b->message.padding, 46);
    assert_int_equal(b->message.id.counter, 0);
    assert_int_equal(node_open(b, &p, T0 + 5), MQTT_E2E_REPLAY);
    assert_int_equal(b->message.id.counter, 0);
    assert_int_equal(b->message.payload.len, 0);
    assert_int_equal(node_open(a, &p, T0 + 5), MQTT_E2E_OWN);
    assert_true(mqtt_e2e_last_seen(b->session, NULL, &seen, &newest));
    assert_memory_equal(seen.stream, mqtt_e2e_own_stream(a->session).stream, sizeof seen.stream);
    assert_true(mqtt_e2e_last_seen(b->session, seen.stream, &seen, &newest));
    assert_int_equal(newest, T0);
    assert_int_equal(mqtt_e2e_counts(b->session)[MQTT_E2E_OK], 1);
    assert_int_equal(mqtt_e2e_counts(b->session)[MQTT_E2E_REPLAY], 1);
}

static void test_seal_then_open(void **state)
{
    (void)state;
    node_each_pair(seal_then_open);
}

/* ---- 2. Every single altered bit is refused, and leaves nothing readable ---- */

static void altered(node *a, node *b)
{
    static const char secret[] = "a secret of some length that must not be readable";

    assert_int_equal(node_seal(a, "t", MQTT_E2E_MESSAGE, secret, T0, &p), MQTT_E2E_OK);
    for (size_t bit = 0; bit < p.len * 8; bit += 1 + test_random_below(16)) {
        p.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        memset(b->out, 0, sizeof b->out);
        assert_int_equal(node_open(b, &p, T0), MQTT_E2E_FORGED);
        assert_true(test_all_zero(b->out, sizeof b->out));
        assert_true(test_all_zero(&b->message.id, sizeof b->message.id));
        p.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 1; cut <= p.len; cut++) {
        size_t len = p.len;
        p.len -= cut;
        assert_int_equal(node_open(b, &p, T0),
                         p.len < MQTT_E2E_OVERHEAD ? MQTT_E2E_MALFORMED : MQTT_E2E_FORGED);
        p.len = len;
    }
    node_seal(a, "u", MQTT_E2E_MESSAGE, "other topic", T0, &q);
    memcpy(q.bytes, p.bytes, p.len); /* moved to u */
    q.len = p.len;
    assert_int_equal(node_open(b, &q, T0), MQTT_E2E_FORGED);
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_OK); /* none of this kept the real one out */
}

static void test_altered(void **state)
{
    (void)state;
    node_each_pair(altered);
}

/* ---- 3. In place, and payload already in its place ---- */

static void in_place(node *a, node *b)
{
    mqtt_e2e_topic topic, read;
    char wire[100], name[100];
    uint8_t buffer[MQTT_E2E_SEALED_SIZE(100, 50)];
    uint8_t payload[100];
    mqtt_e2e_message message;
    size_t len;

    test_random(payload, sizeof payload);
    assert_int_equal(mqtt_e2e_hide(a->session, "in/place", wire, sizeof wire, &topic), MQTT_E2E_OK);
    for (size_t offset = 0; offset + sizeof payload <= sizeof buffer; offset++) {
        memcpy(buffer + offset, payload, sizeof payload);
        assert_int_equal(mqtt_e2e_seal(a->session, &topic, MQTT_E2E_MESSAGE, buffer + offset, sizeof payload,
                                       buffer, sizeof buffer, T0, &len),
                         MQTT_E2E_OK);
        assert_int_equal(len, sizeof buffer);
        assert_int_equal(mqtt_e2e_reveal(b->session, topic.wire, topic.wire_len, name, sizeof name, &read),
                         MQTT_E2E_OK);
        assert_int_equal(mqtt_e2e_open(b->session, &read, buffer, len, buffer, len, T0, &message),
                         MQTT_E2E_OK);
        assert_memory_equal(message.payload.data, payload, sizeof payload);
        assert_ptr_equal(message.payload.data, buffer + MQTT_E2E_PAYLOAD_OFFSET);
    }
    assert_int_equal(mqtt_e2e_open(b->session, &read, buffer, len, buffer, len - 1, T0, &message),
                     MQTT_E2E_NO_ROOM);
}

static void test_in_place(void **state)
{
    (void)state;
    node_each_pair(in_place);
}

/* ---- 4. Sizes: the macro, the function and the packet agree; short payloads look alike ---- */

static void test_sizes(void **state)
{
    static const uint16_t pads[] = {0, 1, 50, 51, 200, 65535};
    static char text[3000], packet_room[70000], wire[64];
    mqtt_e2e_topic topic;
    size_t len;
    node n;

    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof pads / sizeof *pads; i++) {
        for (int padme = 0; padme < 2; padme++) {
            mqtt_e2e_options options = node_options(test_backends[0], 16);

            options.pad_size = pads[i];
            options.padme = padme != 0;
            node_start(&n, &options, T0);
            assert_int_equal(mqtt_e2e_hide(n.session, "t", wire, sizeof wire, &topic), MQTT_E2E_OK);
            for (size_t payload = 0; payload < sizeof text; payload += 1 + payload / 60) {
                size_t exact = padme ? MQTT_E2E_SEALED_SIZE_PADME(payload, pads[i])
                                     : MQTT_E2E_SEALED_SIZE(payload, pads[i]);

                assert_int_equal(mqtt_e2e_sealed_size(n.session, payload), exact);
                assert_int_equal(mqtt_e2e_seal(n.session, &topic, 0, text, payload, (uint8_t *)packet_room,
                                               exact - 1, T0, &len),
                                 MQTT_E2E_NO_ROOM);
                assert_int_equal(mqtt_e2e_seal(n.session, &topic, 0, text, payload, (uint8_t *)packet_room,
                                               exact, T0, &len),
                                 MQTT_E2E_OK);
                assert_int_equal(len, exact);
                assert_true(payload > pads[i] || len == 43u + pads[i]);
            }
            node_stop(&n);
        }
    }
    assert_int_equal(MQTT_E2E_PADME(9), 10);
    assert_int_equal(MQTT_E2E_PADME(1000), 1024);
    assert_int_equal(MQTT_E2E_PADME(1u << 27), 1u << 27);
    assert_int_equal(MQTT_E2E_PADME((1u << 27) + 1), (1u << 27) + (1u << 22));
}

/* ---- 5. Options out of range, storage too small or not aligned ---- */

static mqtt_e2e_status try_init(const mqtt_e2e_options *options, size_t less, size_t shift)
{
    size_t size = mqtt_e2e_session_size(options);
    uint8_t random[MQTT_E2E_RANDOM_SIZE] = {1};
    mqtt_e2e_session *session = (void *)&random;
    uint8_t *storage = malloc(size + 8);
    mqtt_e2e_status status = mqtt_e2e_init(&session, storage + shift, size - less, options, random, T0);

    assert_true((status == MQTT_E2E_OK) == (session != NULL));
    mqtt_e2e_wipe(session);
    assert_true(status != MQTT_E2E_OK || test_all_zero(storage + shift, size));
    free(storage);
    return status;
}

#define assert_bad(field, value)                                                                             \
    do {                                                                                                     \
        mqtt_e2e_options options = node_options(test_backends[0], 16);                                       \
        options.field = value;                                                                               \
        assert_int_equal(try_init(&options, 0, 0), MQTT_E2E_BAD_OPTION);                                     \
    } while (0)

static void test_options(void **state)
{
    mqtt_e2e_options good = node_options(test_backends[0], 16);

    (void)state;
    assert_int_equal(try_init(&good, 0, 0), MQTT_E2E_OK);
    assert_int_equal(try_init(&good, 1, 0), MQTT_E2E_NO_ROOM);
    assert_int_equal(try_init(&good, 0, 4), MQTT_E2E_NO_ROOM);
    assert_bad(key, NULL);
    assert_bad(key_len, 0);
    assert_bad(key_len, 17);
    assert_bad(key_len, 24);
    assert_bad(streams, 0);
    assert_bad(streams, 32768);
    assert_bad(window, 0);
    assert_bad(window, 63);
    assert_bad(window, 65);
    assert_bad(longest_packet, 42);
    assert_bad(lasting_topics, 1025);
    assert_bad(floor_ms, -1);
    assert_bad(floor_ms, INT64_MAX);
    assert_bad(base, "a/+");
    assert_bad(base, "a/");
    assert_bad(base, "\xff");
    assert_bad(prefix, "#");
    assert_bad(hint_len, 3);
    mqtt_e2e_wipe(NULL);
}

static void test_session_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < test_backend_count; i++) {
        mqtt_e2e_options options = node_options(test_backends[i], 16);

        for (unsigned streams = 1; streams < 5000; streams = streams * 2 + 1) {
            options.streams = (uint16_t)streams;
            options.window = 256;
            options.lasting_topics = 3;
            options.requests = 5;
            assert_int_equal(mqtt_e2e_session_size(&options),
                             MQTT_E2E_SESSION_SIZE(options.crypto->state_size, streams, 256, 5, 3));
            assert_int_equal(try_init(&options, 0, 0), MQTT_E2E_OK);
        }
        assert_true(test_backends[i]->state_size <= MQTT_E2E_CRYPTO_STATE_MAX);
    }
}

/* ---- 6. What may not be sealed ---- */

static void not_sealed(node *a, node *b)
{
    mqtt_e2e_id own = mqtt_e2e_own_stream(a->session);

    (void)b;
    assert_int_equal(node_seal(a, "t", MQTT_E2E_MESSAGE, "x", 0, &p), MQTT_E2E_NO_CLOCK);
    assert_int_equal(node_seal(a, "t", MQTT_E2E_MESSAGE, "x", -5, &p), MQTT_E2E_NO_CLOCK);
    assert_int_equal(node_seal(a, "t", MQTT_E2E_MESSAGE, "x", INT64_C(1) << 48, &p), MQTT_E2E_NO_CLOCK);
    assert_int_equal(node_seal(a, "t", MQTT_E2E_REPLY, "x", T0, &p), MQTT_E2E_BAD_OPTION);
    assert_int_equal(node_seal(a, "t", (mqtt_e2e_kind)4, "x", T0, &p), MQTT_E2E_BAD_OPTION);
    assert_int_equal(node_seal(a, "~time", MQTT_E2E_MESSAGE, "x", T0, &p), MQTT_E2E_BAD_TOPIC);
    assert_int_equal(node_seal(a, "a/+", MQTT_E2E_MESSAGE, "x", T0, &p), MQTT_E2E_BAD_TOPIC);
    assert_int_equal(node_seal(a, "", MQTT_E2E_MESSAGE, "x", T0, &p), MQTT_E2E_BAD_TOPIC);
    assert_int_equal(mqtt_e2e_own_stream(a->session).counter, own.counter); /* no nonce was used */
    a->session->own.counter = UINT32_MAX - 1;
    assert_int_equal(node_seal(a, "t", MQTT_E2E_MESSAGE, "last", T0, &p), MQTT_E2E_OK);
    assert_int_equal(node_seal(a, "t", MQTT_E2E_MESSAGE, "x", T0, &q), MQTT_E2E_EXHAUSTED);
    assert_int_equal(node_seal(a, "t", MQTT_E2E_MESSAGE, "x", T0, &q), MQTT_E2E_EXHAUSTED);
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_OK);
    assert_int_equal(b->message.id.counter, UINT32_MAX - 1);
}

static void test_not_sealed(void **state)
{
    (void)state;
    node_each_pair(not_sealed);
}

static void test_too_long(void **state)
{
    mqtt_e2e_options options = node_options(test_backends[0], 16);
    mqtt_e2e_topic topic;
    char wire[64];
    size_t len;
    node n;

    (void)state;
    node_start(&n, &options, T0);
    mqtt_e2e_hide(n.session, "t", wire, sizeof wire, &topic);
    assert_int_equal(
        mqtt_e2e_seal(n.session, &topic, 0, p.bytes, MQTT_E2E_PAYLOAD_MAX + 1u, p.bytes, SIZE_MAX, T0, &len),
        MQTT_E2E_TOO_LONG);
    assert_int_equal(mqtt_e2e_seal(n.session, &topic, 0, p.bytes, SIZE_MAX, p.bytes, SIZE_MAX, T0, &len),
                     MQTT_E2E_TOO_LONG);
    node_stop(&n);
}

/* ---- 7. Time: edges of skew, lead and floor, each by how much ---- */

static void time_edges(node *a, node *b)
{
    static const struct {
        int64_t sealed, opened;
        mqtt_e2e_status status;
        int64_t off_by;
    } rows[] = {
        {T0, T0 + 300000, MQTT_E2E_OK, 0},
        {T0, T0 + 300001, MQTT_E2E_STALE, 1},
        {T0, T0 + 338000, MQTT_E2E_STALE, 38000},
        {T0 + 10000, T0, MQTT_E2E_OK, 0},
        {T0 + 10001, T0, MQTT_E2E_FUTURE, 1},
        {T0 - 999, T0, MQTT_E2E_OK, 0},
        {T0 - 1000, T0, MQTT_E2E_STALE, 1},
        {T0 - 5000, T0, MQTT_E2E_STALE, 4001},
        {T0, 0, MQTT_E2E_NO_CLOCK, 0},
        {T0, -1, MQTT_E2E_NO_CLOCK, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t random[MQTT_E2E_RANDOM_SIZE];

        test_random(random, sizeof random); /* each from a stream that b does not know */
        assert_int_equal(mqtt_e2e_renew(a->session, random, rows[i].sealed), MQTT_E2E_OK);
        assert_int_equal(node_seal(a, "t", MQTT_E2E_MESSAGE, "x", rows[i].sealed, &p), MQTT_E2E_OK);
        assert_int_equal(node_open(b, &p, rows[i].opened), rows[i].status);
        assert_int_equal(b->message.off_by_ms, rows[i].off_by);
        assert_int_equal(b->message.time, rows[i].sealed);
    }
}

static void test_time_edges(void **state)
{
    (void)state;
    node_each_pair(time_edges);
}

/* ---- 8. Requests: bound to what was asked, each reply once, several if wanted, closed after the timeout ---- */

static void requests(node *a, node *b)
{
    mqtt_e2e_id first, second, third;
    packet late;

    assert_int_equal(node_ask(a, "cmd", "status", T0, 0, &p, &first), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_OK);
    assert_int_equal(b->message.kind, MQTT_E2E_REQUEST);
    assert_memory_equal(&b->message.id, &first, sizeof first);
    assert_int_equal(node_answer(b, &b->message.id, "fine", T0 + 10, &q), MQTT_E2E_OK);
    assert_int_equal(node_answer(b, &b->message.id, "more", T0 + 11, &late), MQTT_E2E_OK);
    assert_int_equal(q.len, MQTT_E2E_SEALED_SIZE(4 + MQTT_E2E_BINDING_SIZE, 50));
    assert_int_equal(node_open(a, &q, T0 + 20), MQTT_E2E_OK);
    node_assert_payload(a, "fine");
    assert_memory_equal(&a->message.request, &first, sizeof first);
    assert_int_equal(a->message.padding, 30);
    assert_int_equal(node_open(a, &q, T0 + 20), MQTT_E2E_REPLAY);
    assert_int_equal(node_ask(a, "cmd", "again", T0 + 20, 50, &p, &second), MQTT_E2E_OK);
    assert_int_equal(node_ask(a, "cmd", "too many", T0 + 20, 50, &p, &third), MQTT_E2E_BUSY);
    mqtt_e2e_close(a->session, &first);
    mqtt_e2e_close(a->session, &first);
    assert_int_equal(node_open(a, &late, T0 + 20), MQTT_E2E_UNASKED);
    assert_int_equal(node_answer(b, &second, "at the last moment", T0 + 69, &q), MQTT_E2E_OK);
    assert_int_equal(node_answer(b, &second, "too late", T0 + 70, &late), MQTT_E2E_OK);
    assert_int_equal(node_open(a, &q, T0 + 69), MQTT_E2E_OK);
    assert_int_equal(node_open(a, &late, T0 + 70), MQTT_E2E_UNASKED);
    assert_int_equal(node_open(b, &late, T0 + 70), MQTT_E2E_OWN);
    assert_int_equal(node_ask(a, "cmd", "room again", T0 + 70, 50, &p, &third), MQTT_E2E_OK);
    assert_int_equal(node_ask(a, "~time", "x", T0 + 70, 50, &p, &third), MQTT_E2E_BAD_TOPIC);
}

static void test_requests(void **state)
{
    (void)state;
    node_each_pair(requests);
}

/* Requests that were open when the stream was renewed stay open. */
static void renewed(node *a, node *b)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE] = {7};
    mqtt_e2e_id request;

    assert_int_equal(node_ask(a, "cmd", "status", T0, 0, &p, &request), MQTT_E2E_OK);
    assert_int_equal(mqtt_e2e_renew(a->session, random, T0), MQTT_E2E_OK);
    assert_int_equal(node_answer(b, &request, "fine", T0, &q), MQTT_E2E_OK);
    assert_int_equal(node_open(a, &q, T0), MQTT_E2E_OK);
    assert_int_equal(node_open(a, &p, T0), MQTT_E2E_REPLAY); /* the former own stream is full */
    assert_memory_not_equal(mqtt_e2e_own_stream(a->session).stream, request.stream, sizeof request.stream);
}

static void test_renewed(void **state)
{
    (void)state;
    node_each_pair(renewed);
}

/* ---- 9. Time from a peer ---- */

static mqtt_e2e_status ask_time(node *n, int64_t now_ms, packet *out)
{
    mqtt_e2e_topic topic;

    assert_int_equal(mqtt_e2e_hide(n->session, "~time", out->wire, sizeof out->wire, &topic), MQTT_E2E_OK);
    return mqtt_e2e_time_request(n->session, &topic, out->bytes, sizeof out->bytes, now_ms, &out->len);
}

static mqtt_e2e_status tell_time(node *n, const mqtt_e2e_id *request, int64_t now_ms, int64_t *last,
                                 packet *out)
{
    char name[MQTT_E2E_REPLY_NAME_SIZE];
    mqtt_e2e_topic topic;

    assert_int_equal(
        mqtt_e2e_reply_topic(n->session, request->stream, name, out->wire, sizeof out->wire, &topic),
        MQTT_E2E_OK);
    return mqtt_e2e_time_reply(n->session, &topic, request, out->bytes, sizeof out->bytes, now_ms, last,
                               &out->len);
}

static void restart_without_clock(node *n)
{
    mqtt_e2e_options options = n->options;

    options.own_clock_ms = true;
    node_stop(n);
    node_start(n, &options, 500);
}

static void time_from_peer(node *a, node *b)
{
    int64_t last = 0;
    packet before;

    restart_without_clock(a);
    assert_int_equal(node_seal(b, "t", MQTT_E2E_MESSAGE, "before", T0 - 1, &before), MQTT_E2E_OK);
    assert_int_equal(node_open(a, &before, 600), MQTT_E2E_NO_CLOCK);
    assert_int_equal(node_seal(a, "t", MQTT_E2E_MESSAGE, "x", 600, &p), MQTT_E2E_NO_CLOCK);
    assert_int_equal(ask_time(b, T0, &p), MQTT_E2E_BAD_OPTION); /* it has a clock */
    assert_int_equal(ask_time(a, 1000, &p), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_TIME_ASKED);
    assert_int_equal(tell_time(b, &b->message.id, T0, &last, &q), MQTT_E2E_OK);
    assert_int_equal(tell_time(b, &b->message.id, T0 + 999, &last, &before), MQTT_E2E_BUSY);
    assert_int_equal(tell_time(b, &b->message.id, T0 + 1000, &last, &before), MQTT_E2E_OK);
    assert_int_equal(node_open(a, &q, 1400), MQTT_E2E_TIME_SET);
    assert_int_equal(a->message.payload.len, 0);
    assert_int_equal(mqtt_e2e_utc(a->session, 1400), T0 + 200); /* half the round trip */
    assert_int_equal(node_open(a, &before, 1401), MQTT_E2E_UNASKED);
    assert_int_equal(a->session->replay.count, 0); /* by way of an exception: the table is as it was */
    assert_int_equal(a->session->replay.floor, T0 + 200);
    assert_int_equal(tell_time(a, &b->message.id, 1500, &last, &p),
                     MQTT_E2E_NO_CLOCK); /* never from hearsay */
    assert_int_equal(node_seal(b, "t", MQTT_E2E_MESSAGE, "as old as the floor", T0 + 200, &p), MQTT_E2E_OK);
    assert_int_equal(node_open(a, &p, 1500), MQTT_E2E_STALE);
    assert_int_equal(node_seal(b, "t", MQTT_E2E_MESSAGE, "new", T0 + 201, &p), MQTT_E2E_OK);
    assert_int_equal(node_open(a, &p, 1500), MQTT_E2E_OK);
    assert_int_equal(node_seal(a, "t", MQTT_E2E_MESSAGE, "from a", 1500, &p), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &p, T0 + 300), MQTT_E2E_OK);
    assert_int_equal(b->message.time, T0 + 300);
}

static void test_time_from_peer(void **state)
{
    (void)state;
    node_each_pair(time_from_peer);
}

/* An answer after 4 s, to another question, or without a time, sets nothing; a jump ahead raises the floor. */
static void time_refused(node *a, node *b)
{
    int64_t last = 0;

    restart_without_clock(a);
    ask_time(a, 1000, &p);
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_TIME_ASKED);
    assert_int_equal(tell_time(b, &b->message.id, T0, &last, &q), MQTT_E2E_OK);
    assert_int_equal(node_open(a, &q, 5001), MQTT_E2E_UNASKED);
    ask_time(a, 6000, &p);
    assert_int_equal(node_open(a, &q, 6001), MQTT_E2E_UNASKED); /* that was for the first question */
    assert_int_equal(mqtt_e2e_utc(a->session, 6001), 0);
    assert_int_equal(node_open(b, &p, T0 + 5000), MQTT_E2E_TIME_ASKED);
    assert_int_equal(node_open(b, &p, T0 + 5000),
                     MQTT_E2E_TIME_ASKED); /* the table remembers nothing of it */
    assert_int_equal(tell_time(b, &b->message.id, T0 + 5000, &last, &q), MQTT_E2E_OK);
    assert_int_equal(node_open(a, &q, 10000), MQTT_E2E_TIME_SET);
    assert_int_equal(a->session->replay.floor, T0 + 7000);
    mqtt_e2e_set_clock(a->session, T0 + 20000, 13000); /* 10,000 ahead: within the lead */
    assert_int_equal(a->session->replay.floor, T0 + 7000);
    mqtt_e2e_set_clock(a->session, T0 + 40001,
                       23000); /* 10,001 ahead: what was heard before must not come back */
    assert_int_equal(a->session->replay.floor, T0 + 40001);
    mqtt_e2e_set_clock(a->session, T0, 23000);
    assert_int_equal(a->session->replay.floor, T0 + 40001);
    assert_int_equal(tell_time(a, &b->message.id, 23000, &last, &q),
                     MQTT_E2E_OK); /* its clock is not hearsay now */
}

static void test_time_refused(void **state)
{
    (void)state;
    node_each_pair(time_refused);
}

/* ---- 10. Starts ---- */

static void test_starts(void **state)
{
    mqtt_e2e_options options = node_options(test_backends[0], 16);
    node n;

    (void)state;
    node_start(&n, &options, T0);
    assert_int_equal(n.session->replay.floor, T0);
    mqtt_e2e_raise_floor(n.session, T0 - 1);
    assert_int_equal(n.session->replay.floor, T0);
    mqtt_e2e_raise_floor(n.session, T0 + 9);
    assert_int_equal(n.session->replay.floor, T0 + 9);
    node_stop(&n);
    options.floor_ms = T0 + 77;
    node_start(&n, &options, T0);
    assert_int_equal(n.session->replay.floor, T0 + 77);
    node_stop(&n);
    options.strict_start = true;
    node_start(&n, &options, T0);
    assert_int_equal(n.session->replay.floor, T0 + 10000);
    node_stop(&n);
    options.floor_ms = 3;
    options.floor_given = true;
    node_start(&n, &options, T0);
    assert_int_equal(n.session->replay.floor, 3);
    node_stop(&n);
    options.floor_given = options.strict_start = false;
    node_start(&n, &options, 0); /* no clock yet: the floor is the first time it knows */
    assert_int_equal(n.session->replay.floor, 3);
    assert_int_equal(node_seal(&n, "t", MQTT_E2E_MESSAGE, "x", T0, &p), MQTT_E2E_OK);
    assert_int_equal(n.session->replay.floor, T0);
    node_stop(&n);
}

static void test_status_text(void **state)
{
    (void)state;
    for (int status = 0; status < 64; status++)
        assert_true(strlen(mqtt_e2e_status_text((mqtt_e2e_status)status)) > 1);
    assert_string_equal(mqtt_e2e_status_text(MQTT_E2E_NO_CLOCK), "no_clock");
    assert_string_equal(mqtt_e2e_status_text((mqtt_e2e_status)99), "unknown status");
    assert_true(mqtt_e2e_refused(MQTT_E2E_FUTURE));
    assert_false(mqtt_e2e_refused(MQTT_E2E_OK));
    assert_false(mqtt_e2e_refused(MQTT_E2E_TIME_SET));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seal_then_open), cmocka_unit_test(test_altered),
        cmocka_unit_test(test_in_place),       cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_options),        cmocka_unit_test(test_session_size),
        cmocka_unit_test(test_not_sealed),     cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_time_edges),     cmocka_unit_test(test_requests),
        cmocka_unit_test(test_renewed),        cmocka_unit_test(test_time_from_peer),
        cmocka_unit_test(test_time_refused),   cmocka_unit_test(test_starts),
        cmocka_unit_test(test_status_text),
    };

    test_seed();
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
