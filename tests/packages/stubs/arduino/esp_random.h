/* SPDX-License-Identifier: MIT */
#ifndef STUB_ESP_RANDOM_H
#define STUB_ESP_RANDOM_H
#include <stddef.h>
#ifdef __cplusplus
extern "C"
#endif
    void
    esp_fill_random(void *buf, size_t len);
#endif
