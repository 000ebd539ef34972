/* SPDX-License-Identifier: MIT */
/* Lines that were typed: the shell's own commands, and those to devices. */
#include <string.h>

#include <histedit.h>

#include "shell.h"

/* ---- Own commands ------------------------------------------------------------------------------- */

static void own_devices(shell_state *shell, int count, const char **words)
{
    (void)count, (void)words;
    shell_devices_ask(shell, true);
}

static bool is_device(const char *name)
{
    if (cli_is_name(name, strlen(name)))
        return true;
    cli_error("'%s' can't be a device's name: up to %d bytes, no blank, '/', '+' or '#'%s", name,
              CLI_NAME_MAX, strcmp(name, "all") == 0 ? "; '@all COMMAND' asks all" : "");
    return false;
}

static void own_use(shell_state *shell, int count, const char **words)
{
    const char *name = count > 1 ? words[1] : "";
    name += *name == '@';
    if (*name && !is_device(name)) {
        shell->code = CLI_USAGE;
        return;
    }
    snprintf(shell->use, sizeof shell->use, "%s", name);
    if (*name && shell->editing)
        shell_devices_learn(shell, name);
}

static void own_running(shell_state *shell, int count, const char **words)
{
    const shell_call *call;
    char span[32];
    (void)count, (void)words;
    if (shell_calls_open(shell) == 0)
        cli_note("nothing runs");
    TAILQ_FOREACH(call, &shell->calls, link)
    if (!call->aside)
        cli_note("%s: %s, for %s%s", *call->call.device ? call->call.device : "all", call->typed,
                 shell_span(cli_run_now() - call->call.made_at, span),
                 call->call.count  ? ""
                 : call->call.sent ? ", no answer yet"
                                   : ", not sent yet");
}

static void own_help(shell_state *shell, int count, const char **words)
{
    static const char *const lines[] = {
        "devices           who is there: round trip, when heard, version",
        "@NAME COMMAND...  a command to a device: '@kitchen status'; what it knows: '@kitchen help'",
        "@all COMMAND...   to all of them",
        "use NAME          what follows goes to that device; use alone: to none",
        "running           what has not ended yet",
        "help, quit        this; the end (Ctrl-D, too)",
        "Tab completes names of devices and of their commands, Ctrl-R looks for a line of before.",
        "Ctrl-C stops the command that was given last. A line that starts with a blank is not remembered."};
    (void)shell, (void)count, (void)words;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        cli_note("%s", lines[i]);
}

static void own_quit(shell_state *shell, int count, const char **words)
{
    (void)count, (void)words;
    shell->over = true;
}

static const struct {
    const char *name;
    void (*run)(shell_state *shell, int count, const char **words);
    int most; /* words */
} own[] = {{"devices", own_devices, 1}, {"use", own_use, 2},   {"running", own_running, 1},
           {"help", own_help, 1},       {"quit", own_quit, 1}, {"exit", own_quit, 1}};

const char *shell_line_own_command(size_t i)
{
    return i < sizeof own / sizeof own[0] ? own[i].name : NULL;
}

/* ---- Lines -------------------------------------------------------------------------------------- */

static void give(shell_state *shell, const char *device, int count, const char **words)
{
    bool fine = true;
    if (strcmp(device, "all") == 0)
        device = NULL;
    else
        fine = is_device(device);
    if (fine && count == 0) {
        const char *name = device ? device : "all";
        cli_error("no command for %s", name);
        cli_hint("'@%s status' gives one; 'use %s' makes those that follow go there", name,
                 device ? name : "NAME");
        fine = false;
    }
    if (!fine)
        shell->code = CLI_USAGE;
    else if (!shell_call_start(shell, device, words, (size_t)count))
        shell->code = CLI_FAILED;
}

static void obey(shell_state *shell, int count, const char **words)
{
    if (words[0][0] == '@') {
        give(shell, words[0] + 1, count - 1, words + 1);
        return;
    }
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(words[0], own[i].name) == 0 && count <= own[i].most) {
            own[i].run(shell, count, words);
            return;
        }
    if (*shell->use) {
        give(shell, shell->use, count, words);
        return;
    }
    cli_error("which device is '%s' for?", words[0]);
    cli_hint("'@NAME %s', or 'use NAME' before; 'devices' lists who is there, 'help' explains", words[0]);
    shell->code = CLI_USAGE;
}

/* One that is not quoted itself: within quotation marks, those would not be closed. */
static bool ends_in_backslash(const char *line)
{
    size_t len = strlen(line), count = 0;
    while (count < len && line[len - 1 - count] == '\\')
        count++;
    return count % 2 != 0;
}

void shell_line(shell_state *shell, const char *line)
{
    Tokenizer *tokenizer = tok_init(NULL);
    const char **words;
    int count = 0;
    if (!tokenizer) {
        cli_error("out of memory");
        return;
    }
    int open = tok_str(tokenizer, line, &count, &words);
    if (open < 0) {
        cli_error("out of memory");
        shell->code = CLI_FAILED;
    } else if (open > 0 || ends_in_backslash(line)) {
        cli_error(open > 0 ? "a quotation mark that is not closed" : "a backslash at the end of the line");
        shell->code = CLI_USAGE;
    } else if (count > SHELL_WORDS_MAX) {
        cli_error("%d words in a line: up to %d", count, SHELL_WORDS_MAX);
        shell->code = CLI_USAGE;
    } else if (count > 0 && words[0][0] != '#')
        obey(shell, count, words);
    tok_end(tokenizer);
}
