/* SPDX-License-Identifier: MIT */
/* What is in a spool: whether it is one, and whole; its rows; and SQLite's errors in our words. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "spool_file.h"

const char *const e2e_spool_tables[E2E_SPOOL_TABLES] = {
    "CREATE TABLE message (seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL,"
    " qos INTEGER NOT NULL, kind INTEGER NOT NULL, fnv INTEGER NOT NULL)",
    "CREATE TABLE sealed (seq INTEGER PRIMARY KEY, stream BLOB NOT NULL, counter INTEGER NOT NULL,"
    " first_ms INTEGER NOT NULL, packet BLOB NOT NULL, packet_ms INTEGER NOT NULL, fnv INTEGER NOT NULL)",
    "CREATE TABLE totals (one INTEGER PRIMARY KEY, messages INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " sealed INTEGER NOT NULL, last INTEGER NOT NULL, fnv INTEGER NOT NULL)",
};

/* ---- Errors ----------------------------------------------------------------------------------------- */

bool e2e_spool_damaged(const char *path, mqtt_e2e_error *error)
{
    return e2e_error_set(error, "move it away to begin afresh; the messages in it are not sent then",
                         "the spool '%.160s' is damaged", path);
}

bool e2e_spool_error(const char *path, sqlite3 *db, int code, mqtt_e2e_error *error)
{
    int left = errno, number = db != NULL ? sqlite3_system_errno(db) : 0;

    if (number == 0 && (code & 0xff) == SQLITE_IOERR) /* of a failed COMMIT it is kept by nobody else */
        number = left;

    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return e2e_error_set(error, "two at once would each send what the other did; give each a folder",
                             "another process uses the spool '%.160s'", path);
    case SQLITE_FULL:
        return e2e_error_set(error, "make room there", "no space is left for the spool '%.160s'", path);
    case SQLITE_CORRUPT:
    case SQLITE_ERROR: /* a schema that is no such */
        return e2e_spool_damaged(path, error);
    case SQLITE_NOTADB:
        return e2e_error_set(error, "move it away, or name another folder",
                             "'%.160s' is no spool, or is damaged", path);
    case SQLITE_READONLY:
        return e2e_error_set(
            error, "let this user write there; where that is so, it is damaged: move it away to begin afresh",
            "cannot write the spool '%.160s': it is read-only", path);
    default:
        return e2e_error_set(error, "", "cannot use the spool '%.160s': %s", path,
                             number != 0 ? strerror(number) : sqlite3_errstr(code));
    }
}

/* ---- Checks, and reading ---------------------------------------------------------------------------- */

/* Against damage, not against people: FNV-1a. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t mix_numbers(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t numbers[3] = {a, b, c};

    return mix(UINT64_C(0xcbf29ce484222325), numbers, sizeof numbers);
}

uint64_t e2e_spool_check_message(const e2e_spool_item *item)
{
    uint64_t hash = mix_numbers(item->seq, (uint64_t)item->qos << 8 | (uint64_t)item->kind, item->len);

    return mix(mix(hash, item->topic, strlen(item->topic) + 1), item->payload, item->len);
}

uint64_t e2e_spool_check_sealed(const e2e_spool_item *item)
{
    uint64_t hash = mix_numbers(item->seq, (uint64_t)item->first_ms, (uint64_t)item->packet_ms);

    hash = mix(hash, item->first.stream, sizeof item->first.stream);
    hash = mix(hash, &item->first.counter, sizeof item->first.counter);
    return mix(hash, item->packet, item->packet_len);
}

uint64_t e2e_spool_check_totals(const e2e_spool_totals *totals)
{
    uint64_t hash = mix_numbers(totals->messages, totals->bytes, totals->last);

    return mix(hash, &totals->sealed_messages, sizeof totals->sealed_messages);
}

static bool read_sealed(sqlite3_stmt *s, e2e_spool_item *item)
{
    const void *stream = sqlite3_column_blob(s, 6);

    if (stream == NULL || sqlite3_column_bytes(s, 6) != sizeof item->first.stream)
        return false;
    memcpy(item->first.stream, stream, sizeof item->first.stream);
    item->first.counter = (uint32_t)sqlite3_column_int64(s, 7);
    item->first_ms = sqlite3_column_int64(s, 8);
    item->packet = sqlite3_column_blob(s, 9);
    item->packet_len = (size_t)sqlite3_column_bytes(s, 9);
    item->packet_ms = sqlite3_column_int64(s, 10);
    item->sealed = true;
    return item->packet != NULL && (uint64_t)sqlite3_column_int64(s, 11) == e2e_spool_check_sealed(item);
}

bool e2e_spool_read(sqlite3_stmt *s, e2e_spool_item *item)
{
    memset(item, 0, sizeof *item);
    item->seq = (uint64_t)sqlite3_column_int64(s, 0);
    item->topic = (const char *)sqlite3_column_text(s, 1);
    item->payload = sqlite3_column_blob(s, 2);
    item->len = (size_t)sqlite3_column_bytes(s, 2);
    item->qos = sqlite3_column_int(s, 3);
    item->kind = (mqtt_e2e_kind)sqlite3_column_int(s, 4);
    return item->topic != NULL && (item->payload != NULL || item->len == 0) &&
           (item->kind == MQTT_E2E_MESSAGE || item->kind == MQTT_E2E_LASTING) && item->qos >= 0 &&
           item->qos <= 2 && (uint64_t)sqlite3_column_int64(s, 5) == e2e_spool_check_message(item) &&
           (sqlite3_column_type(s, 6) == SQLITE_NULL || read_sealed(s, item));
}

/* ---- Looking through it ------------------------------------------------------------------------------ */

/* Whether a query's first row starts with this text, and there is no second. */
static bool answers(e2e_spool *spool, const char *query, const char *expected, int *code)
{
    sqlite3_stmt *s = NULL;
    const unsigned char *text;
    bool same = false;

    *code = sqlite3_prepare_v2(spool->db, query, -1, &s, NULL);
    if (*code == SQLITE_OK)
        *code = sqlite3_step(s);
    if (*code == SQLITE_ROW) {
        text = sqlite3_column_text(s, 0);
        same = text != NULL && strcmp((const char *)text, expected) == 0;
        *code = sqlite3_step(s);
    }
    same = same && *code == SQLITE_DONE;
    if (*code == SQLITE_DONE)
        *code = SQLITE_OK;
    sqlite3_finalize(s);
    return same;
}

/* It is not as it should be; or a disk that can't be read keeps us from knowing. */
static bool not_so(e2e_spool *spool, int code, mqtt_e2e_error *error)
{
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
        return e2e_spool_damaged(spool->path, error);
    return e2e_spool_error(spool->path, spool->db, code, error);
}

static bool ours(e2e_spool *spool, mqtt_e2e_error *error)
{
    char text[16];
    int code;

    snprintf(text, sizeof text, "%d", E2E_SPOOL_APPLICATION);
    if (!answers(spool, "PRAGMA application_id", text, &code))
        return e2e_spool_error(spool->path, spool->db, code != SQLITE_OK ? code : SQLITE_NOTADB, error);
    snprintf(text, sizeof text, "%d", E2E_SPOOL_VERSION);
    if (!answers(spool, "PRAGMA user_version", text, &code))
        return e2e_error_set(error, "let the version of mqtt-e2e that made it send what it holds",
                             "the spool '%.160s' is of a version that is not known here", spool->path);
    return true;
}

static bool sound(e2e_spool *spool, mqtt_e2e_error *error)
{
    char expected[E2E_SPOOL_TABLES * 300] = "";
    int code;

    for (size_t i = 0; i < E2E_SPOOL_TABLES; i++)
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s;", e2e_spool_tables[i]);
    if (answers(spool,
                "SELECT group_concat(sql, '') FROM (SELECT sql || ';' AS sql FROM sqlite_schema"
                " ORDER BY name)",
                expected, &code) &&
        answers(spool, "PRAGMA quick_check(1)", "ok", &code))
        return true;
    return not_so(spool, code, error);
}

static bool read_totals(e2e_spool *spool, e2e_spool_totals *totals, int *code)
{
    sqlite3_stmt *s = NULL;
    bool fine = false;

    *code = sqlite3_prepare_v2(
        spool->db, "SELECT messages, bytes, sealed, last, fnv FROM totals WHERE one = 1", -1, &s, NULL);
    if (*code == SQLITE_OK && (*code = sqlite3_step(s)) == SQLITE_ROW) {
        totals->messages = (uint64_t)sqlite3_column_int64(s, 0);
        totals->bytes = (uint64_t)sqlite3_column_int64(s, 1);
        totals->sealed_messages = (uint64_t)sqlite3_column_int64(s, 2);
        totals->last = (uint64_t)sqlite3_column_int64(s, 3);
        fine = (uint64_t)sqlite3_column_int64(s, 4) == e2e_spool_check_totals(totals);
    }
    sqlite3_finalize(s);
    return fine;
}

/* Reads all there is, and counts it: none may be missing, and no byte another. */
static bool count(e2e_spool *spool, mqtt_e2e_error *error)
{
    sqlite3_stmt *s = NULL;
    e2e_spool_totals stored = {0}, *t = &spool->now;
    e2e_spool_item item = {0};
    bool fine = false;
    int code;

    if (read_totals(spool, &stored, &code))
        code = sqlite3_prepare_v2(spool->db, E2E_SPOOL_ITEM "ORDER BY m.seq", -1, &s, NULL);
    while (s != NULL && (code = sqlite3_step(s)) == SQLITE_ROW && e2e_spool_read(s, &item)) {
        t->messages++;
        t->bytes += item.len;
        t->sealed_messages += item.sealed ? 1 : 0;
        t->sealed_bytes += item.sealed ? item.len : 0;
    }
    t->last = stored.last;
    fine = s != NULL && code == SQLITE_DONE && t->messages == stored.messages && t->bytes == stored.bytes &&
           t->sealed_messages == stored.sealed_messages && item.seq <= t->last;
    sqlite3_finalize(s);
    spool->committed = spool->now;
    if (fine)
        return true;
    return not_so(spool, code, error);
}

bool e2e_spool_examine(e2e_spool *spool, mqtt_e2e_error *error)
{
    return ours(spool, error) && sound(spool, error) && count(spool, error);
}
