/* SPDX-License-Identifier: MIT */
/*
 * examples/device.c on a microcontroller: answers requests on `command/all` and `command/NAME`.
 *
 *     firmware HEADER [NAME]      (the emulator's command line; HEADER is what `mqtt-e2e key c` printed)
 *
 * terminal.c has further ones, which it answers in parts. It has no clock and stores nothing. It learns the time from whoever answers on `~time`, and what was sealed before that
 * is refused: so nothing that it answered before a reset is answered again after it.
 */
#include <mqtt_e2e/device.h>

#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "board.h"
#include "ethernet.h"
#include "lwip/init.h"
#include "lwip/stats.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "mqtt_e2e_lwip.h"
#include "node.h"
#include "semihosting.h"
#include "terminal.h"

#define STREAMS      8
#define REQUESTS     1   /* it asks for the time, and nothing else */
#define KEY_STATE    768 /* of BearSSL; more than it takes */
#define LONGEST      512 /* bytes of a packet */
#define ANSWERS      4
#define LOG_EVERY_MS 200
#define KEEP_ALIVE_S 10

#define ANSWER_SIZE 160
#define PACKET_ROOM MQTT_E2E_SEALED_SIZE(TERMINAL_PART + MQTT_E2E_BINDING_SIZE, 50)

/* An answer that waits until the MQTT library takes it. */
typedef struct {
    mqtt_e2e_id request;
    size_t len; /* 0 = free */
    char text[ANSWER_SIZE];
} pending;

static node own;
static answer_device device;
static mqtt_e2e_device client;
static mqtt_e2e_lwip mqtt;
static struct netif netif;
static pending answers[ANSWERS];
static unsigned long answered;
static uint8_t storage[MQTT_E2E_SESSION_SIZE(KEY_STATE, STREAMS, 64, REQUESTS, 0)]
    __attribute__((aligned(8)));
static uint8_t buffer[MQTT_E2E_DEVICE_BUFFER(MQTT_E2E_LWIP_TOPIC, PACKET_ROOM)];
static uint8_t packet[LONGEST + 1]; /* so that a longer one is seen to be longer */
static char own_filter[80];
static const char *const filters[] = {"command/all", own_filter};

/* ---- What it says ------------------------------------------------------------------------------- */

static void say(const char *text)
{
    semihosting_log(device.name != NULL ? device.name : "firmware");
    semihosting_log(": ");
    semihosting_log(text);
    semihosting_log("\n");
}

/* All that was refused so far, by cause: at most once in LOG_EVERY_MS, so that nobody can drown the log. */
static void say_refused(int64_t now)
{
    static int64_t next;
    static uint32_t seen[MQTT_E2E_CAUSES];
    const uint32_t *counts = mqtt_e2e_counts(client.session);
    char text[200];
    size_t at = 0;

    if (now < next || memcmp(seen + 1, counts + 1, sizeof seen - sizeof seen[0]) == 0)
        return;
    next = now + LOG_EVERY_MS;
    memcpy(seen, counts, sizeof seen);
    for (int cause = MQTT_E2E_OK + 1; cause < MQTT_E2E_CAUSES; cause++)
        if (counts[cause] > 0 && at < sizeof text)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s %lu %s",
                                   at > 0 ? "," : "refused so far:", (unsigned long)counts[cause],
                                   mqtt_e2e_status_text((mqtt_e2e_status)cause));
    say(text);
}

static void say_time(int64_t now)
{
    static bool known;

    if (known || mqtt_e2e_utc(client.session, now) == 0)
        return;
    known = true;
    say("time learnt");
}

static void on_state(mqtt_e2e_lwip *lwip, bool connected)
{
    char text[80];

    (void)lwip;
    snprintf(text, sizeof text, "connected, %u buffers in use",
             (unsigned)lwip_stats.memp[MEMP_PBUF_POOL]->used);
    say(connected ? text : "not connected, trying again");
}

/* ---- What it does ------------------------------------------------------------------------------- */

static void send_answers(int64_t now)
{
    char text[40];

    for (pending *a = answers; a < answers + ANSWERS; a++) {
        mqtt_e2e_status status;

        if (a->len == 0)
            continue;
        status = mqtt_e2e_device_reply(&client, &a->request, a->text, a->len, 1, now);
        if (status == MQTT_E2E_BUSY)
            continue; /* later */
        a->len = 0;
        if (status != MQTT_E2E_OK) {
            say(mqtt_e2e_status_text(status));
            continue;
        }
        snprintf(text, sizeof text, "answered a request (%lu)", ++answered);
        say(text);
    }
}

static pending *free_place(void)
{
    for (pending *a = answers; a < answers + ANSWERS; a++)
        if (a->len == 0)
            return a;
    return NULL;
}

static bool is_on_own(const mqtt_e2e_message *message)
{
    return message->topic.len == strlen(own_filter) &&
           memcmp(message->topic.data, own_filter, message->topic.len) == 0;
}

static void on_request(const mqtt_e2e_message *message, int64_t now, pending *place)
{
    const mqtt_e2e_bytes *command = &message->payload;

    if (answer_is(command->data, command->len, "ping") && !is_on_own(message))
        terminal_announce(); /* all are asked */
    place->request = message->id;
    if (terminal_command(message, now, place->text, sizeof place->text, &place->len))
        return;
    device.up_s = (unsigned long)(now / 1000);
    device.free_kb = board_free_memory() / 1024;
    place->len = answer(&device, command->data, command->len, place->text, sizeof place->text);
    board_led(device.led);
}

static void on_message(mqtt_e2e_device *d, const mqtt_e2e_message *message, int64_t now, void *context)
{
    pending *place = free_place();

    (void)d, (void)context;
    if (place == NULL) {
        if (message->kind == MQTT_E2E_REQUEST)
            say("busy: a request is not answered");
    } else if (message->kind == MQTT_E2E_REQUEST)
        on_request(message, now, place);
    else if (message->kind == MQTT_E2E_MESSAGE && is_on_own(message))
        place->len = terminal_control(message, now, &place->request, place->text, sizeof place->text);
}

/* ---- The start ---------------------------------------------------------------------------------- */

static void read_random(void *out, size_t size)
{
    /* Stands in for the true random number generator of a real chip. */
    if (semihosting_read_file("/dev/urandom", out, size) != (long)size)
        board_fail("no randomness");
}

/* Cuts the next word off a line; NULL: there is none. */
static char *next_word(char **line)
{
    char *word = *line + strspn(*line, " ");
    size_t len = strcspn(word, " ");

    *line = word + len + (word[len] != '\0');
    word[len] = '\0';
    return len > 0 ? word : NULL;
}

static void read_node(void)
{
    static char line[512], text[4096];
    char *rest = line, *path, *name;
    long len;

    if (!semihosting_command_line(line, sizeof line))
        board_fail("no command line");
    next_word(&rest); /* our own name */
    path = next_word(&rest);
    name = next_word(&rest);
    len = path != NULL ? semihosting_read_file(path, text, sizeof text - 1) : -1;
    if (len < 0)
        board_fail("can't read the key: give the path of what `mqtt-e2e key c` printed");
    if (!node_parse(&own, text, (size_t)len))
        board_fail("this is not what `mqtt-e2e key c` prints, names no broker, or has an escape in a name");
    if (own.tls)
        board_fail("the key wants TLS, which this firmware has not");
    if (name != NULL)
        device.name = name;
    else
        device.name = own.name[0] != '\0' ? own.name : "device";
    if (snprintf(own_filter, sizeof own_filter, "command/%s", device.name) >= (int)sizeof own_filter ||
        strlen(device.name) > 40)
        board_fail("the name is longer than 40 bytes");
}

/* QEMU's user network: we are 10.0.2.15, the host is 10.0.2.2. */
static void start_network(void)
{
    ip4_addr_t address, mask, host;

    IP4_ADDR(&address, 10, 0, 2, 15);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&host, 10, 0, 2, 2);
    lwip_init();
    if (netif_add(&netif, &address, &mask, &host, NULL, ethernet_start, ethernet_input) == NULL)
        board_fail("no network card");
    netif_set_default(&netif);
    netif_set_up(&netif);

    if (strcmp(own.host, "localhost") == 0 || strncmp(own.host, "127.", 4) == 0)
        ip_addr_copy(mqtt.broker, host);
    else if (ipaddr_aton(own.host, &mqtt.broker) == 0)
        board_fail("the broker's name is no address: this firmware has no name lookup");
}

static void start_mqtt(void)
{
    static char id[20];
    uint32_t random[2];

    /* Not the device's name: a broker drops the former client of the same id, and anyone could come as it. */
    read_random(random, sizeof random);
    snprintf(id, sizeof id, "e%08lx%08lx", (unsigned long)random[0], (unsigned long)random[1]);
    mqtt.device = &client;
    mqtt.port = own.port;
    mqtt.info.client_id = id;
    mqtt.info.client_user = own.user[0] != '\0' ? own.user : NULL;
    mqtt.info.client_pass = own.password[0] != '\0' ? own.password : NULL;
    mqtt.info.keep_alive = KEEP_ALIVE_S;
    mqtt.now_ms = board_now_ms;
    mqtt.packet = packet;
    mqtt.packet_max = sizeof packet;
    mqtt.on_state = on_state;
    if (!mqtt_e2e_lwip_start(&mqtt))
        board_fail("no memory for the MQTT client");
}

static void start_session(void)
{
    mqtt_e2e_device_options options;
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    mqtt_e2e_status status;

    mqtt_e2e_device_defaults(&options);
    options.session.crypto = &mqtt_e2e_bearssl;
    options.session.key = own.key;
    options.session.key_len = own.key_len;
    options.session.streams = STREAMS;
    options.session.requests = REQUESTS;
    options.session.longest_packet = LONGEST;
    options.session.base = own.base;
    options.session.plain_topics = own.plain_topics;
    options.filters = filters;
    options.filter_count = sizeof filters / sizeof filters[0];
    options.buffer = buffer;
    options.buffer_size = sizeof buffer;
    options.topic_max = MQTT_E2E_LWIP_TOPIC;
    options.publish = mqtt_e2e_lwip_publish;
    options.subscribe = mqtt_e2e_lwip_subscribe;
    options.on_message = on_message;
    options.context = &mqtt;
    read_random(random, sizeof random);
    status = mqtt_e2e_device_init(&client, storage, sizeof storage, &options, random, board_now_ms());
    mqtt_e2e_wipe_memory(random, sizeof random);
    mqtt_e2e_wipe_memory(own.key, sizeof own.key);
    if (status != MQTT_E2E_OK)
        board_fail(mqtt_e2e_status_text(status));
}

u32_t sys_now(void)
{
    return (u32_t)board_now_ms();
}

int main(void)
{
    uint32_t seed;

    board_start();
    read_random(&seed, sizeof seed);
    board_seed(seed);
    read_node();
    start_session();
    terminal_start(&client, device.name);
    start_network();
    start_mqtt();
    say("started");
    for (;;) {
        int64_t now = board_now_ms();
        bool busy = ethernet_poll(&netif);

        sys_check_timeouts();
        mqtt_e2e_lwip_poll(&mqtt);
        send_answers(now);
        terminal_turn(now);
        say_time(now);
        say_refused(now);
        if (!busy)
            board_sleep();
    }
}
