/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_MQTTCLIENT_H
#define MQTT_E2E_MQTTCLIENT_H
/*
 * mqtt_e2e_device joined to 256dpi's MQTT, 2.5.1 or later. It takes its buffer in its constructor: MQTTClient
 * mqtt(MQTT_E2E_MQTT_BUFFER). Publishing with QoS 1 or 2 waits for the acknowledgement, up to its timeout.
 */
#include <MQTT.h>

#include "mqtt_e2e_arduino.h"

#define MQTT_E2E_MQTT_BUFFER (5 + 2 + MQTT_E2E_TOPIC_SIZE + 2 + MQTT_E2E_PACKET_MAX)

class MqttE2EClient : public MqttE2EBase
{
  public:
    explicit MqttE2EClient(MQTTClient &mqtt_client) : mqtt(mqtt_client)
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

    mqtt_e2e_status begin(const uint8_t random[MQTT_E2E_RANDOM_SIZE])
    {
        mqtt.ref = this;
        mqtt.onMessageAdvanced(on_publish);
        mqtt.dropOverflow(true); /* or one packet that is too long ends the connection */
        return start(random);
    }

    /* Instead of MQTTClient's. False: not connected; connect as ever. */
    bool loop()
    {
        mqtt.loop();
        handle(mqtt.connected());
        return still(mqtt.connected());
    }

  private:
    MQTTClient &mqtt;

    static void on_publish(MQTTClient *client, char topic[], char packet[], int len)
    {
        static_cast<MqttE2EClient *>(client->ref)->lay_aside(topic, packet, static_cast<size_t>(len));
    }

    static bool publish(void *context, const char *topic, const uint8_t *packet, size_t len, int qos,
                        bool retain)
    {
        return static_cast<MqttE2EClient *>(context)->mqtt.publish(
            topic, reinterpret_cast<const char *>(packet), static_cast<int>(len), retain, qos);
    }

    static bool subscribe(void *context, const char *filter, int qos)
    {
        return static_cast<MqttE2EClient *>(context)->mqtt.subscribe(filter, qos);
    }
};

#endif
