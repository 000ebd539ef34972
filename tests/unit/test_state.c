/* SPDX-License-Identifier: MIT */
/* Stored replay state: what a receiver that keeps it refuses after a restart, and what is refused as state. */
#include "node.h"

#include <stdlib.h>
#include <string.h>

static packet p, q, r;
static uint8_t state[20000];
static size_t state_len;

static void save(node *n)
{
    assert_true(mqtt_e2e_state_size(n->session) <= sizeof state);
    assert_int_equal(mqtt_e2e_save(n->session, state, sizeof state, &state_len), MQTT_E2E_OK);
    assert_true(state_len <= mqtt_e2e_state_size(n->session));
    assert_int_equal(mqtt_e2e_save(n->session, state, state_len - 1, &state_len), MQTT_E2E_NO_ROOM);
    assert_int_equal(mqtt_e2e_save(n->session, state, state_len, &state_len), MQTT_E2E_OK);
}

/* The node again, with changed options perhaps, from the state saved last. */
static mqtt_e2e_status restart(node *n, const mqtt_e2e_options *options, int64_t now_ms)
{
    mqtt_e2e_options copy = *options;

    node_stop(n);
    node_start(n, &copy, now_ms);
    return mqtt_e2e_load(n->session, state, state_len, now_ms);
}

static void send_from(node *a, const char *text, int64_t now_ms, packet *out)
{
    assert_int_equal(node_seal(a, "t", MQTT_E2E_MESSAGE, text, now_ms, out), MQTT_E2E_OK);
}

/* ---- 1. Nothing comes back after a restart, and what is still on its way arrives ---- */

static void restarted(node *a, node *b)
{
    mqtt_e2e_id former = mqtt_e2e_own_stream(b->session);
    int64_t newest;
    packet own;

    send_from(a, "first", T0, &p);
    send_from(a, "delayed", T0, &q);
    send_from(a, "third", T0, &r);
    send_from(b, "from b", T0 + 70000, &own); /* later than the restart, by its clock then */
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &r, T0), MQTT_E2E_OK);
    save(b);
    assert_int_equal(restart(b, &b->options, T0 + 60000), MQTT_E2E_OK);
    assert_true(mqtt_e2e_last_seen(b->session, former.stream, &former, &newest));
    assert_int_equal(newest, T0 + 70000);
    assert_int_equal(node_open(b, &p, T0 + 60000), MQTT_E2E_REPLAY);
    assert_int_equal(node_open(b, &r, T0 + 60000), MQTT_E2E_REPLAY);
    assert_int_equal(node_open(b, &own, T0 + 60000), MQTT_E2E_REPLAY); /* its former own stream */
    assert_int_equal(node_open(b, &q, T0 + 60000), MQTT_E2E_OK);
    node_assert_payload(b, "delayed");
    assert_int_equal(mqtt_e2e_load(b->session, state, state_len, T0),
                     MQTT_E2E_BAD_STATE); /* not after receiving */
}

static void test_restarted(void **unused)
{
    (void)unused;
    node_each_pair(restarted);
}

/* ---- 2. Without state, all that was sealed before the start is refused ---- */

static void forgetful(node *a, node *b)
{
    send_from(a, "before", T0, &p);
    node_open(b, &p, T0);
    save(b);
    state[state_len - 1] ^= 1;
    assert_int_equal(restart(b, &b->options, T0 + 1), MQTT_E2E_BAD_STATE);
    assert_int_equal(node_open(b, &p, T0 + 1), MQTT_E2E_STALE);
    send_from(a, "after", T0 + 2, &q);
    assert_int_equal(node_open(b, &q, T0 + 2), MQTT_E2E_OK);
}

static void test_forgetful(void **unused)
{
    (void)unused;
    node_each_pair(forgetful);
}

/* ---- 3. State that is damaged anywhere, cut, extended, of another key or version ---- */

static void test_damaged(void **unused)
{
    mqtt_e2e_options options = node_options(test_backends[0], 16), other;
    uint8_t other_key[16] = {9};
    node a, b;

    (void)unused;
    node_start(&a, &options, T0 - 1000);
    node_start(&b, &options, T0 - 1000);
    send_from(&a, "x", T0, &p);
    node_open(&b, &p, T0);
    save(&b);
    for (size_t i = 0; i < state_len; i++) {
        state[i] ^= 0x40;
        assert_int_equal(restart(&b, &options, T0), MQTT_E2E_BAD_STATE);
        assert_int_equal(b.session->replay.count, 0);
        assert_int_equal(b.session->replay.floor, T0);
        state[i] ^= 0x40;
    }
    for (size_t len = 0; len < state_len; len++)
        assert_int_equal(mqtt_e2e_load(b.session, state, len, T0), MQTT_E2E_BAD_STATE);
    assert_int_equal(mqtt_e2e_load(b.session, state, state_len + 1, T0), MQTT_E2E_BAD_STATE);
    other = options;
    other.key = other_key;
    assert_int_equal(restart(&b, &other, T0), MQTT_E2E_BAD_STATE);
    assert_int_equal(restart(&b, &options, T0), MQTT_E2E_OK);
    node_stop(&a);
    node_stop(&b);
}

/* ---- 4. Another window or table than when it was saved ---- */

/* Opens counters 0, 2, 4, ... 198 of a's stream, so that each odd one is new and each even one a replay. */
static void open_even(node *a, node *b, packet *all)
{
    for (size_t i = 0; i < 200; i++) {
        send_from(a, "x", T0, &all[i]);
        if (i % 2 == 0)
            assert_int_equal(node_open(b, &all[i], T0), MQTT_E2E_OK);
    }
}

static void test_window_changed(void **unused)
{
    static const uint16_t windows[] = {64, 128, 192, 256, 4096};
    packet *all = calloc(200, sizeof *all);
    node a, b;

    (void)unused;
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < 5; k++) {
            mqtt_e2e_options options = node_options(test_backends[0], 16);
            unsigned least = windows[i] < windows[k] ? windows[i] : windows[k];

            node_start(&a, &options, T0 - 1000);
            options.window = windows[i];
            node_start(&b, &options, T0 - 1000);
            open_even(&a, &b, all);
            save(&b);
            options.window = windows[k];
            assert_int_equal(restart(&b, &options, T0), MQTT_E2E_OK);
            for (unsigned c = 0; c < 200; c++) {
                bool is_new = c % 2 == 1 && (c > 198 || 198 - c < least);

                assert_int_equal(node_open(&b, &all[c], T0), is_new ? MQTT_E2E_OK : MQTT_E2E_REPLAY);
            }
            node_stop(&a);
            node_stop(&b);
        }
    }
    free(all);
}

static void test_table_shrunk(void **unused)
{
    mqtt_e2e_options options = node_options(test_backends[0], 16);
    packet sent[40];
    node b;

    (void)unused;
    options.streams = 40;
    node_start(&b, &options, T0 - 1000);
    options.streams = 8;
    for (size_t i = 0; i < 40; i++) {
        node a;

        node_start(&a, &options, T0 - 1000);
        send_from(&a, "x", T0 + (int64_t)i, &sent[i]);
        assert_int_equal(node_open(&b, &sent[i], T0), MQTT_E2E_OK);
        node_stop(&a);
    }
    save(&b);
    assert_int_equal(restart(&b, &options, T0 + 100), MQTT_E2E_OK);
    assert_int_equal(b.session->replay.count, 8);
    for (size_t i = 0; i < 40; i++) /* 7 of them are in the table (the 8th is b's former own) */
        assert_int_equal(node_open(&b, &sent[i], T0 + 100), i < 33 ? MQTT_E2E_STALE : MQTT_E2E_REPLAY);
    node_stop(&b);
}

/* ---- 5. Lasting messages ---- */

static mqtt_e2e_status lasting(node *a, node *b, const char *topic, int64_t sealed, int64_t opened)
{
    assert_int_equal(node_seal(a, topic, MQTT_E2E_LASTING, "on", sealed, &p), MQTT_E2E_OK);
    return node_open(b, &p, opened);
}

static void lasting_messages(node *a, node *b)
{
    mqtt_e2e_options options = b->options;

    assert_int_equal(lasting(a, b, "light", T0 - 2000, T0), MQTT_E2E_STALE); /* not asked for */
    options.lasting_topics = 2;
    node_stop(b);
    node_start(b, &options, T0);
    assert_int_equal(lasting(a, b, "light", T0 - 400000, T0), MQTT_E2E_OK);
    assert_true(b->message.old);
    assert_int_equal(b->message.off_by_ms, 100000);
    node_assert_payload(b, "on");
    assert_int_equal(node_open(b, &p, T0), MQTT_E2E_STALE); /* the same once more */
    assert_int_equal(lasting(a, b, "light", T0 - 400001, T0), MQTT_E2E_STALE);
    assert_int_equal(lasting(a, b, "light", T0 - 1, T0),
                     MQTT_E2E_OK); /* below the floor, newer than the last */
    assert_true(b->message.old);
    assert_int_equal(lasting(a, b, "door", T0 + 5, T0), MQTT_E2E_OK);
    assert_false(b->message.old);
    assert_int_equal(lasting(a, b, "third", T0 - 1, T0), MQTT_E2E_STALE); /* no room to remember it */
    assert_int_equal(lasting(a, b, "third", T0 + 6, T0), MQTT_E2E_OK);
    assert_int_equal(lasting(a, b, "door", T0 + 400000, T0), MQTT_E2E_FUTURE);
    save(b);
    assert_int_equal(restart(b, &options, T0 + 500000), MQTT_E2E_OK);
    assert_int_equal(lasting(a, b, "light", T0 - 1, T0 + 500000), MQTT_E2E_STALE);
    assert_int_equal(lasting(a, b, "light", T0, T0 + 500000), MQTT_E2E_OK);
    assert_int_equal(lasting(a, b, "door", T0 + 5, T0 + 500000), MQTT_E2E_STALE);
    assert_int_equal(lasting(a, b, "door", T0 + 7, T0 + 500000), MQTT_E2E_OK);
    assert_int_equal(node_seal(a, "door", MQTT_E2E_MESSAGE, "no", T0 + 9, &p), MQTT_E2E_OK);
    assert_int_equal(node_open(b, &p, T0 + 500000), MQTT_E2E_STALE);
}

static void test_lasting(void **unused)
{
    (void)unused;
    node_each_pair(lasting_messages);
}

/* A message that was handed on as old does not pass as new when the clock is set back. */
static void test_lasting_clock_back(void **unused)
{
    mqtt_e2e_options options = node_options(test_backends[0], 16);
    node a, b;

    (void)unused;
    node_start(&a, &options, T0 - 1000);
    options.lasting_topics = 1;
    node_start(&b, &options, T0 - 1000);
    assert_int_equal(lasting(&a, &b, "light", T0, T0 + 300001), MQTT_E2E_OK);
    assert_true(b.message.old);
    assert_int_equal(node_open(&b, &p, T0 + 1), MQTT_E2E_STALE);
    assert_int_equal(b.message.off_by_ms, 1);
    assert_int_equal(lasting(&a, &b, "light", T0 + 1, T0 + 1), MQTT_E2E_OK);
    assert_false(b.message.old);
    node_stop(&a);
    node_stop(&b);
}

/* With less room for topics than when it was saved, none of those forgotten comes back. */
static void test_lasting_shrunk(void **unused)
{
    mqtt_e2e_options options = node_options(test_backends[0], 16);
    node a, b;

    (void)unused;
    node_start(&a, &options, T0 - 1000);
    options.lasting_topics = 3;
    options.window = 64;
    node_start(&b, &options, T0);
    assert_int_equal(lasting(&a, &b, "one", T0 - 500000, T0), MQTT_E2E_OK);
    assert_int_equal(lasting(&a, &b, "two", T0 - 490000, T0), MQTT_E2E_OK);
    save(&b);
    options.lasting_topics = 1;
    assert_int_equal(restart(&b, &options, T0), MQTT_E2E_OK);
    save(&b);
    options.lasting_topics = 3;
    assert_int_equal(restart(&b, &options, T0), MQTT_E2E_OK);
    assert_int_equal(lasting(&a, &b, "two", T0 - 490000, T0), MQTT_E2E_STALE);
    assert_int_equal(lasting(&a, &b, "two", T0 - 489999, T0), MQTT_E2E_OK);
    node_stop(&a);
    node_stop(&b);
}

/* ---- 6. A node without a clock that kept its state ---- */

static void test_no_clock(void **unused)
{
    mqtt_e2e_options options = node_options(test_backends[0], 16);
    node a, b;
    packet own;

    (void)unused;
    node_start(&a, &options, T0 - 1000);
    options.own_clock_ms = true;
    options.streams = 2;
    node_start(&b, &options, 1);
    mqtt_e2e_set_clock(b.session, T0 - 1000, 1000);
    send_from(&a, "first", T0, &p);
    send_from(&a, "second", T0, &q);
    assert_int_equal(node_open(&b, &p, 2000), MQTT_E2E_OK);
    save(&b);
    send_from(&b, "own", 3000, &own); /* sealed after the state was saved, at T0 + 1000 */
    assert_int_equal(restart(&b, &options, 1), MQTT_E2E_OK);
    assert_int_equal(node_open(&b, &q, 2), MQTT_E2E_NO_CLOCK);
    mqtt_e2e_set_clock(b.session, T0 + 5000, 3);
    assert_int_equal(node_open(&b, &p, 4), MQTT_E2E_REPLAY);
    assert_int_equal(node_open(&b, &q, 4), MQTT_E2E_OK); /* the floor that it kept covers the time before */
    assert_int_equal(node_open(&b, &own, 4), MQTT_E2E_REPLAY);
    for (int i = 0; i < 3; i++) { /* the former own stream is evicted, and stays refused all the same */
        node c;

        options.own_clock_ms = false;
        node_start(&c, &options, T0);
        send_from(&c, "x", T0 + 5001 + i, &r);
        assert_int_equal(node_open(&b, &r, 4), MQTT_E2E_OK);
        node_stop(&c);
    }
    assert_int_equal(node_open(&b, &own, 4), MQTT_E2E_STALE);
    node_stop(&a);
    node_stop(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restarted),      cmocka_unit_test(test_forgetful),
        cmocka_unit_test(test_damaged),        cmocka_unit_test(test_window_changed),
        cmocka_unit_test(test_table_shrunk),   cmocka_unit_test(test_lasting),
        cmocka_unit_test(test_lasting_shrunk), cmocka_unit_test(test_lasting_clock_back),
        cmocka_unit_test(test_no_clock),
    };

    test_seed();
    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
