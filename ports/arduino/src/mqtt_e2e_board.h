/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_BOARD_H
#define MQTT_E2E_BOARD_H
/* Random bytes of the boards that have a generator fit for keys; MQTT_E2E_BOARD_RANDOM is then there. With the others the sketch
 * passes bytes of its own to begin(): never those of random(), which repeats after each reset. */
#include <Arduino.h>
#include <stddef.h>
#include <stdint.h>

#if defined(ESP32) || defined(ARDUINO_ARCH_ESP32)
#include <esp_random.h>
#define MQTT_E2E_BOARD_RANDOM 1
/* Truly random once Wi-Fi or Bluetooth run: call begin() after WiFi.begin(). */
static inline bool mqtt_e2e_board_random(uint8_t *out, size_t len)
{
    esp_fill_random(out, len);
    return true;
}

#elif defined(ESP8266) || defined(ARDUINO_ARCH_ESP8266)
#define MQTT_E2E_BOARD_RANDOM 1
static inline bool mqtt_e2e_board_random(uint8_t *out, size_t len)
{
    ESP.random(out, len); /* the hardware's generator */
    return true;
}

#elif defined(ARDUINO_ARCH_RP2040) && !defined(ARDUINO_ARCH_MBED)
#define MQTT_E2E_BOARD_RANDOM 1
static inline bool mqtt_e2e_board_random(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)rp2040.hwrand32();
    return true;
}
#endif
#endif
