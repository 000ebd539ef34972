/* SPDX-License-Identifier: MIT */
/* What becomes of a process whose spool has a byte that is another. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"
#include "spool_engine.h"

#define TRIES 600
#define PAGE  4096

typedef struct {
    uint8_t *bytes;
    size_t len;
} content;

static content slurp(const char *path)
{
    struct stat info;
    int fd = open(path, O_RDONLY);
    content c;

    bench_check(fd >= 0 && fstat(fd, &info) == 0, "open");
    c.len = (size_t)info.st_size;
    c.bytes = malloc(c.len);
    bench_check(c.bytes != NULL && read(fd, c.bytes, c.len) == (ssize_t)c.len, "read");
    close(fd);
    return c;
}

static void write_changed(const char *path, const content *good, size_t at, uint8_t with)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    uint8_t byte = good->bytes[at] ^ with;

    bench_check(fd >= 0 && write(fd, good->bytes, good->len) == (ssize_t)good->len, "write");
    bench_check(pwrite(fd, &byte, 1, (off_t)at) == 1, "pwrite");
    close(fd);
}

/* In a child: opens it, adds some, closes it. */
static void use(const spool_engine *engine, const char *dir, uint64_t messages)
{
    uint64_t found;
    void *spool;

    alarm(10);
    bench_check(freopen("/dev/null", "w", stderr) != NULL, "freopen");
    spool = engine->open(dir, &found);
    for (int i = 0; i < 50; i++) {
        e2e_spool_item item = {.topic = "t", .payload = "payload", .len = 7};

        engine->add(spool, &item);
    }
    engine->close(spool);
    _exit(found == messages ? 0 : 1);
}

void spool_damage(const spool_engine *engine, const char *dir, uint64_t messages)
{
    unsigned killed = 0, refused = 0, used = 0;
    char path[400];
    content good;

    snprintf(path, sizeof path, "%s/%s", dir, engine->file);
    good = slurp(path);
    srand(1);
    fflush(stdout); /* or each child would print it */
    for (int i = 0; i < TRIES; i++) {
        size_t page = (size_t)rand() % (good.len / PAGE), at = (size_t)rand() % (i % 2 ? 32 : PAGE);
        int status;
        pid_t pid;

        write_changed(path, &good, page * PAGE + at, i % 3 ? 0x90 : 0x01);
        pid = fork();
        bench_check(pid >= 0, "fork");
        if (pid == 0)
            use(engine, dir, messages);
        bench_check(waitpid(pid, &status, 0) == pid, "waitpid");
        killed += WIFSIGNALED(status);
        refused += WIFEXITED(status) && WEXITSTATUS(status) != 0;
        used += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    printf(
        "a changed byte, %u times, half of them near a page's start: %s %u ended by a signal, %u by an error,"
        " %u went on\n",
        TRIES, engine->name, killed, refused, used);
    free(good.bytes);
}
