/* SPDX-License-Identifier: MIT */
/*
 * A controller: reads commands from standard input, asks the devices, prints what they answer. Exits 1 if a
 * command had no answer.
 *
 *     controller [KEYFILE]
 *
 *     ping            asks all devices, and collects answers for a while
 *     @kitchen ping   asks one
 */
#define _POSIX_C_SOURCE 200809L
#include <mqtt_e2e/client.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 1500

typedef struct {
    bool to_one;
    bool over;
    int answers;
} question;

static void print_line(mqtt_e2e_bytes text)
{
    const unsigned char *at = text.data;
    for (size_t i = 0; i < text.len; i++)
        putchar(at[i] < ' ' || at[i] == 127 ? '?' : at[i]); /* an answer can't steer the terminal */
    puts("");
    fflush(stdout);
}

static bool on_answer(mqtt_e2e_client *client, mqtt_e2e_answer answer, const mqtt_e2e_delivery *delivery,
                      void *context)
{
    (void)client;
    question *asked = context;
    if (answer == MQTT_E2E_ANSWERED) {
        print_line(delivery->message->payload);
        asked->answers++;
    }
    asked->over = answer == MQTT_E2E_TIMED_OUT || asked->to_one;
    return !asked->over;
}

/* Asks `line`, waits for what is answered. */
static bool ask(mqtt_e2e_client *client, const char *line)
{
    char name[256] = "all", topic[300];
    int command = 0; /* where in the line it starts */
    question asked = {.to_one = sscanf(line, "@%255s %n", name, &command) == 1};
    snprintf(topic, sizeof topic, "command/%s", name);
    line += command;

    mqtt_e2e_error error;
    if (!mqtt_e2e_client_request(client, topic, line, strlen(line), 1, WAIT_MS, on_answer, &asked, &error)) {
        fprintf(stderr, "controller: %s\n", error.text);
        return false;
    }
    while (!asked.over)
        mqtt_e2e_client_wait(client, -1);
    if (asked.answers == 0)
        fprintf(stderr, "controller: no answer from %s to %s\n", name, line);
    return asked.answers > 0;
}

/* Waits for a line of input, and keeps the connection alive meanwhile. */
static bool next_line(mqtt_e2e_client *client, char *line, int size)
{
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        fputs("> ", stdout);
    fflush(stdout);
    struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                            {.fd = mqtt_e2e_client_fd(client), .events = POLLIN}};
    while (!fds[0].revents) {
        poll(fds, 2, mqtt_e2e_client_timeout(client));
        mqtt_e2e_client_loop(client);
    }
    if (!fgets(line, size, stdin))
        return false;
    line[strcspn(line, "\r\n")] = '\0';
    return true;
}

static void on_event(mqtt_e2e_client *client, mqtt_e2e_client_event event, const mqtt_e2e_broker_news *news,
                     void *context)
{
    (void)client, (void)context;
    if (event != MQTT_E2E_CONNECTED)
        fprintf(stderr, "controller: %s: %s, trying again\n", news->broker, news->why);
}

int main(int argc, char **argv)
{
    mqtt_e2e_error error;
    mqtt_e2e_config config;
    mqtt_e2e_client *client = NULL;
    if (mqtt_e2e_config_load(argc > 1 ? argv[1] : NULL, &config, &error)) {
        mqtt_e2e_client_options options;
        mqtt_e2e_client_defaults(&options);
        mqtt_e2e_client_use(&options, &config);
        options.on_event = on_event;
        options.time_source = true; /* devices without a clock ask */
        client = mqtt_e2e_client_new(&options, &error);
        mqtt_e2e_config_wipe(&config);
    }
    if (!client) {
        fprintf(stderr, "controller: %s\n%s%s", error.text, error.hint, error.hint[0] ? "\n" : "");
        return 1;
    }

    setvbuf(stdin, NULL, _IONBF, 0); /* what poll sees is all that there is */
    bool missed = false;
    for (char line[256]; next_line(client, line, sizeof line);)
        missed |= line[0] && !ask(client, line);
    mqtt_e2e_client_free(client);
    return missed;
}
