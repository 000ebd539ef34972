/* SPDX-License-Identifier: MIT */
#include "painted.h"

#include "support.h"

#include <string.h>
#include <ucontext.h>

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND false
#endif

_Alignas(16) uint8_t painted_stack[PAINTED_SIZE];

static void (*to_run)(void);

bool painted_works(void)
{
    return !PAINTED_SANITIZED && !RUNNING_ON_VALGRIND;
}

static void run_on_stack(void)
{
    to_run();
}

void painted_run(void (*call)(void))
{
    static ucontext_t here, there;

    memset(painted_stack, 0xa5, sizeof painted_stack);
    to_run = call;
    assert_int_equal(getcontext(&there), 0);
    there.uc_stack.ss_sp = painted_stack;
    there.uc_stack.ss_size = sizeof painted_stack;
    there.uc_link = &here;
    makecontext(&there, run_on_stack, 0);
    assert_int_equal(swapcontext(&here, &there), 0);
}
