/* SPDX-License-Identifier: MIT */
/*
 * Answers requests, for tests: responder KEYFILE PORT FILTER HOW, with HOW
 *
 *     echo     the request's payload
 *     twice    it, and then "again"
 *     silent   nothing
 *     message  an ordinary message on the topic `beside`, but no reply
 *     @FILE    what stands in FILE by then
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mqtt_e2e/client.h>

static const char *how;
static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static void on_subscribed(mqtt_e2e_client *client, const char *filter, bool granted, int qos, void *context)
{
    (void)client, (void)filter, (void)qos, (void)context;
    puts(granted ? "ready" : "denied");
    fflush(stdout);
}

static void reply(mqtt_e2e_client *client, const mqtt_e2e_message *message, const void *data, size_t len)
{
    mqtt_e2e_error error;
    if (!mqtt_e2e_client_reply(client, &message->id, data, len, 1, &error))
        printf("cannot reply: %s\n", error.text);
}

static void reply_file(mqtt_e2e_client *client, const mqtt_e2e_message *message, const char *path)
{
    static char data[4096];
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(data, 1, sizeof data, file) : 0;
    if (file)
        fclose(file);
    reply(client, message, data, len);
}

static void on_message(mqtt_e2e_client *client, const mqtt_e2e_delivery *delivery, void *context)
{
    const mqtt_e2e_message *message = delivery->message;
    mqtt_e2e_error error;
    (void)context;
    printf("%s on %.*s\n", message->kind == MQTT_E2E_REQUEST ? "request" : "message", (int)message->topic.len,
           (const char *)message->topic.data);
    fflush(stdout);
    if (message->kind != MQTT_E2E_REQUEST || strcmp(how, "silent") == 0)
        return;
    if (strcmp(how, "message") == 0) {
        mqtt_e2e_client_publish(client, "beside", "x", 1, 0, false, NULL, &error);
        return;
    }
    if (*how == '@')
        reply_file(client, message, how + 1);
    else
        reply(client, message, message->payload.data, message->payload.len);
    if (strcmp(how, "twice") == 0)
        reply(client, message, "again", 5);
}

int main(int argc, char **argv)
{
    mqtt_e2e_client_options options;
    mqtt_e2e_config config;
    mqtt_e2e_error error;
    mqtt_e2e_host host = {.name = "127.0.0.1"};
    if (argc != 5 || !mqtt_e2e_config_load(argv[1], &config, &error))
        return 2;
    host.port = (uint16_t)atoi(argv[2]);
    how = argv[4];
    signal(SIGTERM, stop);
    mqtt_e2e_client_defaults(&options);
    mqtt_e2e_client_use(&options, &config);
    options.hosts = &host;
    options.host_count = 1;
    options.on_subscribed = on_subscribed;
    mqtt_e2e_client *client = mqtt_e2e_client_new(&options, &error);
    if (!client || !mqtt_e2e_client_subscribe(client, argv[3], 1, on_message, NULL, &error)) {
        printf("%s\n", error.text);
        return 1;
    }
    while (!stopped)
        mqtt_e2e_client_wait(client, 1000);
    mqtt_e2e_client_free(client);
    mqtt_e2e_config_wipe(&config);
    return 0;
}
