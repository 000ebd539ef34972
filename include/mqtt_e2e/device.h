/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_DEVICE_H
#define MQTT_E2E_DEVICE_H
/*
 * The client for microcontrollers: a session (session.h) joined to whatever MQTT library the device has.
 *
 * It has no heap, no I/O, no clock and no thread of its own. The device gives two functions, publish and subscribe, and tells
 * what happens:
 *
 *     mqtt_e2e_device_init          once after each start
 *     mqtt_e2e_device_connected     after each CONNACK: subscribes, and asks for the time where it is not known
 *     mqtt_e2e_device_received      for each PUBLISH that came in
 *     mqtt_e2e_device_disconnected  when the connection is lost
 *     mqtt_e2e_device_poll          now and then: asks for the time again
 *
 * It calls on_message for what is authentic, fresh and new. Everything else is refused, counted by cause
 * (mqtt_e2e_counts(device->session)), and never answered. ports/ has the glue for several MQTT libraries.
 *
 * now_ms is as in session.h: UTC in milliseconds, or, with options.session.own_clock_ms, milliseconds since any start, which are
 * never 0 or less. A device that knows no UTC sends and accepts nothing until a time source told it the time (docs/PROTOCOL.md §6).
 */
#include "session.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mqtt_e2e_device mqtt_e2e_device;

typedef struct {
    mqtt_e2e_options session; /* crypto and key are required */

    /* Where to listen: logical filters, kept by reference. Subscribed to after each connection, with QoS `qos`. */
    const char *const *filters;
    size_t filter_count;
    int qos; /* of subscriptions, 0 to 2. Default 1 */
    bool
        ask_replies; /* subscribe to the reply topic, for mqtt_e2e_device_request. own_clock_ms does so anyway */

    /* Working memory, kept by reference: MQTT_E2E_DEVICE_BUFFER(topic_max, packet_max) bytes. What is sealed, and the topics of
     * what is received, go through it. */
    uint8_t *buffer;
    size_t buffer_size;
    size_t
        topic_max; /* longest wire topic, its NUL counted. Default 128: three levels of up to 16 bytes each */

    /* Hands a packet to the MQTT library, which copies or sends it before it returns. `topic` ends with a NUL. False: it did
     * not take it. */
    bool (*publish)(void *context, const char *topic, const uint8_t *packet, size_t len, int qos,
                    bool retain);
    /* Subscribes to a wire filter, which ends with a NUL. False: it could not. */
    bool (*subscribe)(void *context, const char *filter, int qos);
    /* A message, request or reply. All that it points to is overwritten by the next call of this header but
     * mqtt_e2e_device_reply, publish and request; the payload lies in the packet that was received. */
    void (*on_message)(mqtt_e2e_device *device, const mqtt_e2e_message *message, int64_t now_ms,
                       void *context);
    /* A packet was refused, or NULL. message->topic is set where the wire topic reads back. */
    void (*on_refused)(mqtt_e2e_device *device, mqtt_e2e_status cause, const mqtt_e2e_message *message,
                       void *context);
    void *context;
} mqtt_e2e_device_options;

/* Bytes of working memory: two topics of `topic_max`, and a packet of up to `packet_max` to send, such as
 * MQTT_E2E_SEALED_SIZE(longest payload + MQTT_E2E_BINDING_SIZE, pad size). */
#define MQTT_E2E_DEVICE_BUFFER(topic_max, packet_max) (2 * (size_t)(topic_max) + (size_t)(packet_max))

/* In the caller's storage. The session may be read by all calls of session.h that look inside; the rest is private. */
struct mqtt_e2e_device {
    mqtt_e2e_session *session;
    mqtt_e2e_device_options options;
    int64_t ask_at;   /* by now_ms: when to ask for the time next; 0 = not until connected */
    uint32_t backoff; /* milliseconds until it is asked again */
    bool connected;
};

/* Sets every option to its default: those of a session, and with them own_clock_ms; what is required to NULL. */
void mqtt_e2e_device_defaults(mqtt_e2e_device_options *options);

/*
 * Starts a session in `storage` (mqtt_e2e_session_size bytes, aligned to 8). `random` as in mqtt_e2e_init, whose errors it
 * returns; BAD_OPTION also without publish, subscribe or on_message, or where the buffer has no room for a packet.
 */
mqtt_e2e_status mqtt_e2e_device_init(mqtt_e2e_device *device, void *storage, size_t size,
                                     const mqtt_e2e_device_options *options,
                                     const uint8_t random[MQTT_E2E_RANDOM_SIZE], int64_t now_ms);

/* Wipes the session and the working memory. */
void mqtt_e2e_device_wipe(mqtt_e2e_device *device);

/* ---- What happened -------------------------------------------------------------------------------- */

/* The MQTT library is connected. Subscribes, and asks for the time where it is not known. BUSY: a subscription was not taken; end
 * the connection. BAD_FILTER, NO_ROOM: a filter that can't be. */
mqtt_e2e_status mqtt_e2e_device_connected(mqtt_e2e_device *device, int64_t now_ms);

void mqtt_e2e_device_disconnected(mqtt_e2e_device *device);

/* A PUBLISH came in. The packet is opened in place, so its memory is overwritten. Returns what mqtt_e2e_open does, after it
 * called on_message or on_refused. A topic over topic_max is FORGED: no topic of ours that this device listens on. */
mqtt_e2e_status mqtt_e2e_device_received(mqtt_e2e_device *device, const char *topic, size_t topic_len,
                                         uint8_t *packet, size_t len, int64_t now_ms);

/* Asks for the time if that is due: until it is known after 2 s, 4 s and so on to once a minute, then every hour. Returns after how
 * many milliseconds to call again, at most 60,000. */
uint32_t mqtt_e2e_device_poll(mqtt_e2e_device *device, int64_t now_ms);

/* ---- Sending -------------------------------------------------------------------------------------- */
/*
 * Errors of all: BUSY, not connected, or the MQTT library did not take it: try again later, it is sealed anew. Else those of
 * mqtt_e2e_seal; EXHAUSTED: mqtt_e2e_device_renew. NO_ROOM: topic_max or the buffer is too small.
 */

/* Publishes a message, or a lasting one (retained). */
mqtt_e2e_status mqtt_e2e_device_publish(mqtt_e2e_device *device, const char *topic, const void *payload,
                                        size_t len, int qos, bool lasting, int64_t now_ms);

/* The same on a topic prepared once with mqtt_e2e_hide, which saves most of the time of a short message. */
mqtt_e2e_status mqtt_e2e_device_publish_to(mqtt_e2e_device *device, const mqtt_e2e_topic *topic,
                                           const void *payload, size_t len, int qos, bool lasting,
                                           int64_t now_ms);

/* Replies to a request: `request` is message->id as on_message got it. */
mqtt_e2e_status mqtt_e2e_device_reply(mqtt_e2e_device *device, const mqtt_e2e_id *request,
                                      const void *payload, size_t len, int qos, int64_t now_ms);

/* Publishes a request; replies come to on_message as MQTT_E2E_REPLY, with message->request == *request, for timeout_ms (0 = 10 s).
 * BAD_OPTION: options.ask_replies is not set. */
mqtt_e2e_status mqtt_e2e_device_request(mqtt_e2e_device *device, const char *topic, const void *payload,
                                        size_t len, int qos, uint32_t timeout_ms, int64_t now_ms,
                                        mqtt_e2e_id *request);

/* mqtt_e2e_renew, and the new reply topic is subscribed to. */
mqtt_e2e_status mqtt_e2e_device_renew(mqtt_e2e_device *device, const uint8_t random[MQTT_E2E_RANDOM_SIZE],
                                      int64_t now_ms);

#ifdef __cplusplus
}
#endif
#endif
