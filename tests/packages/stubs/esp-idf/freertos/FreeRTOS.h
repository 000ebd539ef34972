/* SPDX-License-Identifier: MIT */
#ifndef STUB_FREERTOS_FREERTOS_H
#define STUB_FREERTOS_FREERTOS_H
#include <stdint.h>

typedef uint32_t TickType_t;
typedef int BaseType_t;
#define portMAX_DELAY      UINT32_MAX
#define configTICK_RATE_HZ 100
#define pdMS_TO_TICKS(ms)  ((TickType_t)(((TickType_t)(ms) * (uint64_t)configTICK_RATE_HZ) / 1000))
#endif
