/* SPDX-License-Identifier: MIT */
/* Commands, and their answers in parts: words, frames, and the two boxes over a link that loses, doubles and reorders. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mqtt_e2e/command.h"

enum { ROOM = 64, SLOTS = 8 };

/* ---- Words -------------------------------------------------------------------------------------- */

static void expect_words(const char *const *words, size_t count, const char *wire, size_t len)
{
    uint8_t out[128];
    char text[128];
    const char *back[8];

    assert_int_equal(mqtt_e2e_words_write(words, count, out, sizeof out), len);
    assert_memory_equal(out, wire, len);
    assert_int_equal(mqtt_e2e_words_write(words, count, out, len), len);
    assert_int_equal(mqtt_e2e_words_write(words, count, out, len - 1), 0);
    assert_int_equal(mqtt_e2e_words_read(wire, len, text, len + 1, back, 8), count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(back[i], words[i]);
    assert_int_equal(mqtt_e2e_words_read(wire, len, text, len, back, 8), 0);
    assert_int_equal(mqtt_e2e_words_read(wire, len, text, sizeof text, back, count - 1), 0);
}

static void words_are_text_where_they_can_be(void **state)
{
    (void)state;
    expect_words((const char *const[]){"ping"}, 1, "ping", 4);
    expect_words((const char *const[]){"led", "on"}, 2, "led on", 6);
    expect_words((const char *const[]){"say", "\xc3\xa4"}, 2, "say \xc3\xa4", 6);
    expect_words((const char *const[]){"say", "two words"}, 2, "\0say\0two words", 15);
    expect_words((const char *const[]){"say", ""}, 2, "\0say\0", 6);
    expect_words((const char *const[]){"", "a\nb"}, 2, "\0\0a\nb", 6);
    expect_words((const char *const[]){"\x7f"}, 1, "\0\x7f", 3);
}

static void malformed_commands_are_refused(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } bad[] = {{"", 0},
               {"\0", 1},
               {"\0a", 2},
               {"a  b", 4},
               {" a", 2},
               {"a ", 2},
               {"a\tb", 3},
               {"a\0b", 3},
               {"a\0", 2},
               {"\1a", 2},
               {"a\x7f"
                "b",
                3},
               {"a b\n", 4}};
    char text[32];
    const char *words[4];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(mqtt_e2e_words_read(bad[i].text, bad[i].len, text, sizeof text, words, 4), 0);
    assert_int_equal(mqtt_e2e_words_write(NULL, 0, text, sizeof text), 0);
}

/* ---- Frames ------------------------------------------------------------------------------------- */

static void parts_byte_by_byte(void **state)
{
    static const uint8_t wire[] = {2, 0xfe, 0xdc, 0xba, 0x98, 'h', 'i'};
    mqtt_e2e_part part;
    uint8_t out[16];

    (void)state;
    assert_true(mqtt_e2e_part_read(wire, sizeof wire, &part));
    assert_int_equal(part.type, MQTT_E2E_ERROR_OUTPUT);
    assert_int_equal(part.number, 0xfedcba98);
    assert_int_equal(part.data.len, 2);
    assert_int_equal(mqtt_e2e_part_write(&part, out, sizeof wire), sizeof wire);
    assert_memory_equal(out, wire, sizeof wire);
    assert_int_equal(mqtt_e2e_part_write(&part, out, sizeof wire - 1), 0);
    assert_int_equal(mqtt_e2e_part_write(&part, out, 4), 0);
    assert_true(mqtt_e2e_part_read("pong", 4, &part));
    assert_int_equal(part.type, MQTT_E2E_PLAIN);
    assert_int_equal(part.data.len, 4);
    assert_true(mqtt_e2e_part_read("", 0, &part));
    assert_int_equal(part.type, MQTT_E2E_PLAIN);
    assert_false(mqtt_e2e_part_read(wire, 4, &part));
    for (uint8_t type = 0; type < 0x20; type++) {
        uint8_t other[5] = {type};
        assert_int_equal(mqtt_e2e_part_read(other, 5, &part), type >= 1 && type <= 5);
    }
}

static void ends_and_states(void **state)
{
    static const uint8_t wire[] = {1, 0, 0, 0, 9, 'o', 'h'};
    const mqtt_e2e_bytes data = {wire, sizeof wire}, shorter = {wire, 4}, unknown = {"\7\0\0\0\0", 5};
    mqtt_e2e_end end;
    uint8_t out[16];
    uint32_t taken, arrived;

    (void)state;
    assert_true(mqtt_e2e_end_read(&data, &end));
    assert_int_equal(end.how, MQTT_E2E_KILLED);
    assert_int_equal(end.code, 9);
    assert_int_equal(end.text.len, 2);
    assert_int_equal(mqtt_e2e_end_write(&end, out, sizeof wire), sizeof wire);
    assert_memory_equal(out, wire, sizeof wire);
    assert_int_equal(mqtt_e2e_end_write(&end, out, sizeof wire - 1), 0);
    assert_int_equal(mqtt_e2e_end_write(&end, out, 4), 0);
    assert_false(mqtt_e2e_end_read(&shorter, &end));
    assert_false(mqtt_e2e_end_read(&unknown, &end));
    mqtt_e2e_state_write(1, 0x01020304, out);
    assert_memory_equal(out, "\0\0\0\1\1\2\3\4", 8);
    assert_true(mqtt_e2e_state_read(&(mqtt_e2e_bytes){out, 8}, &taken, &arrived));
    assert_int_equal(taken, 1);
    assert_int_equal(arrived, 0x01020304);
    assert_false(mqtt_e2e_state_read(&(mqtt_e2e_bytes){out, 7}, &taken, &arrived));
}

static void controls_byte_by_byte(void **state)
{
    static const uint8_t wire[] = {0x12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 1, 0, 0, 0, 0, 5, 15};
    mqtt_e2e_control control;
    uint8_t out[32];

    (void)state;
    assert_true(mqtt_e2e_control_read(wire, sizeof wire, &control));
    assert_int_equal(control.type, MQTT_E2E_STOP);
    assert_int_equal(control.command.stream[11], 12);
    assert_int_equal(control.command.counter, 256);
    assert_int_equal(control.number, 5);
    assert_int_equal(*(const uint8_t *)control.data.data, 15);
    assert_int_equal(mqtt_e2e_control_write(&control, out, sizeof wire), sizeof wire);
    assert_memory_equal(out, wire, sizeof wire);
    assert_int_equal(mqtt_e2e_control_write(&control, out, sizeof wire - 1), 0);
    assert_int_equal(mqtt_e2e_control_write(&control, out, 20), 0);
    assert_false(mqtt_e2e_control_read(wire, sizeof wire - 1, &control)); /* which signal? */
    assert_false(mqtt_e2e_control_read(wire, 20, &control));
    assert_false(mqtt_e2e_control_read("", 0, &control));
    for (unsigned type = 0; type < 256; type++) {
        memcpy(out, wire, sizeof wire);
        out[0] = (uint8_t)type;
        assert_int_equal(mqtt_e2e_control_read(out, sizeof wire, &control), type >= 0x10 && type <= 0x14);
    }
}

static void announcements(void **state)
{
    static const struct {
        const char *text;
        bool here;
        uint32_t every_s;
        const char *version;
    } good[] = {{"gone", false, 0, ""},
                {"here 0", true, 0, ""},
                {"here 60 mqtt-e2e 0.1.0", true, 60, "mqtt-e2e 0.1.0"},
                {"here 999999999 x", true, 999999999, "x"}};
    static const char *const bad[] = {"",        "here",    "here ",           "here x",
                                      "here 6x", "here -1", "here 1234567890", "gone ",
                                      "goner",   "Here 1",  " here 1"};
    mqtt_e2e_announcement a;
    char out[64];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        size_t len = strlen(good[i].text);
        assert_true(mqtt_e2e_announcement_read(good[i].text, len, &a));
        assert_int_equal(a.here, good[i].here);
        assert_int_equal(a.every_s, good[i].every_s);
        assert_int_equal(a.version.len, strlen(good[i].version));
        if (a.version.len > 0)
            assert_memory_equal(a.version.data, good[i].version, a.version.len);
        assert_int_equal(mqtt_e2e_announcement_write(&a, out, len), len);
        assert_memory_equal(out, good[i].text, len);
        assert_int_equal(mqtt_e2e_announcement_write(&a, out, len - 1), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(mqtt_e2e_announcement_read(bad[i], strlen(bad[i]), &a));
    a = (mqtt_e2e_announcement){.here = true, .every_s = UINT32_MAX};
    assert_int_equal(mqtt_e2e_announcement_write(&a, out, sizeof out), 15);
    assert_memory_equal(out, "here 4294967295", 15);
}

/* ---- Boxes -------------------------------------------------------------------------------------- */

typedef struct {
    mqtt_e2e_outbox out;
    mqtt_e2e_inbox in;
    uint8_t out_storage[MQTT_E2E_BOX_SIZE(SLOTS, ROOM)], in_storage[MQTT_E2E_BOX_SIZE(SLOTS, ROOM)];
} boxes;

/* `first`: what the numbers start with. */
static void set_up(boxes *b, uint32_t first)
{
    memset(b, 0xAA, sizeof *b);
    mqtt_e2e_outbox_init(&b->out, b->out_storage, SLOTS, ROOM);
    mqtt_e2e_inbox_init(&b->in, b->in_storage, SLOTS, ROOM, 1000);
    b->out.got = b->out.next = b->out.send = first;
    b->in.taken = b->in.arrived = b->in.known = b->in.told = first;
}

static mqtt_e2e_part numbered(uint32_t number, const char *text)
{
    return (mqtt_e2e_part){MQTT_E2E_OUTPUT, number, {text, strlen(text)}};
}

static void a_full_outbox_takes_no_more(void **state)
{
    boxes b;
    mqtt_e2e_part piece;

    (void)state;
    set_up(&b, UINT32_MAX - 2); /* the numbers wrap meanwhile */
    for (unsigned i = 0; i < SLOTS; i++) {
        assert_int_equal(mqtt_e2e_outbox_free(&b.out), SLOTS - i);
        assert_true(mqtt_e2e_outbox_add(&b.out, MQTT_E2E_OUTPUT, &i, sizeof i));
    }
    assert_false(mqtt_e2e_outbox_add(&b.out, MQTT_E2E_OUTPUT, "", 0));
    for (unsigned i = 0; i < SLOTS; i++) {
        assert_true(mqtt_e2e_outbox_peek(&b.out, &piece));
        assert_int_equal(piece.number, (uint32_t)(UINT32_MAX - 2 + i));
        assert_memory_equal(piece.data.data, &i, sizeof i);
        mqtt_e2e_outbox_sent(&b.out);
    }
    assert_false(mqtt_e2e_outbox_peek(&b.out, &piece));
    mqtt_e2e_outbox_got(&b.out, 0);
    assert_int_equal(mqtt_e2e_outbox_free(&b.out), 3);
    mqtt_e2e_outbox_got(&b.out, UINT32_MAX); /* what was got stays so */
    mqtt_e2e_outbox_got(&b.out, 6);          /* there is no number 5 yet */
    assert_int_equal(mqtt_e2e_outbox_free(&b.out), 3);
    mqtt_e2e_outbox_again(&b.out, UINT32_MAX); /* no longer here */
    assert_false(mqtt_e2e_outbox_peek(&b.out, &piece));
    mqtt_e2e_outbox_again(&b.out, 2);
    assert_true(mqtt_e2e_outbox_peek(&b.out, &piece));
    assert_int_equal(piece.number, 2);
    mqtt_e2e_outbox_again(&b.out, 4); /* does not skip 2 and 3 */
    assert_true(mqtt_e2e_outbox_peek(&b.out, &piece));
    assert_int_equal(piece.number, 2);
    mqtt_e2e_outbox_got(&b.out, 4); /* this does: they have arrived */
    assert_true(mqtt_e2e_outbox_peek(&b.out, &piece));
    assert_int_equal(piece.number, 4);
}

static void an_outbox_takes_no_more_than_its_room(void **state)
{
    char text[ROOM + 1] = {0};
    boxes b;

    (void)state;
    set_up(&b, 0);
    assert_true(mqtt_e2e_outbox_add(&b.out, MQTT_E2E_OUTPUT, text, ROOM));
    assert_false(mqtt_e2e_outbox_add(&b.out, MQTT_E2E_OUTPUT, text, ROOM + 1));
}

static void an_inbox_hands_out_once_and_in_order(void **state)
{
    static const uint32_t order[] = {2, 0, 0, 2, 3, 1, 1, 0};
    boxes b;
    mqtt_e2e_part piece;
    uint32_t taken = 0;

    (void)state;
    set_up(&b, 0);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        piece = numbered(order[i], order[i] ? "x" : "");
        bool fresh = mqtt_e2e_inbox_put(&b.in, &piece, 1000);
        assert_int_equal(fresh, i == 0 || i == 1 || i == 4 || i == 5);
        for (; mqtt_e2e_inbox_peek(&b.in, &piece); taken++) {
            assert_int_equal(piece.number, taken);
            assert_int_equal(piece.data.len, taken ? 1 : 0);
            mqtt_e2e_inbox_take(&b.in, 1000);
        }
    }
    assert_int_equal(taken, 4);
    mqtt_e2e_inbox_take(&b.in, 1000); /* of nothing */
    assert_int_equal(b.in.taken, 4);
}

static void an_inbox_takes_nothing_outside_of_its_window(void **state)
{
    char longer[ROOM + 1] = {0};
    boxes b;
    mqtt_e2e_part piece = numbered(SLOTS + 4, "x");

    (void)state;
    set_up(&b, 5);
    assert_true(mqtt_e2e_inbox_put(&b.in, &piece, 1000)); /* the last of the window: 12 */
    piece.number = SLOTS + 5;
    assert_false(mqtt_e2e_inbox_put(&b.in, &piece, 1000));
    piece.number = 4;
    assert_false(mqtt_e2e_inbox_put(&b.in, &piece, 1000));
    piece = (mqtt_e2e_part){MQTT_E2E_OUTPUT, 5, {longer, sizeof longer}};
    assert_false(mqtt_e2e_inbox_put(&b.in, &piece, 1000));
    assert_false(mqtt_e2e_inbox_peek(&b.in, &piece));
}

static void got_is_said_every_8_pieces_or_50_ms_after_the_first(void **state)
{
    boxes b;
    mqtt_e2e_part piece;
    uint32_t number;

    (void)state;
    set_up(&b, 0);
    assert_false(mqtt_e2e_inbox_got(&b.in, 1000, &number));
    for (uint32_t i = 0; i < 7; i++) {
        piece = numbered(i, "x");
        mqtt_e2e_inbox_put(&b.in, &piece, 1000 + i);
        mqtt_e2e_inbox_take(&b.in, 1000 + i);
        assert_false(mqtt_e2e_inbox_got(&b.in, 1000 + i, &number));
    }
    assert_int_equal(mqtt_e2e_inbox_when(&b.in), 1050);
    assert_false(mqtt_e2e_inbox_got(&b.in, 1049, &number));
    assert_true(mqtt_e2e_inbox_got(&b.in, 1050, &number));
    assert_int_equal(number, 7);
    for (uint32_t i = 7; i < 15; i++) {
        assert_false(mqtt_e2e_inbox_got(&b.in, 1051, &number));
        piece = numbered(i, "x");
        mqtt_e2e_inbox_put(&b.in, &piece, 1051);
        mqtt_e2e_inbox_take(&b.in, 1051);
    }
    assert_true(mqtt_e2e_inbox_got(&b.in, 1051, &number));
    assert_int_equal(number, 15);
    /* One that comes again was not known to be got. */
    assert_false(mqtt_e2e_inbox_put(&b.in, &piece, 2000));
    assert_true(mqtt_e2e_inbox_got(&b.in, 2050, &number));
}

static void silence_is_asked_about_less_and_less_often(void **state)
{
    static const int64_t after[] = {2000, 4000, 8000, 10000, 10000};
    int64_t now = 1000;
    boxes b;
    uint32_t number;

    (void)state;
    set_up(&b, 0);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(mqtt_e2e_inbox_when(&b.in), now + after[i]);
        assert_false(mqtt_e2e_inbox_missing(&b.in, now + after[i] - 1, &number));
        now += after[i];
        assert_true(mqtt_e2e_inbox_missing(&b.in, now, &number));
        assert_int_equal(number, 0);
        assert_true(mqtt_e2e_inbox_got(&b.in, now, &number)); /* that may have been lost too */
    }
    mqtt_e2e_inbox_hear(&b.in, 0, now); /* nothing is missing */
    assert_int_equal(mqtt_e2e_inbox_when(&b.in), now + 2000);
    mqtt_e2e_inbox_hear(&b.in, 1, now); /* one is */
    assert_int_equal(mqtt_e2e_inbox_when(&b.in), now + 250);
    mqtt_e2e_inbox_hear(&b.in, SLOTS + 1, now); /* not to be believed */
    assert_int_equal(b.in.known, 1);
}

static void a_gap_is_asked_about_soon_whatever_comes_after_it(void **state)
{
    boxes b;
    uint32_t number;

    (void)state;
    set_up(&b, 0);
    for (uint32_t i = 1; i < 5; i++) {
        mqtt_e2e_part piece = numbered(i, "x");
        assert_true(mqtt_e2e_inbox_put(&b.in, &piece, 1000 + 50 * i));
    }
    assert_false(mqtt_e2e_inbox_missing(&b.in, 1299, &number));
    assert_true(mqtt_e2e_inbox_missing(&b.in, 1300, &number));
    assert_int_equal(number, 0);
    assert_false(mqtt_e2e_inbox_missing(&b.in, 1799, &number));
    assert_true(mqtt_e2e_inbox_missing(&b.in, 1800, &number));
}

/* ---- A bad link --------------------------------------------------------------------------------- */

enum { PIECES = 400, FLYING = 64, RUNS = 200 };

typedef struct {
    enum { FREE, PIECE, GOT, MISSING } what;
    int64_t at; /* it arrives */
    uint32_t number;
    uint8_t type, data[ROOM];
    size_t len;
} flying;

static flying sky[FLYING];
static uint64_t seed;

static uint32_t any(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

/* Loses one in five, doubles one in ten, and takes up to 300 ms: so the order is any. */
static void throw_in(const flying *thing, int64_t now)
{
    unsigned copies = any(5) == 0 ? 0 : any(10) == 0 ? 2 : 1;

    for (size_t i = 0; i < FLYING && copies > 0; i++)
        if (sky[i].what == FREE) {
            sky[i] = *thing;
            sky[i].at = now + any(300);
            copies--;
        }
}

static size_t piece_of(uint32_t i, uint8_t *data)
{
    size_t len = i % (ROOM + 1);

    for (size_t k = 0; k < len; k++)
        data[k] = (uint8_t)(i * 7 + k);
    return len;
}

static void land(boxes *b, flying *thing, int64_t now)
{
    if (thing->what == PIECE) {
        mqtt_e2e_part piece = {thing->type, thing->number, {thing->data, thing->len}};
        mqtt_e2e_inbox_put(&b->in, &piece, now);
    } else if (thing->what == GOT)
        mqtt_e2e_outbox_got(&b->out, thing->number);
    else
        mqtt_e2e_outbox_again(&b->out, thing->number);
    thing->what = FREE;
}

static void sender_turn(boxes *b, uint32_t *added, int64_t now)
{
    uint8_t data[ROOM];
    mqtt_e2e_part piece;

    while (*added < PIECES && any(4) > 0 && mqtt_e2e_outbox_free(&b->out) > 0) {
        size_t len = piece_of(*added, data);
        assert_true(mqtt_e2e_outbox_add(&b->out, (uint8_t)(1 + *added % 2), data, len));
        ++*added;
    }
    while (mqtt_e2e_outbox_peek(&b->out, &piece)) {
        flying thing = {.what = PIECE, .number = piece.number, .type = piece.type, .len = piece.data.len};
        memcpy(thing.data, piece.data.data, piece.data.len);
        throw_in(&thing, now);
        mqtt_e2e_outbox_sent(&b->out);
    }
}

static void receiver_turn(boxes *b, uint32_t first, uint32_t *taken, int64_t now)
{
    uint8_t data[ROOM];
    mqtt_e2e_part piece;
    uint32_t number;

    while (any(3) > 0 && mqtt_e2e_inbox_peek(&b->in, &piece)) {
        assert_int_equal(piece.number, (uint32_t)(first + *taken));
        assert_int_equal(piece.type, 1 + *taken % 2);
        assert_int_equal(piece.data.len, piece_of(*taken, data));
        assert_memory_equal(piece.data.data, data, piece.data.len);
        mqtt_e2e_inbox_take(&b->in, now);
        ++*taken;
    }
    if (mqtt_e2e_inbox_got(&b->in, now, &number))
        throw_in(&(flying){.what = GOT, .number = number}, now);
    if (mqtt_e2e_inbox_missing(&b->in, now, &number))
        throw_in(&(flying){.what = MISSING, .number = number}, now);
}

static void all_arrives_once_and_in_order_over_a_bad_link(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < RUNS; run++) {
        uint32_t first = run % 2 ? UINT32_MAX - PIECES / 2 : 0, added = 0, taken = 0;
        int64_t now = 1000;
        boxes b;

        seed = run;
        memset(sky, 0, sizeof sky);
        set_up(&b, first);
        for (; taken < PIECES; now += 10) {
            if (now > 3600000)
                fail_msg("seed %u: only %u of %u pieces within an hour", (unsigned)run, (unsigned)taken,
                         PIECES);
            sender_turn(&b, &added, now);
            for (size_t i = 0; i < FLYING; i++)
                if (sky[i].what != FREE && sky[i].at <= now)
                    land(&b, &sky[i], now);
            receiver_turn(&b, first, &taken, now);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_text_where_they_can_be),
        cmocka_unit_test(malformed_commands_are_refused),
        cmocka_unit_test(parts_byte_by_byte),
        cmocka_unit_test(ends_and_states),
        cmocka_unit_test(controls_byte_by_byte),
        cmocka_unit_test(announcements),
        cmocka_unit_test(a_full_outbox_takes_no_more),
        cmocka_unit_test(an_outbox_takes_no_more_than_its_room),
        cmocka_unit_test(an_inbox_hands_out_once_and_in_order),
        cmocka_unit_test(an_inbox_takes_nothing_outside_of_its_window),
        cmocka_unit_test(got_is_said_every_8_pieces_or_50_ms_after_the_first),
        cmocka_unit_test(silence_is_asked_about_less_and_less_often),
        cmocka_unit_test(a_gap_is_asked_about_soon_whatever_comes_after_it),
        cmocka_unit_test(all_arrives_once_and_in_order_over_a_bad_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
