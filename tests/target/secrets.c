/* SPDX-License-Identifier: MIT */
/*
 * Goal: what a chip executes and accesses while it seals and opens does not depend on keys and payloads.
 *
 * For each length, and for 32 random keys with a payload each, marks the sealing of a packet, and the opening of a valid
 * one; the plugin (addresses.c) writes what it saw between the marks. tests/target/constant_time compares: over BearSSL all 32
 * must be alike, over mbedTLS, which looks things up in tables, they must not, or the plugin would be blind.
 *
 * Lengths, topic, time, stream ids, counters, and where everything lies in memory are the same for all 32: these are public.
 */
#include "board.h"
#include "gcm.h"
#include "mqtt_e2e/session.h"

#include <string.h>

#define KEYS 32
#define T0   INT64_C(1795459591440)

/* The marks. The addresses of their first instructions are what the plugin is told. */
__attribute__((noinline)) void mark_begin(void)
{
    __asm__ volatile("");
}

__attribute__((noinline)) void mark_end(void)
{
    __asm__ volatile("nop");
}

typedef struct {
    mqtt_e2e_session *session;
    mqtt_e2e_options options;
    mqtt_e2e_topic topic;
    char wire[MQTT_E2E_WIRE_SIZE(12, 11, 2)];
    _Alignas(8) uint8_t storage[2560];
} node;

static node sender, receiver;
static uint8_t key[16], payload[1000], packet[MQTT_E2E_OVERHEAD + sizeof payload];

/* Xorshift (Marsaglia 2003): any keys will do, and the same at every run. */
static void fill(uint8_t *out, size_t n)
{
    static uint32_t x = 2463534242u;

    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        out[i] = (uint8_t)(x >> 24);
    }
}

/* With a stream id that is always the same: ids are compared byte by byte, and are public to all who have the key. */
static void start(node *n, uint8_t id)
{
    uint8_t random_bytes[MQTT_E2E_RANDOM_SIZE];

    fill(random_bytes, sizeof random_bytes);
    mqtt_e2e_wipe(n->session);
    mqtt_e2e_defaults(&n->options);
    n->options.crypto = &BACKEND;
    n->options.key = key;
    n->options.key_len = sizeof key;
    board_check(mqtt_e2e_init(&n->session, n->storage, sizeof n->storage, &n->options, random_bytes, T0) ==
                    MQTT_E2E_OK,
                "init");
    board_check(mqtt_e2e_hide(n->session, "iot/kitchen", n->wire, sizeof n->wire, &n->topic) == MQTT_E2E_OK,
                "hide");
    memset(n->session->own.stream, id, sizeof n->session->own.stream);
}

static void seal_and_open(size_t len)
{
    mqtt_e2e_message message;
    mqtt_e2e_status status;
    size_t packet_len;

    mark_begin();
    status = mqtt_e2e_seal(sender.session, &sender.topic, MQTT_E2E_MESSAGE, payload, len, packet,
                           sizeof packet, T0 + 1, &packet_len);
    mark_end();
    board_check(status == MQTT_E2E_OK, "seal");
    mark_begin();
    status = mqtt_e2e_open(receiver.session, &receiver.topic, packet, packet_len, packet, sizeof packet,
                           T0 + 2, &message);
    mark_end();
    board_check(status == MQTT_E2E_OK && message.payload.len == len, "open");
}

int main(void)
{
    static const size_t lengths[] = {20, 50, 100, 1000};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (unsigned k = 0; k < KEYS; k++) {
            fill(key, sizeof key);
            start(&sender, 's');
            start(&receiver, 'r');
            fill(payload, sizeof payload);
            seal_and_open(lengths[i]);
        }
    }
    return 0;
}
