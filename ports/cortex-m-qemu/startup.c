/* SPDX-License-Identifier: MIT */
/* From reset to main: ARMv7-M Architecture Reference Manual B1.5. */
#include <errno.h>
#include <string.h>

#include "board.h"

extern uint32_t board_data_load[], board_data[], board_data_end[], board_bss[], board_bss_end[],
    board_stack_top[]; /* mps2.ld */

int main(void);
void startup_reset(void);
void *_sbrk(ptrdiff_t size);

static void fault(void)
{
    board_fail("fault");
}

static void tick(void)
{
    /* has woken the processor, and that is all it is for */
}

typedef void (*vector)(void);

static const struct {
    const uint32_t *stack;
    vector reset, nmi, hard_fault, memory, bus, usage, reserved[4], svc, debug, reserved_too, pend_sv,
        sys_tick;
    vector interrupts[32];
} vectors __attribute__((section(".vectors"), used)) = {
    .stack = board_stack_top,
    .reset = startup_reset,
    .nmi = fault,
    .hard_fault = fault,
    .memory = fault,
    .bus = fault,
    .usage = fault,
    .svc = fault,
    .debug = fault,
    .pend_sv = fault,
    .sys_tick = tick,
};

void startup_reset(void)
{
    memcpy(board_data, board_data_load, (size_t)((char *)board_data_end - (char *)board_data));
    memset(board_bss, 0, (size_t)((char *)board_bss_end - (char *)board_bss));
    main();
    board_fail("main returned");
}

/* newlib asks this for heap. There is none. */
void *_sbrk(ptrdiff_t size)
{
    (void)size;
    errno = ENOMEM;
    return (void *)-1;
}
