/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_DOCTOR_H
#define MQTT_E2E_CLI_DOCTOR_H
/*
 * What the parts of `mqtt-e2e doctor` share: a report, to which each adds findings in words.
 *
 *   doctor.c          the order of examination
 *   doctor_key.c      the key file, and what the machine itself says of its clock
 *   doctor_net.c      names and TCP
 *   doctor_broker.c   one bare MQTT connection: does the broker let us in?
 *   doctor_limits.c   what it told of its limits
 *   doctor_clock.c    over that connection: the clocks of others
 *   doctor_trip.c     a sealed message to ourselves, through the client
 *   doctor_report.c   the report, as text or JSON
 */
#include "options.h"

#include <mosquitto.h>

typedef enum {
    CLI_FINE,
    CLI_NOTE, /* worth knowing, nothing wrong */
    CLI_WRONG
} cli_level;

/* ---- The report (doctor_report.c) ---------------------------------------------------------------- */

void cli_report_begin(bool json);
/* What the following findings are about: "key file", "clock", "localhost:1883". */
void cli_report_about(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A finding; `advice` says what to do, "" = nothing. */
void cli_report(cli_level level, const char *advice, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Figures of what the report is about, in JSON only. */
void cli_report_number(const char *name, double value);
/* Ends it, and returns the exit code. */
int cli_report_end(void);

/* ---- Examinations: each returns whether it makes sense to go on with the next -------------------- */

void cli_doctor_key(const cli_options *options);
void cli_doctor_own_clock(const cli_options *options);

/* Everything about one broker. */
typedef struct {
    const cli_options *options;
    mqtt_e2e_host host; /* with its port */
    char name[300];     /* "host:port" */
    bool tls;
    int64_t timeout_ms; /* of each step */

    struct mosquitto *mosq;
    int version; /* MQTT_PROTOCOL_V5, or V311 where the broker knows no better */
    bool answered;
    int reason; /* of CONNACK, or 0 */
    int lost;   /* libmosquitto's code, when the connection ended */
    bool no_wildcards;
    mosquitto_property *limits; /* of CONNACK */
    /* What arrives, for doctor_clock.c. */
    void (*on_message)(void *context, const struct mosquitto_message *message);
    void *context;
} cli_patient;

bool cli_doctor_net(cli_patient *patient);
bool cli_doctor_connect(cli_patient *patient);
void cli_doctor_limits(cli_patient *patient);
/* Runs the bare connection for so long, or until `*done`. */
void cli_doctor_run(cli_patient *patient, int64_t ms, const bool *done);
void cli_doctor_disconnect(cli_patient *patient);
void cli_doctor_clock(cli_patient *patient);
void cli_doctor_trip(const cli_patient *patient);
/* Where there are several brokers: a sealed message to ourselves by all of them. */
void cli_doctor_together(const cli_options *options, int64_t timeout_ms);

/* Milliseconds of a clock that nobody sets, and of UTC as the options have it. */
int64_t cli_doctor_ticks(void);
int64_t cli_doctor_utc(const cli_options *options);

/* A span for people: "250 ms", "12.3 s", "5 min". */
const char *cli_doctor_span(int64_t ms, char out[32]);

#endif
