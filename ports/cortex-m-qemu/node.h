/* SPDX-License-Identifier: MIT */
/* The key and what belongs to it, read at the start from what `mqtt-e2e key c` prints. On a board the compiler reads
 * that header; here one image serves every key. */
#ifndef NODE_H
#define NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t key[32];
    size_t key_len;
    char base[64], name[64], user[64], password[64], host[64];
    uint16_t port;
    bool tls, plain_topics;
} node;

/* False: the text is none, or has what the firmware can't have. `text` is wiped. */
bool node_parse(node *out, char *text, size_t len);

#endif
