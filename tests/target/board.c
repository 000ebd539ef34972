/* SPDX-License-Identifier: MIT */
#include "board.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* ---- Saying ---- */

void board_say(const char *name, uint32_t value)
{
    char digits[11];
    char *p = digits + sizeof digits - 1;

    *p = '\0';
    do {
        *--p = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    chip_print(name);
    chip_print(" ");
    chip_print(p);
    chip_print("\n");
}

void board_check(bool ok, const char *what)
{
    if (ok)
        return;
    chip_print("failed: ");
    chip_print(what);
    chip_print("\n");
    chip_exit(1);
}

/* ---- Counting ---- */

static void nothing(void)
{
}

static uint32_t count(void (*volatile call)(void))
{
    uint32_t from = chip_counter();

    call();
    return chip_instructions(from, chip_counter());
}

uint32_t board_count(void (*call)(void))
{
    return count(call) - count(nothing);
}

uint32_t *board_top;

#define PAINT 0xa5a5a5a5u

/* Inline: nothing may be called that would lie where it paints. */
static inline void paint(uint32_t *top)
{
    for (volatile uint32_t *p = chip_stack_low; p < top; p++)
        *p = PAINT;
}

uint32_t board_left(void (*call)(void))
{
    uint32_t *top = chip_stack_pointer();
    uint32_t sum = 2166136261u; /* FNV-1a, of words */

    paint(top);
    chip_call(call);
    for (volatile uint32_t *p = chip_stack_low; p < top; p++)
        sum = (sum ^ *p) * 16777619u ^ sum >> 15;
    return sum;
}

uint32_t board_stack(void (*volatile call)(void))
{
    uint32_t *top = chip_stack_pointer();
    volatile uint32_t *p;

    paint(top);
    call();
    for (p = chip_stack_low; p < top && *p == PAINT; p++)
        ;
    board_check(p > chip_stack_low && board_top <= top, "the stack is too small");
    return (uint32_t)((uintptr_t)board_top - (uintptr_t)p);
}

/* ---- Heap ---- */

uint32_t board_heap, board_heap_most;

void *__real_malloc(size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t number, size_t size);
void __wrap_free(void *p);

static void *taken(void *p)
{
    if (p != NULL)
        board_heap += malloc_usable_size(p);
    if (board_heap > board_heap_most)
        board_heap_most = board_heap;
    return p;
}

void *__wrap_malloc(size_t size)
{
    return taken(__real_malloc(size));
}

/* Not by the libc's: it may call malloc, and so be counted twice. */
void *__wrap_calloc(size_t number, size_t size)
{
    void *p = __wrap_malloc(number * size);

    return p != NULL ? memset(p, 0, number * size) : NULL;
}

void __wrap_free(void *p)
{
    if (p != NULL)
        board_heap -= malloc_usable_size(p);
    __real_free(p);
}
