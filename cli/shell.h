/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_SHELL_H
#define MQTT_E2E_CLI_SHELL_H
/*
 * mqtt-e2e shell: a prompt for commands to devices (docs/TERMINAL.md). Each line that is typed becomes a call (remote.h), which lives
 * until it has ended or is given up; there may be many. On a terminal libedit edits the line meanwhile, and whatever is
 * printed goes above it (shell_edit.c); else lines are read and dealt with one after the other.
 */
#include <sys/queue.h>

#include "remote.h"
#include "roster.h"

enum {
    SHELL_CALLS_MAX = 256,
    SHELL_WORDS_MAX = 256,
    SHELL_REFUSALS = 32, /* devices whose refused packets are remembered */
    SHELL_PING_MS = 2000 /* how long a ping of all is waited for */
};

typedef struct shell_state shell_state;

/* How commands are given: by the protocol, or as the Toit library's examples do (shell_toit.c). */
typedef struct {
    bool (*start)(shell_state *shell); /* after the connection was begun; false: told */
    void (*line)(shell_state *shell, const char *line);
    const char *(*own_command)(size_t i);      /* the shell's own, by number; NULL: no more */
    void (*turn)(shell_state *shell);          /* deals with what came, and with time */
    int64_t (*when)(const shell_state *shell); /* when that is due again */
    size_t (*waits)(const shell_state *shell); /* for how many commands that were typed */
} shell_way;

extern const shell_way shell_protocol, shell_toit;

typedef struct shell_call {
    TAILQ_ENTRY(shell_call) link;
    remote_call call;
    shell_state *shell;
    char typed[64]; /* the command as it is shown, cut */
    bool aside;     /* not typed: asked for by the shell itself */
    bool told;      /* that there is no answer */
    bool list;      /* of a ping of all: list the devices then */
    unsigned batch; /* those of one number came of one line; 0: it came alone */
} shell_call;

typedef TAILQ_HEAD(shell_calls, shell_call) shell_calls;

/* Packets of a device that were refused; "": answers, whosever they are. */
typedef struct {
    char device[CLI_NAME_MAX + 1];
    uint64_t count;
    int64_t at; /* the last one, by cli_run_now */
    char text[512];
} shell_refusal;

/* What a device can be asked for, from its `help`. */
typedef struct {
    char device[CLI_NAME_MAX + 1];
    char *names; /* a NUL after each, another one at the end; NULL: not known yet */
} shell_names;

struct shell_state {
    cli_run run; /* first: the context of the callbacks */
    const shell_way *way;
    shell_calls calls;
    size_t call_count;
    char use[CLI_NAME_MAX + 1]; /* "": none */
    int code;                   /* of the last command that ended */
    bool editing;               /* there is a terminal */
    bool over;                  /* quit */
    bool asking,
        listing; /* all are to be asked for a ping once we hear what they announce; and listed then */
    bool asked, greeted;
    int64_t started, heard_from; /* since when we hear of devices, by cli_run_now; 0: not yet */

    cli_fleet fleet;
    unsigned batches;
    bool batch_failed; /* one of the last batch did */

    roster heard;
    shell_refusal refusals[SHELL_REFUSALS];
    shell_names *names;
    size_t names_count;

    struct { /* the last line that was said to devices of the Toit library */
        char said[64];
        int64_t sent_us, said_at, until; /* until: answers are waited for; 0: not any more */
        bool answered, listing;
    } toit;
};

/* Waits for something to happen until `when` (cli_run_now) at most, and deals with it. `input`: standard input is looked at, too;
 * returns whether it can be read, or the shell is to end. */
bool shell_turn(shell_state *shell, bool input, int64_t when);

/* ---- shell_line.c: what was typed ----------------------------------------------------------------- */

void shell_line(shell_state *shell, const char *line);

const char *shell_line_own_command(size_t i);

/* ---- shell_call.c: commands and their answers ------------------------------------------------------ */

/* Gives a command to a device, or (NULL) to all: then each that has a key of its own gets it, too. False: told. */
bool shell_call_start(shell_state *shell, const char *device, const char *const *words, size_t count);
/* The same for one that the shell asks for itself. NULL: not possible now. */
shell_call *shell_call_aside(shell_state *shell, const char *device, const char *word,
                             const remote_sink *sink);
/* And a ping of all that have the key of a device, which is that one: it announces itself then. */
void shell_call_ping(shell_state *shell, const cli_fleet_device *own, const remote_sink *sink);
void shell_call_free(shell_call *call);
/* How many commands that were typed have not ended. */
size_t shell_calls_open(const shell_state *shell);
/* Stops the one that was given last, by a signal. False: there is none. */
bool shell_calls_stop(shell_state *shell, int number);
void shell_calls_turn(shell_state *shell);
int64_t shell_calls_when(const shell_state *shell);

/* ---- shell_print.c ------------------------------------------------------------------------------- */

extern const remote_sink shell_print;

/* Says something of a command: beside results, it is not for standard output but on a terminal. */
void shell_say(const shell_state *shell, cli_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Seconds, minutes, hours: to `out`, which it returns. */
const char *shell_span(int64_t ms, char out[32]);

/* ---- shell_devices.c: who is there --------------------------------------------------------------- */

bool shell_devices_open(shell_state *shell); /* false: told */
void shell_devices_free(shell_state *shell);
/* Right after the start: waits until those are heard of that have keys of their own, if a broker is connected. */
void shell_devices_settle(shell_state *shell);
/* Remembers a packet that was refused: of a device, or ("") an answer. And the last one since a time; NULL: none. */
void shell_refusal_add(shell_state *shell, const char *device, size_t len, const mqtt_e2e_delivery *delivery);
const shell_refusal *shell_refusal_of(const shell_state *shell, const char *device, int64_t since);
/* Asks all for a ping, now or when that is possible, and lists who is there. */
void shell_devices_ask(shell_state *shell, bool list);
void shell_devices_turn(shell_state *shell);
/* Whether such a ping has ended; that was shown then. */
bool shell_devices_asked(shell_state *shell, shell_call *call);
void shell_devices_list(shell_state *shell);
/* Says what is known of a device that did not answer a call. */
void shell_devices_why(const shell_state *shell, const shell_call *call);
/* Asks a device for its commands, unless it is being asked, or has said them. */
void shell_devices_learn(shell_state *shell, const char *device);
/* Those, as in shell_names; NULL: not known. */
const char *shell_devices_commands(const shell_state *shell, const char *device);

/* ---- shell_edit.c: the line being typed ------------------------------------------------------------ */

bool shell_edit_open(shell_state *shell); /* false: told */
void shell_edit_close(void);
/* The next line; NULL: the end. */
const char *shell_edit_read(void);
/* The terminal's line is back, where something was printed. */
void shell_edit_show(void);
/* Ctrl-C was typed. False: there is no line that it could be meant for. */
bool shell_edit_interrupt(void);

/* ---- shell_history.c ------------------------------------------------------------------------------- */

struct history; /* histedit.h's History */

/* As --history says; NULL: out of memory. */
struct history *shell_history_open(const char *given);
void shell_history_close(void);
/* Remembers a line, unless it starts with a blank. */
void shell_history_add(const char *line);

/* ---- shell_complete.c ------------------------------------------------------------------------------ */

/* What may stand where the last word of `line` is: common to all that fit, to be added, in `more`; and those, one behind
 * the other with two blanks between, in `all`. Returns how many fit. */
size_t shell_complete(shell_state *shell, const char *line, size_t len, char more[CLI_NAME_MAX + 2],
                      char *all, size_t size);

#endif
