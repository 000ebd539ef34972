/* SPDX-License-Identifier: MIT */
/*
 * The Toit profile (docs/TOIT.md), wire-compatible with the Toit library mqtt-e2e 0.0.1:
 *
 *   0       8      12                                         n-16    n
 *   T       | r    | ciphertext of version, length, payload, | tag |
 *           |      |               (1)      (2)      padding |     |
 *
 * T is UTC in nanoseconds, r is random, T ‖ r the nonce of AES-128-GCM under the key itself, with a fixed text authenticated.
 *
 * How the memory of the protocol serves it. A Toit sender has no stream and no counter, so each packet is a stream of its
 * own here: its id is the nonce, its only counter 0, its time T. So the table of streams is the list of the nonces accepted
 * last; the one that makes room is the one with the smallest T, and the floor rises to that T. What was accepted is either
 * still in the table, or its T is at or below the floor: nothing returns, in whatever order it comes. That is the invariant
 * of replay.h as it stands, and stored state, floor and eviction are the protocol's. Times in the table are
 * nanoseconds: of a burst, many packets are made in one millisecond, and must not push each other below the floor.
 *
 * r is not only random, but HMAC(a key of ours, id of our run ‖ T): so each packet of a run that was ours can be told from all
 * others without being remembered, as long as the id of that run is, which is what the protocol keeps of a former own stream.
 * One packet of somebody else in 2^32 is taken for our own, and lost.
 */
#include "core.h"
#include "known.h"

#ifdef MQTT_E2E_TOIT
#include "b64u.h"

#include <string.h>

#if MQTT_E2E_STREAMS_MAX < MQTT_E2E_TOIT_NONCES
#error "the Toit profile remembers 64 nonces: compile src/ with MQTT_E2E_STREAMS_MAX=64 or more"
#endif

#define INNER_SIZE   3 /* version, length */
#define VERSION      1
#define SKEW_MS      15000
#define TIME_SIZE    8
#define RANDOM_SIZE  4
#define SET_BACK_MAX ((int64_t)1000 * E2E_TOIT_NS)
/* The last millisecond whose nanoseconds have 63 bits; in the year 2262. */
#define NOW_MAX (INT64_MAX / E2E_TOIT_NS - 1)

static const char aad[16] = {'1', '2', '3', '4', '5', '6', '7', '8', '1', '2', '3', '4', '5', '6', '7', '8'};

/* ---- Options and keys ---------------------------------------------------------------------------- */

void mqtt_e2e_toit(mqtt_e2e_options *options)
{
    options->profile = MQTT_E2E_PROFILE_TOIT;
    options->plain_topics = true;
    options->clock_skew_ms = SKEW_MS;
    options->clock_lead_ms = SKEW_MS;
    options->lasting_topics = 0;
    if (options->streams < MQTT_E2E_TOIT_NONCES)
        options->streams = MQTT_E2E_TOIT_NONCES;
}

bool e2e_toit_options_ok(const mqtt_e2e_options *o)
{
    return o->profile == MQTT_E2E_PROFILE_1 ||
           (o->profile == MQTT_E2E_PROFILE_TOIT && o->key_len == 16 && o->lasting_topics == 0);
}

int64_t e2e_toit_table_time(int64_t ms)
{
    return ms < NOW_MAX ? ms * E2E_TOIT_NS + (E2E_TOIT_NS - 1) : NOW_MAX * E2E_TOIT_NS;
}

/* base64 (RFC 4648 §4) of what 16 signs are encrypted to, cut, with letters for the two signs that topics can't have. */
int e2e_toit_base(mqtt_e2e_session *s)
{
    uint8_t nonce[MQTT_E2E_NONCE_SIZE], text[16], tag[MQTT_E2E_TAG_SIZE];
    int failed;

    memset(nonce, '@', sizeof nonce);
    memset(text, '#', sizeof text);
    failed = s->crypto->seal(s->keys, nonce, NULL, 0, text, sizeof text, tag) != 0;
    if (!failed) {
        e2e_b64u_encode(text, (sizeof s->key_base - 1) / 4 * 3, s->key_base);
        E2E_KNOWN(s->key_base, sizeof s->key_base); /* stands in clear before each topic */
        for (size_t i = 0; i < sizeof s->key_base - 1; i++)
            s->key_base[i] = (char)(s->key_base[i] == '-'   ? 'a'
                                    : s->key_base[i] == '_' ? 'b'
                                                            : s->key_base[i]);
    }
    return failed ? -1 : 0; /* what is cut off is the key stream of a nonce that nobody seals with */
}

/* ---- Sealing ------------------------------------------------------------------------------------- */

size_t e2e_toit_sealed_size(size_t len, size_t padded)
{
    /* The Padmé size of a length close to the longest is above it. */
    if (padded > MQTT_E2E_TOIT_PAYLOAD_MAX && len <= MQTT_E2E_TOIT_PAYLOAD_MAX)
        padded = MQTT_E2E_TOIT_PAYLOAD_MAX;
    return MQTT_E2E_TOIT_OVERHEAD + padded;
}

/* r of a run with this id, sealing at T; four more bytes are for the next packet's T. */
static int draw(const mqtt_e2e_session *s, const uint8_t *id, const uint8_t *t, uint8_t r[2 * RANDOM_SIZE])
{
    mqtt_e2e_bytes parts[2] = {{id, MQTT_E2E_STREAM_ID_SIZE}, {t, TIME_SIZE}};
    uint8_t mac[MQTT_E2E_HASH_SIZE];
    int failed = s->crypto->hmac(s->topic_mac, sizeof s->topic_mac, parts, 2, mac);

    if (failed != 0)
        return -1;
    E2E_KNOWN(mac, 2 * RANDOM_SIZE); /* it stands in clear in packets */
    memcpy(r, mac, 2 * RANDOM_SIZE);
    mqtt_e2e_wipe_memory(mac, sizeof mac);
    return 0;
}

mqtt_e2e_status e2e_toit_seal_with(mqtt_e2e_session *s, const uint8_t nonce[MQTT_E2E_NONCE_SIZE],
                                   const e2e_draft *draft, uint8_t *packet, size_t size, size_t *packet_len)
{
    size_t n = mqtt_e2e_sealed_size(s, draft->len);
    uint8_t *text = packet + MQTT_E2E_NONCE_SIZE, *payload = text + INNER_SIZE;

    if (draft->len > MQTT_E2E_TOIT_PAYLOAD_MAX)
        return MQTT_E2E_TOO_LONG;
    if (size < n)
        return MQTT_E2E_NO_ROOM;
    if (draft->len > 0) /* first: it may lie where the others come */
        memmove(payload, draft->payload, draft->len);
    memset(payload + draft->len, 0, n - MQTT_E2E_TOIT_OVERHEAD - draft->len);
    memcpy(packet, nonce, MQTT_E2E_NONCE_SIZE);
    text[0] = VERSION;
    e2e_packet_put_u16(text + 1, (uint32_t)draft->len);
    if (s->crypto->seal(s->keys, nonce, aad, sizeof aad, text, n - MQTT_E2E_NONCE_SIZE - MQTT_E2E_TAG_SIZE,
                        packet + n - MQTT_E2E_TAG_SIZE) != 0) {
        mqtt_e2e_wipe_memory(packet, n);
        return MQTT_E2E_CRYPTO_FAILED;
    }
    *packet_len = n;
    return MQTT_E2E_OK;
}

/*
 * T grows with each packet. Our clock has milliseconds; what comes behind them is drawn, so that two nodes which seal in the same one
 * do not have only r between them and the same nonce. A clock that was set back would leave us at the time before,
 * in the others' future: then a new run begins, whose r are others.
 */
static mqtt_e2e_status next_nonce(mqtt_e2e_session *s, int64_t utc, uint8_t nonce[MQTT_E2E_NONCE_SIZE])
{
    int64_t t = utc * E2E_TOIT_NS + (int64_t)(s->own.counter % E2E_TOIT_NS);
    uint8_t r[2 * RANDOM_SIZE];

    if (t < s->last_sealed - SET_BACK_MAX)
        return MQTT_E2E_EXHAUSTED;
    if (t <= s->last_sealed)
        t = s->last_sealed + 1;
    s->last_sealed = t; /* before it is used: whatever fails from here on, this nonce is never used again */
    e2e_packet_put_i64(nonce, t);
    if (draw(s, s->own.stream, nonce, r) != 0)
        return MQTT_E2E_CRYPTO_FAILED;
    memcpy(nonce + TIME_SIZE, r, RANDOM_SIZE);
    s->own.counter = e2e_packet_get_u32(r + RANDOM_SIZE);
    return MQTT_E2E_OK;
}

mqtt_e2e_status e2e_toit_seal(mqtt_e2e_session *s, const e2e_draft *draft, uint8_t *packet, size_t size,
                              size_t *packet_len)
{
    uint8_t nonce[MQTT_E2E_NONCE_SIZE];
    mqtt_e2e_status status;

    if (draft->time > NOW_MAX)
        return MQTT_E2E_NO_CLOCK;
    if (draft->len > MQTT_E2E_TOIT_PAYLOAD_MAX)
        return MQTT_E2E_TOO_LONG;
    if (size < mqtt_e2e_sealed_size(s, draft->len))
        return MQTT_E2E_NO_ROOM;
    status = next_nonce(s, draft->time, nonce);
    return status == MQTT_E2E_OK ? e2e_toit_seal_with(s, nonce, draft, packet, size, packet_len) : status;
}

/* ---- Opening ------------------------------------------------------------------------------------- */

/* Whether a packet is of our run, or of a former one that the table knows of. */
static mqtt_e2e_status check_own(const mqtt_e2e_session *s, const uint8_t *nonce)
{
    int64_t t = e2e_packet_get_i64(nonce);
    uint8_t r[2 * RANDOM_SIZE];

    for (size_t i = 0; i <= s->replay.count; i++) {
        const e2e_stream *former = i < s->replay.count ? e2e_replay_at(&s->replay, i) : NULL;
        int64_t last = former != NULL ? former->newest : s->last_sealed;

        if (t > last || (former != NULL && former->floor < E2E_REPLAY_FULL_UNTIMED))
            continue;
        if (draw(s, former != NULL ? former->id : s->own.stream, nonce, r) != 0)
            return MQTT_E2E_CRYPTO_FAILED;
        if (memcmp(r, nonce + TIME_SIZE, RANDOM_SIZE) == 0)
            return MQTT_E2E_OWN;
    }
    return MQTT_E2E_OK;
}

static mqtt_e2e_status off_by(mqtt_e2e_message *message, mqtt_e2e_status status, int64_t ms)
{
    message->off_by_ms = ms > 0 ? ms : 1;
    return status;
}

static mqtt_e2e_status check_time(const mqtt_e2e_session *s, int64_t utc, int64_t t,
                                  mqtt_e2e_message *message)
{
    if (utc == 0 || utc > NOW_MAX)
        return MQTT_E2E_NO_CLOCK;
    if (t <= 0)
        return off_by(message, MQTT_E2E_STALE, utc - s->clock_skew - message->time);
    if (message->time > utc + s->clock_lead)
        return off_by(message, MQTT_E2E_FUTURE, message->time - utc - s->clock_lead);
    if (message->time < utc - s->clock_skew)
        return off_by(message, MQTT_E2E_STALE, utc - s->clock_skew - message->time);
    if (t <= s->replay.floor)
        return off_by(message, MQTT_E2E_STALE, (s->replay.floor - t) / E2E_TOIT_NS + 1);
    return MQTT_E2E_OK;
}

/* What was authenticated, and is not seen yet. `text` of `len` bytes is what was sealed. */
static mqtt_e2e_status judge(mqtt_e2e_session *s, const uint8_t *text, size_t len, int64_t utc,
                             mqtt_e2e_message *message)
{
    const uint8_t *nonce = message->id.stream;
    int64_t t = e2e_packet_get_i64(nonce);
    mqtt_e2e_status status = check_own(s, nonce);

    if (status != MQTT_E2E_OK)
        return status;
    E2E_KNOWN(text, INNER_SIZE); /* as in open.c: version and length decide what becomes of it */
    message->time = message->first_time = t / E2E_TOIT_NS;
    if (text[0] != VERSION)
        return MQTT_E2E_UNSUPPORTED;
    message->payload = (mqtt_e2e_bytes){text + INNER_SIZE, e2e_packet_get_u16(text + 1)};
    if (message->payload.len > len - INNER_SIZE)
        return MQTT_E2E_MALFORMED;
    message->padding = len - INNER_SIZE - message->payload.len;
    status = check_time(s, utc, t, message);
    if (status == MQTT_E2E_OK)
        e2e_replay_accept(&s->replay, NULL, &message->id, t);
    return status;
}

mqtt_e2e_status e2e_toit_open(mqtt_e2e_session *s, const mqtt_e2e_topic *topic, const uint8_t *packet,
                              size_t len, uint8_t *out, int64_t utc, mqtt_e2e_message *message)
{
    size_t text_len = len - MQTT_E2E_NONCE_SIZE - MQTT_E2E_TAG_SIZE;
    uint8_t nonce[MQTT_E2E_NONCE_SIZE], *text = out + MQTT_E2E_NONCE_SIZE;
    mqtt_e2e_status status;

    if (topic->name == NULL)
        return MQTT_E2E_FORGED;
    /* One longer than any may be is of a sender that wrapped the length: the message in it is cut. */
    if (len < MQTT_E2E_TOIT_OVERHEAD || len > s->longest_packet ||
        len > MQTT_E2E_TOIT_OVERHEAD + MQTT_E2E_TOIT_PAYLOAD_MAX)
        return MQTT_E2E_MALFORMED;
    memcpy(nonce, packet, sizeof nonce);
    if (e2e_replay_find(&s->replay, nonce) != NULL) {
        memcpy(message->id.stream, nonce, sizeof nonce);
        return MQTT_E2E_REPLAY;
    }
    if (s->crypto->open(s->keys, nonce, aad, sizeof aad, packet + MQTT_E2E_NONCE_SIZE, text, text_len,
                        packet + len - MQTT_E2E_TAG_SIZE) != 0)
        return MQTT_E2E_FORGED;
    memcpy(message->id.stream, nonce, sizeof nonce);
    status = judge(s, text, text_len, utc, message);
    if (status == MQTT_E2E_OK) {
        message->topic = (mqtt_e2e_bytes){topic->name, topic->name_len};
    } else {
        mqtt_e2e_wipe_memory(text, text_len);
        message->payload = (mqtt_e2e_bytes){NULL, 0};
        message->padding = 0;
    }
    return status;
}
#endif
