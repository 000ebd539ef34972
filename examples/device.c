/* SPDX-License-Identifier: MIT */
/*
 * A device: answers requests on `command/all` and `command/NAME`.
 *
 *     device NAME [KEYFILE]
 *
 *     ping    is it there?
 *     status  since when is it up, how much memory is free
 *     led on, led off
 *
 * The firmware in ports/cortex-m-qemu answers the same.
 */
#include <mqtt_e2e/client.h>

#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "answer.h"

static answer_device device;

static void look_around(void)
{
    struct sysinfo info;
    if (sysinfo(&info) != 0)
        return;
    device.up_s = (unsigned long)info.uptime;
    device.free_kb = (unsigned long)((unsigned long long)info.freeram * info.mem_unit >> 10);
}

static void on_command(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    (void)context;
    const mqtt_e2e_message *message = delivery->message;
    if (message->kind != MQTT_E2E_REQUEST)
        return; /* nobody waits for an answer */
    char text[256];
    look_around();
    size_t len = answer(&device, message->payload.data, message->payload.len, text, sizeof text);
    mqtt_e2e_error error;
    if (!mqtt_e2e_client_reply(client, &message->id, text, len, 1, &error))
        fprintf(stderr, "%s: %s\n", device.name, error.text);
    else
        fprintf(stderr, "%s: answered a request\n", device.name);
}

static void on_refused(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    (void)client, (void)context;
    fprintf(stderr, "%s: refused: %s\n", device.name, mqtt_e2e_status_text(delivery->status));
}

static void on_subscribed(mqtt_e2e_client *client, const char *filter, bool granted, int qos, void *context)
{
    (void)client, (void)qos, (void)context;
    fprintf(stderr, "%s: %s %s\n", device.name, granted ? "listens on" : "may not listen on", filter);
}

static void on_event(mqtt_e2e_client *client, mqtt_e2e_client_event event, const mqtt_e2e_broker_news *news,
                     void *context)
{
    (void)client, (void)context;
    if (event != MQTT_E2E_CONNECTED)
        fprintf(stderr, "%s: %s: %s, trying again\n", device.name, news->broker, news->why);
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
    device.name = argv[1];

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
    if (!client || !listen_on(client, "all", &error) || !listen_on(client, device.name, &error)) {
        fprintf(stderr, "device: %s\n%s%s", error.text, error.hint, error.hint[0] ? "\n" : "");
        mqtt_e2e_client_free(client);
        return 1;
    }
    for (;;)
        mqtt_e2e_client_wait(client, -1);
}
