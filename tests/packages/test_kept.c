/* SPDX-License-Identifier: MIT */
/*
 * A session over BearSSL in memory that outlives the program: it goes on in its stream, without init and without the key, and is
 * never used twice from the same state. Each start is a process of its own; the memory is at the same address in all.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "key.h"
#include "mqtt_e2e/device.h"
#include "world.h"

#define ASLEEP UINT32_C(0x5EE9A51E)

/* What is kept. `mark` is ASLEEP only between the end of one run and the start of the next. */
typedef struct {
    uint32_t mark, check;
    mqtt_e2e_device device;
    uint64_t session[256];
} memory;

static memory *kept;
static uint8_t working[MQTT_E2E_DEVICE_BUFFER(128, 300)]; /* needs not be kept, but has to be where it was */
static const char *const filters[] = {"command/kitchen"};
static struct {
    unsigned afresh, commands;
    mqtt_e2e_id own;
} * seen;

/* ---- The device ---- */

static bool publish(void *context, const char *topic, const uint8_t *packet, size_t len, int qos, bool retain)
{
    (void)context;
    return world_published(topic, packet, len, qos, retain);
}

static bool subscribe(void *context, const char *filter, int qos)
{
    (void)context;
    world_subscribed(filter, qos);
    return true;
}

static void on_message(mqtt_e2e_device *d, const mqtt_e2e_message *message, int64_t now_ms, void *context)
{
    (void)d, (void)message, (void)now_ms, (void)context;
    seen->commands++;
}

static uint32_t check_of(const memory *m)
{
    const uint8_t *p = (const uint8_t *)&m->device;
    uint32_t hash = UINT32_C(2166136261); /* FNV-1a: against damage, not against people */

    while (p < (const uint8_t *)(m + 1))
        hash = (hash ^ *p++) * UINT32_C(16777619);
    return hash;
}

static void start_afresh(void)
{
    mqtt_e2e_device_options options;
    uint8_t random[MQTT_E2E_RANDOM_SIZE];

    mqtt_e2e_device_defaults(&options);
    options.session.crypto = &mqtt_e2e_bearssl;
    options.session.key = mqtt_e2e_node_key;
    options.session.key_len = sizeof mqtt_e2e_node_key;
    options.filters = filters;
    options.filter_count = 1;
    options.buffer = working;
    options.buffer_size = sizeof working;
    options.publish = publish;
    options.subscribe = subscribe;
    options.on_message = on_message;
    world_random(random, sizeof random);
    check(mqtt_e2e_device_init(&kept->device, kept->session, sizeof kept->session, &options, random,
                               world_ms()) == MQTT_E2E_OK);
    seen->afresh++;
}

static void wake_up(void)
{
    bool usable = kept->mark == ASLEEP && kept->check == check_of(kept);

    kept->mark = 0; /* first of all: whoever finds it so has crashed, and must not go on from here */
    if (!usable)
        start_afresh();
    check(mqtt_e2e_device_connected(&kept->device, world_ms()) == MQTT_E2E_OK);
}

static void fall_asleep(void)
{
    mqtt_e2e_device_disconnected(&kept->device);
    kept->check = check_of(kept);
    kept->mark = ASLEEP;
}

static void receive(void)
{
    static world_packet copy;
    const world_packet *p;

    while ((p = world_next()) != NULL) {
        copy = *p;
        mqtt_e2e_device_received(&kept->device, copy.topic, strlen(copy.topic), copy.bytes, copy.len,
                                 world_ms());
    }
}

/* ---- Its starts ---- */

enum { SLEEPS, CRASHES };

static void run(int end)
{
    wake_up();
    receive(); /* the time too, where it was asked for */
    check(mqtt_e2e_device_publish(&kept->device, "reading", "21.5", 4, 1, false, world_ms()) == MQTT_E2E_OK);
    seen->own = mqtt_e2e_own_stream(kept->device.session);
    if (end == SLEEPS)
        fall_asleep();
    _exit(0);
}

static mqtt_e2e_id start(int end)
{
    unsigned before = world_messages();
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    check(child >= 0);
    if (child == 0)
        run(end);
    check(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    check(world_messages() ==
          before + 1); /* in order: the controller would refuse a nonce that comes again */
    world_skip(60000);
    return seen->own;
}

static bool same_stream(const mqtt_e2e_id *a, const mqtt_e2e_id *b)
{
    return memcmp(a->stream, b->stream, sizeof a->stream) == 0;
}

static void command_waits(unsigned executed_before)
{
    world_tell("command/kitchen", "led on");
    check(seen->commands == executed_before);
    start(SLEEPS);
    check(seen->commands == executed_before + 1);
    world_send_again(0);
    start(SLEEPS);
    check(seen->commands == executed_before + 1);
}

static void *share(size_t size)
{
    void *memory_ = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    check(memory_ != MAP_FAILED);
    return memory_;
}

int main(void)
{
    mqtt_e2e_id first, second;

    kept = share(sizeof *kept);
    seen = share(sizeof *seen);
    world_begin(5);
    first = start(SLEEPS);
    second = start(SLEEPS);
    check(seen->afresh == 1 && same_stream(&first, &second) && second.counter == first.counter + 1);
    command_waits(0);
    check(seen->afresh == 1);
    start(CRASHES); /* what it did is not in a state that could be used again */
    second = start(SLEEPS);
    check(seen->afresh == 2 && !same_stream(&first, &second));
    world_send_again(0);
    start(SLEEPS);
    check(seen->commands == 1);
    command_waits(1);
    ((uint8_t *)kept->session)[100] ^= 1; /* damage */
    start(SLEEPS);
    check(seen->afresh == 3);
    memset(kept, 0xA5, sizeof *kept); /* a loss of power */
    start(SLEEPS);
    check(seen->afresh == 4);
    command_waits(2);
    return 0;
}
