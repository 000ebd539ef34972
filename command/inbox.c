/* SPDX-License-Identifier: MIT */
/*
 * Numbered pieces as they arrive: in any order, twice, or not at all. Slots hold those from `taken` on; a slot is marked while its
 * piece was not taken. Numbers wrap at 2^32, and are compared by their distance from `taken`.
 */
#include "bytes.h"

static uint8_t *slot_of(const mqtt_e2e_inbox *box, uint32_t number)
{
    return e2e_slot(box->storage, box->slots, box->room, number);
}

void mqtt_e2e_inbox_init(mqtt_e2e_inbox *box, void *storage, uint16_t slots, uint16_t room, int64_t now_ms)
{
    memset(box, 0, sizeof *box);
    box->storage = storage;
    box->slots = slots;
    box->room = room;
    box->since = now_ms;
    for (uint32_t i = 0; i < slots; i++)
        slot_of(box, i)[1] = 0;
}

/* The other end has pieces below `next`; what lies further away than it may send is a lie, or of long ago. */
static void know(mqtt_e2e_inbox *box, uint32_t next)
{
    uint32_t distance = next - box->taken;

    if (distance <= box->slots && distance > box->known - box->taken)
        box->known = next;
}

bool mqtt_e2e_inbox_put(mqtt_e2e_inbox *box, const mqtt_e2e_part *piece, int64_t now_ms)
{
    uint8_t *slot = slot_of(box, piece->number);
    bool gap = box->known != box->arrived;

    if (piece->number - box->taken >= box->slots || piece->data.len > box->room) {
        if (box->tell_at == 0) /* it was taken, and the word of that was lost */
            box->tell_at = now_ms + MQTT_E2E_TELL_MS;
        return false;
    }
    if (slot[1] != 0)
        return false;
    e2e_slot_fill(slot, piece->type, piece->data.data, piece->data.len);
    know(box, piece->number + 1);
    if (piece->number == box->arrived || !gap) /* others do not make a gap wait longer */
        box->since = now_ms;
    if (piece->number == box->arrived)
        box->asked = 0;
    while (box->arrived - box->taken < box->slots && slot_of(box, box->arrived)[1] != 0)
        box->arrived++;
    return true;
}

void mqtt_e2e_inbox_hear(mqtt_e2e_inbox *box, uint32_t next, int64_t now_ms)
{
    know(box, next);
    if (next != box->arrived)
        return;
    box->since = now_ms;
    box->asked = 0;
}

bool mqtt_e2e_inbox_peek(const mqtt_e2e_inbox *box, mqtt_e2e_part *piece)
{
    if (box->taken == box->arrived)
        return false;
    e2e_slot_read(slot_of(box, box->taken), box->taken, piece);
    return true;
}

void mqtt_e2e_inbox_take(mqtt_e2e_inbox *box, int64_t now_ms)
{
    if (box->taken == box->arrived)
        return;
    slot_of(box, box->taken)[1] = 0;
    box->taken++;
    if (box->tell_at == 0)
        box->tell_at = now_ms + MQTT_E2E_TELL_MS;
    if (box->taken - box->told >= MQTT_E2E_TELL_EVERY)
        box->tell_at = now_ms;
}

bool mqtt_e2e_inbox_got(mqtt_e2e_inbox *box, int64_t now_ms, uint32_t *number)
{
    *number = box->taken;
    if (box->tell_at == 0 || now_ms < box->tell_at)
        return false;
    box->told = box->taken;
    box->tell_at = 0;
    return true;
}

/* When to ask for what is missing. */
static int64_t ask_at(const mqtt_e2e_inbox *box)
{
    int64_t wait =
        box->known - box->taken > box->arrived - box->taken ? MQTT_E2E_GAP_MS : MQTT_E2E_SILENCE_MS;

    for (unsigned i = 0; i < box->asked && wait < MQTT_E2E_ASK_MS; i++)
        wait *= 2;
    return box->since + (wait < MQTT_E2E_ASK_MS ? wait : MQTT_E2E_ASK_MS);
}

bool mqtt_e2e_inbox_missing(mqtt_e2e_inbox *box, int64_t now_ms, uint32_t *number)
{
    *number = box->arrived;
    if (now_ms < ask_at(box))
        return false;
    box->since = now_ms;
    box->tell_at = now_ms; /* who waits for room says nothing either: the word of that may be what was lost */
    if (box->asked < 8)
        box->asked++;
    return true;
}

int64_t mqtt_e2e_inbox_when(const mqtt_e2e_inbox *box)
{
    int64_t ask = ask_at(box);

    return box->tell_at != 0 && box->tell_at < ask ? box->tell_at : ask;
}
