/* SPDX-License-Identifier: MIT */
/* The hosts and the query of a key file's URI; see uri.c for what may be shown of them. */
#include "uri.h"

#include <arpa/inet.h>
#include <string.h>

#include "../src/names.h"

/* ---- Hosts --------------------------------------------------------------------------------------- */

static bool all_of(const char *text, size_t len, const char *extra)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c && strchr(extra, c))))
            return false;
    }
    return len > 0;
}

static bool parse_port(const char *text, size_t len, mqtt_e2e_host *host, mqtt_e2e_error *error)
{
    unsigned port = 0;
    size_t i = 0;
    for (; i < len && i < 6 && text[i] >= '0' && text[i] <= '9'; i++)
        port = port * 10 + (unsigned)(text[i] - '0');
    if (i == 0 || i != len)
        return e2e_error_set(error, "an IPv6 address stands in brackets; user and password go behind '?'",
                             "the port of host '%s' is not a number from 1 to 65535", host->name);
    if (port < 1 || port > 65535)
        return e2e_error_set(error, "", "the port of host '%s' must be 1 to 65535, not %u", host->name, port);
    host->port = (uint16_t)port;
    return true;
}

/* An address in brackets, with a zone as in RFC 6874: [fe80::1%25eth0]. */
static bool parse_ipv6(const char *text, size_t len, mqtt_e2e_host *host, mqtt_e2e_error *error)
{
    struct in6_addr address;
    if (!e2e_uri_decode("address in brackets", text, len, host->name, sizeof host->name, error))
        return false;
    char *zone = strchr(host->name, '%');
    if (zone)
        *zone = '\0';
    bool fine = inet_pton(AF_INET6, host->name, &address) == 1;
    if (zone) {
        *zone = '%';
        fine = fine && all_of(zone + 1, strlen(zone + 1), "-._");
    }
    return fine || e2e_error_set(error, "", "what stands in brackets is not an IPv6 address");
}

static bool parse_host(const char *text, size_t len, mqtt_e2e_host *host, mqtt_e2e_error *error)
{
    const char *end = text + len, *close = NULL, *rest;
    if (text[0] == '[') {
        close = memchr(text, ']', len);
        if (!close)
            return e2e_error_set(error, "", "a '[' without its ']' among the hosts");
        if (!parse_ipv6(text + 1, (size_t)(close - text - 1), host, error))
            return false;
        rest = close + 1;
    } else {
        rest = memchr(text, ':', len);
        rest = rest ? rest : end;
        if ((size_t)(rest - text) > 253 || !all_of(text, (size_t)(rest - text), "-._"))
            return e2e_error_set(error,
                                 "letters, digits, '-' and '.' make a host name; IPv6 stands in brackets",
                                 "a host name is empty, too long, or has characters that no host name has");
        memcpy(host->name, text, (size_t)(rest - text));
    }
    if (rest == end)
        return true;
    if (*rest != ':')
        return e2e_error_set(error, "", "something between ']' and the port of host '%s'", host->name);
    return parse_port(rest + 1, (size_t)(end - rest - 1), host, error);
}

bool e2e_uri_hosts(const char *text, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error)
{
    if (len == 0)
        return e2e_error_set(error, "leave the '@' out for localhost", "no host behind '@'");
    if (memchr(text, '@', len))
        return e2e_error_set(error, "user and password go behind '?': ?user=...&password=...",
                             "more than one '@' before the base");
    for (const char *p = text, *end = text + len; p <= end;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        comma = comma ? comma : end;
        if (p == comma)
            return e2e_error_set(error, "", "a host name is missing before or behind a comma");
        if (config->host_count == MQTT_E2E_HOSTS_MAX)
            return e2e_error_set(error, "", "more than %d hosts", MQTT_E2E_HOSTS_MAX);
        if (!parse_host(p, (size_t)(comma - p), &config->hosts[config->host_count], error))
            return false;
        config->host_count++;
        p = comma + 1;
    }
    return true;
}

/* ---- Query --------------------------------------------------------------------------------------- */

typedef enum { BASE, NAME, TLS, USER, PASSWORD, PLAIN, ANNOUNCE, PROFILE, KEYS } key;

static const char *const keys[KEYS] = {"base",     "name",  "tls",      "user",
                                       "password", "plain", "announce", "profile"};
#define ALL_KEYS "the keys are base, name, tls, user, password, plain, announce, profile"

static key find_key(const char *text, size_t len)
{
    key k = 0;
    while (k < KEYS && !(strlen(keys[k]) == len && memcmp(keys[k], text, len) == 0))
        k++;
    return k;
}

/* Behind a password, what looks like a key may be the rest of one with an `&` of its own: it stays hidden. */
static bool unknown_key(const char *text, size_t len, bool password_seen, mqtt_e2e_error *error)
{
    if (password_seen || len > 32 || !all_of(text, len, "-._"))
        return e2e_error_set(error, "an '&' in a value is written %26; " ALL_KEYS,
                             "an unknown key in the query");
    return e2e_error_set(error, ALL_KEYS, "unknown key '%.*s' in the query", (int)len, text);
}

static bool parse_flag(const char *name, const char *text, size_t len, bool *flag, mqtt_e2e_error *error)
{
    if (len != 1 || (text[0] != '0' && text[0] != '1'))
        return e2e_error_set(error, "", "%s must be 0 or 1", name);
    *flag = text[0] == '1';
    return true;
}

static bool parse_profile(const char *text, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error)
{
    char value[16];
    if (!e2e_uri_decode("profile", text, len, value, sizeof value, error))
        return false;
    if (!mqtt_e2e_config_profile(config, value))
        return e2e_error_set(error, "", "profile must be 1, toit, or toit,1");
    if ((config->profile == MQTT_E2E_PROFILE_TOIT || config->toit_too) && config->key_len != 16)
        return e2e_error_set(error, "make one: mqtt-e2e keygen --profile toit",
                             "a key of 256 bits: the Toit profile takes 128");
    return true;
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return true;
    return false;
}

static bool parse_text(const char *name, const char *text, size_t len, char *out, size_t size,
                       mqtt_e2e_error *error)
{
    if (len == 0)
        return e2e_error_set(error, "leave it out", "%s has no value", name);
    if (!e2e_uri_decode(name, text, len, out, size, error))
        return false;
    return !has_control(out) || e2e_error_set(error, "", "a control character in the %s", name);
}

static bool parse_announce(const char *text, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error)
{
    char *topic = config->announce;
    if (!parse_text("announce", text, len, topic, sizeof config->announce, error))
        return false;
    return (topic[0] != '~' && e2e_names_topic_ok(topic, strlen(topic))) ||
           e2e_error_set(error, "'mqtt-e2e key device' writes it",
                         "announce is no topic to publish to: it has a wildcard, or starts with '~'");
}

/* Only the empty base, which the path can't say: a slash alone is no base. */
static bool parse_base(size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error)
{
    if (len > 0)
        return e2e_error_set(error, "a base stands in the path: mqtt-e2e://KEY@host/BASE",
                             "base in the query sets the empty base, and takes no value");
    if (config->base_given)
        return e2e_error_set(error, "leave one of them out", "a base in the path, and 'base=' in the query");
    config->base_given = true;
    return true;
}

static bool set(key k, const char *text, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error)
{
    switch (k) {
    case BASE:
        return parse_base(len, config, error);
    case TLS:
        return parse_flag("tls", text, len, &config->tls, error);
    case PLAIN:
        return parse_flag("plain", text, len, &config->plain_topics, error);
    case PROFILE:
        return parse_profile(text, len, config, error);
    case NAME:
        return parse_text("name", text, len, config->name, sizeof config->name, error);
    case USER:
        return parse_text("user", text, len, config->user, sizeof config->user, error);
    case ANNOUNCE:
        return parse_announce(text, len, config, error);
    default:
        return parse_text("password", text, len, config->password, sizeof config->password, error);
    }
}

bool e2e_uri_query(const char *text, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error)
{
    unsigned seen = 0;
    for (const char *p = text, *end = text + len; p <= end;) {
        const char *stop = memchr(p, '&', (size_t)(end - p));
        stop = stop ? stop : end;
        const char *equals = memchr(p, '=', (size_t)(stop - p));
        if (!equals)
            return e2e_error_set(error,
                                 "the query is name=...&tls=1&user=...&password=...&plain=1&profile=toit; "
                                 "'&' in a value is %26",
                                 "a part of the query has no '='");
        key k = find_key(p, (size_t)(equals - p));
        if (k == KEYS)
            return unknown_key(p, (size_t)(equals - p), seen & 1u << PASSWORD, error);
        if (seen & 1u << k)
            return e2e_error_set(error, "", "%s is given twice in the query", keys[k]);
        seen |= 1u << k;
        if (!set(k, equals + 1, (size_t)(stop - equals - 1), config, error))
            return false;
        p = stop + 1;
    }
    if (config->password[0] && !config->user[0])
        return e2e_error_set(error, "MQTT takes a password only with a user name",
                             "a password without a user");
    return true;
}
