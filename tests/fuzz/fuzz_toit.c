/* SPDX-License-Identifier: MIT */
/*
 * A receiver of the Toit profile on a hostile network. The input is a list of deeds: a sender seals, one who holds the key makes up any text at
 * any time, the network keeps, delivers, delivers again, changes and cuts, clocks are set, nodes restart from what they stored, and renew.
 *
 * Only what was sealed and not changed may be handed on, as it was sealed, and nothing twice; nothing that the receiver itself has sealed; of what is
 * refused, nothing may be readable.
 */
#include "fuzz.h"

#define PACKETS 128
#define LONGEST 400

typedef struct {
    uint8_t bytes[LONGEST], payload[LONGEST];
    size_t len, payload_len;
    bool fine; /* the text is one that a sender could have made */
    bool own;  /* sealed by the receiver */
    bool handed_on;
} packet;

typedef struct {
    fuzz_input in;
    mqtt_e2e_options options;
    mqtt_e2e_session *sender, *receiver;
    packet packets[PACKETS];
    size_t made;
    int64_t now;
    uint8_t starts;
} fixture;

static const mqtt_e2e_topic topic = {"t", "x/t", 1, 3};

/* ---- What is sealed ---- */

static packet *new_packet(fixture *f)
{
    packet *p = &f->packets[f->made++ % PACKETS];

    memset(p, 0, sizeof *p);
    return p;
}

static bool renew(fixture *f, mqtt_e2e_session *session)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE] = {++f->starts};

    return mqtt_e2e_renew(session, random, f->now) == MQTT_E2E_OK;
}

static packet *seal(fixture *f, bool own, const uint8_t *payload, size_t len)
{
    mqtt_e2e_session *session = own ? f->receiver : f->sender;
    packet *p = new_packet(f);
    mqtt_e2e_status status;

    if (len > 0)
        memcpy(p->payload, payload, len);
    p->payload_len = len;
    p->fine = true;
    p->own = own;
    do
        status = mqtt_e2e_seal(session, &topic, MQTT_E2E_MESSAGE, payload, len, p->bytes, sizeof p->bytes,
                               f->now, &p->len);
    while (status == MQTT_E2E_EXHAUSTED && renew(f, session));
    demand(status == MQTT_E2E_OK && p->len == mqtt_e2e_sealed_size(session, len));
    return p;
}

static void say(fixture *f)
{
    bool own = fuzz_byte(&f->in) % 4 == 0;
    size_t len = fuzz_byte(&f->in);
    uint8_t *payload = fuzz_bytes(&f->in, &len);

    seal(f, own, payload, len);
    free(payload);
}

/* By one who holds the key. */
static void make_up(fixture *f)
{
    static const char aad[] = "1234567812345678";
    packet *p = new_packet(f);
    size_t len = fuzz_byte(&f->in) % 64;
    int64_t t = f->now * 1000000 + ((int64_t)fuzz_u16(&f->in) - 32768) * 1000000;
    uint8_t *text = fuzz_bytes(&f->in, &len);

    if (fuzz_byte(&f->in) % 8 == 0)
        t = (int64_t)((uint64_t)t << 8);
    for (size_t i = 0; i < 8; i++)
        p->bytes[i] = (uint8_t)((uint64_t)t >> (56 - 8 * i));
    for (size_t i = 8; i < 12; i++)
        p->bytes[i] = fuzz_byte(&f->in);
    if (len > 0)
        memcpy(p->bytes + 12, text, len);
    p->len = 28 + len;
    p->payload_len = len >= 3 ? (size_t)(text[1] << 8 | text[2]) : 0;
    p->fine = len >= 3 && text[0] == 1 && p->payload_len <= len - 3;
    if (p->fine && p->payload_len > 0)
        memcpy(p->payload, text + 3, p->payload_len);
    demand(f->sender->crypto->seal(f->sender->keys, p->bytes, aad, 16, p->bytes + 12, len,
                                   p->bytes + 12 + len) == 0);
    free(text);
}

/* ---- What is delivered ---- */

static bool has_nonce_of(const fixture *f, const packet *p)
{
    for (size_t i = 0; i < PACKETS; i++)
        if (&f->packets[i] != p && f->packets[i].handed_on && memcmp(f->packets[i].bytes, p->bytes, 12) == 0)
            return true;
    return false;
}

static void open_packet(fixture *f, packet *p, const uint8_t *bytes, size_t len, bool changed)
{
    uint8_t *out = calloc(1, len > 0 ? len : 1);
    mqtt_e2e_message message;
    mqtt_e2e_status status;

    demand(out != NULL);
    status = mqtt_e2e_open(f->receiver, &topic, bytes, len, out, len, f->now, &message);
    if (status == MQTT_E2E_OK) {
        demand(!changed && p->fine && !p->own && !p->handed_on && !has_nonce_of(f, p));
        demand(message.payload.len == p->payload_len &&
               (p->payload_len == 0 || memcmp(message.payload.data, p->payload, p->payload_len) == 0));
        demand(message.time >= f->now - (int64_t)f->options.clock_skew_ms &&
               message.time <= f->now + (int64_t)f->options.clock_lead_ms);
        p->handed_on = true;
    } else {
        demand(mqtt_e2e_refused(status) && message.payload.data == NULL);
        for (size_t i = 0; i < len; i++)
            demand(out[i] == 0);
    }
    free(out);
}

static void deliver(fixture *f)
{
    packet *p = &f->packets[fuzz_byte(&f->in) % PACKETS];
    uint8_t how = fuzz_byte(&f->in);
    uint8_t *bytes;
    size_t len = p->len;

    if (how % 4 == 1 && len > 0)
        len -= fuzz_byte(&f->in) % len;
    bytes = malloc(len > 0 ? len : 1);
    demand(bytes != NULL);
    memcpy(bytes, p->bytes, len);
    if (how % 4 == 2 && len > 0)
        bytes[fuzz_byte(&f->in) % len] ^= (uint8_t)(1 << how % 8);
    open_packet(f, p, bytes, len, len != p->len || (len > 0 && memcmp(bytes, p->bytes, len) != 0));
    free(bytes);
}

/* More than the receiver remembers. */
static void burst(fixture *f)
{
    for (int i = fuzz_byte(&f->in) % PACKETS; i > 0; i--) {
        packet *p = seal(f, i % 16 == 0, (const uint8_t *)"burst", 5);

        open_packet(f, p, p->bytes, p->len, false);
    }
}

/* ---- Nodes ---- */

static void set_clock(fixture *f)
{
    int64_t by = (int64_t)fuzz_u16(&f->in) - 16384; /* forward, mostly */

    f->now += by * (fuzz_byte(&f->in) % 4);
    if (f->now < 1000000)
        f->now = 1000000;
}

static void restart(fixture *f)
{
    size_t size = mqtt_e2e_state_size(f->receiver), len;
    uint8_t *state = malloc(size);

    demand(state != NULL && mqtt_e2e_save(f->receiver, state, size, &len) == MQTT_E2E_OK);
    fuzz_stop(f->receiver);
    f->receiver = fuzz_start(&f->options, ++f->starts, f->now);
    demand(mqtt_e2e_load(f->receiver, state, len, f->now) == MQTT_E2E_OK);
    free(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const deeds[])(fixture *) = {say, make_up, deliver, deliver, burst, set_clock, restart};
    static fixture f;

    memset(&f, 0, sizeof f);
    f.in = (fuzz_input){data, size};
    f.now = FUZZ_T0;
    mqtt_e2e_defaults(&f.options);
    mqtt_e2e_toit(&f.options);
    f.options.crypto = &mqtt_e2e_openssl;
    f.options.key_len = 16;
    f.options.pad_size = 8;
    f.sender = fuzz_start(&f.options, ++f.starts, f.now);
    f.receiver = fuzz_start(&f.options, ++f.starts, f.now);
    while (f.in.left > 0 && f.starts < 250)
        deeds[fuzz_byte(&f.in) % (sizeof deeds / sizeof deeds[0])](&f);
    fuzz_stop(f.sender);
    fuzz_stop(f.receiver);
    return 0;
}
