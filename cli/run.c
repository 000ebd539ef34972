/* SPDX-License-Identifier: MIT */
/* The loop under pub, sub and request. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fleet.h"
#include "profile.h"

/* ---- Time and signals --------------------------------------------------------------------------- */

static int signal_pipe[2] = {-1, -1}; /* a signal between a look at a flag and poll would be slept over */

int64_t cli_run_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t cli_run_now(void)
{
    return cli_run_now_us() / 1000;
}

int64_t cli_run_until(int64_t when)
{
    int64_t left = when - cli_run_now();
    return left > 0 ? left : 0;
}

static void on_signal(int number)
{
    int before = errno;
    char which = (char)number;
    (void)!write(signal_pipe[1], &which, 1);
    alarm(1);
    errno = before;
}

/* A write to a pipe that nobody reads would keep us for ever; it is interrupted, also should it begin only now. */
static void on_alarm(int number)
{
    (void)number;
    alarm(1);
}

static void catch_signal(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags}, before;
    sigemptyset(&action.sa_mask);
    if (number == SIGHUP && sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
        return; /* nohup */
    sigaction(number, &action, NULL);
}

/* The first signal ends the loop; a second one, should something block it, the process. */
static void catch_signals(void)
{
    catch_signal(SIGALRM, on_alarm, 0);
    catch_signal(SIGINT, on_signal, (int)SA_RESETHAND);
    catch_signal(SIGTERM, on_signal, (int)SA_RESETHAND);
    catch_signal(SIGHUP, on_signal, (int)SA_RESETHAND);
}

static bool watch_signals(void)
{
    if (signal_pipe[0] < 0 && pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        cli_error("cannot make a pipe: %s", strerror(errno));
        return false;
    }
    catch_signals();
    return true;
}

void cli_run_resume(cli_run *run)
{
    alarm(0);
    run->interrupted = false;
    catch_signals();
}

/* ---- The broker's comings and goings ------------------------------------------------------------ */

/* Whether a broker said no in a way that trying again does not change: MQTT 3.1.1 §3.2.2.3, MQTT 5.0 §3.2.2.2. */
static bool for_good(int code)
{
    static const int passing[] = {3,   128, 136,
                                  137, 151, 159}; /* unavailable, unspecified, busy, quota, rate */
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if (code == passing[i])
            return false;
    return code > 0;
}

static const mqtt_e2e_host localhost = {"localhost", 0, MQTT_E2E_AS_SET};

/* What to try, by the words of the library: there is no code for it. */
static const char *hint_for(const cli_run *run, const mqtt_e2e_broker_news *news)
{
    const mqtt_e2e_client_options *client = &run->options->client;
    bool tls = mqtt_e2e_host_tls(client->host_count ? &client->hosts[news->index] : &localhost, client->tls);
    const char *why = news->why;
    if (!tls && strstr(why, "TLS"))
        return "if the broker wants TLS on this port: --tls or --cafile FILE, or tls=1 in the key file";
    if (strstr(why, "certificate was refused"))
        return "is it from an authority that is known here (--cafile FILE), for this name, and in date?";
    if (tls && (strstr(why, "closed before") || strstr(why, "no TLS connection")))
        return "does the broker speak TLS on this port? without TLS it is mostly 1883, with it 8883";
    return "is a broker running there? 'mqtt-e2e doctor' looks closer";
}

/* Whether all brokers have failed, and trying on is vain: for this command, or because they turned us down for good. */
static bool is_hopeless(const cli_run *run, const mqtt_e2e_client *client)
{
    mqtt_e2e_broker_info info;
    bool patient =
        run->patience == CLI_PATIENT || (run->patience == CLI_ONCE_CONNECTED && run->was_connected);
    for (size_t i = 0; mqtt_e2e_client_broker(client, i, &info); i++)
        if (info.connected || !info.tried || info.failures == 0 || (patient && !for_good(info.code)))
            return false;
    return true;
}

static void on_failure(cli_run *run, const mqtt_e2e_client *client, const mqtt_e2e_broker_news *news)
{
    mqtt_e2e_broker_info info;
    bool hopeless = is_hopeless(run, client);
    mqtt_e2e_client_broker(client, news->index, &info);
    if (hopeless || info.failures <= 1) /* each once */
        cli_error("cannot connect to %s: %s", news->broker, news->why);
    if (!hopeless)
        return;
    if (!news->code)
        cli_hint("%s", hint_for(run, news));
    cli_run_end(run, CLI_FAILED);
}

static void on_connected(cli_run *run, const mqtt_e2e_client *client, const mqtt_e2e_broker_news *news)
{
    mqtt_e2e_broker_info info;
    mqtt_e2e_client_broker(client, news->index, &info);
    if (info.connects > 1)
        cli_note("mqtt-e2e: connected to %s again", news->broker);
    else if (run->options->debug)
        cli_note("connected to %s", news->broker);
    if (!run->was_connected)
        run->connected_at = cli_run_now();
    run->was_connected = true;
}

static void on_event(mqtt_e2e_client *client, mqtt_e2e_client_event event, const mqtt_e2e_broker_news *news,
                     void *context)
{
    cli_run *run = context;
    if (client == run->old &&
        event != MQTT_E2E_STATE_LOST) /* its brokers are those of the other, which tells */
        return;
    switch (event) {
    case MQTT_E2E_CONNECTED:
        on_connected(run, client, news);
        break;
    case MQTT_E2E_DISCONNECTED:
        cli_error("lost the connection to %s: %s; trying again", news->broker, news->why);
        break;
    case MQTT_E2E_FAILED:
        on_failure(run, client, news);
        break;
    case MQTT_E2E_SPOOL_FAILED:
        cli_error("%s; nothing of the spool goes out; trying again", news->why);
        break;
    case MQTT_E2E_STATE_LOST:
        cli_error("cannot write the state file: %s; nothing is handed on that could come back", news->why);
        cli_run_end(run, CLI_FAILED);
        break;
    }
}

static void on_debug(mqtt_e2e_client *client, const char *text, void *context)
{
    (void)client;
    (void)context;
    cli_note("%s", text);
}

static void on_refused(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    cli_run *run = context;
    if (run->fleet && cli_fleet_heard(run->fleet, delivery))
        return;
    if (run->refused)
        run->refused(run, delivery);
    if (run->options->debug)
        cli_tell_refused(client, delivery, run->options->client.session.clock_skew_ms);
}

const char *cli_run_brokers(const cli_run *run, char *out, size_t size)
{
    const mqtt_e2e_client_options *client = &run->options->client;
    size_t len = 0;
    for (size_t i = 0; len < size && (i < client->host_count || i == 0); i++) {
        const mqtt_e2e_host *host = client->host_count ? &client->hosts[i] : &localhost;
        unsigned port = mqtt_e2e_host_port(host, client->tls);
        len += (size_t)snprintf(out + len, size - len, strchr(host->name, ':') ? "%s[%s]:%u" : "%s%s:%u",
                                i ? ", " : "", host->name, port);
    }
    return out;
}

bool cli_run_moves(const cli_options *options)
{
    return options->config.toit_too && (options->command & (CLI_FOR_SUB | CLI_FOR_AGENT));
}

/* ---- The loop ----------------------------------------------------------------------------------- */

bool cli_run_start(cli_run *run, cli_options *options, cli_patience patience)
{
    mqtt_e2e_error error;
    mqtt_e2e_client_options *client = &options->client;
    run->options = options;
    run->patience = patience;
    run->code = CLI_FAILED;
    if (!watch_signals())
        return false;
    client->on_event = on_event;
    client->on_refused = on_refused;
    client->on_debug = options->debug ? on_debug : NULL;
    client->context = run;
    cli_memory_bound(options);
    run->client = cli_state_client(options, &error);
    bool fine = run->client != NULL;
    if (fine && cli_run_moves(options))
        fine = (run->old = cli_profile_old_client(options, &error)) != NULL;
    if (!fine)
        cli_tell(&error);
    return fine;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

bool cli_run_step(cli_run *run, struct pollfd *more, nfds_t count, int64_t timeout_ms)
{
    enum { MORE = CLI_RUN_MORE, HOUR = 3600000 };
    struct pollfd fds[3 + MORE] = {{.fd = signal_pipe[0], .events = POLLIN},
                                   {.fd = mqtt_e2e_client_fd(run->client), .events = POLLIN}};
    nfds_t own = 2; /* no more than are needed: poll takes as many as we may have open */
    if (run->old)
        fds[own++] = (struct pollfd){.fd = mqtt_e2e_client_fd(run->old), .events = POLLIN};
    if (run->over)
        return false;
    if (count > MORE)
        count = MORE;
    if (count)
        memcpy(fds + own, more, count * sizeof *more);
    timeout_ms = sooner(timeout_ms, mqtt_e2e_client_timeout(run->client));
    if (run->old)
        timeout_ms = sooner(timeout_ms, mqtt_e2e_client_timeout(run->old));
    int ready = poll(fds, own + count, (int)sooner(timeout_ms, HOUR));
    for (nfds_t i = 0; i < count; i++)
        more[i].revents = ready > 0 ? fds[own + i].revents : 0;
    char number;
    if (read(signal_pipe[0], &number, 1) == 1) {
        run->interrupted = true;
        run->signal = number;
    }
    if (!run->interrupted)
        mqtt_e2e_client_loop(run->client);
    if (!run->interrupted && run->old && !run->over)
        mqtt_e2e_client_loop(run->old);
    return !run->over;
}

void cli_run_end(cli_run *run, int code)
{
    if (!run->over)
        run->code = code;
    run->over = true;
}

int cli_run_stop(cli_run *run)
{
    mqtt_e2e_client_free(run->old);
    run->old = NULL;
    mqtt_e2e_client_free(run->client);
    run->client = NULL;
    return run->code;
}
