/* SPDX-License-Identifier: MIT */
/*
 * The sender's spool. What must not be lost is on the disk before anything is done that relies on it: a message before its
 * ticket counts, its packet before a broker gets it. So a commit of these flushes, and one flush serves many. What is
 * acknowledged is taken out without a flush of its own: at worst it goes out again, and receivers refuse it.
 *
 * SQLite with a write-ahead log, which one process holds (locking_mode=EXCLUSIVE: so there is no file of shared memory). Three tables,
 * of which two, since sealing a message should not write its payload once more:
 *
 *   message  number, topic, payload, QoS, kind
 *   sealed   number; id and time of its first packet; the packet as it went out last, and its time
 *   totals   one row: counts, and the number given out last: no row may be missing unseen
 *
 * Each row has a check of its own, as SQLite has none for what is in it. Plaintext lies in the file, which only its owner
 * can read; what is deleted is overwritten with zeros (secure_delete), in the log at the latest when it is closed.
 * SQLite's own memory, some 2 MB of pages, is not wiped: that could be had for the whole process only.
 */
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "spool_file.h"

/* ---- Messages --------------------------------------------------------------------------------------- */

bool e2e_spool_has_room(const e2e_spool *spool, size_t len, mqtt_e2e_error *error)
{
    const e2e_spool_totals *t = &spool->now;

    if (t->messages >= spool->max_messages)
        return e2e_error_set(error, "wait until some are published, or allow more",
                             "the spool '%.120s' is full: %llu messages wait to be published", spool->path,
                             (unsigned long long)t->messages);
    if (len > spool->max_bytes || t->bytes > spool->max_bytes - len)
        return e2e_error_set(
            error, "wait until some are published, or allow more",
            "the spool '%.100s' is full: %llu bytes wait to be published, %zu more were to be"
            " added, and %llu are allowed",
            spool->path, (unsigned long long)t->bytes, len, (unsigned long long)spool->max_bytes);
    return true;
}

bool e2e_spool_add(e2e_spool *spool, e2e_spool_item *item, mqtt_e2e_error *error)
{
    sqlite3_stmt *s = spool->statements[E2E_SPOOL_INSERT];
    int code;

    if ((item->kind != MQTT_E2E_MESSAGE && item->kind != MQTT_E2E_LASTING) || item->qos < 0 || item->qos > 2)
        return e2e_error_set(error, "", "no message of kind %d and QoS %d can be kept in a spool", item->kind,
                             item->qos);
    if (!e2e_spool_has_room(spool, item->len, error) || !e2e_spool_begin(spool, true, error))
        return false;
    item->seq = spool->now.last + 1;
    sqlite3_bind_int64(s, 1, (sqlite3_int64)item->seq);
    code = sqlite3_bind_text(s, 2, item->topic, -1, SQLITE_STATIC);
    if (code == SQLITE_OK) /* NULL would be no blob at all */
        code = sqlite3_bind_blob64(s, 3, item->len > 0 ? item->payload : "", item->len, SQLITE_STATIC);
    sqlite3_bind_int(s, 4, item->qos);
    sqlite3_bind_int(s, 5, (int)item->kind);
    sqlite3_bind_int64(s, 6, (sqlite3_int64)e2e_spool_check_message(item));
    if (code == SQLITE_OK)
        code = e2e_spool_run(s);
    if (code != SQLITE_OK) {
        sqlite3_clear_bindings(s);
        return e2e_spool_broke(spool, code, error);
    }
    spool->now.last++;
    spool->now.messages++;
    spool->now.bytes += item->len;
    return true;
}

static int upsert(e2e_spool *spool, const e2e_spool_item *item)
{
    sqlite3_stmt *s = spool->statements[E2E_SPOOL_SEAL];
    int code = sqlite3_bind_blob64(s, 5, item->packet, item->packet_len, SQLITE_STATIC);

    sqlite3_bind_int64(s, 1, (sqlite3_int64)item->seq);
    sqlite3_bind_blob(s, 2, item->first.stream, sizeof item->first.stream, SQLITE_STATIC);
    sqlite3_bind_int64(s, 3, item->first.counter);
    sqlite3_bind_int64(s, 4, item->first_ms);
    sqlite3_bind_int64(s, 6, item->packet_ms);
    sqlite3_bind_int64(s, 7, (sqlite3_int64)e2e_spool_check_sealed(item));
    return code == SQLITE_OK ? e2e_spool_run(s) : code;
}

/* A number that is not there is the caller's mistake, and undoes nothing. */
bool e2e_spool_sealed(e2e_spool *spool, const e2e_spool_item *item, mqtt_e2e_error *error)
{
    uint64_t about[2] = {0, 0}; /* length, and whether it was sealed before */
    int code;

    if (item->packet_len == 0)
        return e2e_error_set(error, "", "message %llu was sealed to nothing", (unsigned long long)item->seq);
    if (!e2e_spool_begin(spool, true, error))
        return false;
    code = e2e_spool_ask(spool->statements[E2E_SPOOL_LOOK], item->seq, about);
    if (code == SQLITE_NOTFOUND)
        return e2e_error_set(error, "", "no message %llu is in the spool '%.160s'",
                             (unsigned long long)item->seq, spool->path);
    if (code == SQLITE_OK)
        code = upsert(spool, item);
    if (code != SQLITE_OK)
        return e2e_spool_broke(spool, code, error);
    if (sqlite3_changes(spool->db) == 0)
        return e2e_error_set(error, "",
                             "message %llu of the spool '%.160s' was first sealed as another packet",
                             (unsigned long long)item->seq, spool->path);
    if (!about[1]) {
        spool->now.sealed_messages++;
        spool->now.sealed_bytes += about[0];
    }
    return true;
}

/* Without memory it is not done again, but after the next start, by who sends it once more. */
static void remember(e2e_spool *spool, uint64_t seq)
{
    if (spool->done_count == spool->done_room) {
        size_t room = spool->done_room > 0 ? spool->done_room * 2 : 64;
        uint64_t *more = realloc(spool->done, room * sizeof *more);

        if (more == NULL)
            return;
        spool->done = more;
        spool->done_room = room;
    }
    spool->done[spool->done_count++] = seq;
}

static bool is_done(const e2e_spool *spool, uint64_t seq)
{
    for (size_t i = 0; i < spool->done_count && spool->done_again; i++)
        if (spool->done[i] == seq)
            return true;
    return false;
}

void e2e_spool_done(e2e_spool *spool, uint64_t seq)
{
    int code;

    if (!e2e_spool_mine(spool, NULL) || is_done(spool, seq) || !e2e_spool_count_out(spool, seq))
        return;
    if (e2e_spool_begin(spool, false, NULL)) {
        code = e2e_spool_take_out(spool, seq);
        remember(spool, seq);
        spool->gone++;
        if (code != SQLITE_OK)
            e2e_spool_broke(spool, code, NULL);
    } else {
        remember(spool, seq);
        spool->done_again = true;
    }
}

bool e2e_spool_evict(e2e_spool *spool, size_t len, uint64_t *seq, mqtt_e2e_error *error)
{
    e2e_spool_totals *t = &spool->now;
    uint64_t oldest[2] = {0, 0};
    int code;

    /* What was sealed may have arrived, and stays. */
    if (t->messages == t->sealed_messages || t->sealed_messages >= spool->max_messages ||
        len > spool->max_bytes || t->sealed_bytes > spool->max_bytes - len)
        return e2e_error_set(error, "wait until some are published, or allow more",
                             "the spool '%.100s' is full: %llu messages of %llu bytes are under way, and"
                             " %zu bytes more are too many",
                             spool->path, (unsigned long long)t->sealed_messages,
                             (unsigned long long)t->sealed_bytes, len);
    if (!e2e_spool_begin(spool, true, error)) /* a message that was given up must not come back later */
        return false;
    code = e2e_spool_ask(spool->statements[E2E_SPOOL_OLDEST], spool->unsealed_from, oldest);
    if (code == SQLITE_OK && e2e_spool_count_out(spool, oldest[0]))
        code = e2e_spool_take_out(spool, oldest[0]);
    remember(spool,
             oldest[0]); /* its sender is told: it stays out, whatever becomes of what it made room for */
    if (code != SQLITE_OK)
        return e2e_spool_broke(spool, code, error);
    spool->gone++;
    *seq = spool->unsealed_from = oldest[0];
    return true;
}

bool e2e_spool_each(e2e_spool *spool, uint64_t seq, size_t count, size_t bytes, e2e_spool_on_item callback,
                    void *context, mqtt_e2e_error *error)
{
    sqlite3_stmt *s = spool->statements[E2E_SPOOL_AFTER];
    bool more = true, damaged = false;
    size_t sum = 0;
    int code = SQLITE_DONE;

    if (!e2e_spool_mine(spool, error))
        return false;
    sqlite3_bind_int64(s, 1, (sqlite3_int64)seq);
    while (more && count > 0 && (sum == 0 || sum < bytes) && (code = sqlite3_step(s)) == SQLITE_ROW) {
        e2e_spool_item item;

        damaged = !e2e_spool_read(s, &item);
        if (damaged)
            break;
        if (is_done(spool, item.seq))
            continue;
        count--;
        sum += item.len + item.packet_len + 1;
        more = callback(&item, context);
    }
    sqlite3_reset(s);
    if (damaged)
        return e2e_spool_damaged(spool->path, error);
    return code == SQLITE_ROW || code == SQLITE_DONE || e2e_spool_error(spool->path, spool->db, code, error);
}
