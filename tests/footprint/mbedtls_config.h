/* SPDX-License-Identifier: MIT */
/* mbedTLS 2.28 as firmware configures it for this protocol alone: what crypto/mbedtls.c needs, tables in flash. */
#ifndef FOOTPRINT_MBEDTLS_CONFIG_H
#define FOOTPRINT_MBEDTLS_CONFIG_H

#define MBEDTLS_AES_C
#define MBEDTLS_AES_FEWER_TABLES /* 6 kB less of flash; slower where a rotation takes several instructions */
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_CIPHER_C
#define MBEDTLS_CIPHER_MODE_CTR
#define MBEDTLS_GCM_C
#define MBEDTLS_MD_C
#define MBEDTLS_SHA224_C
#define MBEDTLS_SHA256_C

#endif
