/* SPDX-License-Identifier: MIT */
#ifndef BENCH_SPOOL_ENGINE_H
#define BENCH_SPOOL_ENGINE_H
/* The same spool on two databases: client/spool.c, and what it would be on LMDB. */
#include "spool_file.h"

typedef struct {
    const char *name;
    const char *file;                                   /* in its folder */
    void *(*open)(const char *dir, uint64_t *messages); /* looks at all that waits */
    void (*add)(void *spool, e2e_spool_item *item);
    void (*sealed)(void *spool, const e2e_spool_item *item);
    void (*done)(void *spool, uint64_t seq);
    void (*commit)(void *spool);
    void (*close)(void *spool);
} spool_engine;

extern const spool_engine spool_ours, spool_lmdb;

/* Changes a byte of its file in `dir`, which holds `messages`, many times, and tells what a process meets that uses it then. */
void spool_damage(const spool_engine *engine, const char *dir, uint64_t messages);

#endif
