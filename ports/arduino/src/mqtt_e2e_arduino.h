/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_ARDUINO_H
#define MQTT_E2E_ARDUINO_H
/*
 * What the adapters for Arduino share. MQTT libraries call back in the midst of things: PubSubClient with its one buffer, which
 * the next publish overwrites; 256dpi's MQTT even while it waits in publish() or subscribe(). So a callback only lays the
 * packet aside, and loop() handles it afterwards, when the MQTT library is at rest.
 *
 * Sizes: #define before including.
 */
#include <Arduino.h>
#include <string.h>

#include "mqtt_e2e.h"
#include "mqtt_e2e_board.h"

#ifndef MQTT_E2E_STREAMS
#define MQTT_E2E_STREAMS 8 /* senders that can be told apart at the same time */
#endif
#ifndef MQTT_E2E_REQUESTS
#define MQTT_E2E_REQUESTS 2 /* of our own, open at the same time */
#endif
#ifndef MQTT_E2E_PACKET_MAX
#define MQTT_E2E_PACKET_MAX 384 /* longest packet, received or sent: 43 bytes more than its payload */
#endif
#ifndef MQTT_E2E_TOPIC_SIZE
#define MQTT_E2E_TOPIC_SIZE 128 /* longest topic as the broker sees it */
#endif
#ifndef MQTT_E2E_WAITING
#define MQTT_E2E_WAITING 2 /* packets that can come in before loop() gets to them */
#endif

class MqttE2EBase
{
  public:
    mqtt_e2e_device device;          /* for all calls of mqtt_e2e/device.h that send */
    uint32_t dropped = 0;            /* packets that were too long, or found no place */
    mqtt_e2e_device_options options; /* set key, filters, on_message before begin(); the rest has defaults */

    MqttE2EBase()
    {
        mqtt_e2e_device_defaults(&options);
        options.session.crypto = MQTT_E2E_CRYPTO;
        options.session.streams = MQTT_E2E_STREAMS;
        options.session.requests = MQTT_E2E_REQUESTS;
        options.topic_max = MQTT_E2E_TOPIC_SIZE;
        memset(&device, 0, sizeof device);
    }
    MqttE2EBase(const MqttE2EBase &) = delete; /* it is pointed to */

    /* Milliseconds since the start, at least 1, past the 49 days after which millis() starts again: now_ms of all calls. Call
     * loop() at least once in that time. */
    int64_t now()
    {
        uint32_t ms = millis();

        if (ms < last_ms)
            wraps++;
        last_ms = ms;
        return ((int64_t)wraps << 32 | ms) + 1;
    }

  protected:
    mqtt_e2e_status start(const uint8_t random[MQTT_E2E_RANDOM_SIZE])
    {
        options.buffer = working;
        options.buffer_size = sizeof working;
        return mqtt_e2e_device_init(&device, session, sizeof session, &options, random, now());
    }

    /* From a callback. */
    void lay_aside(const char *topic, const void *packet, size_t len)
    {
        size_t topic_len = strlen(topic);

        if (topic_len >= MQTT_E2E_TOPIC_SIZE || len > MQTT_E2E_PACKET_MAX || count == MQTT_E2E_WAITING) {
            dropped++;
            return;
        }
        waiting &w = places[(first + count) % MQTT_E2E_WAITING];
        w.topic_len = topic_len;
        w.len = len;
        memcpy(w.topic, topic, topic_len);
        if (len > 0)
            memcpy(w.packet, packet, len);
        count++;
    }

    /* After the MQTT library's loop(). */
    void handle(bool connected)
    {
        if (!connected)
            mqtt_e2e_device_disconnected(&device);
        else if (!device.connected && now() >= subscribe_at) {
            mqtt_e2e_device_connected(&device, now());
            subscribe_at = now() + 1000; /* until it succeeds */
        }
        while (count > 0) {
            waiting &w = places[first];

            mqtt_e2e_device_received(&device, w.topic, w.topic_len, w.packet, w.len, now());
            first = (first + 1) % MQTT_E2E_WAITING; /* only now: more may have come in meanwhile */
            count--;
        }
        mqtt_e2e_device_poll(&device, now());
    }

    /* Whether the connection outlived that. The sketch may make the next one before loop() is called again. */
    bool still(bool connected)
    {
        if (!connected)
            mqtt_e2e_device_disconnected(&device);
        return connected;
    }

  private:
    struct waiting {
        size_t topic_len, len;
        char topic[MQTT_E2E_TOPIC_SIZE];
        uint8_t packet[MQTT_E2E_PACKET_MAX];
    };

    uint64_t
        session[(MQTT_E2E_SESSION_SIZE(MQTT_E2E_KEY_STATE, MQTT_E2E_STREAMS, 64, MQTT_E2E_REQUESTS, 0) + 7) /
                8];
    uint8_t working[MQTT_E2E_DEVICE_BUFFER(MQTT_E2E_TOPIC_SIZE, MQTT_E2E_PACKET_MAX)];
    waiting places[MQTT_E2E_WAITING];
    uint8_t first = 0, count = 0;
    uint32_t last_ms = 0, wraps = 0;
    int64_t subscribe_at = 0;
};

#endif
