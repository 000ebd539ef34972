/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLI_H
#define MQTT_E2E_CLI_H
/*
 * What the commands share. A command is one file with one function `int cli_NAME(int argc, char **argv)`, where
 * argv[0] is the command's name, and its help text `cli_NAME_help`; the table in main.c drives dispatch and help.
 *
 * Everything for people goes to standard error, through the functions here, which keep control characters
 * of others away from the terminal. Standard output belongs to results.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <mqtt_e2e/client.h>

/* Exit codes; 27 is mosquitto_sub's. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_TIMEOUT = 27 };

#define CLI_STREAMS        4096                /* size of the stream table in every command */
#define CLI_CLOCK_MAX_MS   INT64_C(4233600000) /* 49 days, of --clock-skew and --clock-lead: 32 bits */
#define CLI_LASTING_TOPICS 1024 /* the protocol's bound, where lasting messages are asked for */

/* ---- Commands (main.c) --------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary; /* one line */
    const char *help;    /* all of `mqtt-e2e help NAME`, ended by a newline; the first line is the usage */
    unsigned options; /* CLI_FOR_... where its help goes on with the shared options (options.h); 0 = none */
} cli_command;

int cli_keygen(int argc, char **argv);
int cli_key(int argc, char **argv);
int cli_pub(int argc, char **argv);
int cli_sub(int argc, char **argv);
int cli_request(int argc, char **argv);
int cli_shell(int argc, char **argv);
int cli_remote(int argc, char **argv);
int cli_agent(int argc, char **argv);
int cli_devices(int argc, char **argv);
int cli_seal(int argc, char **argv);
int cli_open(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_help(int argc, char **argv);

extern const char cli_keygen_help[], cli_key_help[], cli_pub_help[], cli_sub_help[], cli_request_help[],
    cli_shell_help[], cli_run_help[], cli_agent_help[], cli_devices_help[], cli_seal_help[], cli_open_help[],
    cli_doctor_help[];

/* ---- Messages to people (output.c) ---------------------------------------------------------------- */

/* "mqtt-e2e: text". Lower case, no full stop: what was wrong, with what value. */
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "mqtt-e2e: hint: text": what to do next. */
void cli_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "mqtt-e2e: warning: text". */
void cli_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Text alone, on standard error: progress, news, debug output. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* An error and, where there is one, its hint. */
void cli_tell(const mqtt_e2e_error *error);
/* An error, and the hint to read `mqtt-e2e help COMMAND`. Returns CLI_USAGE. */
int cli_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* --quiet: none of the above prints anything, but usage errors. */
void cli_be_quiet(void);

/* Is called before anything is printed: who edits a line on the terminal takes it away first. NULL: nobody. */
void cli_before_output(void (*hook)(void));

/* The escape sequence of a style, or "" where `stream` is no terminal, or NO_COLOR is set, or TERM is dumb. */
typedef enum { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_RED, CLI_GREEN, CLI_YELLOW } cli_style;
const char *cli_paint(FILE *stream, cli_style style);

/* Writes to standard output. False: it could not be written; the error was told (once). */
bool cli_put(const void *data, size_t len);

/* Flushes standard output. False: something was not written; the error was told (once). A reader that has
 * gone, as `head` does, is a failure that needs no words. */
bool cli_flush(void);

/* ---- JSON (json.c) -------------------------------------------------------------------------------- */

/* Prints one packet as one object on one line of standard output, flushed at once: status, topic, kind, time, stream,
 * counter, padding, payload, payload_hex; of a refused one what is known. Where delivery->broker is set, as
 * for `sub --json`, also mosquitto's keys (tst, qos, retain, payloadlen, mid) and broker.
 * False: not written; the error was told. */
bool cli_json_message(const mqtt_e2e_delivery *delivery);

/* The same object as text without a line end, to be freed. NULL: no memory, or CLI_JSON_EMBED and no JSON; the
 * error was told. */
enum {
    CLI_JSON_PRETTY = 1, /* on several lines */
    CLI_JSON_EMBED = 2,  /* the payload is JSON itself, and becomes a part of the object */
    CLI_JSON_ASCII = 4   /* all other characters as \u escapes: for terminals */
};
char *cli_json_text(const mqtt_e2e_delivery *delivery, unsigned how);

/* A status as in JSON: "ok", "no_clock". */
const char *cli_status_name(mqtt_e2e_status status);

const char *cli_kind_name(mqtt_e2e_kind kind);

/* `len` bytes as lower-case hex with a NUL, to `out` of 2 * len + 1 bytes. */
void cli_hex(const void *data, size_t len, char *out);

/* ---- Options and their values (parse.c) ------------------------------------------------------------ */

/* getopt_long with our messages. `shorts` starts with ":". Returns the option, -1 at the end, or '?' after a
 * usage error was told. --help prints the command's help and ends the program, unless it is among `longs`. */
int cli_getopt(const char *command, int argc, char **argv, const char *shorts, const struct option *longs);

/* A whole decimal number from `min` to `max`. False: told as a usage error, naming `option`. */
bool cli_parse_number(const char *command, const char *option, const char *text, int64_t min, int64_t max,
                      int64_t *number);

/* A time span, to milliseconds: a plain number is seconds; or with a unit, 15000ms, 300s, 5m, 1h; also 0.5 or 2.5s.
 * At most `max_ms`. False: told as a usage error, naming `option`. */
bool cli_parse_span(const char *command, const char *option, const char *text, int64_t max_ms, int64_t *ms);

/* ---- Keys and secrets (secret.c) -------------------------------------------------------------------- */

/* Reads a key file (NULL: the default place) and warns when others can read it. False: the error was told. */
bool cli_load_key(const char *path, mqtt_e2e_config *config);

/* The key that follows from a key file's for the device `name` alone, to `key`, which the caller wipes. False: told. */
bool cli_device_key(const mqtt_e2e_config *config, const char *name, uint8_t key[32]);

/* The value of -P: "file:PATH" (its first line) or "env:NAME". A plain password is a usage error that names these. The caller
 * wipes `out`. Returns CLI_OK, or the exit code after the error was told. */
int cli_password(const char *command, const char *spec, char *out, size_t size);

#endif
