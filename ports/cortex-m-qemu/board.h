/* SPDX-License-Identifier: MIT */
/* The board: MPS2 with the image AN386 (Cortex-M4), as QEMU's machine mps2-an386 has it. */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void board_start(void);

/* Milliseconds since the start; never 0 or less. */
int64_t board_now_ms(void);

/* Sleeps until the next interrupt: 2 ms at most. */
void board_sleep(void);

void board_led(bool on);

/* Bytes of RAM that nothing has used since the start: between the variables and the deepest stack. */
unsigned long board_free_memory(void);

/* 32 random bits for timers and ports, no secrets: of a generator that board_seed sets up. */
uint32_t board_random_u32(void);
void board_seed(uint32_t seed);

/* Logs `text` and ends with an error. On a board it would reset. */
void board_fail(const char *text) __attribute__((noreturn));

#endif
