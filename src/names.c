/* SPDX-License-Identifier: MIT */
#include "names.h"
#include "mqtt_e2e/session.h"

#include <string.h>

size_t e2e_names_length(const char *text)
{
    size_t n = 0;

    while (n <= MQTT_E2E_TOPIC_MAX && text[n] != '\0')
        n++;
    return n;
}

size_t e2e_names_level(const char *name, size_t len)
{
    size_t n = 0;

    while (n < len && name[n] != '/')
        n++;
    return n;
}

/* Bytes of the UTF-8 sequence at `s` (RFC 3629 §4), or 0 if it is not one. */
static size_t sequence(const unsigned char *s, size_t len)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned first = s[0];
    size_t n = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    unsigned code = n == 1 ? first : first & (0x7fu >> n);

    if (n == 0 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if (s[i] >> 6 != 2)
            return 0;
        code = code << 6 | (s[i] & 0x3f);
    }
    if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) || code == 0)
        return 0;
    return n;
}

bool e2e_names_utf8(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;

    for (size_t i = 0; i < len;) {
        size_t n = sequence(s + i, len - i);

        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

static bool ok(const char *name, size_t len, bool wildcards)
{
    unsigned levels = 1;

    if (len == 0 || len > MQTT_E2E_TOPIC_MAX || !e2e_names_utf8(name, len))
        return false;
    for (size_t i = 0; i < len; i++) {
        bool alone = (i == 0 || name[i - 1] == '/') && (i + 1 == len || name[i + 1] == '/');

        if (name[i] == '/' && ++levels > MQTT_E2E_LEVELS_MAX)
            return false;
        if (name[i] != '+' && name[i] != '#')
            continue;
        if (!wildcards || !alone || (name[i] == '#' && i + 1 != len))
            return false;
    }
    return true;
}

bool e2e_names_topic_ok(const char *name, size_t len)
{
    return ok(name, len, false);
}

bool e2e_names_filter_ok(const char *filter, size_t len)
{
    return ok(filter, len, true);
}

bool e2e_names_share(const char *filter, size_t len, size_t *share_len)
{
    static const char prefix[] = "$share/";
    const size_t skip = sizeof prefix - 1;
    size_t group;

    *share_len = 0;
    if (len < skip || memcmp(filter, prefix, skip) != 0)
        return true;
    group = e2e_names_level(filter + skip, len - skip);
    if (group == 0 || skip + group + 1 >= len || !ok(filter + skip, group, false))
        return false;
    *share_len = skip + group + 1;
    return true;
}

/* One level of a filter against one of a topic. */
static bool same_level(const char *filter, size_t f, const char *topic, size_t t)
{
    return (f == 1 && filter[0] == '+') || (f == t && memcmp(filter, topic, f) == 0);
}

bool mqtt_e2e_match(const char *filter, size_t filter_len, const char *topic, size_t topic_len)
{
    size_t share;

    if (!e2e_names_share(filter, filter_len, &share))
        return false;
    filter += share;
    filter_len -= share;
    if (!e2e_names_filter_ok(filter, filter_len) || topic_len == 0)
        return false;
    if ((topic[0] == '$' || topic[0] == '~') && (filter[0] == '+' || filter[0] == '#'))
        return false;
    for (;;) {
        size_t f = e2e_names_level(filter, filter_len), t = e2e_names_level(topic, topic_len);

        if (f == 1 && filter[0] == '#')
            return true;
        if (!same_level(filter, f, topic, t))
            return false;
        if (t == topic_len) /* the topic ends here; `a/#` matches `a` too */
            return f == filter_len || (filter_len == f + 2 && filter[f + 1] == '#');
        if (f == filter_len)
            return false;
        filter += f + 1;
        filter_len -= f + 1;
        topic += t + 1;
        topic_len -= t + 1;
    }
}
