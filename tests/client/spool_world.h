/* SPDX-License-Identifier: MIT */
#ifndef SPOOL_WORLD_H
#define SPOOL_WORLD_H
/* What a spool should hold, for its tests. A message's bytes follow from its number, and a packet's from how often it was sealed. */
#include "cmocka_all.h"

#include <string.h>
#include <sys/types.h>

#include "../../client/spool.h"

#define WORLD_MAX 8192

typedef struct {
    uint64_t last;            /* number given out last */
    uint64_t first;           /* of those that are there; 0: none */
    bool there[WORLD_MAX];    /* by number */
    uint8_t seals[WORLD_MAX]; /* how often sealed */
} world;

extern mqtt_e2e_error world_error;

#define world_ok(call)                                                                                       \
    do {                                                                                                     \
        if (!(call))                                                                                         \
            fail_msg("%s", world_error.text);                                                                \
    } while (0)

void world_open(e2e_spool *spool, const char *dir);

/* Each changes the model as it changes the spool. */
bool world_try_add(world *model, e2e_spool *spool);
void world_add(world *model, e2e_spool *spool);
void world_seal(world *model, e2e_spool *spool, uint64_t seq);
void world_done(world *model, e2e_spool *spool, uint64_t seq);

/* What there is of number `seq`, with a packet if seals > 0. Its bytes live until the next call. */
e2e_spool_item world_item(uint64_t seq, unsigned seals);
/* Whether it is that item, byte for byte. */
bool world_is(const e2e_spool_item *item, unsigned seals);

/* Fails unless the spool holds just that, in order, and counts it so. */
void world_same(const world *model, e2e_spool *spool);

/* The spool of a test, its folder and files, in a folder that goes when the test ends. */
extern char world_top[], world_dir[64], world_file[80], world_wal[80];
extern e2e_spool world_spool;
int world_set_up(void **state);
int world_tear_down(void **state);
int world_main(const char *name, const struct CMUnitTest *tests, size_t count);
void world_start(void);
void world_stop(void);
/* Opening it fails, and says so. */
void world_refused(const char *text);
/* Runs in a child; returns what that does, or -SIGNAL. */
int world_in_child(int (*what)(void));

size_t world_slurp(const char *path, uint8_t **bytes);
void world_write(const char *path, const void *bytes, size_t len);
void world_edit(const char *path, off_t at, const void *bytes, size_t len);

#endif
