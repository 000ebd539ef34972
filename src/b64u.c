/* SPDX-License-Identifier: MIT */
#include "b64u.h"

/* All ones if a < b, else zero; for values below 2^31. */
static uint32_t less(uint32_t a, uint32_t b)
{
    return 0u - ((a - b) >> 31);
}

static char digit(uint32_t v)
{
    uint32_t c = v + 'A';

    c += less(25, v) & (uint32_t)('a' - 'Z' - 1);
    c += less(51, v) & (uint32_t)('0' - 'z' - 1);
    c += less(61, v) & (uint32_t)('-' - '9' - 1);
    c += less(62, v) & (uint32_t)('_' - '-' - 1);
    return (char)(c & 0xff);
}

/* 0..63, or 64 for what is no digit. */
static uint32_t value(char ch)
{
    uint32_t c = (uint8_t)ch;
    uint32_t v = 64;

    v ^= ~less(c, 'A') & less(c, 'Z' + 1) & (64 ^ (c - 'A'));
    v ^= ~less(c, 'a') & less(c, 'z' + 1) & (64 ^ (c - 'a' + 26));
    v ^= ~less(c, '0') & less(c, '9' + 1) & (64 ^ (c - '0' + 52));
    v ^= ~less(c, '-') & less(c, '-' + 1) & (64 ^ 62);
    v ^= ~less(c, '_') & less(c, '_' + 1) & (64 ^ 63);
    return v;
}

size_t e2e_b64u_encode(const uint8_t *in, size_t n, char *out)
{
    size_t o = 0;

    while (n > 0) {
        uint32_t take = n < 3 ? (uint32_t)n : 3;
        uint32_t bits = (uint32_t)in[0] << 16;

        if (take > 1)
            bits |= (uint32_t)in[1] << 8;
        if (take > 2)
            bits |= in[2];
        for (uint32_t i = 0; i <= take; i++)
            out[o++] = digit(bits >> (18 - 6 * i) & 63);
        in += take;
        n -= take;
    }
    return o;
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
