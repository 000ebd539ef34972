/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_KNOWN_VALGRIND_H
#define MQTT_E2E_TESTS_KNOWN_VALGRIND_H
/* Put before src/ and crypto/ by the compiler's -include: where they say E2E_KNOWN, valgrind forgets that memory was secret. */
#include <valgrind/memcheck.h>

#define E2E_KNOWN(memory, len) ((void)VALGRIND_MAKE_MEM_DEFINED(memory, len))

#endif
