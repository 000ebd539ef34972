/* SPDX-License-Identifier: MIT */
/* What can't be a topic, filter, base or prefix is a usage error: told before anything is read, sealed or sent. */
#include <string.h>

#include <jansson.h>

#include "topics.h"

enum { SHOWN = 100 }; /* bytes of a topic in an error */

static bool is_utf8(const char *text)
{
    json_t *string = json_string(text); /* NULL where it is not (RFC 3629) */
    json_decref(string);
    return string != NULL;
}

static size_t count_levels(const char *text)
{
    size_t levels = 1;
    for (; *text; text++)
        levels += *text == '/';
    return levels;
}

/* What is wrong with any of them, whatever it is for. */
static int check_text(const char *command, const char *what, const char *text)
{
    if (!is_utf8(text))
        return cli_usage_error(command, "the %s is not valid UTF-8", what);
    if (strlen(text) > MQTT_E2E_TOPIC_MAX)
        return cli_usage_error(command, "the %s '%.*s...' is %zu bytes long: MQTT takes up to %d", what,
                               SHOWN, text, strlen(text), MQTT_E2E_TOPIC_MAX);
    if (count_levels(text) > MQTT_E2E_LEVELS_MAX)
        return cli_usage_error(command, "the %s '%.*s...' has %zu levels: there may be up to %d", what, SHOWN,
                               text, count_levels(text), MQTT_E2E_LEVELS_MAX);
    return CLI_OK;
}

int cli_check_topic(const char *command, const char *topic)
{
    if (!*topic)
        return cli_usage_error(command, "the topic is empty");
    int code = check_text(command, "topic", topic);
    if (code != CLI_OK)
        return code;
    if (strpbrk(topic, "+#"))
        return cli_usage_error(command, "one publishes to a topic without wildcards, not to '%s'", topic);
    if (*topic == '~')
        return cli_usage_error(command, "topics that start with ~ are reserved: '%s'", topic);
    return CLI_OK;
}

/* MQTT 5.0 §4.7.1: a wildcard is a whole level, and `#` the last one. */
int cli_check_filter(const char *command, const char *filter)
{
    if (!*filter)
        return cli_usage_error(command, "the filter is empty");
    for (const char *p = filter; *p; p++) {
        bool whole = (p == filter || p[-1] == '/') && (p[1] == '/' || !p[1]);
        if ((*p == '+' && !whole) || (*p == '#' && (!whole || p[1])))
            return cli_usage_error(
                command, "'%s' is no filter: + stands for a whole level, # for all that follow", filter);
    }
    return check_text(command, "filter", filter);
}

int cli_check_base(const char *command, const char *base)
{
    size_t len = strlen(base);
    int code = check_text(command, "base", base);
    if (code == CLI_OK && len && (strpbrk(base, "+#") || base[len - 1] == '/'))
        code =
            cli_usage_error(command, "the base '%s' is not allowed: no wildcard, no slash at its end", base);
    return code;
}

int cli_check_prefix(const char *command, const char *prefix)
{
    int code = check_text(command, "prefix", prefix);
    if (code == CLI_OK && strpbrk(prefix, "+#"))
        code = cli_usage_error(command, "the prefix '%s' is not allowed: no wildcard", prefix);
    return code;
}

/* Bytes of a level on the wire: 8 and its own, filled up to a multiple of 8, in base64url. Empty ones and wildcards
 * stay. */
static size_t hidden(const char *level, size_t len)
{
    bool stays = len == 0 || (len == 1 && strchr("+#", *level));
    return stays ? len : ((8 + (len + 7) / 8 * 8) * 4 + 2) / 3;
}

int cli_check_wire(const char *topic, const char *base, bool plain)
{
    size_t base_len = base ? strlen(base) : 12, wire = base_len + (base_len > 0);
    for (const char *level = topic;; level++) {
        size_t len = strcspn(level, "/");
        wire += plain ? len : hidden(level, len);
        level += len;
        if (!*level)
            break;
        wire++;
    }
    if (wire <= MQTT_E2E_TOPIC_MAX)
        return CLI_OK;
    cli_error("the topic '%.*s...' would be %zu bytes long on the wire%s: MQTT takes up to %d", SHOWN, topic,
              wire, plain ? "" : ", hidden", MQTT_E2E_TOPIC_MAX);
    cli_hint(plain ? "shorten it, or the base"
                   : "hiding adds a third, and 11 bytes or more to each level: shorten it");
    return CLI_USAGE;
}
