/* SPDX-License-Identifier: MIT */
/*
 * Goal: on this processor too, as compiled for firmware, a backend leaves nothing on the stack that depends on a key. How
 * deep BearSSL's functions go, and so how deep crypto/bearssl.c has to wipe, depends on both. See test_crypto_stack.c.
 *
 * Each call runs twice on a painted stack, with two keys and all else the same; what it left must be the same.
 */
#include "board.h"
#include "gcm.h"

#include <string.h>

static _Alignas(8) uint8_t state[MQTT_E2E_CRYPTO_STATE_MAX];
static uint8_t keys[96], iv[16], tag[16], block[16], mac[MQTT_E2E_HASH_SIZE], text[111];
static size_t key_len;

static void do_init(void)
{
    BACKEND.init(state, keys, key_len);
}

static void do_seal(void)
{
    BACKEND.seal(state, iv, "topic", 5, text, sizeof text, tag);
}

static void do_open(void)
{
    BACKEND.open(state, iv, "topic", 5, text, text, sizeof text, tag);
}

static void do_mask(void)
{
    BACKEND.mask(state, iv, block);
}

static void do_topic(void)
{
    BACKEND.topic(state, iv, text, sizeof text);
}

static void do_hmac(void)
{
    const mqtt_e2e_bytes part = {iv, sizeof iv};

    BACKEND.hmac(keys, 32, &part, 1, mac);
}

/* What must be found: a copy of a key that isn't wiped. */
static void do_leak(void)
{
    uint8_t copy[256];
    volatile uint8_t *p = copy;

    for (size_t i = 0; i < 16; i++)
        p[i] = keys[i];
}

__attribute__((noinline)) static uint32_t left_with(uint8_t key, void (*call)(void))
{
    memset(keys, key, sizeof keys);
    memset(text, 0, sizeof text);
    memset(tag, 0, sizeof tag);
    BACKEND.init(state, keys, key_len);
    if (call == do_open)
        do_seal(); /* so that there is something to open */
    return board_left(call);
}

static bool leaves_nothing(void (*call)(void))
{
    return left_with(0x17, call) == left_with(0xe8, call);
}

int main(void)
{
    for (key_len = 16; key_len <= 32; key_len += 16) {
        board_check(leaves_nothing(do_init), "init leaves something of a key on the stack");
        board_check(leaves_nothing(do_seal), "seal leaves something of a key on the stack");
        board_check(leaves_nothing(do_open), "open leaves something of a key on the stack");
        board_check(leaves_nothing(do_mask), "mask leaves something of a key on the stack");
        board_check(leaves_nothing(do_topic), "topic leaves something of a key on the stack");
        board_check(leaves_nothing(do_hmac), "hmac leaves something of a key on the stack");
    }
    key_len = 16;
    board_check(!leaves_nothing(do_leak), "a key that was left on the stack was not found");
    return 0;
}
