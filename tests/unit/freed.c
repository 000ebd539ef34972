/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "freed.h"

#include "painted.h"

#include <stdlib.h>
#include <string.h>

uint8_t freed_memory[FREED_ROOM];

static bool keeping;
static size_t kept;

void freed_start(void)
{
    kept = 0;
    keeping = true;
}

size_t freed_stop(void)
{
    keeping = false;
    return kept;
}

/* A program's own `free` is the one that all its shared libraries call. One that is linked statically has none of those. */
#if defined(__GLIBC__) && !PAINTED_SANITIZED && (defined(TEST_OPENSSL) || defined(TEST_MBEDTLS))
#include <dlfcn.h>
#include <malloc.h>

void free(void *block)
{
    static void (*next)(void *);

    if (block == NULL)
        return;
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "free");
    if (keeping) {
        size_t size = malloc_usable_size(block);

        if (size > sizeof freed_memory - kept)
            abort();
        memcpy(freed_memory + kept, block, size);
        kept += size;
    }
    next(block);
}
#endif
