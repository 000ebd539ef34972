/* SPDX-License-Identifier: MIT */
#ifndef TEST_RELAY_H
#define TEST_RELAY_H
/*
 * A relay between clients and a broker, by which a test breaks connections at the moment that it wants, or loses what
 * the broker answers. It can pose as a SOCKS5 proxy too. Stepped by test_relay_step; no thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEST_RELAY_PAIRS 8

typedef struct {
    int client, broker; /* -1 = none */
    int greeting;       /* SOCKS5: steps still to come */
} test_relay_pair;

typedef struct {
    uint16_t port, to;
    int listener;
    size_t
        budget; /* bytes of the broker's that are still passed on; what comes after is lost. SIZE_MAX = all */
    bool deaf;  /* what clients send is not read */
    bool refuse; /* connections are closed at once */
    bool socks;
    char socks_name[256]; /* what was asked for last */
    char socks_user[256], socks_password[256];
    unsigned accepted;
    size_t from_clients, from_broker; /* bytes */
    test_relay_pair pairs[TEST_RELAY_PAIRS];
} test_relay;

/* Listens on a free port, for a broker at port `to`. */
void test_relay_init(test_relay *relay, uint16_t to);
void test_relay_step(test_relay *relay);
/* Breaks all connections. */
void test_relay_cut(test_relay *relay);
void test_relay_free(test_relay *relay);

#endif
