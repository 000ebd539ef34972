/* SPDX-License-Identifier: MIT */
#include "core.h"
#include "b64u.h"
#include "known.h"
#include "names.h"

#include <string.h>

/* ---- Options and storage ---- */

void mqtt_e2e_defaults(mqtt_e2e_options *options)
{
    memset(options, 0, sizeof *options);
    options->pad_size = 50;
    options->clock_skew_ms = 300000;
    options->clock_lead_ms = 10000;
    options->longest_packet = MQTT_E2E_SEALED_SIZE(65535, 0);
    options->streams = 8;
    options->window = 64;
    options->requests = 2;
}

/* MQTT_E2E_INDEX_SIZE_, for what is not constant. */
static size_t index_size(size_t streams)
{
    size_t size = 4;

    if (MQTT_E2E_STREAMS_MAX <= 16 || streams <= 16)
        return 0;
    while (size < 4 * streams)
        size *= 2;
    return size;
}

/* In the Toit profile each packet is a stream of its own, of one counter. */
static uint16_t streams_of(const mqtt_e2e_options *o)
{
    return E2E_IS_TOIT(o) && o->streams < MQTT_E2E_TOIT_NONCES ? MQTT_E2E_TOIT_NONCES : o->streams;
}

static uint16_t window_of(const mqtt_e2e_options *o)
{
    return E2E_IS_TOIT(o) ? 64 : o->window;
}

size_t mqtt_e2e_session_size(const mqtt_e2e_options *options)
{
    return MQTT_E2E_SESSION_SIZE(options->crypto->state_size, 0, 0, options->requests,
                                 options->lasting_topics) +
           streams_of(options) * MQTT_E2E_STREAM_SIZE_(window_of(options)) + index_size(streams_of(options));
}

static bool base_ok(const char *base)
{
    size_t len = e2e_names_length(base);

    return len == 0 || (e2e_names_topic_ok(base, len) && base[len - 1] != '/');
}

static bool options_ok(const mqtt_e2e_options *o)
{
    return o->crypto != NULL && o->key != NULL && (o->key_len == 16 || o->key_len == 32) && o->streams >= 1 &&
           o->streams <= MQTT_E2E_STREAMS_MAX && o->window >= 64 && o->window % 64 == 0 &&
           o->lasting_topics <= 1024 && o->longest_packet >= MQTT_E2E_OVERHEAD && o->floor_ms >= 0 &&
           o->floor_ms <= E2E_TIME_MAX && (o->base == NULL || base_ok(o->base)) &&
           (o->prefix == NULL || e2e_names_topic_ok(o->prefix, e2e_names_length(o->prefix)) ||
            o->prefix[0] == '\0') &&
           (o->hint != NULL || o->hint_len == 0) && E2E_TOIT_OPTIONS_OK(o);
}

static void copy_options(mqtt_e2e_session *s, const mqtt_e2e_options *o)
{
    s->crypto = o->crypto;
    s->key_len = (uint8_t)o->key_len;
    s->base = o->base;
    s->prefix = o->prefix;
    s->hint = o->hint;
    s->hint_len = o->hint_len;
    s->pad_size = o->pad_size;
    s->padme = o->padme;
    s->clock_skew = o->clock_skew_ms;
    s->clock_lead = o->clock_lead_ms;
    s->longest_packet = o->longest_packet;
    s->plain_topics = o->plain_topics;
    if (E2E_IS_TOIT(o)) {
        s->profile = o->profile;
        s->plain_topics = true;
    }
    s->strict_start = o->strict_start;
    s->own_clock = o->own_clock_ms;
    s->floor_kept = o->floor_given;
    s->replay.floor = e2e_session_table_time(s, o->floor_ms);
}

/* Hands the storage behind the session out to its parts, in the order of MQTT_E2E_SESSION_SIZE. */
static void lay_out(mqtt_e2e_session *s, const mqtt_e2e_options *o)
{
    uint8_t *p = (uint8_t *)s + MQTT_E2E_ALIGN_(sizeof *s);
    size_t size_of_index = index_size(streams_of(o));

    s->keys = p;
    p += MQTT_E2E_ALIGN_(o->crypto->state_size);
    s->replay.streams = p;
    s->replay.capacity = streams_of(o);
    s->replay.words = window_of(o) / 64;
    p += (size_t)streams_of(o) * MQTT_E2E_STREAM_SIZE_(window_of(o));
    if (size_of_index > 0) {
        s->replay.index = (void *)p;
        while ((size_t)2 << s->replay.index_bits < size_of_index)
            s->replay.index_bits++;
        p += size_of_index;
    }
    s->requests = (void *)p;
    s->request_count = o->requests;
    p += o->requests * sizeof *s->requests;
    s->lasting = (void *)p;
    s->lasting_count = o->lasting_topics;
    e2e_replay_clear(&s->replay);
}

/* ---- Keys and stream ---- */

/* What follows from the key, and where it goes (§2). */
static int derive_keys(mqtt_e2e_session *s, uint8_t keys[3 * E2E_KEY_MAX])
{
    static const char labels[5][10] = {"seal", "mask", "topic enc", "topic mac", "base"};
    uint8_t base[9], *const out[5] = {keys, keys + s->key_len, keys + 2 * s->key_len, s->topic_mac, base};

    for (size_t i = 0; i < 5; i++) {
        mqtt_e2e_bytes label = {labels[i], e2e_names_length(labels[i])};
        size_t n = i < 3 ? s->key_len : i == 3 ? sizeof s->topic_mac : sizeof base;

        if (e2e_keys_derive(s->crypto, s->prk, &label, 1, out[i], n) != 0)
            return -1;
    }
    e2e_b64u_encode(base, sizeof base, s->key_base);
    E2E_KNOWN(s->key_base, sizeof s->key_base); /* stands in clear before each wire topic */
    if (s->base == NULL)
        s->base = s->key_base;
    return 0;
}

static int set_up_keys(mqtt_e2e_session *s, const uint8_t *key)
{
    uint8_t keys[3 * E2E_KEY_MAX];
    int failed = e2e_keys_extract(s->crypto, key, s->key_len, s->prk) != 0 || derive_keys(s, keys) != 0;

    if (E2E_IS_TOIT(s))
        memcpy(keys, key, s->key_len); /* as it is, in the place of the seal key */
    failed = failed || s->crypto->init(s->keys, keys, s->key_len) != 0 ||
             (E2E_IS_TOIT(s) && e2e_toit_base(s) != 0);
    mqtt_e2e_wipe_memory(keys, sizeof keys);
    return failed ? -1 : 0;
}

int e2e_session_new_stream(mqtt_e2e_session *s, const uint8_t *random, int64_t utc)
{
    mqtt_e2e_bytes label = E2E_LABEL("stream"), parts[3];
    uint8_t key[MQTT_E2E_HASH_SIZE], mac[MQTT_E2E_HASH_SIZE], time[8];
    int failed;

    e2e_packet_put_i64(time, utc);
    parts[0] = (mqtt_e2e_bytes){random, MQTT_E2E_RANDOM_SIZE};
    parts[1] = (mqtt_e2e_bytes){time, sizeof time};
    parts[2] = (mqtt_e2e_bytes){s->hint, s->hint_len};
    failed = e2e_keys_derive(s->crypto, s->prk, &label, 1, key, sizeof key) != 0 ||
             s->crypto->hmac(key, sizeof key, parts, 3, mac) != 0;
    if (!failed) {
        memcpy(s->own.stream, mac, sizeof s->own.stream);
        E2E_KNOWN(s->own.stream, sizeof s->own.stream); /* as a header that was unmasked: open.c */
        s->own.counter = 0;
        if (E2E_IS_TOIT(s)) {
            s->own.counter = e2e_packet_get_u32(mac + sizeof s->own.stream);
            E2E_KNOWN(&s->own.counter, sizeof s->own.counter); /* its first packet's time shows it */
        }
    }
    mqtt_e2e_wipe_memory(key, sizeof key);
    mqtt_e2e_wipe_memory(mac, sizeof mac);
    return failed ? -1 : 0;
}

mqtt_e2e_status mqtt_e2e_init(mqtt_e2e_session **session, void *storage, size_t size,
                              const mqtt_e2e_options *options, const uint8_t random[MQTT_E2E_RANDOM_SIZE],
                              int64_t now_ms)
{
    mqtt_e2e_session *s = storage;
    size_t needed;

    *session = NULL;
    if (!options_ok(options))
        return MQTT_E2E_BAD_OPTION;
    needed = mqtt_e2e_session_size(options);
    if (size < needed || (uintptr_t)storage % 8 != 0)
        return MQTT_E2E_NO_ROOM;
    memset(storage, 0, needed);
    copy_options(s, options);
    s->size = needed;
    lay_out(s, options);
    if (set_up_keys(s, options->key) != 0 ||
        e2e_session_new_stream(s, random, e2e_session_now(s, now_ms)) != 0) {
        mqtt_e2e_wipe(s);
        return MQTT_E2E_CRYPTO_FAILED;
    }
    *session = s;
    return MQTT_E2E_OK;
}

mqtt_e2e_status mqtt_e2e_renew(mqtt_e2e_session *s, const uint8_t random[MQTT_E2E_RANDOM_SIZE],
                               int64_t now_ms)
{
    int64_t utc = e2e_session_now(s, now_ms), ended = e2e_session_table_time(s, utc);
    mqtt_e2e_id former = s->own;

    if (e2e_session_new_stream(s, random, utc) != 0)
        return MQTT_E2E_CRYPTO_FAILED;
    /* Also if it sealed nothing here: after a fork the other process may. */
    e2e_replay_enter_full(&s->replay, former.stream, ended > s->last_sealed ? ended : s->last_sealed,
                          utc != 0);
    s->asking = false;
    if (E2E_IS_TOIT(s))
        s->last_sealed = 0; /* from where the time goes on */
    return MQTT_E2E_OK;
}

void mqtt_e2e_wipe(mqtt_e2e_session *session)
{
    if (session == NULL || session->crypto == NULL)
        return;
    session->crypto->wipe(session->keys);
    mqtt_e2e_wipe_memory(session, session->size);
}

/* ---- The clock ---- */

/* The first time that a session knows is its floor, unless it kept one that covers the time before. */
static void learn(mqtt_e2e_session *s, int64_t utc)
{
    s->clock_known = true;
    if (!s->floor_kept)
        e2e_replay_raise(&s->replay, e2e_session_table_time(s, s->strict_start ? utc + s->clock_lead : utc));
    e2e_replay_time_full(&s->replay, e2e_session_table_time(s, utc));
}

int64_t e2e_session_now(mqtt_e2e_session *s, int64_t now_ms)
{
    int64_t utc = mqtt_e2e_utc(s, now_ms);

    if (utc > 0 && !s->clock_known)
        learn(s, utc);
    return utc;
}

int64_t mqtt_e2e_utc(const mqtt_e2e_session *s, int64_t now_ms)
{
    int64_t utc = now_ms;

    if (now_ms <= 0 || now_ms > E2E_TIME_MAX)
        return 0;
    if (s->own_clock)
        utc = s->clock_known ? now_ms + s->clock_offset : 0;
    return utc > 0 && utc <= E2E_TIME_MAX ? utc : 0;
}

void e2e_session_set_offset(mqtt_e2e_session *s, int64_t offset, int64_t now_ms, bool learned)
{
    int64_t before = mqtt_e2e_utc(s, now_ms), utc = now_ms + offset;

    s->clock_offset = offset;
    s->clock_learned = learned;
    if (!s->clock_known)
        learn(s, utc);
    else if (!s->floor_kept && utc - before > s->clock_lead)
        e2e_replay_raise(&s->replay, e2e_session_table_time(s, utc));
}

void mqtt_e2e_set_clock(mqtt_e2e_session *s, int64_t utc_ms, int64_t now_ms)
{
    if (s->own_clock && now_ms > 0 && now_ms <= E2E_TIME_MAX && utc_ms > 0 && utc_ms <= E2E_TIME_MAX)
        e2e_session_set_offset(s, utc_ms - now_ms, now_ms, false);
}

void mqtt_e2e_raise_floor(mqtt_e2e_session *s, int64_t utc_ms)
{
    if (utc_ms <= E2E_TIME_MAX)
        e2e_replay_raise(&s->replay, e2e_session_table_time(s, utc_ms));
}

/* ---- Looking inside ---- */

mqtt_e2e_id mqtt_e2e_own_stream(const mqtt_e2e_session *s)
{
    return s->own;
}

bool mqtt_e2e_last_seen(const mqtt_e2e_session *s, const uint8_t *stream, mqtt_e2e_id *highest,
                        int64_t *newest)
{
    const e2e_stream *found = stream != NULL ? e2e_replay_find(&s->replay, stream) : s->replay.last;

    if (found == NULL)
        return false;
    memcpy(highest->stream, found->id, sizeof highest->stream);
    highest->counter = found->highest;
    *newest = e2e_session_ms(s, found->newest);
    return true;
}

int64_t mqtt_e2e_floor(const mqtt_e2e_session *s)
{
    return e2e_session_ms(s, s->replay.floor);
}

const uint32_t *mqtt_e2e_counts(const mqtt_e2e_session *s)
{
    return s->counts;
}

const char *mqtt_e2e_base(const mqtt_e2e_session *s)
{
    return s->base;
}
