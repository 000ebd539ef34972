/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_REMOTE_H
#define MQTT_E2E_CLI_REMOTE_H
/* mqtt-e2e run: commands a device, or all of them (docs/TERMINAL.md). Each device that answers has an answer here. */
#include <mqtt_e2e/command.h>

#include "run.h"

enum {
    REMOTE_NAME_MAX = 64,
    REMOTE_ANSWERS_MAX = 1024,
    REMOTE_FIRST_MS = 10000,   /* how long to wait for a sign of life, */
    REMOTE_SILENCE_MS = 60000, /* and for the next one */
    REMOTE_OTHER_MS = 4000,    /* an agent that is silent for so long may have been started again */
    REMOTE_STOP_MS = 5000,     /* how long to wait for the end once it was asked for */
    REMOTE_MORE_MS = 2000      /* --all: how long to wait for further devices */
};

typedef struct {
    uint8_t stream[MQTT_E2E_STREAM_ID_SIZE]; /* who answers */
    mqtt_e2e_id command;                     /* our packet */
    char name[REMOTE_NAME_MAX + 1];          /* "": of a plain device, nobody knows */
    bool known;                              /* an agent's, whose name has come */
    bool ended;
    bool unwritable;
    int64_t heard_at;
    mqtt_e2e_inbox inbox;
    uint8_t *storage;
    mqtt_e2e_end end;
    char *line[2]; /* --all: what has not come to the end of its line yet, of output and error output */
    size_t line_len[2];
} remote_answer;

typedef struct {
    cli_run run;        /* first: the context of the callbacks */
    const char *device; /* NULL: all */
    char topic[REMOTE_NAME_MAX + 16];
    remote_answer *answers;
    size_t count;
    int64_t asked_at, new_at, stop_until; /* by cli_run_now; 0: not */
    int stop_signal;
    bool timed_out, told_other;

    mqtt_e2e_outbox input;
    uint8_t *input_storage;
    int64_t input_sent_at;
    bool input_open;
} remote_state;

/* ---- remote_answer.c: what arrives -------------------------------------------------------------- */

/* A reply. */
void remote_answer_heard(remote_state *remote, const mqtt_e2e_message *message);

/* Hands on what is there, says what was got, asks for what is missing. */
void remote_answer_turn(remote_state *remote, remote_answer *answer);

/* When that is due again even if nothing arrives. */
int64_t remote_answer_when(const remote_answer *answer);

/* Says something to an agent. */
void remote_control(remote_state *remote, const remote_answer *answer, uint8_t type, uint32_t number,
                    const void *data, size_t len);

/* Exit code of an end, and words for it to `out`; those are "" where it simply ended. */
int remote_end_code(const mqtt_e2e_end *end, char *out, size_t size);

/* ---- remote_input.c ------------------------------------------------------------------------------ */

bool remote_input_open(remote_state *remote); /* false: told */
/* Whether to wait for standard input. */
bool remote_input_wanted(const remote_state *remote);
void remote_input_read(remote_state *remote);
/* Sends what is to be sent. */
void remote_input_turn(remote_state *remote);
/* The agent said how far it has got. */
void remote_input_state(remote_state *remote, const remote_answer *answer, const mqtt_e2e_bytes *data);

/* ---- remote_output.c: what is printed ------------------------------------------------------------- */

/* Whether the next piece can be written without waiting for a reader; if not, in *fd what to wait for. */
bool remote_output_ready(const remote_state *remote, uint8_t type, int *fd);

/* False: can't be written; that was told. */
bool remote_output_piece(remote_state *remote, remote_answer *answer, const mqtt_e2e_part *piece);
bool remote_output_plain(remote_state *remote, remote_answer *answer, const mqtt_e2e_bytes *text);
bool remote_output_end(remote_state *remote, remote_answer *answer);

#endif
