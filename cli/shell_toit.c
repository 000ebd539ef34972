/* SPDX-License-Identifier: MIT */
/*
 * The shell among devices that run the Toit library (docs/TOIT.md). A line goes as it is to `controller`, and so to all devices;
 * what comes on iot/NAME is shown behind that name. Nothing binds an answer to a command, and none says that it is the last.
 */
#include <string.h>

#include "format.h"
#include "shell.h"

enum { LISTEN_MS = 2000 };

static const char answers[] = "iot/";

/* ---- What comes ---------------------------------------------------------------------------------- */

static void put_lines(const char *name, const char *text, size_t len)
{
    do {
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t)(end - text) : len;
        cli_put_text(name, strlen(name));
        cli_put(": ", 2);
        cli_put_text(text, n);
        cli_put("\n", 1);
        n += end ? 1 : 0;
        text += n;
        len -= n;
    } while (len > 0);
    cli_flush();
}

static void on_answer(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    shell_state *shell = context;
    const mqtt_e2e_bytes *topic = &delivery->message->topic, *text = &delivery->message->payload;
    char name[CLI_NAME_MAX + 1];
    size_t skip = sizeof answers - 1, len = topic->len > skip ? topic->len - skip : 0;
    int64_t us = cli_run_now_us() - shell->toit.sent_us;
    (void)client;
    if (len > CLI_NAME_MAX)
        len = CLI_NAME_MAX;
    memcpy(name, (const char *)topic->data + topic->len - len, len);
    name[len] = '\0';
    roster_said(&shell->heard, name, shell->toit.until ? us : -1);
    shell->toit.answered = true;
    if (!shell->toit.listing)
        put_lines(name, text->data ? text->data : "", text->len);
}

/* What comes from devices, and is refused. */
static void on_refused(void *run, const mqtt_e2e_delivery *delivery)
{
    const mqtt_e2e_bytes *topic = &delivery->message->topic;
    if (topic->data && topic->len >= sizeof answers && memcmp(topic->data, answers, sizeof answers - 1) == 0)
        shell_refusal_add(run, "", 0, delivery);
}

/* ---- What is said -------------------------------------------------------------------------------- */

static int64_t patience(const shell_state *shell)
{
    return shell->run.options->wait_ms ? shell->run.options->wait_ms : LISTEN_MS;
}

static void say(shell_state *shell, const char *text)
{
    mqtt_e2e_error error;
    shell->code = CLI_FAILED;
    if (!mqtt_e2e_client_publish(shell->run.client, "controller", text, strlen(text), 0, false, NULL,
                                 &error)) {
        cli_tell(&error);
        return;
    }
    snprintf(shell->toit.said, sizeof shell->toit.said, "%s", text);
    shell->toit.sent_us = cli_run_now_us();
    shell->toit.said_at = cli_run_now();
    shell->toit.until = shell->toit.said_at + patience(shell);
    shell->toit.answered = false;
}

static void own_devices(shell_state *shell)
{
    shell->toit.listing = true;
    say(shell, "ping");
}

static void own_help(shell_state *shell)
{
    (void)shell;
    cli_note("COMMAND...     goes to all devices, as it is: nothing names one of them");
    cli_note("devices        says 'ping' to all, and lists who answered, or was heard before");
    cli_note("help, quit     this; the end (Ctrl-D, too)");
    cli_note("Ctrl-R looks for a line of before. A line that starts with a blank is not remembered.");
}

static void own_quit(shell_state *shell)
{
    shell->over = true;
}

static const struct {
    const char *name;
    void (*run)(shell_state *shell);
} own[] = {{"devices", own_devices}, {"help", own_help}, {"quit", own_quit}, {"exit", own_quit}};

static const char *own_command(size_t i)
{
    return i < sizeof own / sizeof own[0] ? own[i].name : NULL;
}

static void line(shell_state *shell, const char *typed)
{
    char text[65536];
    snprintf(text, sizeof text, "%s", typed + strspn(typed, " \t"));
    for (size_t len = strlen(text); len > 0 && strchr(" \t\r\n", text[len - 1]);)
        text[--len] = '\0';
    const char *command = text;
    if (strncmp(command, "@all ", 5) == 0)
        command += 5 + strspn(command + 5, " ");
    if (!*command || *command == '#')
        return;
    for (size_t i = 0; command == text && i < sizeof own / sizeof own[0]; i++)
        if (strcmp(text, own[i].name) == 0) {
            own[i].run(shell);
            return;
        }
    if (*command == '@') {
        cli_error("'%s': in the Toit profile a command goes to all devices, and names none of them", command);
        cli_hint("leave the name away, or say '@all %s'",
                 command[strcspn(command, " ")] ? strchr(command, ' ') + 1 : "COMMAND");
        shell->code = CLI_USAGE;
        return;
    }
    say(shell, command);
}

/* ---- The way ------------------------------------------------------------------------------------- */

static bool start(shell_state *shell)
{
    char brokers[512];
    mqtt_e2e_error error;
    shell->run.refused = on_refused;
    if (!cli_fleet_start(&shell->fleet, &shell->run))
        return false;
    if (!mqtt_e2e_client_subscribe(shell->run.client, "iot/#", 0, on_answer, shell, &error)) {
        cli_tell(&error);
        return false;
    }
    if (shell->editing)
        shell_say(shell, CLI_DIM,
                  "%s, Toit profile: a line goes to all devices. 'help' explains, Ctrl-D ends.",
                  cli_run_brokers(&shell->run, brokers, sizeof brokers));
    return true;
}

/* What was said is waited for, before the next line or the list. */
static size_t waits(const shell_state *shell)
{
    return shell->toit.until != 0;
}

static int64_t when(const shell_state *shell)
{
    return shell->toit.until ? shell->toit.until : INT64_MAX;
}

static void turn(shell_state *shell)
{
    const shell_refusal *refused = shell_refusal_of(shell, "", shell->toit.said_at);
    char span[32];
    if (!shell->toit.until || cli_run_now() < shell->toit.until)
        return;
    shell->toit.until = 0;
    shell->code = shell->toit.answered ? CLI_OK : CLI_TIMEOUT;
    if (shell->toit.listing) {
        shell_devices_list(shell);
    } else if (!shell->toit.answered) {
        cli_error("no answer to '%s' within %s", shell->toit.said, shell_span(patience(shell), span));
        if (!mqtt_e2e_client_connected(shell->run.client))
            cli_hint("no broker is connected");
        else if (refused)
            cli_hint("an answer came, and was refused: %s", refused->text);
    }
    shell->toit.listing = false;
}

const shell_way shell_toit = {start, line, own_command, turn, when, waits};
