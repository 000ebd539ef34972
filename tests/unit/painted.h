/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_PAINTED_H
#define MQTT_E2E_TESTS_PAINTED_H
/* A stack of its own for a call, painted before, so that one can see afterwards what the call left behind. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAINTED_SIZE 32768

#if defined(__SANITIZE_ADDRESS__)
#define PAINTED_SANITIZED 1
#elif defined(__has_feature)
#define PAINTED_SANITIZED __has_feature(address_sanitizer)
#else
#define PAINTED_SANITIZED 0
#endif

extern uint8_t painted_stack[PAINTED_SIZE];

/* Whether looking there makes sense: the address sanitizer moves locals to the heap, and valgrind forbids to read what lies
 * below the stack pointer. */
bool painted_works(void);

/* Paints the stack, and runs `call` on it. The first calls leave traces of the dynamic linker too. */
void painted_run(void (*call)(void));

#endif
