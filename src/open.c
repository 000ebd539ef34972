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
    e2e_stream *stream, *first; /* of the packet, and of the first one that it names. NULL: unknown */
    bool opened;                /* `text` is what was sealed */
    size_t payload_len;
    size_t prefix_len; /* of that, what names another packet */
    mqtt_e2e_message *message;
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

/* ---- Own and seen (rules 2 and 3) ---- */

static mqtt_e2e_status check_id(const mqtt_e2e_session *s, const mqtt_e2e_id *id, e2e_stream **stream)
{
    *stream = e2e_replay_find(&s->replay, id->stream);
    if (memcmp(id->stream, s->own.stream, sizeof id->stream) == 0)
        return MQTT_E2E_OWN;
    if (*stream != NULL && e2e_replay_seen(&s->replay, *stream, id->counter))
        return MQTT_E2E_REPLAY;
    return MQTT_E2E_OK;
}

/* ---- Time (rules 7 and 8) ---- */

static mqtt_e2e_status stale_by(mqtt_e2e_message *message, int64_t ms)
{
    message->off_by_ms = ms > 0 ? ms : 1;
    return MQTT_E2E_STALE;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t floor_of(const mqtt_e2e_session *s, const e2e_stream *stream)
{
    return stream != NULL ? stream->floor : s->replay.floor;
}

/* Of a message sealed anew, what counts is held against its first packet too. Any other is its own first packet. */
static mqtt_e2e_status check_time(const mqtt_e2e_session *s, const arrival *a)
{
    mqtt_e2e_message *m = a->message;
    int64_t too_old = a->utc - m->time - s->clock_skew, below;

    if (a->utc == 0)
        return MQTT_E2E_NO_CLOCK;
    m->off_by_ms = greater(m->time, m->first_time) - a->utc - s->clock_lead;
    if (m->off_by_ms > 0)
        return MQTT_E2E_FUTURE;
    m->off_by_ms = 0;
    if (too_old > 0 || m->time == 0)
        return stale_by(m, too_old);
    below = greater(floor_of(s, a->stream) - m->time, floor_of(s, a->first) - m->first_time);
    /* Only a clock that was set back, or a message sealed anew, can bring one below this: see `lasting_old`. */
    if (m->kind == MQTT_E2E_LASTING)
        below = greater(below, s->old_floor - m->first_time);
    return below >= 0 ? stale_by(m, below + 1) : MQTT_E2E_OK;
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

/* The newest time of a topic, remembered from now on if there is room, or NULL. */
static int64_t *lasting_newest(mqtt_e2e_session *s, const mqtt_e2e_topic *topic)
{
    uint8_t hash[8];
    mqtt_e2e_lasting_topic_ *entry = s->lasting;

    if (s->lasting_count == 0 || lasting_hash(s, topic, hash) != 0)
        return NULL;
    for (size_t i = 0; i < s->lasting_used; i++, entry++)
        if (memcmp(entry->topic, hash, sizeof hash) == 0)
            return &entry->newest;
    if (s->lasting_used == s->lasting_count)
        return NULL;
    s->lasting_used++;
    memcpy(entry->topic, hash, sizeof hash);
    entry->newest = s->lasting_floor;
    return &entry->newest;
}

/* Whether a stale lasting message is handed on all the same: it was asked for, and is newer than all before on its topic. */
static bool lasting_old(mqtt_e2e_session *s, const arrival *a)
{
    const mqtt_e2e_message *m = a->message;
    int64_t *newest;

    if (m->kind != MQTT_E2E_LASTING || m->first_time == 0)
        return false;
    newest = lasting_newest(s, a->topic);
    if (newest == NULL || m->first_time <= *newest)
        return false;
    *newest = m->first_time;
    /* It is in no table. It would pass as new were the clock set back so far that it is no longer stale, or in another of
     * the packets that it was sealed in. */
    if ((m->again || m->first_time < a->utc - s->clock_skew) && m->first_time > s->old_floor)
        s->old_floor = m->first_time;
    return true;
}

static void lasting_accepted(mqtt_e2e_session *s, const arrival *a)
{
    int64_t *newest;

    if (a->message->kind != MQTT_E2E_LASTING)
        return;
    newest = lasting_newest(s, a->topic);
    if (newest == NULL)
        newest = &s->lasting_floor; /* no room: for a later run that has more */
    if (a->message->first_time > *newest)
        *newest = a->message->first_time;
}

/* ---- Requests for the time, replies (§6), and messages sealed anew (§3) ---- */

static bool is_time_request(const arrival *a)
{
    return a->message->kind == MQTT_E2E_REQUEST && a->message->time == 0 && a->payload_len == 0 &&
           is_named(a->topic, "~time", 5);
}

static mqtt_e2e_status take_time(mqtt_e2e_session *s, const arrival *a)
{
    int64_t time = a->message->time;

    if (time == 0 || a->payload_len != MQTT_E2E_BINDING_SIZE)
        return MQTT_E2E_MALFORMED;
    s->asking = false;
    /* The round trip took 4 s at most. */
    e2e_session_set_offset(s, time + (uint32_t)(a->now_ms - s->asked_at) / 2 - a->now_ms, a->now_ms, true);
    return MQTT_E2E_TIME_SET;
}

static mqtt_e2e_status check_reply(mqtt_e2e_session *s, const arrival *a)
{
    mqtt_e2e_id *request = &a->message->request;

    e2e_packet_get_id(a->text + E2E_INNER_SIZE, request);
    if (e2e_request_is_time(s, request, a->now_ms))
        return take_time(s, a);
    return e2e_request_find(s, request, a->now_ms) != NULL ? MQTT_E2E_OK : MQTT_E2E_UNASKED;
}

static mqtt_e2e_status check_again(mqtt_e2e_session *s, arrival *a)
{
    const uint8_t *prefix = a->text + E2E_INNER_SIZE;
    mqtt_e2e_message *m = a->message;

    e2e_packet_get_id(prefix, &m->first);
    m->first_time = e2e_packet_get_time(prefix + MQTT_E2E_BINDING_SIZE);
    m->kind = (mqtt_e2e_kind)prefix[MQTT_E2E_AGAIN_SIZE - 1];
    m->again = true;
    if ((m->kind != MQTT_E2E_MESSAGE && m->kind != MQTT_E2E_LASTING) || m->first_time == 0)
        return MQTT_E2E_MALFORMED;
    return check_id(s, &m->first, &a->first);
}

/* Rule 6. */
static mqtt_e2e_status check_named(mqtt_e2e_session *s, arrival *a)
{
    bool reply = a->message->kind == MQTT_E2E_REPLY;

    if (!reply && a->message->kind != E2E_KIND_AGAIN)
        return MQTT_E2E_OK;
    a->prefix_len = reply ? MQTT_E2E_BINDING_SIZE : MQTT_E2E_AGAIN_SIZE;
    if (a->payload_len < a->prefix_len)
        return MQTT_E2E_MALFORMED;
    /* A stream's id and a counter, as in the header of that packet, and its kind and time. */
    E2E_KNOWN(a->text + E2E_INNER_SIZE, a->prefix_len);
    return reply ? check_reply(s, a) : check_again(s, a);
}

/* ---- The rules ---- */

/* Rule 9: only now change the state. */
static void accept(mqtt_e2e_session *s, arrival *a)
{
    const mqtt_e2e_message *m = a->message;

    if (m->again) {
        e2e_replay_accept(&s->replay, a->first, &m->first, m->first_time);
        a->stream = e2e_replay_find(&s->replay, m->id.stream); /* it may just have entered, or gone */
    }
    e2e_replay_accept(&s->replay, a->stream, &m->id, m->time);
    lasting_accepted(s, a);
}

static void read_inner(arrival *a)
{
    mqtt_e2e_message *m = a->message;
    e2e_inner inner;

    /* Kind, time and length decide what becomes of the packet, which whoever sent it sees. The payload stays secret. */
    E2E_KNOWN(a->text, E2E_INNER_SIZE);
    inner = e2e_packet_get_inner(a->text);
    m->kind = (mqtt_e2e_kind)inner.kind;
    m->time = m->first_time = inner.time;
    a->first = a->stream;
    a->payload_len = inner.len;
}

/* Not to be made a part of its one caller, where its many exits would take 100 bytes more. */
#ifdef __GNUC__
#define APART __attribute__((noinline))
#else
#define APART
#endif

static APART mqtt_e2e_status judge(mqtt_e2e_session *s, arrival *a)
{
    mqtt_e2e_status status;
    mqtt_e2e_id id;

    if (a->topic->name == NULL) /* 0 */
        return MQTT_E2E_FORGED;
    if (a->len < MQTT_E2E_OVERHEAD || a->len > s->longest_packet) /* 1 */
        return MQTT_E2E_MALFORMED;
    if (unmask(s, a, &id) != 0)
        return MQTT_E2E_CRYPTO_FAILED;
    status = check_id(s, &id, &a->stream);                /* 2, 3 */
    if (status == MQTT_E2E_OK && decrypt(s, a, &id) != 0) /* 4 */
        return MQTT_E2E_FORGED;
    a->message->id = id;
    if (status != MQTT_E2E_OK)
        return status;
    a->opened = true;
    read_inner(a);
    if (a->message->kind > E2E_KIND_AGAIN) /* 5 */
        return MQTT_E2E_UNSUPPORTED;
    if (a->payload_len > a->len - MQTT_E2E_OVERHEAD)
        return MQTT_E2E_MALFORMED;
    if (is_time_request(a))
        return MQTT_E2E_TIME_ASKED;
    status = check_named(s, a); /* 6 */
    if (status != MQTT_E2E_OK)
        return status;
    status = check_time(s, a); /* 7, 8 */
    if (status == MQTT_E2E_STALE && lasting_old(s, a)) {
        a->message->old = true;
        return MQTT_E2E_OK;
    }
    if (status == MQTT_E2E_OK)
        accept(s, a); /* 9 */
    return status;
}

/* Shows the payload of a packet that is handed on. */
static void show(const arrival *a)
{
    mqtt_e2e_message *message = a->message;
    size_t skip = a->prefix_len;

    message->topic = (mqtt_e2e_bytes){a->topic->name, a->topic->name_len};
    message->payload = (mqtt_e2e_bytes){a->text + E2E_INNER_SIZE + skip, a->payload_len - skip};
    message->padding = a->len - MQTT_E2E_OVERHEAD - a->payload_len;
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
    arrival a = {.topic = topic, .packet = packet, .len = len, .now_ms = now_ms, .message = message};
    mqtt_e2e_status status;

    memset(message, 0, sizeof *message);
    if (size < len)
        return MQTT_E2E_NO_ROOM;
    if (E2E_IS_TOIT(s)) {
        status = e2e_toit_open(s, topic, packet, len, out, e2e_session_now(s, now_ms), message);
        count(s, status);
        return status;
    }
    a.text = len >= MQTT_E2E_OVERHEAD ? out + E2E_HEADER_SIZE : NULL;
    a.utc = e2e_session_now(s, now_ms);
    status = judge(s, &a);
    count(s, status);
    if (status == MQTT_E2E_OK || status == MQTT_E2E_TIME_ASKED)
        show(&a);
    else if (a.opened)
        mqtt_e2e_wipe_memory(a.text, len - E2E_HEADER_SIZE - MQTT_E2E_TAG_SIZE);
    return status;
}
