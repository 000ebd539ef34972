/* SPDX-License-Identifier: MIT */
#include "fleet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- Which devices ------------------------------------------------------------------------------ */

bool cli_fleet_names(cli_fleet *fleet, const cli_options *options)
{
    char path[CLI_NAMES_PATH_SIZE];
    bool given = options->devices != NULL;
    fleet->options = options;
    fleet->epoll = -1;
    fleet->off = given && strcmp(options->devices, "none") == 0;
    if (fleet->off || (!given && options->secret && strcmp(options->secret, "-") == 0))
        return true;
    if (!given && !cli_names_path(options->secret, path, sizeof path))
        return false;
    if (cli_names_read(given ? options->devices : path, given, &fleet->names))
        return true;
    if (!given)
        cli_hint("--devices FILE reads them from elsewhere, --devices none not at all");
    return false;
}

bool cli_fleet_knows(const cli_fleet *fleet, const char *name)
{
    return cli_names_has(&fleet->names, name);
}

cli_fleet_device *cli_fleet_find(cli_fleet *fleet, const char *name)
{
    for (size_t i = 0; i < fleet->count; i++)
        if (strcmp(fleet->devices[i].name, name) == 0)
            return &fleet->devices[i];
    return NULL;
}

/* ---- Keys --------------------------------------------------------------------------------------- */

bool cli_fleet_become(cli_options *options, const char *name)
{
    uint8_t key[32];
    bool fine = cli_device_key(&options->config, name, key);
    if (fine)
        memcpy(options->config.key, key, sizeof key); /* a base that follows from the key is made later */
    explicit_bzero(key, sizeof key);
    return fine;
}

/* ---- What clients tell -------------------------------------------------------------------------- */

/* Whether a broker that has run->client turns this one away: not just once, or in words. */
static bool turned_away(const cli_fleet_device *device, mqtt_e2e_client *client,
                        const mqtt_e2e_broker_news *news)
{
    mqtt_e2e_broker_info own, fleets;
    return mqtt_e2e_client_broker(client, news->index, &own) &&
           mqtt_e2e_client_broker(device->fleet->run->client, news->index, &fleets) && fleets.connected &&
           (news->code || own.failures >= 2);
}

/* A broker's comings and goings are told of run->client. Only what is wrong with this one alone is told of it, and once. */
static void on_event(mqtt_e2e_client *client, mqtt_e2e_client_event event, const mqtt_e2e_broker_news *news,
                     void *context)
{
    cli_fleet_device *device = context;
    bool debug = device->fleet->options->debug;
    if (event == MQTT_E2E_CONNECTED && debug)
        cli_note("%s: connected to %s", device->name, news->broker);
    else if (event == MQTT_E2E_DISCONNECTED && debug)
        cli_note("%s: lost the connection to %s: %s", device->name, news->broker, news->why);
    else if (event == MQTT_E2E_FAILED && (debug || (!device->failed && turned_away(device, client, news)))) {
        cli_error("cannot connect to %s for the device %s: %s", news->broker, device->name, news->why);
        device->failed = true;
    }
}

static void on_refused(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    const cli_fleet_device *device = context;
    const cli_options *options = device->fleet->options;
    if (device->fleet->run->refused)
        device->fleet->run->refused(device->fleet->run, delivery);
    if (options->debug)
        cli_tell_refused(client, delivery, options->client.session.clock_skew_ms);
}

static void on_debug(mqtt_e2e_client *client, const char *text, void *context)
{
    const cli_fleet_device *device = context;
    (void)client;
    cli_note("%s: %s", device->name, text);
}

static void on_published(mqtt_e2e_client *client, uint64_t ticket, const mqtt_e2e_error *error, void *context)
{
    const cli_fleet_device *device = context;
    (void)client;
    (void)ticket;
    if (error)
        cli_error("to %s: %s", device->name, error->text);
}

/* ---- Clients ------------------------------------------------------------------------------------ */

/* Of one device and those who command it; the tables are for that. */
static mqtt_e2e_client *make_client(cli_fleet_device *device, const uint8_t *key, mqtt_e2e_error *error)
{
    const cli_options *options = device->fleet->options;
    mqtt_e2e_client_options client = options->client;
    char id[300];
    client.session.key = key;
    client.session.streams = 64;
    client.queue_bytes = (size_t)128 << 10;
    client.context = device;
    client.on_event = on_event;
    client.on_refused = on_refused;
    client.on_published = on_published;
    client.on_subscribed = NULL;
    client.on_debug = options->debug ? on_debug : NULL;
    if (client.client_id) { /* two of one id would throw each other out */
        snprintf(id, sizeof id, "%s-%zu", client.client_id, device->fleet->count + 1);
        client.client_id = id;
    }
    cli_memory_more(&client);
    return mqtt_e2e_client_new(&client, error);
}

static bool watch(cli_fleet *fleet, mqtt_e2e_client *client)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(fleet->epoll, EPOLL_CTL_ADD, mqtt_e2e_client_fd(client), &event) == 0;
}

static bool tell_full(cli_fleet *fleet, const char *name)
{
    if (!fleet->full)
        cli_error("the device %s, and maybe others, is left out: %d devices with keys of their own can be "
                  "spoken to "
                  "at a time",
                  name, CLI_FLEET_MAX);
    if (!fleet->full)
        cli_hint("name fewer of them, in a file for --devices");
    fleet->full = true;
    return false;
}

static bool open_device(cli_fleet *fleet, const char *name)
{
    cli_fleet_device *device = &fleet->devices[fleet->count];
    mqtt_e2e_error error;
    uint8_t key[32];
    if (fleet->count == CLI_FLEET_MAX)
        return tell_full(fleet, name);
    *device = (cli_fleet_device){.fleet = fleet};
    strcpy(device->name, name);
    if (!cli_device_key(&fleet->options->config, name, key))
        return false;
    device->client = make_client(device, key, &error);
    explicit_bzero(key, sizeof key);
    if (!device->client) {
        cli_tell(&error);
        return false;
    }
    if (!watch(fleet, device->client)) {
        cli_error("cannot wait for what the device %s says: %s", name, strerror(errno));
        mqtt_e2e_client_free(device->client);
        return false;
    }
    fleet->count++;
    if (fleet->on_open)
        fleet->on_open(device, fleet->context);
    return true;
}

cli_fleet_device *cli_fleet_open(cli_fleet *fleet, const char *name)
{
    cli_fleet_device *device = cli_fleet_find(fleet, name);
    return device ? device : open_device(fleet, name) ? &fleet->devices[fleet->count - 1] : NULL;
}

void cli_fleet_open_all(cli_fleet *fleet)
{
    for (size_t i = 0; i < fleet->names.count; i++)
        if (cli_fleet_knows(fleet, fleet->names.names[i]) && !cli_fleet_open(fleet, fleet->names.names[i]))
            return;
}

/* ---- Hearing of devices ------------------------------------------------------------------------- */

bool cli_fleet_heard(cli_fleet *fleet, const mqtt_e2e_delivery *delivery)
{
    static const char start[] = "device/";
    const size_t before = sizeof start - 1;
    const mqtt_e2e_bytes *topic = &delivery->message->topic;
    char name[CLI_NAME_MAX + 1];
    if (fleet->off || delivery->status != MQTT_E2E_FORGED || !topic->data || topic->len <= before ||
        topic->len - before > CLI_NAME_MAX || memcmp(topic->data, start, before) != 0)
        return false;
    memcpy(name, (const char *)topic->data + before, topic->len - before);
    name[topic->len - before] = '\0';
    if (!cli_name_ok(name) || (fleet->only && strcmp(name, fleet->only) != 0) ||
        cli_names_lost(&fleet->names, name))
        return false;
    fleet->heard++;
    if (cli_fleet_find(fleet, name))
        return true;
    for (size_t i = 0; i < fleet->waiting_count; i++)
        if (strcmp(fleet->waiting[i], name) == 0)
            return true;
    if (fleet->waiting_count == CLI_FLEET_MAX)
        tell_full(fleet, name);
    else
        strcpy(fleet->waiting[fleet->waiting_count++], name);
    return true;
}

static void open_heard(cli_fleet *fleet)
{
    for (size_t i = 0; i < fleet->waiting_count; i++) {
        if (fleet->options->debug)
            cli_note("the device %s says that it has a key of its own", fleet->waiting[i]);
        cli_fleet_open(fleet, fleet->waiting[i]);
    }
    fleet->waiting_count = 0;
}

/* ---- The loop ----------------------------------------------------------------------------------- */

/* All clients have sockets to all brokers. */
static void raise_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

bool cli_fleet_start(cli_fleet *fleet, cli_run *run)
{
    fleet->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (fleet->epoll < 0) {
        cli_error("no epoll descriptor: %s", strerror(errno));
        return false;
    }
    fleet->run = run;
    run->fleet = fleet;
    raise_limit();
    return true;
}

void cli_fleet_loop(cli_fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++)
        mqtt_e2e_client_loop(fleet->devices[i].client);
}

bool cli_fleet_step(cli_fleet *fleet, struct pollfd *more, nfds_t count, int64_t timeout_ms)
{
    struct pollfd fds[CLI_RUN_MORE];
    if (count > CLI_RUN_MORE - 1)
        count = CLI_RUN_MORE - 1;
    if (count)
        memcpy(fds, more, count * sizeof *more);
    fds[count] = (struct pollfd){.fd = fleet->epoll, .events = POLLIN};
    for (size_t i = 0; i < fleet->count; i++) {
        int due = mqtt_e2e_client_timeout(fleet->devices[i].client);
        if (due >= 0 && (timeout_ms < 0 || due < timeout_ms))
            timeout_ms = due;
    }
    bool goes_on = cli_run_step(fleet->run, fds, count + 1, timeout_ms);
    if (count)
        memcpy(more, fds, count * sizeof *more);
    if (goes_on && !fleet->run->interrupted) {
        cli_fleet_loop(fleet);
        open_heard(fleet);
    }
    return !fleet->run->over;
}

uint64_t cli_fleet_refused(const cli_fleet *fleet)
{
    uint64_t refused = cli_count_refused(fleet->run->client) - fleet->heard;
    for (size_t i = 0; i < fleet->count; i++)
        refused += cli_count_refused(fleet->devices[i].client);
    return refused;
}

void cli_fleet_tell_counts(const cli_fleet *fleet)
{
    cli_tell_counts(fleet->run->client);
    if (fleet->heard)
        cli_note("%llu of the refused told of devices that have keys of their own",
                 (unsigned long long)fleet->heard);
    for (size_t i = 0; i < fleet->count; i++) {
        cli_note("%s, with its own key:", fleet->devices[i].name);
        cli_tell_counts(fleet->devices[i].client);
    }
}

/* ---- The end ------------------------------------------------------------------------------------ */

void cli_fleet_drain(cli_fleet *fleet, int timeout_ms)
{
    int64_t until = cli_run_now() + timeout_ms;
    for (size_t i = 0; i < fleet->count; i++)
        if (mqtt_e2e_client_connected(fleet->devices[i].client))
            mqtt_e2e_client_drain(fleet->devices[i].client, (int)cli_run_until(until));
}

void cli_fleet_end(cli_fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++)
        mqtt_e2e_client_free(fleet->devices[i].client);
    fleet->count = 0;
    if (fleet->run)
        fleet->run->fleet = NULL;
    if (fleet->run && fleet->epoll >= 0)
        close(fleet->epoll);
    fleet->run = NULL;
    cli_names_free(&fleet->names);
}
