/* SPDX-License-Identifier: MIT */
#ifndef E2E_NAMES_H
#define E2E_NAMES_H
/* Logical topic names and filters: what is well formed (MQTT 5.0 §4.7, RFC 3629). No keys here. */
#include <stdbool.h>
#include <stddef.h>

/* strlen, of which only mem* is at hand here; stops at 65,536, which is too long for all that is named. */
size_t e2e_names_length(const char *text);

/* Bytes before the next `/`, or all. */
size_t e2e_names_level(const char *name, size_t len);

/* UTF-8 without NUL, overlong forms and surrogates. */
bool e2e_names_utf8(const char *text, size_t len);

/* A topic to publish to: not empty, UTF-8, no wildcard, at most 256 levels. */
bool e2e_names_topic_ok(const char *name, size_t len);

/* A filter without `$share/group/`: as a topic, but with whole-level wildcards, `#` only in the last place. */
bool e2e_names_filter_ok(const char *filter, size_t len);

/* Length of `$share/group/` at the start of a filter, or 0. False: it starts so and is not well formed. */
bool e2e_names_share(const char *filter, size_t len, size_t *share_len);

#endif
