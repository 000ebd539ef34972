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

/* A call with the same in all registers that it may save, so that what it saves tells nothing of its caller. */
static inline void chip_call(void (*call)(void))
{
#ifdef __arm__
    register void (*where)(void) __asm__("r0") = call;

    __asm__ volatile("movs r4, #0\n mov r5, r4\n mov r6, r4\n mov r7, r4\n mov r8, r4\n mov r9, r4\n"
                     "mov r10, r4\n mov r11, r4\n mov r1, r4\n mov r2, r4\n mov r3, r4\n blx r0"
                     : "+r"(where)
                     :
                     : "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
                       "memory");
#else
    register void (*where)(void) __asm__("a0") = call;

    __asm__ volatile("li s0, 0\n li s1, 0\n li s2, 0\n li s3, 0\n li s4, 0\n li s5, 0\n li s6, 0\n li s7, 0\n"
                     "li s8, 0\n li s9, 0\n li s10, 0\n li s11, 0\n jalr a0"
                     : "+r"(where)
                     :
                     : "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a1", "a2", "a3", "a4", "a5", "a6",
                       "a7", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11",
                       "memory");
#endif
}

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

/* A sum over what a call left behind on the stack below, which was painted before. */
uint32_t board_left(void (*call)(void));

/* Bytes of heap that are taken now, as the allocator rounds them, and the most that were since the last time this was
 * set. The program is linked with --wrap for malloc, calloc and free. */
extern uint32_t board_heap, board_heap_most;

#endif
