/* SPDX-License-Identifier: MIT */
/* mqtt-e2e pub: publishes sealed messages, as mosquitto_pub does plain ones. */
#include <stdlib.h>
#include <unistd.h>

#include "lines.h"
#include "run.h"

const char cli_pub_help[] =
    "Usage: mqtt-e2e pub -t TOPIC {-m TEXT | -f FILE | -l | -s | -n} [OPTION...]\n"
    "\n"
    "Publishes messages, sealed with the key: the broker sees neither text nor topic nor length. Takes\n"
    "mosquitto_pub's options. Waits until the broker has acknowledged all (QoS 1 and 2).\n"
    "\n"
    "    mqtt-e2e pub -t iot/door -m open\n"
    "    mqtt-e2e pub -t iot/door/state -r -q 1 -m closed     # kept for those who come later\n"
    "    tail -f log | mqtt-e2e pub -t iot/log -l\n"
    "    sensor | mqtt-e2e pub -t iot/meter -q 1 -l --spool /var/spool/meter    # loses nothing\n";

typedef struct {
    cli_run run; /* first: the context of the callbacks */
    const char *topic;
    void *payload; /* where there is one message */
    size_t len;
    uint32_t sent; /* how often it was queued */
    int64_t next;  /* when to queue it again */
    cli_lines lines;
    bool by_lines;
    size_t under_way; /* messages queued and not published yet */
    bool failed;
    int64_t progress; /* when something was published last, or nothing was waiting */
} state;

static bool has_spool(const state *pub)
{
    return pub->run.options->client.spool_dir != NULL;
}

/* Messages that are not published yet; with a spool also those of earlier runs. */
static size_t left(const state *pub)
{
    return has_spool(pub) ? mqtt_e2e_client_queued(pub->run.client) : pub->under_way;
}

static void on_published(mqtt_e2e_client *client, uint64_t ticket, const mqtt_e2e_error *error, void *context)
{
    state *pub = context;
    (void)client;
    (void)ticket;
    if (error) {
        cli_tell(error);
        pub->failed = true;
    }
    pub->under_way--;
    pub->progress = cli_run_now();
    pub->next = pub->progress + pub->run.options->repeat_delay_ms;
}

/* False: the queue is full for now, or it can't be sent at all; then the run is over. */
static bool publish(state *pub, const void *data, size_t len)
{
    mqtt_e2e_error error;
    const cli_options *options = pub->run.options;
    pub->under_way++; /* on_published may come at once */
    if (mqtt_e2e_client_publish(pub->run.client, pub->topic, data, len, options->qos, options->retain, NULL,
                                &error))
        return true;
    pub->under_way--;
    if (left(pub) == 0) { /* not for want of room */
        cli_tell(&error);
        cli_run_end(&pub->run, CLI_FAILED);
    }
    return false;
}

static void publish_lines(state *pub)
{
    const char *line;
    size_t len;
    while (!pub->run.over &&
           (has_spool(pub) || pub->run.options->client.drop_oldest ||
            pub->under_way < pub->run.options->client.queue_messages) &&
           cli_lines_peek(&pub->lines, &line, &len) && publish(pub, line, len))
        cli_lines_take(&pub->lines, len);
}

/* Queues what may be queued now. */
static void feed(state *pub)
{
    if (left(pub) == 0)
        pub->progress = cli_run_now();
    if (pub->by_lines)
        publish_lines(pub);
    else if (pub->topic && pub->sent < pub->run.options->repeat && cli_run_now() >= pub->next &&
             (has_spool(pub) || pub->under_way == 0) && publish(pub, pub->payload, pub->len)) {
        pub->sent++;
        pub->next = cli_run_now() + pub->run.options->repeat_delay_ms;
    }
}

static bool all_queued(const state *pub)
{
    if (pub->by_lines)
        return cli_lines_done(&pub->lines);
    return !pub->topic || pub->sent == pub->run.options->repeat;
}

/* Milliseconds until there is something to do without the broker or standard input; -1 = nothing. */
static int64_t pause_of(const state *pub)
{
    const cli_options *options = pub->run.options;
    if (left(pub) == 0 || (has_spool(pub) && !pub->by_lines && !all_queued(pub)))
        return pub->by_lines ? -1 : cli_run_until(pub->next);
    return options->wait_ms ? cli_run_until(pub->progress + options->wait_ms) : -1;
}

/* One round: queues, waits, and reads further lines while there is room for them: what waits in the pipe holds up its writer,
 * and is not lost. */
static void go_on(state *pub)
{
    const char *line;
    size_t len;
    feed(pub);
    if (pub->run.over || (left(pub) == 0 && all_queued(pub))) {
        cli_run_end(&pub->run, pub->failed ? CLI_FAILED : CLI_OK);
        return;
    }
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    bool reads = pub->by_lines && !pub->lines.ended && !cli_lines_peek(&pub->lines, &line, &len);
    cli_run_step(&pub->run, &input, reads, pause_of(pub));
    if (reads && input.revents && !pub->run.over && !cli_lines_read(&pub->lines, STDIN_FILENO)) {
        pub->failed = true; /* what was read still goes out */
        pub->lines.ended = true;
    }
}

/* What stays is safe in the spool, or lost. */
static void tell_left(const state *pub, const char *why, size_t count)
{
    bool one = count == 1;
    cli_error("%s: %zu %s not published%s", why, count, one ? "message was" : "messages were",
              !has_spool(pub) ? ""
              : one           ? ", and stays in the spool"
                              : ", and stay in the spool");
    if (has_spool(pub))
        cli_hint("'mqtt-e2e pub --spool %s' sends %s", pub->run.options->client.spool_dir,
                 one ? "it" : "them");
}

/* Lines that were read are nobody else's any more: into the spool with them, as far as it has room. Returns what waits. */
static size_t save_lines(state *pub)
{
    if (has_spool(pub) && pub->by_lines) {
        publish_lines(pub);
        mqtt_e2e_client_loop(pub->run.client); /* which writes */
    }
    return mqtt_e2e_client_queued(pub->run.client);
}

static void check_end(state *pub)
{
    const cli_options *options = pub->run.options;
    char why[64], brokers[512];
    size_t count = mqtt_e2e_client_queued(pub->run.client);
    if (pub->run.over) {
        if (has_spool(pub) && count)
            tell_left(pub, "ended", count);
        return;
    }
    if (pub->run.interrupted) {
        count = save_lines(pub);
        if (count)
            tell_left(pub, "interrupted", count);
        /* Lines without an end are stopped so; what was in the pipe is its writer's. */
        bool fine = pub->by_lines && !pub->failed && (count == 0 || has_spool(pub));
        cli_run_end(&pub->run, fine ? CLI_OK : CLI_FAILED);
    } else if (options->wait_ms && count && cli_run_until(pub->progress + options->wait_ms) == 0) {
        count = save_lines(pub);
        snprintf(why, sizeof why, "timed out after %g s", (double)options->wait_ms / 1000);
        tell_left(pub, why, count);
        if (!pub->run.was_connected)
            cli_hint("there was no connection to %s", cli_run_brokers(&pub->run, brokers, sizeof brokers));
        cli_run_end(&pub->run, CLI_TIMEOUT);
    }
}

static int run(state *pub, cli_options *options)
{
    pub->by_lines = options->source == CLI_LINES;
    pub->topic = options->topics.count ? options->topics.items[0] : NULL;
    if (!pub->by_lines && pub->topic && !cli_read_payload(options, &pub->payload, &pub->len))
        return CLI_FAILED;
    options->client.on_published = on_published;
    bool keeps =
        pub->by_lines && options->client.spool_dir; /* as long as lines may come, and nothing is lost */
    cli_patience patience = options->wait_ms || keeps ? CLI_PATIENT
                            : pub->by_lines           ? CLI_ONCE_CONNECTED
                                                      : CLI_IMPATIENT;
    pub->progress = cli_run_now();
    if (cli_run_start(&pub->run, options, patience))
        while (!pub->run.over) {
            go_on(pub);
            check_end(pub);
        }
    if (pub->run.code == CLI_OK && !pub->run.interrupted &&
        pub->run.client) /* one broker has it all; the others, which we reach, soon */
        mqtt_e2e_client_drain(pub->run.client, MQTT_E2E_LINGER_MS);
    return cli_run_stop(&pub->run);
}

int cli_pub(int argc, char **argv)
{
    static cli_options options;
    static state pub;
    int code = cli_options_parse(&options, CLI_FOR_PUB, argc, argv);
    if (code == CLI_OK && !options.help)
        code = run(&pub, &options);
    if (pub.payload)
        mqtt_e2e_wipe_memory(pub.payload, pub.len);
    free(pub.payload);
    cli_lines_free(&pub.lines);
    cli_options_free(&options);
    return code;
}
