/* SPDX-License-Identifier: MIT */
/*
 * Commands and their answers: words, parts, controls, ends, states and announcements of any content, each of which must read back as it
 * was written; and boxes that are told anything in any order. The first byte chooses.
 */
/* sources: command/words.c command/frames.c command/outbox.c command/inbox.c command/announce.c */
#include "fuzz.h"

#include "mqtt_e2e/command.h"

enum { WORDS = 8, ROOM = 8, SLOTS = 4 };

/* What is read and written again is what stood there: there is one form of each. */
static void same(const uint8_t *data, size_t len, const uint8_t *again, size_t again_len)
{
    demand(again_len == len && memcmp(again, data, len) == 0);
}

static void words(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1);
    uint8_t *again = malloc(len + 1);
    const char *found[WORDS];
    size_t count = mqtt_e2e_words_read(data, len, text, len + 1, found, WORDS);

    demand(count <= WORDS);
    if (count > 0) {
        size_t n = mqtt_e2e_words_write(found, count, again, len + 1);
        /* A list may be written that could be text: that is shorter by its first and last byte. */
        if (n == len)
            same(data, len, again, n);
        else
            demand(data[0] == 0 && n == len - 2);
    }
    free(text);
    free(again);
}

static void ends(const mqtt_e2e_bytes *data)
{
    uint8_t *again = malloc(data->len + 1);
    mqtt_e2e_end end;
    uint32_t taken, arrived;

    if (mqtt_e2e_end_read(data, &end))
        same(data->data, data->len, again, mqtt_e2e_end_write(&end, again, data->len));
    if (mqtt_e2e_state_read(data, &taken, &arrived)) {
        mqtt_e2e_state_write(taken, arrived, again);
        same(data->data, data->len, again, MQTT_E2E_STATE_SIZE);
    }
    free(again);
}

static void frames(const uint8_t *data, size_t len)
{
    uint8_t *again = malloc(len + 1);
    mqtt_e2e_part part;
    mqtt_e2e_control control;

    if (mqtt_e2e_part_read(data, len, &part)) {
        if (part.type != MQTT_E2E_PLAIN)
            same(data, len, again, mqtt_e2e_part_write(&part, again, len));
        ends(&part.data);
    }
    if (mqtt_e2e_control_read(data, len, &control))
        same(data, len, again, mqtt_e2e_control_write(&control, again, len));
    free(again);
}

static void announcements(const uint8_t *data, size_t len)
{
    uint8_t *again = malloc(len + 1);
    mqtt_e2e_announcement a;

    if (mqtt_e2e_announcement_read(data, len, &a)) {
        size_t n =
            mqtt_e2e_announcement_write(&a, again, len); /* shorter without needless zeros, or a last blank */
        demand(n > 0 && n <= len);
    }
    free(again);
}

/* Numbers near those that matter. */
static uint32_t number(fuzz_input *in, uint32_t base)
{
    return base + (uint32_t)(int32_t)(int8_t)fuzz_byte(in);
}

static void outbox_step(mqtt_e2e_outbox *box, fuzz_input *in, unsigned what)
{
    mqtt_e2e_part piece;
    uint32_t next = box->next, got = box->got;
    uint8_t data[ROOM + 1] = {(uint8_t)next};

    if (what == 0)
        demand(mqtt_e2e_outbox_add(box, MQTT_E2E_OUTPUT, data, 1) == (next - got < SLOTS));
    else if (what == 1 && mqtt_e2e_outbox_peek(box, &piece)) {
        demand(piece.data.len == 1 && *(const uint8_t *)piece.data.data == (uint8_t)piece.number);
        mqtt_e2e_outbox_sent(box);
    } else if (what == 2)
        mqtt_e2e_outbox_got(box, number(in, got));
    else if (what == 3)
        mqtt_e2e_outbox_again(box, number(in, got));
    demand(box->got - got <= next - got);
    demand(box->next - box->got <= SLOTS && box->send - box->got <= box->next - box->got);
}

static void inbox_step(mqtt_e2e_inbox *box, fuzz_input *in, unsigned what, int64_t now)
{
    mqtt_e2e_part piece;
    uint32_t taken = box->taken, any;
    uint8_t data[ROOM + 1];

    if (what == 0) {
        piece = (mqtt_e2e_part){MQTT_E2E_OUTPUT, number(in, taken), {data, fuzz_byte(in) % (ROOM + 2)}};
        memset(data, (int)(piece.number & 0xFF), sizeof data);
        if (mqtt_e2e_inbox_put(box, &piece, now))
            demand(piece.number - taken < SLOTS && piece.data.len <= ROOM);
    } else if (what == 1 && mqtt_e2e_inbox_peek(box, &piece)) {
        demand(piece.number == taken);
        for (size_t i = 0; i < piece.data.len; i++)
            demand(((const uint8_t *)piece.data.data)[i] == (uint8_t)taken);
        mqtt_e2e_inbox_take(box, now);
        demand(box->taken == taken + 1);
    } else if (what == 2)
        mqtt_e2e_inbox_hear(box, number(in, taken), now);
    else if (what == 3 && !mqtt_e2e_inbox_got(box, now, &any))
        mqtt_e2e_inbox_missing(box, now, &any);
    demand(box->arrived - box->taken <= SLOTS && box->known - box->taken <= SLOTS);
    demand(box->known - box->taken >= box->arrived - box->taken);
    demand(mqtt_e2e_inbox_when(box) <= now + MQTT_E2E_ASK_MS);
}

static void boxes(fuzz_input *in)
{
    uint8_t *storage[2] = {malloc(MQTT_E2E_BOX_SIZE(SLOTS, ROOM)), malloc(MQTT_E2E_BOX_SIZE(SLOTS, ROOM))};
    uint32_t first = 0u - fuzz_byte(in);
    int64_t now = 1000;
    mqtt_e2e_outbox out;
    mqtt_e2e_inbox inbox;

    mqtt_e2e_outbox_init(&out, storage[0], SLOTS, ROOM);
    mqtt_e2e_inbox_init(&inbox, storage[1], SLOTS, ROOM, now);
    out.got = out.next = out.send = first;
    inbox.taken = inbox.arrived = inbox.known = inbox.told = first;
    while (in->left > 0) {
        unsigned what = fuzz_byte(in);
        now += what >> 3;
        if (what & 4)
            outbox_step(&out, in, what & 3);
        else
            inbox_step(&inbox, in, what & 3, now);
    }
    free(storage[0]);
    free(storage[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    unsigned which = fuzz_byte(&in) & 3;
    size_t len = in.left;

    if (which == 3) {
        boxes(&in);
        return 0;
    }
    uint8_t *copy = fuzz_bytes(&in, &len);
    if (which == 0)
        words(copy, len);
    else if (which == 1)
        frames(copy, len);
    else
        announcements(copy, len);
    free(copy);
    return 0;
}
