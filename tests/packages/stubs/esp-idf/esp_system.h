/* SPDX-License-Identifier: MIT */
#ifndef STUB_ESP_SYSTEM_H
#define STUB_ESP_SYSTEM_H
#include <stdint.h>
uint32_t esp_get_free_heap_size(void);
#endif
