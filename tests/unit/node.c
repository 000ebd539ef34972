/* SPDX-License-Identifier: MIT */
#include "node.h"

#include <stdlib.h>
#include <string.h>

const uint8_t node_key[32] = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a,
                              0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25,
                              0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f};

mqtt_e2e_options node_options(const mqtt_e2e_crypto *crypto, size_t key_len)
{
    mqtt_e2e_options options;

    mqtt_e2e_defaults(&options);
    options.crypto = crypto;
    options.key = node_key;
    options.key_len = key_len;
    return options;
}

void node_start(node *n, const mqtt_e2e_options *options, int64_t now_ms)
{
    size_t size = mqtt_e2e_session_size(options);
    uint8_t random[MQTT_E2E_RANDOM_SIZE];

    memset(n, 0, sizeof *n);
    n->options = *options;
    n->storage = malloc(size);
    assert_non_null(n->storage);
    memset(n->storage, 0xa5, size);
    test_random(random, sizeof random);
    assert_int_equal(mqtt_e2e_init(&n->session, n->storage, size, options, random, now_ms), MQTT_E2E_OK);
}

void node_stop(node *n)
{
    mqtt_e2e_wipe(n->session);
    free(n->storage);
    memset(n, 0, sizeof *n);
}

mqtt_e2e_status node_seal(node *n, const char *topic, mqtt_e2e_kind kind, const char *text, int64_t now_ms,
                          packet *p)
{
    mqtt_e2e_topic prepared;
    mqtt_e2e_status status = mqtt_e2e_hide(n->session, topic, p->wire, sizeof p->wire, &prepared);

    if (status != MQTT_E2E_OK)
        return status;
    return mqtt_e2e_seal(n->session, &prepared, kind, text, strlen(text), p->bytes, sizeof p->bytes, now_ms,
                         &p->len);
}

mqtt_e2e_status node_seal_again(node *n, const char *topic, mqtt_e2e_kind kind, const mqtt_e2e_id *first,
                                int64_t first_ms, const char *text, int64_t now_ms, packet *p)
{
    mqtt_e2e_topic prepared;
    mqtt_e2e_status status = mqtt_e2e_hide(n->session, topic, p->wire, sizeof p->wire, &prepared);

    if (status != MQTT_E2E_OK)
        return status;
    return mqtt_e2e_seal_again(n->session, &prepared, kind, first, first_ms, text, strlen(text), p->bytes,
                               sizeof p->bytes, now_ms, &p->len);
}

mqtt_e2e_status node_ask(node *n, const char *topic, const char *text, int64_t now_ms, uint32_t timeout_ms,
                         packet *p, mqtt_e2e_id *request)
{
    mqtt_e2e_topic prepared;

    assert_int_equal(mqtt_e2e_hide(n->session, topic, p->wire, sizeof p->wire, &prepared), MQTT_E2E_OK);
    return mqtt_e2e_request(n->session, &prepared, text, strlen(text), p->bytes, sizeof p->bytes, now_ms,
                            timeout_ms, &p->len, request);
}

mqtt_e2e_status node_answer(node *n, const mqtt_e2e_id *request, const char *text, int64_t now_ms, packet *p)
{
    mqtt_e2e_topic prepared;
    char name[MQTT_E2E_REPLY_NAME_SIZE];

    assert_int_equal(mqtt_e2e_reply_topic(n->session, request->stream, name, p->wire,
                                          MQTT_E2E_REPLY_WIRE_SIZE(12), &prepared),
                     MQTT_E2E_OK);
    return mqtt_e2e_reply(n->session, &prepared, request, text, strlen(text), p->bytes, sizeof p->bytes,
                          now_ms, &p->len);
}

mqtt_e2e_status node_open(node *n, const packet *p, int64_t now_ms)
{
    mqtt_e2e_topic topic;

    mqtt_e2e_reveal(n->session, p->wire, strlen(p->wire), n->name, sizeof n->name, &topic);
    return mqtt_e2e_open(n->session, &topic, p->bytes, p->len, n->out, sizeof n->out, now_ms, &n->message);
}

void node_assert_payload(const node *n, const char *text)
{
    assert_int_equal(n->message.payload.len, strlen(text));
    assert_memory_equal(n->message.payload.data, text, strlen(text));
}

static void run_pair(const mqtt_e2e_options *sealer, const mqtt_e2e_options *opener, node_scenario scenario)
{
    static node a, b;

    node_start(&a, sealer, T0 - 1000);
    node_start(&b, opener, T0 - 1000);
    scenario(&a, &b);
    node_stop(&a);
    node_stop(&b);
}

void node_each_pair_of(mqtt_e2e_options (*options)(const mqtt_e2e_crypto *crypto, size_t key_len),
                       size_t longest_key, node_scenario scenario)
{
    for (size_t i = 0; i < test_backend_count; i++) {
        for (size_t k = 0; k < test_backend_count; k++) {
            for (size_t key_len = 16; key_len <= longest_key; key_len += 16) {
                mqtt_e2e_options sealer = options(test_backends[i], key_len);
                mqtt_e2e_options opener = options(test_backends[k], key_len);

                run_pair(&sealer, &opener, scenario);
            }
        }
    }
}

void node_each_pair(node_scenario scenario)
{
    node_each_pair_of(node_options, 32, scenario);
}
