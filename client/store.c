/* SPDX-License-Identifier: MIT */
/*
 * The replay state in a file (docs/PROTOCOL.md §4, "With stored state"): it outlives kill -9 at any instant, costs a few stores to
 * memory for each message, and is trusted only where it is surely the newest.
 *
 *   header     which file, boot and epoch; whether it was closed; 4,096 bytes
 *   snapshots  two, of what mqtt_e2e_save made; that of epoch e is number e % 2
 *   journal    a record for each message accepted since, and for the one last handled; those of other epochs are old
 *
 * A process that is killed leaves in the page cache all that it wrote, in its order. So a message is handed on when its record
 * is complete, and a snapshot counts when the header with its epoch was written. The journal is mapped, since a system call for
 * each message would cost more than opening it. After a power cut anything may be
 * missing, so such a file is not trusted: it was written in another boot and not closed. Closing flushes first and says so
 * then; opening takes that back, and flushes, before anything is accepted.
 *
 * A copy that is put back is told from the file by device and inode; one that is put back into the same inode by the time of
 * its last change, which is after the time that the last write left in the file, and can't be set back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts.h"
#include "store.h"

#define HEADER_SIZE 4096
#define RECORDS     4096
#define SLACK_MS                                                                                             \
    1000 /* between the clock that we read and that of the file system, and a process that had to wait */

typedef struct {
    char magic[16];
    uint64_t device, inode, epoch, snapshot_max;
    uint64_t snapshot_len;
    uint8_t boot[16];
    int64_t written_ms;
    uint64_t closed; /* 1: nothing is missing */
    uint64_t check;
} header;

typedef struct {
    _Atomic uint64_t epoch; /* written last */
    uint64_t kind;          /* of record */
    mqtt_e2e_id id;
    int64_t time; /* of sealing */
    int64_t written_ms;
    uint64_t check;
} record;

_Static_assert(sizeof(record) == 56 && sizeof(header) <= HEADER_SIZE, "the file's layout");

enum {
    ACCEPTED,
    ACCEPTED_OLD, /* a lasting message that is in no table (§3) */
    HANDLED       /* and the handler returned */
};

static const char magic[16] = "mqtt-e2e state1";

/* Against damage, not against people: FNV-1a. */
static uint64_t check_of(const void *bytes, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static off_t snapshot_at(const e2e_store *store, uint64_t epoch)
{
    return HEADER_SIZE + (off_t)(epoch % 2 * store->snapshot_max);
}

static off_t journal_at(const e2e_store *store)
{
    return HEADER_SIZE + (off_t)((2 * store->snapshot_max + 7) / 8 * 8);
}

static off_t file_size(const e2e_store *store)
{
    return journal_at(store) + (off_t)(RECORDS * sizeof(record));
}

static bool boot_id(uint8_t out[16])
{
    char text[37] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, 36) : -1;

    if (fd >= 0)
        close(fd);
    memset(out, 0, 16);
    for (size_t i = 0, digits = 0; n == 36 && i < 36 && digits < 32; i++) {
        const char *hex = "0123456789abcdef", *digit = strchr(hex, text[i]);

        if (text[i] != '-' && digit != NULL) {
            out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | (digit - hex));
            digits++;
        }
    }
    return n == 36;
}

/* ---- Writing -------------------------------------------------------------------------------------- */

static bool put(const e2e_store *store, const void *bytes, size_t len, off_t at)
{
    while (len > 0) {
        ssize_t n = pwrite(store->fd, bytes, len, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = (const uint8_t *)bytes + n;
        len -= (size_t)n;
        at += n;
    }
    return true;
}

static bool put_header(const e2e_store *store, bool closed)
{
    header h;

    memset(&h, 0, sizeof h); /* no padding that was not written goes into the check */
    memcpy(h.magic, magic, sizeof magic);
    h.device = store->device;
    h.inode = store->inode;
    h.epoch = store->epoch;
    h.snapshot_max = store->snapshot_max;
    h.snapshot_len = store->snapshot_len;
    memcpy(h.boot, store->boot, sizeof h.boot);
    h.written_ms = e2e_clock_utc(0);
    h.closed = closed;
    h.check = check_of(&h, offsetof(header, check));
    return put(store, &h, sizeof h, 0);
}

static bool snapshot(e2e_store *store, mqtt_e2e_session *session)
{
    size_t len = 0;

    if (mqtt_e2e_save(session, store->buffer, store->snapshot_max, &len) != MQTT_E2E_OK ||
        !put(store, store->buffer, len, snapshot_at(store, store->epoch + 1)))
        return false;
    store->epoch++;
    store->snapshot_len = len;
    store->records = 0;
    return put_header(store, false);
}

static void append(e2e_store *store, const mqtt_e2e_id *id, int64_t time, uint64_t kind)
{
    record *r = (record *)store->journal + store->records++;

    /* What stands there is of a former epoch, and would no longer count. */
    r->kind = kind;
    r->id = *id;
    r->time = time;
    r->written_ms = e2e_clock_utc(0);
    r->check = check_of(&r->kind, offsetof(record, check) - offsetof(record, kind)) ^ store->epoch;
    atomic_store_explicit(&r->epoch, store->epoch, memory_order_release);
}

bool e2e_store_snapshot(e2e_store *store, mqtt_e2e_session *session)
{
    return store->fd < 0 || snapshot(store, session);
}

bool e2e_store_accepted(e2e_store *store, mqtt_e2e_session *session, const mqtt_e2e_message *message)
{
    if (store->fd < 0)
        return true;
    /* What lasting messages are remembered by is in the snapshot alone; two places are kept for `settle`. */
    if ((message->kind == MQTT_E2E_LASTING || store->records >= RECORDS - 2) && !snapshot(store, session))
        return false;
    append(store, &message->id, message->time, message->old ? ACCEPTED_OLD : ACCEPTED);
    store->in_hand = message->id;
    store->unsettled = true;
    return true;
}

void e2e_store_settle(e2e_store *store)
{
    if (store->unsettled)
        append(store, &store->in_hand, 0, HANDLED);
    store->unsettled = false;
}

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
static bool read_journal(e2e_store *store, int64_t *written_ms)
{
    const record *records = store->journal;
    bool ended = false;

    store->records = 0;
    for (size_t i = 0; i < RECORDS; i++) {
        if (records[i].epoch != store->epoch) {
            ended = true;
            continue;
        }
        if (ended ||
            records[i].check !=
                (check_of(&records[i].kind, offsetof(record, check) - offsetof(record, kind)) ^ store->epoch))
            return false;
        store->records++;
        if (records[i].written_ms > *written_ms)
            *written_ms = records[i].written_ms;
    }
    return true;
}

/* Why what the header says is not to be believed; NULL: it is. */
static const char *distrust(const e2e_store *store, const header *h)
{
    if (memcmp(h->magic, magic, sizeof magic) != 0)
        return "it is no state of this version";
    if (h->check != check_of(h, offsetof(header, check)) || h->snapshot_max != store->snapshot_max ||
        h->snapshot_len > store->snapshot_max)
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

static void replay(e2e_store *store, mqtt_e2e_session *session)
{
    const record *records = store->journal;
    mqtt_e2e_client_state *news = &store->news;

    for (size_t i = 0; i < store->records; i++) {
        if (records[i].kind == ACCEPTED)
            mqtt_e2e_mark(session, &records[i].id, records[i].time);
        news->unhandled = records[i].kind != HANDLED;
        news->id = records[i].id;
        news->time = records[i].time;
    }
}

/* Loads what is there, and returns NULL; or why it can't be trusted, with the session as it was. */
static const char *load(e2e_store *store, mqtt_e2e_session *session, const struct stat *info, int64_t now_ms)
{
    const char *why;
    int64_t written_ms;
    header h;

    if (!get(store, &h, sizeof h, 0))
        return "it is no state of this version";
    why = distrust(store, &h);
    if (why != NULL)
        return why;
    store->epoch = h.epoch;
    store->snapshot_len = h.snapshot_len;
    written_ms = h.written_ms;
    if (!get(store, store->buffer, store->snapshot_len, snapshot_at(store, store->epoch)) ||
        !read_journal(store, &written_ms))
        return "it is damaged";
    if (changed_since(info, written_ms))
        return "it was changed after it was written: perhaps a backup was put back";
    if (mqtt_e2e_load(session, store->buffer, store->snapshot_len, now_ms) != MQTT_E2E_OK)
        return "it is damaged, or of another key";
    replay(store, session);
    return NULL;
}

/* ---- The beginning and the end --------------------------------------------------------------------- */

static bool fail(e2e_store *store, const char *what, const char *path, mqtt_e2e_error *error)
{
    int code = errno;

    e2e_store_drop(store);
    return e2e_error_set(error, code == EWOULDBLOCK ? "two at once would each accept what the other did" : "",
                         "cannot %s the state file '%.160s': %s", what, path,
                         code == EWOULDBLOCK ? "another process uses it" : strerror(code));
}

/* A file of another size than it should have is not one of ours, or of other tables: it is made anew. */
static bool make_room(e2e_store *store)
{
    int code;

    if (ftruncate(store->fd, 0) != 0)
        return false;
    code = posix_fallocate(store->fd, 0, file_size(store)); /* or a full disk would stop us later */
    errno = code;
    return code == 0;
}

/* The file was made, but never got its header: nothing was accepted with it. */
static bool unused(const e2e_store *store)
{
    uint8_t bytes[sizeof(header)];
    size_t i = 0;

    if (!get(store, bytes, sizeof bytes, 0))
        return true;
    while (i < sizeof bytes && bytes[i] == 0)
        i++;
    return i == sizeof bytes;
}

static bool map_journal(e2e_store *store)
{
    off_t page = sysconf(_SC_PAGESIZE), at = journal_at(store) / page * page;

    store->mapped_len = (size_t)(file_size(store) - at);
    store->mapped = mmap(NULL, store->mapped_len, PROT_READ | PROT_WRITE, MAP_SHARED, store->fd, at);
    if (store->mapped == MAP_FAILED) {
        store->mapped = NULL;
        return false;
    }
    store->journal = (uint8_t *)store->mapped + (journal_at(store) - at);
    return true;
}

static bool start(e2e_store *store, mqtt_e2e_session *session, const struct stat *info, int64_t now_ms)
{
    bool sized = info->st_size == file_size(store), trusted;

    store->news.existed = info->st_size > 0 && !unused(store);
    if (store->news.existed && !sized)
        store->news.why = "it is no state of this version, or of other table sizes";
    if (!sized && !make_room(store))
        return false;
    if (!map_journal(store))
        return false;
    if (store->news.existed && sized)
        store->news.why = load(store, session, info, now_ms);
    trusted = store->news.existed && store->news.why == NULL;
    if (!trusted) {
        store->epoch = 0;
        memset(store->journal, 0, RECORDS * sizeof(record));
    }
    /* The snapshot first: it must hold our stream before a packet goes out. */
    return snapshot(store, session) && fsync(store->fd) == 0;
}

bool e2e_store_open(e2e_store *store, const char *path, mqtt_e2e_session *session, int64_t now_ms,
                    mqtt_e2e_error *error)
{
    struct stat info;

    memset(store, 0, sizeof *store);
    store->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->fd < 0)
        return fail(store, "open", path, error);
    if (flock(store->fd, LOCK_EX | LOCK_NB) != 0 || fstat(store->fd, &info) != 0)
        return fail(store, "lock", path, error);
    errno = EINVAL;
    if (!S_ISREG(info.st_mode) || !boot_id(store->boot))
        return fail(store, "use", path, error);
    store->device = info.st_dev;
    store->inode = info.st_ino;
    store->snapshot_max = mqtt_e2e_state_size(session);
    store->buffer = malloc(store->snapshot_max);
    if (store->buffer == NULL || !start(store, session, &info, now_ms))
        return fail(store, "write", path, error);
    return true;
}

void e2e_store_drop(e2e_store *store)
{
    if (store->fd >= 0)
        close(store->fd);
    if (store->mapped != NULL)
        munmap(store->mapped, store->mapped_len);
    free(store->buffer);
    store->buffer = NULL;
    store->mapped = NULL;
    store->unsettled = false;
    store->fd = -1;
}

bool e2e_store_close(e2e_store *store, mqtt_e2e_session *session)
{
    bool fine;

    if (store->fd < 0)
        return true;
    fine =
        snapshot(store, session) && fsync(store->fd) == 0 && put_header(store, true) && fsync(store->fd) == 0;
    e2e_store_drop(store);
    return fine;
}
