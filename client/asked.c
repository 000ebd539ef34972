/* SPDX-License-Identifier: MIT */
/* What a client is asked for: messages and replies to be published, subscriptions. Requests are in requests.c. */
#include <string.h>

#include "private.h"
#include "../src/names.h"

/* ---- Topics -------------------------------------------------------------------------------------- */

mqtt_e2e_status e2e_client_hide(mqtt_e2e_client *client, const char *name, mqtt_e2e_topic *made)
{
    return name[0] == '~' ? MQTT_E2E_BAD_TOPIC
                          : mqtt_e2e_hide(client->session, name, client->scratch, E2E_SCRATCH_SIZE, made);
}

e2e_topic *e2e_client_topic(mqtt_e2e_client *client, const char *name, mqtt_e2e_error *error)
{
    e2e_topic *topic = e2e_topics_find(&client->hidden, name, strlen(name));
    mqtt_e2e_topic made;
    mqtt_e2e_status status;

    if (topic != NULL) {
        topic->refs++;
        return topic;
    }
    status = e2e_client_hide(client, name, &made);
    if (status == MQTT_E2E_BAD_TOPIC)
        e2e_error_topic(error, name);
    else if (status != MQTT_E2E_OK)
        e2e_error_status(error, status);
    else if ((topic = e2e_topics_make(&made)) == NULL)
        e2e_error_memory(error);
    if (topic != NULL)
        e2e_topics_keep(&client->hidden, topic);
    return topic;
}

e2e_topic *e2e_client_reply_topic(mqtt_e2e_client *client, const mqtt_e2e_id *request, mqtt_e2e_error *error)
{
    char name[MQTT_E2E_REPLY_NAME_SIZE];
    mqtt_e2e_topic made;
    mqtt_e2e_status status = mqtt_e2e_reply_topic(client->session, request->stream, name, client->scratch,
                                                  E2E_SCRATCH_SIZE, &made);
    e2e_topic *topic = status == MQTT_E2E_OK ? e2e_topics_make(&made) : NULL;

    if (status != MQTT_E2E_OK)
        e2e_error_status(error, status);
    else if (topic == NULL)
        e2e_error_memory(error);
    return topic;
}

/* ---- Publishing ---------------------------------------------------------------------------------- */

bool e2e_client_check(mqtt_e2e_client *client, int qos, size_t len, mqtt_e2e_error *error)
{
    if (!e2e_client_check_fork(client))
        return e2e_error_set(
            error, "",
            "after a fork: within a callback, or no random bytes or descriptor to be had for a client"
            " of its own");
    if (qos < 0 || qos > 2)
        return e2e_error_set(error, "", "QoS %d: it is 0, 1 or 2", qos);
    /* The topic and MQTT's own fields come on top. */
    if (len > MQTT_E2E_PAYLOAD_MAX - MQTT_E2E_TOPIC_MAX - 1024)
        return e2e_error_set(error, "", "a payload of %zu bytes is longer than MQTT can carry", len);
    return true;
}

bool e2e_client_is_toit(const mqtt_e2e_client *client)
{
    return client->options.session.profile == MQTT_E2E_PROFILE_TOIT;
}

bool e2e_client_check_profile(const mqtt_e2e_client *client, const char *what, mqtt_e2e_error *error)
{
    return !e2e_client_is_toit(client) ||
           e2e_error_set(error, "publish messages, and subscribe to what comes back",
                         "the Toit profile has no %s", what);
}

/* Longer messages than there are; of the protocol MQTT itself has the limit. */
static bool check_length(const mqtt_e2e_client *client, size_t len, mqtt_e2e_error *error)
{
    return !e2e_client_is_toit(client) || len <= MQTT_E2E_TOIT_PAYLOAD_MAX ||
           e2e_error_set(error, "send it in parts",
                         "a message of %zu bytes: the Toit profile takes %d at most", len,
                         MQTT_E2E_TOIT_PAYLOAD_MAX);
}

void e2e_client_pump(mqtt_e2e_client *client)
{
    for (unsigned i = 0; client->inside == 0 && i < client->broker_count; i++)
        if (client->brokers[i].phase == E2E_UP)
            e2e_send_pump(&client->brokers[i]);
}

/* The one broker there is, if it can take a message of QoS 0 at this moment, before all others; or NULL. */
static e2e_broker *free_broker(mqtt_e2e_client *client)
{
    e2e_broker *b = &client->brokers[0];

    if (client->broker_count > 1 || client->inside > 0 || client->done_count >= client->queue.max_count ||
        !TAILQ_EMPTY(&client->queue.messages) || !TAILQ_EMPTY(&client->queue.requests))
        return NULL;
    return e2e_broker_writable(b) && TAILQ_EMPTY(&b->todo) && TAILQ_EMPTY(&b->waiting) ? b : NULL;
}

static bool make_room(mqtt_e2e_client *client, size_t len, mqtt_e2e_error *error)
{
    mqtt_e2e_error dropped;
    e2e_entry *entry;

    while (!e2e_queue_has_room(&client->queue, len, error)) {
        /* Sealed messages have gone out, and those of the spool take no room from others. */
        if (!client->options.drop_oldest || len > client->queue.max_bytes ||
            (entry = e2e_queue_unspooled(&client->queue)) == NULL)
            return false;
        e2e_error_set(&dropped, "", "dropped, as the queue is full and was to drop the oldest");
        e2e_flights_fail(client, entry, &dropped);
    }
    return true;
}

/* Takes a draft over: right away if a broker is free, else by the queue. */
static bool take(mqtt_e2e_client *client, const e2e_outgoing *draft, uint64_t *ticket, mqtt_e2e_error *error)
{
    e2e_broker *b = draft->qos == 0 ? free_broker(client) : NULL;
    e2e_entry *entry;

    if (b != NULL && e2e_send_now(b, draft, ticket))
        return true;
    if (e2e_spooling_takes(client, draft))
        return e2e_spooling_take(client, draft, ticket, error);
    if (!make_room(client, draft->len, error))
        return false;
    entry = e2e_queue_make(&client->queue, draft);
    if (entry == NULL)
        return e2e_error_memory(error);
    *ticket = entry->ticket;
    e2e_queue_append(&client->queue, entry);
    e2e_client_pump(client);
    return true;
}

/* Not in the cache of those that are hidden. NULL: *error says why. */
static e2e_topic *wire_topic(const char *wire, mqtt_e2e_error *error)
{
    size_t len = strlen(wire);
    mqtt_e2e_topic made = {wire, wire, (uint16_t)len, (uint16_t)len};
    e2e_topic *topic;

    if (len > MQTT_E2E_TOPIC_MAX || !e2e_names_topic_ok(wire, len) || wire[0] == '~') {
        e2e_error_topic(error, wire);
        return NULL;
    }
    topic = e2e_topics_make(&made);
    if (topic == NULL)
        e2e_error_memory(error);
    return topic;
}

/* Of QoS 0 alone: the spool keeps names of topics, to be hidden. */
bool mqtt_e2e_client_publish_wire(mqtt_e2e_client *client, const char *wire, const void *payload, size_t len,
                                  bool retain, mqtt_e2e_error *error)
{
    e2e_outgoing draft = {
        .kind = retain ? MQTT_E2E_LASTING : MQTT_E2E_MESSAGE, .payload = payload, .len = len};
    uint64_t ticket;
    bool fine;

    if (!e2e_client_check(client, 0, len, error) || !check_length(client, len, error) ||
        (retain && !e2e_client_check_profile(client, "lasting (retained) messages", error)))
        return false;
    draft.topic = wire_topic(wire, error);
    if (draft.topic == NULL)
        return false;
    fine = take(client, &draft, &ticket, error);
    e2e_topics_release(draft.topic);
    return fine;
}

bool mqtt_e2e_client_publish(mqtt_e2e_client *client, const char *name, const void *payload, size_t len,
                             int qos, bool retain, uint64_t *ticket, mqtt_e2e_error *error)
{
    e2e_outgoing draft = {
        .kind = retain ? MQTT_E2E_LASTING : MQTT_E2E_MESSAGE, .qos = qos, .payload = payload, .len = len};
    uint64_t mine;
    bool fine;

    if (!e2e_client_check(client, qos, len, error) || !check_length(client, len, error) ||
        (retain && !e2e_client_check_profile(client, "lasting (retained) messages", error)))
        return false;
    draft.topic = e2e_client_topic(client, name, error);
    if (draft.topic == NULL)
        return false;
    fine = take(client, &draft, ticket != NULL ? ticket : &mine, error);
    e2e_topics_release(draft.topic);
    return fine;
}

bool mqtt_e2e_client_reply(mqtt_e2e_client *client, const mqtt_e2e_id *request, const void *payload,
                           size_t len, int qos, mqtt_e2e_error *error)
{
    e2e_outgoing draft = {
        .kind = MQTT_E2E_REPLY, .qos = qos, .payload = payload, .len = len, .answers = *request};
    uint64_t ticket;
    bool fine;

    if (!e2e_client_check(client, qos, len, error) ||
        !e2e_client_check_profile(client, "requests and replies", error))
        return false;
    draft.topic = e2e_client_reply_topic(client, request, error);
    if (draft.topic == NULL)
        return false;
    fine = take(client, &draft, &ticket, error);
    e2e_topics_release(draft.topic);
    return fine;
}

/* ---- Subscribing --------------------------------------------------------------------------------- */

bool mqtt_e2e_client_subscribe(mqtt_e2e_client *client, const char *filter, int qos,
                               mqtt_e2e_on_message callback, void *context, mqtt_e2e_error *error)
{
    e2e_subscription *subscription;

    if (!e2e_client_check(client, qos, 0, error))
        return false;
    if (filter[0] == '~')
        return e2e_error_filter(error, filter);
    subscription = e2e_subscriptions_add(client, filter, qos, false, error);
    if (subscription == NULL)
        return false;
    subscription->callback = callback;
    subscription->context = context;
    e2e_client_pump(client);
    return true;
}

bool mqtt_e2e_client_unsubscribe(mqtt_e2e_client *client, const char *filter, mqtt_e2e_error *error)
{
    e2e_subscription *subscription;

    if (!e2e_client_check(client, 0, 0, error))
        return false;
    HASH_FIND(hh, client->subscriptions.by_filter, filter, strlen(filter), subscription);
    if (subscription == NULL || subscription->dead || subscription->internal)
        return e2e_error_set(error, "", "'%.100s' is not subscribed to", filter);
    e2e_subscriptions_drop(client, subscription);
    e2e_client_pump(client);
    return true;
}
