/* SPDX-License-Identifier: MIT */
/* The sender's spool: what was committed is there after every kind of end, in its order and with its bytes; what is damaged is
 * refused. test_spool_disk.c has disks that are full, and test_spool_kill.c sudden ends. */
#include "spool_world.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- 1. All fields, in order, over closing; no number is given twice ---- */

static void test_order(void **state)
{
    world model = {0};

    (void)state;
    world_start();
    assert_int_equal(world_spool.now.last, 0);
    for (int i = 0; i < 50; i++)
        world_add(&model, &world_spool);
    world_ok(e2e_spool_commit(&world_spool, &world_error));
    for (uint64_t seq = 10; seq <= 30; seq++)
        world_seal(&model, &world_spool, seq);
    for (uint64_t seq = 15; seq <= 20; seq++)
        world_seal(&model, &world_spool, seq); /* anew */
    for (uint64_t seq = 5; seq <= 12; seq++)
        world_done(&model, &world_spool, seq);
    e2e_spool_done(&world_spool, 7); /* is gone already */
    e2e_spool_done(&world_spool, 700);
    world_same(&model, &world_spool);
    world_stop();
    for (int i = 0; i < 3; i++) {
        world_start();
        world_same(&model, &world_spool);
        world_stop();
    }
    world_start();
    for (uint64_t seq = 1; seq <= 50; seq++)
        world_done(&model, &world_spool, seq);
    world_stop();
    world_start();
    assert_int_equal(world_spool.now.messages, 0);
    assert_int_equal(world_spool.now.bytes, 0);
    world_add(&model, &world_spool);
    assert_int_equal(world_spool.now.last, 51);
    world_stop();
}

/* ---- 2. What can't be ---- */

static void test_mistakes(void **state)
{
    world model = {0};
    e2e_spool_item item = {.seq = 77, .packet = "x", .packet_len = 1, .topic = "t", .qos = 3};

    (void)state;
    world_start();
    world_add(&model, &world_spool);
    assert_false(e2e_spool_sealed(&world_spool, &item, &world_error));
    assert_non_null(strstr(world_error.text, "no message 77"));
    assert_false(e2e_spool_add(&world_spool, &item, &world_error));
    item.qos = 0;
    item.kind = MQTT_E2E_REQUEST;
    assert_false(e2e_spool_add(&world_spool, &item, NULL));
    world_seal(&model, &world_spool, 1);
    item.seq = 1;
    item.first.counter = 0xdead;
    assert_false(e2e_spool_sealed(&world_spool, &item, &world_error));
    assert_non_null(strstr(world_error.text, "another packet"));
    item.packet_len = 0;
    assert_false(e2e_spool_sealed(&world_spool, &item, &world_error));
    world_ok(e2e_spool_commit(&world_spool, &world_error)); /* no harm was done */
    world_stop();
    world_start();
    world_same(&model, &world_spool);
    world_stop();
}

/* ---- 3. Bounds, and what goes for what is new ---- */

static void test_bounds(void **state)
{
    e2e_spool_item item = {.topic = "t", .payload = "0123456789", .len = 10, .qos = 1};
    uint64_t seq = 0;

    (void)state;
    world_ok(e2e_spool_open(&world_spool, world_dir, 5, 45, &world_error));
    for (int i = 0; i < 4; i++)
        world_ok(e2e_spool_add(&world_spool, &item, &world_error));
    assert_false(e2e_spool_add(&world_spool, &item, &world_error)); /* 50 bytes */
    assert_non_null(strstr(world_error.text, "40 bytes wait"));
    item.len = 5;
    world_ok(e2e_spool_add(&world_spool, &item, &world_error));
    item.len = 0;
    assert_false(e2e_spool_add(&world_spool, &item, &world_error));
    assert_non_null(strstr(world_error.text, "5 messages wait"));
    item = (e2e_spool_item){.seq = 1, .packet = "packet", .packet_len = 6};
    world_ok(e2e_spool_sealed(&world_spool, &item, &world_error));
    item.seq = 3;
    world_ok(e2e_spool_sealed(&world_spool, &item, &world_error));
    assert_false(e2e_spool_evict(&world_spool, 26, &seq, &world_error)); /* 20 are under way */
    assert_non_null(strstr(world_error.text, "2 messages of 20 bytes are under way"));
    assert_int_equal(world_spool.now.messages, 5);
    world_ok(e2e_spool_evict(&world_spool, 25, &seq, &world_error));
    assert_int_equal(seq, 2);
    world_ok(e2e_spool_evict(&world_spool, 25, &seq, &world_error));
    assert_int_equal(seq, 4);
    world_ok(e2e_spool_evict(&world_spool, 25, &seq, &world_error));
    assert_int_equal(seq, 5);
    assert_false(e2e_spool_evict(&world_spool, 1, &seq, &world_error));
    assert_int_equal(world_spool.now.bytes, 20);
    world_ok(e2e_spool_commit(&world_spool, &world_error));
    world_stop();
    world_ok(e2e_spool_open(&world_spool, world_dir, 1, 10, &world_error)); /* narrower than what it holds */
    assert_int_equal(world_spool.now.sealed_messages, 2);
    assert_false(e2e_spool_has_room(&world_spool, 0, NULL));
    world_stop();
}

/* ---- 4. One process at a time; a killed one leaves no lock; a child has none of it ---- */

static int try_open(void)
{
    e2e_spool other;
    mqtt_e2e_error error;

    if (e2e_spool_open(&other, world_dir, 10, 10, &error))
        return 0;
    return strstr(error.text, "another process uses the spool") != NULL ? 1 : 2;
}

static int use_as_child(void)
{
    e2e_spool_item item = {.topic = "t"};
    int bad = e2e_spool_add(&world_spool, &item, NULL) || e2e_spool_commit(&world_spool, NULL);

    e2e_spool_done(&world_spool, 1);
    bad = bad || e2e_spool_close(&world_spool, NULL);
    return bad || world_spool.db != NULL || world_spool.path != NULL ? 1 : 0;
}

static int hold(void)
{
    world_start();
    raise(SIGKILL);
    return 0;
}

static void test_processes(void **state)
{
    world model = {0};

    (void)state;
    world_start();
    world_add(&model, &world_spool);
    assert_int_equal(world_in_child(try_open), 1);
    assert_int_equal(try_open(), 1);               /* in the same process */
    assert_int_equal(world_in_child(try_open), 1); /* that one has set nothing free */
    assert_int_equal(world_in_child(use_as_child), 0);
    assert_int_equal(world_in_child(try_open), 1);
    world_ok(e2e_spool_commit(&world_spool, &world_error));
    world_same(&model, &world_spool);
    world_stop();
    assert_int_equal(world_in_child(try_open), 0);
    assert_int_equal(world_in_child(hold), -SIGKILL);
    world_start();
    world_same(&model, &world_spool);
    world_stop();
}

/* ---- 5. Only its owner can read it ---- */

static unsigned mode_of(const char *path)
{
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void test_permissions(void **state)
{
    world model = {0};
    mode_t before = umask(0);

    (void)state;
    world_start();
    world_add(&model, &world_spool);
    world_ok(e2e_spool_commit(&world_spool, &world_error));
    assert_int_equal(mode_of(world_dir), 0700);
    assert_int_equal(mode_of(world_file), 0600);
    assert_int_equal(mode_of(world_wal), 0600);
    assert_int_not_equal(access("spool/spool.db-shm", F_OK), 0); /* no memory to share */
    world_stop();
    assert_int_equal(chmod(world_file, 0640), 0);
    world_refused("others can read");
    chmod(world_file, 0600);
    chmod(world_dir, 0770);
    world_refused("others than you can write");
    chmod(world_dir, 0755);
    world_start();
    world_stop();
    assert_int_equal(rename(world_file, "elsewhere"), 0);
    assert_int_equal(symlink("../elsewhere", world_file), 0);
    world_refused("not a regular file");
    unlink(world_file);
    rmdir(world_dir);
    close(open(world_dir, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    world_refused("Not a directory");
    unlink(world_dir);
    umask(before);
}

/* ---- 6. Nothing that was sent is left in the file ---- */

static bool anywhere(const char *text)
{
    DIR *d = opendir(world_dir);
    struct dirent *e;
    bool found = false;

    while ((e = readdir(d)) != NULL) {
        char path[400];
        uint8_t *bytes;
        size_t len;

        snprintf(path, sizeof path, "%s/%s", world_dir, e->d_name);
        if (e->d_name[0] == '.')
            continue;
        len = world_slurp(path, &bytes);
        found = found || memmem(bytes, len, text, strlen(text)) != NULL;
        free(bytes);
    }
    closedir(d);
    return found;
}

static void test_wiped(void **state)
{
    e2e_spool_item item = {.topic = "t", .payload = "the secret that was sent", .len = 24, .qos = 1};

    (void)state;
    world_start();
    world_ok(e2e_spool_add(&world_spool, &item, &world_error));
    world_ok(e2e_spool_commit(&world_spool, &world_error));
    assert_true(anywhere("the secret that was sent")); /* or this test would not find it */
    e2e_spool_done(&world_spool, item.seq);
    world_stop();
    assert_false(anywhere("the secret that was sent"));
}

/* ---- 7. Damage ---- */

static void flip(const char *path, const uint8_t *good, size_t len, size_t at, uint8_t with)
{
    uint8_t byte = good[at] ^ with;

    world_write(path, good, len);
    world_edit(path, (off_t)at, &byte, 1);
}

static void goes_on(const world *model)
{
    world next = *model;

    world_same(model, &world_spool);
    for (int i = 0; i < 40; i++) /* free pages are taken, and made */
        world_add(&next, &world_spool);
    for (uint64_t seq = 1; seq <= 20; seq++)
        world_done(&next, &world_spool, seq);
    world_stop();
    world_start();
    world_same(&next, &world_spool);
    world_stop();
}

/* Refused, and left as it is; or as good as before, where a byte is read by nobody. */
static bool trusted(const world *model)
{
    mqtt_e2e_error error = {{0}, {0}};
    uint8_t *before, *after;
    size_t len = world_slurp(world_file, &before);

    if (e2e_spool_open(&world_spool, world_dir, 1000, 1000000, &error)) {
        goes_on(model);
        free(before);
        return true;
    }
    if (strstr(error.text, world_file) == NULL || error.hint[0] == '\0')
        fail_msg("'%s', '%s' is no help", error.text, error.hint);
    assert_int_equal(world_slurp(world_file, &after), len);
    assert_memory_equal(before, after, len);
    free(before);
    free(after);
    return false;
}

static void test_damage(void **state)
{
    world model = {0};
    uint8_t *good;
    unsigned bad = 0, tries = 0;
    size_t len;

    (void)state;
    world_start();
    for (int i = 0; i < 30; i++)
        world_add(&model, &world_spool);
    for (uint64_t seq = 5; seq <= 15; seq++)
        world_seal(&model, &world_spool, seq);
    world_done(&model, &world_spool, 22); /* a long one: pages are free now */
    world_stop();
    len = world_slurp(world_file, &good);
    for (size_t at = 0; at < len; at += at % 4096 < 100 ? 1 : 97) {
        flip(world_file, good, len, at, at % 2 ? 0x01 : 0x90);
        bad += !trusted(&model);
        tries++;
    }
    print_message("%u of %u changed bytes are noticed, the others are read by nobody\n", bad, tries);
    assert_true(bad > tries / 3);
    for (size_t cut = 0; cut < len; cut += 1111) {
        world_write(world_file, good, cut);
        assert_false(trusted(&model));
    }
    world_write(world_file, "This is no database, but a letter.\n", 35);
    world_refused("is no spool");
    world_write(world_file, good, len);
    assert_true(trusted(&model));
    free(good);
}

/* ---- 8. A log without its database, another program's database, another version ---- */

static void execute(const char *path, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int leave_a_log(void)
{
    world model = {0};

    world_start();
    world_add(&model, &world_spool);
    world_ok(e2e_spool_commit(&world_spool, &world_error));
    sqlite3_exec(world_spool.db, "PRAGMA user_version=2", NULL, NULL, NULL);
    raise(SIGKILL);
    return 0;
}

static void test_strange(void **state)
{
    world model = {0};
    uint8_t *log, *same;
    size_t len;

    (void)state;
    assert_int_equal(world_in_child(leave_a_log), -SIGKILL);
    len = world_slurp(world_wal, &log);
    world_refused("of a version that is not known");
    assert_int_equal(world_slurp(world_wal, &same), len); /* what is refused is left as it is, its log too */
    assert_memory_equal(log, same, len);
    free(log);
    free(same);
    execute(world_file, "PRAGMA user_version=1");
    model.last = 1;
    world_start();
    for (int i = 0; i < 5; i++)
        world_add(&model, &world_spool);
    world_seal(&model, &world_spool, 3);
    world_stop();
    execute(world_file, "PRAGMA user_version=2");
    world_refused("of a version that is not known");
    execute(world_file, "PRAGMA user_version=1; PRAGMA application_id=5");
    world_refused("is no spool");
    execute(world_file, "PRAGMA application_id=1697801587; CREATE TRIGGER t AFTER INSERT ON message BEGIN"
                        " DELETE FROM message; END");
    world_refused("is damaged");
    execute(world_file, "DROP TRIGGER t; DELETE FROM message WHERE seq = 5");
    world_refused("is damaged"); /* one is missing, without a payload */
    execute(world_file,
            "INSERT INTO message SELECT seq + 1, topic, payload, qos, kind, fnv FROM message WHERE seq = 4");
    world_refused("is damaged"); /* as many as before */
    unlink(world_file);
    model = (world){0};
    world_start();
    world_add(&model, &world_spool);
    world_seal(&model, &world_spool, 1);
    world_stop();
    execute(world_file, "DELETE FROM sealed");
    world_refused("is damaged"); /* it would go out as a new one */
    unlink(world_file);
    execute(world_file, "CREATE TABLE t (x)");
    chmod(world_file, 0600);
    world_refused("is no spool");
    unlink(world_file);
    world_write(world_wal, "x", 1);
    world_refused("is missing, but not its log");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_mistakes, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_bounds, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_processes, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_permissions, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_wiped, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_damage, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_strange, world_set_up, world_tear_down),
    };

    return world_main("spool", tests, sizeof tests / sizeof *tests);
}
