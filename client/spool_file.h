/* SPDX-License-Identifier: MIT */
#ifndef E2E_CLIENT_SPOOL_FILE_H
#define E2E_CLIENT_SPOOL_FILE_H
/* The spool's database, for who opens it (spool_open.c) and who uses it (spool.c). */
#include <sqlite3.h>

#include "spool.h"

#define E2E_SPOOL_APPLICATION 0x65326573 /* "e2es" */
#define E2E_SPOOL_VERSION     1

/* The columns of all statements that read items. */
#define E2E_SPOOL_ITEM                                                                                       \
    "SELECT m.seq, m.topic, m.payload, m.qos, m.kind, m.fnv,"                                                \
    " s.stream, s.counter, s.first_ms, s.packet, s.packet_ms, s.fnv"                                         \
    " FROM message m LEFT JOIN sealed s ON s.seq = m.seq "

typedef enum {
    E2E_SPOOL_BEGIN,
    E2E_SPOOL_END,
    E2E_SPOOL_UNDO,
    E2E_SPOOL_INSERT,
    E2E_SPOOL_LOOK,
    E2E_SPOOL_SEAL,
    E2E_SPOOL_DELETE,
    E2E_SPOOL_DELETE_SEALED,
    E2E_SPOOL_OLDEST,
    E2E_SPOOL_AFTER,
    E2E_SPOOL_TOTALS,
    E2E_SPOOL_STATEMENTS
} e2e_spool_statement;

_Static_assert(E2E_SPOOL_STATEMENTS <= sizeof((e2e_spool){0}.statements) / sizeof(sqlite3_stmt *),
               "room for statements");

#define E2E_SPOOL_TABLES 3
extern const char *const e2e_spool_tables[E2E_SPOOL_TABLES]; /* in the order of their names */

/* Whether an open database is a spool, of a version that is known, and whole; counts what is in it. */
bool e2e_spool_examine(e2e_spool *spool, mqtt_e2e_error *error);

/* Checks against damage that SQLite can't see: a changed byte of a payload is as good as any. */
uint64_t e2e_spool_check_message(const e2e_spool_item *item);
uint64_t e2e_spool_check_sealed(const e2e_spool_item *item);
uint64_t e2e_spool_check_totals(const e2e_spool_totals *totals);

/* The row on which a statement with the columns of E2E_SPOOL_ITEM stands. False: it is damaged. */
bool e2e_spool_read(sqlite3_stmt *statement, e2e_spool_item *item);

/* What SQLite's result means, in words. Returns false. */
bool e2e_spool_error(const char *path, sqlite3 *db, int code, mqtt_e2e_error *error);
bool e2e_spool_damaged(const char *path, mqtt_e2e_error *error);

/* ---- Transactions (spool_commit.c) ------------------------------------------------------------------ */

/* False: a fork has left it to this process. */
bool e2e_spool_mine(const e2e_spool *spool, mqtt_e2e_error *error);

/* Runs a statement to its end, and leaves nothing of the caller's bound to it. */
int e2e_spool_run(sqlite3_stmt *statement);

/* The first row of what a statement finds for a number: two more. SQLITE_NOTFOUND: there is none. */
int e2e_spool_ask(sqlite3_stmt *statement, uint64_t number, uint64_t answers[2]);

/* A transaction, unless there is one; with `durable`, one that its commit flushes. */
bool e2e_spool_begin(e2e_spool *spool, bool durable, mqtt_e2e_error *error);

/* All since the last commit is lost; this is said now, and by the next commit. Returns false. */
bool e2e_spool_broke(e2e_spool *spool, int code, mqtt_e2e_error *error);

/* Takes a message out of the totals (false: it is not there), and out of the tables. */
bool e2e_spool_count_out(e2e_spool *spool, uint64_t seq);
int e2e_spool_take_out(e2e_spool *spool, uint64_t seq);

#endif
