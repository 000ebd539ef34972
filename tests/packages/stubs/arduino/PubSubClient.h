/* SPDX-License-Identifier: MIT */
#ifndef STUB_PUBSUBCLIENT_H
#define STUB_PUBSUBCLIENT_H
/* Of PubSubClient 2.8 what the adapter and its example use. */
#include <Arduino.h>

#if defined(ESP8266) || defined(ESP32)
#include <functional>
#define MQTT_CALLBACK_SIGNATURE std::function<void(char *, uint8_t *, unsigned int)> callback
#else
#define MQTT_CALLBACK_SIGNATURE void (*callback)(char *, uint8_t *, unsigned int)
#endif

class PubSubClient
{
  public:
    explicit PubSubClient(Client &client);
    ~PubSubClient();
    PubSubClient &setServer(const char *domain, uint16_t port);
    PubSubClient &setCallback(MQTT_CALLBACK_SIGNATURE);
    boolean setBufferSize(uint16_t size);
    uint16_t getBufferSize();
    boolean connect(const char *id, const char *user, const char *pass);
    boolean publish(const char *topic, const uint8_t *payload, unsigned int plength, boolean retained);
    boolean subscribe(const char *topic, uint8_t qos);
    boolean loop();
    boolean connected();

  private:
    MQTT_CALLBACK_SIGNATURE;
    uint8_t *buffer;
    uint16_t bufferSize;
    bool isConnected, hasServer;
    unsigned connection;
};
#endif
