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
 */
#include "mqtt_e2e/session.h"

#define E2E_HEADER_SIZE 16
#define E2E_INNER_SIZE  11
#define E2E_TIME_MAX    (((int64_t)1 << 48) - 1)

typedef struct {
    uint8_t kind;
    int64_t time;
    uint32_t len;
} e2e_inner;

void e2e_packet_put_u16(uint8_t *out, uint32_t v);
void e2e_packet_put_u32(uint8_t *out, uint32_t v);
void e2e_packet_put_i64(uint8_t *out, int64_t v);
uint32_t e2e_packet_get_u16(const uint8_t *in);
uint32_t e2e_packet_get_u32(const uint8_t *in);
int64_t e2e_packet_get_i64(const uint8_t *in);

/* 16 bytes: the header in clear, and what a reply's payload starts with. */
void e2e_packet_put_id(uint8_t out[16], const mqtt_e2e_id *id);
mqtt_e2e_id e2e_packet_get_id(const uint8_t in[16]);

/* Stream id with its last four bytes XORed with the counter. */
void e2e_packet_nonce(const mqtt_e2e_id *id, uint8_t nonce[MQTT_E2E_NONCE_SIZE]);

void e2e_packet_put_inner(uint8_t out[E2E_INNER_SIZE], const e2e_inner *inner);
e2e_inner e2e_packet_get_inner(const uint8_t in[E2E_INNER_SIZE]);

bool e2e_packet_same_id(const mqtt_e2e_id *a, const mqtt_e2e_id *b);

#endif
