/* SPDX-License-Identifier: MIT */
/*
 * Sudden ends of who has a spool: kill -9, and power cuts. Seeds are printed; TEST_SEED sets one, TEST_ROUNDS how many ends there are.
 *
 * A power cut is made by a layer below SQLite that keeps a copy of each file as it was flushed last. Of what was written since, any
 * sectors may be on the disk.
 */
#include "spool_world.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t seed;

static unsigned below(unsigned n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((seed >> 33) % n);
}

static unsigned rounds(unsigned usual)
{
    const char *text = getenv("TEST_ROUNDS");

    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : usual;
}

static void start_random(void)
{
    const char *text = getenv("TEST_SEED");

    seed = text != NULL ? strtoull(text, NULL, 10) : (uint64_t)time(NULL);
    print_message("TEST_SEED=%llu\n", (unsigned long long)seed);
}

/* ---- What happened, and what may be there ---------------------------------------------------------------- */

static world now, durable; /* with all that was called; as of the last commit that has flushed */
static bool dirty;         /* something was added or sealed since the last commit */
static bool *told_done;    /* may be committed before the next commit */

static uint64_t some(void)
{
    uint64_t seq = now.first == 0 ? 0 : now.first + below((unsigned)(now.last - now.first + 1));

    return seq != 0 && now.there[seq] ? seq : 0;
}

static void change(void)
{
    uint64_t seq = some();

    switch (below(4)) {
    case 0:
        if (seq != 0 && told_done != NULL)
            told_done[seq] = true;
        if (seq != 0)
            world_done(&now, &world_spool, seq);
        return;
    case 1:
        if (seq == 0 || now.seals[seq] >= 100)
            return;
        world_seal(&now, &world_spool, seq);
        break;
    default:
        world_add(&now, &world_spool);
    }
    dirty = true;
}

static void committed(void)
{
    if (dirty)
        durable = now;
    dirty = false;
}

static bool collect(const e2e_spool_item *item, void *context)
{
    world *actual = context;
    uint8_t seals = 0;

    while (!world_is(item, seals))
        if (++seals > 101)
            fail_msg("%llu is another", (unsigned long long)item->seq);
    if (actual->first == 0)
        actual->first = item->seq;
    actual->there[item->seq] = true;
    actual->seals[item->seq] = seals;
    return true;
}

/* What was done may be there again. */
static bool fits(const world *actual, const world *base)
{
    for (uint64_t seq = 1; seq < WORLD_MAX; seq++) {
        if (actual->there[seq] ? !base->there[seq] : base->there[seq] && now.there[seq])
            return false;
        if (actual->there[seq] && actual->seals[seq] != base->seals[seq])
            return false;
    }
    return actual->last == base->last;
}

/* Opens what is left, and goes on with that. */
static void recover(bool committing)
{
    world actual = {0};

    world_start();
    actual.last = world_spool.now.last;
    world_ok(e2e_spool_each(&world_spool, 0, WORLD_MAX, SIZE_MAX, collect, &actual, &world_error));
    if (!fits(&actual, &durable) && !(committing && fits(&actual, &now)))
        fail_msg("what is left is neither what was committed nor what was being committed");
    now = durable = actual;
    dirty = false;
}

static void begin_anew(void)
{
    static const world empty;

    now = durable = empty;
    dirty = false;
    world_start();
}

/* ---- 1. kill -9: the child notes what it does, before and after ---- */

typedef struct {
    world state[2];
    bool done[WORLD_MAX];
    atomic_uint which; /* of them is committed; +2: the other one is being committed */
} notes;

static void child(notes *shared, uint64_t seed_of_child)
{
    unsigned which = 0;

    setenv("CMOCKA_TEST_ABORT", "1", 1); /* what fails here ends us */
    seed = seed_of_child;
    told_done = shared->done;
    world_start();
    for (;;) {
        unsigned group = 1 + below(5);

        for (unsigned i = 0; i < group && now.last < WORLD_MAX - 10; i++)
            change();
        shared->state[1 - which] = now;
        atomic_store(&shared->which, which + 2);
        world_ok(e2e_spool_commit(&world_spool, &world_error));
        which = 1 - which;
        atomic_store(&shared->which, which);
    }
}

static void test_kill(void **state)
{
    notes *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned in_commit = 0, count = rounds(150);

    (void)state;
    assert_true(shared != MAP_FAILED);
    start_random();
    begin_anew();
    for (unsigned round = 0; round < count; round++) {
        unsigned which, status;
        pid_t pid;

        world_stop();
        if (now.last > WORLD_MAX - 1000) {
            world_tear_down(NULL);
            begin_anew();
            world_stop();
        }
        memset(shared, 0, sizeof *shared);
        shared->state[0] = now;
        atomic_store(&shared->which, 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            child(shared, seed + round);
        usleep(below(20000));
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, (int *)&status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        which = atomic_load(&shared->which);
        in_commit += which >= 2;
        durable = shared->state[which % 2];
        now = shared->state[which >= 2 ? 1 - which % 2 : which];
        for (uint64_t seq = 1; seq < WORLD_MAX; seq++)
            now.there[seq] = now.there[seq] && !shared->done[seq];
        recover(which >= 2);
    }
    world_stop();
    print_message("%u of %u were killed in a commit\n", in_commit, count);
    assert_true(in_commit > 0);
    munmap(shared, sizeof *shared);
}

/* ---- 2. Power cuts ---- */

typedef struct {
    sqlite3_file base;
    sqlite3_file *real;
    const char *name;
} cut_file;

static sqlite3_vfs cut_vfs;
static sqlite3_vfs *real_vfs;
static unsigned steps; /* until the power is cut; 0: it is not */
static bool was_cut;
static unsigned unflushed; /* percent of what was not flushed that is on the disk */

static const char *last_part(const char *path)
{
    return strrchr(path, '/') + 1;
}

static void flushed_path(char *out, size_t size, const char *path)
{
    snprintf(out, size, "%s/flushed/%s", world_top, last_part(path));
}

static void copy(const char *from, const char *to)
{
    uint8_t *bytes;
    size_t len = world_slurp(from, &bytes);

    world_write(to, bytes, len);
    free(bytes);
}

/* What may be found of a file after the cut. */
static void cut_one(const char *name)
{
    char from[200], flushed[200], to[200];
    uint8_t *old = NULL, *new = NULL;
    size_t old_len = 0, new_len = 0, len;

    snprintf(from, sizeof from, "%s/%s", world_dir, name);
    snprintf(to, sizeof to, "%s/cut/%s", world_top, name);
    flushed_path(flushed, sizeof flushed, from);
    if (access(flushed, F_OK) == 0)
        old_len = world_slurp(flushed, &old);
    if (access(from, F_OK) == 0)
        new_len = world_slurp(from, &new);
    if (old == NULL && new == NULL)
        return;
    len = below(100) < unflushed ? new_len : old_len;
    if (len > old_len)
        old = realloc(old, len);
    if (len > old_len)
        memset(old + old_len, 0, len - old_len);
    for (size_t at = 0; at < len && at < new_len; at += 512)
        if (below(100) < unflushed)
            memcpy(old + at, new + at,
                   at + 512 <= len && at + 512 <= new_len ? 512 : (len < new_len ? len : new_len) - at);
    if (old != NULL && (len > 0 || old_len > 0))
        world_write(to, old, len);
    free(old);
    free(new);
}

static void step(void)
{
    if (steps == 0 || --steps > 0)
        return;
    was_cut = true;
    unflushed = below(4) == 0 ? 0 : below(4) == 0 ? 100 : below(101);
    cut_one("spool.db");
    cut_one("spool.db-wal");
}

static sqlite3_file *below_it(sqlite3_file *f)
{
    return ((cut_file *)(void *)f)->real;
}

static int cut_close(sqlite3_file *f)
{
    int code = below_it(f)->pMethods->xClose(below_it(f));

    free(below_it(f));
    return code;
}

static int cut_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
    return below_it(f)->pMethods->xRead(below_it(f), out, n, at);
}

static int cut_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 at)
{
    step();
    return below_it(f)->pMethods->xWrite(below_it(f), bytes, n, at);
}

static int cut_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    step();
    return below_it(f)->pMethods->xTruncate(below_it(f), size);
}

static int cut_sync(sqlite3_file *f, int flags)
{
    char to[200];

    step();
    flushed_path(to, sizeof to, ((cut_file *)(void *)f)->name);
    copy(((cut_file *)(void *)f)->name, to);
    (void)flags; /* and the disk need not be troubled */
    return SQLITE_OK;
}

static int cut_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return below_it(f)->pMethods->xFileSize(below_it(f), size);
}

static int cut_lock(sqlite3_file *f, int level)
{
    return below_it(f)->pMethods->xLock(below_it(f), level);
}

static int cut_unlock(sqlite3_file *f, int level)
{
    return below_it(f)->pMethods->xUnlock(below_it(f), level);
}

static int cut_reserved(sqlite3_file *f, int *out)
{
    return below_it(f)->pMethods->xCheckReservedLock(below_it(f), out);
}

static int cut_control(sqlite3_file *f, int op, void *arg)
{
    return below_it(f)->pMethods->xFileControl(below_it(f), op, arg);
}

static int cut_sector(sqlite3_file *f)
{
    return below_it(f)->pMethods->xSectorSize(below_it(f));
}

static int cut_device(sqlite3_file *f)
{
    return below_it(f)->pMethods->xDeviceCharacteristics(below_it(f));
}

static const sqlite3_io_methods cut_methods = {
    1,        cut_close,  cut_read,     cut_write,   cut_truncate, cut_sync,   cut_size,
    cut_lock, cut_unlock, cut_reserved, cut_control, cut_sector,   cut_device, NULL,
    NULL,     NULL,       NULL,         NULL,        NULL,
};

static int cut_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    cut_file *file = (cut_file *)(void *)f;
    int code;

    (void)vfs;
    file->real = calloc(1, (size_t)real_vfs->szOsFile);
    file->name = name; /* lives as long as the file */
    code = real_vfs->xOpen(real_vfs, name, file->real, flags, out_flags);
    f->pMethods = file->real->pMethods != NULL ? &cut_methods : NULL;
    if (f->pMethods == NULL)
        free(file->real);
    return code;
}

/* SQLite removes its log when all of it is in the database, and flushed: so it does no harm if it comes back. */
static int cut_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    char flushed[200];

    (void)vfs;
    step();
    flushed_path(flushed, sizeof flushed, name);
    if (below(2) == 0)
        unlink(flushed);
    return real_vfs->xDelete(real_vfs, name, sync);
}

static void install(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    cut_vfs = *real_vfs;
    cut_vfs.pNext = NULL;
    cut_vfs.zName = "cut";
    cut_vfs.szOsFile = sizeof(cut_file);
    cut_vfs.xOpen = cut_open;
    cut_vfs.xDelete = cut_delete;
    assert_int_equal(sqlite3_vfs_register(&cut_vfs, 1), SQLITE_OK);
}

/* What the cut has left takes the place of the spool. */
static void restart(void)
{
    steps = 0;
    world_ok(e2e_spool_close(&world_spool, &world_error));
    assert_int_equal(
        system("rm -rf spool flushed && mv cut spool && mkdir cut && chmod 700 spool && cp -r spool flushed"),
        0);
}

static void test_cut(void **state)
{
    unsigned count = rounds(200), committing_cuts = 0;

    (void)state;
    start_random();
    install();
    assert_int_equal(system("mkdir -p flushed cut"), 0);
    begin_anew();
    assert_int_equal(system("cp spool/spool.db flushed"), 0);
    for (unsigned round = 0; round < count; round++) {
        bool committing = false;

        was_cut = false;
        sqlite3_wal_autocheckpoint(world_spool.db, (int)(1 + below(40)));
        steps = 1 + below(200);
        while (!was_cut) {
            for (unsigned i = 1 + below(5); i > 0 && !was_cut; i--)
                change();
            if (was_cut)
                break;
            world_ok(e2e_spool_commit(&world_spool, &world_error));
            committing = was_cut;
            if (!was_cut)
                committed();
        }
        committing_cuts += committing;
        restart();
        recover(committing);
        if (now.last > WORLD_MAX - 1000)
            break;
    }
    world_stop();
    sqlite3_vfs_register(real_vfs, 1);
    sqlite3_vfs_unregister(&cut_vfs);
    print_message("%u power cuts in a commit, %llu messages\n", committing_cuts,
                  (unsigned long long)now.last);
    assert_true(committing_cuts > 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kill, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_cut, world_set_up, world_tear_down),
    };

    return world_main("spool, sudden ends", tests, sizeof tests / sizeof *tests);
}
