/* SPDX-License-Identifier: MIT */
/*
 * What the broker acknowledges, and what becomes of messages that it did not when the connection is lost.
 *
 * QoS 1 and 2 promise that a message arrives though the connection broke before it was acknowledged. libmosquitto
 * keeps such messages, and after a reconnect sends them again or goes on with their handshake, whether or not the broker
 * still knows of it. That fits a persistent session only. So:
 *
 *   clean session   the instance of libmosquitto goes with the connection, and what was under way waits again,
 *                   before all else, together with the packet that was made of it.
 *   persistent      the instance stays, and goes on by itself (it also holds the half of QoS 2 handshakes of
 *                   what came in). If the broker says that it has no session, the instance is exchanged for a new
 *                   one, as above. What has become stale meanwhile is queued to be sealed anew as well.
 *
 * A packet sent twice is the same packet, so that receivers take one (docs/PROTOCOL.md §4), as long as it is not older
 * than half the clock skew. After that receivers might refuse it as stale: it is sealed anew, and names its first packet,
 * so that receivers take one of the two (§3). Requests and replies are worth nothing by then, and are not sent again.
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

static e2e_flight *only_flight(const e2e_broker *b)
{
    if (b->writing != NULL)
        return b->unacked_count == 0 ? b->writing : NULL;
    return b->unacked_count == 1 ? TAILQ_FIRST(&b->unacked) : NULL;
}

/* Whether the other side closed the connection soon after it began, without having acknowledged anything; or acknowledged it in
 * a way that makes libmosquitto close it: RabbitMQ answers QoS 2 as if it were 1. */
static bool is_suspect(const e2e_broker *b, int code)
{
    bool closed = code == MOSQ_ERR_CONN_LOST || code == MOSQ_ERR_PROTOCOL || b->socket_error == ECONNRESET ||
                  b->socket_error == EPIPE || b->reason >= MQTT_RC_UNSPECIFIED;

    return b->phase == E2E_UP && closed && !b->acknowledged && e2e_clock_boot() - b->up_at <= BLAME_MS &&
           (b->unacked_count > 0 || b->writing != NULL);
}

void e2e_acks_blame(e2e_broker *b, int code)
{
    e2e_flight *flight = only_flight(b);
    mqtt_e2e_error error;

    if (!is_suspect(b, code))
        return;
    b->suspicion++;
    b->cautious = b->suspicion > 1; /* once is no rule */
    if (b->suspicion <= 2 || flight == NULL || ++flight->blamed < BLAME_MAX)
        return;
    if (code == MOSQ_ERR_PROTOCOL)
        e2e_error_set(&error, "it may not know this quality of service: try QoS 1",
                      "the broker answers this message against the rules of MQTT");
    else
        e2e_error_set(&error, "it may be too long for the broker, or not allowed",
                      "the broker closes the connection whenever it is sent this message");
    e2e_flights_refused(b, flight, &error);
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

/* libmosquitto sends again what it kept. What may be stale by now goes out sealed anew too: another broker may have that already. */
static void renew_stale(e2e_broker *b)
{
    e2e_flight *flight, *before;

    for (flight = TAILQ_LAST(&b->unacked, e2e_flight_list); flight != NULL; flight = before) {
        before = TAILQ_PREV(flight, e2e_flight_list, link);
        if (!e2e_flights_fresh(b->client, flight->entry) || flight->at < flight->entry->sealed_at)
            e2e_flights_back(b, flight);
    }
}

static void come_up(e2e_broker *b)
{
    b->phase = E2E_UP;
    b->was_up = true;
    b->acknowledged = false;
    b->up_at = b->misc_at = b->heard_at = e2e_clock_boot();
    b->timed_mid = 0;
    b->info.round_trip_us = (uint32_t)(e2e_clock_micros() - b->timed_at);
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
    come_up(b);
    renew_stale(b);
    e2e_subscriptions_up(b);
    e2e_client_up(b);
}

/* ---- PUBACK, PUBCOMP ------------------------------------------------------------------------------ */

void e2e_acks_timed(e2e_broker *b, uint16_t mid)
{
    if (b->timed_mid == 0 || b->timed_mid != mid)
        return;
    b->info.round_trip_us = (uint32_t)(e2e_clock_micros() - b->timed_at);
    b->timed_mid = 0;
}

/* QoS 0 written, 1 and 2 acknowledged. */
void e2e_acks_publish(e2e_broker *b, uint16_t mid, int reason)
{
    mqtt_e2e_error error;
    char words[160];
    e2e_flight *flight = e2e_flights_find(b, mid);

    e2e_acks_timed(b, mid);
    if (flight == NULL)
        return;
    b->acknowledged = true;
    b->suspicion = 0;
    b->cautious = false;
    if (reason < MQTT_RC_UNSPECIFIED) {
        e2e_flights_arrived(b, flight);
        return;
    }
    e2e_error_text(words, sizeof words, mosquitto_reason_string(reason));
    e2e_error_set(&error, "", "the broker refused the message: %s", words);
    e2e_flights_refused(b, flight, &error);
}
