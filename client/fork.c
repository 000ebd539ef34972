/* SPDX-License-Identifier: MIT */
/*
 * A stream must not outlive its process (docs/PROTOCOL.md §3): parent and child would seal under the same nonces. The kernel
 * hands a child zeros in place of the page below, however it was made (Linux 4.14; a pthread_atfork handler
 * would miss clone and _Fork), and looking there costs a load where getpid costs a system call.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "parts.h"

static _Atomic unsigned *page;      /* 0 in a child that did not look yet; NULL: not to be had */
static _Atomic unsigned generation; /* of this process */

static void make_page(void)
{
    void *memory = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return;
    if (madvise(memory, sizeof *page, MADV_WIPEONFORK) == 0)
        page = memory;
    else
        munmap(memory, sizeof *page);
}

unsigned e2e_fork_generation(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    unsigned seen;

    pthread_once(&once, make_page);
    if (page == NULL)
        return (unsigned)getpid();
    seen = atomic_load_explicit(page, memory_order_relaxed);
    if (seen != 0)
        return seen;
    /* The first look in this process; of two threads that look at once, one sets the number. */
    unsigned next = atomic_load(&generation) + 1;

    if (atomic_compare_exchange_strong(page, &seen, next)) {
        atomic_store(&generation, next);
        return next;
    }
    return seen;
}
