/* SPDX-License-Identifier: MIT */
/* Messages sealed anew: what their sender may do, and that a receiver takes each once, over restarts too. What the receiver's
 * rules are is tested by vectors and random histories. */
#include "node.h"

#include <string.h>

#define LATER (T0 + 400000) /* the first packet is stale then */

static packet p, q, r;
static mqtt_e2e_id first;

/* Seals a message, and then the same anew, by the same session. */
static void seal_both(node *a, const char *text)
{
    first = mqtt_e2e_own_stream(a->session);
    assert_int_equal(node_seal(a, "t", MQTT_E2E_MESSAGE, text, T0, &p), MQTT_E2E_OK);
    assert_int_equal(node_seal_again(a, "t", MQTT_E2E_MESSAGE, &first, T0, text, LATER, &q), MQTT_E2E_OK);
}

/* ---- 1. It arrives though its first packet is stale; once ---- */

static void arrives_once(node *a, node *b)
{
    seal_both(a, "ping");
    assert_int_equal(q.len, MQTT_E2E_SEALED_SIZE(MQTT_E2E_AGAIN_SIZE + 4, 50));
    assert_int_equal(node_open(b, &p, LATER), MQTT_E2E_STALE);
    assert_int_equal(node_open(b, &q, LATER), MQTT_E2E_OK);
    node_assert_payload(b, "ping");
    assert_int_equal(b->message.kind, MQTT_E2E_MESSAGE);
    assert_true(b->message.again);
    assert_memory_equal(&b->message.first, &first, sizeof first);
    assert_int_equal(b->message.first_time, T0);
    assert_int_equal(b->message.id.counter, first.counter + 1);
    assert_int_equal(b->message.time, LATER);
    assert_int_equal(b->message.padding, 50 - MQTT_E2E_AGAIN_SIZE - 4);
    assert_int_equal(node_open(b, &q, LATER), MQTT_E2E_REPLAY);
    assert_int_equal(node_open(b, &p, LATER), MQTT_E2E_REPLAY);
    assert_int_equal(node_seal_again(a, "t", MQTT_E2E_MESSAGE, &first, T0, "ping", LATER + 9, &r),
                     MQTT_E2E_OK);
    assert_int_equal(node_open(b, &r, LATER + 9), MQTT_E2E_REPLAY);
    assert_memory_equal(&b->message.first, &first, sizeof first);
    assert_int_equal(node_open(a, &q, LATER), MQTT_E2E_OWN);
    assert_int_equal(node_seal(a, "t", MQTT_E2E_MESSAGE, "next", LATER, &p), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &p, LATER), MQTT_E2E_OK);
    assert_false(b->message.again);
    assert_int_equal(b->message.first_time, LATER);
}

static void test_arrives_once(void **state)
{
    (void)state;
    node_each_pair(arrives_once);
}

static void not_after_the_first(node *a, node *b)
{
    seal_both(a, "ping");
    assert_int_equal(node_open(b, &p, T0 + 1), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &q, LATER), MQTT_E2E_REPLAY);
    assert_true(b->message.again);
    assert_int_equal(b->message.payload.len, 0);
    assert_true(test_all_zero(b->out, sizeof b->out));
}

static void test_not_after_the_first(void **state)
{
    (void)state;
    node_each_pair(not_after_the_first);
}

/* By a later run of the sender, as a lasting message. */
static void later_run(node *a, node *b)
{
    mqtt_e2e_options options = a->options;

    first = mqtt_e2e_own_stream(a->session);
    assert_int_equal(node_seal(a, "t", MQTT_E2E_LASTING, "on", T0, &p), MQTT_E2E_OK);
    node_stop(a);
    node_start(a, &options, LATER);
    assert_int_equal(node_seal_again(a, "t", MQTT_E2E_LASTING, &first, T0, "on", LATER, &q), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &q, LATER), MQTT_E2E_OK);
    assert_int_equal(b->message.kind, MQTT_E2E_LASTING);
    node_assert_payload(b, "on");
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_REPLAY);
}

static void test_later_run(void **state)
{
    (void)state;
    node_each_pair(later_run);
}

/* Nobody would name a packet that is still to come; but if it pushes the window past the packet that names it, that takes no other's
 * place in there. */
static void ahead_of_itself(node *a, node *b)
{
    first = mqtt_e2e_own_stream(a->session);
    first.counter += 100;
    assert_int_equal(node_seal_again(a, "t", MQTT_E2E_MESSAGE, &first, T0, "x", T0, &p), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_OK);
    a->session->own.counter = first.counter - 100 + 64; /* the same place in a window of 64 */
    assert_int_equal(node_seal(a, "t", MQTT_E2E_MESSAGE, "y", T0, &q), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &q, T0), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &q, T0), MQTT_E2E_REPLAY);
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_REPLAY);
}

static void test_ahead_of_itself(void **state)
{
    (void)state;
    node_each_pair(ahead_of_itself);
}

/* ---- 2. What may not be sealed, and where the payload may lie ---- */

static void not_sealed(node *a, node *b)
{
    mqtt_e2e_id own = mqtt_e2e_own_stream(a->session);

    (void)b;
    for (int kind = 0; kind < 6; kind++)
        if (kind != MQTT_E2E_MESSAGE && kind != MQTT_E2E_LASTING)
            assert_int_equal(node_seal_again(a, "t", (mqtt_e2e_kind)kind, &own, T0, "x", T0, &p),
                             MQTT_E2E_BAD_OPTION);
    assert_int_equal(node_seal_again(a, "t", MQTT_E2E_MESSAGE, &own, 0, "x", T0, &p), MQTT_E2E_BAD_OPTION);
    assert_int_equal(node_seal_again(a, "t", MQTT_E2E_MESSAGE, &own, -1, "x", T0, &p), MQTT_E2E_BAD_OPTION);
    assert_int_equal(node_seal_again(a, "t", MQTT_E2E_MESSAGE, &own, INT64_C(1) << 48, "x", T0, &p),
                     MQTT_E2E_BAD_OPTION);
    assert_int_equal(node_seal_again(a, "t", MQTT_E2E_MESSAGE, &own, T0, "x", 0, &p), MQTT_E2E_NO_CLOCK);
    assert_int_equal(node_seal_again(a, "~time", MQTT_E2E_MESSAGE, &own, T0, "x", T0, &p),
                     MQTT_E2E_BAD_TOPIC);
    assert_int_equal(mqtt_e2e_own_stream(a->session).counter, own.counter);
    a->session->own.counter = UINT32_MAX;
    assert_int_equal(node_seal_again(a, "t", MQTT_E2E_MESSAGE, &own, T0, "x", T0, &p), MQTT_E2E_EXHAUSTED);
}

static void test_not_sealed(void **state)
{
    (void)state;
    node_each_pair(not_sealed);
}

static void in_place(node *a, node *b)
{
    const size_t at[] = {0, 16, MQTT_E2E_PAYLOAD_OFFSET, MQTT_E2E_PAYLOAD_OFFSET + MQTT_E2E_AGAIN_SIZE, 90};
    mqtt_e2e_topic topic;

    assert_int_equal(mqtt_e2e_hide(a->session, "t", p.wire, sizeof p.wire, &topic), MQTT_E2E_OK);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        first = mqtt_e2e_own_stream(a->session);
        first.stream[0] ^= 1; /* a former one */
        memcpy(p.bytes + at[i], "where it lies", 13);
        assert_int_equal(mqtt_e2e_seal_again(a->session, &topic, MQTT_E2E_MESSAGE, &first, T0,
                                             p.bytes + at[i], 13, p.bytes,
                                             mqtt_e2e_sealed_size(a->session, 36), LATER, &p.len),
                         MQTT_E2E_OK);
        assert_int_equal(p.len, mqtt_e2e_sealed_size(a->session, MQTT_E2E_AGAIN_SIZE + 13));
        assert_int_equal(node_open(b, &p, LATER), MQTT_E2E_OK);
        node_assert_payload(b, "where it lies");
    }
    assert_int_equal(mqtt_e2e_seal_again(a->session, &topic, MQTT_E2E_MESSAGE, &first, T0, p.bytes, 28,
                                         p.bytes, MQTT_E2E_SEALED_SIZE(0, 50), LATER, &p.len),
                     MQTT_E2E_NO_ROOM);
}

static void test_in_place(void **state)
{
    (void)state;
    node_each_pair(in_place);
}

/* ---- 3. Restarts of the receiver ---- */

static uint8_t stored[20000];
static size_t stored_len;

static void restart(node *n, const mqtt_e2e_options *options, int64_t now_ms)
{
    mqtt_e2e_options copy = *options;

    node_stop(n);
    node_start(n, &copy, now_ms);
    assert_int_equal(mqtt_e2e_load(n->session, stored, stored_len, now_ms), MQTT_E2E_OK);
}

/* From state that is older than the message, and a journal of it, in either order; with tables of several sizes. */
static void journal(node *a, node *b)
{
    mqtt_e2e_options options = b->options;

    for (int way = 0; way < 8; way++) {
        mqtt_e2e_id own;

        options.streams = (uint16_t)(1 + way / 2);
        node_stop(b);
        node_start(b, &options, T0 - 1000);
        assert_int_equal(mqtt_e2e_save(b->session, stored, sizeof stored, &stored_len), MQTT_E2E_OK);
        seal_both(a, "once");
        own = mqtt_e2e_own_stream(a->session);
        own.counter--;
        restart(b, &options, LATER);
        mqtt_e2e_mark(b->session, way % 2 ? &first : &own, way % 2 ? T0 : LATER);
        mqtt_e2e_mark(b->session, way % 2 ? &own : &first, way % 2 ? LATER : T0);
        assert_int_not_equal(node_open(b, &p, T0 + 1), MQTT_E2E_OK);
        assert_int_not_equal(node_open(b, &q, LATER), MQTT_E2E_OK);
        assert_int_equal(node_seal_again(a, "t", MQTT_E2E_MESSAGE, &first, T0, "once", LATER + 9, &r),
                         MQTT_E2E_OK);
        assert_int_not_equal(node_open(b, &r, LATER + 9), MQTT_E2E_OK);
    }
}

static void test_journal(void **state)
{
    (void)state;
    node_each_pair(journal);
}

static void forgetful(node *a, node *b)
{
    mqtt_e2e_options options = b->options;

    seal_both(a, "ping");
    assert_int_equal(node_open(b, &q, LATER), MQTT_E2E_OK);
    node_stop(b);
    node_start(b, &options, LATER + 1);
    assert_int_equal(node_seal_again(a, "t", MQTT_E2E_MESSAGE, &first, T0, "ping", LATER + 9, &r),
                     MQTT_E2E_OK);
    assert_int_equal(node_open(b, &r, LATER + 9), MQTT_E2E_STALE);
    assert_int_equal(b->message.off_by_ms, LATER + 1 + 1 - T0);
}

static void test_forgetful(void **state)
{
    (void)state;
    node_each_pair(forgetful);
}

/* Accepted late, by a window that is smaller when the journal is read: its time counts all the same once the stream is
 * forgotten. */
static void test_journal_behind_the_window(void **unused)
{
    mqtt_e2e_options options = node_options(test_backends[0], 16);
    mqtt_e2e_id ids[2];
    node a, b, c;

    (void)unused;
    node_start(&a, &options, T0 - 1000);
    node_start(&c, &options, T0 - 1000);
    options.streams = 2;
    options.window = 128;
    node_start(&b, &options, T0 - 1000);
    ids[0] = ids[1] = mqtt_e2e_own_stream(a.session);
    ids[1].counter += 100;
    assert_int_equal(node_seal(&a, "t", MQTT_E2E_MESSAGE, "late", T0 + 50, &p), MQTT_E2E_OK);
    a.session->own.counter = ids[1].counter;
    assert_int_equal(node_seal(&a, "t", MQTT_E2E_MESSAGE, "x", T0, &q),
                     MQTT_E2E_OK); /* its clock was set back */
    assert_int_equal(node_open(&b, &q, T0 + 60), MQTT_E2E_OK);
    assert_int_equal(mqtt_e2e_save(b.session, stored, sizeof stored, &stored_len), MQTT_E2E_OK);
    options.window = 64;
    restart(&b, &options, T0 + 60);
    mqtt_e2e_mark(b.session, &ids[0], T0 + 50);
    assert_int_equal(node_open(&b, &p, T0 + 60), MQTT_E2E_REPLAY);
    assert_int_equal(node_seal(&c, "t", MQTT_E2E_MESSAGE, "drives it out", T0 + 70, &q), MQTT_E2E_OK);
    assert_int_equal(node_open(&b, &q, T0 + 70), MQTT_E2E_OK);
    assert_int_equal(node_open(&b, &p, T0 + 70), MQTT_E2E_STALE);
    node_stop(&a);
    node_stop(&b);
    node_stop(&c);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrives_once),
        cmocka_unit_test(test_not_after_the_first),
        cmocka_unit_test(test_later_run),
        cmocka_unit_test(test_ahead_of_itself),
        cmocka_unit_test(test_not_sealed),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_journal),
        cmocka_unit_test(test_forgetful),
        cmocka_unit_test(test_journal_behind_the_window),
    };

    test_seed();
    return cmocka_run_group_tests_name("again", tests, NULL, NULL);
}
