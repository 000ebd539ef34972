/* SPDX-License-Identifier: MIT */
/*
 * Numbered pieces on their way out. Numbers wrap at 2^32: they are compared by their distance from the oldest that is
 * kept, and at most `slots` are.
 */
#include "bytes.h"

void mqtt_e2e_outbox_init(mqtt_e2e_outbox *box, void *storage, uint16_t slots, uint16_t room)
{
    memset(box, 0, sizeof *box);
    box->storage = storage;
    box->slots = slots;
    box->room = room;
}

uint32_t mqtt_e2e_outbox_free(const mqtt_e2e_outbox *box)
{
    return box->slots - (box->next - box->got);
}

bool mqtt_e2e_outbox_add(mqtt_e2e_outbox *box, uint8_t type, const void *data, size_t len)
{
    if (len > box->room || mqtt_e2e_outbox_free(box) == 0)
        return false;
    e2e_slot_fill(e2e_slot(box->storage, box->slots, box->room, box->next), type, data, len);
    box->next++;
    return true;
}

bool mqtt_e2e_outbox_peek(const mqtt_e2e_outbox *box, mqtt_e2e_part *piece)
{
    if (box->send == box->next)
        return false;
    e2e_slot_read(e2e_slot(box->storage, box->slots, box->room, box->send), box->send, piece);
    return true;
}

void mqtt_e2e_outbox_sent(mqtt_e2e_outbox *box)
{
    if (box->send != box->next)
        box->send++;
}

void mqtt_e2e_outbox_got(mqtt_e2e_outbox *box, uint32_t number)
{
    if (number - box->got > box->next - box->got)
        return;
    if (box->send - box->got < number - box->got) /* it was to be sent again, but had arrived */
        box->send = number;
    box->got = number;
}

void mqtt_e2e_outbox_again(mqtt_e2e_outbox *box, uint32_t number)
{
    if (number - box->got > box->next - box->got)
        return;
    if (number - box->got < box->send - box->got)
        box->send = number;
}
