/* SPDX-License-Identifier: MIT */
/* One broker's connection: its phases, each with its time, and the events of its descriptor. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mqtt_protocol.h>

#include "private.h"

#define READS_MAX  64    /* packets in one turn of the loop, so that others have theirs */
#define MIDS_MAX   60000 /* packet identifiers have 16 bits, and libmosquitto does not look which are in use */
#define UNACKED_MS 30000 /* how long they may be short */

bool e2e_broker_init(e2e_broker *b, mqtt_e2e_client *client, unsigned index, mqtt_e2e_error *error)
{
    b->client = client;
    b->index = index;
    b->host = &client->hosts[index];
    b->port = mqtt_e2e_host_port(b->host, client->options.tls);
    if (strchr(b->host->name, ':') != NULL)
        snprintf(b->label, sizeof b->label, "[%s]:%u", b->host->name, (unsigned)b->port);
    else
        snprintf(b->label, sizeof b->label, "%s:%u", b->host->name, (unsigned)b->port);
    b->watched = -1;
    TAILQ_INIT(&b->waiting);
    TAILQ_INIT(&b->unacked);
    TAILQ_INIT(&b->todo);
    TAILQ_INIT(&b->asked);
    if (b->host->name[0] == '\0')
        return e2e_error_set(error, "", "broker %u has no host name", index + 1);
    if (b->host->transport >= MQTT_E2E_WS && !e2e_connection_has_websocket())
        return e2e_error_set(error, "use mqtt:// or mqtts://, which the broker may offer on another port",
                             "no WebSocket to '%.100s': it needs libmosquitto 2.1", b->host->name);
    return !mqtt_e2e_host_tls(b->host, client->options.tls) ||
           (b->tls = e2e_tls_new(&client->options, b->host->name, &b->peer, error)) != NULL;
}

/* ---- The end of a connection --------------------------------------------------------------------- */

static void drop_instance(e2e_broker *b, bool forked)
{
    e2e_broker_unwatch(b);
    if (b->mosq != NULL)
        e2e_connection_drop(b, forked);
    b->was_up = false;
    b->restart = false;
    e2e_flights_back_all(b);
}

/* Back to idle. `keep`: the instance, for the session that it shares with the broker. */
static void close_down(e2e_broker *b, bool keep, bool forked)
{
    if (forked)
        b->watched = -1; /* the epoll set is the parent's too */
    e2e_broker_unwatch(b);
    if (b->lookup != NULL)
        e2e_resolve_abandon(b->lookup, forked);
    b->lookup = NULL;
    e2e_subscriptions_down(b);
    if (b->writing != NULL) /* not all of it was written, so the broker has not taken it */
        e2e_flights_back(b, b->writing);
    b->time_asked = false;
    b->broken = 0;
    if (!keep)
        drop_instance(b, forked);
    else if (mosquitto_socket(b->mosq) >= 0) /* libmosquitto closes it when it connects again */
        shutdown(mosquitto_socket(b->mosq), SHUT_RDWR);
    b->phase = E2E_IDLE;
    b->due = E2E_NEVER;
}

void e2e_broker_stop(e2e_broker *b, bool forked)
{
    if (b->phase == E2E_UP && !forked && mosquitto_socket(b->mosq) >= 0)
        e2e_connection_disconnect(b);
    close_down(b, false, forked);
}

static void forget_errors(e2e_broker *b)
{
    b->connack = b->reason = b->socket_error = b->peer.refusal = 0;
    b->tls_error[0] = '\0';
}

static void fail(e2e_broker *b, int code)
{
    bool was_up = b->phase == E2E_UP;

    close_down(b, b->client->persistent && b->was_up && !b->cautious, false);
    e2e_client_down(b, was_up, code);
}

/* ---- Connecting ---------------------------------------------------------------------------------- */

/* `alternative`: there is something else to try. */
static int64_t connect_ms(const e2e_broker *b, bool alternative)
{
    return b->client->options.connect_ms / (alternative ? 4 : 1);
}

/* Tries the addresses from b->address on. */
static void try_addresses(e2e_broker *b)
{
    int code = MOSQ_ERR_EAI;

    for (; b->address < b->address_count; b->address++) {
        bool alternative = b->address + 1 < b->address_count;

        forget_errors(b);
        code = e2e_connection_open(b, b->addresses[b->address]);
        if (code == MOSQ_ERR_SUCCESS) {
            b->phase = E2E_CONNECTING;
            b->deadline = e2e_clock_boot() + connect_ms(b, alternative);
            b->established = false;
            e2e_broker_watch(b);
            return;
        }
    }
    e2e_reason_connection(b, code);
    fail(b, 0);
}

static void lost(e2e_broker *b, int code)
{
    e2e_reason_connection(b, code);
    if (b->phase == E2E_LOOKING_UP)
        snprintf(b->why, sizeof b->why, "host name lookup takes too long");
    if (b->phase == E2E_CONNECTING && b->connack == 0 && b->address + 1 < b->address_count) {
        e2e_broker_unwatch(b);
        if (!b->was_up)
            drop_instance(b, false);
        b->address++;
        try_addresses(b);
        return;
    }
    e2e_acks_blame(b, code);
    fail(b, b->connack != 0 ? b->connack : b->reason >= MQTT_RC_UNSPECIFIED ? b->reason : 0);
}

/* Whom to look up: the broker, or the proxy, which looks up the broker itself. */
static bool first_hop(const e2e_broker *b, char name[256])
{
    const char *url = b->client->options.proxy;
    e2e_proxy proxy;
    bool fine = true;

    if (url == NULL) {
        memcpy(name, b->host->name, sizeof b->host->name);
        return true;
    }
    fine = e2e_options_proxy(url, &proxy, NULL);
    memcpy(name, proxy.host, sizeof proxy.host);
    mqtt_e2e_wipe_memory(&proxy, sizeof proxy);
    return fine;
}

static void start(e2e_broker *b)
{
    char name[256];

    forget_errors(b);
    b->address = 0;
    b->address_count = 0;
    if (first_hop(b, name) && e2e_resolve_address(name, b->addresses[0])) {
        b->address_count = 1;
        try_addresses(b);
        return;
    }
    b->lookup = e2e_resolve_start(name);
    if (b->lookup == NULL) {
        snprintf(b->why, sizeof b->why, "no thread could be started to look up the host name");
        fail(b, 0);
        return;
    }
    b->phase = E2E_LOOKING_UP;
    b->deadline = e2e_clock_boot() + connect_ms(b, false);
    e2e_broker_watch(b);
}

static void looked_up(e2e_broker *b)
{
    const char *why;
    char words[160];

    e2e_broker_unwatch(b);
    b->address_count = e2e_resolve_take(b->lookup, b->addresses, &why);
    b->lookup = NULL;
    b->phase = E2E_IDLE;
    if (b->address_count > 0) {
        try_addresses(b);
        return;
    }
    e2e_error_text(words, sizeof words, why);
    snprintf(b->why, sizeof b->why, "host name lookup failed: %s", words);
    fail(b, 0);
}

/* ---- Events -------------------------------------------------------------------------------------- */

/* After a call to libmosquitto. False: there is no connection any more, or it is another one. */
static bool still_there(e2e_broker *b, int code)
{
    if (code != MOSQ_ERR_SUCCESS || mosquitto_socket(b->mosq) < 0) {
        lost(b, code != MOSQ_ERR_SUCCESS ? code : MOSQ_ERR_CONN_LOST);
        return false;
    }
    if (!b->restart)
        return true;
    e2e_client_debug(b->client, "%s: the broker has no session of ours; connecting again to begin one",
                     b->label);
    drop_instance(b, false);
    try_addresses(b);
    return false;
}

static bool read_packets(e2e_broker *b)
{
    bool more = true;

    for (int i = 0; i < READS_MAX && more && b->broken == 0; i++) {
        int code = e2e_connection_read(b, &more);

        if (!still_there(b, code))
            return false;
        if (b->phase == E2E_UP)
            e2e_send_pump(b);
    }
    return true;
}

/*
 * A broker that has not set TCP_NODELAY (mosquitto by default) sends no small packet while one before it is not acknowledged, and
 * the kernel acknowledges after 40 ms unless we have something to send: so the answer to what a PUBACK went before would come
 * that much later. The kernel forgets this setting by itself, so it is made each time.
 */
static void acknowledge_soon(const e2e_broker *b)
{
#ifdef TCP_QUICKACK
    const int yes = 1;

    setsockopt(b->watched, IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof yes);
#else
    (void)b;
#endif
}

/* While connecting: TCP's outcome. */
static bool check_tcp(e2e_broker *b, uint32_t events)
{
    socklen_t size = sizeof b->socket_error;

    if ((events & EPOLLERR) != 0 &&
        getsockopt(b->watched, SOL_SOCKET, SO_ERROR, &b->socket_error, &size) == 0 && b->socket_error != 0) {
        lost(b, MOSQ_ERR_ERRNO);
        return false;
    }
    if ((events & EPOLLOUT) != 0 && !b->established) {
        b->established = true;
        b->timed_at = e2e_clock_micros(); /* to CONNACK */
        b->deadline = e2e_clock_boot() + connect_ms(b, false);
    }
    return true;
}

void e2e_broker_event(e2e_broker *b, uint32_t events)
{
    bool handshake;

    if (b->phase == E2E_LOOKING_UP) {
        looked_up(b);
        return;
    }
    if (b->phase == E2E_IDLE)
        return;
    if (b->phase == E2E_CONNECTING && !check_tcp(b, events))
        return;
    if ((events & EPOLLIN) != 0)
        b->heard_at = e2e_clock_boot();
    handshake = b->phase == E2E_CONNECTING && e2e_tls_busy(mosquitto_ssl_get(b->mosq));
    if ((handshake || (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) && !read_packets(b))
        return;
    /* libmosquitto takes an error of the socket for a handshake that goes on. */
    if (handshake && (events & (EPOLLERR | EPOLLHUP)) != 0 && e2e_tls_busy(mosquitto_ssl_get(b->mosq))) {
        lost(b, MOSQ_ERR_CONN_LOST);
        return;
    }
    if (!handshake && (events & EPOLLOUT) != 0 && !still_there(b, e2e_connection_write(b)))
        return;
    if ((events & EPOLLIN) != 0)
        acknowledge_soon(b);
    e2e_broker_watch(b);
}

/* ---- Time ---------------------------------------------------------------------------------------- */

static bool short_of_mids(const e2e_broker *b)
{
    const e2e_flight *oldest = TAILQ_FIRST(&b->unacked);

    return oldest != NULL && (uint16_t)(b->last_mid - oldest->mid) > MIDS_MAX;
}

/* When it has been so for too long. */
static int64_t stuck_at(const e2e_broker *b)
{
    int64_t since;

    if (!short_of_mids(b))
        return E2E_NEVER;
    since = TAILQ_FIRST(&b->unacked)->at;
    return (since > b->up_at ? since : b->up_at) + UNACKED_MS;
}

/* When silence has lasted too long. libmosquitto pings after one keep-alive in which nothing came, and waits a whole one more for
 * the answer: that is longer than a broker would wait for us (MQTT 3.1.1 §3.1.2.10). */
static int64_t silent_at(const e2e_broker *b)
{
    int64_t keep_alive = b->client->options.keep_alive * (int64_t)1000;

    return keep_alive == 0 ? E2E_NEVER : b->heard_at + keep_alive + keep_alive * 9 / 20;
}

/* Pings. */
static void look_after(e2e_broker *b, int64_t now)
{
    int64_t period = b->client->options.keep_alive * (int64_t)125;

    b->misc_at = period == 0 ? E2E_NEVER : now + (period > 250 ? period : 250);
    if (still_there(b, e2e_connection_misc(b)))
        e2e_broker_watch(b);
}

void e2e_broker_tick(e2e_broker *b, int64_t now)
{
    if (b->phase == E2E_IDLE && now >= b->due) {
        b->due = E2E_NEVER;
        start(b);
    } else if ((b->phase == E2E_LOOKING_UP || b->phase == E2E_CONNECTING) && now >= b->deadline) {
        b->socket_error = ETIMEDOUT;
        lost(b, MOSQ_ERR_ERRNO);
    } else if (b->phase == E2E_UP && b->broken != 0) {
        lost(b, b->broken);
    } else if (b->phase == E2E_UP && now >= silent_at(b)) {
        snprintf(b->why, sizeof b->why, "nothing was heard from the broker for %.1f s",
                 (double)(now - b->heard_at) / 1000);
        fail(b, 0);
    } else if (b->phase == E2E_UP && now >= stuck_at(b)) {
        snprintf(b->why, sizeof b->why, "the broker does not acknowledge what it is sent");
        fail(b, 0);
    } else if (b->phase == E2E_UP && now >= b->misc_at) {
        look_after(b, now);
    }
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t e2e_broker_next(const e2e_broker *b)
{
    switch (b->phase) {
    case E2E_IDLE:
        return b->due;
    case E2E_UP:
        if (b->broken != 0)
            return 0;
        return sooner(b->misc_at, sooner(silent_at(b), stuck_at(b)));
    default:
        return b->deadline;
    }
}

bool e2e_broker_writable(const e2e_broker *b)
{
    return b->phase == E2E_UP && b->broken == 0 && b->writing == NULL && !mosquitto_want_write(b->mosq) &&
           !short_of_mids(b);
}

bool e2e_broker_has_window(const e2e_broker *b, int qos)
{
    /* Before MQTT 5 a broker can't say how many it takes, nor that it was one too many: mosquitto drops a 21st of QoS 2,
     * and acknowledges it. */
    size_t most = qos == 2 && b->client->options.mqtt_version != MQTT_PROTOCOL_V5 ? 20 : UINT16_MAX;
    size_t window = b->cautious ? 1 : b->window < most ? b->window : most;

    return qos == 0 || b->unacked_count < window;
}
