/* SPDX-License-Identifier: MIT */
/* An Arduino core and two MQTT libraries, as far as the adapters and their examples need them. */
#include <Arduino.h>
#include <MQTT.h>
#include <PubSubClient.h>
#include <WiFi.h>
#include <stdlib.h>

#include "world.h"

Print Serial;
WiFiClass WiFi;

unsigned long millis()
{
    return (uint32_t)world_ms(); /* which starts again after 49 days */
}

void delay(unsigned long ms)
{
    for (int64_t until = world_ms() + (int64_t)ms; world_ms() < until;)
        world_yield();
}

#ifdef ESP8266
EspClass ESP;

uint8_t *EspClass::random(uint8_t *out, size_t len) const
{
    world_random(out, len);
    return out;
}
#endif

extern "C" void esp_fill_random(void *buf, size_t len)
{
    world_random(buf, len);
}

/* ---- PubSubClient: one buffer for all that comes in and goes out ---- */

PubSubClient::PubSubClient(Client &)
    : callback(nullptr), buffer(nullptr), bufferSize(0), isConnected(false), hasServer(false), connection(0)
{
    setBufferSize(256);
}

PubSubClient::~PubSubClient()
{
    free(buffer);
}

PubSubClient &PubSubClient::setServer(const char *domain, uint16_t port)
{
    check(domain[0] != '\0' && port > 0);
    hasServer = true;
    return *this;
}

PubSubClient &PubSubClient::setCallback(MQTT_CALLBACK_SIGNATURE)
{
    this->callback = callback;
    return *this;
}

boolean PubSubClient::setBufferSize(uint16_t size)
{
    buffer = static_cast<uint8_t *>(realloc(buffer, size));
    bufferSize = size;
    return buffer != nullptr;
}

uint16_t PubSubClient::getBufferSize()
{
    return bufferSize;
}

boolean PubSubClient::connect(const char *id, const char *, const char *)
{
    check(id[0] != '\0' && hasServer);
    if (!world_up())
        return false;
    isConnected = true;
    connection = world_connections();
    world_connected(true);
    return true;
}

boolean PubSubClient::connected()
{
    if (connection != world_connections())
        isConnected = false;
    return isConnected;
}

boolean PubSubClient::publish(const char *topic, const uint8_t *payload, unsigned int plength,
                              boolean retained)
{
    size_t topic_len = strlen(topic);

    if (!connected() || 5 + 2 + topic_len + plength > bufferSize)
        return false;
    memset(buffer, 0xEE, bufferSize);
    memcpy(buffer + 7, topic, topic_len);
    memcpy(buffer + 7 + topic_len, payload, plength);
    return world_published(topic, buffer + 7 + topic_len, plength, 0, retained);
}

boolean PubSubClient::subscribe(const char *topic, uint8_t qos)
{
    check(qos <= 1);
    if (!connected() || !world_takes())
        return false;
    world_subscribed(topic, qos);
    return true;
}

boolean PubSubClient::loop()
{
    const world_packet *p;
    size_t topic_len;

    if (!connected())
        return false;
    p = world_next(); /* one packet each time */
    if (p == nullptr)
        return true;
    topic_len = strlen(p->topic);
    if (5 + 2 + topic_len + 2 + p->len > bufferSize)
        return true;                             /* read over */
    memcpy(buffer + 6, p->topic, topic_len + 1); /* a NUL where the first byte of what follows was */
    memcpy(buffer + 9 + topic_len, p->bytes, p->len);
    callback(reinterpret_cast<char *>(buffer + 6), buffer + 9 + topic_len, static_cast<unsigned>(p->len));
    if (p->qos > 0)
        world_acknowledged();
    return true;
}

/* ---- 256dpi's MQTT: messages are handed on wherever it waits for an acknowledgement ---- */

MQTTClient::MQTTClient(int size)
    : readBuf(static_cast<char *>(malloc(static_cast<size_t>(size) + 1))), bufSize(size)
{
}

MQTTClient::~MQTTClient()
{
    free(readBuf);
}

void MQTTClient::begin(const char hostname[], int port, Client &)
{
    check(hostname[0] != '\0' && port > 0);
    hasServer = true;
}

void MQTTClient::onMessageAdvanced(MQTTClientCallbackAdvanced cb)
{
    callback = cb;
}

void MQTTClient::dropOverflow(bool enabled)
{
    drops = enabled;
}

bool MQTTClient::close()
{
    isConnected = false;
    return false;
}

bool MQTTClient::connect(const char clientId[], const char *, const char *, bool)
{
    check(clientId[0] != '\0' && hasServer && !sending);
    if (!world_up())
        return false;
    isConnected = true;
    connection = world_connections();
    world_connected(true);
    return true;
}

bool MQTTClient::connected()
{
    if (connection != world_connections())
        isConnected = false;
    return isConnected;
}

/* False: nothing came. */
bool MQTTClient::receive()
{
    const world_packet *p = world_next();
    char topic[256];

    if (p == nullptr)
        return false;
    if (5 + 2 + strlen(p->topic) + 2 + p->len > static_cast<size_t>(bufSize))
        return drops || close();
    memcpy(topic, p->topic, sizeof topic);
    memcpy(readBuf, p->bytes, p->len);
    readBuf[p->len] = '\0';
    sending = true; /* the callback must not use the client */
    callback(this, topic, readBuf, static_cast<int>(p->len));
    sending = false;
    memset(topic, 0xEE, sizeof topic);
    memset(readBuf, 0xEE, static_cast<size_t>(bufSize));
    if (p->qos > 0)
        world_acknowledged();
    return true;
}

bool MQTTClient::publish(const char topic[], const char payload[], int length, bool retained, int qos)
{
    check(!sending);
    if (!connected())
        return false;
    if (!world_published(topic, payload, static_cast<size_t>(length), qos, retained))
        return close();
    if (qos > 0) /* and until the acknowledgement comes */
        receive();
    return true;
}

bool MQTTClient::subscribe(const char topic[], int qos)
{
    check(!sending);
    if (!connected())
        return false;
    if (!world_takes())
        return close();
    world_subscribed(topic, qos);
    receive();
    return true;
}

bool MQTTClient::loop()
{
    check(!sending);
    if (!connected())
        return false;
    receive();
    return connected();
}
