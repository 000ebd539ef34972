/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_PUBSUBCLIENT_H
#define MQTT_E2E_PUBSUBCLIENT_H
/*
 * mqtt_e2e_device joined to PubSubClient 2.8 or later. It publishes with QoS 0 only, whatever is asked for; it subscribes with QoS 0
 * or 1. Its callback has no context, so there is one MqttE2EPubSub at a time.
 */
#include <PubSubClient.h>

#include "mqtt_e2e_arduino.h"

class MqttE2EPubSub : public MqttE2EBase
{
  public:
    explicit MqttE2EPubSub(PubSubClient &mqtt_client) : mqtt(mqtt_client)
    {
        options.publish = publish;
        options.subscribe = subscribe;
        options.context = this;
    }

#ifdef MQTT_E2E_BOARD_RANDOM
    mqtt_e2e_status begin()
    {
        uint8_t random[MQTT_E2E_RANDOM_SIZE];

        if (!mqtt_e2e_board_random(random, sizeof random))
            return MQTT_E2E_CRYPTO_FAILED;
        mqtt_e2e_status status = begin(random);
        mqtt_e2e_wipe_memory(random, sizeof random);
        return status;
    }
#endif

    /* NO_ROOM also where PubSubClient gets no memory for its buffer, which has to hold a whole MQTT packet. */
    mqtt_e2e_status begin(const uint8_t random[MQTT_E2E_RANDOM_SIZE])
    {
        const uint16_t whole = 5 + 2 + MQTT_E2E_TOPIC_SIZE + 2 + MQTT_E2E_PACKET_MAX;

        if (mqtt.getBufferSize() < whole && !mqtt.setBufferSize(whole))
            return MQTT_E2E_NO_ROOM;
        current() = this;
        mqtt.setCallback(on_publish);
        return start(random);
    }

    /* Instead of PubSubClient's. False: not connected; connect as ever. */
    bool loop()
    {
        handle(mqtt.loop());
        return still(mqtt.connected());
    }

  private:
    PubSubClient &mqtt;

    static MqttE2EPubSub *&current()
    {
        static MqttE2EPubSub *it = nullptr;

        return it;
    }

    static void on_publish(char *topic, uint8_t *packet, unsigned int len)
    {
        current()->lay_aside(topic, packet, len);
    }

    static bool publish(void *context, const char *topic, const uint8_t *packet, size_t len, int, bool retain)
    {
        return static_cast<MqttE2EPubSub *>(context)->mqtt.publish(topic, packet, len, retain);
    }

    static bool subscribe(void *context, const char *filter, int qos)
    {
        return static_cast<MqttE2EPubSub *>(context)->mqtt.subscribe(filter, qos > 0 ? 1 : 0);
    }
};

#endif
