/* SPDX-License-Identifier: MIT */
#ifndef STUB_ESP_ROM_CRC_H
#define STUB_ESP_ROM_CRC_H
#include <stdint.h>
uint32_t esp_rom_crc32_le(uint32_t crc, uint8_t const *buf, uint32_t len);
#endif
