/* SPDX-License-Identifier: MIT */
#ifndef E2E_TOIT_H
#define E2E_TOIT_H
/*
 * The Toit profile (docs/TOIT.md). The parts of a session ask E2E_IS_TOIT where it differs. In a build without it that is
 * a constant, and they come out as if this profile was not there. Part of core.h, which includes it.
 */

#define E2E_TOIT_NS 1000000 /* nanoseconds in a millisecond */

#ifdef MQTT_E2E_TOIT
#define E2E_TOIT_HERE 1
#else
#define E2E_TOIT_HERE 0
#endif

/* Of a session or its options. */
#define E2E_IS_TOIT(of)         (E2E_TOIT_HERE > 0 && (of)->profile == MQTT_E2E_PROFILE_TOIT)
#define E2E_TOIT_OPTIONS_OK(of) (E2E_TOIT_HERE == 0 || e2e_toit_options_ok(of))

bool e2e_toit_options_ok(const mqtt_e2e_options *options);

/* Nanoseconds: the last one of a millisecond. */
int64_t e2e_toit_table_time(int64_t ms);

/* The base, which follows from the key by way of a sealed text. -1: the backend failed. */
int e2e_toit_base(mqtt_e2e_session *session);

size_t e2e_toit_sealed_size(size_t len, size_t padded);

mqtt_e2e_status e2e_toit_seal(mqtt_e2e_session *session, const e2e_draft *draft, uint8_t *packet, size_t size,
                              size_t *packet_len);

/* The same with a nonce that is given: for tests, and never twice with the same. */
mqtt_e2e_status e2e_toit_seal_with(mqtt_e2e_session *session, const uint8_t nonce[MQTT_E2E_NONCE_SIZE],
                                   const e2e_draft *draft, uint8_t *packet, size_t size, size_t *packet_len);

/* `out` as in mqtt_e2e_open; the text goes to out + 12. */
mqtt_e2e_status e2e_toit_open(mqtt_e2e_session *session, const mqtt_e2e_topic *topic, const uint8_t *packet,
                              size_t len, uint8_t *out, int64_t utc, mqtt_e2e_message *message);

#endif
