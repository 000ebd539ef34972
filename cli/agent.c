/* SPDX-License-Identifier: MIT */
/* mqtt-e2e agent: runs the commands that it is allowed to, for who has the key. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "names.h"
#include "topics.h"

const char cli_agent_help[] =
    "Usage: mqtt-e2e agent [--name NAME] [--command NAME=PROGRAM]... [--commands DIR] [OPTION...]\n"
    "\n"
    "Lets whoever has the key run commands on this machine, by 'mqtt-e2e run', over a broker that need not "
    "be\n"
    "trusted. ping, status and help are built in; nothing else runs but what --command and --commands name,\n"
    "without a shell, with the arguments as given. A command is run once, and ends with the agent.\n"
    "\n"
    "    mqtt-e2e agent --name kitchen --command disk=/usr/bin/df --user nobody\n"
    "    mqtt-e2e run kitchen disk -h          # anywhere else, with the same key file\n"
    "    mqtt-e2e agent --commands /etc/mqtt-e2e/commands --service "
    ">/etc/systemd/system/mqtt-e2e-agent.service\n";

enum { GOODBYE_MS = 3000 };

/* ---- The start ---------------------------------------------------------------------------------- */

/* The rest of the program runs as that user. */
static bool become_user(const char *name)
{
    struct passwd *user = getpwnam(name);
    if (!user) {
        cli_error("--user %s: there is no such user", name);
        return false;
    }
    if (user->pw_uid == geteuid() && user->pw_uid == getuid())
        return true;
    if (initgroups(name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) {
        cli_error("--user %s: cannot become that user: %s", name, strerror(errno));
        return false;
    }
    if (user->pw_uid != 0 && setuid(0) == 0) {
        cli_error("--user %s: root's rights can be had back", name);
        return false;
    }
    setenv("HOME", user->pw_dir, 1);
    setenv("USER", name, 1);
    setenv("LOGNAME", name, 1);
    return true;
}

static int find_name(agent_state *agent, cli_options *options)
{
    static char host[256];
    agent->name = options->client.name;
    if (!agent->name || !*agent->name) {
        if (gethostname(host, sizeof host) != 0)
            return cli_usage_error("agent", "no name: give one with --name");
        host[sizeof host - 1] = '\0';
        agent->name = host;
    }
    if (!cli_name_ok(agent->name))
        return cli_usage_error("agent",
                               "'%s' can't be an agent's name: up to 64 characters, no blank, '/', '+' or "
                               "'#', and not 'all'",
                               agent->name);
    options->client.name = agent->name;
    if (options->config.announce[0] && strcmp(agent->name, options->config.name) != 0)
        cli_warning("the key is that of the device %s: as %s the agent is not found with the fleet's key",
                    options->config.name[0] ? options->config.name : "of another name", agent->name);
    agent->run.options = options;
    agent->all_topic = agent_toit_is(agent) ? AGENT_TOIT_TOPIC : "command/all";
    if (agent_toit_is(agent)) /* there the devices have that one topic together */
        snprintf(agent->own_topic, sizeof agent->own_topic, "%s", agent->all_topic);
    else
        snprintf(agent->own_topic, sizeof agent->own_topic, "command/%s", agent->name);
    int code = cli_check_topic("agent", agent->own_topic);
    return code == CLI_OK ? cli_check_wire(agent->own_topic, options->client.session.base,
                                           options->client.session.plain_topics)
                          : code;
}

static void on_subscribed(mqtt_e2e_client *client, const char *filter, bool granted, int qos, void *context)
{
    (void)client, (void)qos, (void)context;
    if (!granted)
        cli_error("the broker does not let us subscribe to %s", filter);
}

/* Ready once no broker that is within reach owes an answer; one that denies our own topic is of no use. */
static void check_ready(agent_state *agent)
{
    mqtt_e2e_subscription own = mqtt_e2e_client_subscribed(agent->run.client, agent->own_topic);
    mqtt_e2e_subscription all = mqtt_e2e_client_subscribed(agent->run.client, agent->all_topic);
    if (agent->ready || !agent->run.was_connected || own == MQTT_E2E_SUBSCRIBING ||
        all == MQTT_E2E_SUBSCRIBING ||
        (agent->run.old &&
         mqtt_e2e_client_subscribed(agent->run.old, AGENT_TOIT_TOPIC) == MQTT_E2E_SUBSCRIBING))
        return;
    if (own != MQTT_E2E_SUBSCRIBED) {
        if (own == MQTT_E2E_DENIED)
            cli_run_end(&agent->run, CLI_FAILED);
        return;
    }
    agent->ready = true;
    if (agent_toit_is(agent))
        cli_note("mqtt-e2e: agent %s listens on controller, and answers on iot/%s", agent->name, agent->name);
    else
        cli_note("mqtt-e2e: agent %s listens on %s%s", agent->name, agent->own_topic,
                 all == MQTT_E2E_SUBSCRIBED ? " and command/all" : "");
    if (agent->run.old)
        cli_note("mqtt-e2e: and in the Toit profile on controller, with answers on iot/%s", agent->name);
    cli_notify("READY=1");
    agent_announce(agent, true);
}

static int prepare(agent_state *agent, cli_options *options)
{
    agent->job_count = options->max_commands + AGENT_KEPT;
    agent->jobs = calloc(agent->job_count, sizeof *agent->jobs);
    if (!agent->jobs) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    if (mqtt_e2e_fingerprint(&mqtt_e2e_openssl, options->client.session.key, options->client.session.key_len,
                             agent->fingerprint) != MQTT_E2E_OK) {
        cli_error("the crypto library failed");
        return CLI_FAILED;
    }
    if (!agent_audit_open(agent) || (options->run_as && !become_user(options->run_as)))
        return CLI_FAILED;
    agent_toit_warn(options);
    if (geteuid() == 0)
        cli_warning("runs as root, and so do the commands: --user NAME changes that");
    getrlimit(RLIMIT_DATA, &agent->data); /* before ours, which is not meant for commands */
    options->client.on_subscribed = on_subscribed;
    options->client.session.longest_packet = 128 * 1024;
    return CLI_OK;
}

/* ---- The run ------------------------------------------------------------------------------------ */

static void go_on(agent_state *agent)
{
    static struct pollfd fds[CLI_RUN_MORE];
    int64_t when = cli_notify_watchdog(), announce = agent_announce_turn(agent);
    size_t count = 0;
    if (announce < when)
        when = announce;
    for (agent_job *job = agent->jobs; job < agent->jobs + agent->job_count; job++) {
        if (!job->used)
            continue;
        if (count + 4 <= CLI_RUN_MORE)
            count += agent_job_poll(job, fds + count);
        if (agent_job_when(job) < when)
            when = agent_job_when(job);
    }
    cli_run_step(&agent->run, fds, count, when == INT64_MAX ? -1 : cli_run_until(when));
    check_ready(agent);
    for (agent_job *job = agent->jobs; job < agent->jobs + agent->job_count; job++)
        if (job->used)
            agent_job_turn(agent, job);
}

/* Ends all that runs, and says so. */
static void say_goodbye(agent_state *agent)
{
    int64_t until = cli_run_now() + GOODBYE_MS;
    cli_notify("STOPPING=1");
    for (agent_job *job = agent->jobs; job < agent->jobs + agent->job_count; job++) {
        bool ours = !job->stopping;
        agent_job_stop(job, MQTT_E2E_STOPPED, SIGTERM, "the agent was ended");
        if (ours)
            job->end.code = 0;
    }
    while (agent_job_running(agent) > 0 && cli_run_now() < until) {
        mqtt_e2e_client_wait(agent->run.client, 20);
        if (agent->run.old)
            mqtt_e2e_client_loop(agent->run.old);
        for (size_t i = 0; i < agent->job_count; i++)
            if (agent->jobs[i].used)
                agent_job_turn(agent, &agent->jobs[i]);
    }
    if (mqtt_e2e_client_connected(agent->run.client))
        agent_announce(agent, false);
    mqtt_e2e_client_drain(agent->run.client, (int)cli_run_until(until + 1000));
    if (agent->run.old)
        mqtt_e2e_client_drain(agent->run.old, (int)cli_run_until(until + 1000));
}

static int run(agent_state *agent, cli_options *options)
{
    mqtt_e2e_error error;
    int qos = agent_toit_is(agent) ? 0 : 1;
    int code = prepare(agent, options);
    if (code != CLI_OK)
        return code;
    if (!cli_run_start(&agent->run, options, CLI_PATIENT))
        return cli_run_stop(&agent->run);
    agent->toit = agent_toit_is(agent) ? agent->run.client : agent->run.old;
    if ((agent->run.old &&
         !mqtt_e2e_client_subscribe(agent->run.old, AGENT_TOIT_TOPIC, 0, agent_serve, agent, &error)) ||
        !mqtt_e2e_client_subscribe(agent->run.client, agent->own_topic, qos, agent_serve, agent, &error) ||
        !mqtt_e2e_client_subscribe(agent->run.client, agent->all_topic, qos, agent_serve, agent, &error)) {
        cli_tell(&error);
        cli_run_end(&agent->run, CLI_FAILED);
    }
    while (!agent->run.over && !agent->run.interrupted)
        go_on(agent);
    if (agent->run.interrupted) {
        say_goodbye(agent);
        cli_run_end(&agent->run, CLI_OK);
    }
    for (size_t i = 0; i < agent->job_count; i++)
        agent_job_free(&agent->jobs[i]);
    return cli_run_stop(&agent->run);
}

int cli_agent(int argc, char **argv)
{
    static cli_options options;
    static agent_state agent;
    int code = cli_options_parse(&options, CLI_FOR_AGENT, argc, argv);
    if (code == CLI_OK && !options.help) {
        code = agent_allowed_check(&options);
        if (code == CLI_OK)
            code = find_name(&agent, &options);
        if (code == CLI_OK)
            code = options.service ? agent_service_print(&options, argv) : run(&agent, &options);
    }
    for (size_t i = 0; i < agent.job_count; i++)
        free(agent.jobs[i].storage);
    free(agent.jobs);
    if (agent.audit)
        fclose(agent.audit);
    cli_options_free(&options);
    return code;
}
