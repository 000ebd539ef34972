/* SPDX-License-Identifier: MIT */
/*
 * Name lookup off the loop: getaddrinfo can take many seconds, and libmosquitto calls it in the caller's thread. It also
 * tries only the first address that does not fail at once, so that a name with an IPv6 address and no way there never gets
 * to IPv4. So we look up, and hand it one address after the other as text, for which it does not need to ask.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "parts.h"

#define STACK_SIZE ((size_t)512 << 10) /* getaddrinfo runs whatever modules /etc/nsswitch.conf names */

/* Belongs to the thread and the client, until the first of them lets go. */
struct e2e_lookup {
    atomic_bool let_go; /* by one of the two */
    int done;           /* eventfd */
    int error;          /* of getaddrinfo */
    struct addrinfo *list;
    char name[256];
};

static void free_lookup(e2e_lookup *lookup)
{
    if (lookup->list != NULL)
        freeaddrinfo(lookup->list);
    close(lookup->done);
    free(lookup);
}

static int look_up(const char *name, int flags, struct addrinfo **list)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};

    *list = NULL;
    return getaddrinfo(name, NULL, &hints, list);
}

static void *run(void *argument)
{
    e2e_lookup *lookup = argument;

    lookup->error = look_up(lookup->name, 0, &lookup->list);
    eventfd_write(lookup->done, 1);
    if (atomic_exchange(&lookup->let_go, true))
        free_lookup(lookup);
    return NULL;
}

static int start_thread(e2e_lookup *lookup)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;
    int error;

    if (pthread_attr_init(&attributes) != 0)
        return -1;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    sigfillset(&all); /* the program's signals are for its own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attributes, run, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

e2e_lookup *e2e_resolve_start(const char *name)
{
    e2e_lookup *lookup = calloc(1, sizeof *lookup);

    if (lookup == NULL)
        return NULL;
    snprintf(lookup->name, sizeof lookup->name, "%s", name);
    lookup->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lookup->done < 0 || start_thread(lookup) != 0) {
        if (lookup->done >= 0)
            close(lookup->done);
        free(lookup);
        return NULL;
    }
    return lookup;
}

int e2e_resolve_fd(const e2e_lookup *lookup)
{
    return lookup->done;
}

static bool write_address(const struct addrinfo *a, e2e_address out)
{
    return getnameinfo(a->ai_addr, a->ai_addrlen, out, sizeof(e2e_address), NULL, 0, NI_NUMERICHOST) == 0;
}

/* getaddrinfo calls a name unknown where it could not open what it would look it up in. */
static const char *why_not(const e2e_lookup *lookup)
{
    int fd = fcntl(lookup->done, F_DUPFD_CLOEXEC, 0), code = errno;

    if (fd >= 0)
        close(fd);
    return fd < 0 ? strerror(code) : gai_strerror(lookup->error);
}

unsigned e2e_resolve_take(e2e_lookup *lookup, e2e_address addresses[E2E_ADDRESSES_MAX], const char **why)
{
    unsigned count = 0;

    *why = lookup->error != 0 ? why_not(lookup) : "it has no address";
    for (struct addrinfo *a = lookup->list; a != NULL && count < E2E_ADDRESSES_MAX; a = a->ai_next)
        count += write_address(a, addresses[count]);
    e2e_resolve_abandon(lookup, false);
    return count;
}

void e2e_resolve_abandon(e2e_lookup *lookup, bool forked)
{
    if (atomic_exchange(&lookup->let_go, true) || forked)
        free_lookup(lookup);
}

bool e2e_resolve_address(const char *name, e2e_address out)
{
    struct addrinfo *list;
    bool fine;

    if (look_up(name, AI_NUMERICHOST, &list) != 0)
        return false;
    fine = write_address(list, out);
    freeaddrinfo(list);
    return fine;
}
