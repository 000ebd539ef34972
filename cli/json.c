/* SPDX-License-Identifier: MIT */
/* One packet as one JSON object on one line. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "cli.h"

void cli_hex(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

const char *cli_status_name(mqtt_e2e_status status)
{
    /* A request for the time is authentic, and no fault of anybody's. */
    if (status == MQTT_E2E_OK || status == MQTT_E2E_TIME_ASKED || status == MQTT_E2E_TIME_SET)
        return "ok";
    return status == MQTT_E2E_NO_CLOCK ? "no_clock" : mqtt_e2e_status_text(status);
}

const char *cli_kind_name(mqtt_e2e_kind kind)
{
    static const char *const names[] = {"message", "request", "reply", "lasting"};
    return (unsigned)kind < 4 ? names[kind] : "unknown";
}

static void put(json_t *object, const char *key, json_t *value)
{
    if (value) /* NULL: not UTF-8; left out */
        json_object_set_new_nocheck(object, key, value);
}

static void put_stream(json_t *object, const char *key, const mqtt_e2e_id *id)
{
    char hex[2 * MQTT_E2E_STREAM_ID_SIZE + 1];
    cli_hex(id->stream, sizeof id->stream, hex);
    put(object, key, json_string(hex));
}

/* The logical topic, or, of what did not read back, the wire's. */
static void put_topic(json_t *object, const mqtt_e2e_delivery *delivery)
{
    const mqtt_e2e_bytes *topic = &delivery->message->topic;
    if (topic->data)
        put(object, "topic", json_stringn(topic->data, topic->len));
    else if (delivery->wire_topic)
        put(object, "wire_topic", json_string(delivery->wire_topic));
}

static bool knows_kind(mqtt_e2e_status status)
{
    return !mqtt_e2e_refused(status) || status >= MQTT_E2E_UNASKED;
}

static bool knows_id(mqtt_e2e_status status)
{
    return status != MQTT_E2E_FORGED && status != MQTT_E2E_MALFORMED;
}

static void put_header(json_t *object, mqtt_e2e_status status, const mqtt_e2e_message *message)
{
    if (knows_kind(status)) {
        put(object, "kind", json_string(cli_kind_name(message->kind)));
        put(object, "time", json_integer(message->time));
    }
    if (knows_id(status)) {
        put_stream(object, "stream", &message->id);
        put(object, "counter", json_integer(message->id.counter));
    }
    if (message->again && knows_id(status)) {
        put(object, "again", json_true());
        put_stream(object, "first_stream", &message->first);
        put(object, "first_counter", json_integer(message->first.counter));
        put(object, "first_time", json_integer(message->first_time));
    }
    if (status == MQTT_E2E_STALE || status == MQTT_E2E_FUTURE)
        put(object, "off_by_ms", json_integer(message->off_by_ms));
}

static bool put_payload(json_t *object, mqtt_e2e_status status, const mqtt_e2e_message *message)
{
    const mqtt_e2e_bytes *payload = &message->payload;
    char *hex = malloc(2 * payload->len + 1);
    if (!hex)
        return false;
    cli_hex(payload->data, payload->len, hex);
    if (status == MQTT_E2E_TIME_ASKED)
        put(object, "time_request", json_true());
    if (message->old)
        put(object, "old", json_true());
    if (message->kind == MQTT_E2E_REPLY) {
        put_stream(object, "request_stream", &message->request);
        put(object, "request_counter", json_integer(message->request.counter));
    }
    put(object, "padding", json_integer((json_int_t)message->padding));
    put(object, "payload", json_stringn(payload->len ? payload->data : "", payload->len));
    put(object, "payload_hex", json_stringn_nocheck(hex, 2 * payload->len));
    free(hex);
    return true;
}

/* mosquitto_sub's own keys, and the broker. */
static void put_delivery(json_t *object, const mqtt_e2e_delivery *delivery)
{
    struct timespec now;
    struct tm local;
    char day[32], zone[8], stamp[64];
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &local);
    strftime(zone, sizeof zone, "%z", &local);
    snprintf(stamp, sizeof stamp, "%s.%06ld%s", day, now.tv_nsec / 1000, zone);
    put(object, "tst", json_string(stamp));
    put(object, "qos", json_integer(delivery->qos));
    put(object, "retain", json_integer(delivery->retain));
    if (!mqtt_e2e_refused(delivery->status))
        put(object, "payloadlen", json_integer((json_int_t)delivery->message->payload.len));
    put(object, "mid", json_integer(delivery->mid));
    put(object, "broker", json_string(delivery->broker));
}

static json_t *object_of(const mqtt_e2e_delivery *delivery)
{
    json_t *object = json_object();
    if (!object)
        return NULL;
    put(object, "status", json_string(cli_status_name(delivery->status)));
    put_topic(object, delivery);
    put_header(object, delivery->status, delivery->message);
    if (!mqtt_e2e_refused(delivery->status) && !put_payload(object, delivery->status, delivery->message)) {
        json_decref(object);
        return NULL;
    }
    if (delivery->broker)
        put_delivery(object, delivery);
    return object;
}

static int write_out(const char *text, size_t len, void *stream)
{
    return fwrite(text, 1, len, stream) == len ? 0 : -1;
}

static bool embed(json_t *object, const mqtt_e2e_message *message)
{
    const char *text = message->payload.len ? message->payload.data : "";
    json_t *value = json_loadb(text, message->payload.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (!value) {
        cli_error("the message on %.*s is no JSON", (int)message->topic.len,
                  (const char *)message->topic.data);
        return false;
    }
    return json_object_set_new(object, "payload", value) == 0;
}

char *cli_json_text(const mqtt_e2e_delivery *delivery, unsigned how)
{
    size_t flags = how & CLI_JSON_PRETTY ? JSON_INDENT(2) : JSON_COMPACT;
    json_t *object = object_of(delivery);
    char *text = NULL;
    if (object && (how & CLI_JSON_EMBED) && !embed(object, delivery->message)) {
        json_decref(object);
        return NULL;
    }
    if (object)
        text = json_dumps(object, flags | (how & CLI_JSON_ASCII ? JSON_ENSURE_ASCII : 0));
    if (!text)
        cli_error("out of memory for a message of %zu bytes", delivery->message->payload.len);
    json_decref(object);
    return text;
}

bool cli_json_message(const mqtt_e2e_delivery *delivery)
{
    json_t *object = object_of(delivery);
    if (!object) {
        cli_error("out of memory for a message of %zu bytes", delivery->message->payload.len);
        return false;
    }
    bool fine = json_dump_callback(object, write_out, stdout, JSON_COMPACT) == 0;
    json_decref(object);
    if (fine)
        putchar('\n');
    return cli_flush() && fine;
}
