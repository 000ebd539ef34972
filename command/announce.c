/* SPDX-License-Identifier: MIT */
/* Announcements: "here SECONDS VERSION", or "gone" (docs/TERMINAL.md). */
#include "bytes.h"

enum { DIGITS = 10, WORD = 4 };

static size_t write_number(uint32_t n, char out[DIGITS])
{
    char digits[DIGITS];
    size_t len = 0;

    do {
        digits[len++] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    for (size_t i = 0; i < len; i++)
        out[i] = digits[len - 1 - i];
    return len;
}

size_t mqtt_e2e_announcement_write(const mqtt_e2e_announcement *announcement, void *out, size_t size)
{
    char number[DIGITS];
    char *to = out;
    size_t digits = write_number(announcement->every_s, number);
    size_t version = announcement->here ? announcement->version.len : 0;
    size_t head = announcement->here ? WORD + 1 + digits + (version > 0 ? 1 : 0) : WORD;

    if (head > size || version > size - head)
        return 0;
    memcpy(to, announcement->here ? "here" : "gone", WORD);
    if (!announcement->here)
        return WORD;
    to[WORD] = ' ';
    memcpy(to + WORD + 1, number, digits);
    if (version > 0) {
        to[head - 1] = ' ';
        memcpy(to + head, announcement->version.data, version);
    }
    return head + version;
}

bool mqtt_e2e_announcement_read(const void *payload, size_t len, mqtt_e2e_announcement *announcement)
{
    const char *from = payload;
    size_t i = WORD + 1;
    uint32_t n = 0;

    memset(announcement, 0, sizeof *announcement);
    if (len == WORD && memcmp(from, "gone", WORD) == 0)
        return true;
    if (len < WORD + 2 || memcmp(from, "here ", WORD + 1) != 0)
        return false;
    for (; i < len && from[i] >= '0' && from[i] <= '9'; i++) {
        if (i - WORD > DIGITS - 1) /* more than 9 digits: 31 years */
            return false;
        n = n * 10 + (uint32_t)(from[i] - '0');
    }
    if (i == WORD + 1 || (i < len && from[i] != ' '))
        return false;
    announcement->here = true;
    announcement->every_s = n;
    if (i < len) {
        announcement->version.data = from + i + 1;
        announcement->version.len = len - i - 1;
    }
    return true;
}
