/* SPDX-License-Identifier: MIT */
#ifndef STUB_ESP8266WIFI_H
#define STUB_ESP8266WIFI_H
#include <WiFi.h>
#endif
