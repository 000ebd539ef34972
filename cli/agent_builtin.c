/* SPDX-License-Identifier: MIT */
/* ping, status and help: answered by the agent itself, in one text, as plain devices do. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>

#include "agent.h"

bool agent_builtin_is(const char *name)
{
    return strcmp(name, "ping") == 0 || strcmp(name, "status") == 0 || strcmp(name, "help") == 0;
}

/* Of other machines' interest: not those of the loopback, or of one link alone. */
static void addresses(char *out, size_t size)
{
    struct ifaddrs *all, *one;
    size_t at = 0;
    *out = '\0';
    if (getifaddrs(&all) != 0)
        return;
    for (one = all; one; one = one->ifa_next) {
        const struct sockaddr *address = one->ifa_addr;
        char text[INET6_ADDRSTRLEN];
        if (!address || (one->ifa_flags & IFF_LOOPBACK) ||
            (address->sa_family != AF_INET && address->sa_family != AF_INET6))
            continue;
        socklen_t len =
            address->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
        if (getnameinfo(address, len, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0 &&
            strncmp(text, "fe80:", 5) != 0 && at + strlen(text) + 2 < size)
            at += (size_t)snprintf(out + at, size - at, " %s", text);
    }
    freeifaddrs(all);
}

static size_t status(const agent_state *agent, char *out, size_t size)
{
    struct sysinfo info = {0};
    struct statvfs disk = {0};
    double load[3] = {0, 0, 0};
    char where[512];
    sysinfo(&info);
    statvfs("/", &disk);
    (void)!getloadavg(load, 3);
    addresses(where, sizeof where);
    unsigned long up = (unsigned long)info.uptime;
    double mb = (double)info.mem_unit / 1e6, gb = (double)disk.f_frsize / 1e9;
    int n = snprintf(out, size,
                     "%s: up %lu:%02lu h, load %.2f %.2f %.2f, memory %.0f of %.0f MB free, disk %.1f of "
                     "%.1f GB free, addresses%s, mqtt-e2e %s",
                     agent->name, up / 3600, up / 60 % 60, load[0], load[1], load[2],
                     (double)info.freeram * mb, (double)info.totalram * mb, (double)disk.f_bavail * gb,
                     (double)disk.f_blocks * gb, *where ? where : " none", MQTT_E2E_VERSION);
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

size_t agent_builtin_answer(const agent_state *agent, const char *command, char *out, size_t size)
{
    char others[2048];
    int n;
    if (strcmp(command, "status") == 0)
        return status(agent, out, size);
    if (strcmp(command, "ping") == 0 && agent->by_toit) /* who says so, the topic shows */
        n = snprintf(out, size, "pong");
    else if (strcmp(command, "ping") == 0)
        n = snprintf(out, size, "%s: pong", agent->name);
    else {
        agent_allowed_list(agent->run.options, others, sizeof others);
        n = snprintf(out, size, "%s: ping, status, help%s", agent->name, others);
    }
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}
