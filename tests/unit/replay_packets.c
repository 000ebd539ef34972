/* SPDX-License-Identifier: MIT */
/* The packets of the replay tests' world. They are laid out here by hand, after docs/PROTOCOL.md §3. */
#include "replay_world.h"

#include <string.h>

#define TIME_MAX INT64_C(0xffffffffffff)
#define AGAIN    4

/* ---- What a packet says ---- */

static unsigned choose_kind(world *w)
{
    uint32_t n = world_pick(w, 100);

    if (n < 55)
        return MQTT_E2E_MESSAGE;
    if (n < 67)
        return MQTT_E2E_REQUEST;
    if (n < 82)
        return MQTT_E2E_REPLY;
    if (n < 97)
        return MQTT_E2E_LASTING;
    return 5 + world_pick(w, 251);
}

/* Times at which a verdict changes: those around the window's ends and the floors. */
static int64_t choose_edge(world *w, const world_sender *sender, int topic)
{
    const model_stream *stream = model_find(&w->model, sender->id);
    int64_t edges[6] = {world_utc(w) - w->options.clock_skew_ms,
                        world_utc(w) + w->options.clock_lead_ms,
                        w->model.floor,
                        stream != NULL ? stream->floor : w->model.floor,
                        w->model.old_floor,
                        w->topic_newest[topic]};

    return edges[world_pick(w, 6)] + world_pick(w, 3) - 1;
}

static int64_t choose_time(world *w, const world_sender *sender, int topic)
{
    int64_t time = w->time + sender->offset;

    if (world_chance(w, 22))
        time = choose_edge(w, sender, topic);
    else if (world_chance(w, 4))
        time = 0;
    return time < 0 ? 0 : time > TIME_MAX ? TIME_MAX : time;
}

static bool is_used(const world *w, const uint8_t *id, int64_t counter)
{
    for (size_t i = 0; i < w->packet_count; i++)
        if (w->packets[i].clear.id.counter == counter && memcmp(w->packets[i].clear.id.stream, id, 12) == 0)
            return true;
    return false;
}

/* Mostly the next counter; sometimes a jump, a look back, or one of the ends. None is used twice: senders hold to that. */
static uint32_t choose_counter(world *w, world_sender *sender)
{
    static const uint32_t ends[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    uint32_t window = w->options.window;
    uint32_t jumps[] = {0,   1,          62,     63,         64,         65,         127, 128,
                        129, window - 1, window, window + 1, window / 2, 2 * window, 0};
    int64_t counter = sender->next;
    uint32_t way = world_pick(w, 100);

    jumps[14] = world_pick(w, 0x80000000);
    if (way < 78)
        ;
    else if (way < 88)
        counter += jumps[world_pick(w, way < 87 ? 14 : 15)];
    else if (way < 99)
        counter -= 1 + (world_chance(w, 50) ? world_pick(w, window + 2) : jumps[world_pick(w, 14)]);
    else
        counter = ends[world_pick(w, 6)];
    if (counter < 0 || counter > UINT32_MAX || is_used(w, sender->id, counter))
        counter = sender->next;
    if (counter > UINT32_MAX) { /* that stream is over */
        world_bytes(w, sender->id, sizeof sender->id);
        counter = sender->next = 0;
    }
    if (counter >= sender->next)
        sender->next = counter + 1;
    return (uint32_t)counter;
}

/* Which request a reply names. */
static mqtt_e2e_id choose_binding(world *w)
{
    mqtt_e2e_id id = {{0}, 7};

    if (w->options.own_clock_ms && world_chance(w, 50))
        return w->asked_time;
    if (w->asked_count > 0)
        id = w->asked[world_pick(w, w->asked_count < 4 ? (uint32_t)w->asked_count : 4)];
    if (world_chance(w, 10))
        id.counter ^= 1;
    return id;
}

/* A message that is sealed anew: one of the last, or any; of the receiver's own too. */
static const world_packet *choose_first(world *w)
{
    uint32_t count = (uint32_t)w->packet_count, last = count < 40 ? count : 40;
    const world_packet *p;

    if (count == 0)
        return NULL;
    p = &w->packets[count - 1 - world_pick(w, world_chance(w, 70) ? last : count)];
    p = &w->packets[p->message];
    return p->clear.kind == MQTT_E2E_MESSAGE || p->clear.kind == MQTT_E2E_LASTING ? p : NULL;
}

/* ---- Laying it out ---- */

static void put(uint8_t *out, uint64_t value, size_t bytes)
{
    while (bytes-- > 0) {
        out[bytes] = (uint8_t)value;
        value >>= 8;
    }
}

static void put_id(uint8_t out[16], const mqtt_e2e_id *id)
{
    memcpy(out, id->stream, sizeof id->stream);
    put(out + sizeof id->stream, id->counter, 4);
}

static void seal(world *w, world_packet *p, size_t text_len)
{
    mqtt_e2e_session *courier = w->courier;
    const char *name = world_topic_name(p->clear.topic);
    uint8_t header[16], nonce[16], mask[16], *tag = p->bytes + 16 + text_len;

    put_id(header, &p->clear.id);
    put_id(nonce, &p->clear.id);
    for (int i = 0; i < 4; i++)
        nonce[8 + i] ^= header[12 + i];
    memcpy(p->bytes + 16, p->text, text_len);
    if (courier->crypto->seal(courier->keys, nonce, name, strlen(name), p->bytes + 16, text_len, tag) != 0 ||
        courier->crypto->mask(courier->keys, tag, mask) != 0)
        world_fail(w, "the backend does not seal");
    for (int i = 0; i < 16; i++)
        p->bytes[i] = header[i] ^ mask[i];
    p->clear.len = 16 + text_len + 16;
}

/* What names another packet, before the payload. */
static size_t write_prefix(world *w, world_packet *p)
{
    model_packet *clear = &p->clear;
    uint8_t *out = p->text + 11;

    if (clear->kind == MQTT_E2E_REPLY)
        put_id(out, &clear->binding);
    if (clear->kind != AGAIN)
        return clear->kind == MQTT_E2E_REPLY ? 16 : 0;
    if (world_chance(
            w,
            2)) /* neither 0 nor 3: who holds the key, and lies so that it is accepted, gets what he asks for */
        clear->first_kind = world_chance(w, 50) ? 1 + world_pick(w, 2) : 4 + world_pick(w, 252);
    put_id(out, &clear->first);
    put(out + 16, (uint64_t)clear->first_time, 6);
    out[22] = (uint8_t)clear->first_kind;
    return 23;
}

static void write_text(world *w, world_packet *p)
{
    model_packet *clear = &p->clear;
    size_t prefix = write_prefix(w, p), len = prefix, pad = world_pick(w, 9);

    if (prefix > 0 && world_chance(w, 4)) { /* too short to name one */
        len = world_pick(w, (uint32_t)prefix);
        pad += prefix - len;
    } else if (world_chance(w, 60)) {
        size_t more = world_chance(w, 4) ? 40 + world_pick(w, 60) : world_pick(w, 20);

        world_bytes(w, p->text + 11 + len, more);
        len += more;
    }
    memset(p->text + 11 + len, 0, pad);
    clear->inner_len = (uint32_t)len;
    if (world_chance(w, 1))
        clear->inner_len = (uint32_t)(len + pad + 1 + (world_chance(w, 50) ? 0 : world_pick(w, 0x7fffffff)));
    p->text[0] = (uint8_t)clear->kind;
    put(p->text + 1, (uint64_t)clear->time, 6);
    put(p->text + 7, clear->inner_len, 4);
    seal(w, p, 11 + len + pad);
}

/* ---- New ones ---- */

world_packet *world_new_packet(world *w)
{
    world_packet *p = &w->packets[w->packet_count];

    memset(p, 0, sizeof *p);
    p->clear.in_base = true;
    p->clear.authentic = true;
    p->message = w->packet_count;
    return p;
}

void world_keep(world *w, world_packet *p)
{
    w->packet_count++;
    world_tell(w, "#%zu: stream %02x%02x counter %u, kind %u, time %+lld (now), topic %s",
               (size_t)(p - w->packets), p->clear.id.stream[0], p->clear.id.stream[1], p->clear.id.counter,
               p->clear.kind, (long long)(p->clear.time - w->time), world_topic_name(p->clear.topic));
    if (p->clear.kind == MQTT_E2E_REPLY)
        world_tell(w, "    to %02x%02x counter %u", p->clear.binding.stream[0], p->clear.binding.stream[1],
                   p->clear.binding.counter);
    if (p->clear.kind == AGAIN)
        world_tell(w, "    again, first #%zu: %02x%02x counter %u, kind %u, time %+lld (now)", p->message,
                   p->clear.first.stream[0], p->clear.first.stream[1], p->clear.first.counter,
                   p->clear.first_kind, (long long)(p->clear.first_time - w->time));
}

static bool courier_seals_again(world *w, world_packet *p, const mqtt_e2e_topic *topic, int64_t now)
{
    model_packet *clear = &p->clear;
    size_t len = world_pick(w, 20);

    if (clear->topic == 0 || clear->first_time == 0)
        return false;
    clear->id = mqtt_e2e_own_stream(w->courier);
    clear->time = now;
    clear->inner_len = (uint32_t)(MQTT_E2E_AGAIN_SIZE + len);
    world_bytes(w, p->text + 11 + MQTT_E2E_AGAIN_SIZE, len);
    if (mqtt_e2e_seal_again(w->courier, topic, (mqtt_e2e_kind)clear->first_kind, &clear->first,
                            clear->first_time, p->text + 11 + MQTT_E2E_AGAIN_SIZE, len, p->bytes,
                            sizeof p->bytes, now, &clear->len) != MQTT_E2E_OK)
        world_fail(w, "the courier does not seal anew");
    return true;
}

/* The first sender seals in earnest. */
static bool courier_makes(world *w, world_packet *p)
{
    mqtt_e2e_topic topic = world_topic(p->clear.topic);
    int64_t now = w->time + w->senders[0].offset;

    if (p->clear.kind == AGAIN)
        return courier_seals_again(w, p, &topic, now);
    if (p->clear.topic == 0 || (p->clear.kind != MQTT_E2E_MESSAGE && p->clear.kind != MQTT_E2E_LASTING))
        return false;
    p->clear.id = mqtt_e2e_own_stream(w->courier);
    p->clear.time = now;
    p->clear.inner_len = world_pick(w, 30);
    world_bytes(w, p->text + 11, p->clear.inner_len);
    if (mqtt_e2e_seal(w->courier, &topic, (mqtt_e2e_kind)p->clear.kind, p->text + 11, p->clear.inner_len,
                      p->bytes, sizeof p->bytes, now, &p->clear.len) != MQTT_E2E_OK)
        world_fail(w, "the courier does not seal");
    return true;
}

/* The parts that are chosen; kind and topic are set. */
static void fill(world *w, world_packet *p, world_sender *sender)
{
    p->clear.time = choose_time(w, sender, p->clear.topic);
    p->clear.id.counter = choose_counter(w, sender);
    memcpy(p->clear.id.stream, sender->id, sizeof sender->id);
}

static world_sender *choose_sender(world *w)
{
    uint32_t a = world_pick(w, (uint32_t)w->sender_count), b = world_pick(w, (uint32_t)w->sender_count);

    return &w->senders[a < b ? a : b]; /* some talk more than others */
}

/* Whoever seals it anew: its sender, in the same run or a later one, or another who was given it to send. */
static void name_first(world_packet *p, const world_packet *first)
{
    if (first == NULL)
        return;
    p->message = first->message;
    p->clear.kind = AGAIN;
    p->clear.topic = first->clear.topic;
    p->clear.first = first->clear.id;
    p->clear.first_kind = first->clear.kind;
    p->clear.first_time = first->clear.time;
}

world_packet *world_make(world *w)
{
    world_packet *p = world_new_packet(w);
    world_sender *sender = choose_sender(w);

    p->clear.kind = choose_kind(w);
    p->clear.topic = world_chance(w, 4) ? 0 : 1 + (int)world_pick(w, 9);
    if (world_chance(w, 20))
        name_first(p, choose_first(w));
    if (sender == w->senders) {
        if (!courier_makes(w, p))
            return NULL;
        world_keep(w, p);
        return p;
    }
    fill(w, p, sender);
    p->clear.binding = choose_binding(w);
    if (p->clear.topic == 0 && p->clear.kind != AGAIN &&
        world_chance(w, 50)) { /* a node that asks for the time */
        p->clear.kind = MQTT_E2E_REQUEST;
        p->clear.time = 0;
        p->text[0] = MQTT_E2E_REQUEST;
        seal(w, p, 11);
    } else {
        write_text(w, p);
    }
    world_keep(w, p);
    return p;
}

world_packet *world_answer_time(world *w)
{
    world_packet *p = world_new_packet(w);
    static world_sender source = {"time source", 0, 0};

    source.next = (int64_t)w->packet_count; /* a counter of its own */
    p->clear.kind = MQTT_E2E_REPLY;
    p->clear.topic = 1;
    fill(w, p, &source);
    p->clear.binding = w->asked_time;
    p->clear.inner_len = world_chance(w, 90) ? 16 : 17;
    p->text[0] = MQTT_E2E_REPLY;
    put(p->text + 1, (uint64_t)p->clear.time, 6);
    put(p->text + 7, p->clear.inner_len, 4);
    put_id(p->text + 11, &p->clear.binding);
    seal(w, p, 11 + 17);
    world_keep(w, p);
    return p;
}

/* ---- Changed on the way ---- */

/* What a header unmasks to if the mask is another: random bytes, no stream that anyone knows. */
static void forget_header(world_packet *p)
{
    memset(&p->clear.id, 0xee, sizeof p->clear.id);
}

void world_mutate(world *w, world_packet *p, bool *in_base)
{
    size_t at;

    p->clear.authentic = false;
    switch (world_pick(w, 8)) {
    case 0: /* the stream */
        at = world_pick(w, 12);
        p->bytes[at] ^= 0x10;
        p->clear.id.stream[at] ^= 0x10;
        break;
    case 1: /* the counter */
        at = world_pick(w, 32);
        p->bytes[15 - at / 8] ^= (uint8_t)(1 << at % 8);
        p->clear.id.counter ^= (uint32_t)1 << at;
        break;
    case 2: /* the text */
        p->bytes[16 + world_pick(w, (uint32_t)p->clear.len - 32)] ^= (uint8_t)(1 << world_pick(w, 8));
        break;
    case 3: /* the tag */
        p->bytes[p->clear.len - 1 - world_pick(w, 16)] ^= (uint8_t)(1 << world_pick(w, 8));
        forget_header(p);
        break;
    case 4: /* cut */
        p->clear.len = world_pick(w, (uint32_t)p->clear.len);
        forget_header(p);
        break;
    case 5: /* longer */
        at = 1 + world_pick(w, WORLD_ROOM - (uint32_t)p->clear.len - 1);
        memset(p->bytes + p->clear.len, 0, at);
        p->clear.len += at;
        forget_header(p);
        break;
    case 6: /* another topic */
        p->clear.topic = (p->clear.topic + 1) % 10;
        break;
    default: /* a topic that does not read back */
        *in_base = false;
        p->clear.in_base = false;
    }
}
