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
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "parts.h"
#include "store_file.h"

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
    e2e_store_header h;

    memset(&h, 0, sizeof h); /* no padding that was not written goes into the check */
    memcpy(h.magic, e2e_store_magic, sizeof e2e_store_magic);
    h.device = store->device;
    h.inode = store->inode;
    h.epoch = store->epoch;
    h.snapshot_max = store->snapshot_max;
    h.snapshot_len = store->snapshot_len;
    memcpy(h.boot, store->boot, sizeof h.boot);
    h.written_ms = e2e_clock_utc(0);
    h.closed = closed;
    h.check = e2e_store_check(&h, offsetof(e2e_store_header, check));
    return put(store, &h, sizeof h, 0);
}

static bool snapshot(e2e_store *store, mqtt_e2e_session *session)
{
    size_t len = 0;

    if (mqtt_e2e_save(session, store->buffer, store->snapshot_max, &len) != MQTT_E2E_OK ||
        !put(store, store->buffer, len, e2e_store_snapshot_at(store, store->epoch + 1)))
        return false;
    store->epoch++;
    store->snapshot_len = len;
    store->records = 0;
    return put_header(store, false);
}

static void append(e2e_store *store, const mqtt_e2e_id *id, int64_t time, uint64_t kind)
{
    e2e_store_record *r = (e2e_store_record *)store->journal + store->records++;

    /* What stands there is of a former epoch, and would no longer count. */
    r->kind = kind;
    r->id = *id;
    r->time = time;
    r->written_ms = e2e_clock_utc(0);
    r->check = e2e_store_record_check(r, store->epoch);
    atomic_store_explicit(&r->epoch, store->epoch, memory_order_release);
}

static void append_in_hand(e2e_store *store)
{
    append(store, &store->in_hand, store->in_hand_ms,
           store->in_hand_old ? E2E_STORE_ACCEPTED_OLD : E2E_STORE_ACCEPTED);
}

bool e2e_store_snapshot(e2e_store *store, mqtt_e2e_session *session)
{
    return store->fd < 0 || snapshot(store, session);
}

bool e2e_store_accepted(e2e_store *store, mqtt_e2e_session *session, const mqtt_e2e_message *message)
{
    if (store->fd < 0)
        return true;
    /* What lasting messages are remembered by is in the snapshot alone; two places are kept, and one for `settle`. */
    if ((message->kind == MQTT_E2E_LASTING || store->records >= E2E_STORE_RECORDS - 3) &&
        !snapshot(store, session))
        return false;
    if (message->again && !message->old)
        append(store, &message->first, message->first_time, E2E_STORE_ACCEPTED);
    store->in_hand = message->id;
    store->in_hand_ms = message->time;
    store->in_hand_old = message->old;
    append_in_hand(store);
    store->unsettled = true;
    store->unhandled = false;
    return true;
}

void e2e_store_not_handled(e2e_store *store)
{
    store->unhandled = store->unsettled;
    store->unsettled = false;
}

void e2e_store_settle(e2e_store *store)
{
    if (store->unsettled)
        append(store, &store->in_hand, 0, E2E_STORE_HANDLED);
    store->unsettled = false;
}

/* ---- The beginning and the end --------------------------------------------------------------------- */

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

static bool fail(e2e_store *store, const char *what, const char *path, mqtt_e2e_error *error)
{
    int code = errno;

    e2e_store_drop(store);
    return e2e_error_set(error, code == EWOULDBLOCK ? "two at once would each accept what the other did" : "",
                         "cannot %s the state file '%.160s': %s", what, path,
                         code == EWOULDBLOCK ? "another process uses it" : strerror(code));
}

/* Made anew: zeros, which are no header until all else is there. */
static bool make_room(e2e_store *store)
{
    int code;

    if (ftruncate(store->fd, 0) != 0)
        return false;
    code = posix_fallocate(store->fd, 0, e2e_store_file_size(store)); /* or a full disk would stop us later */
    errno = code;
    return code == 0;
}

static bool map_journal(e2e_store *store)
{
    off_t page = sysconf(_SC_PAGESIZE), at = e2e_store_journal_at(store) / page * page;

    store->mapped_len = (size_t)(e2e_store_file_size(store) - at);
    store->mapped = mmap(NULL, store->mapped_len, PROT_READ | PROT_WRITE, MAP_SHARED, store->fd, at);
    if (store->mapped == MAP_FAILED) {
        store->mapped = NULL;
        return false;
    }
    store->journal = (uint8_t *)store->mapped + (e2e_store_journal_at(store) - at);
    return true;
}

static bool start(e2e_store *store, mqtt_e2e_session *session, const struct stat *info, int64_t now_ms)
{
    store->news.existed = info->st_size > 0 && !e2e_store_unused(store);
    if (store->news.existed)
        store->news.why = e2e_store_load(store, session, info, now_ms);
    if (!store->news.existed || store->news.why != NULL ||
        store->snapshot_max != mqtt_e2e_state_size(session)) {
        store->snapshot_max = mqtt_e2e_state_size(session);
        store->epoch = 0;
        if (!make_room(store))
            return false;
    }
    if (mqtt_e2e_floor(session) > mqtt_e2e_utc(session, now_ms))
        store->news.floor_ahead_ms = mqtt_e2e_floor(session) - mqtt_e2e_utc(session, now_ms);
    store->buffer = malloc(store->snapshot_max);
    /* The snapshot must hold our stream before a packet goes out. */
    return store->buffer != NULL && map_journal(store) && snapshot(store, session) && fsync(store->fd) == 0;
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
    if (!start(store, session, &info, now_ms))
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
    fine = snapshot(store, session);
    if (fine && store->unhandled) /* once more, to be found there */
        append_in_hand(store);
    fine = fine && fsync(store->fd) == 0 && put_header(store, true) && fsync(store->fd) == 0;
    e2e_store_drop(store);
    return fine;
}
