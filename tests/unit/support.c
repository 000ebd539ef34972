/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const mqtt_e2e_crypto *const test_backends[] = {
#ifdef TEST_OPENSSL
    &mqtt_e2e_openssl,
#endif
#ifdef TEST_MBEDTLS
    &mqtt_e2e_mbedtls,
#endif
#ifdef TEST_BEARSSL
    &mqtt_e2e_bearssl,
#endif
};
const size_t test_backend_count = sizeof test_backends / sizeof test_backends[0];

int test_run_over_backends(const char *group, const struct CMUnitTest *tests, size_t count)
{
    int failed = 0;

    for (size_t b = 0; b < test_backend_count; b++) {
        struct CMUnitTest *copy = malloc(count * sizeof *copy);
        char name[128];
        if (copy == NULL)
            return 1;
        memcpy(copy, tests, count * sizeof *copy);
        for (size_t i = 0; i < count; i++) {
            const void *backend = test_backends[b];
            memcpy(&copy[i].initial_state, &backend, sizeof backend); /* cmocka takes no const */
        }
        snprintf(name, sizeof name, "%s over %s", group, test_backends[b]->name);
        print_message("%s\n", name); /* cmocka's plain output leaves it out */
        failed += _cmocka_run_group_tests(name, copy, count, NULL, NULL);
        free(copy);
    }
    return failed;
}

void *test_set_up(const mqtt_e2e_crypto *crypto, const uint8_t *keys, size_t key_len)
{
    void *state = malloc(crypto->state_size);

    assert_non_null(state);
    memset(state, 0xa5, crypto->state_size); /* "any content" */
    assert_int_equal(crypto->init(state, keys, key_len), 0);
    return state;
}

void test_drop(const mqtt_e2e_crypto *crypto, void *state)
{
    crypto->wipe(state);
    assert_true(test_all_zero(state, crypto->state_size));
    free(state);
}

/* SplitMix64 (Steele, Lea, Flood 2014): a counter and a mixing function, so that any seed will do. */
static uint64_t random_state;

static uint64_t random_next(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t test_seed(void)
{
    const char *given = getenv("TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);

    random_state = seed;
    printf("TEST_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    return seed;
}

void test_random(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        uint64_t bits = random_next();
        for (size_t k = i; k < len && k < i + 8; k++, bits >>= 8)
            out[k] = (uint8_t)bits;
    }
}

uint32_t test_random_below(uint32_t limit)
{
    /* The high half of a 32 x 32 bit product; values that would make some results likelier are drawn again. */
    uint32_t skip = (0 - limit) % limit;
    uint64_t product;

    do
        product = (random_next() >> 32) * limit;
    while ((uint32_t)product < skip);
    return (uint32_t)(product >> 32);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

size_t test_hex(const char *hex, uint8_t *out, size_t size)
{
    size_t len = 0;

    for (;; hex += 2) {
        while (*hex == ' ' || *hex == '\n')
            hex++;
        if (*hex == '\0')
            return len;
        int high = hex_digit(hex[0]);
        int low = high < 0 ? -1 : hex_digit(hex[1]);
        if (low < 0)
            fail_msg("not two hex digits: %.2s", hex);
        if (len == size)
            fail_msg("more than %zu bytes of hex", size);
        out[len++] = (uint8_t)(high << 4 | low);
    }
}

void test_assert_hex_at(const void *bytes, size_t len, const char *hex, const char *file, int line)
{
    size_t size = strlen(hex) / 2 + 1;
    uint8_t *expected = malloc(size);

    if (expected == NULL)
        fail_msg("out of memory");
    size_t expected_len = test_hex(hex, expected, size);
    bool same = expected_len == len && (len == 0 || memcmp(bytes, expected, len) == 0);
    free(expected);
    if (!same) {
        print_error("expected %s\n     got ", hex);
        for (size_t i = 0; i < len; i++)
            print_error("%02x", ((const uint8_t *)bytes)[i]);
        print_error("\n");
        _fail(file, line);
    }
}

bool test_all_zero(const void *bytes, size_t len)
{
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++)
        any |= ((const uint8_t *)bytes)[i];
    return any == 0;
}
