/* SPDX-License-Identifier: MIT */
/* Says in words why packets were refused. */
#include <string.h>

#include "run.h"

/* The topic that a packet came on, or that it claims. */
static void topic_of(const mqtt_e2e_delivery *delivery, char *out, size_t size)
{
    const mqtt_e2e_bytes *topic = &delivery->message->topic;
    if (topic->data)
        snprintf(out, size, "%.*s", (int)topic->len, (const char *)topic->data);
    else
        snprintf(out, size, "the wire topic %s", delivery->wire_topic);
}

static void why_stale(int64_t age, const mqtt_e2e_delivery *delivery, uint32_t clock_skew_ms, char *out,
                      size_t size)
{
    double seconds = (double)age / 1000, off = (double)delivery->message->off_by_ms / 1000;
    if (age <= (int64_t)clock_skew_ms)
        snprintf(out, size, "it was sealed before we started, by %.3f s%s", off,
                 delivery->retain ? ", and the broker had kept it: --lasting hands such on"
                                  : ", if its sender's clock is right");
    else
        snprintf(out, size, "it was sealed %.3f s ago by its sender's clock, %.3f s too long ago; %s",
                 seconds, off,
                 delivery->retain
                     ? "the broker had kept it: --lasting hands such on"
                     : "its sender's clock is behind, ours is ahead, or it was held up on the way");
}

static void why_future(int64_t ahead, const mqtt_e2e_message *message, char *out, size_t size)
{
    snprintf(out, size,
             "it was sealed %.3f s from now by its sender's clock, which is %.3f s too far ahead; or ours is "
             "behind: compare 'date -u' on both",
             (double)ahead / 1000, (double)message->off_by_ms / 1000);
}

static const char *why_other(mqtt_e2e_status status)
{
    switch (status) {
    case MQTT_E2E_OWN:
        return "a packet of our own came back";
    case MQTT_E2E_FORGED:
        return "sealed with another key, altered, or moved here from another topic";
    case MQTT_E2E_UNSUPPORTED:
        return "of a kind that a later version knows";
    case MQTT_E2E_UNASKED:
        return "a reply to no open request of ours";
    case MQTT_E2E_NO_CLOCK:
        return "we do not know the time";
    default:
        return "no packet of this protocol";
    }
}

void cli_refused_text(const mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery,
                      uint32_t clock_skew_ms, char *out, size_t size)
{
    const mqtt_e2e_message *message = delivery->message;
    int64_t now = mqtt_e2e_client_now(client);
    if (delivery->status == MQTT_E2E_STALE)
        why_stale(now - message->time, delivery, clock_skew_ms, out, size);
    else if (delivery->status == MQTT_E2E_FUTURE)
        why_future(message->time - now, message, out, size);
    else if (delivery->status == MQTT_E2E_REPLAY) {
        char stream[2 * MQTT_E2E_STREAM_ID_SIZE + 1];
        cli_hex(message->id.stream, sizeof message->id.stream, stream);
        snprintf(out, size, "packet %lu of stream %s came before, or others long after it",
                 (unsigned long)message->id.counter, stream);
    } else
        snprintf(out, size, "%s", why_other(delivery->status));
}

void cli_tell_refused(const mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery,
                      uint32_t clock_skew_ms)
{
    char topic[512], why[512];
    topic_of(delivery, topic, sizeof topic);
    cli_refused_text(client, delivery, clock_skew_ms, why, sizeof why);
    cli_note("refused: %s: on %s from %s, %zu bytes: %s", mqtt_e2e_status_text(delivery->status), topic,
             delivery->broker, delivery->packet_len, why);
}

typedef struct {
    uint64_t refused, copies;
} totals;

static totals add_up(const mqtt_e2e_client *client)
{
    mqtt_e2e_broker_info info;
    totals all = {0, 0};
    for (size_t i = 0; mqtt_e2e_client_broker(client, i, &info); i++) {
        all.refused += info.refused;
        all.copies += info.copies;
    }
    return all;
}

uint64_t cli_count_refused(const mqtt_e2e_client *client)
{
    return add_up(client).refused;
}

void cli_tell_counts(const mqtt_e2e_client *client)
{
    const uint32_t *counts = mqtt_e2e_counts(mqtt_e2e_client_session(client));
    uint64_t refused = 0, copies = add_up(client).copies;
    char causes[256] = "";
    size_t len = 0;
    for (int cause = MQTT_E2E_OK + 1; cause < MQTT_E2E_CAUSES; cause++) {
        refused += counts[cause];
        if (counts[cause])
            len +=
                (size_t)snprintf(causes + len, sizeof causes - len, "%s%lu %s", len ? ", " : " (",
                                 (unsigned long)counts[cause], mqtt_e2e_status_text((mqtt_e2e_status)cause));
    }
    cli_note("accepted %lu, refused %llu%s%s", (unsigned long)counts[MQTT_E2E_OK],
             (unsigned long long)refused, causes, len ? ")" : "");
    if (copies)
        cli_note("%llu of the refused are the same messages by other brokers", (unsigned long long)copies);
}

void cli_tell_brokers(const mqtt_e2e_client *client)
{
    mqtt_e2e_broker_info info;
    for (size_t i = 0; mqtt_e2e_client_broker(client, i, &info); i++) {
        char trip[48] = "";
        if (info.round_trip_us)
            snprintf(trip, sizeof trip, ", round trip %.2f ms", (double)info.round_trip_us / 1000);
        cli_note("%s: %s%s%s; seen first %llu, copies %llu, refused %llu, published %llu", info.broker,
                 info.connected ? "connected"
                 : info.tried   ? "not connected: "
                                : "connecting",
                 info.why, trip, (unsigned long long)info.first, (unsigned long long)info.copies,
                 (unsigned long long)info.refused, (unsigned long long)info.published);
    }
}
