/* SPDX-License-Identifier: MIT */
/* mqtt-e2e shell: a prompt for commands to devices. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lines.h"
#include "shell.h"

const char cli_shell_help[] =
    "Usage: mqtt-e2e shell [OPTION...]\n"
    "\n"
    "A prompt for commands to the devices that have the same key, over a broker that need not be trusted. "
    "Answers appear\n"
    "above the line that is being typed, with the time they took. Arrow keys, history and Tab work as "
    "usual.\n"
    "\n"
    "    devices              who is there: round trip, when heard, version\n"
    "    @kitchen status      a command to a device; @all ping: to all of them\n"
    "    use kitchen          what follows goes to that device; use alone: to none\n"
    "    running              what has not ended yet\n"
    "    help, quit\n"
    "\n"
    "Ctrl-C stops the command that was given last, Ctrl-D ends the shell. Where standard input is no "
    "terminal, its lines are\n"
    "dealt with one after the other, each once the one before has ended, and the exit code is the last "
    "one's.\n";

/* ---- The loop ----------------------------------------------------------------------------------- */

static void on_interrupt(shell_state *shell)
{
    int number = shell->run.signal;
    if (number != SIGINT || !shell->editing) {
        while (!shell->editing && shell_calls_stop(shell, number)) /* once: then it waits for their ends */
            ;
        shell->over = true;
        shell->code = 128 + number;
        return;
    }
    bool line = shell_edit_interrupt();
    cli_run_resume(&shell->run);
    if (!line && !shell_calls_stop(shell, SIGINT))
        cli_note("nothing runs; Ctrl-D ends the shell");
}

bool shell_turn(shell_state *shell, bool input, int64_t when)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    int64_t next = shell->way->when(shell);
    if (next < when)
        when = next;
    if (!cli_fleet_step(&shell->fleet, &in, input ? 1 : 0, when == INT64_MAX ? -1 : cli_run_until(when)))
        shell->over = true;
    if (shell->run.interrupted)
        on_interrupt(shell);
    shell->way->turn(shell);
    shell_edit_show();
    return in.revents != 0 || shell->over;
}

/* ---- Lines -------------------------------------------------------------------------------------- */

static void edit(shell_state *shell)
{
    const char *line;
    while (!shell->over && (line = shell_edit_read()))
        shell->way->line(shell, line);
}

/* From a file or a pipe: one command after the other. */
static void follow(shell_state *shell)
{
    cli_lines lines = {0};
    const char *line;
    size_t len;
    while (!shell->over) {
        bool open = shell->way->waits(shell) > 0;
        if (!open && cli_lines_peek(&lines, &line, &len)) {
            char *text = strndup(line, len);
            if (text)
                shell->way->line(shell, text);
            else
                cli_error("out of memory");
            free(text);
            cli_lines_take(&lines, len);
        } else if (!open && lines.ended)
            break;
        else if (shell_turn(shell, !open, INT64_MAX) && !shell->over &&
                 !cli_lines_read(&lines, STDIN_FILENO)) {
            shell->code = CLI_FAILED;
            break;
        }
    }
    cli_lines_free(&lines);
}

static size_t count_stopped(const shell_state *shell)
{
    const shell_call *call;
    size_t count = 0;
    TAILQ_FOREACH(call, &shell->calls, link)
    count += call->call.stop_until != 0;
    return count;
}

/* What was to be stopped is waited for a little; what else runs, goes on. */
static void wait_for_ends(shell_state *shell)
{
    const shell_call *call;
    int64_t until = cli_run_now() + REMOTE_STOP_MS;
    while (count_stopped(shell) > 0 && cli_run_now() < until) {
        mqtt_e2e_client_wait(shell->run.client, shell->fleet.count ? 10 : 50);
        cli_fleet_loop(&shell->fleet);
        shell_calls_turn(shell);
    }
    TAILQ_FOREACH(call, &shell->calls, link)
    if (!call->aside)
        cli_note("%s: '%s' %s", *call->call.device ? call->call.device : "all", call->typed,
                 call->call.stop_until ? "did not end: it may still run"
                 : call->call.count    ? "goes on there"
                                       : "has no answer yet");
}

const shell_way shell_protocol = {shell_devices_open, shell_line,       shell_line_own_command,
                                  shell_calls_turn,   shell_calls_when, shell_calls_open};

/* ---- The run ------------------------------------------------------------------------------------ */

static void on_published(mqtt_e2e_client *client, uint64_t ticket, const mqtt_e2e_error *error, void *context)
{
    (void)client, (void)ticket, (void)context;
    if (error)
        cli_tell(error);
}

static int run(shell_state *shell, cli_options *options)
{
    TAILQ_INIT(&shell->calls);
    shell->way = &shell_protocol;
    shell->editing = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    remote_options(&options->client);
    options->client.on_published = on_published;
    if (options->client.session.profile == MQTT_E2E_PROFILE_TOIT) {
        shell->way = &shell_toit;
        options->devices = "none";
        options->client.session.floor_given = false; /* what came before is no answer */
    }
    shell->run.code = CLI_FAILED;
    if (cli_fleet_names(&shell->fleet, options) && cli_run_start(&shell->run, options, CLI_ONCE_CONNECTED) &&
        shell->way->start(shell) && (!shell->editing || shell_edit_open(shell))) {
        if (shell->editing)
            edit(shell);
        else
            follow(shell);
        wait_for_ends(shell);
        if (shell->run.was_connected)
            mqtt_e2e_client_drain(shell->run.client, 1000);
        cli_fleet_drain(&shell->fleet, 1000);
        cli_run_end(&shell->run, shell->editing && !shell->run.interrupted ? CLI_OK : shell->code);
    }
    shell_edit_close();
    while (!TAILQ_EMPTY(&shell->calls))
        shell_call_free(TAILQ_FIRST(&shell->calls));
    if (options->debug && shell->fleet.run)
        cli_fleet_tell_counts(&shell->fleet);
    cli_fleet_end(&shell->fleet);
    shell_devices_free(shell);
    return cli_run_stop(&shell->run);
}

int cli_shell(int argc, char **argv)
{
    static cli_options options;
    static shell_state shell;
    int code = cli_options_parse(&options, CLI_FOR_SHELL, argc, argv);
    if (code == CLI_OK && !options.help)
        code = run(&shell, &options);
    cli_options_free(&options);
    return code;
}
