/* SPDX-License-Identifier: MIT */
#ifndef E2E_PACKET_H
#define E2E_PACKET_H
/*
 * The packet's layout (docs/PROTOCOL.md §3):
 *
 *   0        12        16                          n-16    n
 *   stream id | counter | ciphertext of inner text | tag |
 *
 *   inner text: kind (1) time (6) length (4) payload padding
 *
 * Inline, since most of these are a move and a byte swap to a compiler: less code than calls, and faster.
 */
#include "mqtt_e2e/session.h"

#include <string.h>

#define E2E_HEADER_SIZE 16
#define E2E_INNER_SIZE  11
#define E2E_KIND_AGAIN  4 /* a message sealed anew: callers see the kind that it had at first */
#define E2E_TIME_MAX    (((int64_t)1 << 48) - 1)

typedef struct {
    uint8_t kind;
    int64_t time;
    uint32_t len;
} e2e_inner;

static inline void e2e_packet_put_u16(uint8_t *out, uint32_t v)
{
    out[0] = (uint8_t)(v >> 8);
    out[1] = (uint8_t)v;
}

static inline void e2e_packet_put_u32(uint8_t *out, uint32_t v)
{
    e2e_packet_put_u16(out, v >> 16);
    e2e_packet_put_u16(out + 2, v);
}

static inline void e2e_packet_put_i64(uint8_t *out, int64_t v)
{
    e2e_packet_put_u32(out, (uint32_t)((uint64_t)v >> 32));
    e2e_packet_put_u32(out + 4, (uint32_t)v);
}

static inline void e2e_packet_put_time(uint8_t out[6], int64_t time)
{
    e2e_packet_put_u16(out, (uint32_t)((uint64_t)time >> 32));
    e2e_packet_put_u32(out + 2, (uint32_t)time);
}

static inline uint32_t e2e_packet_get_u16(const uint8_t *in)
{
    return (uint32_t)in[0] << 8 | in[1];
}

static inline uint32_t e2e_packet_get_u32(const uint8_t *in)
{
    return e2e_packet_get_u16(in) << 16 | e2e_packet_get_u16(in + 2);
}

static inline int64_t e2e_packet_get_i64(const uint8_t *in)
{
    return (int64_t)((uint64_t)e2e_packet_get_u32(in) << 32 | e2e_packet_get_u32(in + 4));
}

static inline int64_t e2e_packet_get_time(const uint8_t in[6])
{
    return (int64_t)e2e_packet_get_u16(in) << 32 | e2e_packet_get_u32(in + 2);
}

/* 16 bytes: the header in clear, and what the payload of a reply or of a message sealed anew starts with. */
static inline void e2e_packet_put_id(uint8_t out[16], const mqtt_e2e_id *id)
{
    memcpy(out, id->stream, sizeof id->stream);
    e2e_packet_put_u32(out + sizeof id->stream, id->counter);
}

/* Not by value: a copy right after the parts were written would wait for them. */
static inline void e2e_packet_get_id(const uint8_t in[16], mqtt_e2e_id *id)
{
    memcpy(id->stream, in, sizeof id->stream);
    id->counter = e2e_packet_get_u32(in + sizeof id->stream);
}

/* Stream id with its last four bytes XORed with the counter. */
static inline void e2e_packet_nonce(const mqtt_e2e_id *id, uint8_t nonce[MQTT_E2E_NONCE_SIZE])
{
    memcpy(nonce, id->stream, MQTT_E2E_NONCE_SIZE);
    e2e_packet_put_u32(nonce + 8, e2e_packet_get_u32(nonce + 8) ^ id->counter);
}

static inline void e2e_packet_put_inner(uint8_t out[E2E_INNER_SIZE], const e2e_inner *inner)
{
    out[0] = inner->kind;
    e2e_packet_put_time(out + 1, inner->time);
    e2e_packet_put_u32(out + 7, inner->len);
}

static inline e2e_inner e2e_packet_get_inner(const uint8_t in[E2E_INNER_SIZE])
{
    return (e2e_inner){.kind = in[0], .time = e2e_packet_get_time(in + 1), .len = e2e_packet_get_u32(in + 7)};
}

static inline bool e2e_packet_same_id(const mqtt_e2e_id *a, const mqtt_e2e_id *b)
{
    return a->counter == b->counter && memcmp(a->stream, b->stream, sizeof a->stream) == 0;
}

#endif
