/* SPDX-License-Identifier: MIT */
/* Why a connection ended, in words: of the broker, libmosquitto, TLS, the system. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <mqtt_protocol.h>

#include "private.h"

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

const char *e2e_reason_connack(int code, int mqtt_version)
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

const char *e2e_reason_mosquitto(int code)
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
        return "out of memory, maybe for a packet that the broker says is very long";
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
void e2e_reason_connection(e2e_broker *b, int code)
{
    const char *before = "", *text = e2e_tls_refusal(&b->peer);
    char words[160];

    if (b->connack != 0)
        text = e2e_reason_connack(b->connack, b->client->options.mqtt_version);
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
        text = e2e_reason_mosquitto(code);
    e2e_error_text(words, sizeof words, text);
    snprintf(b->why, sizeof b->why, "%s%s", before, words);
    e2e_client_debug(b->client, "%s: %s", b->label, b->why);
}
