/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_LWIP_H
#define MQTT_E2E_LWIP_H
/*
 * Joins the client for microcontrollers (mqtt_e2e/device.h) to the MQTT client of lwIP (raw API, NO_SYS or within the
 * core lock). Give mqtt_e2e_lwip_publish and mqtt_e2e_lwip_subscribe to the device's options, with the mqtt_e2e_lwip as
 * their context; then call start once and poll from the main loop. It connects, and connects again.
 */
#include <mqtt_e2e/device.h>

#include "lwip/apps/mqtt.h"

#ifndef MQTT_E2E_LWIP_TOPIC
#define MQTT_E2E_LWIP_TOPIC 128 /* longest wire topic received, its NUL counted */
#endif

typedef struct mqtt_e2e_lwip {
    /* Set by the caller, kept by reference. */
    mqtt_e2e_device *device;
    ip_addr_t broker;
    u16_t port;
    struct mqtt_connect_client_info_t info;
    int64_t (*now_ms)(void); /* as device.h has it */
    /* Room for a packet that is being received. A longer one is handed on cut to it, and so refused: as malformed if
     * session.longest_packet is less than packet_max. */
    uint8_t *packet;
    u32_t packet_max;
    /* May be NULL. Connected: all subscriptions are granted. Else: lost, or not come about, and tried again. */
    void (*on_state)(struct mqtt_e2e_lwip *self, bool connected);

    /* Private. */
    mqtt_client_t *client;
    int64_t connect_at; /* by now_ms; 0 = connected, or trying */
    u32_t backoff;      /* milliseconds */
    u16_t subscribing;  /* subscriptions that wait for the broker's word */
    bool lost;
    char topic[MQTT_E2E_LWIP_TOPIC];
    size_t topic_len;
    u32_t packet_len;
} mqtt_e2e_lwip;

/* False: no memory. */
bool mqtt_e2e_lwip_start(mqtt_e2e_lwip *self);

void mqtt_e2e_lwip_poll(mqtt_e2e_lwip *self);

/* For mqtt_e2e_device_options; their `context` is the mqtt_e2e_lwip. */
bool mqtt_e2e_lwip_publish(void *self, const char *topic, const uint8_t *packet, size_t len, int qos,
                           bool retain);
bool mqtt_e2e_lwip_subscribe(void *self, const char *filter, int qos);

#endif
