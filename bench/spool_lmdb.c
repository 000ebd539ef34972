/* SPDX-License-Identifier: MIT */
/* The spool on LMDB: the same tables, checks and promises, as far as it has them. */
#include <stdlib.h>
#include <string.h>

#include <lmdb.h>

#include "measure.h"
#include "spool_engine.h"

#define MAP_SIZE ((size_t)4 << 30)

typedef struct {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi message, sealed, totals;
    e2e_spool_totals now;
    bool durable;
    uint8_t *row;
    size_t room;
} lmdb_spool;

typedef struct {
    uint64_t check;
    size_t len;
    int qos, kind; /* payload and topic follow */
} message_head;

typedef struct {
    uint64_t check;
    mqtt_e2e_id first;
    int64_t first_ms, packet_ms; /* the packet follows */
} sealed_head;

static void must(int code, const char *what)
{
    bench_check(code == 0, what);
}

static MDB_val val(void *bytes, size_t len)
{
    return (MDB_val){len, bytes};
}

/* As client/spool.c: what must be flushed begins a transaction of its own. Without MDB_NOMETASYNC a commit flushes twice. */
static void begin(lmdb_spool *s, bool durable)
{
    if (s->txn != NULL && durable && !s->durable)
        must(mdb_txn_commit(s->txn), "mdb_txn_commit");
    else if (s->txn != NULL)
        return;
    must(mdb_env_set_flags(s->env, MDB_NOMETASYNC, !durable), "mdb_env_set_flags");
    must(mdb_txn_begin(s->env, NULL, 0, &s->txn), "mdb_txn_begin");
    s->durable = durable;
}

static void commit(void *spool)
{
    lmdb_spool *s = spool;
    uint64_t one = 1, row[4] = {s->now.messages, s->now.bytes, s->now.last, e2e_spool_check_totals(&s->now)};
    MDB_val key = val(&one, sizeof one), data = val(row, sizeof row);

    if (s->txn == NULL)
        return;
    must(mdb_put(s->txn, s->totals, &key, &data, 0), "mdb_put");
    must(mdb_txn_commit(s->txn), "mdb_txn_commit");
    s->txn = NULL;
}

static uint8_t *room_for(lmdb_spool *s, size_t len)
{
    if (len > s->room) {
        free(s->row);
        s->row = bench_alloc((len + 63) / 64 * 64);
        s->room = len;
    }
    return s->row;
}

static void add(void *spool, e2e_spool_item *item)
{
    lmdb_spool *s = spool;
    size_t topic_len = strlen(item->topic) + 1;
    message_head head = {.len = item->len, .qos = item->qos, .kind = (int)item->kind};
    uint8_t *row = room_for(s, sizeof head + item->len + topic_len);
    MDB_val key = val(&item->seq, sizeof item->seq), data = val(row, sizeof head + item->len + topic_len);

    begin(s, true);
    item->seq = ++s->now.last;
    head.check = e2e_spool_check_message(item);
    memcpy(row, &head, sizeof head);
    memcpy(row + sizeof head, item->payload, item->len);
    memcpy(row + sizeof head + item->len, item->topic, topic_len);
    must(mdb_put(s->txn, s->message, &key, &data, MDB_APPEND), "mdb_put");
    s->now.messages++;
    s->now.bytes += item->len;
}

static void sealed(void *spool, const e2e_spool_item *item)
{
    lmdb_spool *s = spool;
    sealed_head head = {e2e_spool_check_sealed(item), item->first, item->first_ms, item->packet_ms};
    uint8_t *row = room_for(s, sizeof head + item->packet_len);
    uint64_t seq = item->seq;
    MDB_val key = val(&seq, sizeof seq), data = val(row, sizeof head + item->packet_len), old;

    begin(s, true);
    must(mdb_get(s->txn, s->message, &key, &old), "mdb_get");
    memcpy(row, &head, sizeof head);
    memcpy(row + sizeof head, item->packet, item->packet_len);
    must(mdb_put(s->txn, s->sealed, &key, &data, 0), "mdb_put");
}

static void done(void *spool, uint64_t seq)
{
    lmdb_spool *s = spool;
    MDB_val key = val(&seq, sizeof seq), data;
    int code;

    begin(s, false);
    must(mdb_get(s->txn, s->message, &key, &data), "mdb_get");
    s->now.messages--;
    s->now.bytes -= ((const message_head *)data.mv_data)->len;
    must(mdb_del(s->txn, s->message, &key, NULL), "mdb_del");
    code = mdb_del(s->txn, s->sealed, &key, NULL);
    must(code == MDB_NOTFOUND ? 0 : code, "mdb_del");
}

static bool sound(const e2e_spool_item *item, const message_head *head)
{
    return head->check == e2e_spool_check_message(item);
}

static void examine(lmdb_spool *s, uint64_t *messages)
{
    MDB_cursor *cursor;
    MDB_val key, data;
    int code;

    must(mdb_cursor_open(s->txn, s->message, &cursor), "mdb_cursor_open");
    for (*messages = 0; (code = mdb_cursor_get(cursor, &key, &data, MDB_NEXT)) == 0; ++*messages) {
        const message_head *head = data.mv_data;
        e2e_spool_item item = {.qos = head->qos, .kind = (mqtt_e2e_kind)head->kind, .len = head->len};
        MDB_val packet;

        memcpy(&item.seq, key.mv_data, sizeof item.seq);
        item.payload = head + 1;
        item.topic = (const char *)(head + 1) + item.len;
        bench_check(sound(&item, head), "a message's check");
        if (mdb_get(s->txn, s->sealed, &key, &packet) == 0) {
            sealed_head seal;

            memcpy(&seal, packet.mv_data, sizeof seal);
            item.first = seal.first;
            item.first_ms = seal.first_ms;
            item.packet_ms = seal.packet_ms;
            item.packet = (const uint8_t *)packet.mv_data + sizeof seal;
            item.packet_len = packet.mv_size - sizeof seal;
            bench_check(seal.check == e2e_spool_check_sealed(&item), "a packet's check");
        }
    }
    must(code == MDB_NOTFOUND ? 0 : code, "mdb_cursor_get");
    mdb_cursor_close(cursor);
}

static void *open_it(const char *dir, uint64_t *messages)
{
    lmdb_spool *s = calloc(1, sizeof *s);
    uint64_t one = 1;
    MDB_val key = val(&one, sizeof one), data;

    bench_check(s != NULL, "calloc");
    must(mdb_env_create(&s->env), "mdb_env_create");
    must(mdb_env_set_maxdbs(s->env, 3), "mdb_env_set_maxdbs");
    must(mdb_env_set_mapsize(s->env, MAP_SIZE), "mdb_env_set_mapsize");
    must(mdb_env_open(s->env, dir, 0, 0600), "mdb_env_open");
    begin(s, true);
    must(mdb_dbi_open(s->txn, "message", MDB_CREATE | MDB_INTEGERKEY, &s->message), "mdb_dbi_open");
    must(mdb_dbi_open(s->txn, "sealed", MDB_CREATE | MDB_INTEGERKEY, &s->sealed), "mdb_dbi_open");
    must(mdb_dbi_open(s->txn, "totals", MDB_CREATE | MDB_INTEGERKEY, &s->totals), "mdb_dbi_open");
    if (mdb_get(s->txn, s->totals, &key, &data) == 0) {
        uint64_t row[4];

        memcpy(row, data.mv_data, sizeof row);
        s->now = (e2e_spool_totals){.messages = row[0], .bytes = row[1], .last = row[2]};
    }
    examine(s, messages);
    bench_check(*messages == s->now.messages, "counting");
    commit(s);
    return s;
}

static void close_it(void *spool)
{
    lmdb_spool *s = spool;

    commit(s);
    mdb_env_close(s->env);
    free(s->row);
    free(s);
}

const spool_engine spool_lmdb = {"LMDB", "data.mdb", open_it, add, sealed, done, commit, close_it};
