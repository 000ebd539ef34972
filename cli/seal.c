/* SPDX-License-Identifier: MIT */
/* mqtt-e2e seal: messages to lines of hex, without a broker. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "line.h"
#include "topics.h"

const char cli_seal_help[] =
    "Usage: mqtt-e2e seal -t TOPIC [-l | -m TEXT | -f FILE | -n | -s] [OPTION]...\n"
    "\n"
    "Seals messages and prints, for each, a line WIRETOPIC HEX: what a broker would\n"
    "see. No broker is asked.\n"
    "\n"
    "  -t, --topic TOPIC   the topic\n"
    "  -m, --message TEXT  one message; everybody on this machine can read arguments:\n"
    "                      secrets go through -f, -s or -l\n"
    "  -f, --file FILE     one message: the content of a file; - is standard input\n"
    "  -s, --stdin-file    one message: all of standard input (default)\n"
    "  -l, --stdin-line    each line of standard input is a message, sealed as it\n"
    "                      comes; an empty line is an empty message\n"
    "  -n, --null-message  one empty message\n"
    "  -r, --retain        lasting messages, what MQTT calls retained\n"
    "      --kind KIND     message (default) or lasting, which is -r\n"
    "      --now MS        the time of sealing, in milliseconds since 1970 (default:\n"
    "                      the clock's)\n"
    "      --pad N         shorter messages all look N bytes long (default 50)\n"
    "      --padme         hide the length of longer ones too, at up to 12 %\n"
    "      --base BASE     what all topics start with (default: the key file's);\n"
    "                      '' is nothing\n"
    "      --plain-topics  topic names are visible\n"
    "      --profile 1|toit  what is spoken (default: the key file's, else 1); toit:\n"
    "                      as the Toit library mqtt-e2e, with its weaknesses\n"
    "  -K, --secret FILE   the key file (default: $MQTT_E2E_KEY_FILE, else\n"
    "                      ~/.config/mqtt-e2e/key); - is standard input\n";

enum { PAD = CLI_FILTER_OWN, PADME, KIND };

static const struct option longs[] = {CLI_FILTER_LONGS,
                                      {"topic", required_argument, NULL, 't'},
                                      {"message", required_argument, NULL, 'm'},
                                      {"file", required_argument, NULL, 'f'},
                                      {"stdin-file", no_argument, NULL, 's'},
                                      {"stdin-line", no_argument, NULL, 'l'},
                                      {"null-message", no_argument, NULL, 'n'},
                                      {"retain", no_argument, NULL, 'r'},
                                      {"pad", required_argument, NULL, PAD},
                                      {"padme", no_argument, NULL, PADME},
                                      {"kind", required_argument, NULL, KIND},
                                      {NULL, 0, NULL, 0}};

typedef struct {
    cli_filter filter;
    mqtt_e2e_topic topic;
    mqtt_e2e_kind kind;
    const char *name;  /* of the topic */
    const char *value; /* of -m and -f */
    char *wire, *hex;
    uint8_t *packet;
    size_t packet_size;
    char source; /* m, f, s, l, n; 0 = none given */
} job;

static bool set_kind(job *j, const char *value)
{
    if (strcmp(value, "message") == 0)
        j->kind = MQTT_E2E_MESSAGE;
    else if (strcmp(value, "lasting") == 0)
        j->kind = MQTT_E2E_LASTING;
    else
        cli_usage_error("seal", "--kind must be message or lasting, not '%s'", value);
    return j->kind == MQTT_E2E_LASTING || strcmp(value, "message") == 0;
}

static bool set_source(job *j, int letter)
{
    if (j->source && j->source != letter)
        cli_usage_error("seal", "-%c and -%c exclude each other", j->source, letter);
    else if (j->source && optarg)
        cli_usage_error("seal", "-%c is given twice", letter);
    else {
        j->source = (char)letter;
        j->value = optarg;
        return true;
    }
    return false;
}

static bool set(job *j, int option)
{
    int64_t number;
    switch (option) {
    case 't':
        if (j->name)
            cli_usage_error("seal", "-t is given twice");
        j->name = j->name ? NULL : optarg;
        return j->name != NULL;
    case 'm':
    case 'f':
    case 's':
    case 'l':
    case 'n':
        return set_source(j, option);
    case 'r':
        j->kind = MQTT_E2E_LASTING;
        return true;
    case KIND:
        return set_kind(j, optarg);
    case PADME:
        j->filter.options.padme = true;
        return true;
    case PAD:
        if (!cli_parse_number("seal", "--pad", optarg, 0, 65535, &number))
            return false;
        j->filter.options.pad_size = (uint16_t)number;
        return true;
    default:
        return cli_filter_option(&j->filter, option);
    }
}

static int parse_options(job *j, int argc, char **argv)
{
    int option;
    cli_filter_init(&j->filter, "seal");
    while ((option = cli_getopt("seal", argc, argv, ":t:m:f:slnr" CLI_FILTER_LETTERS, longs)) != -1)
        if (!set(j, option))
            return CLI_USAGE;
    if (optind < argc)
        return cli_usage_error("seal", "'%s' is one argument too many", argv[optind]);
    if (!j->name)
        return cli_usage_error("seal", "-t TOPIC is missing");
    bool reads_stdin = !j->source || j->source == 's' || j->source == 'l' ||
                       (j->source == 'f' && strcmp(j->value, "-") == 0);
    if (reads_stdin && j->filter.secret && strcmp(j->filter.secret, "-") == 0)
        return cli_usage_error("seal", "standard input can't be both the key and the message");
    return cli_check_topic("seal", j->name);
}

/* Makes room for a packet with `len` bytes of payload. */
static bool make_room(job *j, size_t len)
{
    size_t need = mqtt_e2e_sealed_size(j->filter.session, len);
    if (need <= j->packet_size)
        return true;
    free(j->packet);
    free(j->hex);
    j->packet = malloc(need);
    j->hex = malloc(2 * need + 1);
    j->packet_size = need;
    if (j->packet && j->hex)
        return true;
    cli_error("out of memory for a message of %zu bytes", len);
    return false;
}

static bool seal(job *j, const void *payload, size_t len)
{
    cli_filter *f = &j->filter;
    size_t n = 0;
    if (len > MQTT_E2E_PAYLOAD_MAX - MQTT_E2E_OVERHEAD) {
        cli_error("the message is over %d bytes long, which is all that MQTT takes",
                  MQTT_E2E_PAYLOAD_MAX - MQTT_E2E_OVERHEAD);
        return false;
    }
    if (f->options.profile == MQTT_E2E_PROFILE_TOIT && len > MQTT_E2E_TOIT_PAYLOAD_MAX) {
        cli_error("the message is %zu bytes long: the Toit profile takes %d at most", len,
                  MQTT_E2E_TOIT_PAYLOAD_MAX);
        return false;
    }
    if (!make_room(j, len))
        return false;
    mqtt_e2e_status status;
    do
        status = mqtt_e2e_seal(f->session, &j->topic, j->kind, payload, len, j->packet, j->packet_size,
                               cli_filter_now(f), &n);
    while (status == MQTT_E2E_EXHAUSTED && cli_filter_renew(f));
    if (status != MQTT_E2E_OK) {
        cli_error("cannot seal for the topic '%s': %s", j->name, mqtt_e2e_status_text(status));
        return false;
    }
    cli_hex(j->packet, n, j->hex);
    printf("%s %s\n", j->wire, j->hex);
    return cli_flush();
}

static bool seal_lines(job *j)
{
    cli_line line = {0};
    int got;
    bool fine = true;
    while (fine && (got = cli_line_read(stdin, &line, MQTT_E2E_PAYLOAD_MAX)) == 1)
        fine = seal(j, line.data, line.len);
    if (fine && got < 0) {
        cli_error("cannot read standard input: %s", strerror(errno));
        fine = false;
    }
    if (line.data)
        explicit_bzero(line.data, line.size);
    free(line.data);
    return fine;
}

/* All of a stream, at most one byte more than the longest payload. NULL: errno says why. */
static char *read_whole(FILE *in, size_t *len)
{
    size_t size = 65536;
    char *data = malloc(size), *more;
    *len = 0;
    while (data) {
        *len += fread(data + *len, 1, size - *len, in);
        if (ferror(in))
            break;
        if (*len < size || *len > MQTT_E2E_PAYLOAD_MAX)
            return data;
        if (!(more = realloc(data, size * 2)))
            break;
        data = more;
        size *= 2;
    }
    free(data);
    return NULL;
}

static bool seal_file(job *j, const char *path)
{
    bool from_stdin = strcmp(path, "-") == 0;
    FILE *in = from_stdin ? stdin : fopen(path, "rbe");
    size_t len;
    if (!in) {
        cli_error("cannot open '%s': %s", path, strerror(errno));
        return false;
    }
    char *data = read_whole(in, &len);
    bool fine = data != NULL;
    if (!fine)
        cli_error("cannot read %s%s%s: %s", from_stdin ? "" : "'", from_stdin ? "standard input" : path,
                  from_stdin ? "" : "'", strerror(errno));
    if (!from_stdin)
        fclose(in);
    fine = fine && seal(j, data, len);
    if (data)
        explicit_bzero(data, len);
    free(data);
    return fine;
}

static int prepare_topic(job *j)
{
    size_t levels = 1;
    const cli_filter *f = &j->filter;
    int code = cli_check_wire(j->name, f->options.base, f->options.plain_topics);
    if (code != CLI_OK)
        return code;
    for (const char *p = j->name; *p; p++)
        levels += *p == '/';
    size_t size = MQTT_E2E_WIRE_SIZE(strlen(mqtt_e2e_base(f->session)), strlen(j->name), levels);
    j->wire = malloc(size);
    if (!j->wire) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    mqtt_e2e_status status = mqtt_e2e_hide(f->session, j->name, j->wire, size, &j->topic);
    if (status != MQTT_E2E_OK) {
        cli_error("cannot hide the topic '%.100s': %s", j->name, mqtt_e2e_status_text(status));
        return CLI_FAILED;
    }
    return CLI_OK;
}

static int check_kind(const job *j)
{
    if (j->kind == MQTT_E2E_LASTING && j->filter.options.profile == MQTT_E2E_PROFILE_TOIT)
        return cli_usage_error("seal", "the Toit profile has no lasting (retained) messages");
    return CLI_OK;
}

static bool run(job *j)
{
    switch (j->source) {
    case 'm':
        return seal(j, j->value, strlen(j->value));
    case 'n':
        return seal(j, "", 0);
    case 'l':
        return seal_lines(j);
    default:
        return seal_file(j, j->source == 'f' ? j->value : "-");
    }
}

int cli_seal(int argc, char **argv)
{
    static job j;
    int code = parse_options(&j, argc, argv);
    if (code == CLI_OK)
        code = cli_filter_start(&j.filter);
    if (code == CLI_OK)
        code = check_kind(&j);
    if (code == CLI_OK)
        code = prepare_topic(&j);
    if (code == CLI_OK)
        code = run(&j) ? CLI_OK : CLI_FAILED;
    cli_filter_end(&j.filter);
    free(j.wire);
    free(j.packet);
    free(j.hex);
    return code;
}
