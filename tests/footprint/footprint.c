/* SPDX-License-Identifier: MIT */
/*
 * Measures what a session costs here: storage by parts, heap that the backend takes, and the deepest stack of the calls.
 *
 * usage: footprint NAME [MEMORY STACK]
 *
 * NAME says for what it was compiled. With limits, fails if a session with 8 streams over the leanest backend takes more
 * than MEMORY bytes, heap included, or if seal or open take more than STACK bytes over it.
 *
 * To be linked with --wrap for malloc, calloc, realloc and free, and with the crypto libraries' static archives: so that
 * their calls are counted as well.
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "mqtt_e2e/session.h"

static const mqtt_e2e_crypto *const backends[] = {
#ifdef TEST_OPENSSL
    &mqtt_e2e_openssl,
#endif
#ifdef TEST_MBEDTLS
    &mqtt_e2e_mbedtls,
#endif
#ifdef TEST_BEARSSL
    &mqtt_e2e_bearssl,
#endif
};
#define BACKENDS (sizeof backends / sizeof backends[0])

static void check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "footprint: %s\n", what);
        exit(1);
    }
}

/* ---- Heap: what is taken now, and the most that was, as the allocator rounds it ------------------ */

static size_t heap, heap_most;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *p);

static void *taken(void *p)
{
    heap += malloc_usable_size(p); /* 0 for NULL */
    if (heap > heap_most)
        heap_most = heap;
    return p;
}

void *__wrap_malloc(size_t size)
{
    return taken(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return taken(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    size_t before = malloc_usable_size(old);
    void *p = __real_realloc(old, size);

    if (p != NULL || size == 0)
        heap -= before;
    return taken(p);
}

void __wrap_free(void *p)
{
    heap -= malloc_usable_size(p);
    __real_free(p);
}

/* ---- A session, and the calls whose stack is measured -------------------------------------------- */

static _Alignas(8) uint64_t storage[8192 / 8];
static mqtt_e2e_session *session;
static mqtt_e2e_options options;
static mqtt_e2e_topic topic;
static uint8_t packet[43 + 100], copy[sizeof packet], out[sizeof packet];
static char wire[MQTT_E2E_WIRE_SIZE(12, 11, 2)];

static const uint8_t key[32] =
    "0123456789abcdef0123456789abcdef"; /* longest: AES-256 has the longest schedule */
static uint8_t entropy[MQTT_E2E_RANDOM_SIZE];
#define NOW INT64_C(1795459591440)

static void choose(const mqtt_e2e_crypto *crypto, uint16_t streams)
{
    mqtt_e2e_defaults(&options);
    options.crypto = crypto;
    options.key = key;
    options.key_len = sizeof key;
    options.streams = streams;
}

static void do_nothing(void)
{
}

static void do_init(void)
{
    check(mqtt_e2e_init(&session, storage, sizeof storage, &options, entropy, NOW) == MQTT_E2E_OK,
          "init failed");
}

static void do_hide(void)
{
    check(mqtt_e2e_hide(session, "iot/kitchen", wire, sizeof wire, &topic) == MQTT_E2E_OK, "hide failed");
}

static void do_seal(void)
{
    size_t len;

    check(mqtt_e2e_seal(session, &topic, MQTT_E2E_MESSAGE, entropy, sizeof entropy, packet, sizeof packet,
                        NOW + 1, &len) == MQTT_E2E_OK,
          "seal failed");
}

static void do_open(void)
{
    mqtt_e2e_message message;

    check(mqtt_e2e_open(session, &topic, packet, 43 + 50, out, sizeof out, NOW + 2, &message) == MQTT_E2E_OK,
          "open failed");
}

static void do_wipe(void)
{
    mqtt_e2e_wipe(session);
}

/* ---- Stack: painted, and looked at afterwards ----------------------------------------------------- */

static _Alignas(16) uint8_t stack[256 * 1024];
static void (*to_run)(void);

static void run_on_stack(void)
{
    to_run();
}

static size_t painted_stack(void (*call)(void))
{
    ucontext_t here, there;
    size_t untouched = 0;

    memset(stack, 0xa5, sizeof stack);
    to_run = call;
    check(getcontext(&there) == 0, "getcontext failed");
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof stack;
    there.uc_link = &here;
    makecontext(&there, run_on_stack, 0);
    check(swapcontext(&here, &there) == 0, "swapcontext failed");
    while (untouched < sizeof stack && stack[untouched] == 0xa5)
        untouched++;
    return sizeof stack - untouched;
}

static size_t stack_of(void (*call)(void))
{
    return painted_stack(call) - painted_stack(do_nothing);
}

/* Prints the deepest stack of each call; returns the deepest of seal and open. */
static size_t report_stack(const char *name, const mqtt_e2e_crypto *crypto)
{
    size_t init, hide, seal, open, wipe;

    choose(crypto, 8);
    do_init(); /* what OpenSSL and mbedTLS do once is not counted */
    do_hide();
    do_wipe();
    init = stack_of(do_init);
    hide = stack_of(do_hide);
    seal = stack_of(do_seal);
    do_seal();
    memcpy(copy, packet, sizeof packet);
    mqtt_e2e_wipe(session);
    entropy[0]++; /* another stream, which accepts what the first one sent */
    do_init();
    do_hide();
    memcpy(packet, copy, sizeof packet);
    open = stack_of(do_open);
    wipe = stack_of(do_wipe);
    printf("%-8s %-8s %7zu %7zu %7zu %7zu %7zu\n", name, crypto->name, init, hide, seal, open, wipe);
    return seal > open ? seal : open;
}

/* ---- Memory --------------------------------------------------------------------------------------- */

/* Prints a row; returns storage and heap together. */
static size_t report_memory(const char *name, const mqtt_e2e_crypto *crypto, uint16_t streams)
{
    size_t size, kept, held, most;

    choose(crypto, streams);
    size = mqtt_e2e_session_size(&options);
    check(size == MQTT_E2E_SESSION_SIZE(crypto->state_size, streams, 64, 2, 0),
          "macro and function disagree");
    check(size <= sizeof storage, "no room");
    check(mqtt_e2e_init(&session, storage, size - 1, &options, entropy, NOW) == MQTT_E2E_NO_ROOM,
          "less would do");
    do_init(); /* once, for what the library keeps for the whole process */
    do_wipe();
    kept = heap;
    heap_most = heap;
    check(mqtt_e2e_init(&session, storage, size, &options, entropy, NOW) == MQTT_E2E_OK, "init failed");
    held = heap - kept;
    do_hide();
    do_seal();
    most = heap_most - kept;
    do_wipe();
    check(heap == kept, "wipe left something on the heap");
    printf("%-8s %-8s %7u %7zu %7zu %7zu %7zu %7zu %7zu %7zu\n", name, crypto->name, streams,
           MQTT_E2E_ALIGN_(sizeof(mqtt_e2e_session)), crypto->state_size,
           streams * (size_t)MQTT_E2E_STREAM_SIZE_(64), 2 * sizeof(mqtt_e2e_open_request_), held, size + held,
           most - held);
    return size + held;
}

int main(int argc, char **argv)
{
    static const uint16_t streams[] = {4, 8, 16};
    size_t leanest = SIZE_MAX, stack_used = 0;
    const mqtt_e2e_crypto *lean = NULL;

    check(argc == 2 || argc == 4, "usage: footprint NAME [MEMORY STACK]");
    printf("%-8s %-8s %7s %7s %7s %7s %7s %7s %7s %7s\n", "memory", "", "streams", "session", "keys", "table",
           "requests", "heap", "all", "briefly");
    for (size_t b = 0; b < BACKENDS; b++) {
        for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
            size_t all = report_memory(argv[1], backends[b], streams[i]);
            if (streams[i] == 8 && all < leanest) {
                leanest = all;
                lean = backends[b];
            }
        }
    }
    printf("%-8s %-8s %7s %7s %7s %7s %7s\n", "stack", "", "init", "hide", "seal", "open", "wipe");
    for (size_t b = 0; b < BACKENDS; b++) {
        size_t used = report_stack(argv[1], backends[b]);
        if (backends[b] == lean)
            stack_used = used;
    }
    if (argc == 4) {
        size_t limit = strtoul(argv[2], NULL, 10), stack_limit = strtoul(argv[3], NULL, 10);
        printf("%s: %zu of %zu bytes of memory, %zu of %zu of stack, over %s\n", argv[1], leanest, limit,
               stack_used, stack_limit, lean->name);
        check(leanest <= limit, "a session with 8 streams takes too much memory");
        check(stack_used <= stack_limit, "seal or open take too much stack");
    }
    return 0;
}
