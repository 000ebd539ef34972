/* SPDX-License-Identifier: MIT */
/*
 * The caches of prepared topics. Bounded in number and bytes; when full, the oldest goes that was not used since it
 * was last its turn ("second chance"), so that a hit need not move anything. Only topics that we publish to, or on
 * which an authentic packet came, get in: nobody without the key can fill them, or choose keys that collide.
 */
#include <stdlib.h>
#include <string.h>

#include "parts.h"

#define COUNT_MAX ((size_t)16384)
#define BYTES_MAX ((size_t)8 << 20)

void e2e_topics_init(e2e_topics *topics, bool wire)
{
    memset(topics, 0, sizeof *topics);
    TAILQ_INIT(&topics->by_age);
    topics->wire = wire;
}

static const char *key_of(const e2e_topics *topics, const e2e_topic *topic, size_t *len)
{
    *len = topics->wire ? topic->topic.wire_len : topic->topic.name_len;
    return topics->wire ? topic->topic.wire : topic->topic.name;
}

static bool has_key(const e2e_topics *topics, const e2e_topic *topic, const char *key, size_t len)
{
    size_t n;
    const char *own = key_of(topics, topic, &n);

    return n == len && memcmp(own, key, len) == 0;
}

e2e_topic *e2e_topics_find(e2e_topics *topics, const char *key, size_t len)
{
    e2e_topic *topic = topics->last;

    if (topic != NULL && has_key(topics, topic, key, len))
        return topic;
    HASH_FIND(hh, topics->by_key, key, len, topic);
    if (topic != NULL) {
        topic->used = true;
        topics->last = topic;
    }
    return topic;
}

e2e_topic *e2e_topics_make(const mqtt_e2e_topic *from)
{
    size_t name = (size_t)from->name_len + 1, wire = (size_t)from->wire_len + 1;
    e2e_topic *topic = calloc(1, sizeof *topic + name + wire);

    if (topic == NULL)
        return NULL;
    memcpy(topic->text, from->name, name - 1);
    memcpy(topic->text + name, from->wire, wire - 1);
    topic->topic = (mqtt_e2e_topic){topic->text, topic->text + name, from->name_len, from->wire_len};
    topic->size = sizeof *topic + name + wire;
    topic->refs = 1;
    return topic;
}

void e2e_topics_release(e2e_topic *topic)
{
    if (topic == NULL || --topic->refs > 0)
        return;
    free(topic->matches);
    free(topic);
}

static void evict(e2e_topics *topics, e2e_topic *topic)
{
    HASH_DEL(topics->by_key, topic);
    TAILQ_REMOVE(&topics->by_age, topic, link);
    topics->count--;
    topics->bytes -= topic->size;
    if (topics->last == topic)
        topics->last = NULL;
    e2e_topics_release(topic);
}

static void make_room(e2e_topics *topics, size_t size)
{
    while (topics->count > 0 && (topics->count >= COUNT_MAX || topics->bytes + size > BYTES_MAX)) {
        e2e_topic *oldest = TAILQ_FIRST(&topics->by_age);

        if (oldest->used) {
            oldest->used = false;
            TAILQ_REMOVE(&topics->by_age, oldest, link);
            TAILQ_INSERT_TAIL(&topics->by_age, oldest, link);
        } else {
            evict(topics, oldest);
        }
    }
}

void e2e_topics_keep(e2e_topics *topics, e2e_topic *topic)
{
    size_t len;
    const char *key = key_of(topics, topic, &len);

    make_room(topics, topic->size);
    HASH_ADD_KEYPTR(hh, topics->by_key, key, len, topic);
    if (topic->hh.tbl == NULL)
        return; /* no memory: it is not kept */
    TAILQ_INSERT_TAIL(&topics->by_age, topic, link);
    topics->count++;
    topics->bytes += topic->size;
    topics->last = topic;
    topic->refs++;
}

void e2e_topics_clear(e2e_topics *topics)
{
    while (topics->count > 0)
        evict(topics, TAILQ_FIRST(&topics->by_age));
}
