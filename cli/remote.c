/* SPDX-License-Identifier: MIT */
/* mqtt-e2e run: runs a command on a device, as if it were here. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "remote.h"
#include "topics.h"

const char cli_run_help[] = "Usage: mqtt-e2e run [OPTION...] DEVICE COMMAND [ARGUMENT...]\n"
                            "       mqtt-e2e run --all [OPTION...] COMMAND [ARGUMENT...]\n"
                            "\n"
                            "Runs a command on a device that has the same key, and ends as the command did: "
                            "with its output, its error\n"
                            "output and its exit code. Standard input is passed on, unless it is a terminal. "
                            "Ctrl-C stops the command.\n"
                            "\n"
                            "    mqtt-e2e run kitchen ping\n"
                            "    mqtt-e2e run kitchen backup /home <list >log\n"
                            "    mqtt-e2e run --all status\n"
                            "\n"
                            "The device is an 'mqtt-e2e agent', or any that answers requests on "
                            "command/DEVICE. Exit codes of our own: 27 no\n"
                            "answer in time, 124 time limit of the agent, 125 its output limit, 126 and 127 "
                            "not run, 128 + signal, 255 the\n"
                            "end is not known.\n";

/* ---- Callbacks ---------------------------------------------------------------------------------- */

static void on_published(mqtt_e2e_client *client, uint64_t ticket, const mqtt_e2e_error *error, void *context)
{
    remote_state *remote = context;
    (void)client;
    (void)ticket;
    if (error) {
        cli_tell(error);
        cli_run_end(&remote->run, CLI_FAILED);
    }
}

/* ---- All calls ---------------------------------------------------------------------------------- */

static size_t count_answers(const remote_state *remote)
{
    size_t count = 0;
    for (size_t i = 0; i < remote->count; i++)
        count += remote->calls[i].count;
    return count;
}

static size_t count_open(const remote_state *remote)
{
    size_t count = 0;
    for (size_t i = 0; i < remote->count; i++)
        count += remote_call_open(&remote->calls[i]);
    return count;
}

static size_t count_failed(const remote_state *remote)
{
    size_t failed = 0;
    char words[512];
    for (size_t i = 0; i < remote->count; i++)
        for (size_t k = 0; k < remote->calls[i].count; k++) {
            const remote_answer *answer = &remote->calls[i].answers[k];
            failed += answer->ended && remote_end_code(&answer->end, words, sizeof words) != 0;
        }
    return failed;
}

static bool is_unwritable(const remote_state *remote) /* the reader has gone */
{
    for (size_t i = 0; i < remote->count; i++)
        for (size_t k = 0; k < remote->calls[i].count; k++)
            if (remote->calls[i].answers[k].unwritable && !remote->calls[i].answers[k].ended)
                return true;
    return false;
}

/* ---- Ends --------------------------------------------------------------------------------------- */

static void stop(remote_state *remote, int number)
{
    remote->stop_signal = number;
    for (size_t i = 0; i < remote->count; i++)
        remote_call_stop(&remote->calls[i], number);
}

static void tell_unanswered(const remote_state *remote, double seconds)
{
    uint64_t refused = cli_fleet_refused(&remote->fleet);
    char brokers[512];
    const char *who = remote->all ? "any device" : remote->calls[0].device;
    if (!remote->run.was_connected) {
        cli_error("no connection to %s within %g s", cli_run_brokers(&remote->run, brokers, sizeof brokers),
                  seconds);
        cli_hint("'mqtt-e2e doctor' looks closer");
        return;
    }
    cli_error("no answer from %s within %g s", who, seconds);
    if (refused && !remote->run.options->debug)
        cli_hint("%llu %s refused; -d tells why", (unsigned long long)refused,
                 refused == 1 ? "packet was" : "packets were");
    else if (remote->own_key)
        cli_hint("it was asked with a key of its own, as it is named in the file of those that have one; "
                 "--devices none "
                 "asks with the key file's");
    else
        cli_hint("does an agent with the same key run there, and is its clock right?");
}

static void tell_summary(const remote_state *remote)
{
    size_t count = count_answers(remote);
    if (count)
        cli_note("mqtt-e2e: %zu device%s answered; %zu failed, %zu did not end", count, count == 1 ? "" : "s",
                 count_failed(remote), count_open(remote));
}

/* ---- Time --------------------------------------------------------------------------------------- */

static void check_all(remote_state *remote)
{
    int64_t more = remote->run.options->wait_ms ? remote->run.options->wait_ms : REMOTE_MORE_MS;
    int64_t first = remote->run.options->wait_ms ? more : REMOTE_FIRST_MS;
    size_t count = count_answers(remote);
    for (size_t i = 0; i < remote->count; i++)
        if (remote_call_waits(&remote->calls[i], count ? more : first, more))
            return;
    if (!count)
        tell_unanswered(remote, (double)first / 1000);
    cli_run_end(&remote->run, !count                                       ? CLI_TIMEOUT
                              : count_failed(remote) || count_open(remote) ? CLI_FAILED
                                                                           : CLI_OK);
}

static void check_one(remote_state *remote, int64_t now)
{
    const cli_options *options = remote->run.options;
    const remote_call *call = &remote->calls[0];
    const remote_answer *answer = call->count ? &call->answers[0] : NULL;
    char words[512];
    if (answer && answer->ended) {
        int code = answer->unwritable ? CLI_FAILED : remote_end_code(&answer->end, words, sizeof words);
        cli_run_end(&remote->run, remote->timed_out ? CLI_TIMEOUT : code);
        return;
    }
    int64_t first =
        options->wait_ms && options->wait_ms < REMOTE_FIRST_MS ? options->wait_ms : REMOTE_FIRST_MS;
    if (!answer && !call->stop_until && now - call->made_at >= first) {
        tell_unanswered(remote, (double)first / 1000);
        cli_run_end(&remote->run, CLI_TIMEOUT);
    } else if (answer && options->wait_ms && now - call->made_at >= options->wait_ms && !remote->timed_out) {
        remote->timed_out = true;
        cli_error("timed out after %g s: stopping the command", (double)options->wait_ms / 1000);
        stop(remote, SIGTERM);
    } else if (answer && now - answer->heard_at >= REMOTE_SILENCE_MS) {
        cli_error("nothing was heard of %s for %d s: the command may still run", call->device,
                  REMOTE_SILENCE_MS / 1000);
        cli_run_end(&remote->run, CLI_TIMEOUT);
    }
}

/* Of what was to be stopped: whether that is not waited for any longer. */
static void check_stopped(remote_state *remote, int64_t now)
{
    const remote_call *call = &remote->calls[0];
    bool unheard = count_answers(remote) == 0, hopeless = unheard && (remote->all || !call->sent);
    if (!remote->stop_signal || (now < call->stop_until - (unheard ? REMOTE_UNHEARD_MS : 0) && !hopeless))
        return;
    if (unheard)
        cli_error("interrupted: %s",
                  call->sent ? "no answer; the command may still run" : "the command was not sent");
    else if (count_open(remote))
        cli_error("it did not end: the command may still run");
    cli_run_end(&remote->run, remote->timed_out ? CLI_TIMEOUT : 128 + remote->stop_signal);
}

static void check_time(remote_state *remote)
{
    int64_t now = cli_run_now();
    check_stopped(remote, now);
    if (remote->all)
        check_all(remote);
    else
        check_one(remote, now);
    if (is_unwritable(remote) && !remote->stop_signal)
        stop(remote, SIGTERM);
}

static int64_t next_time(const remote_state *remote)
{
    int64_t when = cli_run_now() + 250; /* all that is not counted in milliseconds */
    for (size_t i = 0; i < remote->count; i++)
        if (remote_call_when(&remote->calls[i]) < when)
            when = remote_call_when(&remote->calls[i]);
    return when;
}

/* ---- Input -------------------------------------------------------------------------------------- */

static void open_input(remote_state *remote)
{
    const cli_options *options = remote->run.options;
    bool key_there = options->secret && strcmp(options->secret, "-") == 0;
    remote->input_open = !remote->all && !key_there && (options->pass_input || !isatty(STDIN_FILENO));
}

static void read_input(remote_state *remote)
{
    uint8_t data[MQTT_E2E_PART_DATA];
    ssize_t n = read(STDIN_FILENO, data, sizeof data);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n < 0)
        cli_error("cannot read standard input: %s", strerror(errno));
    remote_call_input(&remote->calls[0], data, n > 0 ? (size_t)n : 0);
    remote->input_open = n > 0;
}

/* ---- The run ------------------------------------------------------------------------------------ */

/* What to wait for where output can't be written just now. */
static nfds_t want_output(const remote_state *remote, struct pollfd *wanted)
{
    const remote_call *call = &remote->calls[0];
    mqtt_e2e_part piece;
    if (remote->all || call->count == 0 || !call->answers[0].storage ||
        !mqtt_e2e_inbox_peek(&call->answers[0].inbox, &piece) || call->sink->ready(call, piece.type))
        return 0;
    *wanted = (struct pollfd){.fd = remote_output_descriptor(call, piece.type), .events = POLLOUT};
    return 1;
}

/* A device was asked with two keys: it has that with which it answers. */
static void choose(remote_state *remote)
{
    if (remote->all || remote->count < 2 || count_answers(remote) == 0)
        return;
    size_t first = remote->calls[0].count ? 0 : 1;
    remote_call_free(&remote->calls[1 - first]);
    remote->calls += first;
    remote->count = 1;
}

static void go_on(remote_state *remote)
{
    struct pollfd fds[2];
    nfds_t count = 0;
    bool input = remote->input_open && remote_call_wants_input(&remote->calls[0]);
    if (input)
        fds[count++] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    count += want_output(remote, fds + count);
    if (!cli_fleet_step(&remote->fleet, fds, count, cli_run_until(next_time(remote))))
        return;
    if (remote->run.interrupted) {
        remote->run.interrupted = false; /* the loop goes on: the command is to be stopped first */
        stop(remote, remote->run.signal);
    }
    if (input && fds[0].revents)
        read_input(remote);
    for (size_t i = 0; i < remote->count; i++)
        remote_call_turn(&remote->calls[i]);
    choose(remote);
    check_time(remote);
}

static void ask(remote_state *remote, mqtt_e2e_client *client, const char *key_name)
{
    const cli_options *options = remote->run.options;
    size_t skip = remote->all ? 0 : 1;
    remote_call *call = &remote->calls[remote->count++];
    *call = (remote_call){.client = client, .sink = &remote_output, .owner = remote, .key_name = key_name};
    if (!remote_call_make(call, remote->all ? NULL : options->words[0],
                          (const char *const *)(options->words + skip), options->word_count - skip))
        cli_run_end(&remote->run, CLI_FAILED);
    else if (!remote->input_open)
        remote_call_input(call, NULL, 0);
}

/* A device that has a key of its own. One that answered already is the one. */
static void on_open(cli_fleet_device *device, void *context)
{
    remote_state *remote = context;
    if (remote->all || (remote->count == 1 && remote->calls[0].count == 0))
        ask(remote, device->client, device->name);
}

/* The file says which key a device has. Of one that it does not name we may hear, while it is asked with the key that is here. */
static void ask_all(remote_state *remote)
{
    char filter[CLI_NAME_MAX + 16];
    mqtt_e2e_error error;
    open_input(remote);
    snprintf(filter, sizeof filter, "device/%s", remote->all ? "+" : remote->fleet.only);
    if (!remote->fleet.off && !mqtt_e2e_client_subscribe(remote->run.client, filter, 0, NULL, NULL, &error))
        cli_tell(&error);
    ask(remote, remote->run.client, NULL);
    if (remote->all)
        cli_fleet_open_all(&remote->fleet);
}

static int check_device(const remote_state *remote, const cli_options *options)
{
    const char *device = options->words[0];
    char topic[CLI_NAME_MAX + 16];
    if (remote->all)
        return CLI_OK;
    if (strlen(device) > CLI_NAME_MAX)
        return cli_usage_error("run", "the device's name '%s' is too long: up to %d bytes", device,
                               CLI_NAME_MAX);
    if (strcmp(device, "all") == 0)
        return cli_usage_error("run", "no device is named 'all': --all asks every one");
    snprintf(topic, sizeof topic, "command/%s", device);
    return cli_check_topic("run", topic);
}

/* Which key, and what is heard of others. */
static bool prepare(remote_state *remote, cli_options *options)
{
    const char *device = remote->all ? NULL : options->words[0];
    cli_fleet *fleet = &remote->fleet;
    fleet->on_open = on_open;
    fleet->context = remote;
    fleet->only = device;
    if (!cli_fleet_names(fleet, options))
        return false;
    if (device && cli_fleet_knows(fleet, device)) {
        fleet->off = remote->own_key = true;
        if (!cli_fleet_become(options, device))
            return false;
    }
    remote_options(&options->client);
    options->client.on_published = on_published;
    return cli_run_start(&remote->run, options, CLI_ONCE_CONNECTED) && cli_fleet_start(fleet, &remote->run);
}

static int run(remote_state *remote, cli_options *options)
{
    static remote_call calls[1 + CLI_FLEET_MAX];
    remote->run.options = options;
    remote->run.code = CLI_FAILED;
    remote->all = options->all_replies;
    remote->calls = calls;
    int code = check_device(remote, options);
    if (code != CLI_OK)
        return code;
    if (prepare(remote, options)) {
        ask_all(remote);
        while (!remote->run.over)
            go_on(remote);
        if (remote->all)
            tell_summary(remote);
        if (options->debug)
            cli_fleet_tell_counts(&remote->fleet);
        if (remote->run.was_connected)
            mqtt_e2e_client_drain(remote->run.client, 1000);
        cli_fleet_drain(&remote->fleet, 1000);
    }
    for (size_t i = 0; i < remote->count; i++)
        remote_call_free(&remote->calls[i]);
    cli_fleet_end(&remote->fleet);
    return cli_run_stop(&remote->run);
}

int cli_remote(int argc, char **argv)
{
    static cli_options options;
    static remote_state remote;
    int code = cli_options_parse(&options, CLI_FOR_RUN, argc, argv);
    if (code == CLI_OK && !options.help)
        code = run(&remote, &options);
    cli_options_free(&options);
    return code;
}
