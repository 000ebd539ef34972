/* SPDX-License-Identifier: MIT */
#ifndef STUB_ZEPHYR_NET_SOCKET_H
#define STUB_ZEPHYR_NET_SOCKET_H
#include <netinet/in.h>
#include <sys/socket.h>

#define ZSOCK_POLLIN         1
#define TLS_PEER_VERIFY_NONE 0

struct zsock_pollfd {
    int fd;
    short events, revents;
};

struct zsock_addrinfo {
    struct zsock_addrinfo *ai_next;
    int ai_flags, ai_family, ai_socktype, ai_protocol;
    socklen_t ai_addrlen;
    struct sockaddr *ai_addr;
    char *ai_canonname;
};

int zsock_poll(struct zsock_pollfd *fds, int nfds, int timeout);
int zsock_getaddrinfo(const char *host, const char *service, const struct zsock_addrinfo *hints,
                      struct zsock_addrinfo **res);
void zsock_freeaddrinfo(struct zsock_addrinfo *ai);
#endif
