/* SPDX-License-Identifier: MIT */
/*
 * Filters, and who is called for what matches them. A subscription outlives connections: it has a link to each broker,
 * which says how far the SUBSCRIBE there has got. Dropped ones stay, dead, until no broker has them any more.
 */
#include <stdlib.h>
#include <string.h>

#include <mqtt_protocol.h>

#include "private.h"

/* ---- Links --------------------------------------------------------------------------------------- */

static void set_state(e2e_broker *b, e2e_link *link, e2e_link_state state)
{
    if (link->state == E2E_LINK_TODO)
        TAILQ_REMOVE(&b->todo, link, entry);
    if (link->state == E2E_LINK_ASKED)
        TAILQ_REMOVE(&b->asked, link, entry);
    link->state = state;
    if (state == E2E_LINK_TODO)
        TAILQ_INSERT_TAIL(&b->todo, link, entry);
    if (state == E2E_LINK_ASKED)
        TAILQ_INSERT_TAIL(&b->asked, link, entry);
}

/* Brings all brokers to what the subscription now is. */
static void spread(mqtt_e2e_client *client, e2e_subscription *subscription)
{
    for (unsigned i = 0; i < client->broker_count; i++) {
        e2e_broker *b = &client->brokers[i];
        e2e_link *link = &subscription->links[i];

        if (b->phase == E2E_UP && (!subscription->dead || link->known))
            set_state(b, link, E2E_LINK_TODO);
        else
            set_state(b, link, E2E_LINK_NONE);
    }
}

void e2e_subscriptions_up(e2e_broker *b)
{
    e2e_subscription *subscription, *next;

    HASH_ITER(hh, b->client->subscriptions.by_filter, subscription, next)
    if (!subscription->dead || subscription->links[b->index].known)
        set_state(b, &subscription->links[b->index], E2E_LINK_TODO);
}

void e2e_subscriptions_down(e2e_broker *b)
{
    e2e_subscription *subscription, *next;

    HASH_ITER(hh, b->client->subscriptions.by_filter, subscription, next)
    {
        e2e_link *link = &subscription->links[b->index];

        set_state(b, link, E2E_LINK_NONE);
        link->known &= b->client->persistent;
    }
}

static void unsubscribe(e2e_broker *b, e2e_link *link)
{
    set_state(b, link, E2E_LINK_NONE);
    link->known = false;
    b->broken = e2e_connection_unsubscribe(b, link->subscription->wire);
}

bool e2e_subscriptions_send(e2e_broker *b)
{
    e2e_link *link = TAILQ_FIRST(&b->todo);
    int code;

    if (link == NULL)
        return false;
    if (link->subscription->dead) {
        unsubscribe(b, link);
        return true;
    }
    set_state(b, link, E2E_LINK_ASKED);
    link->known = true;
    code = e2e_connection_subscribe(b, link->subscription->wire, link->subscription->qos, &link->mid);
    if (code == MOSQ_ERR_OVERSIZE_PACKET || code == MOSQ_ERR_INVAL || code == MOSQ_ERR_MALFORMED_UTF8)
        e2e_subscriptions_acked(b, link->mid, MQTT_RC_UNSPECIFIED);
    else
        b->broken = code;
    return true;
}

void e2e_subscriptions_acked(e2e_broker *b, uint16_t mid, int granted)
{
    mqtt_e2e_client *client = b->client;
    bool fine = granted < MQTT_RC_UNSPECIFIED;
    e2e_link *link;

    e2e_acks_timed(b, mid);
    TAILQ_FOREACH(link, &b->asked, entry)
    if (link->mid == mid)
        break;
    if (link == NULL)
        return;
    set_state(b, link, fine ? E2E_LINK_GRANTED : E2E_LINK_REFUSED);
    link->known = fine;
    if (client->options.on_subscribed == NULL || (fine && link->subscription->internal))
        return;
    client->inside++;
    client->options.on_subscribed(client, link->subscription->filter, fine, granted, client->options.context);
    client->inside--;
}

/* ---- Subscriptions ------------------------------------------------------------------------------- */

static e2e_subscription *make(mqtt_e2e_client *client, const char *filter, mqtt_e2e_error *error)
{
    mqtt_e2e_status status = mqtt_e2e_hide_filter(client->session, filter, client->scratch, E2E_SCRATCH_SIZE);
    size_t filter_len = strlen(filter), wire_len;
    e2e_subscription *subscription;

    if (status != MQTT_E2E_OK) {
        if (status == MQTT_E2E_BAD_FILTER)
            e2e_error_filter(error, filter);
        else
            e2e_error_status(error, status);
        return NULL;
    }
    wire_len = strlen(client->scratch);
    subscription = calloc(1, sizeof *subscription + filter_len + wire_len + 2);
    if (subscription == NULL) {
        e2e_error_memory(error);
        return NULL;
    }
    memcpy(subscription->text, filter, filter_len);
    memcpy(subscription->text + filter_len + 1, client->scratch, wire_len);
    subscription->filter = subscription->text;
    subscription->filter_len = filter_len;
    subscription->wire = subscription->text + filter_len + 1;
    for (unsigned i = 0; i < E2E_BROKERS_MAX; i++)
        subscription->links[i].subscription = subscription;
    return subscription;
}

e2e_subscription *e2e_subscriptions_add(mqtt_e2e_client *client, const char *filter, int qos, bool internal,
                                        mqtt_e2e_error *error)
{
    e2e_subscriptions *all = &client->subscriptions;
    e2e_subscription *subscription;

    HASH_FIND(hh, all->by_filter, filter, strlen(filter), subscription);
    if (subscription == NULL) {
        subscription = make(client, filter, error);
        if (subscription == NULL)
            return NULL;
        HASH_ADD_KEYPTR(hh, all->by_filter, subscription->filter, subscription->filter_len, subscription);
        if (subscription->hh.tbl == NULL) {
            free(subscription);
            e2e_error_memory(error);
            return NULL;
        }
    }
    all->dead -= subscription->dead;
    all->generation++;
    subscription->dead = false;
    subscription->qos = qos;
    subscription->internal = internal;
    spread(client, subscription);
    return subscription;
}

void e2e_subscriptions_drop(mqtt_e2e_client *client, e2e_subscription *subscription)
{
    client->subscriptions.dead += !subscription->dead;
    client->subscriptions.generation++;
    subscription->dead = true;
    spread(client, subscription);
}

static bool known_somewhere(const mqtt_e2e_client *client, const e2e_subscription *subscription)
{
    for (unsigned i = 0; i < client->broker_count; i++)
        if (subscription->links[i].known)
            return true;
    return false;
}

static void free_one(mqtt_e2e_client *client, e2e_subscription *subscription)
{
    HASH_DEL(client->subscriptions.by_filter, subscription);
    free(subscription);
}

void e2e_subscriptions_sweep(mqtt_e2e_client *client)
{
    e2e_subscription *subscription, *next;

    if (client->subscriptions.dead == 0 || client->inside > 0)
        return;
    HASH_ITER(hh, client->subscriptions.by_filter, subscription, next)
    if (subscription->dead && !known_somewhere(client, subscription)) {
        client->subscriptions.dead--;
        free_one(client, subscription);
    }
}

void e2e_subscriptions_free(mqtt_e2e_client *client)
{
    e2e_subscription *subscription, *next;

    HASH_ITER(hh, client->subscriptions.by_filter, subscription, next)
    free_one(client, subscription);
}

mqtt_e2e_subscription mqtt_e2e_client_subscribed(const mqtt_e2e_client *client, const char *filter)
{
    const e2e_subscription *subscription;
    bool granted = false;

    HASH_FIND(hh, client->subscriptions.by_filter, filter, strlen(filter), subscription);
    if (subscription == NULL || subscription->dead || subscription->internal)
        return MQTT_E2E_UNSUBSCRIBED;
    for (unsigned i = 0; i < client->broker_count; i++) {
        const e2e_broker *b = &client->brokers[i];
        e2e_link_state state = subscription->links[i].state;

        if (b->phase == E2E_UP ? state == E2E_LINK_TODO || state == E2E_LINK_ASKED : b->attempt == 0)
            return MQTT_E2E_SUBSCRIBING;
        granted |= state == E2E_LINK_GRANTED;
    }
    return granted ? MQTT_E2E_SUBSCRIBED : MQTT_E2E_DENIED;
}

/* ---- Matching ------------------------------------------------------------------------------------ */

static bool is_match(const e2e_subscription *subscription, const e2e_topic *topic)
{
    return !subscription->dead && !subscription->internal &&
           mqtt_e2e_match(subscription->filter, subscription->filter_len, topic->topic.name,
                          topic->topic.name_len);
}

bool e2e_subscriptions_match(mqtt_e2e_client *client, e2e_topic *topic)
{
    e2e_subscriptions *all = &client->subscriptions;
    e2e_subscription *subscription, *next, **matches;
    size_t count = 0, i = 0;

    if (topic->match_generation == all->generation)
        return true;
    HASH_ITER(hh, all->by_filter, subscription, next)
    count += is_match(subscription, topic);
    matches = malloc((count + 1) * sizeof *matches);
    if (matches == NULL)
        return false;
    HASH_ITER(hh, all->by_filter, subscription, next)
    if (is_match(subscription, topic))
        matches[i++] = subscription;
    free(topic->matches);
    topic->matches = matches;
    topic->match_count = count;
    topic->match_generation = all->generation;
    return true;
}
