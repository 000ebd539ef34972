/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_CHECK_H
#define MQTT_E2E_TESTS_CHECK_H
/* What the tests of the vectors share. A wrong vector is printed, and the test goes on to the next. */
#include "support.h"
#include "vectors.h"

/* Prints what is wrong with which vector, and counts it. */
#if defined __GNUC__
__attribute__((format(printf, 1, 2)))
#endif
void check_wrong(const char *format, ...);

/* Fails the test if anything was wrong since the last call. */
void check_all_right(void);

/* Reports `what` of the vector called `about` unless the bytes are the expected ones. */
void check_bytes(const mqtt_e2e_crypto *crypto, const char *about, const char *what, const void *data,
                 size_t len, mqtt_e2e_bytes expected);

/* The same for bytes given whole or by length and SHA-256. */
void check_value(const mqtt_e2e_crypto *crypto, const char *about, const char *what, const void *data,
                 size_t len, const vector_value *expected);

/* Reports a status that was not expected. */
void check_status(const mqtt_e2e_crypto *crypto, const char *about, const char *what, mqtt_e2e_status got,
                  mqtt_e2e_status expected);

/* SHA-256 (FIPS 180-4). */
void check_sha256(const void *data, size_t len, uint8_t out[32]);

/* The bytes that a vector gives by a seed; the caller frees them. */
uint8_t *check_seeded(mqtt_e2e_bytes seed, size_t len);

/* Memory, or the end of the test. */
void *check_alloc(size_t size);

/* A text so many times over, with a NUL. The caller frees it. */
char *check_spell(const vector_text *text);

/* Options with the backend and the key, else the defaults. */
mqtt_e2e_options check_options(const mqtt_e2e_crypto *crypto, mqtt_e2e_bytes key);

/* A session in allocated storage; check_end wipes and frees it. `random` NULL: zeros. */
mqtt_e2e_session *check_session(const mqtt_e2e_options *options, const void *random, int64_t now_ms);
void check_end(mqtt_e2e_session *session);

/* The tests. Each runs over all backends. */
void check_keys(void **state);
void check_streams(void **state);
void check_padme(void **state);
void check_topics(void **state);
void check_filters(void **state);
void check_bad_names(void **state);
void check_bad_wires(void **state);
void check_matches(void **state);
void check_parts(void **state);
void check_seal(void **state);
void check_open(void **state);
void check_receivers(void **state);

#endif
