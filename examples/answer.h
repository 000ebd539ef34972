/* SPDX-License-Identifier: MIT */
/* What the devices of the examples answer: on Linux, in QEMU, and on boards. */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *name;
    unsigned long up_s;    /* seconds since it started */
    unsigned long free_kb; /* memory */
    bool led;              /* `led on` and `led off` set it; the device makes it so */
} answer_device;

static inline bool answer_is(const void *command, size_t len, const char *name)
{
    return len == strlen(name) && memcmp(command, name, len) == 0;
}

static inline bool answer_fits(int len, size_t size)
{
    return len >= 0 && (size_t)len < size;
}

/* Writes the answer to a command to `out` of `size` bytes, and returns its length; 0 if there is no room for it. */
static inline size_t answer(answer_device *device, const void *command, size_t len, char *out, size_t size)
{
    int n;

    if (answer_is(command, len, "ping"))
        n = snprintf(out, size, "%s: pong", device->name);
    else if (answer_is(command, len, "status"))
        n = snprintf(out, size, "%s: up %lu:%02lu h, %lu kB free, led %s", device->name, device->up_s / 3600,
                     device->up_s / 60 % 60, device->free_kb, device->led ? "on" : "off");
    else if (answer_is(command, len, "led on") || answer_is(command, len, "led off")) {
        device->led = len == 6;
        n = snprintf(out, size, "%s: led is %s", device->name, device->led ? "on" : "off");
    } else
        n = snprintf(out, size, "%s: unknown command, try ping, status, led on or led off", device->name);
    return answer_fits(n, size) ? (size_t)n : 0;
}

#endif
