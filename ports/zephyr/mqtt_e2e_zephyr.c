/* SPDX-License-Identifier: MIT */
#include "mqtt_e2e_zephyr.h"

#include <errno.h>
#include <string.h>
#include <zephyr/net/socket.h>
#include <zephyr/random/random.h>

#define AGAIN_MS 1000

int64_t mqtt_e2e_zephyr_now(void)
{
    return k_uptime_get() + 1;
}

/* ---- Out ---- */

static uint16_t next_id(mqtt_e2e_zephyr *node)
{
    return node->message_id = (uint16_t)(node->message_id % 65535 + 1); /* MQTT 3.1.1 §2.3.1: never 0 */
}

static bool publish(void *context, const char *topic, const uint8_t *packet, size_t len, int qos, bool retain)
{
    mqtt_e2e_zephyr *node = context;
    struct mqtt_publish_param p = {0};

    p.message.topic.topic = (struct mqtt_utf8){(const uint8_t *)topic, (uint32_t)strlen(topic)};
    p.message.topic.qos = qos > 0 ? MQTT_QOS_1_AT_LEAST_ONCE : MQTT_QOS_0_AT_MOST_ONCE;
    p.message.payload = (struct mqtt_binstr){(uint8_t *)packet, (uint32_t)len};
    p.message_id = next_id(node);
    p.retain_flag = retain;
    return mqtt_publish(&node->client, &p) == 0;
}

static bool subscribe(void *context, const char *filter, int qos)
{
    mqtt_e2e_zephyr *node = context;
    struct mqtt_topic topic = {.topic = {(const uint8_t *)filter, (uint32_t)strlen(filter)},
                               .qos = qos > 0 ? MQTT_QOS_1_AT_LEAST_ONCE : MQTT_QOS_0_AT_MOST_ONCE};
    struct mqtt_subscription_list list = {.list = &topic, .list_count = 1, .message_id = next_id(node)};

    return mqtt_subscribe(&node->client, &list) == 0;
}

/* ---- In: called from within mqtt_input and mqtt_abort ---- */

/* All of a payload has to be read, or the next packet starts within it: what is too long is read and left. */
static bool read_payload(mqtt_e2e_zephyr *node, size_t len)
{
    bool fits = len <= sizeof node->packet;
    size_t at = 0;

    while (len > 0) {
        size_t room = sizeof node->packet - at;
        int n = mqtt_read_publish_payload_blocking(&node->client, node->packet + at, len < room ? len : room);

        if (n <= 0)
            return false; /* the connection is lost: mqtt_input will say so */
        len -= (size_t)n;
        at = fits ? at + (size_t)n : 0;
    }
    return fits;
}

static void on_publish(mqtt_e2e_zephyr *node, const struct mqtt_publish_param *p)
{
    const struct mqtt_utf8 *topic = &p->message.topic.topic;
    struct mqtt_puback_param ack = {.message_id = p->message_id};

    if (read_payload(node, p->message.payload.len))
        mqtt_e2e_device_received(&node->device, (const char *)topic->utf8, topic->size, node->packet,
                                 p->message.payload.len, mqtt_e2e_zephyr_now());
    else
        node->dropped++;
    if (p->message.topic.qos == MQTT_QOS_1_AT_LEAST_ONCE)
        mqtt_publish_qos1_ack(&node->client, &ack); /* refused ones too, or they come again and again */
}

static void on_event(struct mqtt_client *client, const struct mqtt_evt *event)
{
    mqtt_e2e_zephyr *node = CONTAINER_OF(client, mqtt_e2e_zephyr, client);

    if (event->type == MQTT_EVT_CONNACK && event->result == 0) {
        node->open = true;
        node->subscribe_at = 0;
    } else if (event->type == MQTT_EVT_DISCONNECT) {
        node->open = false;
        mqtt_e2e_device_disconnected(&node->device);
    } else if (event->type == MQTT_EVT_PUBLISH && event->result == 0) {
        on_publish(node, &event->param.publish);
    }
}

/* ---- What the application calls ---- */

void mqtt_e2e_zephyr_defaults(mqtt_e2e_device_options *options)
{
    mqtt_e2e_device_defaults(options);
#ifdef CONFIG_MQTT_E2E_MBEDTLS
    options->session.crypto = &mqtt_e2e_mbedtls;
#endif
    options->session.pad_size = CONFIG_MQTT_E2E_PAD_SIZE;
    options->session.streams = CONFIG_MQTT_E2E_STREAMS;
    options->session.requests = CONFIG_MQTT_E2E_REQUESTS;
    options->session.clock_skew_ms = CONFIG_MQTT_E2E_CLOCK_SKEW_S * UINT32_C(1000);
    options->topic_max = CONFIG_MQTT_E2E_TOPIC_MAX;
}

mqtt_e2e_status mqtt_e2e_zephyr_init(mqtt_e2e_zephyr *node, const mqtt_e2e_device_options *given)
{
    mqtt_e2e_device_options options = *given;
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    mqtt_e2e_status status;

    memset(node, 0, sizeof *node);
    options.buffer = node->working;
    options.buffer_size = sizeof node->working;
    options.publish = publish;
    options.subscribe = subscribe;
    options.context = node;
    if (sys_csrand_get(random, sizeof random) != 0)
        return MQTT_E2E_CRYPTO_FAILED;
    status = mqtt_e2e_device_init(&node->device, node->session, sizeof node->session, &options, random,
                                  mqtt_e2e_zephyr_now());
    mqtt_e2e_wipe_memory(random, sizeof random);
    return status;
}

int mqtt_e2e_zephyr_connect(mqtt_e2e_zephyr *node)
{
    node->client.evt_cb = on_event;
    node->open = false;
    return mqtt_connect(&node->client);
}

static int socket_of(const struct mqtt_client *client)
{
#ifdef CONFIG_MQTT_LIB_TLS
    if (client->transport.type == MQTT_TRANSPORT_SECURE)
        return client->transport.tls.sock;
#endif
    return client->transport.tcp.sock;
}

/* Subscribes once the connection is granted; again every second where it was not taken. */
static void follow(mqtt_e2e_zephyr *node)
{
    int64_t now = mqtt_e2e_zephyr_now();

    if (!node->open || node->device.connected || now < node->subscribe_at)
        return;
    node->subscribe_at = now + AGAIN_MS;
    mqtt_e2e_device_connected(&node->device, now);
}

static int wait_for_input(mqtt_e2e_zephyr *node, int ms)
{
    struct zsock_pollfd fd = {.fd = socket_of(&node->client), .events = ZSOCK_POLLIN};
    int due = (int)mqtt_e2e_device_poll(&node->device, mqtt_e2e_zephyr_now());
    int alive = mqtt_keepalive_time_left(&node->client);

    ms = due < ms ? due : ms;
    ms = alive >= 0 && alive < ms ? alive : ms;
    return zsock_poll(&fd, 1, ms) < 0 ? -EIO : fd.revents != 0;
}

int mqtt_e2e_zephyr_run(mqtt_e2e_zephyr *node, int ms)
{
    int status = wait_for_input(node, ms);

    if (status > 0)
        status = mqtt_input(&node->client);
    if (status == 0)
        status = mqtt_live(&node->client);
    if (status == -EAGAIN) /* no ping is due yet */
        status = 0;
    if (status != 0)
        mqtt_abort(&node->client); /* which tells on_event, if the client had not */
    else
        follow(node);
    return status;
}
