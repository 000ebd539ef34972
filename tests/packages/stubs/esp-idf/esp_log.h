/* SPDX-License-Identifier: MIT */
#ifndef STUB_ESP_LOG_H
#define STUB_ESP_LOG_H
#include <stdio.h>
#define STUB_LOG(level, tag, format, ...) ((void)printf(level " %s: " format "\n", tag, ##__VA_ARGS__))
#define ESP_LOGE(tag, format, ...)        STUB_LOG("E", tag, format, ##__VA_ARGS__)
#define ESP_LOGW(tag, format, ...)        STUB_LOG("W", tag, format, ##__VA_ARGS__)
#define ESP_LOGI(tag, format, ...)        STUB_LOG("I", tag, format, ##__VA_ARGS__)
#endif
