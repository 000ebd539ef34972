/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_SUPPORT_H
#define MQTT_E2E_TESTS_SUPPORT_H
/*
 * What every unit test shares: the backends under test, reproducible randomness, and bytes written as hex.
 * It includes cmocka in the way that cmocka asks for, so that a test includes this file alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mqtt_e2e/crypto.h"

/* The backends compiled in: TEST_OPENSSL, TEST_MBEDTLS and TEST_BEARSSL choose. */
extern const mqtt_e2e_crypto *const test_backends[];
extern const size_t test_backend_count;

/* Runs the tests of a group once over each backend, which each finds in *state. Returns how many failed. */
int test_run_over_backends(const char *group, const struct CMUnitTest *tests, size_t count);

/* A key state of its own, to the byte, set up with three keys of `key_len` bytes each; and its end, which checks that
 * nothing is left in it. */
void *test_set_up(const mqtt_e2e_crypto *crypto, const uint8_t *keys, size_t key_len);
void test_drop(const mqtt_e2e_crypto *crypto, void *state);

/* Seeds test_random from the environment's TEST_SEED (decimal, or hex after 0x), else from the clock, and prints the
 * seed, so that a failed run can be repeated. Returns it. Call it first in main. */
uint64_t test_seed(void);

/* Pseudo-random bytes that follow from the seed, the same on every machine. Not for keys in earnest. */
void test_random(uint8_t *out, size_t len);

/* A number from 0 to limit - 1, all alike likely; limit > 0. */
uint32_t test_random_below(uint32_t limit);

/* Reads hex digits (spaces between bytes are skipped) to `out` of `size` bytes; returns how many bytes. Anything else
 * fails the test. */
size_t test_hex(const char *hex, uint8_t *out, size_t size);

/* Fails the test unless the `len` bytes are those that `hex` says. */
#define test_assert_hex(bytes, len, hex) test_assert_hex_at(bytes, len, hex, __FILE__, __LINE__)
void test_assert_hex_at(const void *bytes, size_t len, const char *hex, const char *file, int line);

/* Whether all bytes are zero. */
bool test_all_zero(const void *bytes, size_t len);

#endif
