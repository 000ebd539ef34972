/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

void mqtt_e2e_client_defaults(mqtt_e2e_client_options *options)
{
    memset(options, 0, sizeof *options);
    mqtt_e2e_defaults(&options->session);
    options->session.crypto = &mqtt_e2e_openssl;
    options->session.streams = 4096;
    /* A broker hands out QoS 0 at once, and QoS 1 and 2 as fast as they are acknowledged: the latter may come in after
     * thousands of the former that were sent later. 1,000 is what mosquitto holds back for a client. */
    options->session.window = 4096;
    options->session.requests = 256;
    options->session.longest_packet = (uint32_t)16 << 20;
    options->mqtt_version = 4;
    options->keep_alive = 60;
    options->queue_messages = 1000;
    options->queue_bytes = (size_t)16 << 20;
    options->inflight = 100;
    options->backoff_min_ms = 500;
    options->backoff_max_ms = 30000;
    options->connect_ms = 20000;
    options->spool_messages = 1000000;
    options->spool_bytes = (uint64_t)1 << 30;
}

static const char *unless_empty(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

void mqtt_e2e_client_use(mqtt_e2e_client_options *options, const mqtt_e2e_config *config)
{
    options->session.key = config->key;
    options->session.key_len = config->key_len;
    options->session.base = config->base_given ? config->base : NULL;
    options->session.plain_topics = config->plain_topics;
    options->hosts = config->hosts;
    options->host_count = config->host_count;
    options->name = unless_empty(config->name);
    options->user = unless_empty(config->user);
    options->password = unless_empty(config->password);
    options->tls = config->tls;
    if (config->profile == MQTT_E2E_PROFILE_TOIT)
        mqtt_e2e_toit(&options->session);
}

/* ---- Checks -------------------------------------------------------------------------------------- */

static bool check_session(const mqtt_e2e_options *o, mqtt_e2e_error *error)
{
    if (o->crypto == NULL)
        return e2e_error_set(error, "set session.crypto, e.g. to &mqtt_e2e_openssl",
                             "no crypto library is chosen");
    if (o->key == NULL)
        return e2e_error_set(error, "make one with: mqtt-e2e keygen", "no key is given");
    if (o->key_len != 16 && o->key_len != 32)
        return e2e_error_set(error, "", "a key of %zu bytes: it must be 16 or 32", o->key_len);
    if (o->own_clock_ms)
        return e2e_error_set(error, "", "session.own_clock_ms is for nodes without UTC; a host has it");
    if (o->window < 64 || o->window % 64 != 0)
        return e2e_error_set(error, "", "a window of %u: it must be a multiple of 64", (unsigned)o->window);
    if (o->streams < 1 || o->streams > 32767)
        return e2e_error_set(error, "", "%u streams: 1 to 32767 can be remembered", (unsigned)o->streams);
    return true;
}

/* What a client may be asked for that is not in the Toit profile. */
static bool check_profile(const mqtt_e2e_client_options *o, mqtt_e2e_error *error)
{
    if (o->session.profile == MQTT_E2E_PROFILE_1)
        return true;
    if (o->session.profile != MQTT_E2E_PROFILE_TOIT)
        return e2e_error_set(error, "set it by mqtt_e2e_toit", "profile %u is unknown",
                             (unsigned)o->session.profile);
    if (o->session.key_len != 16)
        return e2e_error_set(error, "make one with: mqtt-e2e keygen --profile toit",
                             "a key of %zu bits: the Toit profile takes 128", o->session.key_len * 8);
    if (o->time_source || o->session.lasting_topics > 0)
        return e2e_error_set(error, "", "the Toit profile has no %s",
                             o->time_source ? "time source" : "lasting messages");
    if (o->spool_dir != NULL)
        return e2e_error_set(error, "", "the Toit profile has no spool: nothing can be sealed anew in it");
    return true;
}

static bool check_mqtt(const mqtt_e2e_client_options *o, mqtt_e2e_error *error)
{
    if (o->mqtt_version < 3 || o->mqtt_version > 5)
        return e2e_error_set(error, "3 is 3.1, 4 is 3.1.1, 5 is 5", "MQTT version %d is unknown",
                             o->mqtt_version);
    if (o->keep_alive > 0 && o->keep_alive < 5)
        return e2e_error_set(error, "", "a keep-alive time of %u seconds: it must be 0 or at least 5",
                             (unsigned)o->keep_alive);
    if (o->password != NULL && o->user == NULL && o->mqtt_version != 5)
        return e2e_error_set(error, "give a user name too, or use MQTT 5", "a password without a user name");
    if (o->persistent && o->client_id == NULL && o->name == NULL)
        return e2e_error_set(error, "give a client id or a name, the same each time",
                             "a persistent session needs a lasting client id");
    if (o->persistent && o->mqtt_version == 5 && o->proxy != NULL) /* libmosquitto 2.0 drops the properties */
        return e2e_error_set(error, "use MQTT 3.1.1",
                             "a persistent MQTT 5 session can't be had through a proxy");
    if (o->client_id != NULL && (o->client_id[0] == '\0' || strlen(o->client_id) > 255))
        return e2e_error_set(error, "", "a client id has 1 to 255 bytes");
    return true;
}

static bool check_numbers(const mqtt_e2e_client_options *o, mqtt_e2e_error *error)
{
    if (o->host_count > E2E_BROKERS_MAX)
        return e2e_error_set(error, "", "%zu brokers: at most %d can be given", o->host_count,
                             E2E_BROKERS_MAX);
    if (o->queue_messages < 1 || o->queue_bytes < 1)
        return e2e_error_set(error, "",
                             "a queue without room: it must hold at least one message and one byte");
    if (o->inflight < 1)
        return e2e_error_set(error, "", "no message may be in flight: at least one must");
    if (o->backoff_min_ms < 1 || o->backoff_max_ms < o->backoff_min_ms)
        return e2e_error_set(error, "", "reconnecting after %u to %u ms is no range",
                             (unsigned)o->backoff_min_ms, (unsigned)o->backoff_max_ms);
    if (o->connect_ms < 1)
        return e2e_error_set(error, "", "no time to connect in: connect_ms is 0");
    return true;
}

/* ---- Proxies ------------------------------------------------------------------------------------- */

static bool decode(const char *text, size_t len, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '%') {
            char hex[3] = {0};

            if (i + 2 >= len || !isxdigit((unsigned char)text[i + 1]) ||
                !isxdigit((unsigned char)text[i + 2]))
                return false;
            memcpy(hex, text + i + 1, 2);
            c = (char)strtoul(hex, NULL, 16);
            i += 2;
        }
        if (c == '\0' || n + 1 >= size)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

/* user[:password] */
static bool proxy_user(const char *text, size_t len, e2e_proxy *proxy)
{
    const char *colon = memchr(text, ':', len);
    size_t user = colon != NULL ? (size_t)(colon - text) : len;

    return user > 0 && decode(text, user, proxy->user, sizeof proxy->user) &&
           (colon == NULL || decode(colon + 1, len - user - 1, proxy->password, sizeof proxy->password));
}

/* host[:port], with IPv6 in brackets */
static bool proxy_host(const char *text, e2e_proxy *proxy)
{
    const char *end = text[0] == '[' ? strchr(text, ']') : text + strcspn(text, ":");
    size_t skip = text[0] == '[';
    char *rest;
    unsigned long port;

    if (end == NULL || end == text + skip || (size_t)(end - text) - skip >= sizeof proxy->host)
        return false;
    memcpy(proxy->host, text + skip, (size_t)(end - text) - skip);
    end += skip;
    proxy->port = 1080;
    if (*end == '\0')
        return true;
    if (*end != ':' || !isdigit((unsigned char)end[1]))
        return false;
    port = strtoul(end + 1, &rest, 10);
    proxy->port = (uint16_t)port;
    return *rest == '\0' && port >= 1 && port <= 65535;
}

bool e2e_options_proxy(const char *url, e2e_proxy *proxy, mqtt_e2e_error *error)
{
    static const char scheme[] = "socks5h://";
    const char *rest = url + sizeof scheme - 1, *at;
    bool fine = strncmp(url, scheme, sizeof scheme - 1) == 0;

    memset(proxy, 0, sizeof *proxy);
    if (fine) {
        at = strrchr(rest, '@');
        fine = (at == NULL || proxy_user(rest, (size_t)(at - rest), proxy)) &&
               proxy_host(at == NULL ? rest : at + 1, proxy);
    }
    if (!fine) /* not shown: it may hold a password */
        e2e_error_set(error, "it is socks5h://[user[:password]@]host[:port]", "the proxy is not understood");
    return fine;
}

static bool check_proxy(const char *url, mqtt_e2e_error *error)
{
    e2e_proxy proxy;
    bool fine = url == NULL || e2e_options_proxy(url, &proxy, error);

    mqtt_e2e_wipe_memory(&proxy, sizeof proxy);
    return fine;
}

/* ---- Client ids ---------------------------------------------------------------------------------- */

static void write_id(mqtt_e2e_client *client, const uint8_t *bytes)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (size_t i = 0; i < E2E_CLIENT_ID_LEN; i++)
        client->client_id[i] = alphabet[bytes[i] % (sizeof alphabet - 1)];
    client->client_id[E2E_CLIENT_ID_LEN] = '\0';
}

bool e2e_options_random_id(mqtt_e2e_client *client)
{
    uint8_t bytes[E2E_CLIENT_ID_LEN];

    if (!e2e_clock_random(bytes, sizeof bytes))
        return false;
    write_id(client, bytes);
    return true;
}

/* A lasting id for a name, with which the broker finds a session that it keeps: it tells the broker neither the key nor the name. */
static bool named_id(mqtt_e2e_client *client)
{
    static const char label[] = "mqtt-e2e client id";
    const mqtt_e2e_options *o = &client->options.session;
    mqtt_e2e_bytes parts[2] = {{label, sizeof label}, {client->options.name, strlen(client->options.name)}};
    uint8_t mac[MQTT_E2E_HASH_SIZE];
    bool fine = o->crypto->hmac(o->key, o->key_len, parts, 2, mac) == 0;

    if (fine)
        write_id(client, mac);
    mqtt_e2e_wipe_memory(mac, sizeof mac);
    return fine;
}

static bool make_id(mqtt_e2e_client *client, mqtt_e2e_error *error)
{
    const mqtt_e2e_client_options *o = &client->options;

    if (o->client_id != NULL) {
        snprintf(client->client_id, sizeof client->client_id, "%s", o->client_id);
        return true;
    }
    /* Two programs with one key file must not throw each other out: only what needs the same id again gets it. */
    if (o->name != NULL && o->persistent)
        return named_id(client) || e2e_error_status(error, MQTT_E2E_CRYPTO_FAILED);
    return e2e_options_random_id(client) || e2e_error_set(error, "", "the kernel gives no random bytes");
}

/* ---- Copies -------------------------------------------------------------------------------------- */

/* All strings of the options, to be copied and freed alike. */
#define STRINGS(o)                                                                                           \
    {                                                                                                        \
        &(o)->user, &(o)->password, &(o)->client_id, &(o)->name, &(o)->bind_address, &(o)->proxy,            \
            &(o)->ca_file, &(o)->ca_path, &(o)->cert_file, &(o)->tls_key_file, &(o)->session.base,           \
            &(o)->session.prefix                                                                             \
    }

static bool copy_strings(mqtt_e2e_client_options *o)
{
    const char **strings[] = STRINGS(o);
    bool fine = true;

    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        if (*strings[i] != NULL) {
            *strings[i] = strdup(*strings[i]);
            fine &= *strings[i] != NULL;
        }
    return fine;
}

static void take_hosts(mqtt_e2e_client *client, const mqtt_e2e_client_options *options)
{
    client->broker_count = options->host_count > 0 ? (unsigned)options->host_count : 1;
    if (options->host_count > 0)
        memcpy(client->hosts, options->hosts, options->host_count * sizeof *client->hosts);
    else
        client->hosts[0] = (mqtt_e2e_host){.name = "localhost"};
    client->options.hosts = client->hosts;
}

bool e2e_options_take(mqtt_e2e_client *client, const mqtt_e2e_client_options *options, mqtt_e2e_error *error)
{
    mqtt_e2e_options *session = &client->options.session;
    const void *hint = options->session.hint;

    if (!check_session(&options->session, error) || !check_profile(options, error) ||
        !check_mqtt(options, error) || !check_numbers(options, error) || !check_proxy(options->proxy, error))
        return false;
    client->options = *options;
    session->hint = NULL;
    if (!copy_strings(&client->options))
        return e2e_error_memory(error);
    if (hint != NULL && session->hint_len > 0) {
        void *copy = malloc(session->hint_len);

        if (copy == NULL)
            return e2e_error_memory(error);
        session->hint = memcpy(copy, hint, session->hint_len);
    }
    client->persistent = options->persistent;
    take_hosts(client, options);
    return make_id(client, error);
}

void e2e_options_free(mqtt_e2e_client *client)
{
    const char **strings[] = STRINGS(&client->options);

    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        char *text = (char *)(uintptr_t)*strings[i];

        if (text != NULL)
            mqtt_e2e_wipe_memory(text, strlen(text));
        free(text);
    }
    free((void *)(uintptr_t)client->options.session.hint);
    memset(&client->options, 0, sizeof client->options);
}
