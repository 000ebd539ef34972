/* SPDX-License-Identifier: MIT */
#include "board.h"

#include "semihosting.h"

#define REG(address) (*(volatile uint32_t *)(address))

/* FPGA I/O registers (Arm AN386, table "FPGA system control and I/O"). */
#define FPGAIO_LED      REG(0x40028000)
#define FPGAIO_COUNTER  REG(0x40028018) /* counts each FPGAIO_PRESCALE + 1 clocks */
#define FPGAIO_PRESCALE REG(0x4002801c)

/* ARMv7-M Architecture Reference Manual B3.3.2 */
#define SYST_CSR REG(0xe000e010)
#define SYST_RVR REG(0xe000e014)
#define SYST_CVR REG(0xe000e018)

#define CLOCK_HZ 25000000
#define PAINT    0xa5a5a5a5u

extern uint32_t board_bss_end[], board_stack_top[]; /* mps2.ld */

static uint32_t random_state = 1;

void board_start(void)
{
    uint32_t *here = __builtin_frame_address(0);

    for (uint32_t *at = board_bss_end; at < here - 64; at++)
        *at = PAINT;
    FPGAIO_LED = 0;
    FPGAIO_PRESCALE = CLOCK_HZ / 1000 - 1;
    FPGAIO_COUNTER = 0;
    SYST_RVR = CLOCK_HZ / 500 - 1;
    SYST_CVR = 0;
    SYST_CSR = 7; /* processor clock, interrupt, on */
}

/* The counter has 32 bits: 49 days. This is called far more often. */
int64_t board_now_ms(void)
{
    static uint32_t last, wraps;
    uint32_t now = FPGAIO_COUNTER;

    if (now < last)
        wraps++;
    last = now;
    return ((int64_t)wraps << 32 | now) + 1;
}

void board_sleep(void)
{
    __asm__ volatile("wfi" ::: "memory");
}

void board_led(bool on)
{
    FPGAIO_LED = on;
}

unsigned long board_free_memory(void)
{
    const uint32_t *at = board_bss_end;

    while (at < board_stack_top && *at == PAINT)
        at++;
    return (unsigned long)((const char *)at - (const char *)board_bss_end);
}

/* Marsaglia's xorshift (Xorshift RNGs, 2003) */
uint32_t board_random_u32(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

void board_seed(uint32_t seed)
{
    random_state = seed != 0 ? seed : 1;
}

void board_fail(const char *text)
{
    semihosting_log("firmware: ");
    semihosting_log(text);
    semihosting_log("\n");
    semihosting_exit(1);
}
