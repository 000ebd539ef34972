/* SPDX-License-Identifier: MIT */
/*
 * The spool's transactions: what was added and sealed since the last commit goes to the disk together, or not at all. What is done
 * needs no flush, and must not be forgotten for want of room: it is tried again.
 */
#include <errno.h>
#include <stdlib.h>

#include "parts.h"
#include "spool_file.h"

/* ---- Statements ------------------------------------------------------------------------------------ */

int e2e_spool_run(sqlite3_stmt *statement)
{
    int code;

    errno = 0; /* what is there afterwards is of this statement */
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        ;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int run_with(sqlite3_stmt *statement, uint64_t number)
{
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)number);
    return e2e_spool_run(statement);
}

int e2e_spool_ask(sqlite3_stmt *statement, uint64_t number, uint64_t answers[2])
{
    int code;

    sqlite3_bind_int64(statement, 1, (sqlite3_int64)number);
    code = sqlite3_step(statement);
    for (int i = 0; i < 2 && code == SQLITE_ROW; i++)
        answers[i] = (uint64_t)sqlite3_column_int64(statement, i);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return code == SQLITE_ROW ? SQLITE_OK : code == SQLITE_DONE ? SQLITE_NOTFOUND : code;
}

/* ---- Transactions ---------------------------------------------------------------------------------- */

bool e2e_spool_mine(const e2e_spool *spool, mqtt_e2e_error *error)
{
    return spool->generation == e2e_fork_generation() ||
           e2e_error_set(error, "a child needs a spool of its own",
                         "the spool '%.160s' is used by the process that this one was forked from",
                         spool->path);
}

bool e2e_spool_count_out(e2e_spool *spool, uint64_t seq)
{
    uint64_t about[2] = {0, 0}; /* length, and whether it was sealed */

    if (e2e_spool_ask(spool->statements[E2E_SPOOL_LOOK], seq, about) != SQLITE_OK)
        return false;
    spool->now.messages--;
    spool->now.bytes -= about[0];
    spool->now.sealed_messages -= about[1] ? 1 : 0;
    spool->now.sealed_bytes -= about[1] ? about[0] : 0;
    return true;
}

int e2e_spool_take_out(e2e_spool *spool, uint64_t seq)
{
    int code = run_with(spool->statements[E2E_SPOOL_DELETE], seq);

    return code == SQLITE_OK ? run_with(spool->statements[E2E_SPOOL_DELETE_SEALED], seq) : code;
}

static void undo(e2e_spool *spool)
{
    uint64_t last;

    if (!sqlite3_get_autocommit(spool->db)) /* some errors have undone it already */
        e2e_spool_run(spool->statements[E2E_SPOOL_UNDO]);
    last = spool->now.last; /* a number that was given out is not given to another message */
    spool->phase = E2E_SPOOL_IDLE;
    spool->now = spool->committed;
    spool->now.last = last;
    spool->unsealed_from = 0;
    spool->done_again = spool->done_count > 0;
    for (size_t i = 0; i < spool->done_count; i++)
        e2e_spool_count_out(spool, spool->done[i]);
}

bool e2e_spool_broke(e2e_spool *spool, int code, mqtt_e2e_error *error)
{
    e2e_spool_error(spool->path, spool->db, code, &spool->why);
    undo(spool);
    /* On a full disk there may be room in the log for what is to be taken out, once the database has what the log holds. */
    sqlite3_wal_checkpoint_v2(spool->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    spool->broken = true;
    if (error != NULL)
        *error = spool->why;
    return false;
}

static int end(e2e_spool *spool)
{
    sqlite3_stmt *s = spool->statements[E2E_SPOOL_TOTALS];
    int code;

    sqlite3_bind_int64(s, 1, (sqlite3_int64)spool->now.messages);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)spool->now.bytes);
    sqlite3_bind_int64(s, 3, (sqlite3_int64)spool->now.sealed_messages);
    sqlite3_bind_int64(s, 4, (sqlite3_int64)spool->now.last);
    sqlite3_bind_int64(s, 5, (sqlite3_int64)e2e_spool_check_totals(&spool->now));
    code = e2e_spool_run(s);
    if (code == SQLITE_OK)
        code = e2e_spool_run(spool->statements[E2E_SPOOL_END]);
    if (code != SQLITE_OK)
        return code;
    spool->committed = spool->now;
    spool->phase = E2E_SPOOL_IDLE;
    spool->done_count = 0;
    return SQLITE_OK;
}

/* How far a commit goes is set before its transaction begins. So what must be flushed does not join one that needs not. */
bool e2e_spool_begin(e2e_spool *spool, bool durable, mqtt_e2e_error *error)
{
    int code = SQLITE_OK;

    if (!e2e_spool_mine(spool, error))
        return false;
    if (spool->broken) {
        if (error != NULL)
            *error = spool->why;
        return false;
    }
    if (spool->phase == E2E_SPOOL_DURABLE || (spool->phase == E2E_SPOOL_LAZY && !durable))
        return true;
    if (spool->phase == E2E_SPOOL_LAZY)
        code = end(spool);
    if (code == SQLITE_OK)
        code = sqlite3_exec(spool->db, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL",
                            NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = e2e_spool_run(spool->statements[E2E_SPOOL_BEGIN]);
    for (size_t i = 0; i < spool->done_count && spool->done_again && code == SQLITE_OK; i++)
        code = e2e_spool_take_out(spool, spool->done[i]);
    if (code != SQLITE_OK)
        return e2e_spool_broke(spool, code, error);
    spool->done_again = false;
    spool->phase = durable ? E2E_SPOOL_DURABLE : E2E_SPOOL_LAZY;
    return true;
}

/* ---- Giving room back ------------------------------------------------------------------------------- */

#define LOOK_EVERY 1000 /* messages that went */
#define KEEP_PAGES 1024 /* 4 MiB: not worth it */

static int64_t pragma(e2e_spool *spool, const char *text)
{
    sqlite3_stmt *s = NULL;
    int64_t answer = 0;

    if (sqlite3_prepare_v2(spool->db, text, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        answer = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return answer;
}

/* After an outage the file is mostly free pages. They are given back in steps, so that no commit takes long. What fails
 * here fails again, and is said, when something is to be kept. */
static void shrink(e2e_spool *spool, unsigned look_every, int64_t keep)
{
    int64_t unused;

    if (spool->gone < look_every)
        return;
    unused = pragma(spool, "PRAGMA freelist_count");
    if (unused > keep && unused > pragma(spool, "PRAGMA page_count") / 2 &&
        sqlite3_exec(spool->db, "PRAGMA incremental_vacuum(500)", NULL, NULL, NULL) == SQLITE_OK) {
        spool->shrinking = true;
        return;
    }
    if (spool->shrinking) /* only now the file becomes shorter */
        sqlite3_wal_checkpoint_v2(spool->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    spool->shrinking = false;
    spool->gone = 0;
}

bool e2e_spool_commit(e2e_spool *spool, mqtt_e2e_error *error)
{
    int code;

    if (!e2e_spool_mine(spool, error))
        return false;
    if (spool->phase != E2E_SPOOL_IDLE || (spool->done_again && e2e_spool_begin(spool, false, error))) {
        code = end(spool);
        if (code != SQLITE_OK)
            e2e_spool_broke(spool, code, error);
    }
    if (spool->broken) {
        spool->broken = false;
        if (error != NULL)
            *error = spool->why;
        return false;
    }
    shrink(spool, LOOK_EVERY, KEEP_PAGES);
    return true;
}

/* ---- The end ---------------------------------------------------------------------------------------- */

bool e2e_spool_close(e2e_spool *spool, mqtt_e2e_error *error)
{
    bool fine = spool->db == NULL || e2e_spool_commit(spool, error);

    if (spool->db != NULL && e2e_spool_mine(spool, NULL)) {
        do
            shrink(spool, 0, spool->now.messages > 0 ? KEEP_PAGES : 0);
        while (fine && spool->now.messages == 0 && spool->shrinking);
        for (int i = 0; i < E2E_SPOOL_STATEMENTS; i++)
            sqlite3_finalize(spool->statements[i]);
        sqlite3_close(spool->db); /* what was not committed is undone; the log goes into the database */
        spool->db = NULL;
    }
    e2e_spool_drop(spool);
    return fine;
}
