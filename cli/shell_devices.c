/* SPDX-License-Identifier: MIT */
/* Who is there, what they can be asked for, and what is known of those that do not answer. */
#include <stdlib.h>
#include <string.h>

#include "shell.h"

enum { HEARD_MS = 200, SETTLED_MS = 300, LEARN_MS = 3000, PATIENCE_MS = 10000 };

/* ---- Refusals ----------------------------------------------------------------------------------- */

static shell_refusal *refusal_place(shell_state *shell, const char *device, size_t len)
{
    shell_refusal *oldest = &shell->refusals[0];
    for (size_t i = 0; i < SHELL_REFUSALS; i++) {
        shell_refusal *r = &shell->refusals[i];
        if (r->count && strlen(r->device) == len && memcmp(r->device, device, len) == 0)
            return r;
        if (r->at < oldest->at)
            oldest = r;
    }
    *oldest = (shell_refusal){.count = 0};
    memcpy(oldest->device, device, len);
    return oldest;
}

void shell_refusal_add(shell_state *shell, const char *device, size_t len, const mqtt_e2e_delivery *delivery)
{
    uint32_t skew = shell->run.options->client.session.clock_skew_ms;
    if (delivery->status == MQTT_E2E_REPLAY || delivery->status == MQTT_E2E_OWN)
        return; /* copies */
    shell_refusal *r = refusal_place(shell, device, len);
    size_t n = (size_t)snprintf(r->text, sizeof r->text, "%s: ", mqtt_e2e_status_text(delivery->status));
    cli_refused_text(shell->run.client, delivery, skew, r->text + n, sizeof r->text - n);
    r->count++;
    r->at = cli_run_now();
}

static void on_refused(void *run, const mqtt_e2e_delivery *delivery)
{
    static const char device[] = "device/", reply[] = "~reply/";
    shell_state *shell = run;
    const char *topic = delivery->message->topic.data;
    size_t len = delivery->message->topic.len, skip = sizeof device - 1;
    if (topic && len > skip && memcmp(topic, device, skip) == 0 && cli_is_name(topic + skip, len - skip))
        shell_refusal_add(shell, topic + skip, len - skip, delivery);
    else if (topic && len > sizeof reply - 1 && memcmp(topic, reply, sizeof reply - 1) == 0)
        shell_refusal_add(shell, "", 0, delivery);
}

const shell_refusal *shell_refusal_of(const shell_state *shell, const char *device, int64_t since)
{
    for (size_t i = 0; i < SHELL_REFUSALS; i++) {
        const shell_refusal *r = &shell->refusals[i];
        if (r->count && r->at >= since && strcmp(r->device, device) == 0)
            return r;
    }
    return NULL;
}

void shell_devices_why(const shell_state *shell, const shell_call *call)
{
    const char *name = call->call.device;
    const shell_refusal *answer = shell_refusal_of(shell, "", call->call.made_at), *said;
    const roster_device *device = roster_find(&shell->heard, name);
    char ago[32], every[32];
    if (answer)
        cli_hint("an answer came, and was refused: %s", answer->text);
    if (!*name) {
        if (!answer)
            cli_hint("does an agent with the same key run anywhere, and is its clock right?");
        return;
    }
    if (!call->call.key_name && device && device->own_key) {
        cli_hint("%s has a key of its own, of which was heard only now: give the command again", name);
        return;
    }
    said = shell_refusal_of(shell, name, device ? device->heard_at : 0);
    if (said)
        cli_hint("what %s says of itself is refused: %s", name, said->text);
    if (!device && !said && !answer)
        cli_hint("%s was not heard since this shell was started: does an agent of that name run, with the "
                 "same key?",
                 name);
    if (!device)
        return;
    shell_span(cli_run_now() - device->heard_at, ago);
    if (device->gone)
        cli_hint("%s said goodbye %s ago", name, ago);
    else if (device->every_s)
        cli_hint("%s was heard %s ago; it says that it is there every %s", name, ago,
                 shell_span(1000 * (int64_t)device->every_s, every));
    else
        cli_hint("%s was heard %s ago", name, ago);
}

/* ---- Ping of all -------------------------------------------------------------------------------- */

static void on_announced(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    shell_state *shell = context;
    (void)client;
    roster_announced(&shell->heard, delivery->message, NULL);
}

static void on_own_announced(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    const cli_fleet_device *device = context;
    shell_state *shell = device->fleet->context;
    (void)client;
    roster_announced(&shell->heard, delivery->message, device->name);
}

static bool pong(remote_call *call, remote_answer *answer, const mqtt_e2e_bytes *text)
{
    shell_state *shell = ((const shell_call *)call->owner)->shell;
    roster_answered(&shell->heard, answer->stream, text, cli_run_now_us() - call->sent_us, call->key_name);
    return true;
}

static const remote_sink ping_sink = {.plain = pong};

static void on_open(cli_fleet_device *device, void *context)
{
    shell_state *shell = context;
    char filter[CLI_NAME_MAX + 16];
    mqtt_e2e_error error;
    snprintf(filter, sizeof filter, "device/%s", device->name);
    if (!mqtt_e2e_client_subscribe(device->client, filter, 1, on_own_announced, device, &error))
        cli_tell(&error);
    /* One that was only heard of shows so whether it is there; else all are asked together. */
    if (!shell->asking && (shell->asked || !cli_fleet_knows(&shell->fleet, device->name)))
        shell_call_ping(shell, device, &ping_sink);
}

bool shell_devices_open(shell_state *shell)
{
    mqtt_e2e_error error;
    shell->fleet.on_open = on_open;
    shell->fleet.context = shell;
    if (!cli_fleet_start(&shell->fleet, &shell->run))
        return false;
    shell->run.refused = on_refused;
    shell->started = cli_run_now();
    if (mqtt_e2e_client_subscribe(shell->run.client, ROSTER_FILTER, 1, on_announced, shell, &error)) {
        shell->asking = shell->editing;
        cli_fleet_open_all(&shell->fleet);
        return true;
    }
    cli_tell(&error);
    return false;
}

void shell_devices_ask(shell_state *shell, bool list)
{
    shell->asking = true;
    shell->listing = list;
    shell_devices_turn(shell);
}

/* Whether we hear what is announced, and have heard what the broker kept for us of those with keys of their own. */
static bool has_heard(shell_state *shell)
{
    int64_t now = cli_run_now();
    mqtt_e2e_subscription heard = mqtt_e2e_client_subscribed(shell->run.client, ROSTER_FILTER);
    if (!shell->heard_from && (heard == MQTT_E2E_SUBSCRIBED || heard == MQTT_E2E_DENIED))
        shell->heard_from = now;
    return (shell->heard_from && now - shell->heard_from >= (shell->fleet.off ? 0 : HEARD_MS)) ||
           now - shell->started >= PATIENCE_MS;
}

/* Whether a ping of one with its own key is on its way, which has to be connected first. */
static bool is_pinging(const shell_state *shell)
{
    const shell_call *call;
    TAILQ_FOREACH(call, &shell->calls, link)
    if (call->aside && call->call.key_name && call->call.sink == &ping_sink)
        return true;
    return false;
}

void shell_devices_settle(shell_state *shell)
{
    while (!shell->over && !shell->fleet.off && (!has_heard(shell) || is_pinging(shell)) &&
           (!shell->editing || mqtt_e2e_client_connected(shell->run.client)))
        shell_turn(shell, false, cli_run_now() + 20);
}

void shell_devices_turn(shell_state *shell)
{
    if (!shell->asking || !has_heard(shell))
        return;
    shell_call *call = shell_call_aside(shell, NULL, "ping", &ping_sink);
    if (call)
        call->list = shell->listing;
    for (size_t i = 0; call && i < shell->fleet.count; i++)
        shell_call_ping(shell, &shell->fleet.devices[i], &ping_sink);
    shell->asking = shell->listing = false;
    shell->asked = true;
}

/* All that are here, as far as we know, have answered, or will not. */
static bool has_settled(const shell_state *shell, const remote_call *ping)
{
    int64_t age = cli_run_now() - ping->made_at;
    if (age >= SHELL_PING_MS)
        return true;
    if (is_pinging(shell))
        return false;
    for (size_t i = 0; i < shell->heard.count; i++)
        if (shell->heard.devices[i].answered_at < ping->made_at && roster_is_here(&shell->heard.devices[i]))
            return false;
    return (ping->count > 0 || shell->fleet.count > 0) && age >= SETTLED_MS &&
           cli_run_now() - ping->new_at >= SETTLED_MS;
}

static void list_device(const roster_device *device, int width)
{
    char line[ROSTER_LINE_SIZE], when[48], column[64], ago[32];
    int64_t silent = cli_run_now() - device->heard_at;
    if (device->gone || silent > SHELL_PING_MS)
        snprintf(when, sizeof when, "%s%s ago", device->gone ? "gone " : "",
                 shell_span(silent - silent % 1000, ago));
    else
        strcpy(when, "now");
    snprintf(column, sizeof column, "%-12s   ", when);
    cli_put(line, roster_line(device, width, column, line));
}

void shell_devices_list(shell_state *shell)
{
    roster_sort(&shell->heard);
    int width = roster_width(&shell->heard, true);
    for (size_t i = 0; i < shell->heard.count; i++)
        list_device(&shell->heard.devices[i], width);
    if (shell->heard.count == 0)
        cli_note(
            "no device answers, and none was heard: does one run with the same key, and is its clock right?");
    cli_flush();
}

static void greet(shell_state *shell)
{
    char names[1024], brokers[512];
    size_t len = 0, count = 0;
    roster_sort(&shell->heard);
    for (size_t i = 0; i < shell->heard.count; i++) {
        const roster_device *d = &shell->heard.devices[i];
        if (!*d->name || !roster_is_here(d))
            continue;
        if (len < sizeof names - 1)
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", count ? ", " : ": ", d->name);
        count++;
    }
    cli_run_brokers(&shell->run, brokers, sizeof brokers);
    shell_say(shell, CLI_DIM, "%s; %zu device%s%s%s. 'help' explains, Ctrl-D ends.", brokers, count,
              count == 1 ? "" : "s", count ? names : "", count ? "" : " so far");
}

bool shell_devices_asked(shell_state *shell, shell_call *call)
{
    const remote_call *of = &call->call;
    if (*of->device || of->key_name)
        return (of->count && of->answers[0].ended) ||
               cli_run_now() - of->made_at >= (*of->device ? LEARN_MS : SHELL_PING_MS);
    if (!has_settled(shell, of))
        return false;
    if (call->list)
        shell_devices_list(shell);
    else if (shell->editing && !shell->greeted)
        greet(shell);
    shell->greeted = true;
    return true;
}

/* ---- Commands of a device ------------------------------------------------------------------------ */

static shell_names *names_of(const shell_state *shell, const char *device)
{
    for (size_t i = 0; i < shell->names_count; i++)
        if (strcmp(shell->names[i].device, device) == 0)
            return &shell->names[i];
    return NULL;
}

/* "NAME: ping, status, ...": what stands between blanks and commas behind the first colon, if there is one. */
static bool learn(remote_call *call, remote_answer *answer, const mqtt_e2e_bytes *text)
{
    shell_state *shell = ((const shell_call *)call->owner)->shell;
    shell_names *names = names_of(shell, call->device);
    const char *data = text->data, *colon = text->len ? memchr(data, ':', text->len) : NULL;
    size_t len = 0, from = colon ? (size_t)(colon - data) + 1 : 0;
    char *made = names ? malloc(text->len + 2) : NULL;
    (void)answer;
    if (!made)
        return true;
    for (size_t i = from; i < text->len; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c > 0x20 && c < 0x7F && c != ',')
            made[len++] = (char)c;
        else if (len > 0 && made[len - 1])
            made[len++] = '\0';
    }
    if (len > 0 && made[len - 1])
        made[len++] = '\0';
    made[len] = '\0';
    free(names->names);
    names->names = made;
    return true;
}

static bool is_asked(const shell_state *shell, const char *device)
{
    const shell_call *call;
    TAILQ_FOREACH(call, &shell->calls, link)
    if (call->aside && strcmp(call->call.device, device) == 0)
        return true;
    return false;
}

void shell_devices_learn(shell_state *shell, const char *device)
{
    static const remote_sink sink = {.plain = learn};
    shell_names *names = names_of(shell, device);
    if (names && (names->names || is_asked(shell, device)))
        return;
    if (!names) {
        names = realloc(shell->names, (shell->names_count + 1) * sizeof *names);
        if (!names)
            return;
        shell->names = names;
        names = &names[shell->names_count++];
        *names = (shell_names){.names = NULL};
        snprintf(names->device, sizeof names->device, "%s", device);
    }
    shell_call_aside(shell, device, "help", &sink);
}

const char *shell_devices_commands(const shell_state *shell, const char *device)
{
    const shell_names *names = names_of(shell, device);
    return names ? names->names : NULL;
}

void shell_devices_free(shell_state *shell)
{
    for (size_t i = 0; i < shell->names_count; i++)
        free(shell->names[i].names);
    free(shell->names);
    roster_free(&shell->heard);
}
