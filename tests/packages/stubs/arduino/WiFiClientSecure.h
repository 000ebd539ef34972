/* SPDX-License-Identifier: MIT */
#ifndef STUB_WIFICLIENTSECURE_H
#define STUB_WIFICLIENTSECURE_H
#include <WiFi.h>
#endif
