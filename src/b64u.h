/* SPDX-License-Identifier: MIT */
#ifndef E2E_B64U_H
#define E2E_B64U_H
/* Unpadded base64url (RFC 4648 §5), without look-up tables: what is encoded may be secret. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that `n` bytes become. */
#define E2E_B64U_SIZE(n) (((size_t)(n)*4 + 2) / 3)

/* Writes E2E_B64U_SIZE(n) characters, no NUL, and returns how many. `out` may overlap `in` if both end at the same
 * place. */
size_t e2e_b64u_encode(const uint8_t *in, size_t n, char *out);

/* Reads `n` characters into at most n * 3 / 4 bytes. False: a character outside the alphabet, an impossible length, or
 * bits set behind the last byte. `out` may be where `in` is. */
bool e2e_b64u_decode(const char *in, size_t n, uint8_t *out, size_t *len);

#endif
