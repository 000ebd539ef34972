/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_CLIENT_H
#define MQTT_E2E_CLIENT_H
/*
 * The client for hosts: a session (session.h) joined to MQTT over libmosquitto.
 *
 * It connects and reconnects by itself, keeps plaintext in a bounded queue while it is offline and seals when
 * the message goes out, hides topics, opens what arrives, and calls back for what was accepted.
 *
 * It runs in the caller's loop, in one thread, and never calls back from another:
 *
 *     mqtt_e2e_client *client = mqtt_e2e_client_new(&options, &error);
 *     mqtt_e2e_client_subscribe(client, "iot/#", 1, on_message, NULL, &error);
 *     while (running)
 *         mqtt_e2e_client_wait(client, -1);
 *     mqtt_e2e_client_free(client);
 *
 * or, in a loop of your own: poll mqtt_e2e_client_fd for reading, at most mqtt_e2e_client_timeout
 * milliseconds, then call mqtt_e2e_client_loop.
 *
 * Strings and payloads given to a call are copied. What a callback is handed lives until it returns. Callbacks come from
 * within _loop, _wait and _drain only (on_debug: from any call), and may call any function here but
 * mqtt_e2e_client_free; _loop, _wait and _drain do nothing there, and what is published goes out after it returned.
 *
 * After a fork, a child that uses the client has one of its own: with a new stream, a new connection under a random
 * client id, the subscriptions, and none of the messages and requests of the parent's. Fork outside of callbacks.
 *
 * libmosquitto sets SIGPIPE to be ignored, for the whole process.
 *
 * A broker can make it allocate 256 MiB for one packet, before we see it (twice that, once it is there); with MQTT 5 it is told our limit,
 * and a hostile one does not care. What helps is a limit on the process's memory, setrlimit(RLIMIT_DATA): libmosquitto
 * ends the connection when it is refused the memory, and so do we, with MQTT_E2E_DISCONNECTED. The soft limit must be above what the process
 * uses (VmData in /proc/self/status), by several times options.session.longest_packet and the queue's bytes. The command line
 * does so: see cli/memory.c, and docs/RELIABILITY.md for what remains.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What went wrong, for people: what, with what value, and what to do next. Lower case, no full stop; `hint` may
 * be empty. Never holds a secret. */
typedef struct {
    char text[256];
    char hint[256];
} mqtt_e2e_error;

/* ---- Key files --------------------------------------------------------------------------------- */

#define MQTT_E2E_HOSTS_MAX 8

/* What MQTT goes over, on the way to one broker. */
typedef enum {
    MQTT_E2E_AS_SET, /* TCP, or TLS where the options, or the key file, say tls */
    MQTT_E2E_MQTT,   /* mqtt://: TCP */
    MQTT_E2E_MQTTS,  /* mqtts://: TLS */
    MQTT_E2E_WS,     /* ws://: WebSocket (path /mqtt), and */
    MQTT_E2E_WSS     /* wss://: over TLS; both need libmosquitto 2.1, when this library is built and run */
} mqtt_e2e_transport;

typedef struct {
    char name[256]; /* host name, or address without brackets */
    uint16_t port;  /* 0 = the default: 1883, 8883 with TLS, 80 and 443 for WebSocket */
    mqtt_e2e_transport transport;
} mqtt_e2e_host;

/* Whether the connection to a host is by TLS, and the port it is to; `tls` is the setting that MQTT_E2E_AS_SET goes by. */
static inline bool mqtt_e2e_host_tls(const mqtt_e2e_host *host, bool tls)
{
    return host->transport == MQTT_E2E_MQTTS || host->transport == MQTT_E2E_WSS ||
           (host->transport == MQTT_E2E_AS_SET && tls);
}

static inline uint16_t mqtt_e2e_host_port(const mqtt_e2e_host *host, bool tls)
{
    bool web = host->transport == MQTT_E2E_WS || host->transport == MQTT_E2E_WSS;

    tls = mqtt_e2e_host_tls(host, tls);
    return host->port != 0 ? host->port : web ? (tls ? 443 : 80) : tls ? 8883 : 1883;
}

/* What one line `mqtt-e2e://KEY@host:port,.../base?name=...&tls=1&user=...&password=...&plain=1&announce=...&profile=toit` sets
 * up. */
typedef struct {
    uint8_t key[32];
    size_t key_len; /* 16 or 32 */
    mqtt_e2e_host hosts[MQTT_E2E_HOSTS_MAX];
    size_t host_count; /* 0: none named, which means localhost */
    bool base_given;
    char base[256]; /* may be "" where given */
    char name[256]; /* "" = none */
    char user[256];
    char password[256];
    bool tls;
    bool plain_topics;
    char announce
        [512]; /* of a device with a key of its own: the wire topic on which who has the fleet's key hears of it (§7); "" = none */
    uint8_t profile; /* an mqtt_e2e_profile; of the Toit profile the key has 16 bytes */
    bool
        toit_too; /* profile=toit,1: the fleet is being moved from that to the protocol. mqtt_e2e_client_use takes the protocol; a
                    * second client, after mqtt_e2e_toit on its session's options, talks with the others */
    bool others_can_read; /* the file's mode lets group or others read it: warn */
} mqtt_e2e_config;

/* Reads the text of a key file: comments, and one line with a URI or a bare key (32 or 64 hex digits, or base64 or base64url of
 * 16 or 32 bytes). False: *error says why, *config is wiped. */
bool mqtt_e2e_config_parse(const char *text, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error);

/* The same from a file; `path` NULL takes the default place: $MQTT_E2E_KEY_FILE, else
 * $XDG_CONFIG_HOME/mqtt-e2e/key, else ~/.config/mqtt-e2e/key; "-" reads standard input. */
bool mqtt_e2e_config_load(const char *path, mqtt_e2e_config *config, mqtt_e2e_error *error);

/* The default place, to `out`. False: no home directory is known. */
bool mqtt_e2e_config_path(char *out, size_t size);

/* The URI of a config, NUL-terminated, to `out` (holds the key: wipe it). Returns its length; 0 if it does not fit. */
size_t mqtt_e2e_config_uri(const mqtt_e2e_config *config, char *out, size_t size);

/* Sets profile and toit_too: "1", "toit", or "toit,1". False: it is none of these, and nothing was set. */
bool mqtt_e2e_config_profile(mqtt_e2e_config *config, const char *text);

void mqtt_e2e_config_wipe(mqtt_e2e_config *config);

/* ---- Options ----------------------------------------------------------------------------------- */

typedef struct mqtt_e2e_client mqtt_e2e_client;

/* A change of a broker's connection. */
typedef enum {
    MQTT_E2E_CONNECTED,    /* session up; subscriptions are being made again */
    MQTT_E2E_DISCONNECTED, /* lost; a reconnect follows after `retry_ms` */
    MQTT_E2E_FAILED,       /* could not connect, or was refused; a reconnect follows after `retry_ms` */
    MQTT_E2E_SPOOL_FAILED, /* the spool can't be written or read: nothing of it goes out; tried again after
                            * `retry_ms`. `broker` is "" */
    MQTT_E2E_STATE_LOST /* the state file can't be written: nothing is handed on or sent any more. `broker` is "" */
} mqtt_e2e_client_event;

typedef struct {
    const char *broker; /* "host:port" */
    const char *why;    /* for people; "" when connected */
    uint32_t retry_ms;
    int code;           /* CONNACK return or reason code where there was one, else 0 */
    unsigned index;     /* of the broker, for mqtt_e2e_client_broker */
    unsigned connected; /* brokers that are, now */
} mqtt_e2e_broker_news;

/* How it goes with one broker. Counts are since the client was made. */
typedef struct {
    const char *broker; /* "host:port"; lives as long as the client */
    const char *why;    /* why it is not connected, for people; "" where it is, or was not tried yet */
    bool connected;
    bool tried;             /* connected, or failed once: false only before the first attempt has ended */
    int code;               /* CONNACK return or reason code of the last failure, else 0 */
    uint32_t connects;      /* how often it was connected */
    uint32_t failures;      /* attempts that failed since it was connected last */
    uint32_t round_trip_us; /* to the broker and back, when last measured, in microseconds; 0 = not yet */
    uint64_t published;     /* messages that it has taken: QoS 0 written, 1 and 2 acknowledged */
    uint64_t first;         /* accepted, and seen here first */
    uint64_t copies;        /* of what another broker had shown before */
    uint64_t refused;       /* for whatever cause, copies aside */
} mqtt_e2e_broker_info;

/* One packet that arrived. */
typedef struct {
    const mqtt_e2e_message *message;
    const char *broker; /* "host:port" that it came from */
    const char *wire_topic;
    size_t packet_len;
    int qos;
    bool retain; /* the broker's flag, which proves nothing */
    uint16_t mid;
    mqtt_e2e_status status;
} mqtt_e2e_delivery;

typedef void (*mqtt_e2e_on_message)(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery,
                                    void *context);

typedef struct {
    mqtt_e2e_options session; /* crypto, base, pad size, skew, table sizes ...; own_clock_ms must be unset.
                               * Defaults here: OpenSSL, 4,096 streams, a window of 4,096, 256 requests, longest
                               * packet 16 MiB */
    const mqtt_e2e_host *
        hosts; /* none: localhost. All are used at the same time: a message goes to each, and the first copy is taken */
    size_t host_count;
    const char *user;
    const char *password;

    const char *
        client_id; /* at most 23 alphanumerics on strict brokers. NULL: random; persistent, by key and name */
    const char *name; /* of the node: its persistent session's client id is made from the key and this */
    bool
        persistent; /* clean start off: the broker queues for us while we are away. Needs client_id or name */
    uint32_t session_expiry;  /* seconds, MQTT 5 only, where persistent; UINT32_MAX = never */
    int mqtt_version;         /* 4 (3.1.1, default) or 5; 3 for 3.1 */
    uint16_t keep_alive;      /* seconds, default 60 */
    const char *bind_address; /* local address to connect from, not a name; or NULL */
    const char *proxy;        /* socks5h://[user[:password]@]host[:port], or NULL */

    bool tls; /* to hosts that don't say otherwise; verified against capath, unless told not to */
    const char *ca_file;
    const char *ca_path;   /* default /etc/ssl/certs */
    const char *cert_file; /* ours, with tls_key_file */
    const char *tls_key_file;
    bool insecure; /* do not check the server's host name */

    const char *
        state_file; /* keeps the replay state over restarts (§4); made if it is not there. NULL: none is kept, the floor
                             * is the time of the start, and what was sealed while we were away is refused */

    size_t queue_messages; /* bound of the queue, default 1,000 */
    size_t queue_bytes;    /* and of its payloads, default 16 MiB */
    bool drop_oldest; /* when it is full, the oldest that was not sent goes; else the newest is not taken */

    /* Where messages of QoS 1 and 2 are kept until a broker has acknowledged them, over crashes and power cuts; made if it is not there.
     * In plain text, for the owner alone to read. NULL: none are kept. What is left there of an earlier run, with the same
     * key, is sent first, each once; its tickets are not this run's. */
    const char *spool_dir;
    uint64_t spool_messages; /* its bounds: default 1,000,000, */
    uint64_t spool_bytes;    /* and 1 GiB of payloads */
    uint16_t inflight; /* QoS 1 and 2 messages under way, default 100; before MQTT 5 at most 20 of QoS 2 */
    uint32_t backoff_min_ms, backoff_max_ms; /* reconnect, jittered exponential; default 500 and 30,000 */
    uint32_t
        connect_ms; /* longest time for name lookup, for TCP, and from there to the broker's word; default 20,000.
                          * For the first two a quarter, where another address or broker is to be tried then */
    bool time_source;        /* answer nodes that have no clock (§6) */
    int64_t clock_offset_ms; /* added to the system's clock: for tests, and hosts whose clock can't be set */

    void (*on_event)(mqtt_e2e_client *client, mqtt_e2e_client_event event, const mqtt_e2e_broker_news *news,
                     void *context);
    mqtt_e2e_on_message on_refused; /* a packet that was refused: delivery->status says why. message->topic is
                                     * set where the wire topic reads back */
    /* A message was published: QoS 0 written, 1 and 2 acknowledged by the broker; or `error` says that it never will be. */
    void (*on_published)(mqtt_e2e_client *client, uint64_t ticket, const mqtt_e2e_error *error,
                         void *context);
    /* A request was sealed, and goes out: *id names it, as replies will (message->request); again, if it is sealed again before
     * any broker had it. `of` is the context that it was made with. */
    void (*on_asked)(mqtt_e2e_client *client, const mqtt_e2e_id *id, void *of, void *context);
    /* A broker answered to a subscription; with several, each does: see mqtt_e2e_client_subscribed. */
    void (*on_subscribed)(mqtt_e2e_client *client, const char *filter, bool granted, int qos, void *context);
    void (*on_debug)(mqtt_e2e_client *client, const char *text, void *context);
    void *context; /* of the on_* above */
} mqtt_e2e_client_options;

/* Defaults for all; the key stays to be set (session.key, session.key_len). */
void mqtt_e2e_client_defaults(mqtt_e2e_client_options *options);

/* Takes over key, hosts, base, name, user, password, TLS, topic mode and profile of a key file (of the Toit profile by
 * mqtt_e2e_toit, with its time window). `config` must outlive
 * mqtt_e2e_client_new, not the client. */
void mqtt_e2e_client_use(mqtt_e2e_client_options *options, const mqtt_e2e_config *config);

/* ---- The client --------------------------------------------------------------------------------- */

/* Makes a client and starts to connect. NULL: *error says why. May sleep for a millisecond: whatever another node, whose
 * clock agrees, seals after this returned is not too old for this one. */
mqtt_e2e_client *mqtt_e2e_client_new(const mqtt_e2e_client_options *options, mqtt_e2e_error *error);

/* Disconnects at once (use mqtt_e2e_client_drain first to lose nothing), wipes and frees. NULL is allowed. */
void mqtt_e2e_client_free(mqtt_e2e_client *client);

/* Queues a message; sealed when it goes out. With a spool, and QoS 1 or 2, it is kept once the loop has run; if that fails, on_published
 * says so. `retain` makes it a lasting message (§3). *ticket (may be NULL) names it
 * in on_published. False: the queue is full, the topic is bad, or the payload too long; nothing was queued. */
bool mqtt_e2e_client_publish(mqtt_e2e_client *client, const char *topic, const void *payload, size_t len,
                             int qos, bool retain, uint64_t *ticket, mqtt_e2e_error *error);

/* Queues a message of QoS 0 for a wire topic that is taken as it is, whatever our base: an announcement topic (§7). Sealed and bound to its
 * topic as any other is; opened by a session of the same key that has plain topics and the empty base. */
bool mqtt_e2e_client_publish_wire(mqtt_e2e_client *client, const char *wire_topic, const void *payload,
                                  size_t len, bool retain, mqtt_e2e_error *error);

/* Calls back for every accepted message on a topic that the filter matches, once for each matching
 * subscription. Also after every reconnect. Subscribing again to the same filter replaces the callback. */
bool mqtt_e2e_client_subscribe(mqtt_e2e_client *client, const char *filter, int qos,
                               mqtt_e2e_on_message callback, void *context, mqtt_e2e_error *error);

bool mqtt_e2e_client_unsubscribe(mqtt_e2e_client *client, const char *filter, mqtt_e2e_error *error);

/* How far a subscription has got, over all brokers. */
typedef enum {
    MQTT_E2E_UNSUBSCRIBED, /* not asked for, or unsubscribed */
    MQTT_E2E_SUBSCRIBING,  /* a broker that is connected, or tried for the first time, has not answered yet */
    MQTT_E2E_SUBSCRIBED,   /* one grants it, or more, and no answer is due */
    MQTT_E2E_DENIED        /* none does, and no answer is due */
} mqtt_e2e_subscription;

mqtt_e2e_subscription mqtt_e2e_client_subscribed(const mqtt_e2e_client *client, const char *filter);

/* How a request ended, or went on. */
typedef enum {
    MQTT_E2E_ANSWERED, /* a reply: `delivery` has it. More may come until the timeout, or a close */
    MQTT_E2E_TIMED_OUT /* no (further) reply within the timeout: last call. `delivery` is NULL */
} mqtt_e2e_answer;

/* Returns whether to go on waiting for further replies; false closes the request. */
typedef bool (*mqtt_e2e_on_reply)(mqtt_e2e_client *client, mqtt_e2e_answer answer,
                                  const mqtt_e2e_delivery *delivery, void *context);

/* Queues a request; sealed when it goes out, after the reply topic is subscribed to. The timeout (0 = 10 s) counts from
 * this call. */
bool mqtt_e2e_client_request(mqtt_e2e_client *client, const char *topic, const void *payload, size_t len,
                             int qos, uint32_t timeout_ms, mqtt_e2e_on_reply callback, void *context,
                             mqtt_e2e_error *error);

/* Closes all requests that were made with this context: their callback is not called any more, and one that has not gone out
 * does not. May be called from anywhere; none is no error. */
void mqtt_e2e_client_cancel(mqtt_e2e_client *client, const void *context);

/* Queues a reply to a request that a callback was handed (message->id), to be given within the callback or later. */
bool mqtt_e2e_client_reply(mqtt_e2e_client *client, const mqtt_e2e_id *request, const void *payload,
                           size_t len, int qos, mqtt_e2e_error *error);

/* ---- The loop ----------------------------------------------------------------------------------- */

/* One epoll descriptor, whatever the number of brokers: readable when mqtt_e2e_client_loop has something to do. */
int mqtt_e2e_client_fd(const mqtt_e2e_client *client);

/* Milliseconds until mqtt_e2e_client_loop has something to do even if the descriptor is not readable; -1 = no need. */
int mqtt_e2e_client_timeout(const mqtt_e2e_client *client);

/* Does what is due, without waiting: reads, writes, reconnects, calls back. */
void mqtt_e2e_client_loop(mqtt_e2e_client *client);

/* Waits for at most `timeout_ms` (-1 = for ever) for something to do, and does it. Returns early on a signal. */
void mqtt_e2e_client_wait(mqtt_e2e_client *client, int timeout_ms);

/* Runs the loop until all that was queued is published, or `timeout_ms` are over. Where there are several brokers, one
 * makes a message published; the others that are connected, or still connecting for the first time, have up to
 * MQTT_E2E_LINGER_MS more to take it. True: nothing is left that no broker has. */
bool mqtt_e2e_client_drain(mqtt_e2e_client *client, int timeout_ms);

#define MQTT_E2E_LINGER_MS 1000

/* ---- Looking inside ------------------------------------------------------------------------------ */

bool mqtt_e2e_client_connected(const mqtt_e2e_client *client); /* to any broker */
size_t mqtt_e2e_client_queued(
    const mqtt_e2e_client *client); /* messages not published yet, those in flight included */
bool mqtt_e2e_client_drained(
    const mqtt_e2e_client *client); /* nothing is queued, nor on its way to a broker that is within reach */
/* False: there are fewer brokers. */
bool mqtt_e2e_client_broker(const mqtt_e2e_client *client, size_t index, mqtt_e2e_broker_info *info);
int64_t mqtt_e2e_client_now(const mqtt_e2e_client *client); /* UTC in milliseconds, with clock_offset_ms */
const mqtt_e2e_session *mqtt_e2e_client_session(const mqtt_e2e_client *client);

/* What the state file held when the client was made. */
typedef struct {
    bool existed; /* it was there */
    const char *
        why; /* why it is not trusted, so that the floor is the time of the start; NULL: it is, or was not there */
    bool
        unhandled; /* the process before accepted a message, and ended before its callback returned: that message may not */
    mqtt_e2e_id id; /* have been dealt with, and is not handed on again. This is its id, */
    int64_t time;   /* and the time of its sealing */
    int64_t
        floor_ahead_ms; /* by how much the stored floor is later than now: the clock was ahead, or is behind. Until then
                             * all is stale. 0: it is not */
} mqtt_e2e_client_state;

/* Within a callback that was handed a message, and could not deal with it: the state file will not say that it was handled, so that
 * the next client names it. End soon after: the mark of a later message covers this one too. */
void mqtt_e2e_client_not_handled(mqtt_e2e_client *client);

const mqtt_e2e_client_state *
mqtt_e2e_client_state_of(const mqtt_e2e_client *client); /* NULL: without a state file */

#ifdef __cplusplus
}
#endif
#endif
