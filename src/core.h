/* SPDX-License-Identifier: MIT */
#ifndef E2E_CORE_H
#define E2E_CORE_H
/* What the parts of a session tell each other: its clock, sealing, and the memory of lasting messages. */
#include "keys.h"
#include "packet.h"
#include "replay.h"

#define E2E_REQUEST_TIMEOUT_MS 10000
#define E2E_TIME_TIMEOUT_MS    4000

/* UTC now, or 0; learns it where the session did not know it yet, and sets the floor then. */
int64_t e2e_session_now(mqtt_e2e_session *session, int64_t now_ms);

/* Sets the clock of a node that has one of its own: UTC is now_ms + offset. `learned`: from a peer. */
void e2e_session_set_offset(mqtt_e2e_session *session, int64_t offset, int64_t now_ms, bool learned);

/* A fresh id from random bytes, the time and the device's hint (§3). */
int e2e_session_new_stream(mqtt_e2e_session *session, const uint8_t *random, int64_t utc);

/* What a message that is to be sealed is made of. */
typedef struct {
    mqtt_e2e_kind kind;
    int64_t time;          /* UTC, or 0 in a time request */
    const uint8_t *prefix; /* what stands before the payload, and counts as payload */
    size_t prefix_len;
    const void *payload;
    size_t len;
} e2e_draft;

#include "toit.h"

/* A time as the table has it: of a session of the Toit profile in nanoseconds, the last one of that millisecond. */
static inline int64_t e2e_session_table_time(const mqtt_e2e_session *session, int64_t ms)
{
    return E2E_IS_TOIT(session) ? e2e_toit_table_time(ms) : ms;
}

/* And back. */
static inline int64_t e2e_session_ms(const mqtt_e2e_session *session, int64_t table_time)
{
    return E2E_IS_TOIT(session) ? table_time / E2E_TOIT_NS : table_time;
}

/* Seals in the protocol; *id (may be NULL) names the packet. */
mqtt_e2e_status e2e_seal_draft(mqtt_e2e_session *session, const mqtt_e2e_topic *topic, const e2e_draft *draft,
                               uint8_t *packet, size_t size, size_t *packet_len, mqtt_e2e_id *id);

/* Whether a topic is prepared, and not one of the reserved ones that start with `~`. */
bool e2e_seal_topic_ok(const mqtt_e2e_topic *topic);

/* The open request that a reply names, or NULL; expired ones are closed. */
mqtt_e2e_open_request_ *e2e_request_find(mqtt_e2e_session *session, const mqtt_e2e_id *id, int64_t now_ms);

/* Whether a reply names our time request, within its four seconds. */
bool e2e_request_is_time(const mqtt_e2e_session *session, const mqtt_e2e_id *id, int64_t now_ms);

#endif
