/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_FLEET_H
#define MQTT_E2E_CLI_FLEET_H
/*
 * Who commands devices has a client for the key of its key file, in its cli_run, and here one for each device that has a key of its own
 * (docs/PROTOCOL.md §7): devices that a file names, and those that are heard of.
 *
 *     if (cli_fleet_names(&fleet, &options) && cli_run_start(&run, &options, CLI_IMPATIENT) &&
 *         cli_fleet_start(&fleet, &run)) {
 *         ... subscribe run.client to device/+, so that devices are heard of ...
 *         cli_fleet_open_all(&fleet);
 *         while (cli_fleet_step(&fleet, NULL, 0, -1))
 *             ;
 *     }
 *     cli_fleet_end(&fleet);
 *     return cli_run_stop(&run);
 */
#include "names.h"
#include "run.h"

#define CLI_FLEET_MAX 64 /* clients at a time, for as many devices */

typedef struct cli_fleet cli_fleet;

/* A device with a key of its own, and the client that has it. It stays where it is in memory until the fleet's end. */
typedef struct {
    cli_fleet *fleet;
    mqtt_e2e_client *client;
    char name[CLI_NAME_MAX + 1];
    bool failed; /* that no broker lets this client in was told */
} cli_fleet_device;

struct cli_fleet {
    const cli_options *options;
    cli_run *run; /* NULL: not started */
    cli_names names;
    bool off;         /* no device has a key of its own: --devices none; or the key is such a one */
    const char *only; /* only this one is of interest; NULL: all */
    cli_fleet_device devices[CLI_FLEET_MAX];
    size_t count;
    char waiting[CLI_FLEET_MAX][CLI_NAME_MAX + 1]; /* heard of, to be opened */
    size_t waiting_count;
    uint64_t heard; /* packets that were refused, and told of a device */
    bool full;      /* that there are too many was told */
    int epoll;

    /* Where set: a client was made for a device, by any of the functions below. What it is to subscribe to, and to ask. */
    void (*on_open)(cli_fleet_device *device, void *context);
    void *context;
};

/* Reads which devices have keys of their own: from --devices, or from beside the key file. False: told. */
bool cli_fleet_names(cli_fleet *fleet, const cli_options *options);

/* Whether one does, by its file; it may still be heard of. */
bool cli_fleet_knows(const cli_fleet *fleet, const char *name);

/* From here on options->client is that device's, as with its own key file. False: told. */
bool cli_fleet_become(cli_options *options, const char *name);

/* After cli_run_start, and before any of the below. False: told. */
bool cli_fleet_start(cli_fleet *fleet, cli_run *run);

/* The device, with a client; which is made if there is none. NULL: told. */
cli_fleet_device *cli_fleet_open(cli_fleet *fleet, const char *name);

/* All that the file names. */
void cli_fleet_open_all(cli_fleet *fleet);

/* The device, if it has a client; else NULL, and then run->client is to reach it, if any. */
cli_fleet_device *cli_fleet_find(cli_fleet *fleet, const char *name);

/* As cli_run_step, for all clients (one place less for `more`); makes those for devices that were heard of. */
bool cli_fleet_step(cli_fleet *fleet, struct pollfd *more, nfds_t count, int64_t timeout_ms);

/* What is due at once, without waiting: where run->client is looked after in another way. */
void cli_fleet_loop(cli_fleet *fleet);

/* A packet that run->client refused (run.c calls this). True: it is a device's with a key of its own, that says it is there; there is
 * nothing wrong with it. */
bool cli_fleet_heard(cli_fleet *fleet, const mqtt_e2e_delivery *delivery);

/* Packets that all clients refused, those aside. */
uint64_t cli_fleet_refused(const cli_fleet *fleet);

/* -d: counts of all clients. */
void cli_fleet_tell_counts(const cli_fleet *fleet);

/* As mqtt_e2e_client_drain, for the clients here. */
void cli_fleet_drain(cli_fleet *fleet, int timeout_ms);

/* Disconnects, wipes and frees; run->client stays. */
void cli_fleet_end(cli_fleet *fleet);

#endif
