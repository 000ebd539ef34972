/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mqtt_protocol.h>

#include "private.h"

bool e2e_error_set(mqtt_e2e_error *error, const char *hint, const char *format, ...)
{
    va_list args;

    if (error == NULL)
        return false;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    snprintf(error->hint, sizeof error->hint, "%s", hint);
    return false;
}

void e2e_error_text(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);

    snprintf(out, size, "%s", text);
    /* Not in "TLS ..." and the like. */
    if (size > 1 && len > 1 && islower((unsigned char)text[1]))
        out[0] = (char)tolower((unsigned char)out[0]);
    if (len < size && len > 0 && text[len - 1] == '.')
        out[len - 1] = '\0';
}

bool e2e_error_memory(mqtt_e2e_error *error)
{
    return e2e_error_set(error, "", "out of memory");
}

bool e2e_error_status(mqtt_e2e_error *error, mqtt_e2e_status status)
{
    if (status == MQTT_E2E_TOO_LONG) /* of a payload it is said before */
        return e2e_error_set(error, "shorten it: hiding adds a third, and 11 bytes or more to each level",
                             "the topic is too long: on the wire it would be over %d bytes",
                             MQTT_E2E_TOPIC_MAX);
    return e2e_error_set(error, "", "%s", mqtt_e2e_status_text(status));
}

static size_t count_levels(const char *topic)
{
    size_t levels = 1;

    for (; *topic != '\0'; topic++)
        levels += *topic == '/';
    return levels;
}

bool e2e_error_topic(mqtt_e2e_error *error, const char *topic)
{
    if (topic[0] == '\0')
        return e2e_error_set(error, "", "the topic is empty");
    if (topic[0] == '~')
        return e2e_error_set(error, "", "topic '%.100s' is reserved: its first level starts with '~'", topic);
    if (strpbrk(topic, "+#") != NULL)
        return e2e_error_set(error, "wildcards are for subscriptions", "topic '%.100s' has a wildcard",
                             topic);
    if (count_levels(topic) > MQTT_E2E_LEVELS_MAX)
        return e2e_error_set(error, "", "topic '%.100s...' has more than %d levels", topic,
                             MQTT_E2E_LEVELS_MAX);
    if (strlen(topic) > MQTT_E2E_TOPIC_MAX)
        return e2e_error_set(error, "", "the topic is too long: over %d bytes", MQTT_E2E_TOPIC_MAX);
    return e2e_error_set(error, "", "the topic is not valid UTF-8");
}

bool e2e_error_filter(mqtt_e2e_error *error, const char *filter)
{
    if (filter[0] == '\0')
        return e2e_error_set(error, "", "the topic to subscribe to is empty");
    if (filter[0] == '~')
        return e2e_error_set(error, "", "'%.100s' is reserved: its first level starts with '~'", filter);
    if (strncmp(filter, "$share/", 7) == 0 && strchr(filter + 7, '/') == NULL)
        return e2e_error_set(error, "it is $share/GROUP/FILTER", "'%.100s' shares no topic", filter);
    if (strpbrk(filter, "+#") != NULL)
        return e2e_error_set(error, "'+' stands for one whole level, '#' for all that follow, at the end",
                             "'%.100s' has a wildcard where none can be", filter);
    if (count_levels(filter) > MQTT_E2E_LEVELS_MAX)
        return e2e_error_set(error, "", "'%.100s...' has more than %d levels", filter, MQTT_E2E_LEVELS_MAX);
    if (strlen(filter) > MQTT_E2E_TOPIC_MAX)
        return e2e_error_set(error, "", "the topic to subscribe to is too long: over %d bytes",
                             MQTT_E2E_TOPIC_MAX);
    return e2e_error_set(error, "", "the topic to subscribe to is not valid UTF-8");
}

static const char *connack_v3(int code)
{
    switch (code) {
    case CONNACK_REFUSED_PROTOCOL_VERSION:
        return "the broker does not speak this version of MQTT";
    case CONNACK_REFUSED_IDENTIFIER_REJECTED:
        return "the broker refused the client id";
    case CONNACK_REFUSED_SERVER_UNAVAILABLE:
        return "the broker is not available";
    case CONNACK_REFUSED_BAD_USERNAME_PASSWORD:
        return "the broker refused user name or password";
    case CONNACK_REFUSED_NOT_AUTHORIZED:
        return "the broker refused user name or password, or does not let us in: not authorized";
    default:
        return "the broker refused the connection";
    }
}

const char *e2e_error_connack(int code, int mqtt_version)
{
    if (mqtt_version != MQTT_PROTOCOL_V5)
        return connack_v3(code);
    switch (code) {
    case MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION:
        return connack_v3(CONNACK_REFUSED_PROTOCOL_VERSION);
    case MQTT_RC_CLIENTID_NOT_VALID:
        return connack_v3(CONNACK_REFUSED_IDENTIFIER_REJECTED);
    case MQTT_RC_SERVER_UNAVAILABLE:
    case MQTT_RC_SERVER_BUSY:
        return connack_v3(CONNACK_REFUSED_SERVER_UNAVAILABLE);
    case MQTT_RC_BAD_USERNAME_OR_PASSWORD:
        return connack_v3(CONNACK_REFUSED_BAD_USERNAME_PASSWORD);
    case MQTT_RC_NOT_AUTHORIZED:
        return connack_v3(CONNACK_REFUSED_NOT_AUTHORIZED);
    case MQTT_RC_BANNED:
        return "the broker has banned us";
    case MQTT_RC_USE_ANOTHER_SERVER:
    case MQTT_RC_SERVER_MOVED:
        return "the broker says that it has moved";
    default:
        return connack_v3(code < 0x80 ? code : 0);
    }
}

const char *e2e_error_mosquitto(int code)
{
    switch (code) {
    case MOSQ_ERR_CONN_LOST:
    case MOSQ_ERR_NO_CONN:
        return "connection closed by the broker";
    case MOSQ_ERR_EAI:
        return "the local address to connect from is unknown";
    case MOSQ_ERR_KEEPALIVE:
        return "the broker did not answer within the keep-alive time";
    case MOSQ_ERR_PROXY:
        return "the proxy could not connect, or speaks no SOCKS5";
    case MOSQ_ERR_AUTH:
        return "the proxy refused user name or password";
    case MOSQ_ERR_PROTOCOL:
    case MOSQ_ERR_MALFORMED_PACKET:
        return "the other side speaks no MQTT, or not as the standard says";
    case MOSQ_ERR_TLS:
    case MOSQ_ERR_TLS_HANDSHAKE:
        return "no TLS connection could be made";
    case MOSQ_ERR_NOMEM:
        return "out of memory";
    case MOSQ_ERR_OVERSIZE_PACKET:
    case MOSQ_ERR_PAYLOAD_SIZE:
        return "the packet is longer than the broker takes";
    case MOSQ_ERR_QOS_NOT_SUPPORTED:
        return "the broker does not take messages of this QoS";
    default:
        return mosquitto_strerror(code);
    }
}

/* Says in b->why what ended the connection, before what knows it is gone. */
void e2e_error_connection(e2e_broker *b, int code)
{
    const char *before = "", *text = e2e_tls_refusal(&b->peer);
    char words[160];

    if (b->connack != 0)
        text = e2e_error_connack(b->connack, b->client->options.mqtt_version);
    else if (text != NULL)
        before = "the server's certificate was refused: ";
    else if (b->tls_error[0] != '\0')
        before = "no TLS connection could be made: ", text = b->tls_error;
    else if (b->phase == E2E_CONNECTING && (code == MOSQ_ERR_CONN_LOST || b->socket_error == ECONNRESET))
        text = b->tls == NULL ? "the connection was closed before the broker answered; it may expect TLS"
                              : "the connection was closed before the broker answered";
    else if (b->socket_error != 0)
        text = strerror(b->socket_error);
    else if (b->reason >= MQTT_RC_UNSPECIFIED)
        before = "the broker ended the connection: ", text = mosquitto_reason_string(b->reason);
    else
        text = e2e_error_mosquitto(code);
    e2e_error_text(words, sizeof words, text);
    snprintf(b->why, sizeof b->why, "%s%s", before, words);
    e2e_client_debug(b->client, "%s: %s", b->label, b->why);
}
