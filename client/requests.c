/* SPDX-License-Identifier: MIT */
/*
 * Open requests (docs/PROTOCOL.md §6). Answers come on the reply topic of the stream that asked, so there is one
 * subscription for all requests of a stream. It is made with the first, and a request waits in the queue until
 * the broker has acknowledged it; that of a former stream goes when its last request has ended.
 */
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define DEFAULT_TIMEOUT_MS 10000

/* ---- Reply topics -------------------------------------------------------------------------------- */

static bool subscribe_replies(mqtt_e2e_client *client, mqtt_e2e_error *error)
{
    mqtt_e2e_id own = mqtt_e2e_own_stream(client->session);
    char name[MQTT_E2E_REPLY_NAME_SIZE];
    mqtt_e2e_topic topic;
    mqtt_e2e_status status;

    if (client->requests.reply != NULL)
        return true;
    status =
        mqtt_e2e_reply_topic(client->session, own.stream, name, client->scratch, E2E_SCRATCH_SIZE, &topic);
    if (status != MQTT_E2E_OK)
        return e2e_error_status(error, status);
    client->requests.reply = e2e_subscriptions_add(client, name, 1, true, error);
    return client->requests.reply != NULL;
}

static void leave_reply(mqtt_e2e_client *client, e2e_subscription *reply)
{
    if (reply != NULL && --reply->users == 0 && reply != client->requests.reply)
        e2e_subscriptions_drop(client, reply);
}

void e2e_requests_renewed(mqtt_e2e_client *client)
{
    e2e_subscription *former = client->requests.reply;

    client->requests.reply = NULL;
    if (former != NULL && former->users == 0)
        e2e_subscriptions_drop(client, former);
    if (!TAILQ_EMPTY(&client->requests.all))
        subscribe_replies(client, NULL);
}

bool e2e_requests_ready(e2e_broker *b)
{
    const mqtt_e2e_client *client = b->client;
    const e2e_subscription *reply = client->requests.reply;

    return reply != NULL && reply->links[b->index].state == E2E_LINK_GRANTED &&
           HASH_COUNT(client->requests.by_id) < client->options.session.requests;
}

bool e2e_requests_heard(const e2e_broker *b, const e2e_request *request)
{
    const e2e_subscription *reply = request->reply;

    return reply != NULL && reply->links[b->index].state == E2E_LINK_GRANTED;
}

/* ---- Their life ---------------------------------------------------------------------------------- */

static void unseal(mqtt_e2e_client *client, e2e_request *request)
{
    if (!request->sealed)
        return;
    HASH_DEL(client->requests.by_id, request);
    mqtt_e2e_close(client->session, &request->id);
    leave_reply(client, request->reply);
    request->reply = NULL;
    request->sealed = false;
}

static void tell_sealed(mqtt_e2e_client *client, const e2e_request *request)
{
    if (client->options.on_asked == NULL)
        return;
    client->inside++;
    client->options.on_asked(client, &request->id, request->context, client->options.context);
    client->inside--;
}

void e2e_requests_sealed(mqtt_e2e_client *client, e2e_request *request, const mqtt_e2e_id *id)
{
    unseal(client, request);
    request->id = *id;
    request->sealed = true;
    request->reply = client->requests.reply;
    request->reply->users++;
    HASH_ADD(hh, client->requests.by_id, id, sizeof request->id, request);
    if (request->hh.tbl == NULL) { /* no memory: it can't be found, so it has no answer */
        request->sealed = false;
        mqtt_e2e_close(client->session, id);
        leave_reply(client, request->reply);
        request->reply = NULL;
        e2e_requests_fail(client, request);
        return;
    }
    tell_sealed(client, request);
}

void e2e_requests_forget_entry(e2e_request *request)
{
    request->entry = NULL;
}

/* What waits or is under way has nobody any more who wants it. */
static void abandon(mqtt_e2e_client *client, e2e_request *request)
{
    e2e_entry *entry = request->entry;

    request->entry = NULL;
    if (entry == NULL)
        return;
    entry->draft.request = NULL;
    e2e_flights_abandon(client, entry);
}

static void end(mqtt_e2e_client *client, e2e_request *request)
{
    unseal(client, request);
    TAILQ_REMOVE(&client->requests.all, request, link);
    abandon(client, request);
    free(request);
}

void e2e_requests_fail(mqtt_e2e_client *client, e2e_request *request)
{
    request->deadline = 0;
    client->requests.soonest = 0;
}

static e2e_request *make(mqtt_e2e_client *client, const e2e_outgoing *draft, uint32_t timeout_ms,
                         mqtt_e2e_error *error)
{
    e2e_request *request = calloc(1, sizeof *request);
    e2e_outgoing mine = *draft;

    if (request == NULL) {
        e2e_error_memory(error);
        return NULL;
    }
    mine.request = request;
    request->deadline = e2e_clock_boot() + (timeout_ms != 0 ? timeout_ms : DEFAULT_TIMEOUT_MS);
    request->entry = e2e_queue_make(&client->queue, &mine);
    if (request->entry == NULL) {
        free(request);
        e2e_error_memory(error);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&client->requests.all, request, link);
    e2e_queue_append(&client->queue, request->entry);
    if (request->deadline < client->requests.soonest)
        client->requests.soonest = request->deadline;
    return request;
}

bool mqtt_e2e_client_request(mqtt_e2e_client *client, const char *name, const void *payload, size_t len,
                             int qos, uint32_t timeout_ms, mqtt_e2e_on_reply callback, void *context,
                             mqtt_e2e_error *error)
{
    e2e_outgoing draft = {.kind = MQTT_E2E_REQUEST, .qos = qos, .payload = payload, .len = len};
    e2e_request *request = NULL;

    if (!e2e_client_check(client, qos, len, error) ||
        !e2e_client_check_profile(client, "requests and replies", error) || !subscribe_replies(client, error))
        return false;
    draft.topic = e2e_client_topic(client, name, error);
    if (draft.topic == NULL)
        return false;
    if (e2e_queue_has_room(&client->queue, len, error))
        request = make(client, &draft, timeout_ms, error);
    e2e_topics_release(draft.topic);
    if (request == NULL)
        return false;
    request->callback = callback;
    request->context = context;
    e2e_client_pump(client);
    return true;
}

/* They end at the next turn of the loop: one of them may be in its callback now. */
void mqtt_e2e_client_cancel(mqtt_e2e_client *client, const void *context)
{
    e2e_request *request;

    TAILQ_FOREACH(request, &client->requests.all, link)
    {
        if (request->context != context)
            continue;
        request->callback = NULL;
        request->deadline = 0;
        if (!request->sealed)
            abandon(client, request);
        client->requests.soonest = 0;
    }
}

/* ---- Answers ------------------------------------------------------------------------------------- */

static bool call(mqtt_e2e_client *client, e2e_request *request, mqtt_e2e_answer answer,
                 const mqtt_e2e_delivery *delivery)
{
    bool go_on = false;

    client->inside++;
    if (request->callback != NULL)
        go_on = request->callback(client, answer, delivery, request->context);
    client->inside--;
    return go_on;
}

void e2e_requests_answer(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery)
{
    e2e_request *request;

    HASH_FIND(hh, client->requests.by_id, &delivery->message->request, sizeof delivery->message->request,
              request);
    if (request != NULL && !call(client, request, MQTT_E2E_ANSWERED, delivery))
        end(client, request);
}

void e2e_requests_expire(mqtt_e2e_client *client, int64_t now)
{
    e2e_requests *requests = &client->requests;
    e2e_request *request, *next;

    if (now < requests->soonest)
        return;
    requests->soonest = E2E_NEVER;
    for (request = TAILQ_FIRST(&requests->all); request != NULL; request = next) {
        next = TAILQ_NEXT(request, link);
        if (now >= request->deadline) {
            call(client, request, MQTT_E2E_TIMED_OUT, NULL);
            next = TAILQ_NEXT(request, link); /* the callback may have made the first after it */
            end(client, request);
        } else if (request->deadline < requests->soonest) {
            requests->soonest = request->deadline;
        }
    }
}

void e2e_requests_free(mqtt_e2e_client *client)
{
    while (!TAILQ_EMPTY(&client->requests.all))
        end(client, TAILQ_FIRST(&client->requests.all));
    client->requests.soonest = E2E_NEVER;
}
