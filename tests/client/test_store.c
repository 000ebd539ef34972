/* SPDX-License-Identifier: MIT */
/* The replay state in a file: what was accepted stays so over every kind of end, and a file that may not be the newest is not
 * trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../client/parts.h"
#include "../../client/store.h"

#define T0         INT64_C(1795459591440)
#define MESSAGES   64
#define BOOT_AT    56 /* in the header */
#define WRITTEN_AT 72
#define CHECK_AT   88

static char dir[] = "/tmp/mqtt-e2e-store.XXXXXX";
static char path[64], other[64];
static const uint8_t key[16] = "sixteen bytes ok";

typedef struct {
    uint8_t bytes[200];
    size_t len;
} packet;

typedef struct {
    mqtt_e2e_session *session;
    e2e_store store;
} node;

static mqtt_e2e_session *sender;
static uint16_t streams = 16; /* of receivers */
static packet sent[MESSAGES];
static mqtt_e2e_topic topic;
static char wire[128];

static mqtt_e2e_session *make_session(const uint8_t *with, int64_t now_ms)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    mqtt_e2e_options options;
    mqtt_e2e_session *session;
    void *storage;

    mqtt_e2e_defaults(&options);
    options.crypto = &mqtt_e2e_openssl;
    options.key = with;
    options.key_len = 16;
    options.streams = streams;
    options.lasting_topics = 4;
    assert_true(e2e_clock_random(random, sizeof random));
    storage = malloc(mqtt_e2e_session_size(&options));
    assert_non_null(storage);
    assert_int_equal(
        mqtt_e2e_init(&session, storage, mqtt_e2e_session_size(&options), &options, random, now_ms),
        MQTT_E2E_OK);
    return session;
}

static packet seal(mqtt_e2e_kind kind, int64_t now_ms)
{
    packet p;

    assert_int_equal(mqtt_e2e_seal(sender, &topic, kind, "x", 1, p.bytes, sizeof p.bytes, now_ms, &p.len),
                     MQTT_E2E_OK);
    return p;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/state", dir);
    snprintf(other, sizeof other, "%s/other", dir);
    unlink(path);
    unlink(other);
    sender = make_session(key, T0 - 10);
    assert_int_equal(mqtt_e2e_hide(sender, "t", wire, sizeof wire, &topic), MQTT_E2E_OK);
    for (int i = 0; i < MESSAGES; i++)
        sent[i] = seal(MQTT_E2E_MESSAGE, T0 + i);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mqtt_e2e_wipe(sender);
    free(sender);
    unlink(path);
    unlink(other);
    return 0;
}

/* A receiver that was started at T0 - 1 if nothing is known, at `now_ms` in truth. */
static node start_at(const char *file, const uint8_t *with, int64_t now_ms)
{
    node n = {.session = make_session(with, now_ms)};
    mqtt_e2e_error error = {{0}, {0}};

    if (!e2e_store_open(&n.store, file, n.session, now_ms, &error))
        fail_msg("%s", error.text);
    return n;
}

static node start(int64_t now_ms)
{
    return start_at(path, key, now_ms);
}

static void drop_session(node *n)
{
    mqtt_e2e_wipe(n->session);
    free(n->session);
}

static void killed(node *n)
{
    e2e_store_drop(&n->store);
    drop_session(n);
}

static void closed(node *n)
{
    assert_true(e2e_store_close(&n->store, n->session));
    drop_session(n);
}

static mqtt_e2e_status receive(node *n, const packet *p, int64_t now_ms)
{
    uint8_t out[sizeof p->bytes];
    mqtt_e2e_message message;
    mqtt_e2e_status status =
        mqtt_e2e_open(n->session, &topic, p->bytes, p->len, out, sizeof out, now_ms, &message);

    if (status == MQTT_E2E_OK)
        assert_true(e2e_store_accepted(&n->store, n->session, &message));
    return status;
}

static void edit(const char *file, off_t at, const void *bytes, size_t len)
{
    int fd = open(file, O_WRONLY);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, at), len);
    close(fd);
}

static size_t slurp(const char *file, uint8_t **bytes)
{
    struct stat info;
    int fd = open(file, O_RDONLY);

    assert_true(fd >= 0 && fstat(fd, &info) == 0);
    *bytes = malloc((size_t)info.st_size);
    assert_int_equal(read(fd, *bytes, (size_t)info.st_size), info.st_size);
    close(fd);
    return (size_t)info.st_size;
}

static void write_file(const char *file, const uint8_t *bytes, size_t len)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

/* Nothing that was sealed before now is accepted, and the file says why. */
static void assert_distrusted(node *n, const char *why)
{
    assert_true(n->store.news.existed);
    if (n->store.news.why == NULL || strstr(n->store.news.why, why) == NULL)
        fail_msg("'%s' does not say '%s'", n->store.news.why != NULL ? n->store.news.why : "(trusted)", why);
    for (int i = 0; i < MESSAGES; i++)
        assert_int_equal(receive(n, &sent[i], T0 + 1000), MQTT_E2E_STALE);
}

/* ---- 1. Whatever the end, in the same boot: what was accepted is a replay, and what was sealed meanwhile is not ---- */

static void ends(void (*end)(node *n))
{
    node n = start(T0 - 1);

    assert_false(n.store.news.existed);
    for (int i = 0; i < 32; i++)
        assert_int_equal(receive(&n, &sent[i], T0 + 40), MQTT_E2E_OK);
    end(&n);
    for (int round = 0; round < 3; round++) {
        n = start(T0 + 1000);
        assert_true(n.store.news.existed);
        assert_null(n.store.news.why);
        for (int i = 0; i < 32 + 4 * round; i++)
            assert_int_equal(receive(&n, &sent[i], T0 + 1000), MQTT_E2E_REPLAY);
        for (int i = 32 + 4 * round; i < 36 + 4 * round; i++)
            assert_int_equal(receive(&n, &sent[i], T0 + 1000), MQTT_E2E_OK);
        end(&n);
    }
    unlink(path);
}

static void test_ends(void **state)
{
    (void)state;
    ends(killed);
    ends(closed);
}

/* ---- 2. More messages than the journal holds, lasting ones among them ---- */

static void test_long(void **state)
{
    packet lasting, p[3];
    node n = start(T0 - 1);

    (void)state;
    for (int i = 0; i < 10000; i++) {
        p[i % 3] = seal(MQTT_E2E_MESSAGE, T0 + 200 + i);
        assert_int_equal(receive(&n, &p[i % 3], T0 + 200 + i), MQTT_E2E_OK);
        if (i % 7 == 0)
            e2e_store_settle(&n.store);
        if (i == 9990) { /* long stale when it comes */
            lasting = seal(MQTT_E2E_LASTING, T0 + 100);
            assert_int_equal(receive(&n, &lasting, T0 + 600000), MQTT_E2E_OK);
        }
    }
    killed(&n);
    n = start(T0 + 20000);
    assert_null(n.store.news.why);
    for (int i = 0; i < 3; i++)
        assert_int_equal(receive(&n, &p[i], T0 + 20000), MQTT_E2E_REPLAY);
    assert_int_equal(receive(&n, &lasting, T0 + 600000), MQTT_E2E_STALE); /* handed on once */
    killed(&n);
}

/* ---- 2a. Tables of another size ---- */

static void test_sizes(void **state)
{
    static const uint16_t sizes[] = {16, 40, 8, 8};

    (void)state;
    for (int i = 0; i < 4; i++) {
        node n;

        streams = sizes[i];
        n = start(T0 - 1);
        assert_null(n.store.news.why);
        for (int j = 0; j < i; j++)
            assert_int_equal(receive(&n, &sent[j], T0 + 50), MQTT_E2E_REPLAY);
        assert_int_equal(receive(&n, &sent[i], T0 + 50), MQTT_E2E_OK);
        killed(&n);
    }
    streams = 16;
}

/* ---- 3. The message in hand at a kill is named; one that was handled, or followed by another, is not ---- */

static void test_in_hand(void **state)
{
    node n = start(T0 - 1);

    (void)state;
    receive(&n, &sent[0], T0);
    receive(&n, &sent[1], T0 + 1);
    killed(&n);
    n = start(T0 + 50);
    assert_true(n.store.news.unhandled);
    assert_int_equal(n.store.news.id.counter, 1);
    assert_int_equal(n.store.news.time, T0 + 1);
    receive(&n, &sent[2], T0 + 50);
    e2e_store_settle(&n.store);
    e2e_store_settle(&n.store); /* nothing to do */
    killed(&n);
    n = start(T0 + 50);
    assert_false(n.store.news.unhandled);
    killed(&n);
    n = start(T0 + 50);
    receive(&n, &sent[3], T0 + 50);
    e2e_store_settle(&n.store);
    closed(&n);
    n = start(T0 + 50);
    assert_false(n.store.news.unhandled);
    closed(&n);
}

/* Goal: a handler that failed is told of by the next start, also after an orderly end; and what was in hand is still a replay. */
static void test_not_handled(void **state)
{
    node n = start(T0 - 1);

    (void)state;
    receive(&n, &sent[0], T0);
    e2e_store_not_handled(&n.store);
    e2e_store_settle(&n.store);
    closed(&n);
    n = start(T0 + 50);
    assert_null(n.store.news.why);
    assert_true(n.store.news.unhandled);
    assert_int_equal(n.store.news.id.counter, 0);
    assert_int_equal(n.store.news.time, T0);
    assert_int_equal(receive(&n, &sent[0], T0 + 50), MQTT_E2E_REPLAY);
    e2e_store_not_handled(&n.store); /* nothing is in hand */
    closed(&n);
    n = start(T0 + 50);
    assert_false(n.store.news.unhandled);
    closed(&n);
}

/* ---- 4. Another boot: only what was closed is trusted, and only once ---- */

static uint64_t check_of(const uint8_t *bytes, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Changes a byte of the header, which stays valid. */
static void edit_header(off_t at, uint8_t byte)
{
    uint8_t *bytes;
    uint64_t check;

    slurp(path, &bytes);
    bytes[at] = byte;
    check = check_of(bytes, CHECK_AT);
    edit(path, at, &byte, 1);
    edit(path, CHECK_AT, &check, sizeof check);
    free(bytes);
}

static void reboot_machine(void)
{
    uint8_t *bytes;

    slurp(path, &bytes);
    edit_header(BOOT_AT, bytes[BOOT_AT] ^ 1);
    free(bytes);
}

static void test_boot(void **state)
{
    node n = start(T0 - 1);

    (void)state;
    receive(&n, &sent[0], T0);
    closed(&n);
    reboot_machine();
    n = start(T0 + 50);
    assert_null(n.store.news.why);
    assert_int_equal(receive(&n, &sent[0], T0 + 50), MQTT_E2E_REPLAY);
    assert_int_equal(receive(&n, &sent[1], T0 + 50), MQTT_E2E_OK);
    killed(&n);
    reboot_machine();
    n = start(T0 + 100);
    assert_distrusted(&n, "not closed before the machine went down");
    killed(&n);
    n = start(T0 + 100); /* the new floor holds */
    assert_null(n.store.news.why);
    assert_int_equal(receive(&n, &sent[1], T0 + 100), MQTT_E2E_STALE);
    killed(&n);
}

/* ---- 5. Copies and backups, of either kind of end ---- */

static void copies(void (*end)(node *n))
{
    uint8_t *old;
    size_t len;
    node n = start(T0 - 1);

    receive(&n, &sent[0], T0);
    end(&n);
    len = slurp(path, &old);
    write_file(other, old, len);
    n = start_at(other, key, T0 + 100);
    assert_distrusted(&n, "a copy");
    end(&n);
    n = start(T0 + 50); /* the file itself is as good as before */
    assert_null(n.store.news.why);
    receive(&n, &sent[1], T0 + 50);
    end(&n);
    usleep(1200000);
    write_file(path, old, len); /* over it: the same inode */
    n = start(T0 + 100);
    assert_distrusted(&n, "a backup was put back");
    end(&n);
    unlink(path);
    write_file(path, old, len);
    n = start(T0 + 100);
    assert_distrusted(&n, ""); /* mostly as a copy; file systems may give the inode again */
    end(&n);
    free(old);
    unlink(path);
}

static void test_copies(void **state)
{
    (void)state;
    copies(killed);
    copies(closed);
}

/* ---- 6. Damage anywhere, another key, another kind of file ---- */

static void test_damage(void **state)
{
    static const uint8_t key2[16] = "sixteen bytes no";
    uint8_t *good, byte;
    size_t len;
    node n = start(T0 - 1);
    unsigned trusted = 0;

    (void)state;
    for (int i = 0; i < 5; i++)
        receive(&n, &sent[i], T0 + i);
    killed(&n);
    n = start_at(path, key2, T0 + 100);
    assert_non_null(n.store.news.why);
    assert_non_null(strstr(n.store.news.why, "another key"));
    killed(&n);
    unlink(path);
    n = start(T0 - 1);
    for (int i = 0; i < 5; i++)
        receive(&n, &sent[i], T0 + i);
    killed(&n);
    edit_header(WRITTEN_AT + 6, 0x7f); /* in far future, so that our edits don't look late */
    len = slurp(path, &good);
    for (size_t at = 0; at < len; at += at < CHECK_AT + 8 ? 1 : 31) {
        byte = good[at] ^ 0x10;
        edit(path, 0, good, len);
        edit(path, (off_t)at, &byte, 1);
        n = start(T0 + 100);
        if (n.store.news.why != NULL)
            assert_distrusted(&n, "");
        else /* a byte that nobody reads */
            trusted++;
        for (int i = 0; i < 5; i++)
            assert_int_not_equal(receive(&n, &sent[i], T0 + 100), MQTT_E2E_OK);
        killed(&n);
    }
    assert_true(trusted > 100);
    for (size_t cut = 0; cut < len; cut += len / 7) {
        write_file(path, good, cut);
        n = start(T0 + 100);
        assert_true(cut == 0 ? !n.store.news.existed : n.store.news.why != NULL);
        assert_int_equal(receive(&n, &sent[0], T0 + 100), MQTT_E2E_STALE);
        killed(&n);
    }
    free(good);
}

/* ---- 7. Errors: locked, a directory, a full disk ---- */

static void refused(const char *file, const char *text)
{
    node n = {.session = make_session(key, T0)};
    mqtt_e2e_error error = {{0}, {0}};

    assert_false(e2e_store_open(&n.store, file, n.session, T0, &error));
    if (strstr(error.text, text) == NULL || strstr(error.text, file) == NULL)
        fail_msg("'%s' does not say '%s'", error.text, text);
    assert_int_equal(n.store.fd, -1);
    drop_session(&n);
}

static void test_errors(void **state)
{
    struct rlimit none = {4096, 4096}, before;
    node n = start(T0);

    (void)state;
    refused(path, "another process uses it");
    refused(dir, "Is a directory");
    refused("/nowhere/at/all", "No such file or directory");
    assert_int_equal(symlink(path, other), 0);
    refused(other, "Too many levels of symbolic links");
    unlink(other);
    getrlimit(RLIMIT_FSIZE, &before);
    none.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &none);
    refused(other, "File too large");
    assert_int_equal(e2e_store_snapshot(&n.store, n.session), false); /* said, not passed over */
    setrlimit(RLIMIT_FSIZE, &before);
    killed(&n);
}

/* ---- 8. kill -9 at any instant ---- */

static void child(int out)
{
    node n = start(T0 - 1);

    for (uint32_t i = 0; i < MESSAGES; i++) {
        uint32_t number = i;

        if (receive(&n, &sent[i], T0 + 100) != MQTT_E2E_OK)
            continue;
        if (write(out, &number, sizeof number) != sizeof number) /* the handler */
            _exit(1);
        e2e_store_settle(&n.store);
    }
    for (;;)
        pause();
}

static void test_kill(void **state)
{
    bool handled[MESSAGES] = {false};
    unsigned total = 0, in_hand = 0;

    (void)state;
    for (int round = 0; round < 300; round++) {
        int pipe_fd[2];
        uint32_t number;
        pid_t pid;
        node n;

        assert_int_equal(pipe(pipe_fd), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            child(pipe_fd[1]);
        close(pipe_fd[1]);
        usleep((useconds_t)(rand() % 3000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        while (read(pipe_fd[0], &number, sizeof number) == sizeof number) {
            assert_false(handled[number]); /* by any process before */
            handled[number] = true;
            total++;
        }
        close(pipe_fd[0]);
        n = start(T0 - 1);
        assert_null(n.store.news.why);
        for (int i = 0; i < MESSAGES; i++)
            if (handled[i])
                assert_int_equal(receive(&n, &sent[i], T0 + 100), MQTT_E2E_REPLAY);
        if (n.store.news.unhandled && !handled[n.store.news.id.counter]) {
            handled[n.store.news.id.counter] = true; /* lost, and named */
            in_hand++;
        }
        killed(&n);
        if (total + in_hand == MESSAGES) {
            total = in_hand = 0;
            memset(handled, 0, sizeof handled);
            unlink(path);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_handled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_in_hand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_boot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_copies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kill, set_up, tear_down),
    };
    int failed;

    if (mkdtemp(dir) == NULL)
        return 1;
    failed = cmocka_run_group_tests_name("store", tests, NULL, NULL);
    rmdir(dir);
    return failed;
}
