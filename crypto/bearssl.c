/* SPDX-License-Identifier: MIT */
/*
 * The backend for microcontrollers without an AES engine: BearSSL, constant time in software.
 *
 * Key state   544 bytes where pointers have 32 bits, 560 where they have 64: two AES key schedules (seal, mask),
 *             the hash key H of GCM, and the topic cipher's key as it came, whose schedule is made on the stack for
 *             each use, since topics are hidden once and then kept.
 * Heap        None.
 * Stack       `seal` and `open` under 1.2 kB on Cortex-M, most of it BearSSL's expanded key.
 * Constant    Yes: bit-sliced AES (aes_ct; aes_ct64 on 64-bit machines), and GHASH by multiplications that keep to
 * time        32 bits of the product (ghash_ctmul32; ghash_ctmul64 on 64-bit machines). The faster ghash_ctmul is left
 *             alone: it needs the long product, whose time on a Cortex-M3 depends on the factors.
 * Wiped       Temporaries here, and the stack below, where BearSSL leaves expanded keys.
 *
 * GCM is put together here from BearSSL's CTR and GHASH (SP 800-38D §7): its br_gcm_context would be made anew for
 * each message, encrypting a block for H each time, or be kept, with an own copy of the hash state. And HMAC from its
 * SHA-256 (RFC 2104 §2): br_hmac_context has room for SHA-512, three times over, and took 1.5 kB of stack.
 *
 * AES: FIPS 197. CTR: SP 800-38A §6.5. GCM: SP 800-38D. HMAC: RFC 2104, FIPS 198-1.
 */
#include "mqtt_e2e/crypto.h"

#include <string.h>

#ifndef MQTT_E2E_BEARSSL_HEADER /* it lies elsewhere in the frameworks of some boards */
#define MQTT_E2E_BEARSSL_HEADER <bearssl.h>
#endif
#include MQTT_E2E_BEARSSL_HEADER

#if UINTPTR_MAX > 0xffffffffu
typedef br_aes_ct64_ctr_keys ctr_keys;
#define ctr_init br_aes_ct64_ctr_init
#define ctr_run  br_aes_ct64_ctr_run
#define ghash    br_ghash_ctmul64
#define BATCH    64 /* bytes that the bit-sliced code makes at a time, needed or not */
#else
typedef br_aes_ct_ctr_keys ctr_keys;
#define ctr_init br_aes_ct_ctr_init
#define ctr_run  br_aes_ct_ctr_run
#define ghash    br_ghash_ctmul32
#define BATCH    32
#endif

/* Bytes of stack that BearSSL's functions use below ours, at the most that was measured: on ARM, where stack is dear,
 * on i686, and, of 64-bit machines, on s390x. test_crypto_stack fails where they are too few. */
#if UINTPTR_MAX > 0xffffffffu
#define AES_DEPTH  1984
#define HMAC_DEPTH 768
#elif defined(__arm__)
#define AES_DEPTH  792
#define HMAC_DEPTH 544
#else
#define AES_DEPTH  1024
#define HMAC_DEPTH 640
#endif

/* Where a secret's consequence becomes public; see src/known.h. The constant-time check defines it. */
#ifndef E2E_KNOWN
#define E2E_KNOWN(memory, len) ((void)(memory), (void)(len))
#endif

#define BLOCK      16
#define HASH_BLOCK 64

typedef struct {
    ctr_keys seal;
    ctr_keys mask;
    uint8_t h[BLOCK];
    uint8_t topic[32];
} state;

_Static_assert(sizeof(state) <= MQTT_E2E_CRYPTO_STATE_MAX, "MQTT_E2E_CRYPTO_STATE_MAX is too small");

/* ---- Wiping ------------------------------------------------------------------------------------ */

static void wipe_words(volatile size_t *p, size_t bytes)
{
    for (size_t i = 0; i < bytes / sizeof *p; i++)
        p[i] = 0;
}

static void wipe_bytes(void *memory, size_t len)
{
    volatile uint8_t *p = memory;

    while (len-- > 0)
        *p++ = 0;
}

static void wipe_below_aes(void)
{
    size_t below[AES_DEPTH / sizeof(size_t)];

    wipe_words(below, sizeof below);
}

static void wipe_below_hmac(void)
{
    size_t below[HMAC_DEPTH / sizeof(size_t)];

    wipe_words(below, sizeof below);
}

/* Called through pointers that the compiler must read, so that they aren't inlined: their frames have to lie where
 * those of BearSSL's functions lay. */
static void (*const volatile wipe_stack_of_aes)(void) = wipe_below_aes;
static void (*const volatile wipe_stack_of_hmac)(void) = wipe_below_hmac;

/* ---- HMAC -------------------------------------------------------------------------------------- */

/* hash = the start of SHA-256 over the key, made up to a block and masked with `pad`. */
static void start_with_key(br_sha256_context *hash, const uint8_t *key, size_t key_len, uint8_t pad)
{
    uint8_t block[HASH_BLOCK];

    for (size_t i = 0; i < sizeof block; i++)
        block[i] = i < key_len ? key[i] ^ pad : pad;
    br_sha256_init(hash);
    br_sha256_update(hash, block, sizeof block);
    wipe_bytes(block, sizeof block);
}

static int hmac(const uint8_t *key, size_t key_len, const mqtt_e2e_bytes *parts, size_t count,
                uint8_t out[MQTT_E2E_HASH_SIZE])
{
    br_sha256_context hash;
    uint8_t inner[MQTT_E2E_HASH_SIZE];

    start_with_key(&hash, key, key_len, 0x36);
    for (size_t i = 0; i < count; i++)
        if (parts[i].len > 0)
            br_sha256_update(&hash, parts[i].data, parts[i].len);
    br_sha256_out(&hash, inner);
    start_with_key(&hash, key, key_len, 0x5c);
    br_sha256_update(&hash, inner, sizeof inner);
    br_sha256_out(&hash, out);
    wipe_bytes(&hash, sizeof hash);
    wipe_bytes(inner, sizeof inner);
    wipe_stack_of_hmac();
    return 0;
}

/* ---- Set-up ------------------------------------------------------------------------------------ */

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* block = AES(key, block): BearSSL has no single block in the open, but the key stream of the counter block `block`
 * over zeros is just that. */
static void encrypt_block(const ctr_keys *keys, uint8_t block[BLOCK])
{
    uint8_t counter_block[BLOCK];

    memcpy(counter_block, block, BLOCK);
    memset(block, 0, BLOCK);
    ctr_run(keys, counter_block, read32(counter_block + 12), block, BLOCK);
    wipe_stack_of_aes(); /* from here: a caller's would not reach as deep */
}

static int init(void *memory, const uint8_t *keys, size_t key_len)
{
    state *s = memory;

    memset(s, 0, sizeof *s);
    ctr_init(&s->seal, keys, key_len);
    ctr_init(&s->mask, keys + key_len, key_len);
    memcpy(s->topic, keys + 2 * key_len, key_len);
    encrypt_block(&s->seal, s->h);
    wipe_stack_of_aes();
    return 0;
}

static void wipe(void *memory)
{
    wipe_bytes(memory, sizeof(state));
}

/* ---- GCM --------------------------------------------------------------------------------------- */

/* The first batch of key stream covers two things at once, since half a batch costs a whole one: the block that hides the tag
 * (counter 1), and the head of the text (from counter 2). Returns how long that head is. */
#define HEAD (BATCH - BLOCK)

static size_t crypt_head(const state *s, const uint8_t *nonce, uint8_t batch[BATCH], const uint8_t *text,
                         size_t len)
{
    size_t head = len < HEAD ? len : HEAD;

    memset(batch, 0, BLOCK);
    if (head > 0)
        memcpy(batch + BLOCK, text, head);
    ctr_run(&s->seal, nonce, 1, batch, BLOCK + head);
    return head;
}

static void crypt_rest(const state *s, const uint8_t *nonce, uint8_t *text, size_t len)
{
    if (len > HEAD)
        ctr_run(&s->seal, nonce, BATCH / BLOCK + 1, text + HEAD, len - HEAD);
}

static void write_bits(uint8_t out[8], size_t bytes)
{
    uint64_t bits = (uint64_t)bytes * 8;

    for (int i = 7; i >= 0; i--, bits >>= 8)
        out[i] = (uint8_t)bits;
}

/* GHASH of AAD, ciphertext and their lengths, hidden by `tag_mask`. */
static void make_tag(const state *s, const void *aad, size_t aad_len, const uint8_t *text, size_t len,
                     const uint8_t tag_mask[BLOCK], uint8_t tag[MQTT_E2E_TAG_SIZE])
{
    uint8_t lengths[BLOCK];

    memset(tag, 0, MQTT_E2E_TAG_SIZE);
    ghash(tag, s->h, aad, aad_len);
    ghash(tag, s->h, text, len);
    write_bits(lengths, aad_len);
    write_bits(lengths + 8, len);
    ghash(tag, s->h, lengths, BLOCK);
    for (size_t i = 0; i < MQTT_E2E_TAG_SIZE; i++)
        tag[i] ^= tag_mask[i];
}

static int seal(void *memory, const uint8_t nonce[MQTT_E2E_NONCE_SIZE], const void *aad, size_t aad_len,
                uint8_t *text, size_t len, uint8_t tag[MQTT_E2E_TAG_SIZE])
{
    const state *s = memory;
    uint8_t batch[BATCH];
    size_t head = crypt_head(s, nonce, batch, text, len);

    if (head > 0)
        memcpy(text, batch + BLOCK, head);
    crypt_rest(s, nonce, text, len);
    make_tag(s, aad, aad_len, text, len, batch, tag);
    wipe_bytes(batch, sizeof batch);
    wipe_stack_of_aes();
    return 0;
}

/* Checks the tag before it writes any text: that of a forged packet never exists, but for its head, here. */
static int open(void *memory, const uint8_t nonce[MQTT_E2E_NONCE_SIZE], const void *aad, size_t aad_len,
                const uint8_t *in, uint8_t *out, size_t len, const uint8_t tag[MQTT_E2E_TAG_SIZE])
{
    const state *s = memory;
    uint8_t batch[BATCH];
    uint8_t expected[MQTT_E2E_TAG_SIZE];
    uint8_t differ = 0;
    size_t head = crypt_head(s, nonce, batch, in, len);

    make_tag(s, aad, aad_len, in, len, batch, expected);
    for (size_t i = 0; i < MQTT_E2E_TAG_SIZE; i++)
        differ |= expected[i] ^ tag[i];
    E2E_KNOWN(&differ, sizeof differ); /* the verdict, which the sender sees */
    if (differ == 0 && len > 0) {
        if (out != in)
            memcpy(out, in, len);
        memcpy(out, batch + BLOCK, head);
        crypt_rest(s, nonce, out, len);
    } else if (len > 0) {
        memset(out, 0, len);
    }
    wipe_bytes(batch, sizeof batch);
    wipe_bytes(expected, sizeof expected);
    wipe_stack_of_aes();
    return differ == 0 ? 0 : -1;
}

/* ---- Mask and topics --------------------------------------------------------------------------- */

static int mask(void *memory, const uint8_t tag[16], uint8_t out[16])
{
    memmove(out, tag, BLOCK);
    encrypt_block(&((const state *)memory)->mask, out);
    return 0;
}

/* Adds 1 to the 96 bits before the counter. */
static void carry(uint8_t iv[12])
{
    for (int i = 11; i >= 0 && ++iv[i] == 0; i--)
        ;
}

static int topic(void *memory, const uint8_t iv[16], uint8_t *text, size_t len)
{
    const state *s = memory;
    size_t key_len = s->seal.num_rounds == 10 ? 16 : 32;
    ctr_keys keys;
    uint8_t upper[12];
    uint32_t counter = read32(iv + 12);
    /* Blocks until the counter's 32 bits are used up (0: all of them), when BearSSL would go on without a carry. */
    uint32_t left = 0 - counter;
    size_t first = left > 0 && len / BLOCK >= left ? (size_t)left * BLOCK : len;

    memcpy(upper, iv, sizeof upper);
    ctr_init(&keys, s->topic, key_len);
    ctr_run(&keys, upper, counter, text, first);
    if (len > first) {
        carry(upper);
        ctr_run(&keys, upper, 0, text + first, len - first);
    }
    wipe_bytes(&keys, sizeof keys);
    wipe_stack_of_aes();
    return 0;
}

const mqtt_e2e_crypto mqtt_e2e_bearssl = {
    .name = "bearssl",
    .state_size = sizeof(state),
    .hmac = hmac,
    .init = init,
    .seal = seal,
    .open = open,
    .mask = mask,
    .topic = topic,
    .wipe = wipe,
};
