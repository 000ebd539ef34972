/* SPDX-License-Identifier: MIT */
#ifndef STUB_ZEPHYR_KERNEL_H
#define STUB_ZEPHYR_KERNEL_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "autoconf.h" /* Zephyr's build includes it before all else */

typedef struct {
    int64_t ms;
} k_timeout_t;

#define K_SECONDS(s)                       ((k_timeout_t){(s)*INT64_C(1000)})
#define CONTAINER_OF(pointer, type, field) ((type *)(void *)((char *)(pointer)-offsetof(type, field)))

int64_t k_uptime_get(void);
int32_t k_sleep(k_timeout_t timeout);
#endif
