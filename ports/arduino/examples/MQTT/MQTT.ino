/* SPDX-License-Identifier: MIT */
/*
 * A device: answers ping, status, led on and led off, on `command/all` and `command/NAME`. With 256dpi's MQTT.
 *
 *     mqtt-e2e key c -o key.h        on your machine, into this sketch's folder
 *
 * It has no clock and asks for the time: let a node be its source, such as `mqtt-e2e sub --time-source`.
 */
#if defined(ESP8266)
#include <ESP8266WiFi.h>
#else
#include <WiFi.h>
#include <WiFiClientSecure.h>
#endif
#include <MQTT.h>
#include <mqtt_e2e.h>
#include <mqtt_e2e_mqttclient.h>

#include "answer.h"

#if __has_include("key.h")
#include "key.h"
#else
#error "no key.h in the sketch's folder: make it on your machine by: mqtt-e2e key c -o key.h"
#endif

#define WIFI_NAME     "your network"
#define WIFI_PASSWORD "its password"

#if MQTT_E2E_NODE_TLS
static WiFiClientSecure net;
#else
static WiFiClient net;
#endif
static MQTTClient mqtt(MQTT_E2E_MQTT_BUFFER);
static MqttE2EClient node(mqtt);

static char own_topic[64], client_id[24];
static const char *const filters[] = {"command/all", own_topic};
static answer_device device;

static void on_message(mqtt_e2e_device *d, const mqtt_e2e_message *message, int64_t now_ms, void *)
{
    char text[160];

    if (message->kind != MQTT_E2E_REQUEST)
        return; /* nobody waits for an answer */
    device.up_s = (unsigned long)(now_ms / 1000);
    size_t len = answer(&device, message->payload.data, message->payload.len, text, sizeof text);
    if (mqtt_e2e_device_reply(d, &message->id, text, len, 1, now_ms) != MQTT_E2E_OK)
        Serial.println("the answer did not go out");
}

static void on_refused(mqtt_e2e_device *, mqtt_e2e_status cause, const mqtt_e2e_message *, void *)
{
    Serial.print("refused: ");
    Serial.println(mqtt_e2e_status_text(cause));
}

static void begin_node()
{
    device.name = sizeof MQTT_E2E_NODE_NAME > 1 ? MQTT_E2E_NODE_NAME : "arduino";
    snprintf(own_topic, sizeof own_topic, "command/%s", device.name);
    node.options.session.key = mqtt_e2e_node_key;
    node.options.session.key_len = sizeof mqtt_e2e_node_key;
    node.options.session.base = MQTT_E2E_NODE_BASE;
    node.options.session.plain_topics = MQTT_E2E_NODE_PLAIN_TOPICS;
    node.options.filters = filters;
    node.options.filter_count = 2;
    node.options.on_message = on_message;
    node.options.on_refused = on_refused;
    mqtt_e2e_status status = node.begin();
    if (status != MQTT_E2E_OK) {
        Serial.print("can't start: ");
        Serial.println(mqtt_e2e_status_text(status));
        for (;;)
            delay(1000);
    }
}

/* Tries the brokers one after the other, at most one in 5 s. */
static void connect_broker()
{
    static unsigned next;
    static unsigned long last;
    const char *user = sizeof MQTT_E2E_NODE_USER > 1 ? MQTT_E2E_NODE_USER : nullptr;
    const char *password = sizeof MQTT_E2E_NODE_PASSWORD > 1 ? MQTT_E2E_NODE_PASSWORD : nullptr;

    if (last != 0 && millis() - last < 5000)
        return;
    last = millis() | 1;
#if MQTT_E2E_NODE_TLS
    /* The broker's certificate is not looked at: what is said is sealed against brokers anyway. A password is not. */
    net.setInsecure();
    user = password = nullptr;
#endif
    mqtt.begin(mqtt_e2e_node_hosts[next].name, mqtt_e2e_node_hosts[next].port, net);
    mqtt.connect(client_id, user, password);
    next = (next + 1) % MQTT_E2E_NODE_HOSTS;
}

void setup()
{
    uint32_t unique;

    Serial.begin(115200);
    WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
    while (WiFi.status() != WL_CONNECTED)
        delay(100);
    mqtt_e2e_board_random((uint8_t *)&unique, sizeof unique);
    snprintf(client_id, sizeof client_id, "e2e%08lx", (unsigned long)unique);
    begin_node(); /* after the radio has started: it is what makes random numbers random */
}

void loop()
{
    if (!node.loop())
        connect_broker();
    delay(10);
}
