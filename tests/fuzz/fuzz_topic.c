/* SPDX-License-Identifier: MIT */
/*
 * Topics and filters. The input: how the session is set up, then a name, a filter and a wire topic, with 0xff between them.
 * What is hidden reads back as it was, and nothing else reads back; names and filters are taken or refused, and match or
 * do not, as a second, plainer reading of MQTT 5.0 §4.7 and RFC 3629 says.
 */
#include "fuzz.h"

#define PARTS     3
#define LEVELS    300
#define WIRE_ROOM 70000

/* ---- The plainer reading ---- */

typedef struct {
    const char *at[LEVELS];
    size_t len[LEVELS];
    size_t count;
} levels;

static void split(const char *text, size_t len, levels *out)
{
    const char *end = text + len, *slash;

    out->count = 0;
    for (;;) {
        slash = len > 0 ? memchr(text, '/', (size_t)(end - text)) : NULL;
        if (out->count < LEVELS) {
            out->at[out->count] = text;
            out->len[out->count] = (size_t)((slash != NULL ? slash : end) - text);
        }
        out->count++;
        if (slash == NULL)
            return;
        text = slash + 1;
        len = (size_t)(end - text);
    }
}

/* By the ranges of RFC 3629 §4, one after the other. */
static size_t utf8_at(const uint8_t *s, size_t left)
{
    static const struct {
        uint8_t first_low, first_high, second_low, second_high;
        size_t len;
    } forms[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        size_t len = forms[i].len, tails = 2;

        if (s[0] < forms[i].first_low || s[0] > forms[i].first_high || len > left)
            continue;
        if (len > 1 && (s[1] < forms[i].second_low || s[1] > forms[i].second_high))
            continue;
        while (tails < len && s[tails] >= 0x80 && s[tails] <= 0xbf)
            tails++;
        if (tails >= len)
            return len;
    }
    return 0;
}

static bool is_utf8(const char *text, size_t len)
{
    while (len > 0) {
        size_t n = utf8_at((const uint8_t *)text, len);

        if (n == 0)
            return false;
        text += n;
        len -= n;
    }
    return true;
}

static bool is(const levels *l, size_t i, const char *text)
{
    return l->len[i] == strlen(text) && memcmp(l->at[i], text, l->len[i]) == 0;
}

static bool has_wildcard(const levels *l, size_t i)
{
    return l->len[i] > 0 &&
           (memchr(l->at[i], '+', l->len[i]) != NULL || memchr(l->at[i], '#', l->len[i]) != NULL);
}

static bool well_formed(const char *text, size_t len, bool filter)
{
    levels l;

    split(text, len, &l);
    if (len == 0 || len > 65535 || l.count > 256 || !is_utf8(text, len))
        return false;
    for (size_t i = 0; i < l.count; i++)
        if (has_wildcard(&l, i) && !(filter && (is(&l, i, "+") || (is(&l, i, "#") && i + 1 == l.count))))
            return false;
    return true;
}

static bool matches_from(const levels *filter, size_t f, const levels *topic, size_t t)
{
    if (f == filter->count)
        return t == topic->count;
    if (is(filter, f, "#"))
        return true;
    if (t == topic->count ||
        (!is(filter, f, "+") &&
         (filter->len[f] != topic->len[t] || memcmp(filter->at[f], topic->at[t], topic->len[t]) != 0)))
        return false;
    return matches_from(filter, f + 1, topic, t + 1);
}

static bool matches(const char *filter, size_t filter_len, const char *topic, size_t topic_len)
{
    levels f, t;

    split(filter, filter_len, &f);
    split(topic, topic_len, &t);
    if ((topic[0] == '$' || topic[0] == '~') && (is(&f, 0, "+") || is(&f, 0, "#")))
        return false;
    return matches_from(&f, 0, &t, 0);
}

/* ---- Hiding and reading back ---- */

typedef struct {
    char *text; /* with a NUL */
    size_t len;
} part;

static bool hide(mqtt_e2e_session *s, const part *name, char *wire, size_t size, size_t *wire_len)
{
    mqtt_e2e_topic topic;
    mqtt_e2e_status status = mqtt_e2e_hide(s, name->text, wire, size, &topic);

    if (status == MQTT_E2E_TOO_LONG)
        return false;
    demand((status == MQTT_E2E_OK) == well_formed(name->text, name->len, false));
    demand(status == MQTT_E2E_OK || (status == MQTT_E2E_BAD_TOPIC && topic.name == NULL));
    *wire_len = topic.wire_len;
    return status == MQTT_E2E_OK;
}

/* In memory of just the size that a name may need. */
static mqtt_e2e_status reveal(mqtt_e2e_session *s, const char *wire, size_t len, part *name)
{
    mqtt_e2e_topic topic;
    mqtt_e2e_status status;

    name->text = malloc(len + 1);
    demand(name->text != NULL);
    status = mqtt_e2e_reveal(s, wire, len, name->text, len + 1, &topic);
    demand(status == MQTT_E2E_OK || (status == MQTT_E2E_FORGED && topic.name == NULL));
    name->len = topic.name_len;
    if (status == MQTT_E2E_OK)
        demand(topic.name == name->text && strlen(name->text) == name->len && topic.wire == wire &&
               topic.wire_len == len);
    return status;
}

static void check_name(mqtt_e2e_session *s, const part *name, uint8_t change)
{
    char *wire = malloc(WIRE_ROOM), *exact;
    size_t len, levels_count = 1;
    part back;
    mqtt_e2e_topic topic;

    demand(wire != NULL);
    for (size_t i = 0; i < name->len; i++)
        levels_count += name->text[i] == '/';
    if (hide(s, name, wire, WIRE_ROOM, &len)) {
        demand(len == strlen(wire) &&
               len < MQTT_E2E_WIRE_SIZE(strlen(mqtt_e2e_base(s)), name->len, levels_count));
        demand(is_utf8(wire, len));
        exact = malloc(len + 1);
        demand(exact != NULL && mqtt_e2e_hide(s, name->text, exact, len + 1, &topic) == MQTT_E2E_OK);
        demand(memcmp(exact, wire, len + 1) == 0);
        demand(mqtt_e2e_hide(s, name->text, exact, len, &topic) == MQTT_E2E_NO_ROOM);
        free(exact);
        /* Plain, and without a base, a topic may start as the broker's prefix does: then that is what is taken off. */
        bool like_prefix = s->prefix != NULL && strncmp(wire, s->prefix, strlen(s->prefix)) == 0;
        demand(!like_prefix || (s->plain_topics && mqtt_e2e_base(s)[0] == '\0'));
        demand(reveal(s, wire, len, &back) == MQTT_E2E_OK || like_prefix);
        demand(like_prefix || (back.len == name->len && memcmp(back.text, name->text, name->len) == 0));
        free(back.text);
        wire[change % len] ^= 1; /* another token, or outside the base; plain topics show what they are */
        if (reveal(s, wire, len, &back) == MQTT_E2E_OK)
            demand(s->plain_topics || memcmp(back.text, name->text, name->len) != 0);
        free(back.text);
    }
    free(wire);
}

/* One topic has one wire topic: whatever reads back is what hiding makes. */
static void check_wire(mqtt_e2e_session *s, const part *wire)
{
    part name;
    char *again;
    size_t len;

    if (reveal(s, wire->text, wire->len, &name) == MQTT_E2E_OK) {
        demand(well_formed(name.text, name.len, false));
        again = malloc(WIRE_ROOM);
        demand(again != NULL && hide(s, &name, again, WIRE_ROOM, &len));
        if (s->prefix != NULL && wire->len == len + strlen(s->prefix))
            demand(memcmp(wire->text + strlen(s->prefix), again, len) == 0);
        else
            demand(wire->len == len && memcmp(wire->text, again, len) == 0);
        free(again);
    }
    free(name.text);
}

/* ---- Filters ---- */

static void check_filter(mqtt_e2e_session *s, const part *filter, const part *name)
{
    char *wire = malloc(WIRE_ROOM), *topic = malloc(WIRE_ROOM);
    size_t len, share = 0;
    const char *slash;
    mqtt_e2e_status status;
    bool ok;

    demand(wire != NULL && topic != NULL);
    status = mqtt_e2e_hide_filter(s, filter->text, wire, WIRE_ROOM);
    if (filter->len >= 7 && memcmp(filter->text, "$share/", 7) == 0) {
        slash = strchr(filter->text + 7, '/');
        share = slash != NULL ? (size_t)(slash - filter->text) + 1 : filter->len;
        ok = share > 8 && share < filter->len && is_utf8(filter->text, share) &&
             memchr(filter->text, '+', share) == NULL && memchr(filter->text, '#', share) == NULL;
    } else {
        ok = true;
    }
    ok = ok && well_formed(filter->text + share, filter->len - share, true);
    demand(status == MQTT_E2E_TOO_LONG || status == (ok ? MQTT_E2E_OK : MQTT_E2E_BAD_FILTER));
    if (well_formed(name->text, name->len, false)) {
        bool match = mqtt_e2e_match(filter->text, filter->len, name->text, name->len);

        demand(match == (ok && matches(filter->text + share, filter->len - share, name->text, name->len)));
        /* What matches also arrives: the broker's match of the hidden ones is no narrower. */
        if (match && status == MQTT_E2E_OK && s->prefix == NULL && hide(s, name, topic, WIRE_ROOM, &len))
            demand(topic[0] == '~' || topic[0] == '$' ||
                   matches(wire + share, strlen(wire) - share, topic, len));
    }
    free(wire);
    free(topic);
}

/* ---- */

static void next_part(fuzz_input *in, part *out)
{
    const uint8_t *end = in->left > 0 ? memchr(in->at, 0xff, in->left) : NULL;
    size_t len = end != NULL ? (size_t)(end - in->at) : in->left;

    out->text = malloc(len + 1);
    demand(out->text != NULL);
    if (len > 0)
        memcpy(out->text, in->at, len);
    out->text[len] = '\0';
    out->len = strlen(out->text); /* a NUL ends what callers pass */
    in->at += len + (end != NULL);
    in->left -= len + (end != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const bases[] = {NULL, "", "base", "a/b"}, *const prefixes[] = {NULL, "bridge/"};
    fuzz_input in = {data, size};
    uint8_t how = fuzz_byte(&in), change = fuzz_byte(&in);
    mqtt_e2e_options options;
    mqtt_e2e_session *s;
    part parts[PARTS];

    mqtt_e2e_defaults(&options);
    options.crypto = how & 64 ? &mqtt_e2e_openssl : &test_checksum;
    options.key_len = 16;
    options.base = bases[how & 3];
    options.prefix = prefixes[how >> 2 & 1];
    options.plain_topics = how >> 3 & 1;
    s = fuzz_start(&options, 1, FUZZ_T0);
    for (size_t i = 0; i < PARTS; i++)
        next_part(&in, &parts[i]);
    check_name(s, &parts[0], change);
    check_filter(s, &parts[1], &parts[0]);
    check_wire(s, &parts[2]);
    fuzz_stop(s);
    for (size_t i = 0; i < PARTS; i++)
        free(parts[i].text);
    return 0;
}
