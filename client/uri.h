/* SPDX-License-Identifier: MIT */
#ifndef E2E_URI_H
#define E2E_URI_H
/* The significant line of a key file: mqtt-e2e://KEY@host:port,.../base?name=...&..., or a bare key. */
#include "error.h"
#include "mqtt_e2e/client.h"

#define E2E_URI_SCHEME "mqtt-e2e://"

/* Both read `len` bytes without white space at either end to *config, which is all zeros before. False: *error says why, without
 * any part of the line that could be secret. */
bool e2e_uri_parse(const char *line, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error);
bool e2e_uri_parse_bare(const char *line, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error);

/* base64url of 16 or 32 bytes, with or without padding. */
bool e2e_uri_key(const char *text, size_t len, mqtt_e2e_config *config);

/* The parts behind the key. */
bool e2e_uri_hosts(const char *text, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error);
bool e2e_uri_base(const char *text, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error);
bool e2e_uri_query(const char *text, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error);

/* Percent-decodes (RFC 3986 §2.1) to a string. `what` names the part in *error. */
bool e2e_uri_decode(const char *what, const char *text, size_t len, char *out, size_t size,
                    mqtt_e2e_error *error);

#endif
