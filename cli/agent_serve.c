/* SPDX-License-Identifier: MIT */
/* What arrives at an agent: commands, which are requests; and controls, which are messages on the agent's own topic. */
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "agent.h"

/* ---- Commands ----------------------------------------------------------------------------------- */

static void reply(agent_state *agent, const mqtt_e2e_id *to, const void *data, size_t len)
{
    mqtt_e2e_error error;
    if (agent->by_toit) {
        agent_toit_say(agent, data, len);
        return;
    }
    if (!mqtt_e2e_client_reply(agent->run.client, to, data, len, 1, &error))
        cli_tell(&error);
}

/* An answer that is nothing but an end. */
static void reply_end(agent_state *agent, const mqtt_e2e_id *to, uint32_t number, const mqtt_e2e_end *end)
{
    uint8_t data[256], frame[256 + MQTT_E2E_PART_HEAD];
    size_t len = mqtt_e2e_end_write(end, data, sizeof data);
    const mqtt_e2e_part part = {MQTT_E2E_END, number, {data, len}};
    reply(agent, to, frame, mqtt_e2e_part_write(&part, frame, sizeof frame));
}

static void refuse(agent_state *agent, const mqtt_e2e_id *to, const char *name, uint32_t code,
                   const char *why)
{
    const mqtt_e2e_end end = {MQTT_E2E_NOT_RUN, code, {why, strlen(why)}};
    char text[256];
    if (!agent->by_toit) {
        reply_end(agent, to, 0, &end);
    } else if (code != 127) { /* that may be another device's command */
        snprintf(text, sizeof text, "%s: not run: %s", name, why);
        agent_toit_say(agent, text, strlen(text));
    }
    agent_audit_ended(agent, to, name, &end, NULL);
}

static bool is_on(const mqtt_e2e_message *message, const char *topic)
{
    return message->topic.len == strlen(topic) && memcmp(message->topic.data, topic, message->topic.len) == 0;
}

static void start(agent_state *agent, const mqtt_e2e_id *id, const char **words)
{
    char path[PATH_MAX];
    const char *why;
    int code = agent_allowed_find(agent->run.options, words[0], path, sizeof path, &why);
    if (code != 0) {
        refuse(agent, id, words[0], (uint32_t)code, code == 127 ? "no such command: 'help' lists them" : why);
        return;
    }
    if (agent_job_running(agent) >= agent->run.options->max_commands) {
        refuse(agent, id, words[0], 126, "too many commands are running");
        return;
    }
    agent_job *job = agent_job_new(agent, id, words[0]);
    code = job ? agent_child_start(agent, job, path, words) : 0;
    if (!job || code != 0) {
        refuse(agent, id, words[0], 126, job ? strerror(code) : "out of memory");
        if (job)
            agent_job_free(job);
        return;
    }
    agent_job_turn(agent, job);
}

static void on_command(agent_state *agent, const mqtt_e2e_message *message)
{
    static char text[65536 + 1];
    static const char *words[AGENT_WORDS_MAX + 1];
    char answer[4096];
    mqtt_e2e_bytes given = message->payload;
    if (agent->by_toit)
        given = agent_toit_trim(given.data, given.len);
    size_t count = mqtt_e2e_words_read(given.data, given.len, text, sizeof text, words, AGENT_WORDS_MAX);
    words[count] = NULL;
    if (count == 0) {
        words[0] = "";
        agent_audit_asked(agent, &message->id, words, 1);
        refuse(agent, &message->id, "", 127, "that is no command, or has too many words");
        return;
    }
    agent_audit_asked(agent, &message->id, words, count);
    if (strcmp(words[0], "ping") == 0 && !agent->by_toit && !is_on(message, agent->own_topic)) /* of all */
        agent_announce(agent, true);
    if (!agent_builtin_is(words[0])) {
        start(agent, &message->id, words);
    } else {
        reply(agent, &message->id, answer, agent_builtin_answer(agent, words[0], answer, sizeof answer));
        agent_audit_ended(agent, &message->id, words[0], &(mqtt_e2e_end){0}, NULL);
    }
    explicit_bzero(text, message->payload.len);
}

/* ---- Controls ----------------------------------------------------------------------------------- */

static void stop(agent_job *job, int number)
{
    if (number == SIGINT || number == SIGTERM || number == SIGKILL)
        agent_job_stop(job, MQTT_E2E_STOPPED, number, "stopped as asked for");
}

static void on_known(agent_state *agent, agent_job *job, const mqtt_e2e_control *control)
{
    const mqtt_e2e_part chunk = {control->type, control->number, control->data};
    job->heard_at = cli_run_now();
    switch (control->type) {
    case MQTT_E2E_INPUT:
    case MQTT_E2E_INPUT_ENDS:
        mqtt_e2e_inbox_put(&job->inbox, &chunk, cli_run_now());
        break;
    case MQTT_E2E_STOP:
        stop(job, *(const uint8_t *)control->data.data);
        break;
    case MQTT_E2E_PARTS_GOT:
        mqtt_e2e_outbox_got(&job->outbox, control->number);
        break;
    case MQTT_E2E_PARTS_MISSING:
        mqtt_e2e_outbox_again(&job->outbox, control->number);
        break;
    default:
        break;
    }
    agent_job_turn(agent, job);
}

static void on_control(agent_state *agent, const mqtt_e2e_message *message)
{
    static const char unknown[] = "the agent was started since then, or it is too long ago";
    mqtt_e2e_control control;
    if (!mqtt_e2e_control_read(message->payload.data, message->payload.len, &control))
        return;
    agent_job *job = agent_job_find(agent, &control.command);
    if (job)
        on_known(agent, job, &control);
    else if (control.type == MQTT_E2E_PARTS_MISSING)
        reply_end(agent, &control.command, control.number,
                  &(mqtt_e2e_end){MQTT_E2E_NOT_KNOWN, 0, {unknown, sizeof unknown - 1}});
}

void agent_serve(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    agent_state *agent = context;
    const mqtt_e2e_message *message = delivery->message;
    agent->by_toit = client == agent->toit;
    if (agent->by_toit && agent->run.old && !agent->told_of_toit) {
        cli_note("mqtt-e2e: a controller still speaks the Toit profile");
        agent->told_of_toit = true;
    }
    if (message->kind == MQTT_E2E_REQUEST || agent->by_toit)
        on_command(agent, message);
    else if (message->kind == MQTT_E2E_MESSAGE && is_on(message, agent->own_topic))
        on_control(agent, message);
}
