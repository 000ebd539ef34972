/* SPDX-License-Identifier: MIT */
/*
 * Goal: after a call, nothing secret is left behind where a later bug could read it: no key, nothing that keys were derived
 * through, no payload.
 *
 * Looked at: the stack that the call ran on, painted before; the session's storage after mqtt_e2e_wipe; the output
 * buffer after a refusal; each block of the heap when it is freed. See traces.h for what counts as left behind.
 *
 * Over BearSSL nothing stays, on any processor. Over OpenSSL and mbedTLS the same goes for src/ and the backend, but what
 * the library's own functions spill on the stack is theirs: see `librarys_own`.
 */
#include "b64u.h"
#include "freed.h"
#include "mqtt_e2e/session.h"
#include "painted.h"
#include "support.h"
#include "traces.h"
#include "wipe_secrets.h"

#include <stdlib.h>
#include <string.h>

#define T0   INT64_C(1795459591440)
#define ROOM 400

static const mqtt_e2e_crypto *crypto;
static wipe_secrets secrets;
static size_t key_len;
static bool toit; /* in the Toit profile */

/* ---- The calls ------------------------------------------------------------------------------------ */

static mqtt_e2e_session *session, *peer;
static mqtt_e2e_options options, peer_options;
static _Alignas(8) uint8_t storage[8192], peer_storage[8192];
static mqtt_e2e_topic topic;
static mqtt_e2e_message message;
static mqtt_e2e_status status;
static mqtt_e2e_id request;
static char wire[ROOM], name[ROOM], filter[ROOM], text[MQTT_E2E_FINGERPRINT_SIZE];
static uint8_t packet[ROOM], out[ROOM], state[2000];
static size_t len, state_len;
static int64_t now;

static void do_init(void)
{
    status = mqtt_e2e_init(&session, storage, sizeof storage, &options, secrets.random, T0);
}

static void do_hide(void)
{
    status = mqtt_e2e_hide(session, "iot/kitchen", wire, sizeof wire, &topic);
}

static void do_filter(void)
{
    status = mqtt_e2e_hide_filter(session, "iot/+/x", filter, sizeof filter);
}

static void do_reveal(void)
{
    mqtt_e2e_topic read;

    status = mqtt_e2e_reveal(session, wire, strlen(wire), name, sizeof name, &read);
}

static void do_seal(void)
{
    status = mqtt_e2e_seal(session, &topic, MQTT_E2E_LASTING, secrets.payload, sizeof secrets.payload, packet,
                           sizeof packet, now, &len);
}

static void do_open(void)
{
    status = mqtt_e2e_open(session, &topic, packet, len, out, sizeof out, now, &message);
}

static void do_request(void)
{
    status = mqtt_e2e_request(session, &topic, secrets.payload, sizeof secrets.payload, packet, sizeof packet,
                              now, 0, &len, &request);
}

static void do_reply(void)
{
    status = mqtt_e2e_reply(session, &topic, &request, secrets.payload, sizeof secrets.payload, packet,
                            sizeof packet, now, &len);
}

static void do_renew(void)
{
    status = mqtt_e2e_renew(session, secrets.random, now);
}

static void do_save(void)
{
    status = mqtt_e2e_save(session, state, sizeof state, &state_len);
}

static void do_load(void)
{
    status = mqtt_e2e_load(session, state, state_len, now);
}

static void do_fingerprint(void)
{
    status = mqtt_e2e_fingerprint(crypto, secrets.key, key_len, text);
}

static void do_base(void)
{
    status = mqtt_e2e_key_base(crypto, secrets.key, key_len, text);
}

static void do_device_key(void)
{
    status = mqtt_e2e_device_key(crypto, secrets.key, key_len, "lamp", secrets.device_key);
}

static void do_wipe(void)
{
    mqtt_e2e_wipe(session);
    status = MQTT_E2E_OK;
}

/* What the test must see: a call that leaves a copy of a key. */
static void do_leak(void)
{
    uint8_t copy[512]; /* its low end is deep enough that nobody writes over it by chance */
    volatile uint8_t *p = copy;

    for (size_t i = 0; i < 16; i++)
        p[i] = secrets.seal_key[i];
    status = MQTT_E2E_OK;
}

/* ---- What must be true ---------------------------------------------------------------------------- */

/*
 * What a library leaves on the stack by itself, and promises no better:
 *
 *   mbedTLS 2.28   H of GCM: its multiplication by way of carry-less instructions keeps a copy
 *   both           perhaps more, on processors without instructions for AES, where nothing is claimed
 *
 * OpenSSL 3.0 with such instructions leaves nothing.
 */
static bool librarys_own(const char *trace)
{
    if (strcmp(crypto->name, "bearssl") == 0)
        return false;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul"))
        return strcmp(crypto->name, "mbedtls") == 0 && strcmp(trace, "H of GCM") == 0;
#endif
    return strcmp(trace, "payload") != 0;
}

static const char *running;
static size_t freed_in_all;
static bool first_time;

static void report(const char *where, const char *trace)
{
    if (trace == NULL || first_time || librarys_own(trace))
        return;
    fail_msg("%s, %zu-bit key: %s leaves on the %s a trace of: %s", crypto->name, key_len * 8, running, where,
             trace);
}

static void look(const char *call, void (*run)(void), mqtt_e2e_status expected)
{
    size_t freed;

    running = call;
    freed_start();
    painted_run(run);
    freed = freed_stop();
    freed_in_all += freed;
    if (status != expected)
        fail_msg("%s: %s", call, mqtt_e2e_status_text(status));
    report("stack", traces_in(painted_stack, sizeof painted_stack));
    report("heap", traces_in(freed_memory, freed));
}

static void peer_seals(mqtt_e2e_kind kind)
{
    assert_int_equal(mqtt_e2e_seal(peer, &topic, kind, secrets.payload, sizeof secrets.payload, packet,
                                   sizeof packet, T0 + 1, &len),
                     MQTT_E2E_OK);
    memset(out, 0, sizeof out);
}

static void look_at_refusal(const char *call, int64_t at, mqtt_e2e_status expected)
{
    now = at;
    look(call, do_open, expected);
    assert_null(traces_in(out, sizeof out));
    assert_null(traces_in(&message, sizeof message));
    now = T0 + 1;
}

/* Changes the MAC in the last token. The one that would have been right must not be found either: a forger wants to know it. */
static void spoil_topic(void)
{
    uint8_t raw[24], iv[16] = {0}, level[17] = {1};
    size_t raw_len, token_len = 22;
    char *token = wire + strlen(wire) - token_len;

    *token = *token == 'A' ? 'B' : 'A';
    assert_true(e2e_b64u_decode(token, token_len, raw, &raw_len) && raw_len == 16);
    memcpy(iv, raw, 8);
    memcpy(level + 1, raw + 8, 8);
    assert_int_equal(crypto->topic(session->keys, iv, level + 1, 8), 0);
    if (level[8] != 0) /* else it is refused before */
        wipe_secrets_mac(&secrets, "MAC that a forged token should have had", session->topic_mac, level, 9,
                         0);
}

static void run_messages(void)
{
    look("hide", do_hide, MQTT_E2E_OK);
    look("hide_filter", do_filter, MQTT_E2E_OK);
    look("reveal", do_reveal, MQTT_E2E_OK);
    spoil_topic();
    look("reveal (forged)", do_reveal, MQTT_E2E_FORGED);
    do_hide();
    look("seal", do_seal, MQTT_E2E_OK);
    peer_seals(MQTT_E2E_LASTING);
    look("open", do_open, MQTT_E2E_OK);
    peer_seals(MQTT_E2E_MESSAGE);
    look_at_refusal("open (stale)", T0 + 1000000, MQTT_E2E_STALE);
    look_at_refusal("open (future)", T0 - 1000000, MQTT_E2E_FUTURE);
    packet[30] ^= 1;
    look_at_refusal("open (forged)", T0 + 1, MQTT_E2E_FORGED);
    look("request", do_request, MQTT_E2E_OK);
    look("reply", do_reply, MQTT_E2E_OK);
}

static void run_all(void)
{
    now = T0 + 1;
    look("init", do_init, MQTT_E2E_OK);
    run_messages();
    do_save();
    assert_null(traces_in(state, state_len));
    wipe_secrets_mac(&secrets, "MAC behind a state's", secrets.state_key, state, state_len - 16, 16);
    look("save", do_save, MQTT_E2E_OK);
    look("renew", do_renew, MQTT_E2E_OK);
    look("wipe", do_wipe, MQTT_E2E_OK);
    assert_true(test_all_zero(storage, mqtt_e2e_session_size(&options)));
    look("init", do_init, MQTT_E2E_OK);
    look("load", do_load, MQTT_E2E_OK);
    look("fingerprint", do_fingerprint, MQTT_E2E_OK);
    look("key_base", do_base, MQTT_E2E_OK);
    look("device_key", do_device_key, MQTT_E2E_OK);
    look("wipe", do_wipe, MQTT_E2E_OK);
}

/* What is cut off of the MAC that gives a packet's random bytes (src/toit.c). */
static void look_for_rest_of_r(const mqtt_e2e_session *of, int64_t t)
{
    uint8_t bytes[MQTT_E2E_STREAM_ID_SIZE + 8];

    memcpy(bytes, of->own.stream, MQTT_E2E_STREAM_ID_SIZE);
    for (size_t i = 0; i < 8; i++)
        bytes[MQTT_E2E_STREAM_ID_SIZE + i] = (uint8_t)((uint64_t)t >> (56 - 8 * i));
    wipe_secrets_mac(&secrets, "rest of the MAC behind random bytes", of->topic_mac, bytes, sizeof bytes, 8);
}

static void do_seal_message(void)
{
    status = mqtt_e2e_seal(session, &topic, MQTT_E2E_MESSAGE, secrets.payload, sizeof secrets.payload, packet,
                           sizeof packet, now, &len);
}

static void run_toit(void)
{
    int64_t sealed = (T0 + 2) * 1000000;

    now = T0 + 2;
    look("init (Toit)", do_init, MQTT_E2E_OK);
    do_hide();
    look_for_rest_of_r(session, sealed + (int64_t)(session->own.counter % 1000000));
    look("seal (Toit)", do_seal_message, MQTT_E2E_OK);
    peer_seals(MQTT_E2E_MESSAGE);
    look_for_rest_of_r(session, (int64_t)((uint64_t)packet[0] << 56 | (uint64_t)packet[1] << 48 |
                                          (uint64_t)packet[2] << 40 | (uint64_t)packet[3] << 32 |
                                          (uint64_t)packet[4] << 24 | (uint64_t)packet[5] << 16 |
                                          (uint64_t)packet[6] << 8 | packet[7]));
    look_at_refusal("open (Toit, stale)", T0 + 1000000, MQTT_E2E_STALE);
    packet[30] ^= 1;
    look_at_refusal("open (Toit, forged)", T0 + 1, MQTT_E2E_FORGED);
    packet[30] ^= 1;
    look("open (Toit)", do_open, MQTT_E2E_OK);
    look("wipe (Toit)", do_wipe, MQTT_E2E_OK);
}

static void set_up(void)
{
    uint8_t others[MQTT_E2E_RANDOM_SIZE] = {1};

    wipe_secrets_choose(&secrets, crypto, key_len, T0);
    mqtt_e2e_defaults(&options);
    options.crypto = crypto;
    options.key = secrets.key;
    options.key_len = key_len;
    options.lasting_topics = 2;
    if (toit)
        mqtt_e2e_toit(&options);
    peer_options = options;
    assert_int_equal(mqtt_e2e_init(&peer, peer_storage, sizeof peer_storage, &peer_options, others, T0),
                     MQTT_E2E_OK);
}

/* ---- 1. Nothing stays behind ---------------------------------------------------------------------- */

static void test_nothing_stays(void **unused)
{
    (void)unused;
    if (!painted_works())
        skip();
    for (size_t b = 0; b < test_backend_count; b++)
        for (key_len = 16; key_len <= 32; key_len += 16) {
            crypto = test_backends[b];
            set_up();
            first_time =
                true; /* the dynamic linker saves registers on the stack the first time that a function is called */
            run_all();
            first_time = false;
            run_all();
            mqtt_e2e_wipe(peer);
        }
#if defined(TEST_OPENSSL) && defined(__GLIBC__)
    assert_true(freed_in_all > 10000); /* or the heap was not looked at */
#endif
}

static void test_nothing_stays_toit(void **unused)
{
    (void)unused;
    if (!painted_works())
        skip();
    toit = true;
    key_len = 16;
    for (size_t b = 0; b < test_backend_count; b++) {
        crypto = test_backends[b];
        set_up();
        first_time = true;
        run_toit();
        first_time = false;
        run_toit();
        mqtt_e2e_wipe(peer);
    }
    toit = false;
}

/* ---- 2. This test can see ------------------------------------------------------------------------- */

static void test_it_can_see(void **unused)
{
    (void)unused;
    if (!painted_works())
        skip();
    crypto = test_backends[0];
    key_len = 16;
    set_up();
    painted_run(do_leak);
    assert_string_equal(traces_in(painted_stack, sizeof painted_stack), "seal");
#if defined(TEST_OPENSSL) && defined(__GLIBC__)
    uint8_t *block = malloc(100);

    assert_non_null(block);
    memcpy(block + 50, secrets.payload, 20);
    freed_start();
    free(block);
    assert_string_equal(traces_in(freed_memory, freed_stop()), "payload");
#endif
    mqtt_e2e_wipe(peer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_stays),
        cmocka_unit_test(test_nothing_stays_toit),
        cmocka_unit_test(test_it_can_see),
    };

    test_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
