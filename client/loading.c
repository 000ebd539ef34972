/* SPDX-License-Identifier: MIT */
/* From the spool to the queue: the next few hundred messages, when there is room for them. */
#include "private.h"

/* As it went out in another run, perhaps. */
static bool restore_packet(const mqtt_e2e_client *client, e2e_entry *entry, const e2e_spool_item *item)
{
    int64_t age = e2e_clock_utc(client->options.clock_offset_ms) - item->packet_ms;

    entry->went_out = true;
    entry->draft.first = item->first;
    entry->draft.first_ms = item->first_ms;
    entry->sealed_ms = item->packet_ms;
    if (age < 0 || age > e2e_send_fresh_ms(client))
        return true; /* it is sealed anew */
    if (!e2e_queue_keep_packet(entry, item->packet, item->packet_len))
        return false;
    entry->sealed_at = e2e_clock_boot() - age;
    entry->spooled = true;
    return true;
}

typedef struct {
    mqtt_e2e_client *client;
    size_t count;
    uint64_t unfit; /* a message whose topic can't be had in this run */
    bool failed;
    mqtt_e2e_error error;
} loading;

/* False: the topic is one of another run, with other options. */
static bool is_fit(mqtt_e2e_client *client, const char *topic)
{
    mqtt_e2e_topic made;
    mqtt_e2e_status status = e2e_client_hide(client, topic, &made);

    return status != MQTT_E2E_BAD_TOPIC && status != MQTT_E2E_TOO_LONG;
}

static bool load_one(const e2e_spool_item *item, void *context)
{
    loading *l = context;
    mqtt_e2e_client *client = l->client;
    e2e_outgoing draft = {.kind = item->kind, .qos = item->qos, .payload = item->payload, .len = item->len};
    e2e_entry *entry;

    draft.topic = e2e_client_topic(client, item->topic, &l->error);
    l->failed = draft.topic == NULL;
    if (l->failed) {
        l->unfit = is_fit(client, item->topic) ? 0 : item->seq;
        return false;
    }
    entry = e2e_queue_make(&client->queue, &draft);
    e2e_topics_release(draft.topic);
    l->failed = entry == NULL || (item->sealed && !restore_packet(client, entry, item));
    if (l->failed) {
        if (entry != NULL)
            e2e_queue_free(&client->queue, entry);
        return e2e_error_memory(&l->error);
    }
    e2e_spooling_hold(client, entry, item->seq);
    l->count++;
    return true;
}

bool e2e_loading_possible(const mqtt_e2e_client *client)
{
    return e2e_spooling_left(client) > 0 && client->spooling.loaded < client->spool.now.last &&
           e2e_spooling_room(client) >= (client->queue.max_count + 3) / 4;
}

static void drop_unfit(mqtt_e2e_client *client, const loading *l)
{
    client->spooling.loaded = l->unfit;
    e2e_spool_done(&client->spool, l->unfit);
    e2e_send_note(client, l->unfit | E2E_SPOOLED, &l->error);
}

void e2e_loading_run(mqtt_e2e_client *client)
{
    loading l = {.client = client};
    bool fine;

    if (!e2e_loading_possible(client))
        return;
    fine = e2e_spool_each(&client->spool, client->spooling.loaded, e2e_spooling_room(client),
                          client->queue.max_bytes / 2, load_one, &l, &l.error);
    if (l.unfit != 0)
        drop_unfit(client, &l);
    else if (!fine || l.failed)
        e2e_spooling_failed(client, &l.error);
    else if (l.count == 0)
        client->spooling.loaded = client->spool.now.last; /* there are none */
}
