/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_FREED_H
#define MQTT_E2E_TESTS_FREED_H
/* Keeps what libraries free, for a look at it afterwards. */
#include <stddef.h>
#include <stdint.h>

#define FREED_ROOM 1000000

/* What was freed, block after block, as it was. */
extern uint8_t freed_memory[FREED_ROOM];

/* Keeps every block of the heap that is freed from now on, in whatever library, until freed_stop, which returns how many bytes
 * that were. Always none where it can't be done: without glibc, and under the address sanitizer. */
void freed_start(void);
size_t freed_stop(void);

#endif
