/* SPDX-License-Identifier: MIT */
/*
 * bench-mosquitto: libmosquitto called bare, as somebody would who knows it; nothing is sealed, kept or checked.
 *
 *     bench-mosquitto answer PORT TOPIC LEN QOS    answers whatever comes on TOPIC by LEN bytes on TOPIC/back
 *     bench-mosquitto ask PORT TOPIC LEN QOS       sends LEN bytes on TOPIC, and waits for the answer: see trips.h
 *
 * Subscriptions are of QoS 1. It says "ready", and ends with its standard input.
 */
#include "measure.h"
#include "trips.h"

#include <mosquitto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MINUTE_NS 60000000000u

static struct {
    struct mosquitto *mosq;
    const char *topic;
    char back[256];
    uint8_t payload[1024];
    int len;
    int qos;
    bool answers; /* else it asks */
    bool connected, subscribed, answered, acknowledged;
    uint64_t answered_at;
} bare;

static void on_connect(struct mosquitto *mosq, void *context, int code)
{
    (void)mosq;
    (void)context;
    bench_check(code == 0, "connecting to the broker");
    bare.connected = true;
}

static void on_subscribe(struct mosquitto *mosq, void *context, int mid, int count, const int *granted)
{
    (void)mosq;
    (void)context;
    (void)mid;
    bench_check(count == 1 && granted[0] == 1, "a subscription");
    bare.subscribed = true;
}

static void on_publish(struct mosquitto *mosq, void *context, int mid)
{
    (void)mosq;
    (void)context;
    (void)mid;
    bare.acknowledged = true;
}

static void send(const char *topic)
{
    bench_check(mosquitto_publish(bare.mosq, NULL, topic, bare.len, bare.payload, bare.qos, false) ==
                    MOSQ_ERR_SUCCESS,
                "mosquitto_publish");
}

static void on_message(struct mosquitto *mosq, void *context, const struct mosquitto_message *message)
{
    (void)mosq;
    (void)context;
    (void)message;
    if (bare.answers) {
        send(bare.back);
        return;
    }
    bare.answered = true;
    bare.answered_at = bench_ns();
}

static void wait_for(const bool *what)
{
    uint64_t begin = bench_ns();

    while (!*what) {
        bench_check(mosquitto_loop(bare.mosq, 1000, 1) == MOSQ_ERR_SUCCESS, "mosquitto_loop");
        bench_check(bench_ns() - begin < MINUTE_NS,
                    "a conversation through the broker (nothing for a minute)");
    }
}

static void start(const char *port)
{
    mosquitto_lib_init();
    bare.mosq = mosquitto_new(NULL, true, NULL);
    bench_check(bare.mosq != NULL, "mosquitto_new");
    mosquitto_int_option(bare.mosq, MOSQ_OPT_TCP_NODELAY, 1); /* as our client has */
    mosquitto_connect_callback_set(bare.mosq, on_connect);
    mosquitto_subscribe_callback_set(bare.mosq, on_subscribe);
    mosquitto_publish_callback_set(bare.mosq, on_publish);
    mosquitto_message_callback_set(bare.mosq, on_message);
    bench_check(mosquitto_connect(bare.mosq, "127.0.0.1", atoi(port), 60) == MOSQ_ERR_SUCCESS,
                "mosquitto_connect");
    wait_for(&bare.connected);
    mosquitto_subscribe(bare.mosq, NULL, bare.answers ? bare.topic : bare.back, 1);
    wait_for(&bare.subscribed);
}

static void answer(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    struct pollfd fds[2] = {input, {.fd = mosquitto_socket(bare.mosq), .events = POLLIN}};

    trips_say("ready");
    while (fds[0].revents == 0) {
        fds[1].events = (short)(POLLIN | (mosquitto_want_write(bare.mosq) ? POLLOUT : 0));
        poll(fds, 2, 1000);
        if (fds[1].revents & POLLIN)
            bench_check(mosquitto_loop_read(bare.mosq, 1) == MOSQ_ERR_SUCCESS, "mosquitto_loop_read");
        if (mosquitto_want_write(bare.mosq))
            bench_check(mosquitto_loop_write(bare.mosq, 1) == MOSQ_ERR_SUCCESS, "mosquitto_loop_write");
        mosquitto_loop_misc(bare.mosq);
    }
}

static double trip(void)
{
    uint64_t begin = bench_ns();

    bare.answered = bare.acknowledged = false;
    send(bare.topic);
    wait_for(&bare.answered);
    wait_for(&bare.acknowledged);
    return (double)(bare.answered_at - begin);
}

int main(int argc, char **argv)
{
    bench_check(argc == 6, "usage");
    bare.answers = strcmp(argv[1], "answer") == 0;
    bare.topic = argv[3];
    snprintf(bare.back, sizeof bare.back, "%s/back", bare.topic);
    bare.len = atoi(argv[4]);
    bare.qos = atoi(argv[5]);
    bench_check(bare.len >= 0 && (size_t)bare.len <= sizeof bare.payload, "so long a payload");
    memset(bare.payload, 'x', sizeof bare.payload);
    start(argv[2]);
    if (!bare.answers)
        trips_serve(trip);
    answer();
    mosquitto_destroy(bare.mosq);
    mosquitto_lib_cleanup();
    return 0;
}
