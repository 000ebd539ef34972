/* SPDX-License-Identifier: MIT */
/* What the emulator does for the firmware: Arm's "Semihosting for AArch32 and AArch64". */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdbool.h>
#include <stddef.h>

/* To the emulator's standard error. */
void semihosting_log(const char *text);

/* The command line, with a NUL. False: it has no room. */
bool semihosting_command_line(char *out, size_t size);

/* Reads at most `size` bytes of a file of the host from its start. -1: can't be read. */
long semihosting_read_file(const char *path, void *out, size_t size);

void semihosting_exit(int status) __attribute__((noreturn));

#endif
