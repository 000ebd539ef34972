/* SPDX-License-Identifier: MIT */
/* The receiver: rules 0 to 9 of docs/PROTOCOL.md §4, in `judge`, in that order. */
#include "core.h"
#include "known.h"

#include <string.h>

/* A packet on its way through the rules. */
typedef struct {
    const mqtt_e2e_topic *topic;
    const uint8_t *packet;
    size_t len;
    uint8_t *text; /* where the inner text goes */
    int64_t now_ms;
    int64_t utc;
    e2e_stream *stream; /* NULL: unknown */
    bool opened;        /* `text` is what was sealed */
    e2e_inner inner;
} arrival;

static int unmask(mqtt_e2e_session *s, const arrival *a, mqtt_e2e_id *id)
{
    uint8_t header[E2E_HEADER_SIZE];

    if (s->crypto->mask(s->keys, a->packet + a->len - MQTT_E2E_TAG_SIZE, header) != 0)
        return -1;
    for (size_t i = 0; i < sizeof header; i++)
        header[i] ^= a->packet[i];
    /* It is looked up before the packet is opened (rules 2 and 3), and how soon that ends shows whether it was found. Ids
     * are hidden from those who only read packets; nothing else rests on them. */
    E2E_KNOWN(header, sizeof header);
    e2e_packet_get_id(header, id);
    return 0;
}

static int decrypt(mqtt_e2e_session *s, const arrival *a, const mqtt_e2e_id *id)
{
    uint8_t nonce[MQTT_E2E_NONCE_SIZE];

    e2e_packet_nonce(id, nonce);
    return s->crypto->open(s->keys, nonce, a->topic->name, a->topic->name_len, a->packet + E2E_HEADER_SIZE,
                           a->text, a->len - E2E_HEADER_SIZE - MQTT_E2E_TAG_SIZE,
                           a->packet + a->len - MQTT_E2E_TAG_SIZE);
}

static bool is_named(const mqtt_e2e_topic *topic, const char *name, size_t len)
{
    return topic->name_len == len && memcmp(topic->name, name, len) == 0;
}

/* ---- Time (rules 7 and 8) ---- */

static mqtt_e2e_status stale_by(mqtt_e2e_message *message, int64_t ms)
{
    message->off_by_ms = ms > 0 ? ms : 1;
    return MQTT_E2E_STALE;
}

static mqtt_e2e_status check_time(const mqtt_e2e_session *s, const arrival *a, mqtt_e2e_message *message)
{
    int64_t time = a->inner.time, age = a->utc - time;
    int64_t floor = a->stream != NULL ? a->stream->floor : s->replay.floor;

    if (a->utc == 0)
        return MQTT_E2E_NO_CLOCK;
    if (age > s->clock_skew || time == 0)
        return stale_by(message, age - s->clock_skew);
    message->off_by_ms = -age - s->clock_lead;
    if (message->off_by_ms > 0)
        return MQTT_E2E_FUTURE;
    message->off_by_ms = 0;
    /* Only a clock that was set back can bring one below this: see `lasting_old`. */
    if (a->inner.kind == MQTT_E2E_LASTING && floor < s->old_floor)
        floor = s->old_floor;
    return time <= floor ? stale_by(message, floor + 1 - time) : MQTT_E2E_OK;
}

/* ---- Lasting messages (§3) ---- */

static int lasting_hash(const mqtt_e2e_session *s, const mqtt_e2e_topic *topic, uint8_t hash[8])
{
    mqtt_e2e_bytes parts[2] = {E2E_LABEL("lasting"), {topic->name, topic->name_len}};
    uint8_t mac[MQTT_E2E_HASH_SIZE];

    if (s->crypto->hmac(s->topic_mac, sizeof s->topic_mac, parts, 2, mac) != 0)
        return -1;
    memcpy(hash, mac, 8);
    /* Compared with those kept: that two messages have one topic, their wire topics show as well. */
    E2E_KNOWN(hash, 8);
    mqtt_e2e_wipe_memory(mac, sizeof mac);
    return 0;
}

/* The memory of a topic, new if there is room, or NULL. */
static mqtt_e2e_lasting_topic_ *lasting_topic(mqtt_e2e_session *s, const mqtt_e2e_topic *topic)
{
    uint8_t hash[8];
    mqtt_e2e_lasting_topic_ *entry = s->lasting;

    if (s->lasting_count == 0 || lasting_hash(s, topic, hash) != 0)
        return NULL;
    for (size_t i = 0; i < s->lasting_used; i++, entry++)
        if (memcmp(entry->topic, hash, sizeof hash) == 0)
            return entry;
    if (s->lasting_used == s->lasting_count)
        return NULL;
    s->lasting_used++;
    memcpy(entry->topic, hash, sizeof hash);
    entry->newest = s->lasting_floor;
    return entry;
}

/* Whether a stale lasting message is handed on all the same: it was asked for, and is newer than all before on its topic. */
static bool lasting_old(mqtt_e2e_session *s, const arrival *a)
{
    mqtt_e2e_lasting_topic_ *entry;

    if (a->inner.kind != MQTT_E2E_LASTING || a->inner.time == 0)
        return false;
    entry = lasting_topic(s, a->topic);
    if (entry == NULL || a->inner.time <= entry->newest)
        return false;
    entry->newest = a->inner.time;
    /* It is in no table, and were the clock set back so far that it is no longer stale, it would pass as new. */
    if (a->inner.time < a->utc - s->clock_skew && a->inner.time > s->old_floor)
        s->old_floor = a->inner.time;
    return true;
}

static void lasting_accepted(mqtt_e2e_session *s, const arrival *a)
{
    mqtt_e2e_lasting_topic_ *entry;
    int64_t *newest;

    if (a->inner.kind != MQTT_E2E_LASTING)
        return;
    entry = lasting_topic(s, a->topic);
    newest = entry != NULL ? &entry->newest : &s->lasting_floor; /* no room: for a later run that has more */
    if (a->inner.time > *newest)
        *newest = a->inner.time;
}

/* ---- Requests for the time, and replies (§6) ---- */

static bool is_time_request(const arrival *a)
{
    return a->inner.kind == MQTT_E2E_REQUEST && a->inner.time == 0 && a->inner.len == 0 &&
           is_named(a->topic, "~time", 5);
}

static mqtt_e2e_status take_time(mqtt_e2e_session *s, const arrival *a)
{
    if (a->inner.time == 0 || a->inner.len != MQTT_E2E_BINDING_SIZE)
        return MQTT_E2E_MALFORMED;
    s->asking = false;
    e2e_session_set_offset(s, a->inner.time + (a->now_ms - s->asked_at) / 2 - a->now_ms, a->now_ms, true);
    return MQTT_E2E_TIME_SET;
}

/* Rule 6. */
static mqtt_e2e_status check_reply(mqtt_e2e_session *s, const arrival *a, mqtt_e2e_message *message)
{
    if (a->inner.len < MQTT_E2E_BINDING_SIZE)
        return MQTT_E2E_MALFORMED;
    /* A stream's id and a counter, as in the header of the request. */
    E2E_KNOWN(a->text + E2E_INNER_SIZE, MQTT_E2E_BINDING_SIZE);
    e2e_packet_get_id(a->text + E2E_INNER_SIZE, &message->request);
    if (e2e_request_is_time(s, &message->request, a->now_ms))
        return take_time(s, a);
    return e2e_request_find(s, &message->request, a->now_ms) != NULL ? MQTT_E2E_OK : MQTT_E2E_UNASKED;
}

/* ---- The rules ---- */

/* Rule 9: only now change the state. */
static void accept(mqtt_e2e_session *s, arrival *a, const mqtt_e2e_id *id)
{
    if (a->stream == NULL)
        a->stream = e2e_replay_enter(&s->replay, id->stream, id->counter);
    e2e_replay_mark(&s->replay, a->stream, id->counter, a->inner.time);
    s->replay.last = a->stream;
    lasting_accepted(s, a);
}

static void read_inner(arrival *a, mqtt_e2e_message *message)
{
    /* Kind, time and length decide what becomes of the packet, which whoever sent it sees. The payload stays secret. */
    E2E_KNOWN(a->text, E2E_INNER_SIZE);
    a->inner = e2e_packet_get_inner(a->text);
    message->kind = (mqtt_e2e_kind)a->inner.kind;
    message->time = a->inner.time;
}

static mqtt_e2e_status judge(mqtt_e2e_session *s, arrival *a, mqtt_e2e_message *message)
{
    mqtt_e2e_status status;
    mqtt_e2e_id id;

    if (a->topic->name == NULL) /* 0 */
        return MQTT_E2E_FORGED;
    if (a->len < MQTT_E2E_OVERHEAD || a->len > s->longest_packet) /* 1 */
        return MQTT_E2E_MALFORMED;
    if (unmask(s, a, &id) != 0)
        return MQTT_E2E_CRYPTO_FAILED;
    a->stream = e2e_replay_find(&s->replay, id.stream);
    if (memcmp(id.stream, s->own.stream, sizeof id.stream) == 0) { /* 2 */
        message->id = id;
        return MQTT_E2E_OWN;
    }
    if (a->stream != NULL && e2e_replay_seen(&s->replay, a->stream, id.counter)) { /* 3 */
        message->id = id;
        return MQTT_E2E_REPLAY;
    }
    if (decrypt(s, a, &id) != 0) /* 4 */
        return MQTT_E2E_FORGED;
    a->opened = true;
    message->id = id;
    read_inner(a, message);
    if (a->inner.kind > MQTT_E2E_LASTING) /* 5 */
        return MQTT_E2E_UNSUPPORTED;
    if (a->inner.len > a->len - MQTT_E2E_OVERHEAD)
        return MQTT_E2E_MALFORMED;
    if (is_time_request(a))
        return MQTT_E2E_TIME_ASKED;
    if (a->inner.kind == MQTT_E2E_REPLY) { /* 6 */
        status = check_reply(s, a, message);
        if (status != MQTT_E2E_OK)
            return status;
    }
    status = check_time(s, a, message); /* 7, 8 */
    if (status == MQTT_E2E_STALE && lasting_old(s, a)) {
        message->old = true;
        return MQTT_E2E_OK;
    }
    if (status == MQTT_E2E_OK)
        accept(s, a, &id); /* 9 */
    return status;
}

/* Shows the payload of a packet that is handed on. */
static void show(const arrival *a, mqtt_e2e_message *message)
{
    size_t skip = a->inner.kind == MQTT_E2E_REPLY ? MQTT_E2E_BINDING_SIZE : 0;

    message->topic = (mqtt_e2e_bytes){a->topic->name, a->topic->name_len};
    message->payload = (mqtt_e2e_bytes){a->text + E2E_INNER_SIZE + skip, a->inner.len - skip};
    message->padding = a->len - MQTT_E2E_OVERHEAD - a->inner.len;
}

static void count(mqtt_e2e_session *s, mqtt_e2e_status status)
{
    if (status < MQTT_E2E_CAUSES && s->counts[status] < UINT32_MAX)
        s->counts[status]++;
}

mqtt_e2e_status mqtt_e2e_open(mqtt_e2e_session *s, const mqtt_e2e_topic *topic, const uint8_t *packet,
                              size_t len, uint8_t *out, size_t size, int64_t now_ms,
                              mqtt_e2e_message *message)
{
    arrival a = {.topic = topic, .packet = packet, .len = len, .now_ms = now_ms};
    mqtt_e2e_status status;

    memset(message, 0, sizeof *message);
    if (size < len)
        return MQTT_E2E_NO_ROOM;
    a.text = len >= MQTT_E2E_OVERHEAD ? out + E2E_HEADER_SIZE : NULL;
    a.utc = e2e_session_now(s, now_ms);
    status = judge(s, &a, message);
    count(s, status);
    if (status == MQTT_E2E_OK || status == MQTT_E2E_TIME_ASKED)
        show(&a, message);
    else if (a.opened)
        mqtt_e2e_wipe_memory(a.text, len - E2E_HEADER_SIZE - MQTT_E2E_TAG_SIZE);
    return status;
}
