/* SPDX-License-Identifier: MIT */
#include "replay_world.h"

#include <stdarg.h>
#include <string.h>

#define T0 INT64_C(1795459591440)

/* ---- Chance ---- */

uint32_t world_pick(world *w, uint32_t limit)
{
    uint32_t round = (uint32_t)(w->drawn / WORLD_DRAWS), n = w->step->draw[w->drawn % WORLD_DRAWS];

    w->drawn++;
    if (round > 0) { /* a step that needs more numbers than it has gets them again, in another guise */
        n ^= round * 0x9e3779b9u;
        n = (n ^ n >> 16) * 0x7feb352du;
        n = (n ^ n >> 15) * 0x846ca68bu;
        n ^= n >> 16;
    }
    return n % limit;
}

bool world_chance(world *w, uint32_t percent)
{
    return world_pick(w, 100) < percent;
}

void world_bytes(world *w, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(world_pick(w, 0x10000) >> 4);
}

/* ---- Words ---- */

void world_tell(world *w, const char *format, ...)
{
    va_list args;

    if (w->tell == NULL)
        return;
    va_start(args, format);
    fprintf(w->tell, "    ");
    vfprintf(w->tell, format, args);
    fprintf(w->tell, "\n");
    va_end(args);
}

void world_fail(world *w, const char *format, ...)
{
    va_list args;

    if (w->failure[0] != '\0')
        return;
    va_start(args, format);
    vsnprintf(w->failure, sizeof w->failure, format, args);
    va_end(args);
}

/* ---- Topics and time ---- */

static const char *const topics[MODEL_TOPICS] = {"~time", "a", "b/c", "d", "e/f/g", "h", "i", "j", "k", "l"};

const char *world_topic_name(int topic)
{
    return topics[topic];
}

mqtt_e2e_topic world_topic(int topic)
{
    const char *name = topics[topic];
    uint16_t len = (uint16_t)strlen(name);

    return (mqtt_e2e_topic){name, name, len, len};
}

int64_t world_now(const world *w)
{
    if (w->options.own_clock_ms)
        return w->time - w->booted;
    return w->blind ? 0 : w->time + w->offset;
}

int64_t world_utc(const world *w)
{
    return model_utc(&w->model, world_now(w));
}

/* ---- A history ---- */

static void set_up_senders(world *w)
{
    static const uint32_t counts[] = {1, 2, 4, 12, 40, WORLD_SENDERS};

    w->sender_count = 1 + world_pick(w, counts[world_pick(w, 6)]);
    for (size_t i = 0; i < w->sender_count; i++) {
        world_sender *sender = &w->senders[i];

        world_bytes(w, sender->id, sizeof sender->id);
        sender->next = world_chance(w, 90)   ? 0
                       : world_chance(w, 50) ? INT64_C(0x7fffffff)
                                             : INT64_C(0xfffffff0);
        sender->offset = 0;
    }
    memcpy(w->senders[0].id, mqtt_e2e_own_stream(w->courier).stream, sizeof w->senders[0].id);
    w->senders[0].next = 0;
}

static void set_up(world *w, const world_step *setup)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    static const uint32_t skews[] = {300000, 300000, 5000, 1000, 0}, leads[] = {10000, 10000, 1000, 0};

    w->step = setup;
    w->time = T0;
    world_bytes(w, w->key, sizeof w->key);
    world_bytes(w, random, sizeof random);
    mqtt_e2e_defaults(&w->options);
    w->options.crypto = w->crypto;
    w->options.key = w->key;
    w->options.key_len = 16;
    w->options.pad_size = 0;
    w->options.longest_packet = 110;
    w->options.clock_skew_ms = skews[world_pick(w, 5)];
    w->options.clock_lead_ms = leads[world_pick(w, 4)];
    w->options.own_clock_ms = world_chance(w, 20);
    w->courier_options = w->options;
    w->courier_options.own_clock_ms = false;
    if (mqtt_e2e_init(&w->courier, w->courier_storage, sizeof w->courier_storage, &w->courier_options, random,
                      w->time) != MQTT_E2E_OK)
        world_fail(w, "the courier does not start");
    set_up_senders(w);
    world_start(w, NULL, 0, false);
}

static void begin_step(world *w, const world_step *step)
{
    w->step = step;
    w->drawn = 0;
}

size_t world_run(world *w, const mqtt_e2e_crypto *crypto, const world_step *setup, const world_step *steps,
                 size_t count, FILE *tell)
{
    size_t done = 0;

    memset(w, 0, offsetof(world, packets));
    memset((char *)w + offsetof(world, packet_count), 0, sizeof *w - offsetof(world, packet_count));
    w->crypto = crypto;
    w->tell = tell;
    begin_step(w, setup);
    set_up(w, setup);
    while (w->failure[0] == '\0' && done < count && done < WORLD_STEPS) {
        begin_step(w, &steps[done++]);
        world_do_step(w);
        world_check(w);
    }
    model_free(&w->model);
    mqtt_e2e_wipe(w->receiver);
    mqtt_e2e_wipe(w->courier);
    if (w->failure[0] == '\0')
        return 0;
    world_tell(w, "wrong: %s", w->failure);
    return done + 1;
}
