/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_NAMES_H
#define MQTT_E2E_CLI_NAMES_H
/*
 * Names of devices, and the file that says which of them have keys of their own. It lies beside the fleet's key file: a name a line, comments
 * from # on; !NAME: that one was lost, and nothing is to be had to do with its key.
 */
#include "cli.h"

enum {
    CLI_NAME_MAX = 64,    /* bytes */
    CLI_NAMES_MAX = 4096, /* in a file */
    CLI_NAMES_PATH_SIZE = 4096
};

/* Whether a device can have this name: 1 to 64 bytes, none up to 0x20, no 0x7F, '/', '+' or '#'; and not "all". */
bool cli_is_name(const void *name, size_t len);

/* The same of one that is not from a topic, so that it must be shown to be UTF-8. One with '!' in front can't stand in the file. */
bool cli_name_ok(const char *name);

typedef struct {
    char (*names)[CLI_NAME_MAX + 1]; /* sorted, each once */
    size_t count;
    char (*lost)[CLI_NAME_MAX + 1];
    size_t lost_count;
} cli_names;

/* Where the names of a key file are (-K; NULL: the default place), to `out`: its path and ".devices". False: it was told; a key on
 * standard input has none. */
bool cli_names_path(const char *secret, char *out, size_t size);

/* Reads them, to be freed. A file that is not there has none, unless it `must` be. False: told. */
bool cli_names_read(const char *path, bool must, cli_names *names);
void cli_names_free(cli_names *names);

bool cli_names_has(const cli_names *names, const char *name);
bool cli_names_lost(const cli_names *names, const char *name);

/* Adds a name, if it is not there. None of those that are there is lost, whatever happens. False: told, as a warning. */
bool cli_names_record(const char *path, const char *name);

#endif
