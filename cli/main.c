/* SPDX-License-Identifier: MIT */
/* The program: one table of commands drives dispatch and help. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "options.h"

static const char help_help[] = "Usage: mqtt-e2e help [COMMAND]\n"
                                "\n"
                                "Shows how to start, or what a command does and all its options.\n";

static const cli_command commands[] = {
    {"keygen", cli_keygen, "make a key file", cli_keygen_help, 0},
    {"key", cli_key, "show a key, or hand it on: as QR code, to a device, into firmware", cli_key_help, 0},
    {"pub", cli_pub, "publish sealed messages", cli_pub_help, CLI_FOR_PUB},
    {"sub", cli_sub, "subscribe, and print what opens", cli_sub_help, CLI_FOR_SUB},
    {"request", cli_request, "ask, and print the reply", cli_request_help, CLI_FOR_REQUEST},
    {"shell", cli_shell, "a prompt for commands to devices", cli_shell_help, CLI_FOR_SHELL},
    {"run", cli_remote, "run a command on a device", cli_run_help, CLI_FOR_RUN},
    {"agent", cli_agent, "let this machine be commanded so", cli_agent_help, CLI_FOR_AGENT},
    {"devices", cli_devices, "list the machines that can be commanded", cli_devices_help, CLI_FOR_DEVICES},
    {"seal", cli_seal, "seal messages to lines of hex, without a broker", cli_seal_help, 0},
    {"open", cli_open, "open such lines, or mosquitto_sub's, to JSON", cli_open_help, 0},
    {"doctor", cli_doctor, "find out what is wrong", cli_doctor_help, CLI_FOR_DOCTOR},
    {"help", cli_help, "this text, or a command's", help_help, 0},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static const cli_command *find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* Edit distance (Levenshtein) of two words; those longer than any command are simply far away. */
static size_t distance(const char *a, const char *b)
{
    size_t row[16], n = strlen(b);
    if (n >= sizeof row / sizeof row[0] || strlen(a) >= 16)
        return 16;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (best > row[j] + 1)
                best = row[j] + 1;
            if (best > row[j - 1] + 1)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

/* What may have been meant by an unknown command: the closest, if it is close. */
static const char *closest(const char *name)
{
    static const struct {
        const char *word, *command;
    } others[] = {{"publish", "pub"},   {"subscribe", "sub"}, {"genkey", "keygen"}, {"keys", "key"},
                  {"encrypt", "seal"},  {"decrypt", "open"},  {"unseal", "open"},   {"check", "doctor"},
                  {"status", "doctor"}, {"ask", "request"},   {"rpc", "request"},   {"rr", "request"},
                  {"exec", "run"},      {"ssh", "shell"},     {"console", "shell"}, {"command", "run"},
                  {"sshd", "agent"},    {"qr", "key qr"},     {"show", "key show"}, {"device", "key device"}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(others[i].word, name) == 0)
            return others[i].command;
    const char *best = NULL;
    size_t least = 3;
    for (size_t i = 0; i < COMMANDS; i++) {
        size_t d = distance(name, commands[i].name);
        if (d < least && d < strlen(commands[i].name)) {
            least = d;
            best = commands[i].name;
        }
    }
    return best;
}

static int unknown(const char *name)
{
    cli_error("unknown command '%s'", name);
    const char *meant = closest(name);
    if (meant)
        cli_hint("did you mean '%s'?", meant);
    else
        cli_hint("'mqtt-e2e help' lists the commands");
    return CLI_USAGE;
}

static void overview(FILE *stream)
{
    const char *bold = cli_paint(stream, CLI_BOLD), *plain = cli_paint(stream, CLI_PLAIN);
    fprintf(stream,
            "mqtt-e2e: MQTT messages that the broker can carry but not read, forge, move or repeat\n"
            "\n"
            "%sHow to start%s\n"
            "\n"
            "    here                        any MQTT broker               there\n"
            "    mqtt-e2e keygen  ------- the key file, by scp or QR code -------->  key\n"
            "    mqtt-e2e pub     ------>  sealed, hidden, padded  ------>  mqtt-e2e sub\n"
            "    -t iot/door -m open                                        -t 'iot/#' -v\n"
            "\n"
            "    $ mqtt-e2e keygen                        # once: makes the key file\n"
            "    $ mqtt-e2e sub -t 'iot/#' -v &           # with the same key file, anywhere\n"
            "    $ mqtt-e2e pub -t iot/door -m open\n"
            "    iot/door open\n"
            "    $ mqtt-e2e doctor                        # when it does not work\n"
            "\n"
            "%sCommands%s\n"
            "\n",
            bold, plain, bold, plain);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(stream, "    %-10s%s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "'mqtt-e2e help COMMAND' shows its options; 'mqtt-e2e --version' the version.\n"
          "Exit codes: 0 success, 1 failure, 2 usage, 27 timeout (-W).\n",
          stream);
}

static int describe(const cli_command *command)
{
    fputs(command->help, stdout);
    if (command->options)
        cli_options_help(command->options, stdout);
    return CLI_OK;
}

int cli_help(int argc, char **argv)
{
    if (argc < 2) {
        overview(stdout);
        return CLI_OK;
    }
    if (argc > 2)
        return cli_usage_error("help", "one command at a time");
    const cli_command *command = find(argv[1]);
    if (!command)
        return unknown(argv[1]);
    return describe(command);
}

/* A descriptor 0 to 2 that the caller closed must not become the next file we open: a key would be written to "standard
 * output". Opened the wrong way round, so that using it fails and is told. */
static void keep_standard_streams(void)
{
    static const int flags[] = {O_WRONLY, O_RDONLY, O_RDWR};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF && open("/dev/null", flags[fd]) != fd)
            _exit(CLI_FAILED);
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        overview(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("mqtt-e2e " MQTT_E2E_VERSION);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return cli_help(argc - 1, argv + 1);
    const cli_command *command = find(argv[1]);
    if (!command)
        return unknown(argv[1]);
    if (argc >= 3 && strcmp(argv[2], "--help") == 0)
        return describe(command);
    return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    keep_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error like any other: told, and exit code 1 */
    signal(SIGXFSZ, SIG_IGN); /* so is a file that may not grow (RLIMIT_FSIZE) */
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none); /* a core file would hold the key */
    int code = run(argc, argv);
    if (!cli_flush() && code == CLI_OK)
        code = CLI_FAILED;
    return code;
}
