/* SPDX-License-Identifier: MIT */
/* A conversation with the example of a port, over its adapter and the stub of its MQTT library. */
#include "port.h"
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "key.h"

static char pong[128], own_topic[128], name[64];

static void ask_on(const char *topic, const char *command, const char *expected)
{
    unsigned before = world_answers();

    world_ask(topic, command);
    world_run(300);
    check_text(world_answer(), expected);
    check(world_answers() == before + 1);
}

static void ping_is_answered(void)
{
    ask_on("command/all", "ping", pong);
}

/* As long as nobody tells the time nothing is taken; it asks again, and what was said before stays refused. */
static void learns_the_time(void)
{
    world_tell_time(false);
    world_run(3000);
    check(world_subscriptions() == 3 && world_times_asked() == 1);
    world_ask("command/all", "ping");
    world_run(300);
    check(world_answers() == 0 && port_refused() == 1);
    world_run(10000);
    check(world_times_asked() >= 2 && world_times_asked() <= 3);
    world_tell_time(true);
    world_run(60000);
    world_send_again(0);
    world_run(300);
    check(world_answers() == 0 && port_refused() == 2);
}

static void answers(void)
{
    char text[192];

    ping_is_answered();
    ask_on(own_topic, "ping", pong);
    snprintf(text, sizeof text, "%s: led is on", name);
    ask_on("command/all", "led on", text);
    world_ask("command/all", "status");
    world_run(300);
    check(strstr(world_answer(), "led on") != NULL);
}

/* Refused, acknowledged (where the broker waits for that), and not answered. */
static void refuses_replays(void)
{
    unsigned before = world_answers(), acks = world_acks(), refused = port_refused();

    for (unsigned i = 0; i < 3; i++) {
        world_send_again(i);
        world_run(300);
    }
    check(world_answers() == before && port_refused() == refused + 3 && world_acks() == acks + 3);
    ping_is_answered();
}

static void joins_long_ones(void)
{
    static char text[2048], expected[192];

    snprintf(expected, sizeof expected, "%s: unknown command, try ping, status, led on or led off", name);
    memset(text, 'x', port_payload);
    ask_on("command/all", text, expected);
    ping_is_answered();
}

static void skips_what_is_too_long(void)
{
    unsigned before = port_dropped(), refused = port_refused();

    world_flood(world_topic_of("command/all"), 3000, 1);
    world_flood(world_topic_of("command/all"), 8000, 1);
    world_run(300);
    check(port_dropped() == before + (port_counts_oversize ? 2 : 0));
    check(port_refused() == refused && world_waiting() == 0);
    ping_is_answered();
}

static void survives_junk(void)
{
    unsigned refused = port_refused(), dropped = port_dropped();

    world_flood(world_topic_of("command/all"), 0, 1);
    world_flood(world_topic_of("command/all"), 42, 1);
    world_flood(world_topic_of("command/all"), 300, 30);
    world_run(1000);
    check(port_refused() + port_dropped() == refused + dropped + 32);
    check(port_refused() > refused && world_waiting() == 0);
    ping_is_answered();
}

static void comes_back(void)
{
    for (int i = 0; i < 3; i++) {
        world_set_up(false);
        world_run(i * 7000 + 50);
        world_set_up(true);
        world_run(25000);
        check(world_subscriptions() == 3);
        ping_is_answered();
    }
    world_set_up(false); /* so shortly that it is made again before anybody looked */
    world_set_up(true);
    world_run(25000);
    check(world_subscriptions() == 3);
    ping_is_answered();
}

static void gets_along_with_a_full_queue(void)
{
    unsigned before = world_answers();

    world_set_takes(false);
    world_ask("command/all", "ping");
    world_run(1000);
    check(world_answers() == before);
    world_set_takes(true);
    world_run(25000);
    check(world_answers() == before); /* its time is over; it is not sent later */
    ping_is_answered();
}

/* Nor is a subscription taken: it is tried again. */
static void subscribes_in_the_end(void)
{
    world_set_up(false);
    world_run(50);
    world_set_takes(false);
    world_set_up(true);
    world_run(25000);
    world_set_takes(true);
    world_run(25000);
    check(world_subscriptions() == 3);
    ping_is_answered();
}

int main(void)
{
    snprintf(name, sizeof name, "%s", MQTT_E2E_NODE_NAME[0] != '\0' ? MQTT_E2E_NODE_NAME : port_default_name);
    snprintf(pong, sizeof pong, "%s: pong", name);
    snprintf(own_topic, sizeof own_topic, "command/%s", name);
    world_begin(port_start_ms);
    world_start(port_device);
    learns_the_time();
    answers();
    refuses_replays();
    joins_long_ones();
    skips_what_is_too_long();
    survives_junk();
    comes_back();
    gets_along_with_a_full_queue();
    subscribes_in_the_end();
    return 0;
}
