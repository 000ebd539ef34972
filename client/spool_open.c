/* SPDX-License-Identifier: MIT */
/*
 * Opening the spool's database: made where there is none, and looked through before it is used. Messages would be lost if a
 * damaged one were begun afresh, or read as far as it goes; so it is refused, and left as it is.
 *
 * It is made under another name and then renamed: what is there under its own name is complete, or damaged. What the database
 * promises, and what a power cut may leave, is SQLite's part: https://sqlite.org/atomiccommit.html
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts.h"
#include "spool_file.h"

#define FILE_NAME "spool.db"

static const char *const statements[E2E_SPOOL_STATEMENTS] = {
    [E2E_SPOOL_BEGIN] = "BEGIN IMMEDIATE",
    [E2E_SPOOL_END] = "COMMIT",
    [E2E_SPOOL_UNDO] = "ROLLBACK",
    [E2E_SPOOL_INSERT] = "INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [E2E_SPOOL_LOOK] = "SELECT length(m.payload), s.seq IS NOT NULL FROM message m"
                       " LEFT JOIN sealed s ON s.seq = m.seq WHERE m.seq = ?1",
    [E2E_SPOOL_SEAL] = "INSERT INTO sealed VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (seq) DO UPDATE"
                       " SET packet = excluded.packet, packet_ms = excluded.packet_ms, fnv = excluded.fnv"
                       " WHERE stream = excluded.stream AND counter = excluded.counter"
                       " AND first_ms = excluded.first_ms",
    [E2E_SPOOL_DELETE] = "DELETE FROM message WHERE seq = ?1",
    [E2E_SPOOL_DELETE_SEALED] = "DELETE FROM sealed WHERE seq = ?1",
    [E2E_SPOOL_OLDEST] = "SELECT m.seq, 0 FROM message m LEFT JOIN sealed s ON s.seq = m.seq"
                         " WHERE m.seq >= ?1 AND s.seq IS NULL ORDER BY m.seq LIMIT 1",
    [E2E_SPOOL_AFTER] = E2E_SPOOL_ITEM "WHERE m.seq > ?1 ORDER BY m.seq",
    [E2E_SPOOL_TOTALS] = "UPDATE totals SET messages = ?1, bytes = ?2, sealed = ?3, last = ?4, fnv = ?5",
};

static bool failed(const char *what, const char *path, mqtt_e2e_error *error)
{
    return e2e_error_set(error, "", "cannot %s '%.160s': %s", what, path, strerror(errno));
}

/* ---- Making it -------------------------------------------------------------------------------------- */

static int set_up(sqlite3 *db)
{
    static const char *const settings[] = {
        "PRAGMA locking_mode=EXCLUSIVE", /* first: others may look into the file */
        "PRAGMA cell_size_check=ON",
        "PRAGMA trusted_schema=OFF",
        "PRAGMA mmap_size=0",       /* a disk that fails would be a signal */
        "PRAGMA temp_store=MEMORY", /* no plaintext elsewhere */
        "PRAGMA secure_delete=ON",  /* what was sent is not to be found in the file */
        "PRAGMA cache_size=-2000",  /* KiB */
        "PRAGMA journal_size_limit=8388608",
        "PRAGMA wal_autocheckpoint=1000", /* pages: some 4 MB of log, but for larger transactions */
    };
    int code = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);

    for (size_t i = 0; i < sizeof settings / sizeof *settings && code == SQLITE_OK; i++)
        code = sqlite3_exec(db, settings[i], NULL, NULL, NULL);
    return code;
}

static int fill(sqlite3 *db)
{
    e2e_spool_totals none = {0};
    char ids[128], totals[96];
    int code;

    snprintf(ids, sizeof ids,
             "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"
             " PRAGMA application_id=%d; PRAGMA user_version=%d",
             E2E_SPOOL_APPLICATION, E2E_SPOOL_VERSION);
    code = sqlite3_exec(db, ids, NULL, NULL, NULL);
    for (size_t i = 0; i < E2E_SPOOL_TABLES && code == SQLITE_OK; i++)
        code = sqlite3_exec(db, e2e_spool_tables[i], NULL, NULL, NULL);
    snprintf(totals, sizeof totals, "INSERT INTO totals VALUES (1, 0, 0, 0, 0, %lld)",
             (long long)e2e_spool_check_totals(&none));
    return code == SQLITE_OK ? sqlite3_exec(db, totals, NULL, NULL, NULL) : code;
}

/* Empty, closed, and on the disk. */
static bool make_database(const char *path, mqtt_e2e_error *error)
{
    sqlite3 *db = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), code;
    bool fine;

    if (fd < 0 || close(fd) != 0) /* SQLite would make it for others to read */
        return failed("make the spool", path, error);
    code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = set_up(db);
    if (code == SQLITE_OK)
        code = fill(db);
    fine = code == SQLITE_OK || e2e_spool_error(path, db, code, error);
    code = sqlite3_close(db);
    return fine && (code == SQLITE_OK || e2e_spool_error(path, NULL, code, error));
}

static bool flush_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool fine = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return fine;
}

/* Whether there is a log with something in it. */
static bool has_log(const char *path)
{
    char *log = sqlite3_mprintf("%s-wal", path);
    struct stat info;
    int result = log != NULL ? lstat(log, &info) : -1;
    bool absent = log != NULL && result != 0 && errno == ENOENT; /* surely */

    sqlite3_free(log);
    return !absent && (result != 0 || info.st_size > 0);
}

static void away(const char *path)
{
    static const char *const parts[] = {"", "-journal", "-wal"};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char *part = sqlite3_mprintf("%s%s", path, parts[i]);

        if (part != NULL)
            unlink(part);
        sqlite3_free(part);
    }
}

/* Under a name of its own first. What somebody has left who was killed meanwhile goes. */
static bool make(const char *dir, const char *path, mqtt_e2e_error *error)
{
    char *draft;
    bool fine;

    if (has_log(path))
        return e2e_error_set(error, "put it back, or move away what belongs to it",
                             "the spool '%.160s' is missing, but not its log", path);
    draft = sqlite3_mprintf("%s.new", path);
    if (draft == NULL)
        return e2e_error_memory(error);
    away(draft);
    fine = make_database(draft, error);
    if (fine && (rename(draft, path) != 0 || !flush_folder(dir)))
        fine = failed("make the spool", path, error);
    if (!fine)
        away(draft);
    sqlite3_free(draft);
    return fine;
}

/* ---- The folder and the file -------------------------------------------------------------------------- */

/* An open file of the folder, locked while the spool is made or opened; -1: *error says why. */
static int enter(const char *dir, mqtt_e2e_error *error)
{
    struct stat info;
    int fd;

    if (mkdir(dir, 0700) == 0) {
        char *parent = sqlite3_mprintf("%s/..", dir);

        /* Or the file may be on the disk, and not to be found. */
        if (parent == NULL || !flush_folder(parent)) {
            failed("flush the folder above", dir, error);
            sqlite3_free(parent);
            return -1;
        }
        sqlite3_free(parent);
    } else if (errno != EEXIST) {
        failed("make the spool's folder", dir, error);
        return -1;
    }
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        failed("open the spool's folder", dir, error);
    } else if ((info.st_mode & 022) != 0 || (info.st_uid != geteuid() && geteuid() != 0)) {
        e2e_error_set(error, "the spool holds plaintext: give it a folder of mode 700, which is yours",
                      "others than you can write to the spool's folder '%.160s'", dir);
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            e2e_spool_error(dir, NULL, SQLITE_BUSY, error);
        else
            failed("lock the spool's folder", dir, error);
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* It is not opened for that: to close it again would set free what another spool of this process has locked. */
static bool look_at(const char *dir, const char *path, mqtt_e2e_error *error)
{
    struct stat info;

    if (lstat(path, &info) != 0)
        return errno == ENOENT ? make(dir, path, error) : failed("open the spool", path, error);
    if (!S_ISREG(info.st_mode))
        return e2e_error_set(error, "", "the spool '%.160s' is not a regular file", path);
    if ((info.st_mode & 077) != 0)
        return e2e_error_set(error, "it holds plaintext: chmod 600", "others can read the spool '%.160s'",
                             path);
    if (info.st_size == 0)
        return e2e_spool_damaged(path, error);
    return true;
}

static bool open_database(e2e_spool *spool, mqtt_e2e_error *error)
{
    int code = sqlite3_open_v2(spool->path, &spool->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (code == SQLITE_OK && sqlite3_db_readonly(spool->db, NULL) == 1)
        code = SQLITE_READONLY;
    if (code == SQLITE_OK)
        code = sqlite3_extended_result_codes(spool->db, 1);
    if (code == SQLITE_OK) /* one that is refused is left as it is */
        code = sqlite3_db_config(spool->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (code == SQLITE_OK)
        code = set_up(spool->db);
    if (code != SQLITE_OK)
        return e2e_spool_error(spool->path, spool->db, code, error);
    if (!e2e_spool_examine(spool, error))
        return false;
    if (sqlite3_db_readonly(spool->db, NULL) == 1) /* its header says so, which we never wrote */
        return e2e_spool_damaged(spool->path, error);
    for (int i = 0; i < E2E_SPOOL_STATEMENTS && code == SQLITE_OK; i++)
        code = sqlite3_prepare_v3(spool->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                  &spool->statements[i], NULL);
    if (code == SQLITE_OK)
        code = sqlite3_db_config(spool->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return code == SQLITE_OK || e2e_spool_error(spool->path, spool->db, code, error);
}

bool e2e_spool_open(e2e_spool *spool, const char *dir, uint64_t max_messages, uint64_t max_bytes,
                    mqtt_e2e_error *error)
{
    bool fine;
    int folder;

    memset(spool, 0, sizeof *spool);
    spool->max_messages = max_messages;
    spool->max_bytes = max_bytes;
    spool->generation = e2e_fork_generation();
    /* Never "file:...", which SQLite takes for a URI. */
    if (asprintf(&spool->path, "%s%s/" FILE_NAME, dir[0] == '/' ? "" : "./", dir) < 0) {
        spool->path = NULL;
        return e2e_error_memory(error);
    }
    folder = enter(dir, error);
    fine = folder >= 0 && look_at(dir, spool->path, error) && open_database(spool, error);
    if (folder >= 0)
        close(folder);
    if (fine)
        return true;
    for (int i = 0; i < E2E_SPOOL_STATEMENTS; i++)
        sqlite3_finalize(spool->statements[i]);
    sqlite3_close(spool->db);
    spool->db = NULL;
    e2e_spool_drop(spool);
    return false;
}

/* What a fork has left to us can't even be closed: that would write to the file, and give up locks. It is kept, so that it is no leak to
 * those who look for them. */
static void keep(sqlite3 *db)
{
    typedef struct kept {
        struct kept *next;
        sqlite3 *db;
    } kept;
    static kept *_Atomic all;
    kept *one = malloc(sizeof *one);

    if (one == NULL)
        return;
    *one = (kept){atomic_load(&all), db};
    while (!atomic_compare_exchange_weak(&all, &one->next, one))
        ;
}

void e2e_spool_drop(e2e_spool *spool)
{
    if (spool->db != NULL)
        keep(spool->db);
    free(spool->path);
    free(spool->done);
    memset(spool, 0, sizeof *spool);
}
