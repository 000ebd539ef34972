/* SPDX-License-Identifier: MIT */
/* What must hold in the replay tests' world, after each packet and after each step. */
#include "replay_world.h"

#include <string.h>

static bool again(const model_packet *clear)
{
    return clear->kind == 4;
}

/*
 * The first promise: no message is handed on twice, whichever of its packets it comes in, by a receiver that keeps its state. By one that started anew without it,
 * only what §4's last paragraph admits: a sender's clock leads the receiver's at that start; under a strict start, not even
 * that, unless the receiver's own clock was set back in between. Old lasting messages are told anew to one that forgot.
 */
static void check_once(world *w, const world_packet *delivered, bool old)
{
    size_t n = delivered->message;
    world_packet *p = &w->packets[n];
    int64_t utc = world_utc(w);

    if (p->handed_on)
        world_fail(w, "#%zu was handed on before", n);
    if (p->handed_on_by_earlier && !old) {
        if (p->clear.time <= w->start)
            world_fail(w, "#%zu was handed on before the restart, and its sender's clock does not lead", n);
        if (w->start_strict && p->handed_on_at <= w->start)
            world_fail(w, "#%zu was handed on before the strict restart", n);
    }
    if (old && p->clear.time <= w->topic_newest[p->clear.topic])
        world_fail(w, "#%zu is not newer than all before on its topic", n);
    p->handed_on = true;
    if (utc > p->handed_on_at)
        p->handed_on_at = utc;
    if (p->clear.kind == MQTT_E2E_LASTING && p->clear.time > w->topic_newest[p->clear.topic])
        w->topic_newest[p->clear.topic] = p->clear.time;
}

/* Forged and malformed packets have no id worth telling, but those that turned out malformed after they were opened. */
static bool id_is_told(const world *w, mqtt_e2e_status status, const model_packet *clear)
{
    bool opened = clear->authentic && clear->len >= 43 && clear->len <= w->options.longest_packet;

    return status != MQTT_E2E_FORGED && (status != MQTT_E2E_MALFORMED || opened);
}

/* The second promise: the verdict, and what is told of the packet, are the model's. */
static void check_verdict(world *w, const world_packet *p, const model_verdict *expected,
                          mqtt_e2e_status status, const mqtt_e2e_message *message)
{
    size_t skip = again(&p->clear) ? 23 : p->clear.kind == MQTT_E2E_REPLY ? 16 : 0;
    mqtt_e2e_id none = {{0}, 0};

    if (status != expected->status)
        world_fail(w, "the verdict is %s, the model's %s", mqtt_e2e_status_text(status),
                   mqtt_e2e_status_text(expected->status));
    else if (message->off_by_ms != expected->off_by_ms || message->old != expected->old)
        world_fail(w, "off by %lld%s, by the model %lld%s", (long long)message->off_by_ms,
                   message->old ? " (old)" : "", (long long)expected->off_by_ms,
                   expected->old ? " (old)" : "");
    else if (memcmp(&message->id, id_is_told(w, status, &p->clear) ? &p->clear.id : &none, sizeof none) != 0)
        world_fail(w, "told of another packet's id");
    else if (status == MQTT_E2E_OK &&
             (message->kind != (again(&p->clear) ? p->clear.first_kind : p->clear.kind) ||
              message->time != p->clear.time || message->again != again(&p->clear) ||
              message->payload.len != p->clear.inner_len - skip ||
              memcmp(message->payload.data, p->text + 11 + skip, message->payload.len) != 0))
        world_fail(w, "handed on is not what was sealed");
    else if (status == MQTT_E2E_OK &&
             (memcmp(&message->first, &p->clear.first, sizeof none) != 0 ||
              message->first_time != (again(&p->clear) ? p->clear.first_time : p->clear.time)))
        world_fail(w, "told of another first packet");
}

static void check_wiped(world *w, const world_packet *p, const uint8_t *text, mqtt_e2e_status status,
                        bool in_place)
{
    if (status == MQTT_E2E_OK || status == MQTT_E2E_TIME_ASKED || p->clear.len < 43)
        return;
    for (size_t i = 0; i < p->clear.len - 32; i++)
        if (text[i] != 0 && !(in_place && text[i] == p->bytes[16 + i]))
            world_fail(w, "a refused packet's text is readable");
}

void world_deliver(world *w, world_packet *original, const world_packet *p, bool in_base)
{
    uint8_t out[WORLD_ROOM] = {0};
    bool in_place = world_chance(w, 50);
    mqtt_e2e_topic topic = in_base ? world_topic(p->clear.topic) : (mqtt_e2e_topic){0};
    mqtt_e2e_message message;
    model_verdict expected;
    mqtt_e2e_status status;
    int64_t now = world_now(w);

    if (in_place)
        memcpy(out, p->bytes, p->clear.len);
    status = mqtt_e2e_open(w->receiver, &topic, in_place ? out : p->bytes, p->clear.len, out, sizeof out, now,
                           &message);
    expected = model_open(&w->model, &p->clear, now);
    if (expected.status < MQTT_E2E_CAUSES)
        w->counts[expected.status]++;
    w->outcomes[expected.status]++;
    w->old += expected.old;
    w->again += expected.status == MQTT_E2E_OK && again(&p->clear);
    world_tell(w, "deliver #%zu%s: %s, off by %lld (the model: %s, off by %lld)",
               (size_t)(original - w->packets), p == original ? "" : " changed", mqtt_e2e_status_text(status),
               (long long)message.off_by_ms, mqtt_e2e_status_text(expected.status),
               (long long)expected.off_by_ms);
    check_verdict(w, p, &expected, status, &message);
    check_wiped(w, p, out + 16, status, in_place);
    if (status == MQTT_E2E_OK)
        check_once(w, original, message.old);
}

/* ---- The state ---- */

/* The index of a large table holds what is in it, and nothing else; else it would fill up. */
static size_t indexed(const mqtt_e2e_replay_ *replay)
{
    size_t used = 0;

    for (size_t i = 0; i < (size_t)1 << replay->index_bits; i++)
        used += replay->index[i] != 0;
    return used;
}

void world_check(world *w)
{
    const model *m = &w->model;
    mqtt_e2e_id id;
    int64_t newest;

    if (w->failure[0] != '\0')
        return;
    if (w->receiver->replay.floor != m->floor || w->receiver->old_floor != m->old_floor)
        world_fail(w, "the floor is %lld from the model's",
                   (long long)(w->receiver->replay.floor - m->floor));
    if (w->receiver->replay.count != m->stream_count)
        world_fail(w, "%u streams in the table, %zu in the model's", w->receiver->replay.count,
                   m->stream_count);
    if (w->receiver->replay.index != NULL && indexed(&w->receiver->replay) != m->stream_count)
        world_fail(w, "%zu streams in the index, %zu in the model's table", indexed(&w->receiver->replay),
                   m->stream_count);
    for (size_t i = 0; i < m->stream_count; i++) {
        if (!mqtt_e2e_last_seen(w->receiver, m->streams[i].id, &id, &newest))
            world_fail(w, "stream %02x%02x is not in the table", m->streams[i].id[0], m->streams[i].id[1]);
        else if (id.counter != m->streams[i].highest || newest != m->streams[i].newest)
            world_fail(w, "stream %02x%02x: highest %u (the model: %u), newest %+lld from the model's",
                       m->streams[i].id[0], m->streams[i].id[1], id.counter, m->streams[i].highest,
                       (long long)(newest - m->streams[i].newest));
    }
    if (mqtt_e2e_last_seen(w->receiver, NULL, &id, &newest) != m->last_known ||
        (m->last_known && memcmp(id.stream, m->last, sizeof id.stream) != 0))
        world_fail(w, "the stream last accepted from is another");
    if (memcmp(mqtt_e2e_counts(w->receiver), w->counts, sizeof w->counts) != 0)
        world_fail(w, "the counts differ");
}
