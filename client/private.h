/* SPDX-License-Identifier: MIT */
#ifndef E2E_CLIENT_PRIVATE_H
#define E2E_CLIENT_PRIVATE_H
/*
 * What the parts of the client share. Who looks at whom, from the top:
 *
 *   client.c         beginning and end. asked.c: public calls. loop.c: the loop, and what is told about connections
 *   send.c           what goes out: sealing, and handing to a broker what it can take
 *   receive.c        what comes in: opening, and handing on. copies.c: what came by another broker before
 *   subscriptions.c  filters and callbacks, made again after each reconnect
 *   requests.c       open requests, reply topics, timeouts
 *   flights.c        the ways of messages to brokers. queue.c: the messages, in lists by how far they are
 *   broker.c         one connection: its phases. watch.c: its place in the epoll set. acks.c: what becomes of messages
 *                    under way. connection.c: libmosquitto below them. resolve.c, tls.c: below that
 *   spooling.c       the queue above the spool. loading.c: from there to the queue. spool*.c: messages in a database
 *   store*.c         the replay state in a file
 *   topics.c         wire and logical topics, prepared once
 *   options.c        checks and copies of the options; client id
 *   clock.c, error.c, reasons.c, fork.c
 *
 * What the leaves of this tree offer is in parts.h.
 *
 * Two rules hold it together. libmosquitto calls back with its locks held, so nothing here calls it from within
 * one of its callbacks (`inside` is above 0 then, and in each callback of the user's): what such a callback
 * wants sent waits in a queue until the loop hands it over. And there is one call of mosquitto_publish_v5, in
 * connection.c; it takes an e2e_sealed, which only send.c makes.
 */
#include <mosquitto.h>

#include "parts.h"
#include "spool.h"
#include "store.h"

#define E2E_BROKERS_MAX   MQTT_E2E_HOSTS_MAX
#define E2E_NEVER         INT64_MAX
#define E2E_CLIENT_ID_LEN 23 /* what every MQTT broker must take (MQTT 3.1.1 §3.1.3.1) */

typedef struct e2e_broker e2e_broker;

/* ---- Subscriptions (subscriptions.c) ------------------------------------------------------------- */

typedef enum {
    E2E_LINK_NONE,  /* nothing to be done */
    E2E_LINK_TODO,  /* SUBSCRIBE, or of a dead one UNSUBSCRIBE, to be sent */
    E2E_LINK_ASKED, /* no SUBACK yet */
    E2E_LINK_GRANTED,
    E2E_LINK_REFUSED
} e2e_link_state;

/* A subscription at one broker. */
typedef struct e2e_link {
    TAILQ_ENTRY(e2e_link) entry; /* of todo, or asked */
    e2e_subscription *subscription;
    e2e_link_state state;
    uint16_t mid;
    bool known; /* the broker may have it */
} e2e_link;

typedef TAILQ_HEAD(e2e_link_list, e2e_link) e2e_link_list;

struct e2e_subscription {
    UT_hash_handle hh; /* by filter */
    const char *filter;
    const char *wire;
    size_t filter_len;
    int qos;
    bool internal; /* ours: a reply topic, or ~time */
    bool dead;     /* unsubscribed; goes when no broker has it any more */
    mqtt_e2e_on_message callback;
    void *context;
    size_t users; /* of a reply topic: requests that wait on it */
    e2e_link links[E2E_BROKERS_MAX];
    char text[]; /* filter NUL wire NUL */
};

typedef struct {
    e2e_subscription *by_filter;
    uint64_t generation; /* counts changes, from 1 */
    size_t dead;
} e2e_subscriptions;

e2e_subscription *e2e_subscriptions_add(mqtt_e2e_client *client, const char *filter, int qos, bool internal,
                                        mqtt_e2e_error *error);
void e2e_subscriptions_drop(mqtt_e2e_client *client, e2e_subscription *subscription);
/* After a connection came up: all are to be made again. After it went down. */
void e2e_subscriptions_up(e2e_broker *broker);
void e2e_subscriptions_down(e2e_broker *broker);
/* Sends one SUBSCRIBE or UNSUBSCRIBE. False: nothing was to be sent. */
bool e2e_subscriptions_send(e2e_broker *broker);
void e2e_subscriptions_acked(e2e_broker *broker, uint16_t mid, int granted);
/* Frees dead ones that no broker has any more. */
void e2e_subscriptions_sweep(mqtt_e2e_client *client);
void e2e_subscriptions_free(mqtt_e2e_client *client);
/* Fills topic->matches. False: no memory. */
bool e2e_subscriptions_match(mqtt_e2e_client *client, e2e_topic *topic);

/* ---- Requests (requests.c) ----------------------------------------------------------------------- */

struct e2e_request {
    UT_hash_handle hh; /* by id, once sealed */
    TAILQ_ENTRY(e2e_request) link;
    mqtt_e2e_id id;
    bool sealed;
    int64_t deadline;        /* by e2e_clock_boot */
    e2e_subscription *reply; /* the topic its answers come on, once sealed */
    e2e_entry *entry;        /* while it waits or is under way */
    mqtt_e2e_on_reply callback;
    void *context;
};

typedef TAILQ_HEAD(e2e_request_list, e2e_request) e2e_request_list;

typedef struct {
    e2e_request_list all;
    e2e_request *by_id;
    e2e_subscription *reply; /* of our stream; NULL until a request is made */
    int64_t soonest;         /* no deadline is before it */
} e2e_requests;

/* Whether a new request can go to this broker now: its reply topic is subscribed to, and a place is free. */
bool e2e_requests_ready(e2e_broker *broker);
/* Whether the answer to a sealed one would be heard there. */
bool e2e_requests_heard(const e2e_broker *broker, const e2e_request *request);
/* Its entry is freed. */
void e2e_requests_forget_entry(e2e_request *request);
/* A request was sealed, as *id; or sealed again. */
void e2e_requests_sealed(mqtt_e2e_client *client, e2e_request *request, const mqtt_e2e_id *id);
/* It can't be sent: it ends at the next turn of the loop. */
void e2e_requests_fail(mqtt_e2e_client *client, e2e_request *request);
void e2e_requests_answer(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery);
void e2e_requests_expire(mqtt_e2e_client *client, int64_t now);
/* Our stream is another one now. */
void e2e_requests_renewed(mqtt_e2e_client *client);
void e2e_requests_free(mqtt_e2e_client *client);

/* ---- A broker (broker.c, connection.c, acks.c, receive.c) ----------------------------------------- */

#include "broker.h"

/* ---- The ways of messages to brokers (flights.c) ------------------------------------------------- */

/* Sealed: it waits at every broker now. */
void e2e_flights_begin(mqtt_e2e_client *client, e2e_entry *entry);
/* To another state: before all others that wait; being written; until acknowledged. */
void e2e_flights_wait(e2e_broker *broker, e2e_flight *flight);
void e2e_flights_write(e2e_broker *broker, e2e_flight *flight);
void e2e_flights_await_ack(e2e_broker *broker, e2e_flight *flight);
/* The next to be handed over; NULL: none can be. Ends those that need not go any more. */
e2e_flight *e2e_flights_next(e2e_broker *broker);
e2e_flight *e2e_flights_find(e2e_broker *broker, uint16_t mid);
/* Whether the packet made of it may go once more as it is. */
bool e2e_flights_fresh(const mqtt_e2e_client *client, const e2e_entry *entry);
/* The ends of a flight, after which it and its entry may be gone: without an outcome; the broker has it; it will not have it.
 * The message is done when one broker has it, and has failed when no other may. */
void e2e_flights_end(e2e_broker *broker, e2e_flight *flight);
void e2e_flights_arrived(e2e_broker *broker, e2e_flight *flight);
void e2e_flights_refused(e2e_broker *broker, e2e_flight *flight, const mqtt_e2e_error *error);
/* Of a message, whatever its flights: it can't be sent; nobody wants it any more. */
void e2e_flights_fail(mqtt_e2e_client *client, e2e_entry *entry, const mqtt_e2e_error *error);
void e2e_flights_abandon(mqtt_e2e_client *client, e2e_entry *entry);
/* What was under way waits again: one, or all, in their order. */
void e2e_flights_back(e2e_broker *broker, e2e_flight *flight);
void e2e_flights_back_all(e2e_broker *broker);
/* Forgets all messages; the brokers are down. */
void e2e_flights_drop_all(mqtt_e2e_client *client);
bool e2e_flights_pending(const e2e_broker *broker);

/* ---- The spool (spooling.c above spool.c) --------------------------------------------------------- */

#define E2E_SPOOLED ((uint64_t)1 << 63) /* in the tickets of its messages */

typedef struct {
    uint64_t loaded; /* all up to this number are in the queue, or done with */
    uint64_t undone; /* what was taken up to this number is in the spool, or was given up */
    size_t held;     /* messages of the spool's in the queue */
    bool due;        /* something is to be written */
    int64_t retry_at, check_at;
} e2e_spooling;

bool e2e_spooling_open(mqtt_e2e_client *client, const mqtt_e2e_client_options *options,
                       mqtt_e2e_error *error);
void e2e_spooling_close(mqtt_e2e_client *client);
/* In a child after a fork: the parent's. */
void e2e_spooling_drop(mqtt_e2e_client *client);
/* Whether a message goes by the spool. */
bool e2e_spooling_takes(const mqtt_e2e_client *client, const e2e_outgoing *draft);
bool e2e_spooling_take(mqtt_e2e_client *client, const e2e_outgoing *draft, uint64_t *ticket,
                       mqtt_e2e_error *error);
/* Writes what is due, and readies what may go out next. */
void e2e_spooling_run(mqtt_e2e_client *client);
void e2e_spooling_up(mqtt_e2e_client *client); /* a connection came up */
/* A broker could take one that is not sealed yet, or too long ago. */
void e2e_spooling_want(mqtt_e2e_client *client);
/* Whether it could not be written, and it is not time to try again. */
bool e2e_spooling_stalled(const mqtt_e2e_client *client);
/* An entry is published, or never will be. */
void e2e_spooling_done(mqtt_e2e_client *client, const e2e_entry *entry);
/* An entry for a message of the spool: to the queue. How many more may go there. Something could not be read or written. */
void e2e_spooling_hold(mqtt_e2e_client *client, e2e_entry *entry, uint64_t seq);
size_t e2e_spooling_room(const mqtt_e2e_client *client);
void e2e_spooling_failed(mqtt_e2e_client *client, const mqtt_e2e_error *error);
/* Loading (loading.c): whether half of the spool's place in the queue is free, and there is something for it; and that. */
bool e2e_loading_possible(const mqtt_e2e_client *client);
void e2e_loading_run(mqtt_e2e_client *client);
size_t e2e_spooling_left(const mqtt_e2e_client *client);  /* in the spool, and not in the queue */
int64_t e2e_spooling_next(const mqtt_e2e_client *client); /* when e2e_spooling_run has something to do */

/* ---- Sending (send.c) ---------------------------------------------------------------------------- */

/* Hands to the broker what waits, as long as it takes it. Not from within a callback. */
void e2e_send_pump(e2e_broker *broker);
/* A message of QoS 0 straight from the caller, where there is one broker only. False: it is to be queued. */
bool e2e_send_now(e2e_broker *broker, const e2e_outgoing *draft, uint64_t *ticket);
/* Tells whoever asked for it that a message is published, or never will be (`error`). */
void e2e_send_report(mqtt_e2e_client *client, e2e_entry *entry, const mqtt_e2e_error *error);
/* The store can't be written: says so, and does nothing any more. */
void e2e_client_stop(mqtt_e2e_client *client);
/* The same for a message that has no entry. */
void e2e_send_note(mqtt_e2e_client *client, uint64_t ticket, const mqtt_e2e_error *error);
/* Seals what is to be in the spool before it goes out; the packet is the entry's then. */
mqtt_e2e_status e2e_send_seal(mqtt_e2e_client *client, e2e_entry *entry);
/* A new stream (§3). False: no randomness, so nothing may be sent. */
bool e2e_send_renew(mqtt_e2e_client *client);
/* A packet sealed longer ago is not sent again as it is. */
int64_t e2e_send_fresh_ms(const mqtt_e2e_client *client);

/* ---- What came by several brokers (copies.c) ------------------------------------------------------ */

/* Which brokers showed us each of the messages accepted last, so that the second copy of a message is told from a replay. */
typedef struct {
    struct e2e_copy *table; /* NULL: there is one broker only, or no memory: all copies are replays then */
} e2e_copies;

bool e2e_copies_init(e2e_copies *copies);
void e2e_copies_free(e2e_copies *copies);
void e2e_copies_accepted(e2e_copies *copies, const mqtt_e2e_id *id, unsigned broker);
/* Whether a packet that was refused is the first copy of an accepted one from this broker. */
bool e2e_copies_is_copy(e2e_copies *copies, const mqtt_e2e_id *id, unsigned broker);

/* ---- The client (client.c, options.c) ------------------------------------------------------------ */

typedef struct {
    uint64_t ticket;
    mqtt_e2e_error *error; /* NULL: published */
} e2e_done;

struct mqtt_e2e_client {
    mqtt_e2e_client_options options; /* strings are our own copies */
    mqtt_e2e_host hosts[E2E_BROKERS_MAX];
    char client_id[256];
    bool persistent;

    mqtt_e2e_session *session;
    size_t session_size;
    e2e_store store;
    bool stopped;      /* the store failed */
    int64_t clock_gap; /* UTC less time since boot, when last looked at */

    int epoll;
    unsigned fork_generation;
    unsigned inside; /* callbacks that we are in */
    e2e_broker brokers[E2E_BROKERS_MAX];
    unsigned broker_count;
    e2e_copies copies;

    e2e_queue queue;
    e2e_spool spool;
    e2e_spooling spooling;
    e2e_done *done; /* to be called back about */
    size_t done_count, done_size;
    e2e_subscriptions subscriptions;
    e2e_requests requests;
    e2e_topics hidden, revealed;

    char *scratch, *name; /* of E2E_SCRATCH_SIZE bytes: a wire topic to be sent, the name of one received */
    uint8_t *packet, *text;
    size_t packet_size, text_size;
};

#define E2E_SCRATCH_SIZE ((size_t)MQTT_E2E_TOPIC_MAX + 2)
#define E2E_BUFFER_KEPT  ((size_t)1 << 20) /* larger ones are freed after use */

/* Checks the options, copies what they point to, and fills client_id. */
bool e2e_options_take(mqtt_e2e_client *client, const mqtt_e2e_client_options *options, mqtt_e2e_error *error);
void e2e_options_free(mqtt_e2e_client *client);
bool e2e_options_random_id(mqtt_e2e_client *client);
/* What holds for every message from the user: that it can be one at all. */
bool e2e_client_check(mqtt_e2e_client *client, int qos, size_t len, mqtt_e2e_error *error);
/* Whether the profile has what is asked for, `what` in plural; the Toit profile has messages alone. */
bool e2e_client_check_profile(const mqtt_e2e_client *client, const char *what, mqtt_e2e_error *error);
bool e2e_client_is_toit(const mqtt_e2e_client *client);
/* UTC in milliseconds, with the user's offset; after a jump forward the session's floor is raised (§4). */
int64_t e2e_clock_now(mqtt_e2e_client *client);
/* Waits until the clock shows more than the floor: what others seal in the millisecond of the start is stale to us, and on a
 * fast network that can be a message which they sent after we had subscribed. */
void e2e_clock_pass(const mqtt_e2e_client *client, int64_t floor);
/* A name that is not one of ours, hidden, to client->scratch. */
mqtt_e2e_status e2e_client_hide(mqtt_e2e_client *client, const char *name, mqtt_e2e_topic *made);
/* The topic to publish to, prepared; a reference. NULL: *error says why. */
e2e_topic *e2e_client_topic(mqtt_e2e_client *client, const char *name, mqtt_e2e_error *error);
e2e_topic *e2e_client_reply_topic(mqtt_e2e_client *client, const mqtt_e2e_id *request, mqtt_e2e_error *error);
/* Hands out what waits, unless we are in a callback. */
void e2e_client_pump(mqtt_e2e_client *client);
/* A buffer of at least `size` bytes; what was in it is wiped when it grows. False: no memory. */
bool e2e_client_buffer(uint8_t **buffer, size_t *size, size_t needed);
/* Drops a buffer that grew beyond E2E_BUFFER_KEPT. */
void e2e_client_trim(uint8_t **buffer, size_t *size);
/* A connection ended, or did not come about: says so, and sets what is tried next. */
void e2e_client_down(e2e_broker *broker, bool was_up, int code);
void e2e_client_up(e2e_broker *broker);
void e2e_client_tell(mqtt_e2e_client *client, mqtt_e2e_client_event event, const mqtt_e2e_broker_news *news);
void e2e_client_debug(mqtt_e2e_client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A fresh epoll set, with what is to be watched now. */
bool e2e_client_new_epoll(mqtt_e2e_client *client);
/* In a child after a fork: another stream, client id and connection, and nothing of what the parent will send. */
bool e2e_client_check_fork(mqtt_e2e_client *client);

#endif
