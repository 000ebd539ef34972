/* SPDX-License-Identifier: MIT */
/*
 * Cortex-M on qemu's mps2-an386. The emulator loads the program to where it runs, so nothing is copied or cleared at the
 * start.
 *
 * SysTick runs at 25 MHz, a tick in 40 ns; under -icount shift=6 an instruction takes 64 ns.
 */
#include "board.h"

int main(void);
void reset(void);
void fault(void);
void *_sbrk(ptrdiff_t more);

extern uint32_t stack_top[];
extern char heap_low[], heap_high[];

static const void *const vectors[16] __attribute__((section(".vectors"), used)) = {
    stack_top, (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
};

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xe000e010)
#define SYSTICK_RELOAD  (*(volatile uint32_t *)0xe000e014)
#define SYSTICK_VALUE   (*(volatile uint32_t *)0xe000e018)

void reset(void)
{
    SYSTICK_RELOAD = 0xffffff;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 5; /* on, by the core's clock, without interrupts */
    chip_exit(main());
}

void fault(void)
{
    chip_print("failed: a fault of the processor\n");
    chip_exit(2);
}

/* Arm's semihosting: operation in r0, what it is about in r1. */
static void semihost(uint32_t operation, const void *about)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = about;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void chip_print(const char *text)
{
    semihost(0x04, text); /* SYS_WRITE0 */
}

_Noreturn void chip_exit(int code)
{
    uint32_t reason[2] = {0x20026, (uint32_t)code}; /* ADP_Stopped_ApplicationExit */

    semihost(0x20, reason); /* SYS_EXIT_EXTENDED */
    for (;;)
        ;
}

uint32_t chip_counter(void)
{
    return SYSTICK_VALUE;
}

/* It counts down. 10 million instructions at most. */
uint32_t chip_instructions(uint32_t from, uint32_t to)
{
    return ((from - to) & 0xffffff) * 5 / 8;
}

uint32_t *chip_stack_pointer(void)
{
    uint32_t *sp;

    __asm__ volatile("mov %0, sp" : "=r"(sp));
    return sp;
}

/* Where newlib's malloc gets its memory from. */
void *_sbrk(ptrdiff_t more)
{
    static char *end = heap_low;
    char *old = end;

    if (more > heap_high - end)
        return (void *)-1;
    end += more;
    return old;
}
