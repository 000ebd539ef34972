/* SPDX-License-Identifier: MIT */
#include "semihosting.h"

#include <stdint.h>
#include <string.h>

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE0 = 0x04,
    SYS_READ = 0x06,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT_EXTENDED = 0x20
};
#define OPEN_READ_BINARY             1
#define ADP_STOPPED_APPLICATION_EXIT 0x20026

static int call(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void semihosting_log(const char *text)
{
    call(SYS_WRITE0, text);
}

bool semihosting_command_line(char *out, size_t size)
{
    uintptr_t block[2] = {(uintptr_t)out, size};

    return call(SYS_GET_CMDLINE, block) == 0;
}

long semihosting_read_file(const char *path, void *out, size_t size)
{
    uintptr_t open[3] = {(uintptr_t)path, OPEN_READ_BINARY, strlen(path)};
    int file = call(SYS_OPEN, open);

    if (file < 0)
        return -1;

    uintptr_t read[3] = {(uintptr_t)file, (uintptr_t)out, size};
    int missing = call(SYS_READ, read); /* of `size` bytes */
    uintptr_t close[1] = {(uintptr_t)file};

    call(SYS_CLOSE, close);
    return missing >= 0 && (size_t)missing <= size ? (long)(size - (size_t)missing) : -1;
}

void semihosting_exit(int status)
{
    uintptr_t block[2] = {ADP_STOPPED_APPLICATION_EXIT, (uintptr_t)status};

    for (;;)
        call(SYS_EXIT_EXTENDED, block);
}
