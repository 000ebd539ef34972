/* SPDX-License-Identifier: MIT */
/* Jobs: commands that run, and answers that are kept for a while. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent.h"

#define OUTBOX_SIZE MQTT_E2E_BOX_SIZE(MQTT_E2E_PARTS, MQTT_E2E_PART_DATA)
#define INBOX_SIZE  MQTT_E2E_BOX_SIZE(MQTT_E2E_CHUNKS, MQTT_E2E_PART_DATA)
_Static_assert(INBOX_SIZE >= AGENT_LINES, "one has the other's place");

/* ---- Their places ------------------------------------------------------------------------------- */

agent_job *agent_job_find(agent_state *agent, const mqtt_e2e_id *command)
{
    for (agent_job *job = agent->jobs; job < agent->jobs + agent->job_count; job++)
        if (job->used && job->command.counter == command->counter &&
            memcmp(job->command.stream, command->stream, sizeof command->stream) == 0)
            return job;
    return NULL;
}

size_t agent_job_running(const agent_state *agent)
{
    size_t count = 0;
    for (size_t i = 0; i < agent->job_count; i++)
        count += agent->jobs[i].used && !agent->jobs[i].ended;
    return count;
}

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void agent_job_free(agent_job *job)
{
    uint8_t *storage = job->storage;
    if (job->used && job->pid) { /* only when there is no time left */
        agent_child_signal(job, SIGKILL);
        agent_child_reap(job);
    }
    if (job->used) {
        shut(&job->in);
        shut(&job->out);
        shut(&job->err);
        shut(&job->process);
        explicit_bzero(storage, OUTBOX_SIZE + INBOX_SIZE);
    }
    *job = (agent_job){.storage = storage};
}

/* A free place, or else that of the answer which has been kept for the longest time. */
static agent_job *place(agent_state *agent)
{
    agent_job *oldest = NULL;
    for (agent_job *job = agent->jobs; job < agent->jobs + agent->job_count; job++) {
        if (!job->used)
            return job;
        if (job->ended && (!oldest || job->keep_until < oldest->keep_until))
            oldest = job;
    }
    if (oldest)
        agent_job_free(oldest);
    return oldest;
}

agent_job *agent_job_new(agent_state *agent, const mqtt_e2e_id *command, const char *name)
{
    agent_job *job = place(agent);
    int64_t now = cli_run_now();
    if (job && !job->storage)
        job->storage = malloc(OUTBOX_SIZE + INBOX_SIZE);
    if (!job || !job->storage)
        return NULL;
    *job = (agent_job){.used = true,
                       .toit = agent->by_toit,
                       .command = *command,
                       .process = -1,
                       .in = -1,
                       .out = -1,
                       .err = -1,
                       .storage = job->storage,
                       .started = now,
                       .deadline = now + agent->run.options->time_limit_ms,
                       .unheard_ms = agent->by_toit ? 0 : AGENT_UNHEARD_MS,
                       .said_at = now};
    snprintf(job->name, sizeof job->name, "%s", name);
    mqtt_e2e_outbox_init(&job->outbox, job->storage, MQTT_E2E_PARTS, MQTT_E2E_PART_DATA);
    mqtt_e2e_inbox_init(&job->inbox, job->storage + OUTBOX_SIZE, MQTT_E2E_CHUNKS, MQTT_E2E_PART_DATA, now);
    mqtt_e2e_outbox_add(&job->outbox, MQTT_E2E_START, agent->name, strlen(agent->name));
    return job;
}

/* ---- Limits ------------------------------------------------------------------------------------- */

void agent_job_stop(agent_job *job, mqtt_e2e_how how, int signal, const char *text)
{
    if (!job->used || job->pid == 0)
        return;
    if (!job->stopping) {
        job->stopping = true;
        job->end = (mqtt_e2e_end){(uint8_t)how, (uint32_t)signal, {text, strlen(text)}};
        job->kill_at = cli_run_now() + AGENT_GRACE_MS;
    }
    agent_child_signal(job, signal);
}

/* Room for the end always stays. */
static bool has_room(const agent_job *job)
{
    return mqtt_e2e_outbox_free(&job->outbox) > 1;
}

/* How long who asked has been silent while all that may be under way was, and he had to say what he got. */
static int64_t silent_for(const agent_job *job, int64_t now)
{
    if (!job->blocked_at)
        return 0;
    return now - (job->heard_at > job->blocked_at ? job->heard_at : job->blocked_at);
}

/* Whether a pipe may be full. One that is has more bytes than half of what it can have: of two pages side by side, a write that
 * begins in the second had no room in the first. */
static bool may_be_full(int fd)
{
    int waiting, size;
    return fd >= 0 && ioctl(fd, FIONREAD, &waiting) == 0 && (size = fcntl(fd, F_GETPIPE_SZ)) > 0 &&
           waiting > size / 2;
}

/* It could go on only if who asked took something, and he has gone. One that has nothing to say is left alone. */
static bool is_stuck(const agent_job *job, int64_t now)
{
    return silent_for(job, now) >= AGENT_GONE_MS && (may_be_full(job->out) || may_be_full(job->err));
}

static void check_limits(agent_job *job, int64_t now)
{
    if (has_room(job) || job->ended)
        job->blocked_at = 0;
    else if (!job->blocked_at)
        job->blocked_at = now;
    if (job->pid == 0)
        return;
    if (is_stuck(job, now) && !job->stopping)
        agent_job_stop(job, MQTT_E2E_STOPPED, SIGTERM, "nobody took its output any more");
    if (now >= job->deadline && !job->stopping)
        agent_job_stop(job, MQTT_E2E_TIME_LIMIT, SIGTERM, "it ran for too long");
    if (job->kill_at && now >= job->kill_at) {
        agent_child_signal(job, SIGKILL);
        job->kill_at = 0;
    }
    if (!job->heard_at && now - job->started >= job->unheard_ms)
        shut(&job->in);
}

/* ---- Pipes -------------------------------------------------------------------------------------- */

static void read_some(agent_state *agent, agent_job *job, int *fd, uint8_t type, uint64_t *count)
{
    uint64_t limit = (uint64_t)agent->run.options->output_limit << 20;
    uint8_t data[MQTT_E2E_PART_DATA];
    while (*fd >= 0 && has_room(job)) {
        ssize_t n = read(*fd, data, sizeof data);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN && job->pid)
            return;
        if (n <= 0) { /* the end; or it has ended, and left nothing more */
            shut(fd);
            return;
        }
        uint64_t left = limit - job->bytes_out - job->bytes_err;
        if ((uint64_t)n > left) {
            n = (ssize_t)left;
            agent_job_stop(job, MQTT_E2E_OUTPUT_LIMIT, SIGTERM, "it wrote too much");
            shut(&job->out);
            shut(&job->err);
        }
        if (n > 0)
            mqtt_e2e_outbox_add(&job->outbox, type, data, (size_t)n);
        *count += (uint64_t)n;
    }
}

/* Writes of a chunk what the pipe takes. Whether it is done with. */
static bool write_chunk(agent_job *job, const mqtt_e2e_part *chunk)
{
    const uint8_t *data = chunk->data.data;
    while (job->in >= 0 && job->in_done < chunk->data.len) {
        ssize_t n = write(job->in, data + job->in_done, chunk->data.len - job->in_done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n < 0) { /* it reads no more: what else comes is thrown away */
            shut(&job->in);
            break;
        }
        job->in_done += (size_t)n;
        job->bytes_in += (uint64_t)n;
    }
    return true;
}

static void pass_input(agent_job *job, int64_t now)
{
    mqtt_e2e_part chunk;
    while (mqtt_e2e_inbox_peek(&job->inbox, &chunk)) {
        if (chunk.type == MQTT_E2E_INPUT_ENDS)
            shut(&job->in);
        else if (!write_chunk(job, &chunk))
            return;
        job->in_done = 0;
        mqtt_e2e_inbox_take(&job->inbox, now);
    }
}

/* ---- Answers ------------------------------------------------------------------------------------ */

static bool send_part(agent_state *agent, agent_job *job, const mqtt_e2e_part *part)
{
    uint8_t frame[MQTT_E2E_PART_HEAD + MQTT_E2E_PART_DATA];
    mqtt_e2e_error error;
    if (job->toit)
        return agent_toit_send(agent, job, part, job->storage + OUTBOX_SIZE); /* there is no input */
    size_t len = mqtt_e2e_part_write(part, frame, sizeof frame);
    return mqtt_e2e_client_reply(agent->run.client, &job->command, frame, len, 1, &error);
}

static void send_parts(agent_state *agent, agent_job *job, int64_t now)
{
    mqtt_e2e_part part;
    while (mqtt_e2e_outbox_peek(&job->outbox, &part) && send_part(agent, job, &part)) {
        mqtt_e2e_outbox_sent(&job->outbox);
        if (job->toit) /* nobody will say that he has it */
            mqtt_e2e_outbox_got(&job->outbox, part.number + 1);
        job->said_at = now;
    }
}

static void send_state(agent_state *agent, agent_job *job, int64_t now)
{
    uint8_t data[MQTT_E2E_STATE_SIZE];
    uint32_t taken;
    if (job->toit) /* nobody reads it */
        return;
    bool due = mqtt_e2e_inbox_got(&job->inbox, now, &taken);
    if (job->ended || (!due && now - job->said_at < AGENT_STATE_MS))
        return;
    mqtt_e2e_state_write(taken, job->inbox.arrived, data);
    send_part(agent, job, &(mqtt_e2e_part){MQTT_E2E_STATE, job->outbox.next, {data, sizeof data}});
    job->said_at = now;
}

static void check_end(agent_state *agent, agent_job *job, int64_t now)
{
    uint8_t data[MQTT_E2E_END_HEAD + 64];
    if (job->ended || job->pid || job->out >= 0 || job->err >= 0 || mqtt_e2e_outbox_free(&job->outbox) == 0)
        return;
    shut(&job->in);
    size_t len = mqtt_e2e_end_write(&job->end, data, sizeof data);
    job->ended = mqtt_e2e_outbox_add(&job->outbox, MQTT_E2E_END, data, len);
    job->keep_until = now + AGENT_KEEP_MS;
    agent_audit_ended(agent, &job->command, job->name, &job->end, job);
}

/* It has ended, and has more to say than who asked takes: who may be gone. */
static bool is_abandoned(const agent_job *job, int64_t now)
{
    return !job->pid && !job->ended && silent_for(job, now) >= AGENT_KEEP_MS;
}

void agent_job_turn(agent_state *agent, agent_job *job)
{
    int64_t now = cli_run_now();
    check_limits(job, now);
    agent_child_reap(job);
    read_some(agent, job, &job->out, MQTT_E2E_OUTPUT, &job->bytes_out);
    read_some(agent, job, &job->err, MQTT_E2E_ERROR_OUTPUT, &job->bytes_err);
    pass_input(job, now);
    check_end(agent, job, now);
    send_parts(agent, job, now);
    send_state(agent, job, now);
    if (is_abandoned(job, now)) {
        agent_audit_ended(agent, &job->command, job->name, &job->end, job);
        agent_job_free(job);
        return;
    }
    if (job->ended && (job->outbox.got == job->outbox.next || now >= job->keep_until))
        agent_job_free(job);
}

/* ---- Waiting ------------------------------------------------------------------------------------ */

int64_t agent_job_when(const agent_job *job)
{
    int64_t when = job->said_at + AGENT_STATE_MS;
    if (job->ended)
        return job->keep_until;
    if (job->inbox.tell_at && job->inbox.tell_at < when)
        when = job->inbox.tell_at;
    if (job->pid && !job->stopping && job->deadline < when)
        when = job->deadline;
    return job->kill_at && job->kill_at < when ? job->kill_at : when;
}

size_t agent_job_poll(const agent_job *job, struct pollfd *fds)
{
    mqtt_e2e_part chunk;
    size_t count = 0;
    if (job->process >= 0)
        fds[count++] = (struct pollfd){.fd = job->process, .events = POLLIN};
    if (job->out >= 0 && has_room(job))
        fds[count++] = (struct pollfd){.fd = job->out, .events = POLLIN};
    if (job->err >= 0 && has_room(job))
        fds[count++] = (struct pollfd){.fd = job->err, .events = POLLIN};
    if (job->in >= 0 && mqtt_e2e_inbox_peek(&job->inbox, &chunk))
        fds[count++] = (struct pollfd){.fd = job->in, .events = POLLOUT};
    return count;
}
