/* SPDX-License-Identifier: MIT */
/* bench-terminal: how long a machine takes to answer a command, and a bare MQTT client a message. See bench/README.md. */
#include "process.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME     "bench"
#define TOPIC    "command/" NAME
#define QUESTION "ping"
#define ANSWER   NAME ": pong"
#define PINGS    20
#define SECONDS  8

static process *agent, *echo;

/* ---- Those that answer ---- */

/* As users run it, with a state file. */
static process *start_agent(void)
{
    const char *key = process_file("key"), *state = process_file("state");
    const char *words[] = {"../cli/mqtt-e2e",     "agent",  "-K", key,       "-h",  "127.0.0.1", "-p",
                           process_broker_port(), "--name", NAME, "--state", state, NULL};
    FILE *file = fopen(key, "w");
    process *p;

    bench_check(file != NULL && chmod(key, 0600) == 0, "writing a key file");
    for (const char *byte = PROCESS_KEY; *byte != '\0'; byte++)
        fprintf(file, "%02x", (unsigned)*byte);
    fclose(file);
    p = process_start(0, words, STDERR_FILENO);
    while (strstr(process_hear(p), "listens on " TOPIC) == NULL)
        ; /* warnings */
    return p;
}

/* ---- Those that ask ---- */

static double trip(void *context)
{
    process_tell(context, PINGS);
    return atof(process_hear(context));
}

/* The agent's log says of each command that it was asked for, and how it ended. */
static double command(void *context)
{
    double ns = trip(context);

    for (int i = 0; i < 2 * PINGS; i++)
        bench_check(strstr(process_hear(agent), "command=\"" QUESTION "\"") != NULL, "the agent's log");
    return ns;
}

/* ---- Figures ---- */

typedef struct {
    process *ours, *bare;
    bench_pair late; /* of one in a hundred, from the last measurement */
} comparison;

static void look_at(process *p, double *late, double *least)
{
    process_tell(p, 0);
    bench_check(sscanf(process_hear(p), "%lf %lf", late, least) == 2, "what a program says of round trips");
}

static bench_pair compare(void *context)
{
    comparison *c = context;
    bench_side ours = {.sample = command, .context = c->ours}, bare = {.sample = trip, .context = c->bare};
    bench_pair pair = bench_compare(&ours, &bare, SECONDS);

    look_at(c->ours, &c->late.a, &c->late.a_min);
    look_at(c->bare, &c->late.b, &c->late.b_min);
    c->late.ratio = c->late.a / c->late.b;
    return pair;
}

static bench_pair late(void *context)
{
    return ((const comparison *)context)->late;
}

static void row(int qos)
{
    comparison c = {process_start_node(0, "bench-controller", "ask", TOPIC, 0, qos),
                    process_start_node(0, "bench-mosquitto", "ask", "bare/" NAME, sizeof QUESTION - 1, qos),
                    {0}};
    bench_figure figure = {.what =
                               qos == 0 ? QUESTION ", QoS 0: half of all" : QUESTION ", QoS 1: half of all",
                           .other = "libmosquitto alone",
                           .demand = BENCH_AT_MOST,
                           .limit = 1.30,
                           .unit = BENCH_MICROSECONDS,
                           .measure = compare,
                           .context = &c};

    bench_row(&figure);
    figure.what = "99 in 100";
    figure.demand = BENCH_SHOWN;
    figure.measure = late;
    bench_row(&figure);
    process_end(c.ours);
    process_end(c.bare);
}

static void table(const char *self, const char *settings, const char *title)
{
    process_broker_start(self, settings);
    agent = start_agent();
    echo = process_start_node(0, "bench-mosquitto", "answer", "bare/" NAME, sizeof ANSWER - 1, 1);
    bench_title(title, "us (min)");
    row(0);
    row(1);
    process_end(agent);
    process_end(echo);
    process_broker_end();
}

int main(int argc, char **argv)
{
    (void)argc;
    table(argv[0], "set_tcp_nodelay true\n",
          "A command over a connection that is kept: mosquitto, set_tcp_nodelay true");
    table(argv[0], "", "A command over a connection that is kept: mosquitto, as it is by default");
    return bench_verdict();
}
