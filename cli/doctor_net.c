/* SPDX-License-Identifier: MIT */
/* Does the name resolve, and does anybody listen there? */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct addrinfo *resolve(cli_patient *p)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    char port[8], text[300] = "", one[INET6_ADDRSTRLEN + 20];
    snprintf(port, sizeof port, "%u", (unsigned)p->host.port);
    int code = getaddrinfo(p->host.name, port, &hints, &list);
    if (code != 0) {
        cli_report(CLI_WRONG,
                   code == EAI_AGAIN ? "is this machine online, and does its name server answer?"
                                     : "is the name right?",
                   "the name %s does not resolve: %s", p->host.name,
                   code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
        return NULL;
    }
    for (struct addrinfo *a = list; a; a = a->ai_next) {
        size_t len = strlen(text);
        if (getnameinfo(a->ai_addr, a->ai_addrlen, one, sizeof one, NULL, 0, NI_NUMERICHOST) == 0)
            snprintf(text + len, sizeof text - len, "%s%s", len ? ", " : "", one);
    }
    if (strcmp(text, p->host.name) != 0)
        cli_report(CLI_FINE, "", "%s is %s", p->host.name, text);
    return list;
}

/* 0, or errno. */
static int connect_to(const struct addrinfo *address, int64_t timeout_ms)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), code = 0;
    if (fd < 0)
        return errno;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        struct pollfd poller = {.fd = fd, .events = POLLOUT};
        socklen_t len = sizeof code;
        code = errno;
        if (code == EINPROGRESS) {
            int ready = poll(&poller, 1, (int)timeout_ms);
            code = ready == 0 ? ETIMEDOUT : ready < 0 ? errno : 0;
            if (ready > 0)
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len);
        }
    }
    close(fd);
    return code;
}

static const char *advice_for(int code)
{
    switch (code) {
    case ECONNREFUSED:
        return "nothing listens there: is the broker running, and is the port right?";
    case ETIMEDOUT:
        return "the address may be wrong, or a firewall between drops what we send";
    case ENETUNREACH:
    case EHOSTUNREACH:
        return "this machine knows no way there: is it online?";
    default:
        return "";
    }
}

bool cli_doctor_net(cli_patient *p)
{
    if (p->options->client.proxy) {
        cli_report(CLI_NOTE, "", "the proxy looks the name up and connects: only MQTT is tried");
        return true;
    }
    struct addrinfo *list = resolve(p);
    int code = list ? 0 : -1;
    for (struct addrinfo *a = list; a; a = a->ai_next) {
        int64_t start = cli_doctor_ticks();
        code = connect_to(a, p->timeout_ms);
        if (code == 0) {
            cli_report_number("tcp_ms", (double)(cli_doctor_ticks() - start));
            break;
        }
    }
    if (list && code != 0)
        cli_report(CLI_WRONG, advice_for(code), "cannot connect to port %u: %s", (unsigned)p->host.port,
                   strerror(code));
    if (list)
        freeaddrinfo(list);
    return code == 0;
}
