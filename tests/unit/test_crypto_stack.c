/* SPDX-License-Identifier: MIT */
/*
 * Goal: the BearSSL backend leaves nothing on the stack that depends on a key, not even what BearSSL itself puts there.
 *
 * Each call runs twice on a stack of its own that was painted before, with two keys and all else the same. What it left
 * behind must be the same, byte for byte. (The other backends leave this to their libraries, and promise it not.)
 */
#include "painted.h"
#include "support.h"

#include <string.h>

static uint8_t left_behind[PAINTED_SIZE], left_before[PAINTED_SIZE];

/* ---- The calls ------------------------------------------------------------------------------------ */

static const mqtt_e2e_crypto *crypto;
static _Alignas(8) uint8_t state[MQTT_E2E_CRYPTO_STATE_MAX];
static uint8_t keys[96], nonce[MQTT_E2E_NONCE_SIZE], iv[16], tag[16], block[16], mac[MQTT_E2E_HASH_SIZE];
static uint8_t text[111], plain[sizeof text];
static size_t key_len;

static void do_init(void)
{
    crypto->init(state, keys, key_len);
}

static void do_seal(void)
{
    crypto->seal(state, nonce, "topic", 5, text, sizeof text, tag);
}

static void do_open(void)
{
    crypto->open(state, nonce, "topic", 5, text, plain, sizeof text, tag);
}

static void do_mask(void)
{
    crypto->mask(state, iv, block);
}

static void do_topic(void)
{
    crypto->topic(state, iv, text, sizeof text);
}

static void do_hmac(void)
{
    const mqtt_e2e_bytes part = {plain, sizeof plain};

    crypto->hmac(keys, key_len, &part, 1, mac);
}

static void do_wipe(void)
{
    crypto->wipe(state);
}

/* What the test must find: a copy of a key that isn't wiped. */
static void do_leak(void)
{
    uint8_t copy[512]; /* its low end is deep enough that nobody writes over it by chance */
    volatile uint8_t *p = copy;

    for (size_t i = 0; i < 16; i++)
        p[i] = keys[i];
}

/* ---- Two runs ------------------------------------------------------------------------------------- */

static void run_painted(void (*call)(void))
{
    painted_run(call);
    memcpy(left_behind, painted_stack, sizeof left_behind);
}

/* Makes keys, and runs the calls in their order, but looks at what is left after `watched` alone. */
static void run_in_order(void (*watched)(void))
{
    static void (*const calls[])(void) = {do_init,  do_seal, do_open, do_mask,
                                          do_topic, do_hmac, do_leak, do_wipe};

    test_random(keys, sizeof keys);
    memset(text, 0, sizeof text);
    memset(plain, 0, sizeof plain);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (calls[i] == watched)
            run_painted(calls[i]);
        else
            calls[i]();
    }
}

/* Whatever the caller keeps in registers ends up on the stack too, so that nothing here may differ but the keys. */
static void (*volatile run_again)(void (*watched)(void)) = run_in_order;

static bool same_for_two_keys(void (*watched)(void))
{
    for (volatile int i = 0; i < 2; i++) {
        memcpy(left_before, left_behind, PAINTED_SIZE);
        run_again(watched);
    }
    return memcmp(left_before, left_behind, PAINTED_SIZE) == 0;
}

static void nothing_of_a_key_stays(void **unused)
{
    static void (*const calls[])(void) = {do_init, do_seal, do_open, do_mask, do_topic, do_hmac, do_wipe};

    (void)unused;
    if (!painted_works())
        skip();
    test_random(nonce, sizeof nonce);
    test_random(iv, sizeof iv);
    for (key_len = 16; key_len <= 32; key_len += 16) {
        same_for_two_keys(do_init); /* the dynamic linker's own traces come with the first calls */
        for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
            if (!same_for_two_keys(calls[i]))
                fail_msg("call %zu leaves something of a key of %zu bytes on the stack", i, key_len);
        assert_false(same_for_two_keys(do_leak)); /* the test can see */
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_of_a_key_stays)};

    test_seed();
    crypto = &mqtt_e2e_bearssl;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
