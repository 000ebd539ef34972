/* SPDX-License-Identifier: MIT */
/*
 * replayer PORT: an attacker who has no key. Sends every packet that passes the broker on 127.0.0.1 again, three times: at once, a little
 * later, and when the memory of what it saw comes round to it. Ends by a signal, and tells how many it sent.
 */
#include <mosquitto.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 4096
#define LONG 256

typedef struct {
    char topic[200];
    uint8_t bytes[LONG];
    int len;
    uint64_t hash;
} packet;

static packet kept[KEPT];
static unsigned long seen, sent;
static volatile sig_atomic_t over;

static uint64_t hash_of(const void *bytes, int len)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (int i = 0; i < len; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
    return hash;
}

/* Our own come back to us. */
static bool known(uint64_t hash)
{
    for (unsigned long i = 0; i < KEPT && i < seen; i++)
        if (kept[i].hash == hash)
            return true;
    return false;
}

static void send_again(struct mosquitto *mosq, const packet *p)
{
    if (p->len > 0 && mosquitto_publish(mosq, NULL, p->topic, p->len, p->bytes, 1, false) == 0)
        sent++;
}

static void on_message(struct mosquitto *mosq, void *context, const struct mosquitto_message *message)
{
    packet *p = &kept[seen % KEPT];
    uint64_t hash = hash_of(message->payload, message->payloadlen);

    (void)context;
    if (message->payloadlen > LONG || strlen(message->topic) >= sizeof p->topic || known(hash))
        return;
    send_again(mosq, p); /* the oldest, which goes */
    strcpy(p->topic, message->topic);
    memcpy(p->bytes, message->payload, (size_t)message->payloadlen);
    p->len = message->payloadlen;
    p->hash = hash;
    seen++;
    send_again(mosq, p);
    send_again(mosq, &kept[rand() % (int)(seen < KEPT ? seen : KEPT)]);
}

static void on_connect(struct mosquitto *mosq, void *context, int code)
{
    (void)context;
    if (code == 0)
        mosquitto_subscribe(mosq, NULL, "#", 1);
}

static void on_subscribe(struct mosquitto *mosq, void *context, int mid, int count, const int *granted)
{
    (void)mosq, (void)context, (void)mid, (void)count, (void)granted;
    puts("ready");
    fflush(stdout);
}

static void on_signal(int number)
{
    (void)number;
    over = 1;
}

int main(int argc, char **argv)
{
    struct mosquitto *mosq;

    if (argc != 2)
        return 2;
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    mosquitto_lib_init();
    mosq = mosquitto_new(NULL, true, NULL);
    mosquitto_connect_callback_set(mosq, on_connect);
    mosquitto_subscribe_callback_set(mosq, on_subscribe);
    mosquitto_message_callback_set(mosq, on_message);
    if (mosquitto_connect(mosq, "127.0.0.1", atoi(argv[1]), 60) != 0)
        return 1;
    while (!over)
        if (mosquitto_loop(mosq, 100, 1) != 0)
            mosquitto_reconnect(mosq);
    printf("saw %lu, sent %lu\n", seen, sent);
    mosquitto_destroy(mosq);
    return 0;
}
