/* SPDX-License-Identifier: MIT */
#include "node.h"

#include <mqtt_e2e/session.h>

#include <stdlib.h>
#include <string.h>

/* What stands behind `mark`, or NULL. */
static char *behind(char *text, const char *mark)
{
    char *at = strstr(text, mark);

    return at == NULL ? NULL : at + strlen(mark);
}

/* A C string without escapes, which starts at `at`. */
static bool take_string(const char *at, char *out, size_t size)
{
    size_t n = at != NULL && *at == '"' ? strcspn(at + 1, "\"\\\n") : size;

    if (n >= size || at[1 + n] != '"')
        return false;
    memcpy(out, at + 1, n);
    out[n] = '\0';
    return true;
}

static bool take_flag(const char *at, bool *out)
{
    if (at == NULL || (*at != '0' && *at != '1') || at[1] != '\n')
        return false;
    *out = *at == '1';
    return true;
}

static int hex(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* `16] = {0x01, 0x02, ...};` */
static bool take_key(node *out, const char *at)
{
    if (at == NULL || (strncmp(at, "16] = {", 7) != 0 && strncmp(at, "32] = {", 7) != 0))
        return false;
    out->key_len = *at == '1' ? 16 : 32;
    at += 7;
    for (size_t i = 0; i < out->key_len; i++) {
        const char *end = i + 1 < out->key_len ? ", " : "};";

        if (at[0] != '0' || at[1] != 'x' || hex(at[2]) < 0 || hex(at[3]) < 0 || strncmp(at + 4, end, 2) != 0)
            return false;
        out->key[i] = (uint8_t)(hex(at[2]) << 4 | hex(at[3]));
        at += 6;
    }
    return true;
}

/* The first broker: `{"name", port},`. */
static bool take_host(node *out, char *at)
{
    char *end;
    unsigned long port;

    if (!take_string(at, out->host, sizeof out->host))
        return false;
    at += 1 + strlen(out->host) + 1;
    if (strncmp(at, ", ", 2) != 0)
        return false;
    port = strtoul(at + 2, &end, 10);
    out->port = (uint16_t)port;
    return *end == '}' && port > 0 && port <= 0xffff;
}

bool node_parse(node *out, char *text, size_t len)
{
    bool good;

    memset(out, 0, sizeof *out);
    text[len] = '\0';
    good = take_key(out, behind(text, "mqtt_e2e_node_key[")) &&
           take_string(behind(text, "MQTT_E2E_NODE_BASE "), out->base, sizeof out->base) &&
           take_string(behind(text, "MQTT_E2E_NODE_NAME "), out->name, sizeof out->name) &&
           take_string(behind(text, "MQTT_E2E_NODE_USER "), out->user, sizeof out->user) &&
           take_string(behind(text, "MQTT_E2E_NODE_PASSWORD "), out->password, sizeof out->password) &&
           take_flag(behind(text, "MQTT_E2E_NODE_TLS "), &out->tls) &&
           take_flag(behind(text, "MQTT_E2E_NODE_PLAIN_TOPICS "), &out->plain_topics) &&
           take_host(out, behind(text, "] = {\n    {"));
    mqtt_e2e_wipe_memory(text, len);
    return good && strlen(out->base) == strcspn(out->base, "+#");
}
