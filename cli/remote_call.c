/* SPDX-License-Identifier: MIT */
/* One command, and what is said about it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "remote.h"

#define DAYS_30 UINT32_C(2592000000)

enum { AGAIN_MS = 1000 };

/* ---- The command -------------------------------------------------------------------------------- */

static bool on_reply(mqtt_e2e_client *client, mqtt_e2e_answer answer, const mqtt_e2e_delivery *delivery,
                     void *context)
{
    (void)client;
    if (answer == MQTT_E2E_TIMED_OUT)
        return false;
    remote_answer_heard(context, delivery->message);
    return true;
}

static bool ask(remote_call *call, const char *const *words, size_t count)
{
    static char payload[65536];
    mqtt_e2e_error error;
    size_t len = mqtt_e2e_words_write(words, count, payload, sizeof payload);
    bool asked = len > 0 && mqtt_e2e_client_request(call->client, call->topic, payload, len, 1, DAYS_30,
                                                    on_reply, call, &error);
    if (len == 0)
        cli_error("the command is too long: up to %zu bytes", sizeof payload);
    else if (!asked)
        cli_tell(&error);
    explicit_bzero(payload, sizeof payload);
    return asked;
}

bool remote_call_make(remote_call *call, const char *device, const char *const *words, size_t count)
{
    snprintf(call->device, sizeof call->device, "%s", device ? device : "");
    snprintf(call->topic, sizeof call->topic, "command/%s", device ? device : "all");
    call->input_storage = malloc(MQTT_E2E_BOX_SIZE(MQTT_E2E_CHUNKS, MQTT_E2E_PART_DATA));
    if (!call->input_storage) {
        cli_error("out of memory");
        return false;
    }
    mqtt_e2e_outbox_init(&call->input, call->input_storage, MQTT_E2E_CHUNKS, MQTT_E2E_PART_DATA);
    call->made_at = cli_run_now();
    return ask(call, words, count);
}

static void on_asked(mqtt_e2e_client *client, const mqtt_e2e_id *id, void *of, void *context)
{
    remote_call *call = of;
    (void)client, (void)context;
    call->id = *id;
    call->sent = true;
    call->sent_us = cli_run_now_us();
}

void remote_options(mqtt_e2e_client_options *options)
{
    options->on_asked = on_asked;
    options->session.floor_given = true; /* see request.c */
    options->session.floor_ms = 0;
    options->session.longest_packet = 128 * 1024;
}

void remote_call_free(remote_call *call)
{
    if (call->client)
        mqtt_e2e_client_cancel(call->client, call);
    for (size_t i = 0; i < call->count; i++)
        remote_answer_free(&call->answers[i]);
    free(call->answers);
    free(call->input_storage);
    call->answers = NULL;
    call->input_storage = NULL;
    call->count = call->room = 0;
}

/* ---- Input -------------------------------------------------------------------------------------- */

static const remote_answer *reader(const remote_call *call)
{
    return *call->device && call->count > 0 && call->answers[0].known ? &call->answers[0] : NULL;
}

bool remote_call_wants_input(const remote_call *call)
{
    return reader(call) && mqtt_e2e_outbox_free(&call->input) > 1;
}

void remote_call_input(remote_call *call, const void *data, size_t len)
{
    mqtt_e2e_outbox_add(&call->input, len ? MQTT_E2E_INPUT : MQTT_E2E_INPUT_ENDS, data, len);
}

static void send_input(remote_call *call)
{
    const remote_answer *answer = reader(call);
    mqtt_e2e_part chunk;
    while (answer && mqtt_e2e_outbox_peek(&call->input, &chunk)) {
        remote_control(call, call->device, &answer->command, chunk.type, chunk.number, chunk.data.data,
                       chunk.data.len);
        mqtt_e2e_outbox_sent(&call->input);
        call->input_sent_at = cli_run_now();
    }
}

void remote_call_state(remote_call *call, const remote_answer *answer, const mqtt_e2e_bytes *data)
{
    uint32_t taken, arrived;
    if (!mqtt_e2e_state_read(data, &taken, &arrived))
        return;
    if (!*call->device) { /* many devices get no input: only its end */
        if (arrived == 0)
            remote_control(call, answer->name, &answer->command, MQTT_E2E_INPUT_ENDS, 0, NULL, 0);
        return;
    }
    mqtt_e2e_outbox_got(&call->input, taken);
    if (arrived != call->input.next && cli_run_now() - call->input_sent_at >= AGAIN_MS)
        mqtt_e2e_outbox_again(&call->input, arrived);
}

/* ---- Time --------------------------------------------------------------------------------------- */

void remote_call_turn(remote_call *call)
{
    send_input(call);
    for (size_t i = 0; i < call->count; i++)
        remote_answer_turn(call, &call->answers[i]);
}

int64_t remote_call_when(const remote_call *call)
{
    int64_t when = INT64_MAX;
    for (size_t i = 0; i < call->count; i++)
        if (remote_answer_when(&call->answers[i]) < when)
            when = remote_answer_when(&call->answers[i]);
    return when;
}

size_t remote_call_open(const remote_call *call)
{
    size_t count = 0;
    for (size_t i = 0; i < call->count; i++)
        count += !call->answers[i].ended;
    return count;
}

bool remote_call_waits(const remote_call *call, int64_t first_ms, int64_t more_ms)
{
    int64_t now = cli_run_now();
    if (now - (call->count ? call->new_at : call->made_at) < (call->count ? more_ms : first_ms))
        return true;
    for (size_t i = 0; i < call->count; i++)
        if (!call->answers[i].ended && now - call->answers[i].heard_at < REMOTE_SILENCE_MS)
            return true;
    return false;
}

void remote_call_stop(remote_call *call, int number)
{
    const uint8_t data = (uint8_t)(number == SIGINT ? SIGINT : SIGTERM);
    if (!call->stop_until)
        call->stop_until = cli_run_now() + REMOTE_STOP_MS;
    if (call->count == 0 && call->sent && *call->device) /* it may run, unheard */
        remote_control(call, call->device, &call->id, MQTT_E2E_STOP, 0, &data, 1);
    for (size_t i = 0; i < call->count; i++)
        if (call->answers[i].storage && !call->answers[i].ended)
            remote_control(call, remote_answer_name(call, &call->answers[i]), &call->answers[i].command,
                           MQTT_E2E_STOP, 0, &data, 1);
}
