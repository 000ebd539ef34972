/* SPDX-License-Identifier: MIT */
/*
 * bench-controller: sends an agent the command ping, over a connection that it keeps, and waits for the answer, again
 * and again. Our protocol, by public headers alone.
 *
 *     bench-controller ask PORT command/NAME 0 QOS
 *
 * It is told how often as trips.h says. QOS is that of commands; answers have QoS 1.
 */
#include "measure.h"
#include "mqtt_e2e/client.h"
#include "mqtt_e2e/command.h"
#include "process.h"
#include "trips.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_NS  60000000000u
#define TIMEOUT_MS 60000

static struct {
    mqtt_e2e_client *client;
    const char *topic;
    char expected[128];
    int qos;
    bool answered;
    uint64_t answered_at;
} controller;

static bool on_reply(mqtt_e2e_client *client, mqtt_e2e_answer answer, const mqtt_e2e_delivery *delivery,
                     void *context)
{
    mqtt_e2e_part part;
    mqtt_e2e_bytes payload;

    (void)client;
    (void)context;
    bench_check(answer == MQTT_E2E_ANSWERED, "an answer (nothing for a minute)");
    payload = delivery->message->payload;
    bench_check(mqtt_e2e_part_read(payload.data, payload.len, &part) && part.type == MQTT_E2E_PLAIN &&
                    part.data.len == strlen(controller.expected) &&
                    memcmp(part.data.data, controller.expected, part.data.len) == 0,
                "the answer to ping");
    controller.answered = true;
    controller.answered_at = bench_ns();
    return false;
}

static void on_event(mqtt_e2e_client *client, mqtt_e2e_client_event event, const mqtt_e2e_broker_news *news,
                     void *context)
{
    (void)client;
    (void)context;
    bench_check(event == MQTT_E2E_CONNECTED, news->why);
}

static double trip(void)
{
    static const char *const words[] = {"ping"};
    uint64_t begin = bench_ns();
    char command[16];
    size_t len = mqtt_e2e_words_write(words, 1, command, sizeof command);

    controller.answered = false;
    bench_check(mqtt_e2e_client_request(controller.client, controller.topic, command, len, controller.qos,
                                        TIMEOUT_MS, on_reply, NULL, NULL),
                "mqtt_e2e_client_request");
    while (!controller.answered) {
        mqtt_e2e_client_wait(controller.client, 1000);
        bench_check(bench_ns() - begin < MINUTE_NS, "an answer (nothing for a minute)");
    }
    while (mqtt_e2e_client_queued(controller.client) > 0) /* QoS 1: its own PUBACK */
        mqtt_e2e_client_wait(controller.client, 1000);
    return (double)(controller.answered_at - begin);
}

static void start(const char *port)
{
    mqtt_e2e_host host = {.name = "127.0.0.1", .port = (uint16_t)atoi(port)};
    mqtt_e2e_client_options options;
    mqtt_e2e_error error;

    mqtt_e2e_client_defaults(&options);
    options.session.key = (const uint8_t *)PROCESS_KEY;
    options.session.key_len = sizeof PROCESS_KEY - 1;
    options.hosts = &host;
    options.host_count = 1;
    options.on_event = on_event;
    controller.client = mqtt_e2e_client_new(&options, &error);
    bench_check(controller.client != NULL, "mqtt_e2e_client_new");
    while (!mqtt_e2e_client_connected(controller.client))
        mqtt_e2e_client_wait(controller.client, 1000);
}

int main(int argc, char **argv)
{
    const char *name;

    bench_check(argc == 6 && strcmp(argv[1], "ask") == 0, "usage");
    controller.topic = argv[3];
    name = strchr(argv[3], '/');
    bench_check(name != NULL, "usage");
    snprintf(controller.expected, sizeof controller.expected, "%s: pong", name + 1);
    controller.qos = atoi(argv[5]);
    start(argv[2]);
    trips_serve(trip);
}
