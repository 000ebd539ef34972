/* SPDX-License-Identifier: MIT */
/*
 * A limit to this process's memory. libmosquitto allocates whatever length a packet claims to have, up to 256 MiB, and only MQTT 5 lets us tell
 * the broker of a limit, which it may ignore. Nothing of ours sees the length before. So the kernel refuses such a piece of
 * memory: libmosquitto ends the connection then, as it should.
 */
#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

#if defined(__SANITIZE_ADDRESS__)
#define TOLERANT false /* its allocator ends the process where memory is refused */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TOLERANT false
#endif
#endif
#ifndef TOLERANT
#define TOLERANT true
#endif

enum { MIB = 1 << 20, LARGE = 64 * 1024, PACKETS_MAX = 192 * MIB };

static rlim_t limit; /* 0: none of ours */

/* What counts for the limit by now (proc(5), statm: data, which has the stack too), or 0. */
static rlim_t used(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/*
 * What we may come to need. A packet that we accept may lie there twice for each broker, as libmosquitto read it and as the message that it
 * keeps for QoS 2, and four times more while it is opened and handed on. What is queued, where anything is, lies there four
 * times: as text, sealed, as libmosquitto's message and packet. The rest: the state, tables, the spool, name lookups.
 */
static rlim_t needed(const cli_options *options)
{
    const mqtt_e2e_client_options *client = &options->client;
    rlim_t brokers = client->host_count > 0 ? client->host_count : 1;
    rlim_t packets = (2 * brokers + 4) * client->session.longest_packet;
    rlim_t queue = options->command == CLI_FOR_SUB ? 0 : 4 * (rlim_t)client->queue_bytes;
    if (packets > PACKETS_MAX)
        packets = PACKETS_MAX;
    rlim_t all = packets + queue + 4 * (rlim_t)mqtt_e2e_session_size(&client->session) + 32 * MIB;
    return cli_run_moves(options) ? 2 * all : all; /* there are two clients */
}

static void set(rlim_t soft)
{
    struct rlimit now;
    if (getrlimit(RLIMIT_DATA, &now) != 0)
        return;
    now.rlim_cur = soft < now.rlim_max ? soft : now.rlim_max;
    setrlimit(RLIMIT_DATA, &now);
}

void cli_memory_bound(const cli_options *options)
{
    struct rlimit now;
    rlim_t before = used();
    if (!TOLERANT || limit || !before || getrlimit(RLIMIT_DATA, &now) != 0)
        return;
    /* Blocks of this size are given back at once, so that the limit is for what is in use. */
    mallopt(M_MMAP_THRESHOLD, MIB);
    limit = before + needed(options);
    if (now.rlim_cur < limit) { /* who runs us wants less */
        limit = 0;
        return;
    }
    set(limit);
}

/* With few streams, and no payload of the user's in its queue. For each broker, TLS has buffers, and the certificates of a file once more: 50
 * contexts with Debian's 220 KB of them took 42 MB. */
void cli_memory_more(const mqtt_e2e_client_options *client)
{
    rlim_t brokers = client->host_count > 0 ? client->host_count : 1, each = MIB / 4;
    struct stat file;
    if (!limit)
        return;
    if (client->ca_file && stat(client->ca_file, &file) == 0 && file.st_size < MIB)
        each += 6 * (rlim_t)file.st_size;
    limit += brokers * (each + 2 * (rlim_t)client->session.longest_packet) + 4 * (rlim_t)client->queue_bytes +
             4 * (rlim_t)mqtt_e2e_session_size(&client->session);
    set(limit);
}

void cli_memory_lift(size_t len)
{
    if (limit && len >= LARGE)
        set(RLIM_INFINITY);
}

void cli_memory_restore(size_t len)
{
    if (limit && len >= LARGE)
        set(limit);
}
