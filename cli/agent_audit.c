/* SPDX-License-Identifier: MIT */
/*
 * Who asked for what, when, and how it ended: one line each, of words NAME=VALUE. What comes from the network is in quotes there, and
 * printable.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

bool agent_audit_open(agent_state *agent)
{
    const char *path = agent->run.options->audit;
    /* Standard error too by a stream of its own, with a buffer: a line is one write, and not one for each of its quotes. */
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600)
                  : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    agent->audit = fd < 0 ? NULL : fdopen(fd, "w"); /* "a" would change what others share with us */
    if (!agent->audit && path)
        cli_error("cannot write the audit log '%s': %s", path, strerror(errno));
    else if (!agent->audit)
        cli_error("cannot write to standard error: %s", strerror(errno));
    return agent->audit != NULL;
}

static void put_quoted(FILE *out, const char *text)
{
    putc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < 0x20 || *p >= 0x7F)
            fprintf(out, "\\x%02x", *p);
        else
            putc(*p, out);
    putc('"', out);
}

static void put_head(const agent_state *agent, const mqtt_e2e_id *id, const char *what, const char *name,
                     bool toit)
{
    char time_text[32], stream[2 * MQTT_E2E_STREAM_ID_SIZE + 1];
    time_t now = (time_t)(mqtt_e2e_client_now(agent->run.client) / 1000);
    struct tm utc;
    strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    cli_hex(id->stream, sizeof id->stream, stream);
    fprintf(agent->audit, "%s %s key=%s stream=%s packet=%lu command=", time_text, what, agent->fingerprint,
            stream, (unsigned long)id->counter);
    put_quoted(agent->audit, name);
    if (agent->run.old) /* while a fleet is being moved */
        fprintf(agent->audit, " profile=%s", toit ? "toit" : "1");
}

static void put_end(const agent_state *agent)
{
    putc('\n', agent->audit);
    if (fflush(agent->audit) != 0)
        cli_error("cannot write the audit log: %s", strerror(errno));
}

void agent_audit_asked(const agent_state *agent, const mqtt_e2e_id *id, const char **words, size_t count)
{
    put_head(agent, id, "asked", words[0], agent->by_toit);
    for (size_t i = 1; i < count && agent->run.options->audit_arguments; i++) {
        putc(' ', agent->audit);
        put_quoted(agent->audit, words[i]);
    }
    put_end(agent);
}

void agent_audit_ended(const agent_state *agent, const mqtt_e2e_id *id, const char *name,
                       const mqtt_e2e_end *end, const agent_job *job)
{
    static const char *const how[] = {"exited",       "killed",  "not-run",  "time-limit",
                                      "output-limit", "stopped", "not-known"};
    put_head(agent, id, "ended", name, job ? job->toit : agent->by_toit);
    fprintf(agent->audit, " how=%s code=%lu", how[end->how], (unsigned long)end->code);
    if (job)
        fprintf(agent->audit, " seconds=%.3f in=%llu out=%llu err=%llu",
                (double)(cli_run_now() - job->started) / 1000, (unsigned long long)job->bytes_in,
                (unsigned long long)job->bytes_out, (unsigned long long)job->bytes_err);
    put_end(agent);
}
