/* SPDX-License-Identifier: MIT */
/*
 * A device: answers requests on `command/all` and `command/NAME`.
 *
 *     device NAME [KEYFILE]
 *
 *     ping    is it there?
 *     status  since when is it up, how much memory is free
 */
#include <mqtt_e2e/client.h>

#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

static const char *name;

static int write_status(char *answer, size_t size)
{
    struct sysinfo info;
    if (sysinfo(&info) != 0)
        return snprintf(answer, size, "%s: status unknown", name);
    return snprintf(answer, size, "%s: up %ld:%02ld h, %llu MB free", name, info.uptime / 3600,
                    info.uptime / 60 % 60, (unsigned long long)info.freeram * info.mem_unit >> 20);
}

static bool is(mqtt_e2e_bytes payload, const char *command)
{
    return payload.len == strlen(command) && memcmp(payload.data, command, payload.len) == 0;
}

static void on_command(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    (void)context;
    const mqtt_e2e_message *message = delivery->message;
    if (message->kind != MQTT_E2E_REQUEST)
        return; /* nobody waits for an answer */
    char answer[256];
    int len;
    if (is(message->payload, "ping"))
        len = snprintf(answer, sizeof answer, "%s: pong", name);
    else if (is(message->payload, "status"))
        len = write_status(answer, sizeof answer);
    else
        len = snprintf(answer, sizeof answer, "%s: unknown command, try ping or status", name);
    mqtt_e2e_error error;
    if (!mqtt_e2e_client_reply(client, &message->id, answer, (size_t)len, 1, &error))
        fprintf(stderr, "%s: %s\n", name, error.text);
    else
        fprintf(stderr, "%s: answered a request\n", name);
}

static void on_refused(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    (void)client, (void)context;
    fprintf(stderr, "%s: refused: %s\n", name, mqtt_e2e_status_text(delivery->status));
}

static void on_subscribed(mqtt_e2e_client *client, const char *filter, bool granted, int qos, void *context)
{
    (void)client, (void)qos, (void)context;
    fprintf(stderr, "%s: %s %s\n", name, granted ? "listens on" : "may not listen on", filter);
}

static void on_event(mqtt_e2e_client *client, mqtt_e2e_client_event event, const mqtt_e2e_broker_news *news,
                     void *context)
{
    (void)client, (void)context;
    if (event != MQTT_E2E_CONNECTED)
        fprintf(stderr, "%s: %s: %s, trying again\n", name, news->broker, news->why);
}

static bool listen_on(mqtt_e2e_client *client, const char *who, mqtt_e2e_error *error)
{
    char filter[256];
    snprintf(filter, sizeof filter, "command/%s", who);
    return mqtt_e2e_client_subscribe(client, filter, 1, on_command, NULL, error);
}

int main(int argc, char **argv)
{
    bool help = argc > 1 && strcmp(argv[1], "--help") == 0;
    if (help || argc < 2 || argc > 3 || argv[1][0] == '-' || strlen(argv[1]) > 64) {
        fprintf(help ? stdout : stderr, "usage: device NAME [KEYFILE]\n");
        return help ? 0 : 2;
    }
    name = argv[1];

    mqtt_e2e_error error;
    mqtt_e2e_config config;
    mqtt_e2e_client *client = NULL;
    if (mqtt_e2e_config_load(argc > 2 ? argv[2] : NULL, &config, &error)) {
        mqtt_e2e_client_options options;
        mqtt_e2e_client_defaults(&options);
        mqtt_e2e_client_use(&options, &config);
        options.on_event = on_event;
        options.on_refused = on_refused;
        options.on_subscribed = on_subscribed;
        client = mqtt_e2e_client_new(&options, &error);
        mqtt_e2e_config_wipe(&config);
    }
    if (!client || !listen_on(client, "all", &error) || !listen_on(client, name, &error)) {
        fprintf(stderr, "device: %s\n%s%s", error.text, error.hint, error.hint[0] ? "\n" : "");
        mqtt_e2e_client_free(client);
        return 1;
    }
    for (;;)
        mqtt_e2e_client_wait(client, -1);
}
