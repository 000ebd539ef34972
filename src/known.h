/* SPDX-License-Identifier: MIT */
#ifndef E2E_KNOWN_H
#define E2E_KNOWN_H
/*
 * Where a value that was computed from secrets stops being one: the code may branch on it from here on, because
 * everybody sees it, or sees what the receiver does with it. It compiles to nothing; the constant-time check
 * (tests/ct) defines it, and finds every branch on what was not declared so.
 */
#ifndef E2E_KNOWN
#define E2E_KNOWN(memory, len) ((void)(memory), (void)(len))
#endif
#endif
