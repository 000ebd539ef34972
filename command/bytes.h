/* SPDX-License-Identifier: MIT */
#ifndef COMMAND_BYTES_H
#define COMMAND_BYTES_H
/* Numbers, and the slots of both boxes: type (1), whether there is something (1), length (2), data. */
#include <string.h>

#include "mqtt_e2e/command.h"

enum { E2E_SLOT_HEAD = 4 };

static inline void e2e_put32(uint8_t *out, uint32_t n)
{
    out[0] = (uint8_t)(n >> 24);
    out[1] = (uint8_t)(n >> 16);
    out[2] = (uint8_t)(n >> 8);
    out[3] = (uint8_t)n;
}

static inline uint32_t e2e_get32(const uint8_t *in)
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static inline uint8_t *e2e_slot(uint8_t *storage, uint32_t slots, uint32_t room, uint32_t number)
{
    return storage + (size_t)(number % slots) * ((size_t)room + E2E_SLOT_HEAD);
}

static inline void e2e_slot_fill(uint8_t *slot, uint8_t type, const void *data, size_t len)
{
    slot[0] = type;
    slot[1] = 1;
    slot[2] = (uint8_t)(len >> 8);
    slot[3] = (uint8_t)len;
    if (len > 0)
        memcpy(slot + E2E_SLOT_HEAD, data, len);
}

static inline void e2e_slot_read(const uint8_t *slot, uint32_t number, mqtt_e2e_part *piece)
{
    piece->type = slot[0];
    piece->number = number;
    piece->data.data = slot + E2E_SLOT_HEAD;
    piece->data.len = (size_t)slot[2] << 8 | slot[3];
}

#endif
