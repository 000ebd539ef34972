/* SPDX-License-Identifier: MIT */
#ifndef E2E_CLIENT_SPOOL_H
#define E2E_CLIENT_SPOOL_H
/*
 * The sender's spool: messages that were taken from the user, and that no broker has acknowledged yet, in a database. It outlives a
 * crash, a reboot and a power cut: see spool.c. It knows nothing of a client; one thread uses it.
 *
 *     e2e_spool_open(&spool, "/var/spool/node", 1000000, 1 << 30, &error);
 *     e2e_spool_each(&spool, 0, 1000, 1 << 20, load, NULL, &error);   what is left of before, a window of it
 *     e2e_spool_add(&spool, &item, &error);                           item.seq is its number
 *     e2e_spool_sealed(&spool, &item, &error);
 *     e2e_spool_commit(&spool, &error);                               both are on the disk: now the packet may go out
 *     e2e_spool_done(&spool, item.seq);
 *     e2e_spool_close(&spool, &error);
 *
 * What was added or sealed counts when e2e_spool_commit has returned true. If one of these calls fails, all since the
 * last commit is undone; the next commit returns false too, so that it is enough to look there. The spool can be used
 * on then: once there is room on the disk again, it works again. Refusals for want of room within the bounds
 * undo nothing. With spool->db NULL none is kept: no call but open, close and drop may be made.
 */
#include "error.h"
#include "mqtt_e2e/session.h"

typedef struct {
    uint64_t seq;      /* from 1; grows, and is never used twice */
    const char *topic; /* the logical one, NUL-terminated */
    const void *payload;
    size_t len;
    int qos;
    mqtt_e2e_kind kind; /* a message, or a lasting one */

    /* Once it was sealed */
    bool sealed;
    mqtt_e2e_id first;  /* its first packet, which later ones name, */
    int64_t first_ms;   /* and when that was sealed */
    const void *packet; /* as it went out last, */
    size_t packet_len;
    int64_t packet_ms; /* sealed then */
} e2e_spool_item;

/* What it holds, what was not committed yet included. */
typedef struct {
    uint64_t messages, bytes;               /* of payload */
    uint64_t sealed_messages, sealed_bytes; /* of these */
    uint64_t last;                          /* sequence number given out last */
} e2e_spool_totals;

typedef struct {
    struct sqlite3 *db; /* NULL: none is kept */
    struct sqlite3_stmt *statements[12];
    char *path;
    uint64_t max_messages, max_bytes;
    e2e_spool_totals now, committed;
    uint64_t unsealed_from; /* all before it are sealed, or gone */
    unsigned generation;    /* of the process that may use it */
    uint64_t *done;         /* numbers, since the last commit */
    size_t done_count, done_room;
    bool done_again; /* they were undone, and are to be done again */
    unsigned gone;   /* messages, since it was last looked whether the file can shrink */
    bool shrinking;
    enum { E2E_SPOOL_IDLE, E2E_SPOOL_LAZY, E2E_SPOOL_DURABLE } phase; /* LAZY: nothing that must be flushed */
    bool broken;                                                      /* all since the last commit is lost: */
    mqtt_e2e_error why;
} e2e_spool;

/* Opens the spool in the folder `dir`; makes both if they are not there. One process at a time has it. False: *error says why, and
 * the spool is left as it is: one that is damaged, or of another version, is never begun afresh. */
bool e2e_spool_open(e2e_spool *spool, const char *dir, uint64_t max_messages, uint64_t max_bytes,
                    mqtt_e2e_error *error);

/* Whether there is room for a payload of `len` bytes. */
bool e2e_spool_has_room(const e2e_spool *spool, size_t len, mqtt_e2e_error *error);

/* Makes room: takes out the oldest message that was not sealed yet; *seq is its number. To be repeated until there is room. False:
 * that could not make room for `len` bytes, and nothing was taken out. */
bool e2e_spool_evict(e2e_spool *spool, size_t len, uint64_t *seq, mqtt_e2e_error *error);

/* Takes a message over; sets item->seq. It is sealed later. */
bool e2e_spool_add(e2e_spool *spool, e2e_spool_item *item, mqtt_e2e_error *error);

/* It was sealed, for the first time or anew: item->seq and what comes after item->sealed. To be committed before the packet goes out, or
 * after a power cut the message would be taken for a new one. `first` and `first_ms` can't change. */
bool e2e_spool_sealed(e2e_spool *spool, const e2e_spool_item *item, mqtt_e2e_error *error);

/* It was acknowledged, or given up. Where this can't be written, it is tried again with what comes next, until the spool is closed. Not
 * flushed by the commit where nothing else is: what a power cut takes back goes out once more as the packet it was, or as one that names
 * the first, and is refused. A number that is not there is passed over. */
void e2e_spool_done(e2e_spool *spool, uint64_t seq);

/* Writes all since the last commit, and flushes it to the disk. False: nothing of it is kept. */
bool e2e_spool_commit(e2e_spool *spool, mqtt_e2e_error *error);

/* Calls back for messages after `seq`, in their order, until `count` of them or `bytes` of payload and packets are reached; at least for one, if
 * there is one. The item lives until the callback returns, which must not use the spool; false from it ends this. False: the
 * spool can't be read, or is damaged. */
typedef bool (*e2e_spool_on_item)(const e2e_spool_item *item, void *context);
bool e2e_spool_each(e2e_spool *spool, uint64_t seq, size_t count, size_t bytes, e2e_spool_on_item callback,
                    void *context, mqtt_e2e_error *error);

/* Commits and closes. False: the commit failed; it is closed nevertheless. */
bool e2e_spool_close(e2e_spool *spool, mqtt_e2e_error *error);

/* Lets go of it without touching the file: in the child of a fork, which can't use it. */
void e2e_spool_drop(e2e_spool *spool);

#endif
