/* SPDX-License-Identifier: MIT */
/* What happens in the replay tests' world, a step at a time. */
#include "replay_world.h"

#include <string.h>

/* ---- Delivery ---- */

static void deliver_number(world *w, size_t i)
{
    w->delivered = i;
    world_deliver(w, &w->packets[i], &w->packets[i], true);
}

static void send_now(world *w)
{
    const world_packet *p = world_make(w);

    if (p != NULL)
        deliver_number(w, (size_t)(p - w->packets));
}

static void send_later(world *w)
{
    world_make(w);
}

/* One of the last 40. */
static size_t recent(world *w)
{
    return w->packet_count - 1 - world_pick(w, w->packet_count < 40 ? (uint32_t)w->packet_count : 40);
}

static void deliver_recent(world *w)
{
    if (w->packet_count > 0)
        deliver_number(w, recent(w));
}

static void deliver_any(world *w)
{
    if (w->packet_count > 0)
        deliver_number(w, world_pick(w, (uint32_t)w->packet_count));
}

static void deliver_again(world *w)
{
    if (w->delivered < w->packet_count)
        deliver_number(w, w->delivered);
}

static void deliver_changed(world *w)
{
    world_packet copy;
    bool in_base = true;
    size_t i;

    if (w->packet_count == 0)
        return;
    i = recent(w);
    copy = w->packets[i];
    world_mutate(w, &copy, &in_base);
    world_deliver(w, &w->packets[i], &copy, in_base);
}

/* ---- Time ---- */

/* Of all sizes: within the lead, within the skew, beyond. */
static int64_t some_time(world *w)
{
    uint32_t skew = w->options.clock_skew_ms, lead = w->options.clock_lead_ms;
    uint32_t sizes[] = {2, 100, lead + 2, lead + 2, skew / 2 + 2, skew / 2 + 2, skew + 2, 2 * skew + 1000};

    return world_pick(w, sizes[world_pick(w, 8)]);
}

static void time_passes(world *w)
{
    w->time += world_chance(w, 80) ? world_pick(w, w->options.clock_skew_ms / 16 + 3) : some_time(w);
    world_tell(w, "it is %lld", (long long)w->time);
}

static void step_receiver(world *w)
{
    int64_t by = world_chance(w, 50) ? some_time(w) : -some_time(w);

    w->offset = world_chance(w, 50) ? 0 : w->offset + by;
    world_tell(w, "the receiver's clock is off by %+lld", (long long)w->offset);
}

static void step_sender(world *w)
{
    world_sender *sender = &w->senders[world_pick(w, (uint32_t)w->sender_count)];
    int64_t by = world_chance(w, 50) ? some_time(w) : -some_time(w);

    sender->offset = world_chance(w, 50) ? 0 : sender->offset + by;
    world_tell(w, "the clock of %02x%02x is off by %+lld", sender->id[0], sender->id[1],
               (long long)sender->offset);
}

static void see_time(world *w)
{
    w->blind = world_chance(w, 10);
    world_tell(w, "the receiver has %s clock", w->blind ? "no" : "a");
}

static void set_clock(world *w)
{
    int64_t now = world_now(w), utc = w->time + (world_chance(w, 50) ? some_time(w) : -some_time(w));

    mqtt_e2e_set_clock(w->receiver, utc, now);
    if (w->options.own_clock_ms)
        model_set_clock(&w->model, utc, now);
    world_tell(w, "set the clock %+lld", (long long)(utc - w->time));
}

static void raise_floor(world *w)
{
    int64_t floor = w->time - some_time(w) + (world_chance(w, 20) ? some_time(w) : 0);

    mqtt_e2e_raise_floor(w->receiver, floor);
    model_raise(&w->model, floor);
    world_tell(w, "raise the floor to %+lld (now)", (long long)(floor - w->time));
}

/* ---- What the receiver seals ---- */

static void expect(world *w, const char *what, mqtt_e2e_status status, mqtt_e2e_status expected)
{
    if (status != expected)
        world_fail(w, "%s: %s, by the model %s", what, mqtt_e2e_status_text(status),
                   mqtt_e2e_status_text(expected));
}

/* The network keeps it, to give it back: an echo, or after a restart something stranger. */
static void keep_own(world *w, world_packet *p, unsigned kind, int64_t time)
{
    p->clear.kind = kind;
    p->clear.time = time;
    world_keep(w, p);
}

static void seal(world *w)
{
    world_packet *p = world_new_packet(w);
    mqtt_e2e_kind kind = world_chance(w, 50) ? MQTT_E2E_MESSAGE : MQTT_E2E_LASTING;
    mqtt_e2e_topic topic;
    mqtt_e2e_status status;

    p->clear.topic = 1 + (int)world_pick(w, 9);
    topic = world_topic(p->clear.topic);
    p->clear.id = mqtt_e2e_own_stream(w->receiver);
    status = mqtt_e2e_seal(w->receiver, &topic, kind, "", 0, p->bytes, sizeof p->bytes, world_now(w),
                           &p->clear.len);
    expect(w, "seal", status, model_seal(&w->model, world_now(w), true));
    if (status == MQTT_E2E_OK)
        keep_own(w, p, kind, world_utc(w));
}

static void ask(world *w)
{
    world_packet *p = world_new_packet(w);
    mqtt_e2e_topic topic = world_topic(1);
    mqtt_e2e_id id = {{0}, 0}, own = mqtt_e2e_own_stream(w->receiver);
    uint32_t timeout = world_chance(w, 50) ? 0 : 1 + world_pick(w, 20000);
    int64_t now = world_now(w);
    mqtt_e2e_status status = mqtt_e2e_request(w->receiver, &topic, "", 0, p->bytes, sizeof p->bytes, now,
                                              timeout, &p->clear.len, &id);

    expect(w, "request", status, model_ask(&w->model, &own, now, timeout));
    if (status != MQTT_E2E_OK)
        return;
    p->clear.topic = 1;
    p->clear.id = id;
    keep_own(w, p, MQTT_E2E_REQUEST, world_utc(w));
    w->asked[w->asked_count++ % 4] = id;
}

static void close_one(world *w)
{
    if (w->asked_count == 0)
        return;
    mqtt_e2e_close(w->receiver, &w->asked[0]);
    model_close(&w->model, &w->asked[0]);
    world_tell(w, "close request %u", w->asked[0].counter);
}

static void ask_time(world *w)
{
    world_packet *p = world_new_packet(w);
    mqtt_e2e_topic topic = world_topic(0);
    int64_t now = world_now(w);
    mqtt_e2e_status status;

    p->clear.id = mqtt_e2e_own_stream(w->receiver);
    status = mqtt_e2e_time_request(w->receiver, &topic, p->bytes, sizeof p->bytes, now, &p->clear.len);
    expect(w, "time request", status, model_ask_time(&w->model, &p->clear.id, now));
    if (status != MQTT_E2E_OK)
        return;
    w->asked_time = p->clear.id;
    keep_own(w, p, MQTT_E2E_REQUEST, 0);
}

/* A time source answers the last time request. */
static void tell_time(world *w)
{
    static const mqtt_e2e_id none;
    world_packet *p;

    if (memcmp(&w->asked_time, &none, sizeof none) == 0)
        return;
    p = world_answer_time(w);
    deliver_number(w, (size_t)(p - w->packets));
}

/* ---- New streams ---- */

static void renew_sender(world *w)
{
    uint32_t i = world_pick(w, (uint32_t)w->sender_count);
    uint8_t random[MQTT_E2E_RANDOM_SIZE];

    if (i > 0) {
        world_bytes(w, w->senders[i].id, sizeof w->senders[i].id);
        w->senders[i].next = 0;
        return;
    }
    world_bytes(w, random, sizeof random);
    expect(w, "the courier's renewal", mqtt_e2e_renew(w->courier, random, w->time), MQTT_E2E_OK);
}

/* Close to its last counter, 2^32 - 2. */
static void wear_out(world *w)
{
    w->receiver->own.counter = w->model.next = UINT32_MAX - world_pick(w, 5);
    world_tell(w, "the receiver's next counter is %u", w->model.next);
}

static void renew_receiver(world *w)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    int64_t now = world_now(w);

    world_bytes(w, random, sizeof random);
    expect(w, "renew", mqtt_e2e_renew(w->receiver, random, now), MQTT_E2E_OK);
    model_renew(&w->model, mqtt_e2e_own_stream(w->receiver).stream, now);
    world_tell(w, "the receiver has a new stream");
}

/* ---- Restarts ---- */

static void choose_options(world *w, bool first)
{
    static const uint16_t windows[] = {64, 64, 128, 256, 4096}, lasting[] = {0, 0, 2, 8};

    if (!first && world_chance(w, 60))
        return;
    w->options.streams = (uint16_t)(1 + (world_chance(w, 90) ? world_pick(w, 16) : world_pick(w, 40)));
    w->options.window = windows[world_pick(w, 5)];
    w->options.lasting_topics = lasting[world_pick(w, 4)];
    w->options.requests = (uint16_t)(1 + world_pick(w, 3));
    w->options.strict_start = world_chance(w, 20);
    w->options.floor_given = first && world_chance(w, 20);
    w->options.floor_ms = w->options.floor_given && world_chance(w, 50) ? w->time - 1000 : 0;
}

/* Without state (`stored` NULL, or damaged) all that was handed on is forgotten. */
static void forget(world *w)
{
    for (size_t i = 0; i < w->packet_count; i++) {
        w->packets[i].handed_on_by_earlier |= w->packets[i].handed_on;
        w->packets[i].handed_on = false;
    }
    memset(w->topic_newest, 0, sizeof w->topic_newest);
    w->start = 0;
}

void world_start(world *w, model *stored, size_t state_len, bool damaged)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    int64_t now;

    if (stored == NULL)
        choose_options(w, true);
    w->blind = world_chance(w, 10);
    w->booted = w->time - 1 - world_pick(w, 10000);
    now = world_now(w);
    world_bytes(w, random, sizeof random);
    expect(w, "init", mqtt_e2e_init(&w->receiver, w->storage, sizeof w->storage, &w->options, random, now),
           MQTT_E2E_OK);
    if (w->failure[0] != '\0')
        return;
    if (stored != NULL && state_len > 0)
        expect(w, "load", mqtt_e2e_load(w->receiver, w->state, state_len, now),
               damaged ? MQTT_E2E_BAD_STATE : MQTT_E2E_OK);
    if (state_len == 0 || damaged)
        forget(w);
    model_start(&w->model, &w->options, mqtt_e2e_own_stream(w->receiver).stream, now,
                state_len > 0 && !damaged ? stored : NULL);
    memset(w->counts, 0, sizeof w->counts);
    world_tell(w, "start %s: %u streams, window %u, %u lasting topics%s%s%s",
               state_len == 0 ? "without state" : "with state", w->options.streams, w->options.window,
               w->options.lasting_topics, w->options.strict_start ? ", strict" : "",
               w->options.own_clock_ms ? ", own clock" : "", w->blind ? ", blind" : "");
}

static void restart(world *w)
{
    static model stored;
    static mqtt_e2e_options options;
    uint32_t way = world_pick(w, 100);
    bool damaged = way < 10;
    size_t len = 0;

    if (way < 75)
        expect(w, "save", mqtt_e2e_save(w->receiver, w->state, sizeof w->state, &len), MQTT_E2E_OK);
    if (damaged)
        w->state[world_pick(w, (uint32_t)len)] ^= 1;
    mqtt_e2e_wipe(w->receiver);
    stored = w->model;
    options = w->options;
    stored.options = &options;
    w->model.stream_count = 0; /* they are the stored one's now */
    choose_options(w, false);
    w->options.floor_given = false;
    w->options.floor_ms = way > 90 ? stored.floor : 0;
    world_start(w, &stored, len, damaged);
    model_free(&stored);
}

/* ---- Which ---- */

static const struct {
    unsigned weight; /* of 1,000 */
    void (*act)(world *w);
} actions[] = {
    {300, send_now},     {123, send_later},     {145, deliver_recent}, {105, deliver_any},
    {60, deliver_again}, {60, deliver_changed}, {60, time_passes},     {8, step_receiver},
    {20, step_sender},   {15, renew_sender},    {4, renew_receiver},   {18, seal},
    {10, ask},           {2, close_one},        {17, ask_time},        {17, tell_time},
    {14, set_clock},     {2, raise_floor},      {10, see_time},        {8, restart},
    {2, wear_out},
};

/* A start is over when the time is known. */
static void know_start(world *w)
{
    w->start = world_utc(w);
    w->start_strict = w->options.strict_start;
}

void world_do_step(world *w)
{
    uint32_t n = world_pick(w, 1000);
    size_t i = 0;

    w->time += world_pick(w, 3);
    while (n >= actions[i].weight)
        n -= actions[i++].weight;
    actions[i].act(w);
    if (w->start == 0 && w->model.clock_known)
        know_start(w);
}
