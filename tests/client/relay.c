/* SPDX-License-Identifier: MIT */
#include "relay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmocka_all.h"

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

void test_relay_init(test_relay *r, uint16_t to)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;

    memset(r, 0, sizeof *r);
    r->to = to;
    r->budget = SIZE_MAX;
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(r->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(r->listener, 8), 0);
    assert_int_equal(getsockname(r->listener, (struct sockaddr *)&address, &size), 0);
    r->port = ntohs(address.sin_port);
    for (int i = 0; i < TEST_RELAY_PAIRS; i++)
        r->pairs[i] = (test_relay_pair){-1, -1, 0};
}

static void cut_pair(test_relay_pair *pair)
{
    int fds[2] = {pair->client, pair->broker};

    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0) {
            shutdown(fds[i], SHUT_RDWR); /* also where a forked process has it too */
            close(fds[i]);
        }
    *pair = (test_relay_pair){-1, -1, 0};
}

void test_relay_cut(test_relay *r)
{
    for (int i = 0; i < TEST_RELAY_PAIRS; i++)
        cut_pair(&r->pairs[i]);
}

void test_relay_free(test_relay *r)
{
    test_relay_cut(r);
    close(r->listener);
}

static void accept_one(test_relay *r)
{
    int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC), yes = 1;
    struct sockaddr_in address = loopback(r->to);

    if (fd < 0)
        return;
    r->accepted++;
    for (int i = 0; i < TEST_RELAY_PAIRS && !r->refuse; i++) {
        test_relay_pair *pair = &r->pairs[i];

        if (pair->client >= 0)
            continue;
        pair->client = fd;
        pair->greeting = r->socks ? 2 : 0;
        pair->broker = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        setsockopt(pair->broker, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (connect(pair->broker, (struct sockaddr *)&address, sizeof address) != 0)
            cut_pair(pair);
        return;
    }
    close(fd);
}

static bool readable(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};

    return fd >= 0 && poll(&p, 1, 0) > 0;
}

static void put(int fd, const void *data, size_t len)
{
    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* RFC 1928 and 1929, as far as one client speaks it: each of its messages comes in one piece here. */
static void greet(test_relay *r, test_relay_pair *pair, const uint8_t *data, size_t len)
{
    bool wants_password = pair->greeting == 2 && len == 4;

    if (pair->greeting == 2) {
        put(pair->client, wants_password ? "\x05\x02" : "\x05\x00", 2);
        pair->greeting = wants_password ? 3 : 1;
    } else if (pair->greeting == 3) {
        memcpy(r->socks_user, data + 2, data[1]);
        memcpy(r->socks_password, data + 3 + data[1], data[2 + data[1]]);
        put(pair->client, "\x01\x00", 2);
        pair->greeting = 1;
    } else {
        assert_int_equal(data[3], 3); /* a name, for the proxy to look up */
        memcpy(r->socks_name, data + 5, data[4]);
        r->socks_name[data[4]] = '\0';
        put(pair->client, "\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00", 10);
        pair->greeting = 0;
    }
}

static void pass_on(test_relay *r, test_relay_pair *pair, bool from_broker)
{
    uint8_t data[65536];
    ssize_t n = recv(from_broker ? pair->broker : pair->client, data, sizeof data, MSG_DONTWAIT);

    if (n <= 0) {
        cut_pair(pair);
        return;
    }
    if (!from_broker && pair->greeting > 0) {
        greet(r, pair, data, (size_t)n);
        return;
    }
    *(from_broker ? &r->from_broker : &r->from_clients) += (size_t)n;
    if (from_broker && r->budget != SIZE_MAX) {
        n = (size_t)n < r->budget ? n : (ssize_t)r->budget;
        r->budget -= (size_t)n;
    }
    if (send(from_broker ? pair->client : pair->broker, data, (size_t)n, MSG_NOSIGNAL) != n)
        cut_pair(pair);
}

void test_relay_step(test_relay *r)
{
    while (readable(r->listener))
        accept_one(r);
    for (int i = 0; i < TEST_RELAY_PAIRS; i++) {
        test_relay_pair *pair = &r->pairs[i];

        if (!r->deaf && readable(pair->client))
            pass_on(r, pair, false);
        if (readable(pair->broker))
            pass_on(r, pair, true);
    }
}
