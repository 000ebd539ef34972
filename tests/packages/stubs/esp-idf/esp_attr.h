/* SPDX-License-Identifier: MIT */
#ifndef STUB_ESP_ATTR_H
#define STUB_ESP_ATTR_H
/* Its name is one of C, so that the linker tells where the section starts and ends. */
#define RTC_DATA_ATTR __attribute__((section("rtc_data")))
#endif
