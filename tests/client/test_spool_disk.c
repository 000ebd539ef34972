/* SPDX-License-Identifier: MIT */
/* The sender's spool on disks that are full or can't be written, and with many messages. */
#include "spool_world.h"

#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- 1. A full disk: said, nothing half-written, and it goes on ---- */

static void fill_up(world *model, const char *text)
{
    mqtt_e2e_error error = {{0}, {0}};
    int i;

    for (i = 0; i < 5000; i++) {
        world before = *model;

        if (!world_try_add(model, &world_spool) || !e2e_spool_commit(&world_spool, &error)) {
            *model = before;
            if (error.text[0] == '\0') /* adding failed: said once more */
                assert_false(e2e_spool_commit(&world_spool, &error));
            model->last = world_spool.now.last; /* no other message gets that number */
            break;
        }
    }
    if (strstr(error.text, text) == NULL || i == 0)
        fail_msg("after %d: '%s' does not say '%s'", i, error.text, text);
    world_same(model, &world_spool);
}

static void test_full(void **state)
{
    struct rlimit before, small;
    world model = {0};
    uint64_t first;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){400000, before.rlim_max};
    world_start();
    setrlimit(RLIMIT_FSIZE, &small);
    fill_up(&model, "File too large");
    first = model.first;
    setrlimit(RLIMIT_FSIZE, &before);
    for (int i = 0; i < 10; i++)
        world_add(&model, &world_spool);
    world_ok(e2e_spool_commit(&world_spool, &world_error));
    setrlimit(RLIMIT_FSIZE, &small);
    fill_up(&model, "File too large");
    setrlimit(RLIMIT_FSIZE, &before);
    world_done(&model, &world_spool, first);
    world_stop();
    world_start();
    world_same(&model, &world_spool);
    world_stop();
    small.rlim_cur = 3000;
    snprintf(world_dir, sizeof world_dir, "%s/new", world_top);
    setrlimit(RLIMIT_FSIZE, &small);
    world_refused("File too large");
    setrlimit(RLIMIT_FSIZE, &before);
    world_start(); /* what was left over is no hindrance */
    world_stop();
}

/* ---- 2. A file system of its own that is full, or read-only ---- */

static void enough_room(const char *options)
{
    assert_int_equal(mount("none", world_top, "tmpfs", MS_REMOUNT, options), 0);
}

static void use_small_disk(void **state)
{
    world model = {0};
    unsigned late = 0;
    uint64_t from;

    (void)state;
    assert_int_equal(mount("none", world_top, "tmpfs", 0, "size=600k,mode=700"), 0);
    world_start();
    fill_up(&model, "no space is left");
    from = model.first;
    for (uint64_t seq = from; seq < from + 40; seq++) {
        world_done(&model, &world_spool, seq);
        world_done(&model, &world_spool, seq);         /* counts once */
        late += !e2e_spool_commit(&world_spool, NULL); /* no room even for that: later, then */
        world_same(&model, &world_spool);
    }
    assert_int_not_equal(late, 0);
    enough_room("size=2m");
    for (int i = 0; i < 100; i++)
        world_add(&model, &world_spool);
    world_ok(e2e_spool_commit(&world_spool, &world_error));
    world_stop();
    assert_int_equal(mount("none", world_top, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    world_refused("read-only");
    assert_int_equal(mount("none", world_top, NULL, MS_REMOUNT, NULL), 0);
    world_start();
    world_same(&model, &world_spool);
    world_stop();
}

/* In a process of its own, whose mounts nobody else sees. */
static int small_disk(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return 77;
    execl("/proc/self/exe", "small_disk", world_top, NULL);
    return 1;
}

static void test_disk(void **state)
{
    int result = world_in_child(small_disk);

    (void)state;
    if (result == 77)
        skip();
    assert_int_equal(result, 0);
}

/* ---- 3. 100,000 messages, in bounded memory; the file shrinks afterwards ---- */

#define MANY 100000

typedef struct {
    uint64_t seq;
    size_t calls;
} window;

static bool in_window(const e2e_spool_item *item, void *context)
{
    window *w = context;

    assert_int_equal(item->seq, w->seq + 1);
    assert_int_equal(item->len, 100);
    w->seq = item->seq;
    w->calls++;
    return true;
}

static void test_many(void **state)
{
    uint8_t payload[100] = {1};
    e2e_spool_item item = {.topic = "t", .payload = payload, .len = sizeof payload, .qos = 1};
    window w = {0, 0};
    struct stat full, after;

    (void)state;
    world_start();
    for (int i = 0; i < MANY; i++)
        world_ok(e2e_spool_add(&world_spool, &item, &world_error));
    world_stop();
    stat(world_file, &full);
    sqlite3_memory_highwater(1);
    world_start();
    assert_int_equal(world_spool.now.messages, MANY);
    while (w.seq < MANY) {
        w.calls = 0;
        world_ok(e2e_spool_each(&world_spool, w.seq, 1000, 50000, in_window, &w, &world_error));
        assert_true(w.calls > 0 && w.calls <= 500); /* by bytes */
        for (uint64_t seq = w.seq + 1 - w.calls; seq <= w.seq; seq++)
            e2e_spool_done(&world_spool, seq);
        world_ok(e2e_spool_commit(&world_spool, &world_error));
    }
    for (int i = 0; i < 20; i++)
        world_ok(e2e_spool_commit(&world_spool, &world_error)); /* nothing is to be written any more */
    stat(world_file, &after);
    assert_true(after.st_size < full.st_size / 3);
    world_stop();
    stat(world_file, &after);
    print_message("%lld bytes, %lld when all is sent, and %lld of SQLite's memory\n", (long long)full.st_size,
                  (long long)after.st_size, (long long)sqlite3_memory_highwater(0));
    assert_true(after.st_size < 300000);
    assert_true(sqlite3_memory_highwater(0) < 6000000);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest small[] = {cmocka_unit_test_setup(use_small_disk, world_set_up)};
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_full, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_disk, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_many, world_set_up, world_tear_down),
    };

    if (argc > 1) {
        memcpy(world_top, argv[1], strlen(world_top));
        return cmocka_run_group_tests_name("spool, small disk", small, NULL, NULL);
    }
    return world_main("spool, disks", tests, sizeof tests / sizeof *tests);
}
