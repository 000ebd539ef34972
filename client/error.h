/* SPDX-License-Identifier: MIT */
#ifndef E2E_CLIENT_ERROR_H
#define E2E_CLIENT_ERROR_H
/* Errors: what was wrong with what value, and what to do next. */
#include "mqtt_e2e/client.h"

/* Writes an error and its hint ("" for none); `error` may be NULL. Returns false. */
bool e2e_error_set(mqtt_e2e_error *error, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Somebody else's words in our style: lower case, no full stop. */
void e2e_error_text(char *out, size_t size, const char *text);
bool e2e_error_memory(mqtt_e2e_error *error);
/* For a session's status that is the caller's or the environment's. */
bool e2e_error_status(mqtt_e2e_error *error, mqtt_e2e_status status);
/* Why a topic or a filter was refused. */
bool e2e_error_topic(mqtt_e2e_error *error, const char *topic);
bool e2e_error_filter(mqtt_e2e_error *error, const char *filter);

#endif
