/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_RUN_H
#define MQTT_E2E_CLI_RUN_H
/*
 * The loop under pub, sub, request, agent and run: signals, the broker's comings and goings, refused packets. A command's own state starts
 * with a cli_run, which is the context of all callbacks:
 *
 *     if (cli_run_start(&sub.run, &options, CLI_ONCE_CONNECTED)) {
 *         ... subscribe ...
 *         while (cli_run_step(&sub.run, NULL, 0, -1))
 *             ;
 *     }
 *     return cli_run_stop(&sub.run);
 */
#include <poll.h>

#include "options.h"

/* Whether to go on trying when every broker has failed once: never; after we were connected; always. One that
 * turned us down for good (password, client id) is not tried again. */
typedef enum { CLI_IMPATIENT, CLI_ONCE_CONNECTED, CLI_PATIENT } cli_patience;

typedef struct {
    cli_options *options;
    mqtt_e2e_client *client;
    mqtt_e2e_client
        *old; /* where a fleet is being moved: the one of the Toit profile, beside the other; else NULL */
    cli_patience patience;
    bool was_connected, over;
    bool interrupted; /* SIGINT, SIGTERM or SIGHUP came: */
    int signal;       /* this one */
    int code;         /* exit code, once over */
    void (*refused)(void *run,
                    const mqtt_e2e_delivery *delivery); /* set before the start: told, too; or NULL */
    struct cli_fleet *fleet;                            /* fleet.h; NULL: no other client is needed */
    int64_t connected_at;                               /* for the first time, by cli_run_now; 0 = not yet */
} cli_run;

/* Makes the client of options->client; callbacks that are set there already stay. False: it was told, and run->code is set. */
bool cli_run_start(cli_run *run, cli_options *options, cli_patience patience);

#define CLI_RUN_MORE 192

/* Whether it speaks the Toit profile too. */
bool cli_run_moves(const cli_options *options);

/* Waits for at most `timeout_ms` (-1 = no limit) for the broker, a signal, or one of `count` (at most CLI_RUN_MORE) descriptors of `more`, and lets
 * the client do what is due. False: it is over. */
bool cli_run_step(cli_run *run, struct pollfd *more, nfds_t count, int64_t timeout_ms);

/* After run->interrupted was dealt with: the next signal is caught as well. */
void cli_run_resume(cli_run *run);

/* Ends the run with an exit code; the first one stands. */
void cli_run_end(cli_run *run, int code);

/* Disconnects and frees. Returns the exit code. */
int cli_run_stop(cli_run *run);

/* The brokers that are tried, "host:port, host:port", to `out`, which it returns. */
const char *cli_run_brokers(const cli_run *run, char *out, size_t size);

/* Milliseconds of a clock that never jumps; and microseconds. */
int64_t cli_run_now(void);
int64_t cli_run_now_us(void);

/* Milliseconds from now to `when`, at least 0. */
int64_t cli_run_until(int64_t when);

/* ---- state.c ------------------------------------------------------------------------------------ */

/* Where such a file is, $XDG_STATE_HOME/mqtt-e2e/NAME or ~/.local/state/mqtt-e2e/NAME, to `out`; its directory is made. False: there
 * is no such place. */
bool cli_state_path(const char *name, char *out, size_t size);

/* mqtt_e2e_client_new, with the state file that the command keeps, of which it tells what it found. */
mqtt_e2e_client *cli_state_client(cli_options *options, mqtt_e2e_error *error);

/* ---- memory.c ------------------------------------------------------------------------------------ */

/* From now on this process has no more memory than a client of these options needs: a broker can't make it take more. */
void cli_memory_bound(const cli_options *options);

/* And what one more needs. */
void cli_memory_more(const mqtt_e2e_client_options *client);

/* Around the printing of a payload of `len` bytes, which may need a multiple of that; nothing is received meanwhile. */
void cli_memory_lift(size_t len);
void cli_memory_restore(size_t len);

/* ---- refused.c ---------------------------------------------------------------------------------- */

/* Why a packet was refused, and whose clock may be wrong, to `out`; and says so. */
void cli_refused_text(const mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery,
                      uint32_t clock_skew_ms, char *out, size_t size);
void cli_tell_refused(const mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery,
                      uint32_t clock_skew_ms);

/* Says how many were accepted and refused, by cause. */
void cli_tell_counts(const mqtt_e2e_client *client);

/* Says how it went with each broker. */
void cli_tell_brokers(const mqtt_e2e_client *client);

/* How many packets were refused, second copies by other brokers aside. */
uint64_t cli_count_refused(const mqtt_e2e_client *client);

/* ---- payload.c ---------------------------------------------------------------------------------- */

/* The payload of -m, -f, -s or -n, to be freed, in *data (NULL where empty); the queue is made to hold it. False: it was told. */
bool cli_read_payload(cli_options *options, void **data, size_t *len);

#endif
