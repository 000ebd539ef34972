/* SPDX-License-Identifier: MIT */
/*
 * A device: answers ping, status, led on and led off, on `command/all` and `command/NAME`.
 *
 *     mqtt-e2e key c -o src/key.h        on your machine; NAME and the broker are the key file's
 *     west build -b BOARD samples/device
 *
 * It has no clock and asks for the time: let a node be its source, such as `mqtt-e2e sub --time-source`.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zephyr/logging/log.h>
#include <zephyr/net/socket.h>
#include <zephyr/random/random.h>

#include "answer.h"
#include "mqtt_e2e_zephyr.h"

#if __has_include("key.h")
#include "key.h"
#else
#error "no src/key.h: make it on your machine by `mqtt-e2e key c -o src/key.h`"
#endif
#if MQTT_E2E_NODE_TLS && !defined(CONFIG_MQTT_LIB_TLS)
#error "the key names brokers with TLS: set CONFIG_MQTT_LIB_TLS, or make a key.h of a key file without tls=1"
#endif

LOG_MODULE_REGISTER(device);

static mqtt_e2e_zephyr node;
static struct sockaddr_storage broker;
static uint8_t rx[256], tx[256];
static char own_topic[64];
static const char *const filters[] = {"command/all", own_topic};
static answer_device device;

static void on_message(mqtt_e2e_device *d, const mqtt_e2e_message *message, int64_t now_ms, void *context)
{
    char text[160];
    size_t len;

    (void)context;
    if (message->kind != MQTT_E2E_REQUEST)
        return; /* nobody waits for an answer */
    device.up_s = (unsigned long)(k_uptime_get() / 1000);
    len = answer(&device, message->payload.data, message->payload.len, text, sizeof text);
    if (mqtt_e2e_device_reply(d, &message->id, text, len, 1, now_ms) != MQTT_E2E_OK)
        LOG_WRN("the answer did not go out");
}

static void on_refused(mqtt_e2e_device *d, mqtt_e2e_status cause, const mqtt_e2e_message *message,
                       void *context)
{
    (void)d, (void)message, (void)context;
    LOG_INF("refused: %s", mqtt_e2e_status_text(cause));
}

static mqtt_e2e_status start(void)
{
    mqtt_e2e_device_options options;

    device.name = MQTT_E2E_NODE_NAME[0] != '\0' ? MQTT_E2E_NODE_NAME : "zephyr";
    snprintf(own_topic, sizeof own_topic, "command/%s", device.name);
    mqtt_e2e_zephyr_defaults(&options);
    options.session.key = mqtt_e2e_node_key;
    options.session.key_len = sizeof mqtt_e2e_node_key;
    options.session.base = MQTT_E2E_NODE_BASE;
    options.session.plain_topics = MQTT_E2E_NODE_PLAIN_TOPICS;
    options.filters = filters;
    options.filter_count = 2;
    options.on_message = on_message;
    options.on_refused = on_refused;
    return mqtt_e2e_zephyr_init(&node, &options);
}

static int find_broker(const char *name, unsigned short port)
{
    struct zsock_addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    char service[8];

    snprintf(service, sizeof service, "%u", (unsigned)port);
    if (zsock_getaddrinfo(name, service, &hints, &found) != 0)
        return -ENOENT;
    memcpy(&broker, found->ai_addr, found->ai_addrlen);
    zsock_freeaddrinfo(found);
    return 0;
}

static void set_up_client(void)
{
    static struct mqtt_utf8 user = {(const uint8_t *)MQTT_E2E_NODE_USER, sizeof MQTT_E2E_NODE_USER - 1};
    static struct mqtt_utf8 password = {(const uint8_t *)MQTT_E2E_NODE_PASSWORD,
                                        sizeof MQTT_E2E_NODE_PASSWORD - 1};
    static char id[24];
    uint32_t unique = 0;

    sys_csrand_get(&unique, sizeof unique);
    snprintf(id, sizeof id, "e2e%08lx", (unsigned long)unique);
    mqtt_client_init(&node.client);
    node.client.broker = &broker;
    node.client.client_id = (struct mqtt_utf8){(const uint8_t *)id, strlen(id)};
    node.client.user_name = user.size > 0 ? &user : NULL;
    node.client.password = password.size > 0 ? &password : NULL;
    node.client.protocol_version = MQTT_VERSION_3_1_1;
    node.client.rx_buf = rx;
    node.client.rx_buf_size = sizeof rx;
    node.client.tx_buf = tx;
    node.client.tx_buf_size = sizeof tx;
    node.client.transport.type = MQTT_TRANSPORT_NON_SECURE;
#if MQTT_E2E_NODE_TLS
    /* The broker's certificate is not looked at: what is said is sealed against brokers anyway. A password is not. */
    node.client.transport.type = MQTT_TRANSPORT_SECURE;
    node.client.transport.tls.config.peer_verify = TLS_PEER_VERIFY_NONE;
    node.client.user_name = node.client.password = NULL;
#endif
}

int main(void)
{
    mqtt_e2e_status status = start();

    if (status != MQTT_E2E_OK) {
        LOG_ERR("can't start: %s", mqtt_e2e_status_text(status));
        return 0;
    }
    set_up_client();
    for (size_t i = 0;; i = (i + 1) % MQTT_E2E_NODE_HOSTS) { /* one broker after the other */
        if (find_broker(mqtt_e2e_node_hosts[i].name, mqtt_e2e_node_hosts[i].port) == 0 &&
            mqtt_e2e_zephyr_connect(&node) == 0) {
            LOG_INF("connecting to %s", mqtt_e2e_node_hosts[i].name);
            while (mqtt_e2e_zephyr_run(&node, 1000) == 0)
                ;
        }
        k_sleep(K_SECONDS(5));
    }
}
