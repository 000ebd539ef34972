/* SPDX-License-Identifier: MIT */
/* What a state file held, if it can be trusted to be the newest: see store.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_file.h"

#define SLACK_MS                                                                                             \
    1000 /* between the clock that we read and that of the file system, and a process that had to wait */

/* ---- Reading -------------------------------------------------------------------------------------- */

static bool get(const e2e_store *store, void *out, size_t len, off_t at)
{
    while (len > 0) {
        ssize_t n = pread(store->fd, out, len, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        out = (uint8_t *)out + n;
        len -= (size_t)n;
        at += n;
    }
    return true;
}

/* Counts the records of this epoch: those from the first on, and no other. False: damaged. */
static bool read_journal(e2e_store *store, const e2e_store_record *records, int64_t *written_ms)
{
    bool ended = false;

    store->records = 0;
    for (size_t i = 0; i < E2E_STORE_RECORDS; i++) {
        if (records[i].epoch != store->epoch) {
            ended = true;
            continue;
        }
        if (ended || records[i].check != e2e_store_record_check(&records[i], store->epoch))
            return false;
        store->records++;
        if (records[i].written_ms > *written_ms)
            *written_ms = records[i].written_ms;
    }
    return true;
}

/* Takes over what the header says of the file's layout, or tells why it is not to be believed. */
static const char *take_header(e2e_store *store, const e2e_store_header *h, const struct stat *info)
{
    if (memcmp(h->magic, e2e_store_magic, sizeof e2e_store_magic) != 0)
        return "it is no state of this version";
    if (h->check != e2e_store_check(h, offsetof(e2e_store_header, check)) ||
        h->snapshot_max > E2E_STORE_SNAPSHOT_MAX || h->snapshot_len > h->snapshot_max)
        return "it is damaged";
    store->snapshot_max = (size_t)h->snapshot_max;
    store->snapshot_len = (size_t)h->snapshot_len;
    store->epoch = h->epoch;
    if (info->st_size != e2e_store_file_size(store))
        return "it is damaged";
    if (h->device != store->device || h->inode != store->inode)
        return "it is a copy";
    if (h->closed != 1 && memcmp(h->boot, store->boot, sizeof h->boot) != 0)
        return "it was not closed before the machine went down";
    return NULL;
}

static bool changed_since(const struct stat *info, int64_t written_ms)
{
    return (int64_t)info->st_ctim.tv_sec * 1000 + info->st_ctim.tv_nsec / 1000000 > written_ms + SLACK_MS;
}

static void replay(e2e_store *store, mqtt_e2e_session *session, const e2e_store_record *records)
{
    mqtt_e2e_client_state *news = &store->news;

    for (size_t i = 0; i < store->records; i++) {
        if (records[i].kind == E2E_STORE_ACCEPTED)
            mqtt_e2e_mark(session, &records[i].id, records[i].time);
        news->unhandled = records[i].kind != E2E_STORE_HANDLED;
        news->id = records[i].id;
        news->time = records[i].time;
    }
}

/* Into a session as it was made. NULL: done; or why what is there can't be trusted. */
static const char *load_parts(e2e_store *store, mqtt_e2e_session *session, const struct stat *info,
                              int64_t written_ms, uint8_t *state, e2e_store_record *records, int64_t now_ms)
{
    if (!get(store, state, store->snapshot_len, e2e_store_snapshot_at(store, store->epoch)) ||
        !get(store, records, E2E_STORE_RECORDS * sizeof *records, e2e_store_journal_at(store)) ||
        !read_journal(store, records, &written_ms))
        return "it is damaged";
    if (changed_since(info, written_ms))
        return "it was changed after it was written: perhaps a backup was put back";
    if (mqtt_e2e_load(session, state, store->snapshot_len, now_ms) != MQTT_E2E_OK)
        return "it is damaged, or of another key";
    replay(store, session, records);
    return NULL;
}

const char *e2e_store_load(e2e_store *store, mqtt_e2e_session *session, const struct stat *info,
                           int64_t now_ms)
{
    e2e_store_record *records;
    uint8_t *state;
    const char *why;
    e2e_store_header h;

    if (!get(store, &h, sizeof h, 0))
        return "it is no state of this version";
    why = take_header(store, &h, info);
    if (why != NULL)
        return why;
    records = malloc(E2E_STORE_RECORDS * sizeof *records);
    state = malloc(store->snapshot_len + 1);
    if (records == NULL || state == NULL)
        why = "there is no memory to read it";
    else
        why = load_parts(store, session, info, h.written_ms, state, records, now_ms);
    free(records);
    free(state);
    return why;
}

bool e2e_store_unused(const e2e_store *store)
{
    uint8_t bytes[sizeof(e2e_store_header)];
    size_t i = 0;

    if (!get(store, bytes, sizeof bytes, 0))
        return true;
    while (i < sizeof bytes && bytes[i] == 0)
        i++;
    return i == sizeof bytes;
}
