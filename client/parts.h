/* SPDX-License-Identifier: MIT */
#ifndef E2E_CLIENT_PARTS_H
#define E2E_CLIENT_PARTS_H
/* The parts of the client that know nothing of a client: each could be used, and is tested, by itself. */
#include <openssl/ssl.h>
#include <sys/queue.h>

/* An element that could not be added has hh.tbl == NULL; by default uthash ends the program. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "error.h"
#include "mqtt_e2e/client.h"

#define E2E_ADDRESSES_MAX 8

typedef struct e2e_topic e2e_topic;
typedef struct e2e_subscription e2e_subscription;
typedef struct e2e_request e2e_request;
typedef struct e2e_lookup e2e_lookup;

/* ---- Why connections end, in words (reasons.c) ---------------------------------------------------- */

/* Why a broker refused a CONNECT, by its return code (MQTT 3.1.1 §3.2.2.3) or reason code (MQTT 5 §3.2.2.2). */
const char *e2e_reason_connack(int code, int mqtt_version);
/* libmosquitto's errors, in our words. */
const char *e2e_reason_mosquitto(int code);

/* ---- Clocks and randomness (clock.c) ------------------------------------------------------------- */

/* Milliseconds since boot, suspended time included: what all timers here go by. */
int64_t e2e_clock_boot(void);
/* The same in microseconds, for what is measured. */
int64_t e2e_clock_micros(void);
/* UTC in milliseconds. */
int64_t e2e_clock_utc(int64_t offset_ms);
/* False: the kernel gave none; nothing may be done without. */
bool e2e_clock_random(void *out, size_t len);
/* Delay before attempt number `attempt` (1 for the first after a failure): exponential between `min` and `max`, of
 * which `random` takes off up to a half, so that nodes which lost the same broker don't come back as one. */
uint32_t e2e_clock_backoff(uint32_t attempt, uint32_t min, uint32_t max, uint32_t random);

/* ---- Forks (fork.c) ------------------------------------------------------------------------------ */

/* A number that none of this process's ancestors has: what was made under another one was inherited by a fork. */
unsigned e2e_fork_generation(void);

/* ---- Topics (topics.c) --------------------------------------------------------------------------- */

/* A prepared topic, counted: the cache holds one reference, each queued message another. */
struct e2e_topic {
    mqtt_e2e_topic topic; /* points into text */
    UT_hash_handle hh;
    TAILQ_ENTRY(e2e_topic) link; /* oldest first */
    e2e_subscription **matches;  /* of one that we receive on: whom it is handed to */
    size_t match_count;
    uint64_t match_generation; /* of the subscriptions, when they were looked for; 0 = never */
    size_t size;
    unsigned refs;
    bool used;   /* since it was last looked at for eviction */
    char text[]; /* name NUL wire NUL */
};

typedef TAILQ_HEAD(e2e_topic_list, e2e_topic) e2e_topic_list;

/* A bounded cache: hiding or reading back a level costs 290 ns, and a look-up less for the whole topic. */
typedef struct {
    e2e_topic *by_key;
    e2e_topic_list by_age;
    e2e_topic *last; /* what was found last: most senders and receivers stay on a topic */
    size_t count, bytes;
    bool wire; /* the key is the wire topic; else the name */
} e2e_topics;

void e2e_topics_init(e2e_topics *topics, bool wire);
e2e_topic *e2e_topics_find(e2e_topics *topics, const char *key, size_t len);
/* A copy of `topic` with one reference, for the caller. NULL: no memory. */
e2e_topic *e2e_topics_make(const mqtt_e2e_topic *topic);
/* Puts it in the cache too, where others may have to go. */
void e2e_topics_keep(e2e_topics *topics, e2e_topic *topic);
void e2e_topics_release(e2e_topic *topic);
void e2e_topics_clear(e2e_topics *topics);

/* ---- The queue (queue.c) ------------------------------------------------------------------------- */

typedef struct e2e_entry e2e_entry;
typedef TAILQ_HEAD(e2e_entry_list, e2e_entry) e2e_entry_list;

/* What is to be sealed. */
typedef struct {
    mqtt_e2e_kind kind;
    int qos;
    e2e_topic *topic;
    const void *payload;
    size_t len;
    mqtt_e2e_id answers;  /* of a reply: the request it answers */
    e2e_request *request; /* of a request; NULL once that has ended */
    mqtt_e2e_id first;    /* once sealed: its first packet, */
    int64_t first_ms;     /* and when that was, UTC */
    bool again;           /* to be sealed anew, since that may have arrived */
} e2e_outgoing;

typedef enum {
    E2E_FLIGHT_NONE,    /* it does not go there, or not any more */
    E2E_FLIGHT_WAITING, /* until the broker can take it */
    E2E_FLIGHT_WRITING, /* QoS 0, not all written yet */
    E2E_FLIGHT_UNACKED  /* QoS 1 and 2 */
} e2e_flight_state;

/* The way of a message to one broker. */
typedef struct e2e_flight {
    TAILQ_ENTRY(e2e_flight) link; /* of the broker's waiting, or unacked */
    e2e_entry *entry;
    int64_t at; /* when it was handed over, by e2e_clock_boot */
    e2e_flight_state state;
    uint16_t mid;
    uint8_t blamed; /* times that the broker closed the connection on it */
} e2e_flight;

typedef TAILQ_HEAD(e2e_flight_list, e2e_flight) e2e_flight_list;

/* A message, from when it is accepted until no broker is to have it any more. Its plaintext lies behind its flights, and
 * draft.payload points there. */
struct e2e_entry {
    TAILQ_ENTRY(e2e_entry) link;
    e2e_entry_list *list; /* one of the queue's; NULL: none yet */
    e2e_outgoing draft;   /* its topic is a reference */
    uint64_t ticket;
    uint8_t *sealed; /* as it went out: to other brokers, and once more, just so while it is fresh */
    size_t sealed_len;
    int64_t sealed_at, sealed_ms; /* by e2e_clock_boot, and UTC */
    bool went_out;                /* a broker may have it */
    bool spooled;                 /* what was sealed last is in the spool, and may go out */
    uint64_t seq;                 /* its number in the spool; 0: it is not there */
    unsigned flying;
    e2e_flight flights[]; /* one for each broker */
};

typedef struct {
    unsigned lanes;          /* brokers */
    e2e_entry_list messages; /* and replies: not sealed yet */
    e2e_entry_list requests; /* apart: they may have to wait for the reply topic, and nobody else for them */
    e2e_entry_list sent;     /* sealed, and on their ways */
    e2e_entry_list
        late; /* done: one broker has it, others are still to have it, as far as the bounds allow */
    e2e_entry_list
        given_up;        /* as late, but beyond the bounds: only until acknowledged, or the connection ends */
    size_t count, bytes; /* of what is not done */
    size_t late_count, late_bytes;
    size_t max_count, max_bytes; /* of what is not done, and once more of what is late */
    uint64_t tickets;
} e2e_queue;

void e2e_queue_init(e2e_queue *queue, unsigned brokers, size_t max_count, size_t max_bytes);
/* Whether there is room for a payload of `len` bytes. */
bool e2e_queue_has_room(const e2e_queue *queue, size_t len, mqtt_e2e_error *error);
/* A copy of the draft with the next ticket, in no list yet. NULL: no memory. */
e2e_entry *e2e_queue_make(e2e_queue *queue, const e2e_outgoing *draft);
/* To its place among those that are not sealed. */
void e2e_queue_append(e2e_queue *queue, e2e_entry *entry);
/* What goes out next, and stays where it is. `requests`: they may go. */
e2e_entry *e2e_queue_next(const e2e_queue *queue, bool requests);
/* The first message that is not the spool's, and not sealed yet. */
e2e_entry *e2e_queue_unspooled(const e2e_queue *queue);
bool e2e_queue_is_done(const e2e_queue *queue, const e2e_entry *entry);
/* To sent, late, or given_up. */
void e2e_queue_move(e2e_queue *queue, e2e_entry *entry, e2e_entry_list *to);
/* The packet stays with the message for as long as somebody may need it again; one that it has already stays. False: no memory. */
bool e2e_queue_keep_packet(e2e_entry *entry, const void *packet, size_t len);
void e2e_queue_unseal(e2e_entry *entry);
/* Takes it out of its list, wipes and frees it. It must not be on its way to anywhere. */
void e2e_queue_free(e2e_queue *queue, e2e_entry *entry);

/* ---- Name lookup (resolve.c) and TLS (tls.c) ----------------------------------------------------- */

/* An address as text, with its zone: what libmosquitto takes without a lookup of its own. */
typedef char e2e_address[72];

/* Starts a lookup in a thread of its own; e2e_resolve_fd is readable when it is done. NULL: not started. */
e2e_lookup *e2e_resolve_start(const char *name);
int e2e_resolve_fd(const e2e_lookup *lookup);
/* Its addresses, and the end of it. 0: *why says why. */
unsigned e2e_resolve_take(e2e_lookup *lookup, e2e_address addresses[E2E_ADDRESSES_MAX], const char **why);
/* Not wanted any more; the thread frees it when it returns. `forked`: there is no thread in this process. */
void e2e_resolve_abandon(e2e_lookup *lookup, bool forked);
/* Whether `name` is an address already, for which nobody need be asked; written in its usual form. */
bool e2e_resolve_address(const char *name, e2e_address out);

/* The other side of TLS connections. */
typedef struct {
    const char *ask_for; /* server name, or NULL */
    int refusal;         /* why its certificate was refused; 0 = it was not */
} e2e_tls_peer;

/* A context for connections to `host`, which must outlive it, as must *peer. */
SSL_CTX *e2e_tls_new(const mqtt_e2e_client_options *options, const char *host, e2e_tls_peer *peer,
                     mqtt_e2e_error *error);
/* Whether the handshake of a connection is still going on; and for what it waits. */
bool e2e_tls_busy(SSL *ssl);
bool e2e_tls_wants_write(const SSL *ssl);
/* In words, or NULL. */
const char *e2e_tls_refusal(const e2e_tls_peer *peer);

/* ---- Proxies (options.c) --------------------------------------------------------------------------- */

/* The parts of socks5h://[user[:password]@]host[:port]. */
typedef struct {
    char host[256], user[256], password[256];
    uint16_t port;
} e2e_proxy;
bool e2e_options_proxy(const char *url, e2e_proxy *proxy, mqtt_e2e_error *error);

#endif
