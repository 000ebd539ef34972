/* SPDX-License-Identifier: MIT */
/*
 * Nothing is accepted twice, and nothing is refused that docs/PROTOCOL.md §4 accepts: window gaps by hand, and random
 * histories against a model that remembers everything.
 *
 * A failed history is cut down to the steps that it needs, and told. TEST_SEED=... repeats a run; REPLAY_STEPS and
 * REPLAY_REAL_STEPS set how many steps are made over the checksum and over each real backend.
 */
#include "checksum.h"
#include "replay_world.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

#define STEPS      5000000
#define REAL_STEPS 50000
#define HISTORY    1000

/* ---- 1. Gaps in the counter, by hand ---- */

/* The first two are accepted. Then the third is, or is a replay. */
static const struct {
    uint16_t window;
    uint32_t first, second, third;
    bool accepted;
} gaps[] = {
    {64, 5, 5, 5, false}, /* gap 0: the same again */
    {64, 5, 5, 4, true},
    {64, 5, 6, 5, false}, /* gap 1 */
    {64, 5, 6, 6, false},
    {64, 5, 6, 4, true},
    {64, 5, 6, 7, true},
    {64, 5, 68, 5, false}, /* gap 63: the first is the last that the window reaches */
    {64, 5, 68, 6, true},
    {64, 5, 68, 4, false}, /* below the window, though never seen */
    {64, 5, 68, 67, true},
    {64, 5, 69, 5, false}, /* gap 64: just below the window */
    {64, 5, 69, 6, true},
    {64, 5, 69, 68, true},
    {64, 5, 69, 69, false},
    {64, 5, 70, 5, false}, /* gap 65 */
    {64, 5, 70, 6, false},
    {64, 5, 70, 7, true},
    {64, 5, 70, 69, true},
    {64, 0, 0x80000000, 0, false}, /* gap 2^31 */
    {64, 0, 0x80000000, 0x80000000 - 64, false},
    {64, 0, 0x80000000, 0x80000000 - 63, true},
    {64, 0, 0x80000000, 0x80000000, false},
    {64, 0, 0x80000000, 0x80000001, true},
    {64, 0, 0xffffffff, 0, false}, /* gap 2^32 - 1 */
    {64, 0, 0xffffffff, 1, false},
    {64, 0, 0xffffffff, 0xffffffff - 64, false},
    {64, 0, 0xffffffff, 0xffffffff - 63, true},
    {64, 0, 0xffffffff, 0xffffffff, false},
    {64, 0, 0xfffffffe, 0xffffffff, true},
    {64, 0xffffffff, 0, 0, false}, /* backwards: the second is refused already, and changes nothing */
    {64, 0xffffffff, 0xfffffffe, 0xfffffffd, true},
    {64, 63, 0, 0, false}, /* the oldest in the window, late */
    {128, 5, 5, 5, false},
    {128, 5, 6, 5, false},
    {128, 5, 68, 5, false},
    {128, 5, 68, 4, true},
    {128, 5, 69, 5, false},
    {128, 5, 69, 4, true},
    {128, 5, 69, 6, true},
    {128, 5, 70, 5, false},
    {128, 5, 70, 6, true},
    {128, 5, 132, 5, false}, /* gap 127 */
    {128, 5, 132, 4, false},
    {128, 5, 132, 6, true},
    {128, 5, 133, 5, false}, /* gap 128 */
    {128, 5, 133, 6, true},
    {128, 5, 134, 6, false}, /* gap 129 */
    {128, 5, 134, 7, true},
    {128, 0, 0x80000000, 0x80000000 - 128, false},
    {128, 0, 0x80000000, 0x80000000 - 127, true},
    {128, 0, 0x80000000, 0, false},
    {128, 0, 0xffffffff, 0xffffffff - 128, false},
    {128, 0, 0xffffffff, 0xffffffff - 127, true},
    {128, 0, 0xffffffff, 0, false},
    {4096, 5, 4100, 5, false}, /* gap 4,095 */
    {4096, 5, 4100, 4, false},
    {4096, 5, 4100, 6, true},
    {4096, 5, 4101, 5, false},
    {4096, 5, 4101, 6, true},
    {4096, 0, 0xffffffff, 0xffffffff - 4096, false},
    {4096, 0, 0xffffffff, 0xffffffff - 4095, true},
};

static _Alignas(8) uint64_t storage[2][1000];
static const uint8_t key[16] = "any key will do";

static mqtt_e2e_session *start(int which, const mqtt_e2e_crypto *crypto, uint16_t window)
{
    mqtt_e2e_options options;
    mqtt_e2e_session *session;
    uint8_t random[MQTT_E2E_RANDOM_SIZE];

    mqtt_e2e_defaults(&options);
    options.crypto = crypto;
    options.key = key;
    options.key_len = sizeof key;
    options.window = window;
    test_random(random, sizeof random);
    assert_int_equal(
        mqtt_e2e_init(&session, storage[which], sizeof storage[which], &options, random, 1000000),
        MQTT_E2E_OK);
    return session;
}

/* Seals with a counter of our choice, which a sender has not. */
static mqtt_e2e_status send(mqtt_e2e_session *sender, mqtt_e2e_session *receiver, uint32_t counter)
{
    mqtt_e2e_topic topic = {"t", "t", 1, 1};
    mqtt_e2e_message message;
    uint8_t packet[MQTT_E2E_SEALED_SIZE(0, 50)];
    size_t len;

    sender->own.counter = counter;
    if (counter ==
        UINT32_MAX) { /* no sender of ours does that: the packet before it, with its header changed */
        uint8_t text[11 + 50] = {0, 0, 0, 0, 15, 0x42, 0x41}, nonce[12], mask[16];

        memcpy(nonce, sender->own.stream, 12);
        for (int i = 8; i < 12; i++)
            nonce[i] ^= 0xff;
        sender->crypto->seal(sender->keys, nonce, "t", 1, text, sizeof text, packet + 16 + sizeof text);
        sender->crypto->mask(sender->keys, packet + 16 + sizeof text, mask);
        memcpy(packet + 16, text, sizeof text);
        memcpy(packet, sender->own.stream, 12);
        memset(packet + 12, 0xff, 4);
        for (int i = 0; i < 16; i++)
            packet[i] ^= mask[i];
    } else {
        assert_int_equal(
            mqtt_e2e_seal(sender, &topic, MQTT_E2E_MESSAGE, NULL, 0, packet, sizeof packet, 1000001, &len),
            MQTT_E2E_OK);
    }
    return mqtt_e2e_open(receiver, &topic, packet, sizeof packet, packet, sizeof packet, 1000001, &message);
}

static void test_gaps(void **unused)
{
    (void)unused;
    for (size_t b = 0; b < test_backend_count; b++)
        for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++) {
            mqtt_e2e_session *sender = start(0, test_backends[b], 64);
            mqtt_e2e_session *receiver = start(1, test_backends[b], gaps[i].window);
            bool behind = gaps[i].second <= gaps[i].first;
            mqtt_e2e_status status;

            assert_int_equal(send(sender, receiver, gaps[i].first), MQTT_E2E_OK);
            status = send(sender, receiver, gaps[i].second);
            if (!behind)
                assert_int_equal(status, MQTT_E2E_OK);
            status = send(sender, receiver, gaps[i].third);
            if (status != (gaps[i].accepted ? MQTT_E2E_OK : MQTT_E2E_REPLAY))
                fail_msg("window %u, counters %u, %u, %u: %s", gaps[i].window, gaps[i].first, gaps[i].second,
                         gaps[i].third, mqtt_e2e_status_text(status));
            mqtt_e2e_wipe(sender);
            mqtt_e2e_wipe(receiver);
        }
}

/* ---- 2. Random histories ---- */

static world the_world;
static world_step setup, steps[HISTORY], fewer[HISTORY];

static void draw(world_step *step)
{
    uint8_t bytes[sizeof step->draw];

    test_random(bytes, sizeof bytes);
    for (size_t i = 0; i < WORLD_DRAWS; i++) /* the same on every machine */
        step->draw[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 |
                        (uint32_t)bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
}

/* Whether it still fails without the steps from..to. */
static bool fails_without(const mqtt_e2e_crypto *crypto, size_t *count, size_t from, size_t to)
{
    size_t left = *count - (to - from), took;

    memcpy(fewer, steps, from * sizeof *steps);
    memcpy(fewer + from, steps + to, (*count - to) * sizeof *steps);
    took = world_run(&the_world, crypto, &setup, fewer, left, NULL);
    if (took == 0)
        return false;
    *count = took - 1;
    memcpy(steps, fewer, *count * sizeof *steps);
    return true;
}

/* Leaves out what it can, first large pieces, then single steps, until nothing more can go. */
static size_t cut_down(const mqtt_e2e_crypto *crypto, size_t count)
{
    size_t before;

    do {
        before = count;
        for (size_t piece = count / 2; piece > 0; piece /= 2)
            for (size_t at = 0; at + piece <= count;)
                if (!fails_without(crypto, &count, at, at + piece))
                    at += piece;
    } while (count < before);
    return count;
}

static void run_histories(const mqtt_e2e_crypto *crypto, size_t total)
{
    size_t outcomes[MQTT_E2E_TIME_SET + 1] = {0}, old = 0, again = 0;

    for (size_t done = 0; done < total; done += HISTORY) {
        size_t took;

        draw(&setup);
        for (size_t i = 0; i < HISTORY; i++)
            draw(&steps[i]);
        took = world_run(&the_world, crypto, &setup, steps, HISTORY, NULL);
        old += the_world.old;
        again += the_world.again;
        for (size_t i = 0; i <= MQTT_E2E_TIME_SET; i++)
            outcomes[i] += the_world.outcomes[i];
        if (took == 0)
            continue;
        print_error("history %zu over %s, step %zu: %s\n", done / HISTORY, crypto->name, took - 1,
                    the_world.failure);
        if (getenv("REPLAY_BRIEF") == NULL) {
            took = cut_down(crypto, took - 1);
            print_error("the steps that it takes (times from the true one):\n");
            world_run(&the_world, crypto, &setup, steps, took, stderr);
        }
        fail_msg("nothing may be accepted twice, and nothing refused that is new");
    }
    printf("%zu steps over %s:", total, crypto->name);
    for (size_t i = 0; i <= MQTT_E2E_TIME_SET; i++)
        if (i < MQTT_E2E_CAUSES || i >= MQTT_E2E_TIME_ASKED)
            printf(" %s %zu", mqtt_e2e_status_text((mqtt_e2e_status)i), outcomes[i]);
    printf(", old %zu, sealed anew %zu\n", old, again);
}

/* MQTT_E2E_FEWER is set where all is much slower. */
static size_t from_environment(const char *name, size_t otherwise)
{
    const char *value = getenv(name);

    if (value == NULL)
        return getenv("MQTT_E2E_FEWER") != NULL ? otherwise / 50 : otherwise;
    return strtoul(value, NULL, 10);
}

static void test_a_million_steps(void **unused)
{
    (void)unused;
    run_histories(&test_checksum, from_environment("REPLAY_STEPS", STEPS));
}

static void test_real_backends(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < test_backend_count; i++)
        run_histories(test_backends[i], from_environment("REPLAY_REAL_STEPS", REAL_STEPS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_a_million_steps),
        cmocka_unit_test(test_real_backends),
    };

    test_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
