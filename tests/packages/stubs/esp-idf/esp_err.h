/* SPDX-License-Identifier: MIT */
#ifndef STUB_ESP_ERR_H
#define STUB_ESP_ERR_H
#include <stdio.h>
#include <stdlib.h>

typedef int esp_err_t;
#define ESP_OK                0
#define ESP_FAIL              (-1)
#define ESP_ERR_NO_MEM        0x101
#define ESP_ERR_INVALID_ARG   0x102
#define ESP_ERROR_CHECK(call) ((call) == ESP_OK ? (void)0 : abort())
#endif
