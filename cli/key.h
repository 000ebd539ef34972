/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_KEY_H
#define MQTT_E2E_CLI_KEY_H
/* What `mqtt-e2e key` can do with a key. Each returns an exit code, and tells errors. */
#include "files.h"

typedef struct {
    mqtt_e2e_config config;
    const char *secret; /* -K; NULL = the default place */
    const char *out;    /* -o; NULL = standard output */
    const char *name;   /* of the device */
    bool reveal, json;
} cli_key_job;

int cli_key_show(cli_key_job *job);
int cli_key_qr(cli_key_job *job);
int cli_key_device(cli_key_job *job);
int cli_key_c(cli_key_job *job);
int cli_key_toit(cli_key_job *job);

/* Writes a text to -o FILE, new and for the owner alone, or to standard output. */
int cli_key_write(const cli_key_job *job, const void *data, size_t len);

#endif
