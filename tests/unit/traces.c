/* SPDX-License-Identifier: MIT */
#include "traces.h"

#include "support.h"

#include <string.h>

#define TRACE      8 /* bytes */
#define PIECES_MAX 4000

/* Every run of eight bytes of every secret, in every form. */
static struct {
    uint8_t bytes[TRACE];
    const char *name;
} pieces[PIECES_MAX];
static size_t piece_count;

/* Whether any starts with these two bytes: most places in memory need no closer look. */
static bool starts[256][256];

void traces_clear(void)
{
    piece_count = 0;
    memset(starts, 0, sizeof starts);
}

/* Words of one byte: as it is. */
static void add_piece(const char *name, const uint8_t *bytes, size_t word)
{
    uint8_t *piece = pieces[piece_count].bytes;

    assert_true(piece_count < PIECES_MAX);
    for (size_t i = 0; i < TRACE; i++)
        piece[i] = bytes[i ^ (word - 1)];
    pieces[piece_count++].name = name;
    starts[piece[0]][piece[1]] = true;
}

void traces_add(const char *name, const void *secret, size_t len)
{
    const uint8_t *bytes = secret;

    for (size_t at = 0; at + TRACE <= len; at++)
        for (size_t word = 1; word <= 8; word = word == 1 ? 4 : 2 * word)
            if (at % word == 0)
                add_piece(name, bytes + at, word);
}

const char *traces_in(const void *memory, size_t len)
{
    const uint8_t *at = memory;

    for (; len >= TRACE; at++, len--)
        for (size_t i = 0; starts[at[0]][at[1]] && i < piece_count; i++)
            if (memcmp(at, pieces[i].bytes, TRACE) == 0)
                return pieces[i].name;
    return NULL;
}
