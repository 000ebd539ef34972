/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_AGENT_H
#define MQTT_E2E_CLI_AGENT_H
/*
 * mqtt-e2e agent: the machine that is commanded (docs/TERMINAL.md). A command that may be run becomes a job: a process with
 * its pipes, an outbox for the answer, and an inbox for the input. It stays for a while after its end, for parts that get lost.
 */
#include <sys/resource.h>
#include <sys/types.h>

#include <mqtt_e2e/command.h>

#include "run.h"

enum {
    AGENT_NAME_MAX = 64,    /* bytes in the name of an agent, or of a command */
    AGENT_WORDS_MAX = 256,  /* words in a command */
    AGENT_KEEP_MS = 60000,  /* how long an answer is kept */
    AGENT_KEPT = 16,        /* and how many, beside those of running commands */
    AGENT_STATE_MS = 3000,  /* a running command gives a sign of life so often */
    AGENT_GONE_MS = 120000, /* so long a command waits for one who is silent: twice what a controller waits */
    AGENT_UNHEARD_MS = 30000, /* who has said nothing for so long sends no input */
    AGENT_GRACE_MS = 2000     /* between the signal that asks a command to end and the one that ends it */
};

typedef struct {
    bool used;
    bool toit;           /* it was asked for in the Toit profile */
    mqtt_e2e_id command; /* the packet it came in */
    char name[AGENT_NAME_MAX + 1];

    pid_t pid;        /* 0: has ended */
    int process;      /* a pidfd, */
    int in, out, err; /* and our ends of its pipes; -1: closed */
    size_t in_done;   /* bytes of the inbox's next piece that are written */
    size_t line_len;  /* in the Toit profile: bytes of a line without an end yet, */
    uint8_t line_of;  /* and what it is of: a type of part */

    uint8_t *storage;
    mqtt_e2e_outbox outbox;
    mqtt_e2e_inbox inbox;
    mqtt_e2e_end end; /* what is known of it; `text` is a constant */
    bool stopping;    /* how and code of the end are our doing */
    bool ended;       /* the end is in the outbox */

    int64_t unheard_ms; /* without a word from who asked, there will be no input */
    int64_t started, deadline, said_at, heard_at, kill_at, keep_until; /* by cli_run_now; 0: never, not */
    int64_t blocked_at; /* since when the outbox has no room; 0: it has */
    uint64_t bytes_in, bytes_out, bytes_err;
} agent_job;

typedef struct {
    cli_run run; /* first: the context of the callbacks */
    const char *name;
    char own_topic[AGENT_NAME_MAX + 16];
    const char *all_topic;
    char fingerprint[MQTT_E2E_FINGERPRINT_SIZE];
    FILE *audit;
    struct rlimit data; /* limit of data segments before ours */
    bool ready;
    mqtt_e2e_client *toit; /* which speaks the Toit profile; NULL: none does */
    bool by_toit;          /* what is being dealt with came in it */
    bool told_of_toit;
    int64_t announce_at; /* by cli_run_now */
    agent_job *jobs;
    size_t job_count; /* places */
} agent_state;

/* ---- agent_allowed.c: which commands there are --------------------------------------------------- */

/* Checks --command and --commands. Returns CLI_OK, or an exit code after the error was told. */
int agent_allowed_check(const cli_options *options);

/* Where the program of a command is, to `path`. Returns 0, 127 (there is none), or 126 (it can't be run), with words on that in *why. */
int agent_allowed_find(const cli_options *options, const char *name, char *path, size_t size,
                       const char **why);

/* The names of all commands but those built in, ", " before each, to `out`. */
void agent_allowed_list(const cli_options *options, char *out, size_t size);

/* ---- agent_builtin.c ---------------------------------------------------------------------------- */

bool agent_builtin_is(const char *name);

/* The answer to a command that is built in, one text. Returns its length. */
size_t agent_builtin_answer(const agent_state *agent, const char *command, char *out, size_t size);

/* ---- agent_child.c: processes -------------------------------------------------------------------- */

/* Starts a program, with pipes. 0, or an errno. */
int agent_child_start(const agent_state *agent, agent_job *job, const char *path, const char **words);

/* Sends a signal to all processes of a job. */
void agent_child_signal(const agent_job *job, int number);

/* If its process has ended: ends those that it left behind, and says how it ended in job->end, unless that was our doing. */
void agent_child_reap(agent_job *job);

/* ---- agent_job.c: jobs -------------------------------------------------------------------------- */

agent_job *agent_job_find(agent_state *agent, const mqtt_e2e_id *command);
agent_job *agent_job_new(agent_state *agent, const mqtt_e2e_id *command,
                         const char *name); /* NULL: no room */
void agent_job_free(agent_job *job);
size_t agent_job_running(const agent_state *agent);

/* Asks it to end; the first reason stands. */
void agent_job_stop(agent_job *job, mqtt_e2e_how how, int signal, const char *text);

/* Does what is due: reads, writes, limits, the end, and sends. */
void agent_job_turn(agent_state *agent, agent_job *job);

/* When that is to be done again even if no descriptor is ready; INT64_MAX: need not. */
int64_t agent_job_when(const agent_job *job);

/* The descriptors to wait for, to `fds`; returns how many: up to 4. */
size_t agent_job_poll(const agent_job *job, struct pollfd *fds);

/* ---- agent_serve.c: what arrives ---------------------------------------------------------------- */

void agent_serve(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context);

/* ---- agent_announce.c: what it says of itself ----------------------------------------------------- */

void agent_announce(agent_state *agent, bool here);

/* Does so, if it is time to. Returns when it will be; INT64_MAX: never. */
int64_t agent_announce_turn(agent_state *agent);

/* ---- agent_toit.c: in the Toit profile ---------------------------------------------------------- */

/* Whether all is in that profile; else what is by `agent->toit`. */
bool agent_toit_is(const agent_state *agent);

#define AGENT_TOIT_TOPIC "controller"

/* Publishes a text on iot/NAME. */
void agent_toit_say(const agent_state *agent, const void *text, size_t len);

/* A text without the blanks at its ends. */
mqtt_e2e_bytes agent_toit_trim(const void *text, size_t len);

/* Sends a part of an answer, as text, by whole lines; what has no end yet is kept in `lines`, of AGENT_LINES bytes. False: not now. */
enum { AGENT_LINES = 4 * MQTT_E2E_PART_DATA };
bool agent_toit_send(const agent_state *agent, agent_job *job, const mqtt_e2e_part *part, uint8_t *lines);

/* What it means that no topic is bound. */
void agent_toit_warn(const cli_options *options);

/* ---- agent_audit.c ------------------------------------------------------------------------------ */

bool agent_audit_open(agent_state *agent); /* false: told */
void agent_audit_asked(const agent_state *agent, const mqtt_e2e_id *id, const char **words, size_t count);
void agent_audit_ended(const agent_state *agent, const mqtt_e2e_id *id, const char *name,
                       const mqtt_e2e_end *end, const agent_job *job);

/* ---- agent_service.c ---------------------------------------------------------------------------- */

/* Prints a systemd unit for an agent with these arguments. Returns an exit code. */
int agent_service_print(const cli_options *options, char *const *argv);

/* ---- notify.c: to systemd (sd_notify(3)), if that runs us ----------------------------------------- */

void cli_notify(const char *state);

/* Says that we are alive, if it is time to. Returns when it will be, by cli_run_now; INT64_MAX: never. */
int64_t cli_notify_watchdog(void);

#endif
