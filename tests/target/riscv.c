/* SPDX-License-Identifier: MIT */
/*
 * RV32 on qemu's virt. The emulator loads the program to where it runs, so nothing is copied or cleared at the start.
 *
 * minstret counts executed instructions, under -icount exactly.
 */
#include "board.h"

int main(void);
void start_c(void);
void fault(void);

/* First in memory, where the board starts. */
__asm__(".section .start, \"ax\"\n"
        ".option arch, +zicsr\n"
        ".globl start\n"
        "start:\n"
        "    la sp, stack_top\n"
        "    la t0, fault\n"
        "    csrw mtvec, t0\n"
        "    j start_c\n"
        ".text\n");

void start_c(void)
{
    chip_exit(main());
}

/* mtvec wants it aligned to 4. */
__attribute__((aligned(4))) void fault(void)
{
    chip_print("failed: a fault of the processor\n");
    chip_exit(2);
}

/* RISC-V's semihosting: operation in a0, what it is about in a1. The three instructions mark the call, and must be of 32
 * bits, in one page. */
static void semihost(uint32_t operation, const void *about)
{
    register uint32_t a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = about;

    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     ".balign 16\n"
                     "slli zero, zero, 0x1f\n"
                     "ebreak\n"
                     "srai zero, zero, 7\n"
                     ".option pop\n"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
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
    uint32_t value;

    __asm__ volatile(".option arch, +zicsr\n"
                     "csrr %0, minstret"
                     : "=r"(value));
    return value;
}

uint32_t chip_instructions(uint32_t from, uint32_t to)
{
    return to - from;
}

uint32_t *chip_stack_pointer(void)
{
    uint32_t *sp;

    __asm__ volatile("mv %0, sp" : "=r"(sp));
    return sp;
}
