/* SPDX-License-Identifier: MIT */
/*
 * Hidden topics (docs/PROTOCOL.md §5): each level becomes a token of its own, by deterministic authenticated
 * encryption in the manner of SIV (RFC 5297): s is a MAC of depth and level, and the IV under which the level is
 * encrypted. So equal levels at equal depths look alike, and wildcards work; a token that was not made with the key
 * does not read back.
 */
#include "b64u.h"
#include "keys.h"
#include "known.h"
#include "names.h"
#include "core.h"

#include <string.h>

#define SIV_SIZE 8
#define BLOCK    8 /* levels are padded to a multiple of this */

static size_t padded(size_t n)
{
    return (n + BLOCK - 1) / BLOCK * BLOCK;
}

/* s = HMAC(topic MAC key, depth ‖ level), cut. */
static int siv(const mqtt_e2e_session *session, uint8_t depth, const char *level, size_t n,
               uint8_t s[SIV_SIZE])
{
    mqtt_e2e_bytes parts[2] = {{&depth, 1}, {level, n}};
    uint8_t mac[MQTT_E2E_HASH_SIZE];

    if (session->crypto->hmac(session->topic_mac, sizeof session->topic_mac, parts, 2, mac) != 0)
        return -1;
    memcpy(s, mac, SIV_SIZE);
    mqtt_e2e_wipe_memory(mac, sizeof mac);
    return 0;
}

static int crypt(const mqtt_e2e_session *session, const uint8_t s[SIV_SIZE], uint8_t *text, size_t n)
{
    uint8_t iv[16] = {0};

    memcpy(iv, s, SIV_SIZE);
    return session->crypto->topic(session->keys, iv, text, n);
}

/* ---- Writing ---- */

typedef struct {
    char *out;
    size_t size; /* one byte of it is kept for the NUL */
    size_t len;
} writer;

static mqtt_e2e_status put(writer *w, const char *text, size_t n)
{
    if (w->len + n > MQTT_E2E_TOPIC_MAX)
        return MQTT_E2E_TOO_LONG;
    if (w->len + n >= w->size)
        return MQTT_E2E_NO_ROOM;
    memcpy(w->out + w->len, text, n);
    w->len += n;
    return MQTT_E2E_OK;
}

static mqtt_e2e_status put_token(const mqtt_e2e_session *session, writer *w, uint8_t depth, const char *level,
                                 size_t n)
{
    size_t raw_len = SIV_SIZE + padded(n), token_len = E2E_B64U_SIZE(raw_len);
    uint8_t *raw; /* at the end of where the token goes, so that it is encoded in place */

    if (w->len + token_len > MQTT_E2E_TOPIC_MAX)
        return MQTT_E2E_TOO_LONG;
    if (w->len + token_len >= w->size)
        return MQTT_E2E_NO_ROOM;
    raw = (uint8_t *)w->out + w->len + token_len - raw_len;
    memset(raw, 0, raw_len);
    memcpy(raw + SIV_SIZE, level, n);
    if (siv(session, depth, level, n, raw) != 0 || crypt(session, raw, raw + SIV_SIZE, padded(n)) != 0) {
        mqtt_e2e_wipe_memory(raw, raw_len);
        return MQTT_E2E_CRYPTO_FAILED;
    }
    e2e_b64u_encode(raw, raw_len, w->out + w->len);
    w->len += token_len;
    return MQTT_E2E_OK;
}

static bool is_wildcard(const char *level, size_t n)
{
    return n == 1 && (level[0] == '+' || level[0] == '#');
}

static mqtt_e2e_status put_level(const mqtt_e2e_session *session, writer *w, unsigned depth,
                                 const char *level, size_t n)
{
    if (session->plain_topics || n == 0 || is_wildcard(level, n))
        return put(w, level, n);
    return put_token(session, w, (uint8_t)depth, level, n);
}

/* Base, slash, levels, NUL. `name` was checked; wildcards in it stay. */
static mqtt_e2e_status put_topic(const mqtt_e2e_session *session, writer *w, const char *name, size_t len)
{
    mqtt_e2e_status status = put(w, session->base, e2e_names_length(session->base));

    if (status == MQTT_E2E_OK && session->base[0] != '\0')
        status = put(w, "/", 1);
    for (unsigned depth = 0; status == MQTT_E2E_OK; depth++) {
        size_t n = e2e_names_level(name, len);

        status = put_level(session, w, depth, name, n);
        if (n == len)
            break;
        if (status == MQTT_E2E_OK)
            status = put(w, "/", 1);
        name += n + 1;
        len -= n + 1;
    }
    if (status == MQTT_E2E_OK)
        w->out[w->len] = '\0';
    return status;
}

mqtt_e2e_status mqtt_e2e_hide(mqtt_e2e_session *session, const char *name, char *wire, size_t size,
                              mqtt_e2e_topic *topic)
{
    size_t len = e2e_names_length(name);
    writer w = {wire, size, 0};
    mqtt_e2e_status status;

    memset(topic, 0, sizeof *topic);
    if (!e2e_names_topic_ok(name, len))
        return MQTT_E2E_BAD_TOPIC;
    status = put_topic(session, &w, name, len);
    if (status == MQTT_E2E_OK)
        *topic = (mqtt_e2e_topic){name, wire, (uint16_t)len, (uint16_t)w.len};
    return status;
}

mqtt_e2e_status mqtt_e2e_hide_filter(mqtt_e2e_session *session, const char *filter, char *wire, size_t size)
{
    size_t len = e2e_names_length(filter), share;
    writer w = {wire, size, 0};
    mqtt_e2e_status status;

    if (!e2e_names_share(filter, len, &share) || !e2e_names_filter_ok(filter + share, len - share))
        return MQTT_E2E_BAD_FILTER;
    status = put(&w, filter, share);
    if (status == MQTT_E2E_OK && session->prefix != NULL)
        status = put(&w, session->prefix, e2e_names_length(session->prefix));
    return status == MQTT_E2E_OK ? put_topic(session, &w, filter + share, len - share) : status;
}

/* ---- Reading ---- */

/* Takes `text` off the front of *wire, if it is there. */
static bool skip(const char **wire, size_t *len, const char *text)
{
    size_t n = e2e_names_length(text);

    if (*len < n || memcmp(*wire, text, n) != 0)
        return false;
    *wire += n;
    *len -= n;
    return true;
}

/* Whether `text` of `n` bytes is a level of *level_len bytes and the least padding. */
static bool unpad(const uint8_t *text, size_t n, size_t *level_len)
{
    size_t len = n;

    while (len > 0 && text[len - 1] == 0)
        len--;
    *level_len = len;
    return len > 0 && padded(len) == n;
}

/* Reads one token to `level`, where there is room for E2E_B64U-decoded `token_len` characters. */
static mqtt_e2e_status read_token(const mqtt_e2e_session *session, unsigned depth, const char *token,
                                  size_t token_len, char *level, size_t *level_len)
{
    uint8_t *text = (uint8_t *)level;
    uint8_t s[SIV_SIZE], expected[SIV_SIZE], differ = 0;
    size_t n;

    if (!e2e_b64u_decode(token, token_len, text, &n) || n < SIV_SIZE + BLOCK || n % BLOCK != 0)
        return MQTT_E2E_FORGED;
    memcpy(s, text, SIV_SIZE);
    n -= SIV_SIZE;
    memmove(text, text + SIV_SIZE, n);
    if (crypt(session, s, text, n) != 0)
        return MQTT_E2E_CRYPTO_FAILED;
    /* The padding is looked at before the MAC: where it ends says how much of the text the MAC is of. It tells an
     * attacker who makes up tokens nothing but that they are made up. */
    E2E_KNOWN(text, n);
    if (!unpad(text, n, level_len))
        return MQTT_E2E_FORGED;
    if (siv(session, (uint8_t)depth, level, *level_len, expected) != 0)
        return MQTT_E2E_CRYPTO_FAILED;
    for (size_t i = 0; i < SIV_SIZE; i++)
        differ |= s[i] ^ expected[i];
    mqtt_e2e_wipe_memory(expected, sizeof expected);
    E2E_KNOWN(&differ, sizeof differ); /* the verdict */
    return differ != 0 ? MQTT_E2E_FORGED : MQTT_E2E_OK;
}

static mqtt_e2e_status read_level(const mqtt_e2e_session *session, unsigned depth, const char *wire, size_t n,
                                  char *name, size_t room, size_t *level_len)
{
    if (n > room)
        return MQTT_E2E_NO_ROOM;
    *level_len = n;
    if (!session->plain_topics && n > 0)
        return read_token(session, depth, wire, n, name, level_len);
    memcpy(name, wire, n);
    return MQTT_E2E_OK;
}

/* The levels behind the base, to a name with a NUL. */
static mqtt_e2e_status read_levels(const mqtt_e2e_session *session, const char *wire, size_t len, char *name,
                                   size_t size, size_t *name_len)
{
    size_t o = 0;

    for (unsigned depth = 0;; depth++) {
        size_t n = e2e_names_level(wire, len), level_len = 0;
        mqtt_e2e_status status = MQTT_E2E_FORGED;

        if (depth < MQTT_E2E_LEVELS_MAX)
            status = read_level(session, depth, wire, n, name + o, size - o, &level_len);
        if (status != MQTT_E2E_OK)
            return status;
        /* A slash in a level would change the depth of the next; one cannot tell afterwards, so look now. */
        if (e2e_names_level(name + o, level_len) != level_len)
            return MQTT_E2E_FORGED;
        o += level_len;
        if (o >= size)
            return MQTT_E2E_NO_ROOM;
        if (n == len)
            break;
        name[o++] = '/';
        wire += n + 1;
        len -= n + 1;
    }
    name[o] = '\0';
    *name_len = o;
    return e2e_names_topic_ok(name, o) ? MQTT_E2E_OK : MQTT_E2E_FORGED;
}

mqtt_e2e_status mqtt_e2e_reveal(mqtt_e2e_session *session, const char *wire, size_t wire_len, char *name,
                                size_t size, mqtt_e2e_topic *topic)
{
    const char *rest = wire;
    size_t rest_len = wire_len, name_len = 0;
    mqtt_e2e_status status;

    memset(topic, 0, sizeof *topic);
    if (wire_len > MQTT_E2E_TOPIC_MAX)
        return MQTT_E2E_FORGED;
    if (session->prefix != NULL)
        skip(&rest, &rest_len, session->prefix);
    if (!skip(&rest, &rest_len, session->base) || (session->base[0] != '\0' && !skip(&rest, &rest_len, "/")))
        return MQTT_E2E_FORGED;
    status = read_levels(session, rest, rest_len, name, size, &name_len);
    if (status == MQTT_E2E_OK)
        *topic = (mqtt_e2e_topic){name, wire, (uint16_t)name_len, (uint16_t)wire_len};
    else
        mqtt_e2e_wipe_memory(name, size < wire_len ? size : wire_len);
    return status;
}
