/* SPDX-License-Identifier: MIT */
#include "spool_world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

mqtt_e2e_error world_error;

void world_open(e2e_spool *spool, const char *dir)
{
    world_ok(e2e_spool_open(spool, dir, 1000000, (uint64_t)1 << 30, &world_error));
}

/* ---- Items -------------------------------------------------------------------------------------------- */

static void bytes_of(uint8_t *out, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (uint8_t)(seed >> 56);
    }
}

e2e_spool_item world_item(uint64_t seq, unsigned seals)
{
    static char topic[64];
    static uint8_t payload[10000], packet[10200];
    e2e_spool_item item = {.seq = seq, .topic = topic, .payload = payload, .packet = packet};

    snprintf(topic, sizeof topic, "caf\xc3\xa9/%llu/'; DROP", (unsigned long long)seq % 7);
    item.len = seq % 5 == 0 ? 0 : seq % 11 == 0 ? 9000 : seq * 7919 % 700;
    item.qos = (int)(seq % 3);
    item.kind = seq % 4 == 0 ? MQTT_E2E_LASTING : MQTT_E2E_MESSAGE;
    bytes_of(payload, item.len, seq);
    item.sealed = seals > 0;
    if (!item.sealed)
        return item;
    bytes_of(item.first.stream, sizeof item.first.stream, ~seq);
    item.first.counter = UINT32_MAX - (uint32_t)seq;
    item.first_ms = INT64_C(1795459591440) + (int64_t)seq;
    item.packet_ms = item.first_ms + seals * 1000;
    item.packet_len = item.len + 43 + seals;
    bytes_of(packet, item.packet_len, seq << 8 | seals);
    return item;
}

bool world_is(const e2e_spool_item *item, unsigned seals)
{
    e2e_spool_item want = world_item(item->seq, seals);

    if (strcmp(item->topic, want.topic) != 0 || item->len != want.len || item->qos != want.qos ||
        item->kind != want.kind || item->sealed != want.sealed ||
        (want.len > 0 && memcmp(item->payload, want.payload, want.len) != 0))
        return false;
    return !want.sealed || (memcmp(item->first.stream, want.first.stream, sizeof want.first.stream) == 0 &&
                            item->first.counter == want.first.counter && item->first_ms == want.first_ms &&
                            item->packet_ms == want.packet_ms && item->packet_len == want.packet_len &&
                            memcmp(item->packet, want.packet, want.packet_len) == 0);
}

/* ---- Changes ------------------------------------------------------------------------------------------ */

bool world_try_add(world *model, e2e_spool *spool)
{
    e2e_spool_item item = world_item(model->last + 1, 0);

    assert_true(model->last + 1 < WORLD_MAX);
    item.seq = 0;
    if (!e2e_spool_add(spool, &item, &world_error))
        return false;
    assert_int_equal(item.seq, model->last + 1);
    model->last++;
    model->there[model->last] = true;
    model->seals[model->last] = 0;
    if (model->first == 0)
        model->first = model->last;
    return true;
}

void world_add(world *model, e2e_spool *spool)
{
    world_ok(world_try_add(model, spool));
}

void world_seal(world *model, e2e_spool *spool, uint64_t seq)
{
    e2e_spool_item item = world_item(seq, ++model->seals[seq]);

    world_ok(e2e_spool_sealed(spool, &item, &world_error));
}

void world_done(world *model, e2e_spool *spool, uint64_t seq)
{
    e2e_spool_done(spool, seq);
    model->there[seq] = false;
    while (model->first != 0 && !model->there[model->first])
        model->first = model->first < model->last ? model->first + 1 : 0;
}

/* ---- Comparing ---------------------------------------------------------------------------------------- */

typedef struct {
    const world *model;
    uint64_t seq;
    size_t calls;
    e2e_spool_totals totals;
} walk;

static bool one(const e2e_spool_item *item, void *context)
{
    walk *w = context;

    for (w->seq++; w->seq < item->seq; w->seq++)
        if (w->seq > w->model->last || w->model->there[w->seq])
            fail_msg("%llu is missing", (unsigned long long)w->seq);
    if (item->seq != w->seq || item->seq > w->model->last || !w->model->there[item->seq])
        fail_msg("%llu should not be here", (unsigned long long)item->seq);
    if (!world_is(item, w->model->seals[item->seq]))
        fail_msg("%llu is another", (unsigned long long)item->seq);
    w->calls++;
    w->totals.messages++;
    w->totals.bytes += item->len;
    w->totals.sealed_messages += item->sealed;
    w->totals.sealed_bytes += item->sealed ? item->len : 0;
    return w->calls % 5 != 0; /* leaving early is no end */
}

void world_same(const world *model, e2e_spool *spool)
{
    walk w = {.model = model};
    size_t before;

    do {
        before = w.calls;
        world_ok(e2e_spool_each(spool, w.seq, 7, 20000, one, &w, &world_error));
        assert_true(w.calls - before <= 5);
    } while (w.calls > before);
    for (w.seq++; w.seq <= model->last; w.seq++)
        if (model->there[w.seq])
            fail_msg("%llu is missing at the end", (unsigned long long)w.seq);
    assert_int_equal(spool->now.messages, w.totals.messages);
    assert_int_equal(spool->now.bytes, w.totals.bytes);
    assert_int_equal(spool->now.sealed_messages, w.totals.sealed_messages);
    assert_int_equal(spool->now.sealed_bytes, w.totals.sealed_bytes);
    assert_int_equal(spool->now.last, model->last);
}

/* ---- Files -------------------------------------------------------------------------------------------- */

size_t world_slurp(const char *path, uint8_t **bytes)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &info), 0);
    *bytes = malloc((size_t)info.st_size + 1);
    assert_non_null(*bytes);
    assert_int_equal(read(fd, *bytes, (size_t)info.st_size), info.st_size);
    close(fd);
    return (size_t)info.st_size;
}

void world_edit(const char *path, off_t at, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
    close(fd);
}

void world_write(const char *path, const void *bytes, size_t len)
{
    unlink(path);
    world_edit(path, 0, bytes, len);
}

/* ---- The spool of a test ------------------------------------------------------------------------------- */

char world_top[] = "/tmp/mqtt-e2e-spool.XXXXXX";
char world_dir[64], world_file[80], world_wal[80];
e2e_spool world_spool;

int world_tear_down(void **state)
{
    (void)state;
    assert_int_equal(chdir(world_top), 0);
    assert_int_equal(system("rm -rf ./*"), 0);
    return 0;
}

void world_start(void)
{
    world_open(&world_spool, world_dir);
}

void world_stop(void)
{
    world_ok(e2e_spool_close(&world_spool, &world_error));
}

void world_refused(const char *text)
{
    e2e_spool other;
    mqtt_e2e_error error = {{0}, {0}};

    assert_false(e2e_spool_open(&other, world_dir, 10, 10, &error));
    if (strstr(error.text, text) == NULL || strstr(error.text, world_dir) == NULL)
        fail_msg("'%s' does not say '%s' of '%s'", error.text, text, world_dir);
    assert_null(other.db);
    assert_null(other.path);
}

int world_in_child(int (*what)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(what());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int world_set_up(void **state)
{
    (void)state;
    snprintf(world_dir, sizeof world_dir, "%s/spool", world_top);
    snprintf(world_file, sizeof world_file, "%s/spool.db", world_dir);
    snprintf(world_wal, sizeof world_wal, "%s/spool.db-wal", world_dir);
    return chdir(world_top);
}

int world_main(const char *name, const struct CMUnitTest *tests, size_t count)
{
    int failed;

    if (mkdtemp(world_top) == NULL)
        return 1;
    failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    if (chdir("/") == 0)
        rmdir(world_top);
    return failed;
}
