/* SPDX-License-Identifier: MIT */
/* mqtt-e2e run: runs a command on a device, as if it were here. */
#include <signal.h>
#include <stdlib.h>
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

#define DAYS_30 UINT32_C(2592000000)

static remote_answer answers[REMOTE_ANSWERS_MAX];

/* ---- Callbacks ---------------------------------------------------------------------------------- */

static bool on_reply(mqtt_e2e_client *client, mqtt_e2e_answer answer, const mqtt_e2e_delivery *delivery,
                     void *context)
{
    remote_state *remote = context;
    (void)client;
    if (answer == MQTT_E2E_TIMED_OUT)
        return false;
    remote_answer_heard(remote, delivery->message);
    return true;
}

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

/* ---- Ends --------------------------------------------------------------------------------------- */

static void stop(remote_state *remote, int number)
{
    const uint8_t data = (uint8_t)(number == SIGINT ? SIGINT : SIGTERM);
    remote->stop_signal = number;
    if (!remote->stop_until)
        remote->stop_until = cli_run_now() + REMOTE_STOP_MS;
    for (size_t i = 0; i < remote->count; i++)
        if (remote->answers[i].storage && !remote->answers[i].ended)
            remote_control(remote, &remote->answers[i], MQTT_E2E_STOP, 0, &data, 1);
}

static size_t open_answers(const remote_state *remote)
{
    size_t count = 0;
    for (size_t i = 0; i < remote->count; i++)
        count += !remote->answers[i].ended;
    return count;
}

static void tell_unanswered(const remote_state *remote, double seconds)
{
    uint64_t refused = cli_count_refused(remote->run.client);
    char brokers[512];
    const char *who = remote->device ? remote->device : "any device";
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
    else
        cli_hint("does an agent with the same key run there, and is its clock right?");
}

static void tell_summary(const remote_state *remote)
{
    size_t failed = 0;
    char words[512];
    for (size_t i = 0; i < remote->count; i++)
        failed +=
            remote->answers[i].ended && remote_end_code(&remote->answers[i].end, words, sizeof words) != 0;
    size_t open = open_answers(remote);
    cli_note("mqtt-e2e: %zu device%s answered; %zu failed, %zu did not end", remote->count,
             remote->count == 1 ? "" : "s", failed, open);
}

static int code_of_all(const remote_state *remote)
{
    char words[512];
    for (size_t i = 0; i < remote->count; i++)
        if (!remote->answers[i].ended || remote_end_code(&remote->answers[i].end, words, sizeof words) != 0)
            return CLI_FAILED;
    return remote->count ? CLI_OK : CLI_TIMEOUT;
}

/* ---- Time --------------------------------------------------------------------------------------- */

static void check_all(remote_state *remote, int64_t now)
{
    int64_t wait = remote->run.options->wait_ms ? remote->run.options->wait_ms : REMOTE_MORE_MS;
    int64_t since = remote->count ? remote->new_at : remote->asked_at;
    if (!remote->count && wait < REMOTE_FIRST_MS && !remote->run.options->wait_ms)
        wait = REMOTE_FIRST_MS;
    if (now - since < wait)
        return;
    for (size_t i = 0; i < remote->count; i++)
        if (!remote->answers[i].ended && now - remote->answers[i].heard_at < REMOTE_SILENCE_MS)
            return;
    if (!remote->count)
        tell_unanswered(remote, (double)wait / 1000);
    cli_run_end(&remote->run, code_of_all(remote));
}

static void check_one(remote_state *remote, int64_t now)
{
    const cli_options *options = remote->run.options;
    const remote_answer *answer = remote->count ? &remote->answers[0] : NULL;
    char words[512];
    if (answer && answer->ended) {
        int code = answer->unwritable ? CLI_FAILED : remote_end_code(&answer->end, words, sizeof words);
        cli_run_end(&remote->run, remote->timed_out ? CLI_TIMEOUT : code);
        return;
    }
    int64_t first =
        options->wait_ms && options->wait_ms < REMOTE_FIRST_MS ? options->wait_ms : REMOTE_FIRST_MS;
    if (!answer && now - remote->asked_at >= first) {
        tell_unanswered(remote, (double)first / 1000);
        cli_run_end(&remote->run, CLI_TIMEOUT);
    } else if (answer && options->wait_ms && now - remote->asked_at >= options->wait_ms &&
               !remote->timed_out) {
        remote->timed_out = true;
        cli_error("timed out after %g s: stopping the command", (double)options->wait_ms / 1000);
        stop(remote, SIGTERM);
    } else if (answer && now - answer->heard_at >= REMOTE_SILENCE_MS) {
        cli_error("nothing was heard of %s for %d s: the command may still run", remote->device,
                  REMOTE_SILENCE_MS / 1000);
        cli_run_end(&remote->run, CLI_TIMEOUT);
    }
}

static void check_time(remote_state *remote)
{
    int64_t now = cli_run_now();
    if (remote->stop_until && (now >= remote->stop_until || !remote->count)) {
        if (open_answers(remote) || !remote->count)
            cli_error("%s",
                      remote->count ? "it did not end: the command may still run" : "interrupted: no answer");
        cli_run_end(&remote->run, remote->timed_out ? CLI_TIMEOUT : 128 + remote->stop_signal);
    }
    if (remote->device)
        check_one(remote, now);
    else
        check_all(remote, now);
    for (size_t i = 0; i < remote->count; i++) /* the reader has gone */
        if (remote->answers[i].unwritable && !remote->answers[i].ended && !remote->stop_until)
            stop(remote, SIGTERM);
}

static int64_t next_time(const remote_state *remote)
{
    int64_t when = cli_run_now() + 250; /* all that is not counted in milliseconds */
    for (size_t i = 0; i < remote->count; i++)
        if (remote_answer_when(&remote->answers[i]) < when)
            when = remote_answer_when(&remote->answers[i]);
    return when;
}

/* ---- The run ------------------------------------------------------------------------------------ */

static void go_on(remote_state *remote)
{
    struct pollfd fds[2];
    mqtt_e2e_part piece;
    nfds_t count = 0;
    int fd;
    bool input = remote_input_wanted(remote);
    if (input)
        fds[count++] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    if (remote->device && remote->count && remote->answers[0].storage &&
        mqtt_e2e_inbox_peek(&remote->answers[0].inbox, &piece) &&
        !remote_output_ready(remote, piece.type, &fd))
        fds[count++] = (struct pollfd){.fd = fd, .events = POLLOUT};
    if (!cli_run_step(&remote->run, fds, count, cli_run_until(next_time(remote))))
        return;
    if (remote->run.interrupted) {
        remote->run.interrupted = false; /* the loop goes on: the command is to be stopped first */
        stop(remote, remote->run.signal);
    }
    if (input && fds[0].revents)
        remote_input_read(remote);
    remote_input_turn(remote);
    for (size_t i = 0; i < remote->count; i++)
        remote_answer_turn(remote, &remote->answers[i]);
    check_time(remote);
}

static bool ask(remote_state *remote, cli_options *options)
{
    static char payload[65536];
    mqtt_e2e_error error;
    size_t skip = remote->device ? 1 : 0;
    size_t len = mqtt_e2e_words_write((const char *const *)(options->words + skip),
                                      options->word_count - skip, payload, sizeof payload);
    if (len == 0)
        cli_error("the command is too long: up to %zu bytes", sizeof payload);
    else if (!mqtt_e2e_client_request(remote->run.client, remote->topic, payload, len, 1, DAYS_30, on_reply,
                                      remote, &error))
        cli_tell(&error);
    else
        len = 0;
    explicit_bzero(payload, sizeof payload);
    if (len != 0)
        cli_run_end(&remote->run, CLI_FAILED);
    return !remote->run.over;
}

static int run(remote_state *remote, cli_options *options)
{
    remote->run.options = options;
    remote->answers = answers;
    remote->device = options->all_replies ? NULL : options->words[0];
    const char *name = remote->device ? remote->device : "all";
    if (strlen(name) > REMOTE_NAME_MAX)
        return cli_usage_error("run", "the device's name '%s' is too long: up to %d bytes", name,
                               REMOTE_NAME_MAX);
    if (remote->device && strcmp(name, "all") == 0)
        return cli_usage_error("run", "no device is named 'all': --all asks every one");
    snprintf(remote->topic, sizeof remote->topic, "command/%s", name);
    int code = cli_check_topic("run", remote->topic);
    if (code != CLI_OK || !remote_input_open(remote))
        return code != CLI_OK ? code : CLI_FAILED;
    options->client.on_published = on_published;
    options->client.session.floor_given = true; /* see request.c */
    options->client.session.floor_ms = 0;
    options->client.session.longest_packet = 128 * 1024;
    if (!cli_run_start(&remote->run, options, CLI_ONCE_CONNECTED))
        return cli_run_stop(&remote->run);
    remote->asked_at = cli_run_now();
    if (ask(remote, options))
        while (!remote->run.over)
            go_on(remote);
    if (!remote->device && remote->count)
        tell_summary(remote);
    if (options->debug)
        cli_tell_counts(remote->run.client);
    if (remote->run.was_connected)
        mqtt_e2e_client_drain(remote->run.client, 1000);
    return cli_run_stop(&remote->run);
}

int cli_remote(int argc, char **argv)
{
    static cli_options options;
    static remote_state remote;
    int code = cli_options_parse(&options, CLI_FOR_RUN, argc, argv);
    if (code == CLI_OK && !options.help)
        code = run(&remote, &options);
    for (size_t i = 0; i < remote.count; i++) {
        free(answers[i].storage);
        free(answers[i].line[0]);
        free(answers[i].line[1]);
    }
    free(remote.input_storage);
    cli_options_free(&options);
    return code;
}
