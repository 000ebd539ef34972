/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_REMOTE_H
#define MQTT_E2E_CLI_REMOTE_H
/*
 * Commands to devices (docs/TERMINAL.md), as `run` and `shell` give them. A call is one command, to one device or to all; each
 * device that answers has an answer there. What becomes of it goes to the call's sink. The owner makes the client, and calls
 * remote_call_turn whenever something may have come.
 */
#include <mqtt_e2e/command.h>

#include "fleet.h"

enum {
    REMOTE_ANSWERS_MAX = 1024, /* to one command */
    REMOTE_FIRST_MS = 10000,   /* how long to wait for a sign of life, */
    REMOTE_SILENCE_MS = 60000, /* and for the next one */
    REMOTE_OTHER_MS = 4000,    /* an agent that is silent for so long may have been started again */
    REMOTE_STOP_MS = 5000,     /* how long to wait for the end once it was asked for */
    REMOTE_UNHEARD_MS = 3000,  /* so much less where nothing was heard of it */
    REMOTE_MORE_MS = 2000      /* all: how long to wait for further devices */
};

typedef struct {
    uint8_t stream[MQTT_E2E_STREAM_ID_SIZE]; /* who answers */
    mqtt_e2e_id command;                     /* our packet */
    char name[CLI_NAME_MAX + 1];             /* "": of a plain device, nobody knows */
    bool known;                              /* an agent's, whose name has come */
    bool ended;
    bool plain;      /* it was one text */
    bool unwritable; /* the sink takes no more */
    int64_t heard_at;
    mqtt_e2e_inbox inbox;
    uint8_t *storage;
    mqtt_e2e_end end;
    char *line
        [2]; /* for sinks that print lines: what has not come to its end yet, of output and error output */
    size_t line_len[2];
} remote_answer;

typedef struct remote_call remote_call;

/* Where an answer goes, in order. False: it can't be written; that was told, and no more of it comes. Any but `plain` may be NULL:
 * always ready, passed over. */
typedef struct {
    bool (*ready)(const remote_call *call, uint8_t type); /* whether a piece can be taken now */
    bool (*piece)(remote_call *call, remote_answer *answer, const mqtt_e2e_part *piece);
    bool (*plain)(remote_call *call, remote_answer *answer, const mqtt_e2e_bytes *text);
    bool (*end)(remote_call *call, remote_answer *answer);
} remote_sink;

struct remote_call {
    mqtt_e2e_client *client;
    const remote_sink *sink;
    void *owner;                   /* the sink's */
    char device[CLI_NAME_MAX + 1]; /* "": all */
    const char *key_name; /* whose key the client has: whatever answers is that device; NULL: any may be */
    char topic[CLI_NAME_MAX + 16];
    mqtt_e2e_id id; /* of the packet that it went out in, once */
    bool sent;
    int64_t sent_us;         /* cli_run_now_us then */
    int64_t made_at, new_at; /* by cli_run_now; when the last device was new */
    int64_t stop_until;      /* it was to be stopped, and is waited for so long; 0: not */
    remote_answer *answers;  /* in the order of their first sign */
    size_t count, room;
    bool told_other;

    mqtt_e2e_outbox input; /* to one device; many get none */
    uint8_t *input_storage;
    int64_t input_sent_at;
};

/* ---- remote_call.c ------------------------------------------------------------------------------- */

/* Gives a command of `count` words to `device` (NULL: all). False: told; free it all the same. `call` was zero but for client, sink and
 * owner, and stays where it is. */
bool remote_call_make(remote_call *call, const char *device, const char *const *words, size_t count);

/* What a client has to have for calls, all of whose requests are those of calls. */
void remote_options(mqtt_e2e_client_options *options);

/* Hands on what is there, says what was got, asks for what is missing, sends input. */
void remote_call_turn(remote_call *call);

/* When that is due again even if nothing arrives. */
int64_t remote_call_when(const remote_call *call);

/* Asks all that run to end, by a signal; also who has not answered yet. */
void remote_call_stop(remote_call *call, int number);

/* How many answers have begun, and not ended. */
size_t remote_call_open(const remote_call *call);

/* Whether one of several devices is silent for no longer than it may be, or the first was heard only now: there is more to come. */
bool remote_call_waits(const remote_call *call, int64_t first_ms, int64_t more_ms);

/* Forgets it; what runs goes on. */
void remote_call_free(remote_call *call);

/* The agent of an answer said how far it has got. */
void remote_call_state(remote_call *call, const remote_answer *answer, const mqtt_e2e_bytes *data);

/* Input to one device: whether there is room for more, and that; with 0 bytes, its end. */
bool remote_call_wants_input(const remote_call *call);
void remote_call_input(remote_call *call, const void *data, size_t len);

/* ---- remote_answer.c: what arrives -------------------------------------------------------------- */

/* A reply. */
void remote_answer_heard(remote_call *call, const mqtt_e2e_message *message);
void remote_answer_turn(remote_call *call, remote_answer *answer);
int64_t remote_answer_when(const remote_answer *answer);
void remote_answer_free(remote_answer *answer);

/* Says something to a device about the command that came in packet `id`. */
void remote_control(remote_call *call, const char *name, const mqtt_e2e_id *id, uint8_t type, uint32_t number,
                    const void *data, size_t len);

/* The name to show. */
const char *remote_answer_name(const remote_call *call, const remote_answer *answer);

/* Exit code of an end, and words for it to `out`; those are "" where it simply ended. */
int remote_end_code(const mqtt_e2e_end *end, char *out, size_t size);

/* Adds text to a line of an answer, and hands each that is whole to `put`; one over MQTT_E2E_PART_DATA bytes, in pieces. False: so
 * did that, or there is no memory, which was told. */
typedef bool (*remote_put_line)(const remote_call *call, const remote_answer *answer, bool error,
                                const char *line, size_t len);
bool remote_answer_lines(const remote_call *call, remote_answer *answer, bool error,
                         const mqtt_e2e_bytes *text, remote_put_line put);
/* How many bytes at the end are a character (RFC 3629) of which there is more to come. */
size_t remote_unfinished(const char *text, size_t len);
/* What is left at the end. */
bool remote_answer_last_lines(const remote_call *call, remote_answer *answer, remote_put_line put);

/* ---- remote_output.c: the sink of `run` ---------------------------------------------------------- */

typedef struct {
    cli_run run; /* first: the context of the callbacks */
    cli_fleet fleet;
    remote_call *
        calls; /* to all: one for each client. To a device: one, or two as long as we don't know which key it has */
    size_t count;
    bool all, input_open;
    bool own_key; /* the key is the device's own, by the file */
    bool timed_out;
    int stop_signal; /* 0: none */
} remote_state;

extern const remote_sink remote_output;

/* What to wait for where a piece can't be written now. */
int remote_output_descriptor(const remote_call *call, uint8_t type);

#endif
