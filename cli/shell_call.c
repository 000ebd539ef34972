/* SPDX-License-Identifier: MIT */
/* The commands of a shell: from the line that was typed to the end, or until they are given up. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "shell.h"

/* ---- Beginnings and ends ------------------------------------------------------------------------ */

/* The device, if it is to be spoken to with a key of its own; else NULL. That it was heard of proves nothing, since anyone can send something
 * there that is not to be opened: so it counts only if the last that opened came with that key. */
static const cli_fleet_device *find_own(shell_state *shell, const char *device)
{
    const roster_device *last = device ? roster_find(&shell->heard, device) : NULL;
    if (device && cli_fleet_knows(&shell->fleet, device))
        return cli_fleet_open(&shell->fleet, device);
    return last && last->own_key ? cli_fleet_find(&shell->fleet, device) : NULL;
}

static shell_call *make(shell_state *shell, const cli_fleet_device *own, const char *device,
                        const char *const *words, size_t count, const remote_sink *sink)
{
    shell_call *call = shell->call_count < SHELL_CALLS_MAX ? calloc(1, sizeof *call) : NULL;
    if (!call) {
        cli_error(shell->call_count < SHELL_CALLS_MAX ? "out of memory" : "too many commands have not ended");
        return NULL;
    }
    call->shell = shell;
    call->call.client = own ? own->client : shell->run.client;
    call->call.key_name = own ? own->name : NULL;
    call->call.sink = sink;
    call->call.owner = call;
    TAILQ_INSERT_TAIL(&shell->calls, call, link);
    shell->call_count++;
    if (!remote_call_make(&call->call, device, words, count)) {
        shell_call_free(call);
        return NULL;
    }
    remote_call_input(&call->call, NULL, 0); /* the terminal's input is the next command */
    return call;
}

void shell_call_free(shell_call *call)
{
    TAILQ_REMOVE(&call->shell->calls, call, link);
    call->shell->call_count--;
    remote_call_free(&call->call);
    free(call);
}

shell_call *shell_call_aside(shell_state *shell, const char *device, const char *word,
                             const remote_sink *sink)
{
    shell_call *call = make(shell, find_own(shell, device), device, &word, 1, sink);
    if (call)
        call->aside = true;
    return call;
}

void shell_call_ping(shell_state *shell, const cli_fleet_device *own, const remote_sink *sink)
{
    static const char *const ping = "ping";
    shell_call *call = make(shell, own, NULL, &ping, 1, sink);
    if (call)
        call->aside = true;
}

static bool start(shell_state *shell, const char *device, const char *const *words, size_t count,
                  unsigned batch)
{
    shell_call *call = make(shell, find_own(shell, device), device, words, count, &shell_print);
    size_t len = 0;
    if (call)
        call->batch = batch;
    for (size_t i = 0; call && i < count && len < sizeof call->typed; i++)
        len += (size_t)snprintf(call->typed + len, sizeof call->typed - len, "%s%s", i ? " " : "", words[i]);
    if (call && len >= sizeof call->typed) {
        char *cut = call->typed + sizeof call->typed - 4;
        while (cut > call->typed && ((unsigned char)*cut & 0xC0) == 0x80) /* not within a character */
            cut--;
        strcpy(cut, "...");
    }
    if (call && shell->editing && (!batch || !device) && shell->run.was_connected &&
        !mqtt_e2e_client_connected(shell->run.client))
        cli_note("no broker is connected: it goes out if one is in time");
    return call != NULL;
}

bool shell_call_start(shell_state *shell, const char *device, const char *const *words, size_t count)
{
    shell_devices_settle(shell);
    if (shell->over)
        return true;
    unsigned batch = device || shell->fleet.count == 0 ? 0 : ++shell->batches;
    if (batch)
        shell->batch_failed = false;
    bool fine = start(shell, device, words, count, batch);
    for (size_t i = 0; batch && fine && i < shell->fleet.count; i++)
        if (find_own(shell, shell->fleet.devices[i].name))
            fine = start(shell, shell->fleet.devices[i].name, words, count, batch);
    return fine;
}

size_t shell_calls_open(const shell_state *shell)
{
    const shell_call *call;
    size_t count = shell->asking && shell->listing;
    TAILQ_FOREACH(call, &shell->calls, link)
    count += !call->aside || call->list;
    return count;
}

bool shell_calls_stop(shell_state *shell, int number)
{
    const shell_call *last = NULL;
    shell_call *call;
    TAILQ_FOREACH_REVERSE(call, &shell->calls, shell_calls, link)
    {
        if (call->aside || call->call.stop_until || (last && (!last->batch || call->batch != last->batch)))
            continue;
        remote_call_stop(&call->call, number);
        last = call;
    }
    return last;
}

/* ---- Time --------------------------------------------------------------------------------------- */

static int64_t patience(const shell_state *shell)
{
    return shell->run.options->wait_ms ? shell->run.options->wait_ms : REMOTE_FIRST_MS;
}

static const char *who(const shell_call *call)
{
    return *call->call.device ? call->call.device : "any device";
}

static void tell_unanswered(shell_call *call)
{
    char span[32];
    cli_error("no answer from %s to '%s' within %s", who(call), call->typed,
              shell_span(patience(call->shell), span));
    if (call->call.sent)
        shell_devices_why(call->shell, call);
    else
        cli_hint("no broker was connected: it was not sent, and will not be");
    call->told = true;
}

/* Those that are here as far as we know, and did not answer. */
static void tell_missing(const shell_call *call)
{
    const roster *heard = &call->shell->heard;
    char span[32];
    for (size_t i = 0; i < heard->count; i++) {
        const roster_device *device = &heard->devices[i];
        bool answered = !*device->name || device->own_key || !roster_is_here(device);
        for (size_t k = 0; k < call->call.count && !answered; k++)
            answered = memcmp(call->call.answers[k].stream, device->stream, MQTT_E2E_STREAM_ID_SIZE) == 0 ||
                       strcmp(call->call.answers[k].name, device->name) == 0;
        if (!answered)
            cli_error("no answer from %s to '%s' within %s", device->name, call->typed,
                      shell_span(patience(call->shell), span));
    }
}

/* Of a call to one device: whether it is over. */
static bool one_is_over(shell_call *call)
{
    const remote_call *of = &call->call;
    const remote_answer *answer = of->count ? &of->answers[0] : NULL;
    int64_t now = cli_run_now(), age = now - of->made_at;
    char words[512];
    call->shell->code = CLI_TIMEOUT;
    if (answer && answer->ended) {
        call->shell->code = remote_end_code(&answer->end, words, sizeof words);
        return true;
    }
    bool unsent = of->stop_until && !answer && !of->sent;
    if (unsent || (of->stop_until && now >= of->stop_until - (answer ? 0 : REMOTE_UNHEARD_MS))) {
        if (unsent)
            cli_note("%s: '%s' was not sent, and will not be", who(call), call->typed);
        else
            cli_error("%s: '%s' did not end: it may still run", who(call), call->typed);
        return true;
    }
    if (answer && now - answer->heard_at >= REMOTE_SILENCE_MS) {
        cli_error("nothing was heard of %s for %d s: '%s' may still run", who(call), REMOTE_SILENCE_MS / 1000,
                  call->typed);
        return true;
    }
    if (!answer && !call->told && age >= patience(call->shell))
        tell_unanswered(call);
    /* A late answer is still welcome, as long as the device may take the command at all. */
    return !answer && call->told &&
           (!call->shell->editing || !of->sent ||
            age >= call->shell->run.options->client.session.clock_skew_ms + REMOTE_FIRST_MS);
}

static bool all_have_answered(const shell_call *call)
{
    const roster *heard = &call->shell->heard;
    size_t here = 0;
    for (size_t i = 0; i < heard->count; i++)
        here += roster_is_here(&heard->devices[i]) && !heard->devices[i].own_key;
    return here > 0 && call->call.count >= here && remote_call_open(&call->call) == 0 &&
           cli_run_now() - call->call.made_at >= REMOTE_MORE_MS / 2;
}

/* The same of one to all. */
static bool all_is_over(shell_call *call)
{
    const remote_call *of = &call->call;
    bool others = call->batch && of->count == 0; /* maybe all devices have keys of their own */
    int64_t wait = others ? REMOTE_MORE_MS : patience(call->shell);
    char words[512];
    bool stopped = of->stop_until && (of->count == 0 || cli_run_now() >= of->stop_until);
    if (!stopped && !all_have_answered(call) &&
        remote_call_waits(of, wait, call->shell->editing ? wait : REMOTE_MORE_MS))
        return false;
    if (of->count == 0 && !stopped && !others)
        tell_unanswered(call);
    else if (!stopped)
        tell_missing(call);
    call->shell->code = of->count == 0 && !others ? CLI_TIMEOUT : CLI_OK;
    for (size_t i = 0; i < of->count; i++)
        if (!of->answers[i].ended || remote_end_code(&of->answers[i].end, words, sizeof words) != 0)
            call->shell->code = CLI_FAILED;
    return true;
}

static bool is_over(shell_call *call)
{
    int code = call->shell->code;
    bool over = call->aside          ? shell_devices_asked(call->shell, call)
                : *call->call.device ? one_is_over(call)
                                     : all_is_over(call);
    if (!over)
        call->shell->code = code;
    if (over && call->batch && call->batch == call->shell->batches) {
        call->shell->batch_failed |= call->shell->code != CLI_OK;
        call->shell->code = call->shell->batch_failed ? CLI_FAILED : CLI_OK;
    }
    return over;
}

/* The reader has gone: what it was for ends, and so do we. */
static void check_output(shell_call *call)
{
    const remote_call *of = &call->call;
    for (size_t i = 0; i < of->count; i++) {
        if (!of->answers[i].unwritable)
            continue;
        if (!of->stop_until)
            remote_call_stop(&call->call, SIGTERM);
        call->shell->over = true;
        cli_run_end(&call->shell->run, CLI_FAILED);
    }
}

void shell_calls_turn(shell_state *shell)
{
    shell_call *call, *next;
    shell_devices_turn(shell);
    for (call = TAILQ_FIRST(&shell->calls); call; call = next) {
        remote_call_turn(&call->call);
        check_output(call);
        next = TAILQ_NEXT(call, link);
        if (is_over(call))
            shell_call_free(call);
    }
}

int64_t shell_calls_when(const shell_state *shell)
{
    const shell_call *call;
    int64_t when = shell->asking ? cli_run_now() + 50 : INT64_MAX;
    TAILQ_FOREACH(call, &shell->calls, link)
    {
        int64_t soon = cli_run_now() + 100; /* all that is not counted in milliseconds */
        if (remote_call_when(&call->call) < when)
            when = remote_call_when(&call->call);
        if (soon < when)
            when = soon;
    }
    return when;
}
