/* SPDX-License-Identifier: MIT */
/* bench-mqtt: what sealing costs a conversation through a broker. See bench/README.md. */
#include "process.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC "iot/kitchen"
#define WIRE_TOPIC                                                                                           \
    "abcdefghijkl/abcdefghijklmnopqrstuv/abcdefghijklmnopqrstuv" /* as long as the hidden TOPIC */
#define PAYLOAD  100
#define PACKET   (PAYLOAD + 43)
#define MESSAGES 4000
#define PINGS    50
#define SECONDS  8

/* ---- A conversation: two nodes, which wait in between ---- */

typedef struct {
    process *a, *b; /* a speaks, b listens or answers */
} conversation;

/*
 * The broker has processor 0. For rates the others have 1 and 2, or share 1. For round trips all share 0: of the three one
 * works and two wait, and waking another processor would take longer than all else. Left to the kernel, they end up
 * now here and now there, and one side could be lucky for as long as it runs.
 */
static process *node(unsigned processor, const char *kind, const char *role, const char *topic, size_t len,
                     int qos)
{
    char program[64];

    snprintf(program, sizeof program, "bench-node-%s", kind);
    return process_start_node(processor, program, role, topic, len, qos);
}

static conversation new_rate(const char *kind, const char *topic, size_t len, int qos)
{
    conversation c = {.b = node(2, kind, "receive", topic, len, qos)};

    c.a = node(1, kind, "send", topic, len, qos);
    return c;
}

static conversation new_trip(const char *kind, const char *topic, size_t len, int qos)
{
    conversation c = {.b = node(0, kind, "echo", topic, len, qos)};

    c.a = node(0, kind, "ping", topic, len, qos);
    return c;
}

static void end(conversation *c)
{
    process_end(c->a);
    process_end(c->b);
}

/* Nanoseconds a message, from the first to the last that arrives. */
static double rate(void *context)
{
    const conversation *c = context;
    double ns;

    process_tell(c->b, MESSAGES);
    bench_check(strcmp(process_hear(c->b), "counting") == 0, "bench-node receive");
    process_tell(c->a, MESSAGES);
    ns = atof(process_hear(c->b));
    bench_check(strcmp(process_hear(c->a), "sent") == 0, "bench-node send");
    return ns / (MESSAGES - 1);
}

static double trip(void *context)
{
    const conversation *c = context;

    process_tell(c->a, PINGS);
    return atof(process_hear(c->a));
}

/* ---- Figures ---- */

typedef struct {
    double (*sample)(void *context);
    conversation sealed, plain;
} comparison;

static bench_pair compare(void *context)
{
    comparison *c = context;
    bench_side sealed = {.sample = c->sample, .context = &c->sealed};
    bench_side plain = {.sample = c->sample, .context = &c->plain};

    return bench_compare(&sealed, &plain, SECONDS);
}

static void row(comparison *c, const bench_figure *model)
{
    bench_figure figure = *model;

    figure.measure = compare;
    figure.context = c;
    bench_row(&figure);
    end(&c->sealed);
    end(&c->plain);
}

static void rates(void)
{
    static const char *const what[] = {"rate, QoS 0", "rate, QoS 1"};

    bench_title("Publisher, broker, subscriber: 100 bytes on " TOPIC, "messages/s (max)");
    for (int qos = 0; qos <= 1; qos++) {
        bench_figure figure = {.what = what[qos], .inverse = true, .unit = BENCH_PER_SECOND};
        comparison same = {rate, new_rate("sealed", TOPIC, PAYLOAD, qos),
                           new_rate("plain", TOPIC, PAYLOAD, qos)};
        comparison wire;

        figure.demand = qos == 0 ? BENCH_AT_LEAST : BENCH_SHOWN;
        figure.other = "plaintext of the same payload";
        figure.limit = 0.80;
        row(&same, &figure);
        wire = (comparison){rate, new_rate("sealed", TOPIC, PAYLOAD, qos),
                            new_rate("plain", WIRE_TOPIC, PACKET, qos)};
        figure.other = "plaintext of the same wire size";
        figure.limit = 0.95;
        row(&wire, &figure);
    }
}

static void trips(void)
{
    static const char *const what[] = {"round trip, QoS 0", "round trip, QoS 1"};

    bench_title("There and back through the broker: 100 bytes on " TOPIC, "us (min)");
    for (int qos = 0; qos <= 1; qos++) {
        bench_figure figure = {
            .what = what[qos], .other = "plaintext of the same payload", .unit = BENCH_MICROSECONDS};
        comparison c = {trip, new_trip("sealed", TOPIC, PAYLOAD, qos),
                        new_trip("plain", TOPIC, PAYLOAD, qos)};

        figure.demand = qos == 1 ? BENCH_AT_MOST : BENCH_SHOWN;
        figure.limit = 1.10;
        row(&c, &figure);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    process_broker_start(argv[0], PROCESS_QUICK);
    rates();
    trips();
    process_broker_end();
    return bench_verdict();
}
