/* SPDX-License-Identifier: MIT */
/*
 * What may be shown of a line that does not parse? Whoever gets the grammar wrong may have a secret in any place: a
 * password with an `@` of its own, or a key where the host should be. So an error names the part, and quotes of it
 * only what has passed for a host name, a number, or the name of a query key.
 */
#include "uri.h"

#include <stdio.h>
#include <string.h>

#include "../src/b64u.h"
#include "../src/names.h"

/* ---- Keys ---------------------------------------------------------------------------------------- */

bool e2e_uri_key(const char *text, size_t len, mqtt_e2e_config *config)
{
    uint8_t raw[36];
    size_t n = 0;
    while (n < 2 && n < len && text[len - 1 - n] == '=')
        n++;
    if (n > 0 && len % 4 != 0)
        return false;
    len -= n;
    bool fine = len <= 44 && e2e_b64u_decode(text, len, raw, &n) && (n == 16 || n == 32);
    if (fine) {
        memcpy(config->key, raw, n);
        config->key_len = n;
    }
    explicit_bzero(raw, sizeof raw);
    return fine;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_key(const char *text, size_t len, mqtt_e2e_config *config)
{
    if (len != 32 && len != 64)
        return false;
    for (size_t i = 0; i < len; i += 2) {
        int high = nibble(text[i]), low = nibble(text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        config->key[i / 2] = (uint8_t)(high << 4 | low);
    }
    config->key_len = len / 2;
    return true;
}

/* Base64 of either alphabet (RFC 4648 §4, §5), but not a mixture. */
static bool base64_key(const char *text, size_t len, mqtt_e2e_config *config)
{
    char url[48];
    bool standard = memchr(text, '+', len) || memchr(text, '/', len);
    if (len > sizeof url || (standard && (memchr(text, '-', len) || memchr(text, '_', len))))
        return false;
    for (size_t i = 0; i < len; i++)
        url[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    bool fine = e2e_uri_key(url, len, config);
    explicit_bzero(url, sizeof url);
    return fine;
}

bool e2e_uri_parse_bare(const char *line, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error)
{
    if (hex_key(line, len, config) || base64_key(line, len, config))
        return true;
    return e2e_error_set(error,
                         "a key file holds one line mqtt-e2e://KEY@host:port/base, or 32 or 64 hex digits",
                         "neither an mqtt-e2e:// URI nor a bare key of 16 or 32 bytes in hex or base64");
}

/* ---- The URI ------------------------------------------------------------------------------------- */

bool e2e_uri_decode(const char *what, const char *text, size_t len, char *out, size_t size,
                    mqtt_e2e_error *error)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++, n++) {
        int high = 0, low = 0;
        if (n + 1 >= size)
            return e2e_error_set(error, "", "the %s is over %zu bytes long", what, size - 1);
        if (text[i] != '%') {
            out[n] = text[i];
            continue;
        }
        if (len - i < 3 || (high = nibble(text[i + 1])) < 0 || (low = nibble(text[i + 2])) < 0)
            return e2e_error_set(error, "a percent sign itself is written %25",
                                 "a percent sign in the %s is not followed by two hex digits", what);
        out[n] = (char)(high << 4 | low);
        i += 2;
    }
    out[n] = '\0';
    if (!e2e_names_utf8(out, n)) /* refuses NUL too */
        return e2e_error_set(error, "", "the %s is not UTF-8, or holds a NUL", what);
    return true;
}

bool e2e_uri_base(const char *text, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error)
{
    if (len == 0) /* a slash alone says nothing: programs that handle URLs add it */
        return true;
    config->base_given = true;
    if (!e2e_uri_decode("base", text, len, config->base, sizeof config->base, error))
        return false;
    len = strlen(config->base);
    if (config->base[len - 1] == '/')
        return e2e_error_set(error, "the slash between base and topic comes by itself",
                             "the base ends with '/'");
    if (!e2e_names_topic_ok(config->base, len))
        return e2e_error_set(error, "", "the base holds a wildcard, '+' or '#'");
    if (strncmp(config->base, "$share/", 7) == 0)
        return e2e_error_set(error, "$share/group/ goes before the topic of a subscription",
                             "the base starts with $share/");
    return true;
}

/* Bytes before the first of `ends`, or all. */
static size_t before(const char *text, size_t len, const char *ends)
{
    size_t n = 0;
    while (n < len && !strchr(ends, text[n]))
        n++;
    return n;
}

static bool check_characters(const char *text, size_t len, mqtt_e2e_error *error)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == 0x7F)
            return e2e_error_set(error, "a space is written %20, a control character alike",
                                 "white space or a control character in the URI");
        if (c == '#')
            return e2e_error_set(error,
                                 "it is written %23; a comment on the same line starts with a space and '#'",
                                 "'#' in the URI");
    }
    return true;
}

bool e2e_uri_parse(const char *line, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error)
{
    const size_t scheme = sizeof E2E_URI_SCHEME - 1;
    const char *p = line + scheme, *end = line + len;
    if (!check_characters(line, len, error))
        return false;
    size_t n = before(p, (size_t)(end - p), "@/?");
    if (n == 0)
        return e2e_error_set(error, "mqtt-e2e keygen makes a whole key file", "no key behind mqtt-e2e://");
    if (!e2e_uri_key(p, n, config))
        return e2e_error_set(
            error,
            "22 characters of base64url are 128 bits, 43 are 256; the key may stand alone in the file as hex",
            "the key in the URI is not 16 or 32 bytes in base64url (it has %zu characters)", n);
    p += n;
    if (p < end && *p == '@') {
        p++;
        n = before(p, (size_t)(end - p), "/?");
        if (!e2e_uri_hosts(p, n, config, error))
            return false;
        p += n;
    }
    if (p < end && *p == '/') {
        p++;
        n = before(p, (size_t)(end - p), "?");
        if (!e2e_uri_base(p, n, config, error))
            return false;
        p += n;
    }
    return p == end || e2e_uri_query(p + 1, (size_t)(end - p - 1), config, error);
}
