/* SPDX-License-Identifier: MIT */
#ifndef STUB_ZEPHYR_LOGGING_LOG_H
#define STUB_ZEPHYR_LOGGING_LOG_H
#include <stdio.h>
#define LOG_MODULE_REGISTER(name) extern int stub_log_##name
#define LOG_ERR(format, ...)      ((void)printf("E: " format "\n", ##__VA_ARGS__))
#define LOG_WRN(format, ...)      ((void)printf("W: " format "\n", ##__VA_ARGS__))
#define LOG_INF(format, ...)      ((void)printf("I: " format "\n", ##__VA_ARGS__))
#endif
