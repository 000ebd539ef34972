/* SPDX-License-Identifier: MIT */
/*
 * What the broker acknowledges, and what becomes of messages that it did not when the connection is lost.
 *
 * QoS 1 and 2 promise that a message arrives though the connection broke before it was acknowledged. libmosquitto
 * keeps such messages, and after a reconnect sends them again or goes on with their handshake, whether or not the broker
 * still knows of it. That fits a persistent session only. So:
 *
 *   clean session   the instance of libmosquitto goes with the connection, and what was under way goes back to
 *                   the head of the queue, together with the packet that was made of it.
 *   persistent      the instance stays, and goes on by itself (it also holds the half of QoS 2 handshakes of
 *                   what came in). If the broker says that it has no session, the instance is exchanged for a new
 *                   one, as above. What has become stale meanwhile is queued to be sealed anew as well.
 *
 * A packet sent twice is the same packet, so that receivers take one (docs/PROTOCOL.md §4), as long as it is not older
 * than half the clock skew. After that receivers might refuse it as stale: it is sealed anew, and may arrive twice if
 * its first copy came through and only the acknowledgement was lost. QoS 2 promises no more than that here.
 *
 * Some brokers answer a message that they do not like (too long, not allowed) by closing the connection. Sent again after
 * each reconnect, it would keep all others from going out for ever. So where the other side closes connections soon,
 * with nothing acknowledged, messages go one at a time, and one that this happens to again and again is given up.
 */
#include <errno.h>

#include <mqtt_protocol.h>

#include "private.h"

#define BLAME_MS  5000 /* "soon" */
#define BLAME_MAX 3

/* ---- After a loss -------------------------------------------------------------------------------- */

static bool ended(const e2e_entry *entry)
{
    return entry->draft.kind == MQTT_E2E_REQUEST && entry->draft.request == NULL; /* nobody waits any more */
}

/* What was under way goes back to the head of the queue. */
void e2e_acks_give_back(e2e_broker *b, e2e_entry *entry)
{
    if (ended(entry))
        e2e_queue_free(&b->client->queue, entry);
    else
        e2e_queue_return(&b->client->queue, entry);
}

void e2e_acks_give_back_all(e2e_broker *b)
{
    e2e_entry *entry;

    while ((entry = TAILQ_LAST(&b->inflight, e2e_entry_list)) != NULL) { /* so that their order stays */
        TAILQ_REMOVE(&b->inflight, entry, link);
        e2e_acks_give_back(b, entry);
    }
    b->inflight_count = 0;
}

static e2e_entry *only_entry(const e2e_broker *b)
{
    if (b->writing != NULL)
        return b->inflight_count == 0 ? b->writing : NULL;
    return b->inflight_count == 1 ? TAILQ_FIRST(&b->inflight) : NULL;
}

/* Whether the other side closed the connection soon after it began, without having acknowledged anything. */
static bool is_suspect(const e2e_broker *b, int code)
{
    bool closed = code == MOSQ_ERR_CONN_LOST || b->socket_error == ECONNRESET || b->socket_error == EPIPE ||
                  b->reason >= MQTT_RC_UNSPECIFIED;

    return b->phase == E2E_UP && closed && !b->acknowledged && e2e_clock_boot() - b->up_at <= BLAME_MS &&
           (b->inflight_count > 0 || b->writing != NULL);
}

void e2e_acks_blame(e2e_broker *b, int code)
{
    e2e_entry *entry = only_entry(b);
    mqtt_e2e_error error;

    if (!is_suspect(b, code))
        return;
    b->suspicion++;
    b->cautious = b->suspicion > 1; /* once is no rule */
    if (b->suspicion <= 2 || entry == NULL || ++entry->blamed < BLAME_MAX)
        return;
    if (entry == b->writing) {
        b->writing = NULL;
    } else {
        TAILQ_REMOVE(&b->inflight, entry, link);
        b->inflight_count--;
    }
    e2e_error_set(&error, "it may be too long for the broker, or not allowed",
                  "the broker closes the connection whenever it is sent this message");
    e2e_send_done(b->client, entry, &error);
}

/* ---- CONNACK ------------------------------------------------------------------------------------- */

/* MQTT 5 §3.2.2.3 */
static void take_limits(e2e_broker *b, const mosquitto_property *list)
{
    uint16_t receive_maximum = UINT16_MAX;
    uint8_t qos = 2, retain = 1;

    mosquitto_property_read_int16(list, MQTT_PROP_RECEIVE_MAXIMUM, &receive_maximum, false);
    mosquitto_property_read_byte(list, MQTT_PROP_MAXIMUM_QOS, &qos, false);
    mosquitto_property_read_byte(list, MQTT_PROP_RETAIN_AVAILABLE, &retain, false);
    b->window = b->client->options.inflight < receive_maximum ? b->client->options.inflight : receive_maximum;
    b->max_qos = qos;
    b->no_lasting = retain == 0;
}

/* libmosquitto sends again what it kept. What may be stale by now goes out sealed anew too. */
static void renew_stale(e2e_broker *b, int64_t now)
{
    e2e_entry *entry, *before;

    for (entry = TAILQ_LAST(&b->inflight, e2e_entry_list); entry != NULL; entry = before) {
        before = TAILQ_PREV(entry, e2e_entry_list, link);
        if (now - entry->sealed_at <= e2e_send_fresh_ms(b->client))
            continue;
        TAILQ_REMOVE(&b->inflight, entry, link);
        b->inflight_count--;
        e2e_acks_give_back(b, entry);
    }
}

void e2e_acks_connect(e2e_broker *b, int code, bool session_present, const mosquitto_property *list)
{
    b->connack = code;
    if (code != 0)
        return; /* libmosquitto fails next */
    b->restart = b->was_up && !session_present;
    if (b->restart)
        return;
    take_limits(b, list);
    b->phase = E2E_UP;
    b->was_up = true;
    b->acknowledged = false;
    b->up_at = e2e_clock_boot();
    b->misc_at = b->up_at;
    renew_stale(b, b->up_at);
    e2e_subscriptions_up(b);
    e2e_client_up(b);
}

/* ---- PUBACK, PUBCOMP ------------------------------------------------------------------------------ */

/* QoS 0 written, 1 and 2 acknowledged. */
void e2e_acks_publish(e2e_broker *b, uint16_t mid, int reason)
{
    mqtt_e2e_error error;
    char words[160];
    e2e_entry *entry = b->writing;

    if (entry != NULL && entry->mid == mid) {
        b->writing = NULL;
    } else {
        TAILQ_FOREACH(entry, &b->inflight, link)
        if (entry->mid == mid)
            break;
        if (entry == NULL)
            return;
        TAILQ_REMOVE(&b->inflight, entry, link);
        b->inflight_count--;
    }
    b->acknowledged = true;
    b->suspicion = 0;
    b->cautious = false;
    if (reason >= MQTT_RC_UNSPECIFIED) {
        e2e_error_text(words, sizeof words, mosquitto_reason_string(reason));
        e2e_error_set(&error, "", "the broker refused the message: %s", words);
    }
    e2e_send_done(b->client, entry, reason >= MQTT_RC_UNSPECIFIED ? &error : NULL);
}
