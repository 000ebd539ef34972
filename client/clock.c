/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/random.h>
#include <time.h>

#include "private.h"

static int64_t read_clock(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t e2e_clock_boot(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

int64_t e2e_clock_micros(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t e2e_clock_utc(int64_t offset_ms)
{
    return read_clock(CLOCK_REALTIME) + offset_ms;
}

int64_t e2e_clock_now(mqtt_e2e_client *client)
{
    int64_t now = e2e_clock_utc(client->options.clock_offset_ms), gap = now - e2e_clock_boot();

    /* What was sealed before the jump, and lay about, must not pass for new (docs/PROTOCOL.md §4). */
    if (gap - client->clock_gap > client->options.session.clock_lead_ms && client->store.fd < 0)
        mqtt_e2e_raise_floor(client->session, now);
    client->clock_gap = gap;
    return now;
}

void e2e_clock_pass(const mqtt_e2e_client *client, int64_t floor)
{
    const struct timespec step = {0, 100000};

    for (int i = 0; i < 20 && e2e_clock_utc(client->options.clock_offset_ms) == floor; i++)
        nanosleep(&step, NULL);
}

bool e2e_clock_random(void *out, size_t len)
{
    uint8_t *p = out;

    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
    return true;
}

uint32_t e2e_clock_backoff(uint32_t attempt, uint32_t min, uint32_t max, uint32_t random)
{
    uint64_t delay = min;

    while (attempt > 1 && delay < max) {
        delay *= 2;
        attempt--;
    }
    if (delay > max)
        delay = max;
    return (uint32_t)(delay - random % (delay / 2 + 1));
}
