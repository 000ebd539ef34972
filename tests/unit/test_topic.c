/* SPDX-License-Identifier: MIT */
/* Topics: what the vectors do not say — buffers of every size, prefixes, bases, and tokens that were tampered with. */
#include "b64u.h"
#include "node.h"

#include <string.h>

static char wire[NODE_ROOM], name[NODE_ROOM];
static mqtt_e2e_topic topic;

/* ---- 1. base64url: every byte and length, the canonical form only ---- */

static void test_b64u(void **state)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t in[64], out[64];
    char text[100];
    size_t len;

    (void)state;
    for (size_t n = 0; n <= sizeof in; n++) {
        test_random(in, n);
        assert_int_equal(e2e_b64u_encode(in, n, text), E2E_B64U_SIZE(n));
        assert_true(e2e_b64u_decode(text, E2E_B64U_SIZE(n), out, &len));
        assert_int_equal(len, n);
        assert_memory_equal(in, out, n);
    }
    for (int c = 0; c < 256; c++) {
        char quad[4] = {(char)c, 'A', 'A', 'A'};
        const char *at = c != 0 ? strchr(alphabet, c) : NULL;

        assert_int_equal(e2e_b64u_decode(quad, 4, out, &len), at != NULL);
        if (at != NULL)
            assert_int_equal(out[0] >> 2, at - alphabet);
    }
    assert_false(e2e_b64u_decode("A", 1, out, &len));
    assert_false(e2e_b64u_decode("AB", 2, out, &len)); /* bits behind the last byte */
    assert_true(e2e_b64u_decode("AA", 2, out, &len));
}

/* ---- 2. Room: exactly what is needed, and not one byte less; the macro is enough ---- */

static void room_for(node *n, const char *text, unsigned levels)
{
    size_t need = MQTT_E2E_WIRE_SIZE(12, strlen(text), levels);

    assert_int_equal(mqtt_e2e_hide(n->session, text, wire, need, &topic), MQTT_E2E_OK);
    assert_int_equal(topic.wire_len, strlen(wire));
    assert_true(topic.wire_len < need);
    for (size_t size = 0; size <= topic.wire_len; size += 1 + size / 8)
        assert_int_equal(mqtt_e2e_hide(n->session, text, name, size, &topic), MQTT_E2E_NO_ROOM);
    assert_null(topic.name);
    assert_int_equal(mqtt_e2e_hide(n->session, text, name, strlen(wire) + 1, &topic), MQTT_E2E_OK);
    assert_string_equal(name, wire);
    assert_int_equal(mqtt_e2e_reveal(n->session, wire, strlen(wire), name, strlen(wire) + 1, &topic),
                     MQTT_E2E_OK);
    assert_string_equal(name, text);
    for (size_t size = 0; size <= strlen(text); size++)
        assert_int_not_equal(mqtt_e2e_reveal(n->session, wire, strlen(wire), name, size, &topic),
                             MQTT_E2E_OK);
    assert_null(topic.name);
}

static void rooms(node *a, node *b)
{
    (void)b;
    room_for(a, "t", 1);
    room_for(a, "iot/kitchen", 2);
    room_for(a, "/", 2);
    room_for(a, "12345678/123456789//\xc3\xa9", 4);
}

static void test_room(void **state)
{
    (void)state;
    node_each_pair(rooms);
}

/* ---- 3. Bases and prefixes ---- */

static void test_base_and_prefix(void **state)
{
    static const char *const bases[] = {NULL, "", "mine", "a/b/c"};
    static const char *const prefixes[] = {NULL, "", "bridge/", "x"};

    (void)state;
    for (size_t i = 0; i < 16; i++) {
        mqtt_e2e_options options = node_options(test_backends[0], 16);
        char arrived[NODE_ROOM];
        node n;

        options.base = bases[i / 4];
        options.prefix = prefixes[i % 4];
        options.plain_topics = i % 2 != 0;
        node_start(&n, &options, T0);
        assert_int_equal(mqtt_e2e_hide(n.session, "one/two", wire, sizeof wire, &topic), MQTT_E2E_OK);
        if (bases[i / 4] != NULL)
            assert_memory_equal(wire, bases[i / 4], strlen(bases[i / 4]));
        else
            assert_memory_equal(wire, mqtt_e2e_base(n.session), 12);
        strcpy(arrived, prefixes[i % 4] != NULL ? prefixes[i % 4] : "");
        strcat(arrived, wire);
        assert_int_equal(mqtt_e2e_reveal(n.session, arrived, strlen(arrived), name, sizeof name, &topic),
                         MQTT_E2E_OK);
        assert_string_equal(name, "one/two");
        assert_int_equal(mqtt_e2e_hide_filter(n.session, "$share/g/one/two", wire, sizeof wire), MQTT_E2E_OK);
        assert_memory_equal(wire, "$share/g/", 9);
        assert_string_equal(wire + 9, arrived);
        node_stop(&n);
    }
}

/* ---- 4. Tokens: any change of any character, and any other depth, is refused ---- */

static void tampered(node *a, node *b)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+#/=. ";

    mqtt_e2e_hide(a->session, "level", wire, sizeof wire, &topic);
    for (size_t i = 0; i < strlen(wire); i++) {
        char real = wire[i];

        wire[i] = alphabet[test_random_below(sizeof alphabet - 1)];
        if (wire[i] != real)
            assert_int_equal(mqtt_e2e_reveal(b->session, wire, strlen(wire), name, sizeof name, &topic),
                             MQTT_E2E_FORGED);
        wire[i] = real;
    }
    for (size_t len = 0; len < strlen(wire); len++)
        assert_int_equal(mqtt_e2e_reveal(b->session, wire, len, name, sizeof name, &topic), MQTT_E2E_FORGED);
    strcpy(name, strchr(wire, '/')); /* the same token one level deeper */
    strcat(wire, name);
    assert_int_equal(mqtt_e2e_reveal(b->session, wire, strlen(wire), name, sizeof name, &topic),
                     MQTT_E2E_FORGED);
    assert_int_equal(mqtt_e2e_hide(a->session, "level/level", name, sizeof name, &topic), MQTT_E2E_OK);
    assert_string_not_equal(name, wire);
}

static void test_tampered(void **state)
{
    (void)state;
    node_each_pair(tampered);
}

/* ---- 5. Limits ---- */

static void test_limits(void **state)
{
    static char levels[600], big[70000], out[70000];
    mqtt_e2e_options options = node_options(test_backends[0], 16);
    node n;

    (void)state;
    node_start(&n, &options, T0);
    memset(levels, '/', 256);
    assert_int_equal(mqtt_e2e_hide(n.session, levels, wire, sizeof wire, &topic), MQTT_E2E_BAD_TOPIC);
    assert_int_equal(mqtt_e2e_hide_filter(n.session, levels, wire, sizeof wire), MQTT_E2E_BAD_FILTER);
    levels[255] = '\0';
    assert_int_equal(mqtt_e2e_hide(n.session, levels, wire, sizeof wire, &topic), MQTT_E2E_OK);
    memset(big, 'x', 65536);
    assert_int_equal(mqtt_e2e_hide(n.session, big, out, sizeof out, &topic), MQTT_E2E_BAD_TOPIC);
    big[49200] = '\0'; /* hidden, this is over 65,535 bytes */
    assert_int_equal(mqtt_e2e_hide(n.session, big, out, sizeof out, &topic), MQTT_E2E_TOO_LONG);
    big[48000] = '\0';
    assert_int_equal(mqtt_e2e_hide(n.session, big, out, sizeof out, &topic), MQTT_E2E_OK);
    assert_int_equal(mqtt_e2e_reveal(n.session, out, 65536, big, sizeof big, &topic), MQTT_E2E_FORGED);
    node_stop(&n);
}

/* ---- 6. A topic that did not read back is forged to open, and counted ---- */

static void test_unread_topic(void **state)
{
    mqtt_e2e_options options = node_options(test_backends[0], 16);
    packet p;
    node a, b;

    (void)state;
    node_start(&a, &options, T0 - 1);
    node_start(&b, &options, T0 - 1);
    assert_int_equal(node_seal(&a, "t", MQTT_E2E_MESSAGE, "x", T0, &p), MQTT_E2E_OK);
    p.wire[0] ^= 1; /* outside the base */
    assert_int_equal(node_open(&b, &p, T0), MQTT_E2E_FORGED);
    assert_int_equal(mqtt_e2e_counts(b.session)[MQTT_E2E_FORGED], 1);
    p.len = 3; /* rule 0 comes before rule 1 */
    assert_int_equal(node_open(&b, &p, T0), MQTT_E2E_FORGED);
    node_stop(&a);
    node_stop(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_b64u),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_base_and_prefix),
        cmocka_unit_test(test_tampered),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_unread_topic),
    };

    test_seed();
    return cmocka_run_group_tests_name("topic", tests, NULL, NULL);
}
