/* SPDX-License-Identifier: MIT */
/*
 * bench-node-sealed, bench-node-plain: one end of a conversation through a broker. The second is the same program with
 * plain.c in the place of our protocol. bench-mqtt starts them and tells them what to do.
 *
 *     bench-node-sealed ROLE PORT TOPIC PAYLOAD_LEN QOS
 *
 *   receive   says "ready"; for each line "N" says "counting", waits for N messages, and says how many nanoseconds
 *             passed from the first to the last
 *   send      says "ready"; for each line "N" publishes N messages and says "sent"
 *   echo      says "ready", and sends what comes on TOPIC back on TOPIC/back
 *   ping      says "ready"; for each line "N" makes N round trips: see trips.h
 *
 * It ends with its standard input.
 */
#include "measure.h"
#include "mqtt_e2e/client.h"
#include "trips.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MINUTE_NS 60000000000u

static struct {
    mqtt_e2e_client *client;
    const char *topic;
    char back[256];
    uint8_t payload[65536];
    size_t len;
    int qos;
    size_t subscribed;
    size_t wanted, seen;
    uint64_t first, last;
} node;

static void wait_until(const size_t *value, size_t target)
{
    uint64_t end = bench_ns() + MINUTE_NS;

    while (*value < target) {
        mqtt_e2e_client_wait(node.client, 1000);
        bench_check(bench_ns() < end, "a conversation through the broker (nothing for a minute)");
    }
}

/* ---- Callbacks ---- */

static void on_subscribed(mqtt_e2e_client *client, const char *filter, bool granted, int qos, void *context)
{
    (void)client;
    (void)filter;
    (void)qos;
    (void)context;
    bench_check(granted, "a subscription");
    node.subscribed++;
}

static void on_refused(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    (void)client;
    (void)context;
    bench_check(false, mqtt_e2e_status_text(delivery->status));
}

static void on_event(mqtt_e2e_client *client, mqtt_e2e_client_event event, const mqtt_e2e_broker_news *news,
                     void *context)
{
    (void)client;
    (void)context;
    bench_check(event == MQTT_E2E_CONNECTED, news->why);
}

static void count_it(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    (void)client;
    (void)context;
    bench_check(delivery->message->payload.len == node.len, "the payload's length");
    if (node.seen++ == 0)
        node.first = bench_ns();
    if (node.seen == node.wanted)
        node.last = bench_ns();
}

static bool publish(const char *topic)
{
    return mqtt_e2e_client_publish(node.client, topic, node.payload, node.len, node.qos, false, NULL, NULL);
}

static void send_back(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    mqtt_e2e_bytes payload = delivery->message->payload;

    (void)context;
    bench_check(
        mqtt_e2e_client_publish(client, node.back, payload.data, payload.len, node.qos, false, NULL, NULL),
        "publish");
}

/* ---- Roles ---- */

static void start(const char *port)
{
    static const uint8_t key[16] = "a benchmark's ke";
    mqtt_e2e_host host = {.name = "127.0.0.1", .port = (uint16_t)atoi(port)};
    mqtt_e2e_client_options options;
    mqtt_e2e_error error;

    mqtt_e2e_client_defaults(&options);
    options.session.key = key;
    options.session.key_len = sizeof key;
#ifdef PLAIN
    options.session.plain_topics = true;
    options.session.base = "";
#endif
    options.hosts = &host;
    options.host_count = 1;
    options.on_subscribed = on_subscribed;
    options.on_refused = on_refused;
    options.on_event = on_event;
    node.client = mqtt_e2e_client_new(&options, &error);
    bench_check(node.client != NULL, "mqtt_e2e_client_new");
    while (!mqtt_e2e_client_connected(node.client))
        mqtt_e2e_client_wait(node.client, 1000);
}

static void subscribe(const char *topic, mqtt_e2e_on_message callback)
{
    size_t before = node.subscribed;

    bench_check(mqtt_e2e_client_subscribe(node.client, topic, node.qos, callback, NULL, NULL), "subscribe");
    wait_until(&node.subscribed, before + 1);
}

static void receive(void)
{
    char text[32];

    subscribe(node.topic, count_it);
    trips_say("ready");
    for (;;) {
        node.wanted = trips_order();
        node.seen = 0;
        trips_say("counting");
        wait_until(&node.seen, node.wanted);
        snprintf(text, sizeof text, "%llu", (unsigned long long)(node.last - node.first));
        trips_say(text);
    }
}

static void send(void)
{
    trips_say("ready");
    for (;;) {
        size_t left = trips_order();

        while (left > 0) {
            while (left > 0 && publish(node.topic))
                left--;
            mqtt_e2e_client_wait(node.client, 1000);
        }
        while (mqtt_e2e_client_queued(node.client) > 0)
            mqtt_e2e_client_wait(node.client, 1000);
        trips_say("sent");
    }
}

static void echo(void)
{
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLIN}};

    subscribe(node.topic, send_back);
    trips_say("ready");
    fds[1].fd = mqtt_e2e_client_fd(node.client);
    while (fds[0].revents == 0) {
        poll(fds, 2, mqtt_e2e_client_timeout(node.client));
        mqtt_e2e_client_loop(node.client);
    }
}

static double trip(void)
{
    uint64_t begin = bench_ns();

    node.seen = 0;
    node.wanted = 1;
    bench_check(publish(node.topic), "publish");
    wait_until(&node.seen, 1);
    while (mqtt_e2e_client_queued(node.client) > 0) /* QoS 1: its own PUBACK */
        mqtt_e2e_client_wait(node.client, 1000);
    return (double)(node.last - begin);
}

static void ping(void)
{
    subscribe(node.back, count_it);
    trips_serve(trip);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } roles[] = {{"receive", receive}, {"send", send}, {"echo", echo}, {"ping", ping}};

    bench_check(argc == 6, "usage");
    node.topic = argv[3];
    snprintf(node.back, sizeof node.back, "%s/back", node.topic);
    node.len = strtoul(argv[4], NULL, 10);
    node.qos = atoi(argv[5]);
    bench_check(node.len <= sizeof node.payload, "so long a payload");
    memset(node.payload, 'x', node.len);
    start(argv[2]);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strcmp(argv[1], roles[i].name) == 0)
            roles[i].run();
    mqtt_e2e_client_free(node.client);
    return 0;
}
