/* SPDX-License-Identifier: MIT */
/* A broker's place in the epoll set: what its connection, or the lookup before it, waits for. */
#include <sys/epoll.h>

#include "private.h"

static int descriptor(const e2e_broker *b)
{
    if (b->phase == E2E_LOOKING_UP)
        return e2e_resolve_fd(b->lookup);
    return b->phase != E2E_IDLE ? mosquitto_socket(b->mosq) : -1;
}

static uint32_t wanted_events(const e2e_broker *b)
{
    if (b->phase == E2E_CONNECTING) {
        SSL *ssl = mosquitto_ssl_get(b->mosq);

        /* mosquitto_want_write does not say what the handshake waits for. */
        if (e2e_tls_busy(ssl))
            return e2e_tls_wants_write(ssl) ? EPOLLOUT : EPOLLIN;
    }
    return EPOLLIN | (b->phase != E2E_LOOKING_UP && mosquitto_want_write(b->mosq) ? EPOLLOUT : 0);
}

void e2e_broker_unwatch(e2e_broker *b)
{
    /* One that libmosquitto closed has gone from the set, and its number may be another broker's by now. */
    if (b->watched >= 0 && descriptor(b) == b->watched)
        epoll_ctl(b->client->epoll, EPOLL_CTL_DEL, b->watched, NULL);
    b->watched = -1;
}

void e2e_broker_watch(e2e_broker *b)
{
    struct epoll_event event = {0};
    int fd = descriptor(b);

    if (fd < 0)
        return;
    event.events = wanted_events(b);
    if (fd == b->watched && event.events == b->watched_for)
        return;
    if (fd != b->watched) {
        e2e_broker_unwatch(b);
        b->generation++;
    }
    event.data.u64 = (uint64_t)b->generation << 8 | b->index;
    epoll_ctl(b->client->epoll, fd == b->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    b->watched = fd;
    b->watched_for = event.events;
}

void e2e_broker_rewatch(e2e_broker *b)
{
    b->watched = -1;
    e2e_broker_watch(b);
}
