/* SPDX-License-Identifier: MIT */
#include "b64u.h"

/* The alphabet (RFC 4648 §5), in runs of characters. All are looked at for each digit, whichever it is: keys are read here. */
static const struct {
    uint8_t first, count;
} runs[] = {{'A', 26}, {'a', 26}, {'0', 10}, {'-', 1}, {'_', 1}};

#define RUNS (sizeof runs / sizeof *runs)

/* All ones if a < b, else zero; for values below 2^31. */
static uint32_t less(uint32_t a, uint32_t b)
{
    return 0u - ((a - b) >> 31);
}

static char digit(uint32_t v)
{
    uint32_t c = 0;

    for (size_t i = 0; i < RUNS; i++) {
        c |= less(v, runs[i].count) & (runs[i].first + v);
        v = (v - runs[i].count) & 0xff; /* below 0: above all counts */
    }
    return (char)c;
}

/* 0..63, or 64 for what is no digit. */
static uint32_t value(char c)
{
    uint32_t v = 64, before = 0;

    for (size_t i = 0; i < RUNS; i++) {
        uint32_t d = ((uint8_t)c - (uint32_t)runs[i].first) & 0xff;

        v ^= less(d, runs[i].count) & (64 ^ (before + d));
        before += runs[i].count;
    }
    return v;
}

size_t e2e_b64u_encode(const uint8_t *in, size_t n, char *out)
{
    size_t size = E2E_B64U_SIZE(n);
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t o = 0; o < size; o++) {
        if (have < 6) {
            bits <<= 8;
            have += 8;
            if (n > 0) {
                bits |= *in++;
                n--;
            }
        }
        have -= 6;
        out[o] = digit(bits >> have & 63);
    }
    return size;
}

bool e2e_b64u_decode(const char *in, size_t n, uint8_t *out, size_t *len)
{
    uint32_t bits = 0, bad = 0;
    unsigned have = 0;
    size_t o = 0;

    if (n % 4 == 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint32_t v = value(in[i]);

        bad |= v & 64;
        bits = (bits << 6 | (v & 63)) & 0xffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[o++] = (uint8_t)(bits >> have);
        }
    }
    *len = o;
    return bad == 0 && (bits & ((1u << have) - 1)) == 0;
}
