/* SPDX-License-Identifier: MIT */
/*
 * link [LOSS% [DELAY_MS [JITTER_MS [SEED]]]]: a bad link. Makes two network namespaces, 10.0.0.1 in the one and 10.0.0.2 in the other, and
 * passes packets between their TUN devices: loses some, holds back each. Prints
 *
 *     ready /proc/PID/fd/N /proc/PID/fd/M
 *
 * with which `nsenter --net=` gets there. SIGUSR1 cuts it and joins it again. Ends by SIGTERM, the namespaces with it, and tells
 * how many packets it passed, lost, and had while it was cut. Exit 77: namespaces or TUN devices can't be had here.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define PACKETS 4096 /* on their way; more are lost, as in a router */
#define SIZE    1600

typedef struct {
    int64_t due; /* 0: this place is free */
    int to;
    size_t len;
    uint8_t bytes[SIZE];
} packet;

static packet packets[PACKETS];
static unsigned long passed, lost, in_cut;
static long loss = 20, delay_ms = 300, jitter_ms = 50;
static uint32_t seed = 1;
static volatile sig_atomic_t over, cut;

static void on_signal(int number)
{
    if (number == SIGUSR1)
        cut = !cut;
    else
        over = 1;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static long below(long n) /* xorshift32 */
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return n > 0 ? (long)(seed % (uint32_t)n) : 0;
}

static void give_up(const char *what)
{
    printf("skipped: %s: %s\n", what, strerror(errno));
    exit(77);
}

/* ---- The two ends -------------------------------------------------------------------------------- */

static int open_tun(void)
{
    char dir[] = "/tmp/link.XXXXXX", path[64];
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    if (fd >= 0 || errno != ENOENT || mkdtemp(dir) == NULL)
        return fd;
    snprintf(path, sizeof path, "%s/tun", dir); /* containers have no such node, but may make one */
    if (mknod(path, S_IFCHR | 0600, makedev(10, 200)) == 0)
        fd = open(path, O_RDWR | O_CLOEXEC);
    unlink(path);
    rmdir(dir);
    return fd;
}

static void up(int control, const char *device, const char *address)
{
    struct ifreq request = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device);
    in->sin_family = AF_INET;
    inet_pton(AF_INET, address, &in->sin_addr);
    if (ioctl(control, SIOCSIFADDR, &request) != 0)
        give_up("an address");
    inet_pton(AF_INET, "255.255.255.0", &in->sin_addr);
    if (ioctl(control, SIOCSIFNETMASK, &request) != 0)
        give_up("a netmask");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(control, SIOCSIFFLAGS, &request) != 0)
        give_up("a device up");
}

/* A new namespace with a TUN device. Its descriptor in *space; returns that of the device, which stays usable from outside. */
static int make_end(const char *address, int *space)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int control, fd;

    if (unshare(CLONE_NEWNET) != 0)
        give_up("a network namespace");
    *space = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    fd = open_tun();
    if (*space < 0 || fd < 0)
        give_up("/dev/net/tun");
    strcpy(request.ifr_name, "link");
    if (ioctl(fd, TUNSETIFF, &request) != 0)
        give_up("a TUN device");
    control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    up(control, "link", address);
    up(control, "lo", "127.0.0.1");
    close(control);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* ---- Packets ------------------------------------------------------------------------------------- */

static packet *free_place(void)
{
    for (size_t i = 0; i < PACKETS; i++)
        if (packets[i].due == 0)
            return &packets[i];
    return NULL;
}

static void take(int from, int to)
{
    static packet sink;
    packet *place;

    for (;;) {
        place = free_place();
        if (place == NULL)
            place = &sink;
        ssize_t n = read(from, place->bytes, SIZE);
        if (n <= 0)
            return;
        if (cut)
            in_cut++;
        else if (place == &sink || below(100) < loss)
            lost++;
        else {
            place->len = (size_t)n;
            place->to = to;
            place->due = now_ms() + delay_ms + below(jitter_ms);
        }
    }
}

/* Lets go what is due. Returns the milliseconds until there is more, or -1. */
static int let_go(void)
{
    int64_t now = now_ms(), next = -1;

    for (size_t i = 0; i < PACKETS; i++) {
        packet *p = &packets[i];

        if (p->due == 0)
            continue;
        if (p->due > now) {
            next = next < 0 || p->due < next ? p->due : next;
            continue;
        }
        if (cut)
            in_cut++;
        else if (write(p->to, p->bytes, p->len) == (ssize_t)p->len)
            passed++;
        p->due = 0;
    }
    return next < 0 ? -1 : (int)(next - now);
}

static long argument(int argc, char **argv, int i, long otherwise)
{
    return i < argc ? strtol(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal};
    int spaces[2], ends[2];

    loss = argument(argc, argv, 1, loss);
    delay_ms = argument(argc, argv, 2, delay_ms);
    jitter_ms = argument(argc, argv, 3, jitter_ms);
    seed = (uint32_t)argument(argc, argv, 4, 1);
    seed = seed != 0 ? seed : 1;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    ends[0] = make_end("10.0.0.1", &spaces[0]);
    ends[1] = make_end("10.0.0.2", &spaces[1]);
    printf("ready /proc/%d/fd/%d /proc/%d/fd/%d\n", (int)getpid(), spaces[0], (int)getpid(), spaces[1]);
    fflush(stdout);
    while (!over) {
        struct pollfd fds[2] = {{.fd = ends[0], .events = POLLIN}, {.fd = ends[1], .events = POLLIN}};

        if (poll(fds, 2, let_go()) > 0) {
            take(ends[0], ends[1]);
            take(ends[1], ends[0]);
        }
    }
    printf("passed %lu packets, lost %lu, %lu while it was cut\n", passed, lost, in_cut);
    return 0;
}
