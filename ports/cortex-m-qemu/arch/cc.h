/* SPDX-License-Identifier: MIT */
/* What lwIP wants to know of compiler and platform. */
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <stdint.h>

#include <sys/types.h> /* newlib has BYTE_ORDER here */

#include "board.h"

#define LWIP_RAND() board_random_u32()
#define LWIP_PLATFORM_DIAG(x)
#define LWIP_PLATFORM_ASSERT(text) board_fail(text)
#define LWIP_NO_CTYPE_H            1

#endif
