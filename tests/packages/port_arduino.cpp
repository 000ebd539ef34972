/* SPDX-License-Identifier: MIT */
#include SKETCH /* its statics are what the test looks at */

#include "port.h"
#include "world.h"

extern "C" {
extern const int port_counts_oversize = 0;
extern const unsigned port_payload = 330;
extern const int64_t port_start_ms = (INT64_C(1) << 32) - 40000; /* millis() starts again soon */
extern const char *const port_default_name = "arduino";
}

/* What the sketch is handed stays readable after it has sent something. */
static void watched(mqtt_e2e_device *d, const mqtt_e2e_message *message, int64_t now_ms, void *context)
{
    static uint8_t payload[MQTT_E2E_PACKET_MAX];
    static char topic[MQTT_E2E_TOPIC_SIZE];

    memcpy(payload, message->payload.data, message->payload.len);
    memcpy(topic, message->topic.data, message->topic.len);
    on_message(d, message, now_ms, context);
    check(memcmp(payload, message->payload.data, message->payload.len) == 0);
    check(memcmp(topic, message->topic.data, message->topic.len) == 0);
}

void port_device(void)
{
    setup();
    node.device.options.on_message = watched;
    for (;;)
        loop();
}

unsigned port_dropped(void)
{
    return node.dropped;
}

unsigned port_refused(void)
{
    unsigned n = 0;

    for (int i = MQTT_E2E_OK + 1; i < MQTT_E2E_CAUSES; i++)
        n += mqtt_e2e_counts(node.device.session)[i];
    return n;
}
