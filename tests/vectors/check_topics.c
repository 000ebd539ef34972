/* SPDX-License-Identifier: MIT */
/* topics.json: topics in both directions, filters, and what must be refused. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1795459591440)

/* Rooms for the longest topic there is, and for one that is too long. */
static char wire[MQTT_E2E_WIRE_SIZE(12, 2 * MQTT_E2E_TOPIC_MAX, MQTT_E2E_LEVELS_MAX)];
static char name_back[MQTT_E2E_TOPIC_MAX + 1];

static mqtt_e2e_session *mode_session(const mqtt_e2e_crypto *crypto, mqtt_e2e_bytes key, const char *base,
                                      bool plain)
{
    mqtt_e2e_options options = check_options(crypto, key);
    char key_base[MQTT_E2E_BASE_SIZE];

    assert_int_equal(mqtt_e2e_key_base(crypto, key.data, key.len, key_base), MQTT_E2E_OK);
    options.base = strcmp(base, key_base) == 0 ? NULL : base; /* so that the default is tested too */
    options.plain_topics = plain;
    mqtt_e2e_session *session = check_session(&options, NULL, NOW);
    assert_string_equal(mqtt_e2e_base(session), base);
    return session;
}

static size_t count_levels(const char *name)
{
    size_t levels = 1;

    for (; *name != '\0'; name++)
        levels += *name == '/';
    return levels;
}

static void check_both_ways(mqtt_e2e_session *session, const vector_mode *mode, const vector_name *vector)
{
    const mqtt_e2e_crypto *crypto = session->crypto;
    char *name = check_spell(&vector->name);
    size_t len = strlen(name);
    size_t room = MQTT_E2E_WIRE_SIZE(strlen(mode->base), len, count_levels(name));
    mqtt_e2e_topic topic;

    assert_true(room <= sizeof wire);
    mqtt_e2e_status status = mqtt_e2e_hide(session, name, wire, room, &topic);
    check_status(crypto, name, "hide", status, MQTT_E2E_OK);
    if (status == MQTT_E2E_OK) {
        check_value(crypto, name, "wire topic", topic.wire, topic.wire_len, &vector->wire);
        assert_int_equal(strlen(topic.wire), topic.wire_len);
        size_t wire_len = topic.wire_len;
        check_status(crypto, name, "reveal",
                     mqtt_e2e_reveal(session, wire, wire_len, name_back, wire_len + 1, &topic), MQTT_E2E_OK);
        check_bytes(crypto, name, "name read back", topic.name, topic.name_len, (mqtt_e2e_bytes){name, len});
        check_status(crypto, name, "hide with a byte too few",
                     mqtt_e2e_hide(session, name, wire, wire_len, &topic), MQTT_E2E_NO_ROOM);
    }
    free(name);
}

static void check_filter(mqtt_e2e_session *session, const vector_mode *mode, const vector_name *vector)
{
    char *filter = check_spell(&vector->name);
    size_t room = MQTT_E2E_WIRE_SIZE(strlen(mode->base), strlen(filter), count_levels(filter));
    mqtt_e2e_status status = mqtt_e2e_hide_filter(session, filter, wire, room);

    check_status(session->crypto, filter, "hide_filter", status, MQTT_E2E_OK);
    if (status == MQTT_E2E_OK)
        check_value(session->crypto, filter, "wire filter", wire, strlen(wire), &vector->wire);
    free(filter);
}

static void for_modes(void (*check)(mqtt_e2e_session *, const vector_mode *, const vector_name *),
                      bool filters)
{
    for (size_t b = 0; b < test_backend_count; b++) {
        for (size_t m = 0; m < vector_mode_count; m++) {
            const vector_mode *mode = &vector_modes[m];
            mqtt_e2e_session *session = mode_session(test_backends[b], mode->key, mode->base, mode->plain);
            size_t count = filters ? mode->filter_count : mode->topic_count;
            for (size_t i = 0; i < count; i++)
                check(session, mode, filters ? &mode->filters[i] : &mode->topics[i]);
            check_end(session);
        }
    }
    check_all_right();
}

void check_topics(void **state)
{
    (void)state;
    for_modes(check_both_ways, false);
}

void check_filters(void **state)
{
    (void)state;
    for_modes(check_filter, true);
}

/* A name that is refused for its length says so; all others are bad. */
static void check_bad_name(mqtt_e2e_session *session, const vector_bad_name *vector, bool is_filter)
{
    char *name = check_spell(&vector->name);
    bool both = vector->hidden && vector->plain; /* all that is refused in one mode only is too long in it */
    mqtt_e2e_topic topic;
    mqtt_e2e_status got = is_filter ? mqtt_e2e_hide_filter(session, name, wire, sizeof wire)
                                    : mqtt_e2e_hide(session, name, wire, sizeof wire, &topic);
    mqtt_e2e_status bad = is_filter ? MQTT_E2E_BAD_FILTER : MQTT_E2E_BAD_TOPIC;

    check_status(session->crypto, name[0] != '\0' ? name : "(empty)", is_filter ? "bad filter" : "bad topic",
                 got, both ? bad : MQTT_E2E_TOO_LONG);
    free(name);
}

void check_bad_names(void **state)
{
    (void)state;
    for (size_t b = 0; b < test_backend_count; b++) {
        for (int plain = 0; plain < 2; plain++) {
            mqtt_e2e_session *session =
                mode_session(test_backends[b], vector_modes[0].key, vector_modes[0].base, plain == 1);
            for (size_t i = 0; i < vector_bad_topic_count; i++)
                if (plain ? vector_bad_topics[i].plain : vector_bad_topics[i].hidden)
                    check_bad_name(session, &vector_bad_topics[i], false);
            for (size_t i = 0; i < vector_bad_filter_count; i++)
                if (plain ? vector_bad_filters[i].plain : vector_bad_filters[i].hidden)
                    check_bad_name(session, &vector_bad_filters[i], true);
            check_end(session);
        }
    }
    check_all_right();
}

void check_bad_wires(void **state)
{
    (void)state;
    for (size_t b = 0; b < test_backend_count; b++) {
        for (size_t i = 0; i < vector_bad_wire_count; i++) {
            const vector_bad_wire *bad = &vector_bad_wires[i];
            mqtt_e2e_session *session = mode_session(test_backends[b], bad->key, bad->base, bad->plain);
            mqtt_e2e_topic topic = {.name = "unset"};
            check_status(
                test_backends[b], bad->about, "reveal",
                mqtt_e2e_reveal(session, bad->wire.data, bad->wire.len, name_back, sizeof name_back, &topic),
                MQTT_E2E_FORGED);
            if (topic.name != NULL)
                check_wrong("%s: %s: has a name", test_backends[b]->name, bad->about);
            check_end(session);
        }
    }
    check_all_right();
}

void check_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < vector_match_count; i++) {
        const vector_match *m = &vector_matches[i];
        if (mqtt_e2e_match(m->filter, strlen(m->filter), m->topic, strlen(m->topic)) != m->match)
            check_wrong("%s must %smatch %s", m->filter, m->match ? "" : "not ", m->topic);
    }
    check_all_right();
}
