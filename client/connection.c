/* SPDX-License-Identifier: MIT */
/* libmosquitto under a broker's connection: everything that calls it, and everything that it calls. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <mqtt_protocol.h>

#include "private.h"

/* ---- What it calls ------------------------------------------------------------------------------- */

static void on_connect(struct mosquitto *mosq, void *context, int code, int flags,
                       const mosquitto_property *list)
{
    (void)mosq;
    e2e_acks_connect(context, code, (flags & 1) != 0, list); /* flag 1: session present */
}

static void on_disconnect(struct mosquitto *mosq, void *context, int reason, const mosquitto_property *list)
{
    e2e_broker *broker = context;

    (void)mosq;
    (void)list;
    broker->reason = reason;
}

static void on_publish(struct mosquitto *mosq, void *context, int mid, int reason,
                       const mosquitto_property *list)
{
    e2e_broker *broker = context;

    (void)mosq;
    (void)list;
    if (!broker->publishing)
        e2e_acks_publish(broker, (uint16_t)mid, reason);
}

static void on_subscribe(struct mosquitto *mosq, void *context, int mid, int count, const int *granted)
{
    (void)mosq;
    e2e_subscriptions_acked(context, (uint16_t)mid, count > 0 ? granted[0] : MQTT_RC_UNSPECIFIED);
}

static void on_message(struct mosquitto *mosq, void *context, const struct mosquitto_message *message)
{
    (void)mosq;
    e2e_receive(context, message);
}

static void on_log(struct mosquitto *mosq, void *context, int level, const char *text)
{
    e2e_broker *broker = context;

    (void)mosq;
    if (level == MOSQ_LOG_ERR && strncmp(text, "OpenSSL Error", 13) == 0) {
        const char *last = strrchr(text, ':'); /* error:CODE:library:function:reason */

        snprintf(broker->tls_error, sizeof broker->tls_error, "%s", last != NULL ? last + 1 : text);
    }
    e2e_client_debug(broker->client, "%s", text);
}

/* ---- Setting up ---------------------------------------------------------------------------------- */

static void start_library(void)
{
    mosquitto_lib_init();
}

static bool set_tls(e2e_broker *broker, struct mosquitto *mosq)
{
    if (broker->tls == NULL)
        return true;
    /* Without the defaults, which would add libmosquitto's own check of the host name: see tls.c. */
    return mosquitto_int_option(mosq, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0) == 0 &&
           mosquitto_void_option(mosq, MOSQ_OPT_SSL_CTX, broker->tls) == 0;
}

#if LIBMOSQUITTO_VERSION_NUMBER >= 2001000
static bool set_transport(const e2e_broker *broker, struct mosquitto *mosq)
{
    return broker->host->transport < MQTT_E2E_WS ||
           (mosquitto_int_option(mosq, MOSQ_OPT_TRANSPORT, MOSQ_T_WEBSOCKETS) == 0 &&
            mosquitto_string_option(mosq, MOSQ_OPT_HTTP_PATH, "/mqtt") == 0);
}

bool e2e_connection_has_websocket(void)
{
    int major, minor;

    mosquitto_lib_version(&major, &minor, NULL);
    return major > 2 || (major == 2 && minor >= 1);
}
#else
static bool set_transport(const e2e_broker *broker, struct mosquitto *mosq)
{
    (void)mosq;
    return broker->host->transport < MQTT_E2E_WS;
}

bool e2e_connection_has_websocket(void)
{
    return false;
}
#endif

static bool set_options(e2e_broker *broker, struct mosquitto *mosq)
{
    const mqtt_e2e_client_options *o = &broker->client->options;

    mosquitto_connect_v5_callback_set(mosq, on_connect);
    mosquitto_disconnect_v5_callback_set(mosq, on_disconnect);
    mosquitto_publish_v5_callback_set(mosq, on_publish);
    mosquitto_subscribe_callback_set(mosq, on_subscribe);
    mosquitto_message_callback_set(mosq, on_message);
    /* It acknowledges a message before it calls back. Told that another thread writes, it leaves that to us: a message is
     * acknowledged when it is in the store, so that one which a kill takes from us comes again. */
    if (broker->client->store.fd >= 0)
        mosquitto_threaded_set(mosq, true);
    return mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, o->mqtt_version) == 0 &&
           mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1) == 0 &&
           mosquitto_int_option(mosq, MOSQ_OPT_SEND_MAXIMUM, o->inflight) == 0 &&
           mosquitto_int_option(mosq, MOSQ_OPT_RECEIVE_MAXIMUM, o->inflight) == 0 &&
           mosquitto_username_pw_set(mosq, o->user, o->password) == 0 && set_transport(broker, mosq) &&
           set_tls(broker, mosq);
}

static struct mosquitto *make_instance(e2e_broker *broker)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct mosquitto *mosq;

    pthread_once(&once, start_library);
    mosq = mosquitto_new(broker->client->client_id, !broker->client->persistent, broker);
    if (mosq != NULL && !set_options(broker, mosq)) {
        mosquitto_destroy(mosq);
        return NULL;
    }
    return mosq;
}

/*
 * MQTT 5's properties of CONNECT: what the broker may send us, and for how long it keeps our session. The only call that
 * takes them goes on to connect, and blocks; without a host it stops after it has stored them.
 */
static bool set_properties(e2e_broker *broker)
{
    const mqtt_e2e_client_options *o = &broker->client->options;
    uint64_t longest = (uint64_t)o->session.longest_packet + MQTT_E2E_TOPIC_MAX + 64;
    mosquitto_property *list = NULL;
    bool fine;

    if (o->mqtt_version != MQTT_PROTOCOL_V5)
        return true;
    fine = mosquitto_property_add_int32(&list, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                        longest < UINT32_MAX ? (uint32_t)longest : UINT32_MAX) == 0 &&
           (!broker->client->persistent ||
            mosquitto_property_add_int32(&list, MQTT_PROP_SESSION_EXPIRY_INTERVAL, o->session_expiry) == 0) &&
           mosquitto_connect_bind_v5(broker->mosq, NULL, broker->port, o->keep_alive, NULL, list) ==
               MOSQ_ERR_INVAL;
    mosquitto_property_free_all(&list);
    return fine;
}

static bool set_proxy(e2e_broker *broker, const char *address)
{
    e2e_proxy proxy;
    bool fine;

    if (!e2e_options_proxy(broker->client->options.proxy, &proxy, NULL))
        return false;
    fine = mosquitto_socks5_set(broker->mosq, address, proxy.port, proxy.user[0] != '\0' ? proxy.user : NULL,
                                proxy.user[0] != '\0' ? proxy.password : NULL) == 0;
    mqtt_e2e_wipe_memory(&proxy, sizeof proxy);
    return fine;
}

static void set_log(e2e_broker *broker, bool on)
{
    /* It formats a line for each packet even if nobody reads it. */
    on = on || broker->client->options.on_debug != NULL;
    mosquitto_log_callback_set(broker->mosq, on ? on_log : NULL);
}

int e2e_connection_open(e2e_broker *broker, const char *address)
{
    const mqtt_e2e_client_options *o = &broker->client->options;
    const char *host = o->proxy != NULL ? broker->host->name : address;
    int code;

    if (broker->mosq == NULL && (broker->mosq = make_instance(broker)) == NULL)
        return MOSQ_ERR_NOMEM;
    if (!set_properties(broker) || (o->proxy != NULL && !set_proxy(broker, address)))
        return MOSQ_ERR_NOMEM;
    set_log(broker, broker->tls != NULL);
    broker->client->inside++;
    errno = 0;
    code = mosquitto_connect_bind_async(broker->mosq, host, broker->port, o->keep_alive, o->bind_address);
    broker->socket_error = code == MOSQ_ERR_ERRNO ? errno : 0;
    broker->client->inside--;
    if (code == MOSQ_ERR_SUCCESS)
        fcntl(mosquitto_socket(broker->mosq), F_SETFD, FD_CLOEXEC);
    return code;
}

/* ---- The loop ------------------------------------------------------------------------------------ */

int e2e_connection_read(e2e_broker *broker, bool *more)
{
    bool was_up = broker->phase == E2E_UP;
    int code;

    broker->client->inside++;
    errno = 0;
    /* One packet, mostly. A read that finds nothing leaves EAGAIN behind; if something else did, that costs a
     * turn of the loop, no more. */
    code = mosquitto_loop_read(broker->mosq, 1);
    *more = errno != EAGAIN;
    if (code == MOSQ_ERR_ERRNO)
        broker->socket_error = errno;
    broker->client->inside--;
    if (!was_up && broker->phase == E2E_UP)
        set_log(broker, false);
    return code;
}

int e2e_connection_write(e2e_broker *broker)
{
    int code;

    broker->client->inside++;
    code = mosquitto_loop_write(broker->mosq, 1);
    if (code == MOSQ_ERR_ERRNO)
        broker->socket_error = errno;
    broker->client->inside--;
    return code;
}

int e2e_connection_misc(e2e_broker *broker)
{
    int code;

    broker->client->inside++;
    code = mosquitto_loop_misc(broker->mosq);
    broker->client->inside--;
    return code;
}

/* ---- Packets ------------------------------------------------------------------------------------- */

/* The round trip is measured with one packet at a time: from before it is sent to when it is acknowledged, if it will be. */
static void start_timing(e2e_broker *broker, bool answered)
{
    if (answered && broker->timed_mid == 0)
        broker->timed_at = e2e_clock_micros();
}

/* Takes the packet identifier of what was sent. */
static void note_mid(e2e_broker *broker, int id, bool answered, uint16_t *mid)
{
    *mid = (uint16_t)id;
    if (id == 0)
        return;
    broker->last_mid = (uint16_t)id;
    if (answered && broker->timed_mid == 0)
        broker->timed_mid = (uint16_t)id;
}

/* Where libmosquitto leaves writing to us (see set_options): what was queued goes out, as it would by itself otherwise. */
static int flush(e2e_broker *broker)
{
    return broker->client->store.fd >= 0 ? mosquitto_loop_write(broker->mosq, 1) : MOSQ_ERR_SUCCESS;
}

int e2e_connection_publish(e2e_broker *broker, const e2e_sealed *sealed, uint16_t *mid)
{
    int id = 0, code;

    broker->client->inside++;
    start_timing(broker, sealed->qos > 0);
    broker->publishing = true;
    code = mosquitto_publish_v5(broker->mosq, &id, sealed->wire, (int)sealed->len, sealed->packet,
                                sealed->qos, sealed->retain, NULL);
    broker->publishing = false;
    if (code == MOSQ_ERR_SUCCESS)
        code = flush(broker);
    broker->client->inside--;
    if (code == MOSQ_ERR_ERRNO)
        broker->socket_error = errno;
    note_mid(broker, id, sealed->qos > 0, mid);
    return code;
}

int e2e_connection_subscribe(e2e_broker *broker, const char *wire, int qos, uint16_t *mid)
{
    int id = 0, code;

    broker->client->inside++;
    start_timing(broker, true);
    code = mosquitto_subscribe(broker->mosq, &id, wire, qos);
    if (code == MOSQ_ERR_SUCCESS)
        code = flush(broker);
    broker->client->inside--;
    note_mid(broker, id, true, mid);
    return code;
}

int e2e_connection_unsubscribe(e2e_broker *broker, const char *wire)
{
    int id = 0, code;
    uint16_t mid;

    broker->client->inside++;
    code = mosquitto_unsubscribe(broker->mosq, &id, wire);
    if (code == MOSQ_ERR_SUCCESS)
        code = flush(broker);
    broker->client->inside--;
    note_mid(broker, id, false, &mid);
    return code;
}

/* ---- The end ------------------------------------------------------------------------------------- */

void e2e_connection_disconnect(e2e_broker *broker)
{
    broker->client->inside++;
    if (mosquitto_disconnect(broker->mosq) == MOSQ_ERR_SUCCESS)
        flush(broker);
    broker->client->inside--;
}

/* Puts /dev/null in the place of the socket. False: that can't be done. */
static bool cover_socket(int socket)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    bool fine = null >= 0 && dup2(null, socket) >= 0;

    if (null >= 0)
        close(null);
    return fine;
}

void e2e_connection_drop(e2e_broker *broker, bool forked)
{
    int socket = mosquitto_socket(broker->mosq);

    /* TLS says goodbye when it is freed, and would say so to the parent's broker. If the socket can't be covered, the
     * instance stays as it is: better a leak than an end of somebody else's connection. */
    if (broker->mosq != NULL && (!forked || socket < 0 || cover_socket(socket))) {
        broker->client->inside++;
        if (broker->client->options.proxy != NULL) /* mosquitto_destroy forgets to free these */
            mosquitto_socks5_set(broker->mosq, "", 1, NULL, NULL);
        mosquitto_destroy(broker->mosq);
        broker->client->inside--;
    }
    broker->mosq = NULL;
}
