/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_FILES_H
#define MQTT_E2E_CLI_FILES_H
/* Files that hold a key: made, never overwritten, for the owner alone, whole or not at all. */
#include "cli.h"

/* Writes `len` bytes to a new file of mode 0600 and syncs it. Where it can't be written whole, it is not left behind.
 * `parents`: missing directories are made, mode 0700. False: the error was told. */
bool cli_write_new(const char *path, const void *data, size_t len, bool parents);

/* Makes the missing directories of a path, mode 0700. False: errno says why. */
bool cli_make_parents(const char *path);

/* The text of a key file: comments and the URI, to be wiped and freed. NULL: told. `what` tells in the comment what the
 * key is for. */
char *cli_key_text(const mqtt_e2e_config *config, const char *what);

/* Base and fingerprint of a key file's key; the base may be one that it names. False: told. */
typedef struct {
    char base[256];
    char fingerprint[MQTT_E2E_FINGERPRINT_SIZE];
} cli_identity;
bool cli_identify(const mqtt_e2e_config *config, cli_identity *identity);

/* "host:port" or "[address]:port", with the default port where none was given. */
void cli_host_text(const mqtt_e2e_config *config, size_t i, char *out, size_t size);

/* What the parser of key files says, without its "line 1: ": where the fault is an option's, not a line's. */
const char *cli_without_line(const char *text);

/* Wipes and frees a string. NULL is allowed. */
void cli_forget(char *secret);

#endif
