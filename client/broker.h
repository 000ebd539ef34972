/* SPDX-License-Identifier: MIT */
#ifndef E2E_CLIENT_BROKER_H
#define E2E_CLIENT_BROKER_H
/* One connection: what it is made of, what is done with it, and what libmosquitto tells of it. A part of private.h, which includes it. */

/* ---- A broker (broker.c, connection.c) ----------------------------------------------------------- */

typedef enum {
    E2E_IDLE, /* until `due` */
    E2E_LOOKING_UP,
    E2E_CONNECTING, /* TCP, TLS, CONNECT; until `deadline` */
    E2E_UP
} e2e_phase;

struct e2e_broker {
    mqtt_e2e_client *client;
    unsigned index;
    const mqtt_e2e_host *host;
    uint16_t port;
    char label[280]; /* host:port */
    e2e_phase phase;
    int64_t due, deadline, misc_at, up_at;
    int64_t heard_at; /* when something came from it last */
    uint32_t attempt; /* failures since a connection held */
    uint32_t delay;   /* before the last attempt, in milliseconds */

    struct mosquitto *mosq; /* NULL: none yet */
    SSL_CTX *tls;
    e2e_tls_peer peer;
    e2e_lookup *lookup;
    e2e_address addresses[E2E_ADDRESSES_MAX];
    unsigned address_count, address;
    int watched;          /* descriptor in the epoll set; -1 = none */
    uint32_t watched_for; /* events */
    uint32_t generation;  /* tells its events from those of descriptors before it */
    int broken;           /* a call outside of the loop failed: libmosquitto's code */
    bool established;     /* TCP is */
    bool restart;         /* the broker lost its session, and libmosquitto must forget its own */
    bool was_up;          /* this instance of libmosquitto had a session before */
    bool publishing;      /* within mosquitto_publish_v5: what it calls back about are no acknowledgements */
    int connack, reason;  /* codes of CONNACK and DISCONNECT; 0 = none */
    int socket_error;     /* errno */
    char tls_error[160];
    char why[256];

    uint16_t window;   /* how many QoS 1 and 2 messages may be under way */
    uint16_t last_mid; /* libmosquitto's last packet identifier */
    e2e_flight_list waiting, unacked;
    size_t unacked_count;
    e2e_flight *writing; /* QoS 0, not all written yet */
    e2e_link_list todo, asked;
    bool time_asked; /* by time_request, answered when it can be */
    mqtt_e2e_id time_request;
    int64_t time_last_ms;
    int max_qos;
    bool acknowledged;  /* something, since it is up */
    unsigned suspicion; /* connections in a row that it closed soon, with nothing acknowledged */
    bool cautious;      /* one message at a time, to find out on which it closes the connection */
    bool no_lasting;    /* it keeps no lasting messages (MQTT 5) */

    uint16_t timed_mid; /* what the round trip is being measured with; 0 = nothing */
    int64_t timed_at;   /* in microseconds */
    mqtt_e2e_broker_info info;
};

/* A packet as mqtt_e2e_seal and its like made it: all that ever leaves. */
typedef struct {
    const char *wire;
    const uint8_t *packet;
    size_t len;
    int qos;
    bool retain;
} e2e_sealed;

bool e2e_broker_init(e2e_broker *broker, mqtt_e2e_client *client, unsigned index, mqtt_e2e_error *error);
/* Something happened on its descriptor. */
void e2e_broker_event(e2e_broker *broker, uint32_t events);
/* Does what is due. */
void e2e_broker_tick(e2e_broker *broker, int64_t now);
int64_t e2e_broker_next(const e2e_broker *broker);
/* Keeps the epoll set in step with what libmosquitto waits for. */
void e2e_broker_watch(e2e_broker *broker);
void e2e_broker_unwatch(e2e_broker *broker);
/* The epoll set is a new, empty one. */
void e2e_broker_rewatch(e2e_broker *broker);
/* Whether it can take a message now, of QoS 0 at least. */
bool e2e_broker_writable(const e2e_broker *broker);
/* Whether one more message of this quality of service may be under way. */
bool e2e_broker_has_window(const e2e_broker *broker, int qos);
/* Ends the connection. `forked`: it is the parent's, which must not notice. */
void e2e_broker_stop(e2e_broker *broker, bool forked);

/* libmosquitto (connection.c). Codes are its own, 0 for success. */
int e2e_connection_open(e2e_broker *broker, const char *address);
bool e2e_connection_has_websocket(void);
/* Reads what is there; calls back. *more: there may be more. */
int e2e_connection_read(e2e_broker *broker, bool *more);
int e2e_connection_write(e2e_broker *broker);
int e2e_connection_misc(e2e_broker *broker);
int e2e_connection_publish(e2e_broker *broker, const e2e_sealed *sealed, uint16_t *mid);
int e2e_connection_subscribe(e2e_broker *broker, const char *wire, int qos, uint16_t *mid);
int e2e_connection_unsubscribe(e2e_broker *broker, const char *wire);
void e2e_connection_disconnect(e2e_broker *broker);
/* Frees the instance. `forked`: without a byte to the socket. */
void e2e_connection_drop(e2e_broker *broker, bool forked);

/* ---- What libmosquitto tells (acks.c, receive.c); all within its callbacks ----------------------- */

void e2e_acks_connect(e2e_broker *broker, int code, bool session_present, const mosquitto_property *list);
/* QoS 0 written, 1 and 2 acknowledged; `reason` is MQTT 5's. */
void e2e_acks_publish(e2e_broker *broker, uint16_t mid, int reason);
void e2e_receive(e2e_broker *broker, const struct mosquitto_message *message);
/* A packet that the round trip may be measured with is back. */
void e2e_acks_timed(e2e_broker *broker, uint16_t mid);

/* A connection was lost, with libmosquitto's code: if the other side closed it, on which message? */
void e2e_acks_blame(e2e_broker *broker, int code);

/* Says in broker->why what ended a connection, or kept it from coming about; `code` is libmosquitto's. */
void e2e_reason_connection(e2e_broker *broker, int code);

#endif
