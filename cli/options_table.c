/* SPDX-License-Identifier: MIT */
/* The table of options, and the help from it. */
#include <string.h>

#include "options_table.h"

#define PUB         CLI_FOR_PUB
#define SUB         CLI_FOR_SUB
#define REQUEST     CLI_FOR_REQUEST
#define AGENT       CLI_FOR_AGENT
#define RUN         CLI_FOR_RUN
#define SENDERS     (PUB | REQUEST)
#define HEARERS     (SUB | REQUEST)
#define TALKERS     (PUB | SUB | REQUEST)
#define DEVICES     CLI_FOR_DEVICES
#define SHELL       CLI_FOR_SHELL
#define CONTROLLERS (RUN | DEVICES | SHELL)
#define REMOTE      (AGENT | RUN | DEVICES | SHELL)
#define ALL         (TALKERS | REMOTE | CLI_FOR_DOCTOR)

#define AT(field)              offsetof(cli_options, field), 0, 0, NULL
#define RANGE(field, min, max) offsetof(cli_options, field), min, max, NULL
#define BY(setter)             0, 0, 0, setter
#define NONE                   0, 0, 0, NULL
#define DAY                    86400000

static const char why_will[] = "a will is sealed now and sent later: it would be stale when it is sent";
static const char why_psk[] = "use certificates (--cafile); the messages are sealed with a key of their own";
static const char why_engine[] = "TLS keys are read from PEM files only";
static const char why_tls[] = "the best that both ends know is taken, TLS 1.2 at least";

/* clang-format off */
const cli_row cli_rows[] = {
    {HEADING, ALL, 0, NULL, NULL, "Key", NONE},
    {TEXT, ALL, 'K', "secret", "FILE", "the key file (default: $MQTT_E2E_KEY_FILE, else\n"
     "~/.config/mqtt-e2e/key); - is standard input", AT(secret)},
    {TEXT, CONTROLLERS, 0, "devices", "FILE", "names of devices that have keys of their own (default: the\n"
     "key file's name and .devices); or: none", AT(devices)},

    {HEADING, TALKERS, 0, NULL, NULL, "Messages", NONE},
    {LIST, SENDERS, 't', "topic", "TOPIC", "where to publish", AT(topics)},
    {LIST, SUB, 't', "topic", "FILTER", "what to subscribe to, + and # allowed; may be repeated", AT(topics)},
    {SET, SENDERS, 'm', "message", "TEXT", "this is the message", BY(cli_set_source)},
    {SET, SENDERS, 'f', "file", "FILE", "the content of a file is the message; - is standard input", BY(cli_set_source)},
    {SET, PUB, 'l', "stdin-line", NULL, "each line of standard input is a message, sent as it comes", BY(cli_set_source)},
    {SET, SENDERS, 's', "stdin-file", NULL, "all of standard input is the message", BY(cli_set_source)},
    {SET, SENDERS, 'n', "null-message", NULL, "the message is empty", BY(cli_set_source)},
    {INT, TALKERS, 'q', "qos", "0|1|2", "quality of service (default 0)", RANGE(qos, 0, 2)},
    {FLAG, PUB, 'r', "retain", NULL, "a lasting message: the broker keeps the last one of a topic", AT(retain)},
    {UINT32, PUB, 0, "repeat", "N", "send the message N times", RANGE(repeat, 1, INT32_MAX)},
    {SPAN64, PUB, 0, "repeat-delay", "SECONDS", "wait between them", RANGE(repeat_delay_ms, 0, 1000 * (int64_t)DAY)},
    {SPAN64, PUB, 'W', "timeout", "SECONDS", "keep trying for so long, then exit with 27 (default: each\n"
     "broker once)", RANGE(wait_ms, 1, 1000 * (int64_t)DAY)},
    {SPAN64, SUB, 'W', "timeout", "SECONDS", "exit with 27 after so long", RANGE(wait_ms, 1, 1000 * (int64_t)DAY)},
    {SPAN64, REQUEST, 'W', "timeout", "SECONDS", "wait so long for a reply, then exit with 27 (default 10)",
     RANGE(wait_ms, 1, DAY)},
    {UINT32, REQUEST, 0, "replies", "N", "wait for N replies (default 1)", RANGE(replies, 1, INT32_MAX)},
    {FLAG, REQUEST, 0, "all", NULL, "print every reply that comes within -W", AT(all_replies)},
    {UINT32, SUB, 'C', "count", "N", "exit after N messages", RANGE(count, 1, INT32_MAX)},
    {LIST, SUB, 'T', "filter-out", "FILTER", "do not print what matches; may be repeated", AT(filter_out)},
    {LIST, SUB, 'U', "unsubscribe", "FILTER", "unsubscribe (of a session kept with -c); may be repeated", AT(unsubscribe)},
    {FLAG, SUB, 'R', "no-retained", NULL, "do not print what the broker had kept", AT(no_retained)},
    {FLAG, SUB, 0, "retained-only", NULL, "print only what the broker had kept, old ones too, and exit\n"
     "at the first other message", AT(retained_only)},
    {FLAG, SUB, 0, "lasting", NULL, "also hand on lasting messages from before the start,\n"
     "marked [old]", AT(lasting)},
    {TEXT, SUB, 0, "state", "FILE", "keep there over restarts what was seen (default, for one\n"
     "that goes on or has -c: in ~/.local/state/mqtt-e2e); or: none", AT(state)},
    {FLAG, SUB, 'E', "exit-after-subscribing", NULL, "exit once the broker has taken all subscriptions",
     AT(exit_after_subscribing)},
    {SET, SUB, 0, "random-filter", "PERCENT", "print only so many of the messages, by chance", BY(cli_set_random)},

    {HEADING, AGENT, 0, NULL, NULL, "Commands", NONE},
    {TEXT, AGENT, 0, "name", "NAME", "the agent's: it listens on command/NAME (default: the key\n"
     "file's, else the host name)", AT(given.name)},
    {LIST, AGENT, 0, "command", "NAME=PROGRAM", "a command, and the program that is run for it; may be repeated", AT(programs)},
    {TEXT, AGENT, 0, "commands", "DIR", "every executable in this directory is a command", AT(commands_dir)},
    {SPAN64, AGENT, 0, "time-limit", "SECONDS", "end a command after so long (default 1h)",
     RANGE(time_limit_ms, 1, 1000 * (int64_t)DAY)},
    {UINT32, AGENT, 0, "output-limit", "MIB", "end a command that writes more (default 64)",
     RANGE(output_limit, 1, INT32_MAX)},
    {UINT32, AGENT, 0, "memory-limit", "MIB", "of data, for each process of a command (default 1024)",
     RANGE(memory_limit, 1, INT32_MAX)},
    {UINT32, AGENT, 0, "max-commands", "N", "that run at the same time (default 8)", RANGE(max_commands, 1, 32)},
    {SPAN64, AGENT, 0, "heartbeat", "SECONDS", "say so often that we are here (default 60); 0: not by itself",
     RANGE(heartbeat_ms, 0, 1000 * (int64_t)DAY)},
    {TEXT, AGENT, 0, "user", "NAME", "become this user", AT(run_as)},
    {TEXT, AGENT, 0, "audit", "FILE", "append there who asked for what, and how it ended (default:\n"
     "standard error)", AT(audit)},
    {FLAG, AGENT, 0, "audit-args", NULL, "the arguments of commands too", AT(audit_arguments)},
    {TEXT, AGENT, 0, "state", "FILE", "keep there over restarts what was seen (default: in\n"
     "~/.local/state/mqtt-e2e); or: none", AT(state)},
    {FLAG, AGENT, 0, "service", NULL, "print a systemd unit for an agent with these options, and exit", AT(service)},

    {HEADING, RUN, 0, NULL, NULL, "Command", NONE},
    {FLAG, RUN, 0, "all", NULL, "every device; there is no DEVICE among the arguments then", AT(all_replies)},
    {FLAG, RUN, 0, "stdin", NULL, "pass standard input on, also if it is a terminal", AT(pass_input)},
    {SPAN64, RUN, 'W', "timeout", "SECONDS", "stop the command after so long, and exit with 27; with --all:\n"
     "how long to wait for further devices (default 2)", RANGE(wait_ms, 1, DAY)},

    {HEADING, SHELL, 0, NULL, NULL, "Commands", NONE},
    {SPAN64, SHELL, 'W', "timeout", "SECONDS", "how long a device may take until its first sign (default 10)",
     RANGE(wait_ms, 1, DAY)},
    {TEXT, SHELL, 0, "history", "FILE", "keep what was typed there (default: in ~/.local/state/mqtt-e2e);\n"
     "or: none", AT(history)},

    {HEADING, ALL, 0, NULL, NULL, "Output", NONE},
    {SPAN64, DEVICES, 'W', "timeout", "SECONDS", "listen for so long (default 2)", RANGE(wait_ms, 1, DAY)},
    {FLAG, DEVICES, 0, "json", NULL, "print each device as a JSON object on one line", AT(json)},
    {FLAG, RUN, 0, "json", NULL, "print each part of the answer as a JSON object on one line", AT(json)},
    {FLAG, CLI_FOR_DOCTOR, 0, "json", NULL, "print the report as one JSON object", AT(json)},
    {SPAN64, CLI_FOR_DOCTOR, 'W', "timeout", "SECONDS", "wait so long in each step (default 5)",
     RANGE(wait_ms, 1, DAY)},
    {FLAG, HEARERS, 'v', "verbose", NULL, "print the topic before the message", AT(verbose)},
    {FLAG, SHELL, 'v', "verbose", NULL, "tell what each answer took also where there is no terminal", AT(verbose)},
    {SET, HEARERS, 'F', "format", "FORMAT", "print in this form: see 'Format' above", BY(cli_set_format)},
    {FLAG, HEARERS, 'N', "no-newline", NULL, "no line end after each message", AT(no_newline)},
    {FLAG, HEARERS, 0, "json", NULL, "print each message as a JSON object on one line", AT(json)},
    {FLAG, HEARERS, 0, "pretty", NULL, "JSON on several lines", AT(pretty)},
    {FLAG, ALL, 'd', "debug", NULL, "tell on standard error what happens, refused messages\n"
     "and their counts included", AT(debug)},
    {FLAG, ALL, 0, "quiet", NULL, "no error messages", AT(quiet)},
    {FLAG, ALL, 0, "help", NULL, "this text", AT(given.help)},

    {HEADING, ALL, 0, NULL, NULL, "Broker", NONE},
    {SET, ALL, 'h', "host", "HOST[:PORT],...", "brokers, all used at the same time; IPv6 as [::1]:1883; with\n"
     "mqtts:// in front by TLS (default: those of the key file,\n"
     "else localhost)", BY(cli_set_hosts)},
    {UINT16, ALL, 'p', "port", "PORT", "port where -h names none (default 1883, with TLS 8883)", RANGE(given.port, 1, 65535)},
    {TEXT, ALL, 'u', "username", "NAME", "user name at the broker", AT(given.user)},
    {SET, ALL, 'P', "pw", "SOURCE", "its password: file:PATH (first line) or env:NAME", BY(cli_set_password)},
    {SET, ALL, 'L', "url", "URL", "mqtt[s]://[user@]host[:port]/topic, all at once", BY(cli_set_url)},
    {TEXT, ALL, 'i', "id", "ID", "client id (default: random)", AT(client.client_id)},
    {TEXT, ALL, 'I', "id-prefix", "PREFIX", "client id of this and the process id", AT(given.id_prefix)},
    {TEXT, TALKERS, 0, "name", "NAME", "name of the node: with -c its client id is made from it and the\n"
     "key", AT(given.name)},
    {FLAG, TALKERS, 'c', "disable-clean-session", NULL, "the broker keeps the session while we are away; needs\n"
     "-i or --name", AT(client.persistent)},
    {SET, TALKERS, 'x', "session-expiry", "SECONDS", "for so long, MQTT 5 (-1 = for ever)", BY(cli_set_expiry)},
    {SET, ALL, 'V', "protocol-version", "5|311|31", "MQTT version (default 311)", BY(cli_set_version)},
    {UINT16, ALL, 'k', "keepalive", "SECONDS", "between signs of life (default 60)", RANGE(client.keep_alive, 5, 65535)},
    {UINT16, PUB, 'M', "max-inflight", "N", "messages of QoS 1 and 2 under way (default 100; of QoS 2\n"
     "at most 20, but with -V 5)",
     RANGE(client.inflight, 1, 65535)},
    {SIZE, PUB, 0, "queue", "N", "messages held while the broker is away (default 1000)",
     RANGE(client.queue_messages, 1, INT32_MAX)},
    {TEXT, PUB, 0, "spool", "DIR", "keep messages of QoS 1 and 2 there until acknowledged, over a\n"
     "crash or reboot, and first send what is left there", AT(client.spool_dir)},
    {FLAG, PUB, 0, "drop-oldest", NULL, "when queue or spool is full, drop the oldest message", AT(client.drop_oldest)},
    {TEXT, ALL, 'A', "bind-address", "ADDRESS", "local address to connect from", AT(client.bind_address)},
    {SET, ALL, 0, "proxy", "URL", "socks5h://[user@]host[:port]; with a password: file:PATH\n"
     "or env:NAME that holds the URL", BY(cli_set_proxy)},
    {FLAG, ALL, 0, "nodelay", NULL, "always so", AT(given.nothing)},

    {HEADING, ALL, 0, NULL, NULL, "TLS", NONE},
    {FLAG, ALL, 0, "tls", NULL, "TLS, checked against the system's certificates", AT(given.tls)},
    {FLAG, ALL, 0, "tls-use-os-certs", NULL, "the same", AT(given.tls)},
    {TEXT, ALL, 0, "cafile", "FILE", "TLS, checked against these certificates", AT(client.ca_file)},
    {TEXT, ALL, 0, "capath", "DIR", "TLS, checked against those in a directory", AT(given.ca_path)},
    {TEXT, ALL, 0, "cert", "FILE", "our certificate, if the broker wants one", AT(client.cert_file)},
    {TEXT, ALL, 0, "key", "FILE", "its private key (not the mqtt-e2e key: that is -K)", AT(client.tls_key_file)},
    {FLAG, ALL, 0, "insecure", NULL, "do not check that the certificate names the broker", AT(client.insecure)},

    {HEADING, ALL, 0, NULL, NULL, "Sealing", NONE},
    {UINT16, SENDERS | REMOTE, 0, "pad", "N", "shorter messages all look N bytes long (default 50)",
     RANGE(client.session.pad_size, 0, 65535)},
    {FLAG, SENDERS | REMOTE, 0, "padme", NULL, "hide the length of longer ones too, at up to 12 %", AT(client.session.padme)},
    {SPAN32, PUB, 0, "clock-skew", "SECONDS", "how old a message may be for its receivers (default 300;\n"
     "toit: 15): "
     "after half of it, what is to be sent again is sealed anew",
     RANGE(client.session.clock_skew_ms, 0, CLI_CLOCK_MAX_MS)},
    {SPAN32, ALL & ~PUB, 0, "clock-skew", "SECONDS", "how old a message may be (default 300; toit: 15)",
     RANGE(client.session.clock_skew_ms, 0, CLI_CLOCK_MAX_MS)},
    {SPAN32, ALL & ~PUB, 0, "clock-lead", "SECONDS", "how far its sender's clock may be ahead (default 10; toit: 15)",
     RANGE(client.session.clock_lead_ms, 0, CLI_CLOCK_MAX_MS)},
    {INT64, ALL, 0, "clock-offset", "MS", "added to this machine's clock",
     RANGE(client.clock_offset_ms, -(INT64_C(1) << 45), INT64_C(1) << 45)},
    {FLAG, HEARERS | AGENT, 0, "strict-start", NULL, "refuse also what fast clocks sealed before we started",
     AT(client.session.strict_start)},
    {UINT16, HEARERS | AGENT, 0, "window", "N", "how far messages may overtake each other: a multiple\n"
     "of 64 (default 4096)", RANGE(client.session.window, 64, 65472)},
    {UINT16, HEARERS | AGENT, 0, "streams", "N", "senders remembered (default 4096)", RANGE(client.session.streams, 1, 32767)},
    {FLAG, SUB, 0, "time-source", NULL, "tell the time to nodes that have no clock and ask",
     AT(client.time_source)},
    {TEXT, ALL, 0, "base", "TOPIC", "what all topics start with (default: from the key)", AT(given.base)},
    {TEXT, ALL & ~PUB, 0, "prefix", "TEXT", "what a bridge puts before all topics, slash included",
     AT(client.session.prefix)},
    {FLAG, ALL, 0, "plain-topics", NULL, "topic names are visible to the broker", AT(given.plain_topics)},
    {TEXT, ALL & ~(SUB | AGENT), 0, "profile", "1|toit", "what is spoken (default: the key file's, else 1); toit: as the\n"
     "Toit library mqtt-e2e, with its weaknesses", AT(given.profile)},
    {TEXT, SUB | AGENT, 0, "profile", "1|toit|toit,1", "what is spoken (default: the key file's, else 1); toit: as the\n"
     "Toit library mqtt-e2e, with its weaknesses; toit,1: both, to\n"
     "move a fleet from one to the other", AT(given.profile)},

    {HEADING, ALL, 0, NULL, NULL, "Of mosquitto's options, these can't be had", NONE},
    {REFUSED, ALL, 0, "will-topic", NULL, why_will, NONE},
    {REFUSED, ALL, 0, "will-payload", NULL, why_will, NONE},
    {REFUSED, ALL, 0, "will-qos", NULL, why_will, NONE},
    {REFUSED, ALL, 0, "will-retain", NULL, why_will, NONE},
    {REFUSED, ALL, 'D', "property", NULL, "properties of MQTT 5 would travel unsealed, and nothing does", NONE},
    {REFUSED, SUB, 0, "remove-retained", NULL, "that takes an empty packet, unsealed, and nothing leaves unsealed;\n"
     "replace it: 'mqtt-e2e pub -r'; or see 'mqtt-e2e help sub'", NONE},
    {REFUSED, SUB, 0, "retain-as-published", NULL, "the broker's flag proves nothing; a message's kind does: see --json", NONE},
    {REFUSED, REQUEST, 'e', "response-topic", NULL, "replies come to a topic of the protocol's own", NONE},
    {REFUSED, ALL, 0, "psk", NULL, why_psk, NONE},
    {REFUSED, ALL, 0, "psk-identity", NULL, why_psk, NONE},
    {REFUSED, ALL, 0, "tls-engine", NULL, why_engine, NONE},
    {REFUSED, ALL, 0, "tls-engine-kpass-sha1", NULL, why_engine, NONE},
    {REFUSED, ALL, 0, "keyform", NULL, why_engine, NONE},
    {REFUSED, ALL, 0, "tls-version", NULL, why_tls, NONE},
    {REFUSED, ALL, 0, "ciphers", NULL, why_tls, NONE},
    {REFUSED, ALL, 0, "tls-alpn", NULL, "give the broker a port of its own for MQTT", NONE},
    {REFUSED, ALL, 0, "unix", NULL, "give the broker a listener on localhost, and name it with -h", NONE},
    {REFUSED, ALL, 'S', "srv", NULL, "name the brokers: -h A,B", NONE},
};
/* clang-format on */

const size_t cli_row_count = sizeof cli_rows / sizeof cli_rows[0];
_Static_assert(sizeof cli_rows / sizeof cli_rows[0] <= CLI_ROWS_MAX,
               "getopt's lists have room for the table");

/* ---- Help --------------------------------------------------------------------------------------- */

enum { COLUMN = 32 }; /* where the explanations start */

static void print_wrapped(FILE *stream, const char *text, int column)
{
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1)
        fprintf(stream, "%.*s\n%*s", (int)(end - text), text, column, "");
    fprintf(stream, "%s\n", text);
}

static int print_names(FILE *stream, const cli_row *r)
{
    int n = r->letter ? fprintf(stream, "  -%c, --%s", r->letter, r->name)
                      : fprintf(stream, "      --%s", r->name);
    return n + (r->value ? fprintf(stream, " %s", r->value) : 0);
}

static void print_option(FILE *stream, const cli_row *r)
{
    int n = print_names(stream, r);
    if (n > COLUMN - 2) {
        fputc('\n', stream);
        n = 0;
    }
    fprintf(stream, "%*s", COLUMN - n, "");
    print_wrapped(stream, r->help, COLUMN);
}

/* Those that can't be had, with one reason under all that share it. */
static const cli_row *print_refused(FILE *stream, unsigned command, const cli_row *r)
{
    const char *why = r->help, *comma = "  ";
    for (; r < cli_rows + cli_row_count && r->help == why; r++)
        if (r->commands & command) {
            if (r->letter)
                fprintf(stream, "%s-%c", comma, r->letter);
            else
                fprintf(stream, "%s--%s", comma, r->name);
            comma = ", ";
        }
    fputs(":\n      ", stream);
    print_wrapped(stream, why, 6);
    return r - 1;
}

void cli_options_help(unsigned command, FILE *stream)
{
    for (const cli_row *r = cli_rows; r < cli_rows + cli_row_count; r++) {
        if (!(r->commands & command))
            continue;
        if (r->kind == HEADING)
            fprintf(stream, "\n%s%s%s\n", cli_paint(stream, CLI_BOLD), r->help, cli_paint(stream, CLI_PLAIN));
        else if (r->kind == REFUSED)
            r = print_refused(stream, command, r);
        else
            print_option(stream, r);
    }
}
