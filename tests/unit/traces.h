/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_TRACES_H
#define MQTT_E2E_TESTS_TRACES_H
/* Finds what is left of secrets in memory: any eight bytes in a row of one, as they are, or as a little-endian machine works
 * on words of 4 bytes (SHA-256) or 8 (GHASH). */
#include <stddef.h>

/* Forgets all secrets. */
void traces_clear(void);

/* Looks for this one too, of at least eight bytes. */
void traces_add(const char *name, const void *bytes, size_t len);

/* The name of a secret of which there is a trace, or NULL. */
const char *traces_in(const void *memory, size_t len);

#endif
