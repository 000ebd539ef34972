/* SPDX-License-Identifier: MIT */
/* Setters of the options whose value is more than a number or a text. None of them shows a value that may hold a
 * password. */
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "options_table.h"

static bool usage(const cli_options *options, const char *text, const char *name)
{
    cli_usage_error(cli_options_command(options->command), "%s %s", name, text);
    return false;
}

/* ---- Hosts -------------------------------------------------------------------------------------- */

/* Where the host name in `text` of `len` bytes ends, and where its port starts (NULL: none). Brackets are taken off; a
 * bare IPv6 address, which has several colons, has no port. */
static bool split_host(const char *text, size_t len, const char **name, size_t *name_len, const char **port)
{
    const char *end = text + len, *colon = memchr(text, ':', len);
    *port = NULL;
    *name = text;
    *name_len = len;
    if (len && *text == '[') {
        const char *bracket = memchr(text, ']', len);
        if (!bracket || (bracket + 1 < end && bracket[1] != ':'))
            return false;
        *name = text + 1;
        *name_len = (size_t)(bracket - text) - 1;
        *port = bracket + 1 < end ? bracket + 2 : NULL;
    } else if (colon && !memchr(colon + 1, ':', (size_t)(end - colon) - 1)) {
        *name_len = (size_t)(colon - text);
        *port = colon + 1;
    }
    return true;
}

static bool plausible_name(const char *name, size_t len)
{
    if (len == 0 || len >= sizeof((mqtt_e2e_host *)NULL)->name)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] <= ' ' || strchr("/@?#[]\177", name[i]))
            return false;
    return true;
}

/* Skips mqtt://, mqtts://, ws:// or wss://. */
static mqtt_e2e_transport take_scheme(const char **text, size_t *len)
{
    static const struct {
        const char *text;
        mqtt_e2e_transport transport;
    } schemes[] = {{"mqtt://", MQTT_E2E_MQTT},
                   {"mqtts://", MQTT_E2E_MQTTS},
                   {"ws://", MQTT_E2E_WS},
                   {"wss://", MQTT_E2E_WSS}};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t n = strlen(schemes[i].text);
        if (*len > n && memcmp(*text, schemes[i].text, n) == 0) {
            *text += n;
            *len -= n;
            return schemes[i].transport;
        }
    }
    return MQTT_E2E_AS_SET;
}

/* "host", "host:port", "[address]:port" or an address, of `len` bytes, with a scheme or none, to the list. */
static bool add_host(cli_options *options, const char *option, const char *text, size_t len)
{
    const char *name, *port;
    size_t name_len;
    char digits[8];
    int64_t number = 0;
    if (options->given.host_count == MQTT_E2E_HOSTS_MAX)
        return usage(options, "names too many brokers: at most 8", option);
    mqtt_e2e_transport transport = take_scheme(&text, &len);
    if (memchr(text, '/', len) || !split_host(text, len, &name, &name_len, &port) ||
        !plausible_name(name, name_len))
        return usage(
            options,
            "takes brokers like localhost, example.org:1883, [::1]:1883 or mqtts://example.org, joined "
            "by commas",
            option);
    if (port) {
        size_t n = (size_t)(text + len - port);
        snprintf(digits, sizeof digits, "%.*s", (int)(n < sizeof digits ? n : sizeof digits - 1), port);
        if (!cli_parse_number(cli_options_command(options->command), "a port", digits, 1, 65535, &number))
            return false;
    }
    mqtt_e2e_host *host = &options->given.hosts[options->given.host_count++];
    memcpy(host->name, name, name_len);
    host->name[name_len] = '\0';
    host->port = (uint16_t)number;
    host->transport = transport;
    return true;
}

bool cli_set_hosts(cli_options *options, const char *name, const char *value)
{
    options->given.host_count = 0;
    for (const char *comma; (comma = strchr(value, ',')) != NULL; value = comma + 1)
        if (!add_host(options, name, value, (size_t)(comma - value)))
            return false;
    return add_host(options, name, value, strlen(value));
}

/* mqtt[s]://[user@]host[:port][/topic] */
bool cli_set_url(cli_options *options, const char *name, const char *value)
{
    bool tls = strncmp(value, "mqtts://", 8) == 0;
    if (!tls && strncmp(value, "mqtt://", 7) != 0)
        return usage(options, "takes a URL like mqtt://user@host:1883/topic or mqtts://host/topic", name);
    free(options->given.url);
    char *rest = options->given.url = strdup(value + (tls ? 8 : 7));
    if (!rest)
        return usage(options, "does not fit into memory", name);
    char *topic = strchr(rest, '/');
    if (topic)
        *topic++ = '\0';
    char *at = strrchr(rest, '@'), *host = at ? at + 1 : rest;
    if (at) {
        *at = '\0';
        if (strchr(rest, ':')) {
            explicit_bzero(rest, strlen(rest));
            return usage(options,
                         "must not hold a password, which all users of this machine can read in "
                         "arguments: give it by -P file:PATH or -P env:NAME",
                         name);
        }
        options->given.user = rest;
    }
    options->given.tls = tls;
    options->given.no_tls = !tls;
    options->given.host_count = 0;
    if (!add_host(options, name, host, strlen(host)))
        return false;
    return !topic || !*topic || cli_list_append(&options->topics, topic);
}

/* ---- Secrets ------------------------------------------------------------------------------------ */

bool cli_set_password(cli_options *options, const char *name, const char *value)
{
    (void)name;
    options->given.password_given = true;
    options->code = cli_password(cli_options_command(options->command), value, options->given.password,
                                 sizeof options->given.password);
    return options->code == CLI_OK;
}

static bool from_elsewhere(const char *value)
{
    return strncmp(value, "file:", 5) == 0 || strncmp(value, "env:", 4) == 0;
}

bool cli_set_proxy(cli_options *options, const char *name, const char *value)
{
    static const char scheme[] = "socks5h://";
    if (from_elsewhere(value)) {
        options->code = cli_password(cli_options_command(options->command), value, options->given.proxy,
                                     sizeof options->given.proxy);
        if (options->code != CLI_OK)
            return false;
    } else {
        const char *at = strrchr(value, '@');
        if (at && memchr(value + strcspn(value, "/"), ':', (size_t)(at - value) - strcspn(value, "/")))
            return usage(options,
                         "must not hold a password, which all users of this machine can read in "
                         "arguments: give the URL by file:PATH or env:NAME",
                         name);
        if (strlen(value) >= sizeof options->given.proxy)
            return usage(options, "is too long a URL", name);
        strcpy(options->given.proxy, value);
    }
    options->client.proxy = options->given.proxy;
    return strncmp(options->given.proxy, scheme, sizeof scheme - 1) == 0 ||
           usage(options, "takes a URL like socks5h://host:1080", name);
}

/* ---- The rest ----------------------------------------------------------------------------------- */

bool cli_set_version(cli_options *options, const char *name, const char *value)
{
    static const struct {
        const char *text;
        int version;
    } versions[] = {{"5", 5}, {"311", 4}, {"31", 3}, {"mqttv5", 5}, {"mqttv311", 4}, {"mqttv31", 3}};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
        if (strcmp(value, versions[i].text) == 0) {
            options->client.mqtt_version = versions[i].version;
            return true;
        }
    cli_usage_error(cli_options_command(options->command), "%s must be 5, 311 or 31, not '%s'", name, value);
    return false;
}

bool cli_set_expiry(cli_options *options, const char *name, const char *value)
{
    int64_t seconds = UINT32_MAX;
    if (strcmp(value, "-1") != 0 &&
        strcmp(value, "\xE2\x88\x9E") != 0 && /* the infinity sign, as mosquitto has it */
        !cli_parse_number(cli_options_command(options->command), name, value, 0, UINT32_MAX, &seconds))
        return false;
    options->given.expiry = (uint32_t)seconds;
    options->given.expiry_given = true;
    return true;
}

bool cli_set_source(cli_options *options, const char *name, const char *value)
{
    static const struct {
        const char *letter, *name;
        cli_source source;
    } sources[] = {{"-m", "--message", CLI_MESSAGE},
                   {"-f", "--file", CLI_FILE},
                   {"-l", "--stdin-line", CLI_LINES},
                   {"-s", "--stdin-file", CLI_STDIN},
                   {"-n", "--null-message", CLI_NULL}};
    if (options->source != CLI_NO_SOURCE)
        return usage(options, "is one message too many: give one of -m, -f, -l, -s and -n", name);
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        if (strcmp(name, sources[i].letter) == 0 || strcmp(name, sources[i].name) == 0)
            options->source = sources[i].source;
    options->source_value = value;
    return true;
}

bool cli_set_format(cli_options *options, const char *name, const char *value)
{
    (void)name;
    options->format = value;
    return cli_format_check(cli_options_command(options->command), value);
}

bool cli_set_random(cli_options *options, const char *name, const char *value)
{
    char *end;
    options->random_filter = strtod(value, &end);
    if (end == value || *end || !(options->random_filter >= 0.1 && options->random_filter <= 100)) {
        cli_usage_error(cli_options_command(options->command), "%s must be from 0.1 to 100, not '%s'", name,
                        value);
        return false;
    }
    return true;
}
