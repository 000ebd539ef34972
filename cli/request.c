/* SPDX-License-Identifier: MIT */
/* mqtt-e2e request: asks, and prints the reply. */
#include <stdlib.h>

#include "format.h"
#include "run.h"

const char cli_request_help[] = "Usage: mqtt-e2e request -t TOPIC {-m TEXT | -f FILE | -s | -n} [OPTION...]\n"
                                "\n"
                                "Publishes a request, prints the reply to it, and exits with 0; with 27 if "
                                "none comes in time. A reply is\n"
                                "bound to its request: no other can be passed off as one.\n"
                                "\n"
                                "    mqtt-e2e request -t iot/kitchen -m status\n"
                                "    mqtt-e2e request -t iot/all -m ping --all -W 3 -v\n"
                                "\n"
                                "Format (-F): as for sub; see 'mqtt-e2e help sub'.\n";

typedef struct {
    cli_run run; /* first: the context of the callbacks */
    void *payload;
    size_t len;
    uint32_t replies;
} state;

enum { TIMEOUT_MS = 10000 };

static bool on_reply(mqtt_e2e_client *client, mqtt_e2e_answer answer, const mqtt_e2e_delivery *delivery,
                     void *context)
{
    state *request = context;
    const cli_options *options = request->run.options;
    (void)client;
    if (answer == MQTT_E2E_TIMED_OUT) {
        bool enough = options->all_replies && request->replies > 0;
        cli_run_end(&request->run, enough ? CLI_OK : CLI_TIMEOUT);
        return false;
    }
    request->replies++;
    if (!cli_print(options, delivery))
        cli_run_end(&request->run, CLI_FAILED);
    else if (!options->all_replies && request->replies >= options->replies)
        cli_run_end(&request->run, CLI_OK);
    return !request->run.over;
}

static void on_published(mqtt_e2e_client *client, uint64_t ticket, const mqtt_e2e_error *error, void *context)
{
    state *request = context;
    (void)client;
    (void)ticket;
    if (error) {
        cli_tell(error);
        cli_run_end(&request->run, CLI_FAILED);
    }
}

static void tell_timeout(const state *request)
{
    const cli_options *options = request->run.options;
    uint64_t refused = cli_count_refused(request->run.client);
    double seconds = (double)options->wait_ms / 1000;
    char brokers[512];
    if (!request->run.was_connected) {
        cli_error("no connection to %s within %g s", cli_run_brokers(&request->run, brokers, sizeof brokers),
                  seconds);
        cli_hint("'mqtt-e2e doctor' looks closer");
        return;
    }
    if (request->replies) {
        cli_error("timed out after %g s: %lu of %lu replies came", seconds, (unsigned long)request->replies,
                  (unsigned long)options->replies);
        return;
    }
    cli_error("no reply within %g s", seconds);
    if (refused && !options->debug)
        cli_hint("%llu %s refused; -d tells why", (unsigned long long)refused,
                 refused == 1 ? "packet was" : "packets were");
    else
        cli_hint("is somebody with the same key listening on %s, and its clock right?",
                 options->topics.items[0]);
}

static void tell_end(const state *request)
{
    const cli_options *options = request->run.options;
    if (request->run.interrupted)
        cli_error("interrupted: no reply");
    if (request->run.code == CLI_TIMEOUT)
        tell_timeout(request);
    if (options->debug)
        cli_tell_counts(request->run.client);
}

static int run(state *request, cli_options *options)
{
    mqtt_e2e_error error;
    if (!cli_read_payload(options, &request->payload, &request->len))
        return CLI_FAILED;
    if (options->wait_ms == 0)
        options->wait_ms = TIMEOUT_MS;
    options->client.on_published = on_published;
    /* Replies name a request of this run's own stream, so none can be of an earlier one; and the clock of who answers may
     * be behind ours by more than we are old. */
    options->client.session.floor_given = true;
    options->client.session.floor_ms = 0;
    if (!cli_run_start(&request->run, options, CLI_IMPATIENT))
        return cli_run_stop(&request->run);
    if (!mqtt_e2e_client_request(request->run.client, options->topics.items[0], request->payload,
                                 request->len, options->qos, (uint32_t)options->wait_ms, on_reply, request,
                                 &error)) {
        cli_tell(&error);
        cli_run_end(&request->run, CLI_FAILED);
    }
    while (cli_run_step(&request->run, NULL, 0, -1) && !request->run.interrupted)
        ;
    tell_end(request);
    return cli_run_stop(&request->run);
}

int cli_request(int argc, char **argv)
{
    static cli_options options;
    static state request;
    int code = cli_options_parse(&options, CLI_FOR_REQUEST, argc, argv);
    if (code == CLI_OK && !options.help)
        code = run(&request, &options);
    if (request.payload)
        mqtt_e2e_wipe_memory(request.payload, request.len);
    free(request.payload);
    cli_options_free(&options);
    return code;
}
