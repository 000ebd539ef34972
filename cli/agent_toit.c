/* SPDX-License-Identifier: MIT */
/*
 * An agent among devices that run the Toit library (docs/TOIT.md): commands come as texts on `controller`, to all devices at once;
 * answers go out as texts on iot/NAME, by QoS 0. There is no acknowledgement, no input, and no word on how a command ended but
 * what we say in the text. What no device knows is answered by none, as theirs do.
 */
#include <string.h>

#include "agent.h"

bool agent_toit_is(const agent_state *agent)
{
    return agent->run.options->client.session.profile == MQTT_E2E_PROFILE_TOIT;
}

static bool publish(const agent_state *agent, const void *text, size_t len, mqtt_e2e_error *error)
{
    char topic[AGENT_NAME_MAX + 16];
    snprintf(topic, sizeof topic, "iot/%s", agent->name);
    return mqtt_e2e_client_publish(agent->toit, topic, text, len, 0, false, NULL, error);
}

void agent_toit_say(const agent_state *agent, const void *text, size_t len)
{
    mqtt_e2e_error error;
    if (!publish(agent, text, len, &error))
        cli_tell(&error);
}

mqtt_e2e_bytes agent_toit_trim(const void *text, size_t len)
{
    const char *from = text;
    while (len > 0 && (unsigned char)from[len - 1] <= ' ' && from[len - 1] != '\0')
        len--;
    while (len > 0 && (unsigned char)*from <= ' ' && *from != '\0') {
        from++;
        len--;
    }
    return (mqtt_e2e_bytes){from, len};
}

/* Where there was output, that is the answer, unless the command failed. */
static bool say_end(const agent_state *agent, const agent_job *job, const mqtt_e2e_end *end)
{
    char text[256];
    const char *words = end->text.len ? end->text.data : NULL;
    int len = (int)end->text.len;
    if (end->how == MQTT_E2E_EXITED && end->code == 0) {
        if (job->bytes_out + job->bytes_err > 0)
            return true;
        snprintf(text, sizeof text, "%s: done", job->name);
    } else if (words) {
        snprintf(text, sizeof text, "%s: %.*s", job->name, len, words);
    } else {
        snprintf(text, sizeof text, "%s: %s %lu", job->name,
                 end->how == MQTT_E2E_KILLED ? "ended by signal" : "exited with", (unsigned long)end->code);
    }
    return publish(agent, text, strlen(text), NULL);
}

/* The line end is the message's. */
static bool send_lines(const agent_state *agent, const uint8_t *lines, size_t len)
{
    if (len > 0 && lines[len - 1] == '\n')
        len--;
    return len == 0 || publish(agent, lines, len, NULL);
}

static bool flush(const agent_state *agent, agent_job *job, const uint8_t *lines)
{
    bool fine = send_lines(agent, lines, job->line_len);
    if (fine)
        job->line_len = 0;
    return fine;
}

static bool send_output(const agent_state *agent, agent_job *job, const mqtt_e2e_part *part, uint8_t *lines)
{
    if (job->line_of != part->type && !flush(agent, job, lines))
        return false;
    memcpy(lines + job->line_len, part->data.data, part->data.len);
    size_t len = job->line_len + part->data.len;
    const uint8_t *end = memrchr(lines, '\n', len);
    size_t whole = end ? (size_t)(end - lines) + 1 : 0;
    if (whole == 0 && len + MQTT_E2E_PART_DATA > AGENT_LINES) /* too long a line */
        whole = len;
    if (!send_lines(agent, lines, whole))
        return false;
    memmove(lines, lines + whole, len - whole);
    job->line_len = len - whole;
    job->line_of = part->type;
    return true;
}

bool agent_toit_send(const agent_state *agent, agent_job *job, const mqtt_e2e_part *part, uint8_t *lines)
{
    if (part->type == MQTT_E2E_OUTPUT || part->type == MQTT_E2E_ERROR_OUTPUT)
        return send_output(agent, job, part, lines);
    return part->type != MQTT_E2E_END || (flush(agent, job, lines) && say_end(agent, job, &job->end));
}

void agent_toit_warn(const cli_options *options)
{
    if ((options->client.session.profile == MQTT_E2E_PROFILE_TOIT || cli_run_moves(options)) &&
        (options->programs.count || options->commands_dir))
        cli_warning("who runs the broker can pass off what any device has just said as a command: allow only "
                    "what does no harm");
}
