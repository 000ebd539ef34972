/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_TOIT_RECORDED_H
#define MQTT_E2E_TESTS_TOIT_RECORDED_H
/* Tests of what was recorded from the Toit library (tests/vectors/toit.json), each over all backends. */

void toit_recorded_topics(void **state);
void toit_recorded_packets(void **state);
void toit_recorded_fresh(void **state);
void toit_recorded_sequences(void **state);

#endif
