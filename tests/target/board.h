/* SPDX-License-Identifier: MIT */
#ifndef TARGET_BOARD_H
#define TARGET_BOARD_H
/*
 * What a measuring program needs of the emulated board it runs on: a way to say what it found, a count of executed
 * instructions, and a stack to look at. chip_*: by the processor (cortex_m.c, riscv.c); board_*: on top of that.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text to whoever started the emulator, and its end, both by semihosting. */
void chip_print(const char *text);
_Noreturn void chip_exit(int code);

/* A counter that moves with executed instructions, and how many they were between two readings of it. */
uint32_t chip_counter(void);
uint32_t chip_instructions(uint32_t from, uint32_t to);

/* Where the stack ends, and how far it is used here. */
extern uint32_t chip_stack_low[];
uint32_t *chip_stack_pointer(void);

/* Prints "name value". */
void board_say(const char *name, uint32_t value);

/* Says what is wrong and ends the program unless `ok`. */
void board_check(bool ok, const char *what);

/* Executed instructions of a call; those of calling something empty taken off. */
uint32_t board_count(void (*call)(void));

/* Bytes of stack that a call used at its deepest, below where `call` said board_here(): its caller's own are not its. */
uint32_t board_stack(void (*call)(void));
extern uint32_t *board_top;
static inline void board_here(void)
{
    board_top = chip_stack_pointer();
}

/* Bytes of heap that are taken now, as the allocator rounds them, and the most that were since the last time this was
 * set. The program is linked with --wrap for malloc, calloc and free. */
extern uint32_t board_heap, board_heap_most;

#endif
