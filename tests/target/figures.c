/* SPDX-License-Identifier: MIT */
/*
 * Measures what the protocol costs on this board, and says it, a name and a number a line; scripts/footprint-target makes
 * docs/FOOTPRINT.md of it.
 */
#include "board.h"
#include "gcm.h"
#include "mqtt_e2e/command.h"
#include "mqtt_e2e/session.h"

#include <string.h>

#define ROOM (MQTT_E2E_OVERHEAD + 1000)
#define T0   INT64_C(1795459591440)

typedef struct {
    mqtt_e2e_session *session;
    mqtt_e2e_options options;
    mqtt_e2e_topic topic;
    char wire[MQTT_E2E_WIRE_SIZE(12, 11, 2)];
    _Alignas(8) uint8_t storage[2560];
} node;

static node device, peer;
static const uint8_t key[16] = "0123456789abcdef";
static uint8_t random_bytes[MQTT_E2E_RANDOM_SIZE];
static uint8_t payload[1000], packet[ROOM], tag[16];
static size_t payload_len, packet_len, wanted_len;
static int64_t now = T0;
static const char name[] = "iot/kitchen";

static void ok(mqtt_e2e_status status, const char *what)
{
    if (status != MQTT_E2E_OK)
        chip_print(mqtt_e2e_status_text(status));
    board_check(status == MQTT_E2E_OK, what);
}

/* ---- The calls that are measured ---- */

static void init(node *n)
{
    random_bytes[0]++; /* each start has a stream of its own */
    board_here();
    ok(mqtt_e2e_init(&n->session, n->storage, sizeof n->storage, &n->options, random_bytes, now), "init");
}

static void hide(node *n)
{
    board_here();
    ok(mqtt_e2e_hide(n->session, name, n->wire, sizeof n->wire, &n->topic), "hide");
}

static void seal(node *n)
{
    board_here();
    ok(mqtt_e2e_seal(n->session, &n->topic, MQTT_E2E_MESSAGE, payload, payload_len, packet, sizeof packet,
                     now, &packet_len),
       "seal");
}

static void open(node *n, mqtt_e2e_status expected)
{
    mqtt_e2e_message message;

    board_here();
    board_check(mqtt_e2e_open(n->session, &n->topic, packet, packet_len, packet, sizeof packet, now,
                              &message) == expected,
                "open");
    board_check(expected != MQTT_E2E_OK || message.payload.len == wanted_len, "length of the payload");
}

static void do_init(void)
{
    init(&device);
}

static void do_hide(void)
{
    hide(&device);
}

static void do_seal(void)
{
    seal(&device);
}

static void do_open(void)
{
    open(&device, MQTT_E2E_OK);
}

static void do_gcm(void)
{
    static const uint8_t nonce[12];

    gcm_seal(nonce, name, sizeof name - 1, packet, packet_len, tag);
}

static void do_reveal(void)
{
    char read[sizeof peer.wire];
    mqtt_e2e_topic topic;

    board_here();
    ok(mqtt_e2e_reveal(device.session, device.wire, strlen(device.wire), read, sizeof read, &topic),
       "reveal");
    board_check(strcmp(read, name) == 0, "revealed topic");
}

/* ---- Nodes ---- */

static void choose(node *n, uint16_t streams)
{
    mqtt_e2e_defaults(&n->options);
    n->options.crypto = &BACKEND;
    n->options.key = key;
    n->options.key_len = sizeof key;
    n->options.streams = streams;
}

static void start_over(node *n, uint16_t streams)
{
    mqtt_e2e_wipe(n->session);
    n->session = NULL;
    choose(n, streams);
    init(n);
    hide(n);
}

/* A message of a peer that the device accepts, not the first of its stream. */
static void receive_from_peer(size_t len)
{
    payload_len = wanted_len = len;
    now++;
    seal(&peer);
}

/* Fills the device's table with as many peers. */
static void meet_peers(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        start_over(&peer, 4);
        receive_from_peer(20);
        open(&device, MQTT_E2E_OK);
    }
}

/* ---- Instructions ---- */

static const struct {
    size_t len;
    const char *seal, *open, *gcm;
} lengths[] = {
    {20, "seal_20", "open_20", "gcm_20"},
    {50, "seal_50", "open_50", "gcm_50"},
    {100, "seal_100", "open_100", "gcm_100"},
    {1000, "seal_1000", "open_1000", "gcm_1000"},
};

static void count_messages(void)
{
    gcm_prepare(key);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        payload_len = lengths[i].len;
        board_say(lengths[i].seal, board_count(do_seal));
        receive_from_peer(lengths[i].len);
        board_say(lengths[i].open, board_count(do_open));
        packet_len -= MQTT_E2E_OVERHEAD - 11; /* what GCM encrypts of the packet */
        board_say(lengths[i].gcm, board_count(do_gcm));
    }
}

static void count_calls(void)
{
    start_over(&device, 8);
    meet_peers(1);
    count_messages();
    board_say("hide", board_count(do_hide));
    board_say("reveal", board_count(do_reveal));
    mqtt_e2e_wipe(device.session);
    board_say("init", board_count(do_init));
}

/* ---- Stack ---- */

static void measure_stack(void)
{
    mqtt_e2e_wipe(device.session);
    board_say("stack_init", board_stack(do_init));
    board_say("stack_hide", board_stack(do_hide));
    board_say("stack_reveal", board_stack(do_reveal));
    payload_len = 100;
    board_say("stack_seal", board_stack(do_seal));
    receive_from_peer(100);
    board_say("stack_open", board_stack(do_open));
}

/* ---- Memory ---- */

static void measure_memory(uint16_t streams, const char *session_name, const char *heap_name)
{
    uint32_t before;

    mqtt_e2e_wipe(device.session);
    before = board_heap;
    board_heap_most = before;
    start_over(&device, streams);
    board_check(mqtt_e2e_session_size(&device.options) <= sizeof device.storage, "storage");
    board_say(session_name, (uint32_t)mqtt_e2e_session_size(&device.options));
    board_say(heap_name, board_heap - before);
    payload_len = 100;
    do_seal();
    if (streams == 8)
        board_say("heap_briefly", board_heap_most - board_heap);
    mqtt_e2e_wipe(device.session);
    board_check(board_heap == before, "wipe left something on the heap");
    device.session = NULL;
}

/* ---- Sleep ---- */

static uint8_t saved[1024];
static size_t saved_len;
static mqtt_e2e_topic time_topic, reply_topic;
static char time_wire[64], reply_wire[96], reply_name[MQTT_E2E_REPLY_NAME_SIZE];

static void do_save(void)
{
    board_here();
    ok(mqtt_e2e_save(device.session, saved, sizeof saved, &saved_len), "save");
}

static void do_load(void)
{
    board_here();
    ok(mqtt_e2e_load(device.session, saved, saved_len, now), "load");
}

static void do_prepare_time(void)
{
    mqtt_e2e_id own = mqtt_e2e_own_stream(device.session);

    ok(mqtt_e2e_reply_topic(device.session, own.stream, reply_name, reply_wire, sizeof reply_wire,
                            &reply_topic),
       "reply topic");
    ok(mqtt_e2e_hide(device.session, "~time", time_wire, sizeof time_wire, &time_topic), "time topic");
}

static void do_ask_time(void)
{
    ok(mqtt_e2e_time_request(device.session, &time_topic, packet, sizeof packet, now, &packet_len),
       "time request");
}

static void do_learn_time(void)
{
    mqtt_e2e_message message;

    board_check(mqtt_e2e_open(device.session, &reply_topic, packet, packet_len, packet, sizeof packet, now,
                              &message) == MQTT_E2E_TIME_SET,
                "time");
}

/* The peer knows the time, and answers. */
static void answer_time(void)
{
    mqtt_e2e_message message;
    int64_t last = 0;

    board_check(mqtt_e2e_open(peer.session, &time_topic, packet, packet_len, packet, sizeof packet, T0 + now,
                              &message) == MQTT_E2E_TIME_ASKED,
                "time asked");
    ok(mqtt_e2e_time_reply(peer.session, &reply_topic, &message.id, packet, sizeof packet, T0 + now, &last,
                           &packet_len),
       "time reply");
}

/* Memory kept: eight hours later the same stream goes on. */
static void sleep_in_memory(void)
{
    mqtt_e2e_id before, after;
    uint32_t plain;

    start_over(&device, 8);
    meet_peers(8);
    payload_len = 20;
    do_seal();
    plain = board_count(do_seal);
    before = mqtt_e2e_own_stream(device.session);
    now += 8 * 3600 * 1000;
    plain = board_count(do_seal) - plain; /* may be a few below zero, as the counter goes */
    board_say("resume", (int32_t)plain < 0 ? 0 : plain);
    after = mqtt_e2e_own_stream(device.session);
    board_check(memcmp(after.stream, before.stream, sizeof after.stream) == 0 &&
                    after.counter == before.counter + 1,
                "the stream goes on after sleep");
    start_over(&peer, 4);
    receive_from_peer(20);
    open(&device, MQTT_E2E_OK);
}

static void save_with(unsigned streams, const char *bytes_name, const char *count_name)
{
    start_over(&device, 8);
    meet_peers(streams);
    board_say(count_name, board_count(do_save));
    board_say(bytes_name, (uint32_t)saved_len);
}

/* Power lost, state kept: a new stream, and a replay of before is still refused. The device has no clock of UTC now. */
static void wake_from_flash(void)
{
    static uint8_t replayed[ROOM];
    size_t replayed_len;
    mqtt_e2e_id before = mqtt_e2e_own_stream(device.session), after;

    receive_from_peer(20);
    memcpy(replayed, packet, packet_len);
    replayed_len = packet_len;
    do_open();
    do_save();
    mqtt_e2e_wipe(device.session);
    device.options.own_clock_ms = true;
    now = 100; /* of uptime */
    board_say("wake_init", board_count(do_init));
    board_say("wake_load", board_count(do_load));
    board_say("wake_topic", board_count(do_hide));
    board_say("wake_time_topics", board_count(do_prepare_time));
    after = mqtt_e2e_own_stream(device.session);
    board_check(memcmp(after.stream, before.stream, sizeof after.stream) != 0,
                "a new stream after power loss");
    board_say("wake_ask", board_count(do_ask_time));
    answer_time();
    board_say("wake_learn", board_count(do_learn_time));
    payload_len = 20;
    board_say("wake_publish", board_count(do_seal));
    payload_len = wanted_len = 20;
    ok(mqtt_e2e_seal(peer.session, &peer.topic, MQTT_E2E_MESSAGE, payload, 20, packet, sizeof packet,
                     T0 + now + 1000, &packet_len),
       "seal");
    board_say("wake_open", board_count(do_open));
    memcpy(packet, replayed, replayed_len);
    packet_len = replayed_len;
    open(&device, MQTT_E2E_REPLAY);
}

int main(void)
{
    choose(&device, 8);
    choose(&peer, 4);
    init(&device); /* what an allocator does once is not counted */
    init(&peer);
    hide(&peer);
    count_calls();
    measure_stack();
    device.session = NULL;
    measure_memory(4, "session_4", "heap_4");
    measure_memory(8, "session_8", "heap_8");
    measure_memory(16, "session_16", "heap_16");
    board_say("outbox_4", sizeof(mqtt_e2e_outbox) + MQTT_E2E_BOX_SIZE(4, 512));
    sleep_in_memory();
    save_with(1, "saved_1", "save_1");
    save_with(8, "saved_8", "save_8");
    now = T0;
    start_over(&device, 8);
    meet_peers(1);
    wake_from_flash();
    return 0;
}
