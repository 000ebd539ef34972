/* SPDX-License-Identifier: MIT */
/*
 * The example that sleeps. A wake is a process of its own, in which all memory is as after a reset but the RTC's; the world goes on
 * in memory that the processes share.
 */
#include "main.c" /* of the example */

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

void app_main(void);

extern char __start_rtc_data[], __stop_rtc_data[];

static struct {
    uint64_t slept_us;
    char rtc[2048];
} * shared;

static size_t crashes;

static size_t rtc_size(void)
{
    return (size_t)(__stop_rtc_data - __start_rtc_data);
}

void esp_deep_sleep(uint64_t time_in_us)
{
    check(node.device.session == NULL); /* wiped, and nothing can use it any more */
    memcpy(shared->rtc, __start_rtc_data, rtc_size());
    shared->slept_us = time_in_us;
    _exit(0);
}

/* The program ends in the midst of things; unlike after most resets, the RTC's memory stays as it was. */
static void crash(void)
{
    memcpy(shared->rtc, __start_rtc_data, rtc_size());
    shared->slept_us = 1;
    _exit(0);
}

static void run(void (*after_a_second)(void))
{
    memcpy(__start_rtc_data, shared->rtc, rtc_size());
    world_start(app_main);
    world_run(1000);
    if (after_a_second != NULL)
        after_a_second();
    world_run(60000);
    fprintf(stderr, "it does not go to sleep\n");
    _exit(1);
}

/* One wake, and the sleep after it. */
static void wake(void (*after_a_second)(void))
{
    int status = 0;
    pid_t child;

    shared->slept_us = 0;
    fflush(NULL);
    child = fork();
    check(child >= 0);
    if (child == 0)
        run(after_a_second);
    check(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    check(shared->slept_us > 0);
    world_skip((int64_t)(shared->slept_us / 1000));
}

static void lose_power(void)
{
    memcpy(shared->rtc, __start_rtc_data, rtc_size()); /* as the program is loaded */
}

static void wakes_and_hears(const char *reading)
{
    unsigned before = world_messages();

    wake(NULL);
    check(world_messages() == before + 1 && world_waiting() == 0);
    check_text(world_heard(), reading);
    check(world_subscriptions() ==
          1 + crashes); /* the broker keeps no reply topic of a run that went to sleep */
}

/* A command that waited is executed once; the reading of the next wake shows it. */
static void executes_what_waited(void)
{
    wakes_and_hears("wake 0, led off");
    world_tell("command/kitchen", "led on");
    check(world_waiting() == 1);
    wake(NULL);
    wakes_and_hears("wake 2, led on");
    world_tell("command/kitchen", "led off");
    wake(NULL);
    world_send_again(1); /* `led on` */
    wake(NULL);
    wakes_and_hears("wake 5, led off");
    world_send_again(0);
    wakes_and_hears("wake 6, led off");
}

static void ask_awake(void)
{
    world_ask("command/kitchen", "ping");
    world_run(200);
    check_text(world_answer(), "kitchen: pong");
}

static void answers_while_awake(void)
{
    wake(ask_awake);
    wakes_and_hears("wake 8, led off");
}

/* A sleep without the broker loses neither memory nor clock. */
static void remembers_without_a_broker(void)
{
    world_tell("command/kitchen", "led on");
    wake(NULL);
    world_set_up(false);
    wake(NULL);
    world_set_up(true);
    world_tell_time(false); /* it still knows it */
    world_tell("command/kitchen", "led off");
    wake(NULL);
    world_send_again(1);
    wake(NULL);
    wakes_and_hears("wake 12, led off");
    world_tell_time(true);
}

/* What was accepted before a crash or a loss of power is not accepted after it, whatever became of the memory. */
static void starts_afresh(void (*lose)(void))
{
    wakes_and_hears("wake 0, led off");
    world_tell("command/kitchen", "led on");
    wake(lose == NULL ? crash : NULL);
    if (lose != NULL)
        lose();
    else
        crashes++;
    world_send_again(0);
    wakes_and_hears("wake 0, led off");
    wakes_and_hears("wake 1, led off");
    world_tell("command/kitchen", "led on"); /* and goes on from there */
    wake(NULL);
    wakes_and_hears("wake 3, led on");
    lose_power();
}

static void damage(void)
{
    shared->rtc[rtc_size() / 2] ^= 1;
}

int main(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(shared != MAP_FAILED && rtc_size() <= sizeof shared->rtc);
    lose_power();
    world_begin(5);
    executes_what_waited();
    answers_while_awake();
    remembers_without_a_broker();
    lose_power();
    starts_afresh(lose_power);
    starts_afresh(damage);
    starts_afresh(NULL);
    return 0;
}
