/* SPDX-License-Identifier: MIT */
/* Zephyr as far as the adapter and its sample need it. */
#include <errno.h>
#include <string.h>

#include "world.h"
#include "zephyr/net/mqtt.h"
#include "zephyr/net/socket.h"
#include "zephyr/random/random.h"

#define SOCKET       7
#define CHUNK        100 /* bytes of a segment: longer payloads come in parts */
#define KEEPALIVE_MS 60000

enum { IDLE, WAITS_FOR_CONNACK, CONNECTED };

static unsigned connection;
static const world_packet *coming; /* read so far as the topic, or further */
static size_t payload_at;
static int64_t ping_at;
static uint16_t message_id;

/* ---- The kernel ---- */

int64_t k_uptime_get(void)
{
    return world_ms();
}

int32_t k_sleep(k_timeout_t timeout)
{
    for (int64_t until = world_ms() + timeout.ms; world_ms() < until;)
        world_yield();
    return 0;
}

int sys_csrand_get(void *dst, size_t len)
{
    world_random(dst, len);
    return 0;
}

/* ---- Sockets ---- */

static struct mqtt_client *the_client;

static bool readable(void)
{
    if (the_client->internal.state != IDLE && connection != world_connections())
        return true; /* the end of the connection is input too */
    return the_client->internal.state == WAITS_FOR_CONNACK || (coming = world_next()) != NULL;
}

int zsock_poll(struct zsock_pollfd *fds, int nfds, int timeout)
{
    int64_t until = world_ms() + timeout;

    check(nfds == 1 && fds->fd == SOCKET && fds->events == ZSOCK_POLLIN && timeout >= 0);
    do {
        world_yield();
        fds->revents = readable() ? ZSOCK_POLLIN : 0;
    } while (fds->revents == 0 && world_ms() < until);
    return fds->revents != 0;
}

int zsock_getaddrinfo(const char *host, const char *service, const struct zsock_addrinfo *hints,
                      struct zsock_addrinfo **res)
{
    static struct sockaddr_in address;
    static struct zsock_addrinfo found;

    check(host[0] != '\0' && service[0] != '\0' && hints->ai_socktype == SOCK_STREAM);
    found.ai_addr = (void *)&address;
    found.ai_addrlen = sizeof address;
    *res = &found;
    return 0;
}

void zsock_freeaddrinfo(struct zsock_addrinfo *ai)
{
    (void)ai;
}

/* ---- The MQTT client ---- */

void mqtt_client_init(struct mqtt_client *client)
{
    memset(client, 0, sizeof *client);
    client->protocol_version = MQTT_VERSION_3_1_0;
    client->clean_session = 1;
    client->keepalive = KEEPALIVE_MS / 1000;
}

static void end(struct mqtt_client *client, int result)
{
    struct mqtt_evt event = {.type = MQTT_EVT_DISCONNECT, .result = result};

    if (client->internal.state == IDLE)
        return;
    client->internal.state = IDLE;
    client->evt_cb(client, &event);
}

int mqtt_connect(struct mqtt_client *client)
{
    check(client->broker != NULL && client->evt_cb != NULL && client->client_id.size > 0 &&
          client->rx_buf != NULL && client->tx_buf != NULL && client->internal.state == IDLE);
    if (!world_up())
        return -ECONNREFUSED;
    the_client = client;
    client->transport.tcp.sock = SOCKET;
    client->internal.state = WAITS_FOR_CONNACK;
    client->internal.remaining_payload = 0;
    connection = world_connections();
    return 0;
}

static bool alive(const struct mqtt_client *client)
{
    return client->internal.state == CONNECTED && connection == world_connections();
}

int mqtt_publish(struct mqtt_client *client, const struct mqtt_publish_param *param)
{
    const struct mqtt_publish_message *m = &param->message;
    char topic[256];

    check(m->topic.topic.size < sizeof topic && 10 + m->topic.topic.size <= client->tx_buf_size);
    check(m->topic.qos == 0 || (param->message_id != 0 && param->message_id != message_id));
    if (!alive(client))
        return -ENOTCONN;
    message_id = param->message_id;
    memcpy(topic, m->topic.topic.utf8, m->topic.topic.size);
    topic[m->topic.topic.size] = '\0';
    return world_published(topic, m->payload.data, m->payload.len, m->topic.qos, param->retain_flag)
               ? 0
               : -EAGAIN;
}

int mqtt_publish_qos1_ack(struct mqtt_client *client, const struct mqtt_puback_param *param)
{
    check(param->message_id == 77);
    if (!alive(client))
        return -ENOTCONN;
    world_acknowledged();
    return 0;
}

int mqtt_subscribe(struct mqtt_client *client, const struct mqtt_subscription_list *param)
{
    char filter[256];

    check(param->message_id != 0);
    if (!alive(client) || !world_takes())
        return -ENOTCONN;
    for (unsigned i = 0; i < param->list_count; i++) {
        memcpy(filter, param->list[i].topic.utf8, param->list[i].topic.size);
        filter[param->list[i].topic.size] = '\0';
        world_subscribed(filter, param->list[i].qos);
    }
    return 0;
}

int mqtt_abort(struct mqtt_client *client)
{
    end(client, -ECONNABORTED);
    return 0;
}

int mqtt_keepalive_time_left(const struct mqtt_client *client)
{
    (void)client;
    return ping_at > world_ms() ? (int)(ping_at - world_ms()) : 0;
}

int mqtt_live(struct mqtt_client *client)
{
    (void)client;
    if (world_ms() < ping_at)
        return -EAGAIN;
    ping_at = world_ms() + KEEPALIVE_MS;
    return 0;
}

static void give_packet(struct mqtt_client *client)
{
    struct mqtt_evt event = {.type = MQTT_EVT_PUBLISH};
    size_t topic_len = strlen(coming->topic);

    check(topic_len + 8 <= client->rx_buf_size);
    memcpy(client->rx_buf + 5, coming->topic, topic_len); /* no NUL */
    event.param.publish.message.topic.topic = (struct mqtt_utf8){client->rx_buf + 5, (uint32_t)topic_len};
    event.param.publish.message.topic.qos = (uint8_t)coming->qos;
    event.param.publish.message.payload.len = (uint32_t)coming->len;
    event.param.publish.message_id = 77;
    client->internal.remaining_payload = (uint32_t)coming->len;
    payload_at = 0;
    client->evt_cb(client, &event);
    memset(client->rx_buf, 0xEE, client->rx_buf_size);
    check(client->internal.remaining_payload == 0); /* the rest would be taken for the next packet */
}

int mqtt_input(struct mqtt_client *client)
{
    struct mqtt_evt event = {.type = MQTT_EVT_CONNACK};

    if (client->internal.state == IDLE || connection != world_connections()) {
        end(client, -ENOTCONN);
        return -ENOTCONN;
    }
    if (client->internal.state == WAITS_FOR_CONNACK) {
        client->internal.state = CONNECTED;
        world_connected(client->clean_session);
        client->evt_cb(client, &event);
    } else if (coming != NULL) {
        give_packet(client);
    }
    coming = NULL;
    return 0;
}

int mqtt_read_publish_payload_blocking(struct mqtt_client *client, void *buffer, size_t length)
{
    size_t n = client->internal.remaining_payload;

    n = n < length ? n : length;
    n = n < CHUNK ? n : CHUNK;
    check(length > 0);
    memcpy(buffer, coming->bytes + payload_at, n);
    payload_at += n;
    client->internal.remaining_payload -= (uint32_t)n;
    return (int)n;
}
