/* SPDX-License-Identifier: MIT */
/*
 * A receiver on a hostile network. The input is a list of deeds: a sender seals, the network keeps, delivers, delivers again,
 * changes, cuts, makes up packets, sets clocks; nodes restart and renew. Even one who holds the key and writes any text may
 * do nothing but be heard.
 *
 * Only what was sealed, for that topic, and not changed, may be handed on, with the payload that was sealed; nothing twice, be it
 * sealed anew in however many packets; of what is refused, nothing may be readable.
 */
#include "fuzz.h"

#define PACKETS  16
#define MESSAGES 5000 /* more than there are bytes of input */
#define TOPICS   3

/* What is said once, in however many packets. */
typedef struct {
    unsigned number;
    mqtt_e2e_kind kind;
    mqtt_e2e_id id;
    int64_t time; /* 0: not one to be sealed anew */
} message;

typedef struct {
    uint8_t *bytes;
    size_t len;
    size_t topic;
    uint8_t *text; /* what was sealed: kind, time, length, payload */
    size_t text_len;
    message first;
} packet;

typedef struct {
    fuzz_input in;
    mqtt_e2e_options options;
    mqtt_e2e_session *sender, *receiver;
    packet packets[PACKETS];
    size_t made;
    bool handed_on[MESSAGES];
    unsigned messages;
    int64_t now, offset;
    uint8_t starts;
    mqtt_e2e_id asked;
} fixture;

static const mqtt_e2e_topic topics[TOPICS] = {
    {"a/b", "a/b", 3, 3}, {"c", "c", 1, 1}, {"~time", "~time", 5, 5}};

/* ---- The sender ---- */

static void forget(packet *p)
{
    free(p->bytes);
    free(p->text);
    memset(p, 0, sizeof *p);
}

/* What is sealed next. */
static message new_message(fixture *f, mqtt_e2e_kind kind)
{
    demand(f->messages < MESSAGES);
    return (message){f->messages++, kind, f->sender->own, f->now};
}

/* Room for a packet, in the place of the oldest. */
static packet *new_packet(fixture *f, size_t payload_len, size_t binding)
{
    packet *p = &f->packets[f->made++ % PACKETS];

    forget(p);
    p->len = mqtt_e2e_sealed_size(f->sender, payload_len + binding);
    p->bytes = malloc(p->len);
    p->text_len = p->len - 32;
    p->text = calloc(1, p->text_len);
    demand(p->bytes != NULL && p->text != NULL);
    return p;
}

static void keep(packet *p, mqtt_e2e_status status, size_t len)
{
    if (status == MQTT_E2E_OK)
        demand(len == p->len);
    else
        forget(p);
}

static void seal(fixture *f)
{
    mqtt_e2e_kind kind = fuzz_byte(&f->in) % 2 ? MQTT_E2E_LASTING : MQTT_E2E_MESSAGE;
    size_t len = fuzz_byte(&f->in), written = 0;
    uint8_t *payload = fuzz_bytes(&f->in, &len);
    packet *p = new_packet(f, len, 0);

    p->first = new_message(f, kind);
    p->topic = fuzz_byte(&f->in) % 2;
    if (len > 0)
        memcpy(p->text + 11, payload, len);
    keep(p,
         mqtt_e2e_seal(f->sender, &topics[p->topic], kind, payload, len, p->bytes, p->len, f->now, &written),
         written);
    free(payload);
}

static void reply(fixture *f)
{
    size_t len = fuzz_byte(&f->in) % 32, written = 0;
    uint8_t *payload = fuzz_bytes(&f->in, &len);
    packet *p = new_packet(f, len, 16);

    p->first = new_message(f, MQTT_E2E_REPLY);
    p->first.time = 0;
    p->topic = fuzz_byte(&f->in) % 2;
    memcpy(p->text + 11, &f->asked, 12);
    for (int i = 0; i < 4; i++)
        p->text[23 + i] = (uint8_t)(f->asked.counter >> (24 - 8 * i));
    if (len > 0)
        memcpy(p->text + 27, payload, len);
    keep(p,
         mqtt_e2e_reply(f->sender, &topics[p->topic], &f->asked, payload, len, p->bytes, p->len, f->now,
                        &written),
         written);
    free(payload);
}

/* What was sealed before, anew; or, by one who holds the key and lies, anything. */
static void seal_again(fixture *f)
{
    const packet *from = &f->packets[fuzz_byte(&f->in) % PACKETS];
    uint8_t lie = fuzz_byte(&f->in);
    message first = from->first;
    size_t len = fuzz_byte(&f->in) % 64, written = 0, topic = from->topic;
    uint8_t *payload = fuzz_bytes(&f->in, &len);
    packet *p;

    if (first.time == 0 || lie >= 128) {
        first = new_message(f, lie % 2 ? MQTT_E2E_LASTING : MQTT_E2E_MESSAGE);
        first.time -= lie * 4000;
        first.id.counter -= lie / 2 % 8;
        first.id.stream[0] ^= lie / 16 % 2;
    }
    p = new_packet(f, len, MQTT_E2E_AGAIN_SIZE);
    p->first = first;
    p->topic = topic;
    if (len > 0)
        memcpy(p->text + 11 + MQTT_E2E_AGAIN_SIZE, payload, len);
    keep(p,
         mqtt_e2e_seal_again(f->sender, &topics[topic], first.kind, &first.id, first.time, payload, len,
                             p->bytes, p->len, f->now, &written),
         written);
    free(payload);
}

/* A time that is accepted, and a length of one byte: chance alone would take too long to find them. */
static void make_likely(const fixture *f, uint8_t *text, size_t len, uint8_t how)
{
    for (int i = 0; i < 6 && len >= 11 && how % 2 == 0; i++)
        text[1 + i] = (uint8_t)(f->now >> (40 - 8 * i));
    if (len >= 11 && how < 200)
        memset(text + 7, 0, 3);
}

/* One who holds the key seals any text at all. */
static void seal_anything(fixture *f)
{
    mqtt_e2e_session *s = f->sender;
    size_t len = fuzz_byte(&f->in);
    uint8_t *text = fuzz_bytes(&f->in, &len), nonce[12], mask[16], header[16];
    packet *p = &f->packets[f->made++ % PACKETS];
    uint32_t counter = s->own.counter == UINT32_MAX ? 0 : s->own.counter++;

    forget(p);
    p->first = new_message(f, MQTT_E2E_MESSAGE);
    p->first.time = 0;
    p->topic = fuzz_byte(&f->in) % TOPICS;
    p->len = 16 + len + 16;
    p->bytes = malloc(p->len);
    demand(p->bytes != NULL);
    p->text = text;
    p->text_len = len;
    make_likely(f, text, len, fuzz_byte(&f->in));
    memcpy(header, s->own.stream, 12);
    for (int i = 0; i < 4; i++)
        header[12 + i] = (uint8_t)(counter >> (24 - 8 * i));
    memcpy(nonce, header, 12);
    for (int i = 0; i < 4; i++)
        nonce[8 + i] ^= header[12 + i];
    if (len > 0)
        memcpy(p->bytes + 16, text, len);
    demand(s->crypto->seal(s->keys, nonce, topics[p->topic].name, topics[p->topic].name_len, p->bytes + 16,
                           len, p->bytes + 16 + len) == 0);
    demand(s->crypto->mask(s->keys, p->bytes + 16 + len, mask) == 0);
    for (int i = 0; i < 16; i++)
        p->bytes[i] = header[i] ^ mask[i];
}

/* ---- The network ---- */

static void check_message(const fixture *f, const packet *p, const mqtt_e2e_message *said,
                          const uint8_t *text)
{
    size_t skip = said->again ? 23 : said->kind == MQTT_E2E_REPLY ? 16 : 0;

    demand(!said->again || said->kind == MQTT_E2E_MESSAGE || said->kind == MQTT_E2E_LASTING);
    demand(said->again ? said->first_time > 0 : said->first_time == said->time);
    demand(said->kind <= MQTT_E2E_LASTING);
    demand((const uint8_t *)said->payload.data == text + 11 + skip);
    demand(11 + skip + said->payload.len + said->padding == p->text_len);
    demand(memcmp(said->payload.data, p->text + 11 + skip, said->payload.len) == 0);
    demand(!said->old || (said->kind == MQTT_E2E_LASTING && f->options.lasting_topics > 0));
}

/* `bytes` are those of `p`, changed unless `same`; NULL: of nobody's. */
static void deliver(fixture *f, packet *p, const uint8_t *bytes, size_t len, size_t topic, bool same,
                    bool in_place)
{
    mqtt_e2e_message said;
    uint8_t *out = malloc(len > 0 ? len : 1);
    mqtt_e2e_status status;

    demand(out != NULL);
    memset(out, 0, len);
    if (in_place && len > 0)
        memcpy(out, bytes, len);
    status = mqtt_e2e_open(f->receiver, &topics[topic], in_place ? out : bytes, len, out, len,
                           f->now + f->offset, &said);
    demand(status < MQTT_E2E_CAUSES || status == MQTT_E2E_TIME_ASKED || status == MQTT_E2E_TIME_SET);
    if (status == MQTT_E2E_OK) {
        demand(same && topic == p->topic && !f->handed_on[p->first.number]);
        f->handed_on[p->first.number] = true;
        check_message(f, p, &said, out + 16);
    } else if (status == MQTT_E2E_TIME_ASKED || status == MQTT_E2E_TIME_SET) {
        demand(same && topic == p->topic);
    } else {
        for (size_t i = 16; i + 16 < len; i++)
            demand(out[i] == 0 || (in_place && out[i] == bytes[i]));
    }
    if (status == MQTT_E2E_STALE || status == MQTT_E2E_FUTURE)
        demand(said.off_by_ms >= 1);
    free(out);
}

static packet *choose(fixture *f)
{
    packet *p = &f->packets[fuzz_byte(&f->in) % PACKETS];

    return p->bytes != NULL ? p : NULL;
}

static void deliver_same(fixture *f)
{
    packet *p = choose(f);
    size_t topic = fuzz_byte(&f->in);

    if (p != NULL)
        deliver(f, p, p->bytes, p->len, topic < 200 ? p->topic : topic % TOPICS, true, topic % 2);
}

static void deliver_changed(fixture *f)
{
    packet *p = choose(f);
    size_t at = fuzz_byte(&f->in), len;
    uint8_t by = fuzz_byte(&f->in), *copy;

    if (p == NULL)
        return;
    len = by < 128 ? p->len : at < p->len ? at : p->len + 1; /* changed, cut or longer */
    copy = calloc(1, len > 0 ? len : 1);
    demand(copy != NULL);
    memcpy(copy, p->bytes, len < p->len ? len : p->len);
    if (len == p->len)
        copy[at % len] ^= by % 128 + 1;
    deliver(f, p, copy, len, p->topic, false, at % 2);
    free(copy);
}

static void deliver_made_up(fixture *f)
{
    size_t len = fuzz_byte(&f->in);
    uint8_t *bytes = fuzz_bytes(&f->in, &len);

    deliver(f, NULL, bytes, len, 0, false, len % 2);
    free(bytes);
}

/* ---- The receiver ---- */

static void ask(fixture *f)
{
    uint8_t bytes[200];
    size_t len;

    mqtt_e2e_request(f->receiver, &topics[0], NULL, 0, bytes, sizeof bytes, f->now + f->offset,
                     fuzz_byte(&f->in), &len, &f->asked);
    if (f->options.own_clock_ms) {
        f->asked = mqtt_e2e_own_stream(f->receiver);
        mqtt_e2e_time_request(f->receiver, &topics[2], bytes, sizeof bytes, f->now + f->offset, &len);
    }
}

static void restart(fixture *f)
{
    size_t size = mqtt_e2e_state_size(f->receiver), len;
    uint8_t *state = malloc(size), how = fuzz_byte(&f->in);

    demand(state != NULL && mqtt_e2e_save(f->receiver, state, size, &len) == MQTT_E2E_OK && len <= size);
    fuzz_stop(f->receiver);
    f->options.streams = 1 + how % 20;
    f->options.window = (uint16_t)(64 + how / 64 * 64);
    f->receiver = fuzz_start(&f->options, ++f->starts, f->now + f->offset);
    demand(mqtt_e2e_load(f->receiver, state, len, f->now + f->offset) == MQTT_E2E_OK);
    free(state);
}

static void renew(fixture *f)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE] = {++f->starts, 1};
    uint8_t who = fuzz_byte(&f->in);

    if (who >= 128) /* not counters only: jumps too */
        f->sender->own.counter = who < 192 ? f->sender->own.counter + who : UINT32_MAX - who % 4;
    else
        demand(mqtt_e2e_renew(who % 2 ? f->receiver : f->sender, random, f->now) == MQTT_E2E_OK);
}

static void pass_time(fixture *f)
{
    int64_t by = (int64_t)fuzz_u16(&f->in) - 0x4000;

    if (by < 0)
        f->offset += by;
    else
        f->now += by * 8;
}

static void set_up(fixture *f)
{
    uint8_t how = fuzz_byte(&f->in);
    mqtt_e2e_options sender;

    mqtt_e2e_defaults(&f->options);
    f->options.crypto = how == 0xff ? &mqtt_e2e_openssl : &test_checksum; /* the former is slow */
    f->options.key_len = how & 1 ? 16 : 32;
    f->options.pad_size = how & 2 ? 0 : 50;
    f->options.padme = how & 8;
    f->options.own_clock_ms = how & 16;
    f->options.lasting_topics = how >> 6;
    f->options.longest_packet = how & 32 ? 200 : 400;
    f->options.streams = 1 + fuzz_byte(&f->in) % 20;
    sender = f->options;
    sender.own_clock_ms = false;
    f->now = FUZZ_T0;
    f->sender = fuzz_start(&sender, 0, f->now);
    f->receiver = fuzz_start(&f->options, ++f->starts, f->now);
    f->now++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const deeds[])(fixture *) = {
        seal, reply,   seal_anything, deliver_same, deliver_changed, deliver_made_up,
        ask,  restart, renew,         pass_time,    seal_again};
    fixture f = {.in = {data, size}};

    set_up(&f);
    while (f.in.left > 0 && f.starts < 20)
        deeds[fuzz_byte(&f.in) % (sizeof deeds / sizeof deeds[0])](&f);
    fuzz_stop(f.sender);
    fuzz_stop(f.receiver);
    for (size_t i = 0; i < PACKETS; i++)
        forget(&f.packets[i]);
    return 0;
}
