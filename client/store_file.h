/* SPDX-License-Identifier: MIT */
#ifndef E2E_CLIENT_STORE_FILE_H
#define E2E_CLIENT_STORE_FILE_H
/* How a state file is laid out (store.c says why), for who writes it (store.c) and who reads it (store_load.c). */
#include <stdatomic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "store.h"

#define E2E_STORE_HEADER       4096
#define E2E_STORE_RECORDS      4096
#define E2E_STORE_SNAPSHOT_MAX (1 << 28) /* more than any table takes */

typedef struct {
    char magic[16];
    uint64_t device, inode, epoch, snapshot_max;
    uint64_t snapshot_len;
    uint8_t boot[16];
    int64_t written_ms;
    uint64_t closed; /* 1: nothing is missing */
    uint64_t check;
} e2e_store_header;

typedef struct {
    _Atomic uint64_t epoch; /* written last */
    uint64_t kind;          /* see below */
    mqtt_e2e_id id;
    int64_t time; /* of sealing */
    int64_t written_ms;
    uint64_t check;
} e2e_store_record;

_Static_assert(sizeof(e2e_store_record) == 56 && sizeof(e2e_store_header) <= E2E_STORE_HEADER,
               "the file's layout");

enum {
    E2E_STORE_ACCEPTED,
    E2E_STORE_ACCEPTED_OLD, /* a lasting message that is in no table (§3) */
    E2E_STORE_HANDLED       /* and the handler returned */
};

static const char e2e_store_magic[16] = "mqtt-e2e state1";

/* Against damage, not against people: FNV-1a. */
static inline uint64_t e2e_store_check(const void *bytes, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Of a record as it stands in the journal of `epoch`. */
static inline uint64_t e2e_store_record_check(const e2e_store_record *r, uint64_t epoch)
{
    return e2e_store_check(&r->kind, offsetof(e2e_store_record, check) - offsetof(e2e_store_record, kind)) ^
           epoch;
}

static inline off_t e2e_store_snapshot_at(const e2e_store *store, uint64_t epoch)
{
    return E2E_STORE_HEADER + (off_t)(epoch % 2 * store->snapshot_max);
}

static inline off_t e2e_store_journal_at(const e2e_store *store)
{
    return E2E_STORE_HEADER + (off_t)((2 * store->snapshot_max + 7) / 8 * 8);
}

static inline off_t e2e_store_file_size(const e2e_store *store)
{
    return e2e_store_journal_at(store) + (off_t)(E2E_STORE_RECORDS * sizeof(e2e_store_record));
}

/* Takes over what the file holds, into a session as it was made; store->news gets what was in hand. NULL: done; or why it can't
 * be trusted: the file is to be made anew then. */
const char *e2e_store_load(e2e_store *store, mqtt_e2e_session *session, const struct stat *info,
                           int64_t now_ms);

/* The file was made, but never got its header: nothing was accepted with it. */
bool e2e_store_unused(const e2e_store *store);

#endif
