/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_BACKEND_H
#define MQTT_E2E_BACKEND_H
/*
 * Which crypto library this board has. Arduino compiles every file under src/ for every board, so each backend's file is
 * empty unless it is the one.
 *
 *   ESP32                    mbedTLS, with the chip's AES engine
 *   ESP8266, RP2040 (Pico)   BearSSL, which their cores bring along
 *   others                   BearSSL of the library ArduinoBearSSL: include <ArduinoBearSSL.h> before <mqtt_e2e.h>
 */
#define MQTT_E2E_BACKEND_NONE    0
#define MQTT_E2E_BACKEND_BEARSSL 1
#define MQTT_E2E_BACKEND_MBEDTLS 2

#ifndef MQTT_E2E_BACKEND
#if (defined(ESP32) || defined(ARDUINO_ARCH_ESP32)) && __has_include(<mbedtls/gcm.h>)
#define MQTT_E2E_BACKEND MQTT_E2E_BACKEND_MBEDTLS
#elif __has_include(<bearssl/bearssl.h>)
#define MQTT_E2E_BACKEND MQTT_E2E_BACKEND_BEARSSL
#else
#define MQTT_E2E_BACKEND MQTT_E2E_BACKEND_NONE
#endif
#endif

/* The table, and bytes for its key state (starting fails with NO_ROOM if that is too small). */
#if MQTT_E2E_BACKEND == MQTT_E2E_BACKEND_BEARSSL
#define MQTT_E2E_CRYPTO         (&mqtt_e2e_bearssl)
#define MQTT_E2E_KEY_STATE      576
#define MQTT_E2E_BEARSSL_HEADER <bearssl/bearssl.h>
#elif MQTT_E2E_BACKEND == MQTT_E2E_BACKEND_MBEDTLS
#define MQTT_E2E_CRYPTO    (&mqtt_e2e_mbedtls)
#define MQTT_E2E_KEY_STATE 1024
#endif
#endif
