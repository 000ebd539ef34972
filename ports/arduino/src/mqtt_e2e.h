/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_H
#define MQTT_E2E_H
/* End-to-end encryption for MQTT. With it comes one of mqtt_e2e_pubsubclient.h and mqtt_e2e_mqttclient.h. */
#include "mqtt_e2e/device.h"
#include "mqtt_e2e_backend.h"

#if MQTT_E2E_BACKEND == MQTT_E2E_BACKEND_NONE
#error                                                                                                       \
    "mqtt-e2e: no crypto library for this board. Install ArduinoBearSSL, and include <ArduinoBearSSL.h> first"
#endif
#endif
