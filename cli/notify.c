/* SPDX-License-Identifier: MIT */
/* Tells systemd how we are: sd_notify(3), one datagram to the socket that it names. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent.h"

void cli_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    if (len < 2 || len >= sizeof to.sun_path || (*path != '/' && *path != '@'))
        return;
    memcpy(to.sun_path, path, len);
    if (*path == '@') /* of the abstract name space */
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

int64_t cli_notify_watchdog(void)
{
    static int64_t next;
    const char *text = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    long long us = text ? strtoll(text, NULL, 10) : 0;
    int64_t now = cli_run_now();
    if (us <= 0 || (pid && strtol(pid, NULL, 10) != (long)getpid()))
        return INT64_MAX;
    if (now >= next) {
        cli_notify("WATCHDOG=1");
        next = now + (us / 2000 > 0 ? us / 2000 : 1);
    }
    return next;
}
