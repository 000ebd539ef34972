/* SPDX-License-Identifier: MIT */
/* What a CONNACK of MQTT 5 tells of the broker's limits (MQTT 5.0 §3.2.2.3). */
#include "doctor.h"

#include <mqtt_protocol.h>

/* A property's value, or `otherwise` where the broker does not name it. */
static long read_long(const mosquitto_property *list, int id, long otherwise)
{
    uint8_t byte;
    uint16_t two;
    uint32_t four;
    if (mosquitto_property_read_byte(list, id, &byte, false))
        return byte;
    if (mosquitto_property_read_int16(list, id, &two, false))
        return two;
    if (mosquitto_property_read_int32(list, id, &four, false))
        return (long)four;
    return otherwise;
}

static void check_size(long size)
{
    /* Fixed header, topic and packet id take at most 5 + 2 + 2 bytes, the topic of two short levels about 60. */
    const long around = MQTT_E2E_OVERHEAD + 9 + 60;
    if (size == 0)
        return;
    cli_report_number("maximum_packet_size", (double)size);
    if (size < around + 50)
        cli_report(CLI_WRONG, "this broker is of no use for sealed messages",
                   "it takes packets of up to %ld bytes only", size);
    else
        cli_report(CLI_NOTE, "", "it takes packets of up to %ld bytes: messages of up to about %ld", size,
                   size - around);
}

static void check_sending(const mosquitto_property *list)
{
    long qos = read_long(list, MQTT_PROP_MAXIMUM_QOS, 2),
         in_flight = read_long(list, MQTT_PROP_RECEIVE_MAXIMUM, 65535);
    cli_report_number("maximum_qos", (double)qos);
    cli_report_number("receive_maximum", (double)in_flight);
    if (qos < 2)
        cli_report(CLI_NOTE, "", "it takes messages of QoS %s only: -q above that fails",
                   qos ? "0 and 1" : "0");
    if (in_flight < 20)
        cli_report(CLI_NOTE, "",
                   "it takes %ld messages of QoS 1 and 2 at a time, which makes many of them slow",
                   in_flight);
    if (!read_long(list, MQTT_PROP_RETAIN_AVAILABLE, 1))
        cli_report(CLI_NOTE, "", "it keeps no lasting messages: -r fails");
}

static void check_subscribing(cli_patient *p, const mosquitto_property *list)
{
    if (!read_long(list, MQTT_PROP_WILDCARD_SUB_AVAILABLE, 1)) {
        p->no_wildcards = true;
        cli_report(CLI_NOTE, "", "it takes no subscriptions with + and #: name the topics whole");
    }
    if (!read_long(list, MQTT_PROP_SHARED_SUB_AVAILABLE, 1))
        cli_report(CLI_NOTE, "", "it knows no shared subscriptions ($share/GROUP/...)");
}

void cli_doctor_limits(cli_patient *p)
{
    const mosquitto_property *list = p->limits;
    check_size(read_long(list, MQTT_PROP_MAXIMUM_PACKET_SIZE, 0));
    check_sending(list);
    check_subscribing(p, list);
    long keep_alive = read_long(list, MQTT_PROP_SERVER_KEEP_ALIVE, 0);
    cli_report_number("topic_alias_maximum", (double)read_long(list, MQTT_PROP_TOPIC_ALIAS_MAXIMUM, 0));
    if (keep_alive)
        cli_report(CLI_NOTE, "", "it sets the keep-alive to %ld s", keep_alive);
}
