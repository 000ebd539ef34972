/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_CHECKSUM_H
#define MQTT_E2E_TESTS_CHECKSUM_H
/*
 * A table of functions that stands where a crypto library would, made of keyed checksums: worth nothing against an
 * attacker, but as quick as a copy, so that a million packets take seconds. For tests of what comes after the crypto alone.
 */
#include "mqtt_e2e/crypto.h"

extern const mqtt_e2e_crypto test_checksum;

#endif
