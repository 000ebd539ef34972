/* SPDX-License-Identifier: MIT */
#include "terminal.h"

#include <stdio.h>
#include <string.h>

#define READINGS     420 /* that `log` tells of */
#define LINE_ROOM    64  /* bytes; each has 48 */
#define FOLLOW_MS    100
#define STATE_MS     3000
#define SILENCE_MS   60000 /* who says nothing for so long has gone */
#define ANNOUNCE_S   60
#define ANNOUNCE_TRY 1000 /* milliseconds until it is tried again */

static mqtt_e2e_device *device;
static const char *name;
static int64_t announce_at;

static struct {
    bool running; /* what follows is in use */
    mqtt_e2e_id command;
    mqtt_e2e_outbox outbox;
    uint8_t storage[MQTT_E2E_BOX_SIZE(TERMINAL_SLOTS, TERMINAL_ROOM)];
    bool follow, over, ended; /* over: no more output; ended: the end is in the outbox */
    mqtt_e2e_end end;
    uint32_t reading; /* the next */
    int64_t reading_at;
    uint32_t input; /* chunks that came */
    int64_t said_at, heard_at;
} job;

/* ---- Output ------------------------------------------------------------------------------------- */

static bool has_reading(int64_t now)
{
    return !job.over && (job.follow ? now >= job.reading_at : job.reading < READINGS);
}

/* Stands in for what a device has measured. */
static size_t write_reading(char *out)
{
    unsigned long n = job.reading++;

    job.reading_at += FOLLOW_MS;
    return (size_t)snprintf(out, LINE_ROOM, "%05lu  %lu.%lu degrees Celsius, all is well so far\n",
                            n % 100000, 18 + n * 7 % 10, n * 3 % 10);
}

/* As many whole lines as a part holds. Room for the end always stays. */
static void write_output(int64_t now)
{
    char text[TERMINAL_ROOM];

    while (has_reading(now) && mqtt_e2e_outbox_free(&job.outbox) > 1) {
        size_t len = 0;

        while (has_reading(now) && len + LINE_ROOM <= sizeof text)
            len += write_reading(text + len);
        mqtt_e2e_outbox_add(&job.outbox, MQTT_E2E_OUTPUT, text, len);
    }
    job.over |= !job.follow && job.reading == READINGS;
}

static void write_end(void)
{
    uint8_t data[MQTT_E2E_END_HEAD + 40];
    size_t len = mqtt_e2e_end_write(&job.end, data, sizeof data);

    job.ended = mqtt_e2e_outbox_add(&job.outbox, MQTT_E2E_END, data, len);
}

/* ---- Sending ------------------------------------------------------------------------------------ */

/* False: not now, the MQTT library has no room. */
static bool send(const mqtt_e2e_part *part, int64_t now)
{
    static uint8_t frame[TERMINAL_PART];
    size_t len = mqtt_e2e_part_write(part, frame, sizeof frame);

    if (mqtt_e2e_device_reply(device, &job.command, frame, len, 1, now) != MQTT_E2E_OK)
        return false;
    job.said_at = now;
    return true;
}

static void send_parts(int64_t now)
{
    mqtt_e2e_part part;

    while (mqtt_e2e_outbox_peek(&job.outbox, &part) && send(&part, now))
        mqtt_e2e_outbox_sent(&job.outbox);
}

/* A sign of life, and what came in. */
static void send_state(int64_t now)
{
    uint8_t data[MQTT_E2E_STATE_SIZE];

    if (job.ended || now - job.said_at < STATE_MS)
        return;
    mqtt_e2e_state_write(job.input, job.input, data);
    send(&(mqtt_e2e_part){MQTT_E2E_STATE, job.outbox.next, {data, sizeof data}}, now);
}

static void run(int64_t now)
{
    write_output(now);
    if (job.over && !job.ended)
        write_end();
    send_parts(now);
    send_state(now);
    if ((job.ended && job.outbox.got == job.outbox.next) || now - job.heard_at >= SILENCE_MS)
        job.running = false;
}

static void announce(int64_t now)
{
    static const char version[] = "mqtt-e2e firmware";
    char topic[80], text[64];
    size_t len = mqtt_e2e_announcement_write(
        &(mqtt_e2e_announcement){true, ANNOUNCE_S, {version, sizeof version - 1}}, text, sizeof text);

    if (now < announce_at)
        return;
    snprintf(topic, sizeof topic, "device/%s", name);
    announce_at = mqtt_e2e_device_publish(device, topic, text, len, 0, false, now) == MQTT_E2E_OK
                      ? now + ANNOUNCE_S * 1000
                      : now + ANNOUNCE_TRY;
}

/* ---- What the board calls ------------------------------------------------------------------------ */

void terminal_start(mqtt_e2e_device *of, const char *its_name)
{
    device = of;
    name = its_name;
}

/* An answer that is nothing but an end. */
static size_t only_end(const mqtt_e2e_end *end, uint32_t number, void *out, size_t size)
{
    uint8_t data[MQTT_E2E_END_HEAD + 64];
    size_t len = mqtt_e2e_end_write(end, data, sizeof data);

    return mqtt_e2e_part_write(&(mqtt_e2e_part){MQTT_E2E_END, number, {data, len}}, out, size);
}

bool terminal_command(const mqtt_e2e_message *request, int64_t now, void *reply, size_t size, size_t *len)
{
    static const char busy[] = "the log is being read";
    char text[32];
    const char *words[2];
    size_t count =
        mqtt_e2e_words_read(request->payload.data, request->payload.len, text, sizeof text, words, 2);

    if (count == 0 || strcmp(words[0], "log") != 0 || (count == 2 && strcmp(words[1], "follow") != 0))
        return false;
    *len = 0;
    if (job.running) {
        *len = only_end(&(mqtt_e2e_end){MQTT_E2E_NOT_RUN, 126, {busy, sizeof busy - 1}}, 0, reply, size);
        return true;
    }
    memset(&job, 0, sizeof job);
    job.running = true;
    job.command = request->id;
    job.follow = count == 2;
    job.said_at = job.heard_at = job.reading_at = now;
    mqtt_e2e_outbox_init(&job.outbox, job.storage, TERMINAL_SLOTS, TERMINAL_ROOM);
    mqtt_e2e_outbox_add(&job.outbox, MQTT_E2E_START, name, strlen(name));
    return true;
}

static bool is_ours(const mqtt_e2e_id *command)
{
    return job.running && command->counter == job.command.counter &&
           memcmp(command->stream, job.command.stream, sizeof command->stream) == 0;
}

static void stop(int number)
{
    static const char why[] = "stopped as asked for";

    if (job.over || (number != 2 && number != 15 && number != 9))
        return;
    job.end = (mqtt_e2e_end){MQTT_E2E_STOPPED, (uint32_t)number, {why, sizeof why - 1}};
    job.over = true;
}

size_t terminal_control(const mqtt_e2e_message *message, int64_t now, mqtt_e2e_id *to, void *reply,
                        size_t size)
{
    static const char unknown[] = "the device was started since then, or it is too long ago";
    mqtt_e2e_control control;

    if (!mqtt_e2e_control_read(message->payload.data, message->payload.len, &control))
        return 0;
    *to = control.command;
    if (!is_ours(&control.command))
        return control.type == MQTT_E2E_PARTS_MISSING
                   ? only_end(&(mqtt_e2e_end){MQTT_E2E_NOT_KNOWN, 0, {unknown, sizeof unknown - 1}},
                              control.number, reply, size)
                   : 0;
    job.heard_at = now;
    if (control.type == MQTT_E2E_PARTS_GOT)
        mqtt_e2e_outbox_got(&job.outbox, control.number);
    else if (control.type == MQTT_E2E_PARTS_MISSING)
        mqtt_e2e_outbox_again(&job.outbox, control.number);
    else if (control.type == MQTT_E2E_STOP)
        stop(*(const uint8_t *)control.data.data);
    else if (control.number == job.input) /* input, or its end */
        job.input++;
    return 0;
}

void terminal_turn(int64_t now)
{
    if (job.running)
        run(now);
    announce(now);
}

void terminal_announce(void)
{
    announce_at = 0;
}
