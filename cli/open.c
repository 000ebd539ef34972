/* SPDX-License-Identifier: MIT */
/* mqtt-e2e open: lines `WIRETOPIC HEX` to JSON, through one session. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "filter.h"
#include "line.h"

const char cli_open_help[] =
    "Usage: mosquitto_sub -t '#' -F '%t %x' | mqtt-e2e open [OPTION]...\n"
    "\n"
    "Reads lines WIRETOPIC HEX, opens them all in one session, and prints a JSON\n"
    "object a line, of refused packets too. Its status says why: own, replay, forged,\n"
    "malformed, unsupported, unasked, no_clock, stale or future; the last two with\n"
    "off_by_ms, by how much. A line of another form is malformed. The hex is what\n"
    "follows the last space.\n"
    "\n"
    "      --now MS           a fixed clock, in milliseconds since 1970 (default: the\n"
    "                         system's)\n"
    "      --clock-skew SPAN  how old a message may be (default 5m; toit: 15s)\n"
    "      --clock-lead SPAN  how far its sender's clock may be ahead (default 10s;\n"
    "                         toit: 15s)\n"
    "      --floor MS         refuse what was sealed at this time or before (default\n"
    "                         0). Another run accepts the same packets again, unless\n"
    "                         its floor says otherwise\n"
    "      --window N         how far messages may overtake each other: a multiple of\n"
    "                         64 (default 64)\n"
    "      --streams N        senders remembered (default 4096)\n"
    "      --lasting          hand on old lasting messages too, marked \"old\":true\n"
    "      --base BASE        what all topics start with (default: the key file's);\n"
    "                         '' is nothing\n"
    "      --plain-topics     topic names are visible\n"
    "      --profile 1|toit   what is spoken (default: the key file's, else 1); toit:\n"
    "                         as the Toit library mqtt-e2e, with its weaknesses\n"
    "  -K, --secret FILE      the key file (default: $MQTT_E2E_KEY_FILE, else\n"
    "                         ~/.config/mqtt-e2e/key)\n"
    "\n"
    "A SPAN is in seconds, or has a unit: 300, 300s, 15000ms, 5m, 1h.\n";

enum { CLOCK_SKEW = CLI_FILTER_OWN, CLOCK_LEAD, FLOOR, WINDOW, STREAMS, LASTING };

static const struct option longs[] = {CLI_FILTER_LONGS,
                                      {"clock-skew", required_argument, NULL, CLOCK_SKEW},
                                      {"clock-lead", required_argument, NULL, CLOCK_LEAD},
                                      {"floor", required_argument, NULL, FLOOR},
                                      {"window", required_argument, NULL, WINDOW},
                                      {"streams", required_argument, NULL, STREAMS},
                                      {"lasting", no_argument, NULL, LASTING},
                                      {NULL, 0, NULL, 0}};

static bool set_span(const char *option, uint32_t *ms)
{
    int64_t span;
    if (!cli_parse_span("open", option, optarg, CLI_CLOCK_MAX_MS, &span))
        return false;
    *ms = (uint32_t)span;
    return true;
}

static bool set_window(mqtt_e2e_options *options)
{
    int64_t number;
    if (!cli_parse_number("open", "--window", optarg, 64, 65472, &number))
        return false;
    options->window = (uint16_t)number;
    if (number % 64)
        cli_usage_error("open", "--window must be a multiple of 64, not '%s'", optarg);
    return number % 64 == 0;
}

static bool set_streams(mqtt_e2e_options *options)
{
    int64_t number;
    if (!cli_parse_number("open", "--streams", optarg, 1, 32767, &number))
        return false;
    options->streams = (uint16_t)number;
    return true;
}

static bool set(cli_filter *filter, int option)
{
    mqtt_e2e_options *options = &filter->options;
    switch (option) {
    case CLOCK_SKEW:
        return set_span("--clock-skew", &options->clock_skew_ms);
    case CLOCK_LEAD:
        return set_span("--clock-lead", &options->clock_lead_ms);
    case FLOOR:
        return cli_parse_number("open", "--floor", optarg, 0, INT64_MAX, &options->floor_ms);
    case WINDOW:
        return set_window(options);
    case STREAMS:
        return set_streams(options);
    case LASTING:
        options->lasting_topics = CLI_LASTING_TOPICS;
        return true;
    default:
        return cli_filter_option(filter, option);
    }
}

static int parse_options(cli_filter *filter, int argc, char **argv)
{
    int option;
    cli_filter_init(filter, "open");
    filter->options.streams = CLI_STREAMS;
    filter->options.floor_given = true;
    while ((option = cli_getopt("open", argc, argv, ":" CLI_FILTER_LETTERS, longs)) != -1)
        if (!set(filter, option))
            return CLI_USAGE;
    if (optind < argc)
        return cli_usage_error("open", "'%s' is one argument too many: the lines come from standard input",
                               argv[optind]);
    if (filter->secret && strcmp(filter->secret, "-") == 0)
        return cli_usage_error("open", "standard input can't be both the key and the packets");
    return CLI_OK;
}

/* A line that is not of the form: which, and why. */
static bool print_malformed(uint64_t number, const char *why)
{
    json_t *object =
        json_pack("{s:s, s:I, s:s}", "status", "malformed", "line", (json_int_t)number, "error", why);
    bool fine = object && json_dumpf(object, stdout, JSON_COMPACT) == 0;
    json_decref(object);
    if (!fine)
        cli_error("out of memory");
    putchar('\n');
    return cli_flush() && fine;
}

static bool open_packet(cli_filter *filter, const cli_packet *packet, char *name)
{
    mqtt_e2e_topic topic;
    mqtt_e2e_message message;
    memset(&message, 0, sizeof message);
    mqtt_e2e_reveal(filter->session, packet->topic, packet->topic_len, name, packet->topic_len + 1, &topic);
    mqtt_e2e_delivery delivery = {
        .message = &message, .wire_topic = packet->topic, .packet_len = packet->packet_len};
    delivery.status = mqtt_e2e_open(filter->session, &topic, packet->packet, packet->packet_len,
                                    packet->packet, packet->packet_len, cli_filter_now(filter), &message);
    if (delivery.status == MQTT_E2E_CRYPTO_FAILED || delivery.status == MQTT_E2E_NO_ROOM) {
        cli_error("cannot open a packet of %zu bytes: %s", packet->packet_len,
                  mqtt_e2e_status_text(delivery.status));
        return false;
    }
    if (!message.topic.data && topic.name) { /* of a refused packet it is what the broker says, no more */
        message.topic.data = topic.name;
        message.topic.len = topic.name_len;
    }
    return cli_json_message(&delivery);
}

static bool open_line(cli_filter *filter, cli_line *line, uint64_t number, char *name)
{
    cli_packet packet;
    const char *wrong =
        line->too_long ? "longer than any MQTT packet" : cli_line_parse(line->data, line->len, &packet);
    return wrong ? print_malformed(number, wrong) : open_packet(filter, &packet, name);
}

static bool open_lines(cli_filter *filter)
{
    const size_t longest = MQTT_E2E_TOPIC_MAX + 2 + 2 * (size_t)MQTT_E2E_PAYLOAD_MAX;
    static char name[MQTT_E2E_TOPIC_MAX + 1];
    cli_line line = {0};
    bool fine = true;
    int got;
    for (uint64_t number = 1; fine && (got = cli_line_read(stdin, &line, longest)) == 1; number++)
        fine = open_line(filter, &line, number, name);
    if (fine && got < 0) {
        cli_error("cannot read standard input: %s", strerror(errno));
        fine = false;
    }
    if (line.data)
        explicit_bzero(line.data, line.size);
    free(line.data);
    return fine;
}

int cli_open(int argc, char **argv)
{
    static cli_filter filter;
    int code = parse_options(&filter, argc, argv);
    if (code == CLI_OK)
        code = cli_filter_start(&filter);
    if (code == CLI_OK)
        code = open_lines(&filter) ? CLI_OK : CLI_FAILED;
    cli_filter_end(&filter);
    return code;
}
