/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

bool e2e_error_set(mqtt_e2e_error *error, const char *hint, const char *format, ...)
{
    va_list args;

    if (error == NULL)
        return false;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    snprintf(error->hint, sizeof error->hint, "%s", hint);
    return false;
}

void e2e_error_text(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);

    snprintf(out, size, "%s", text);
    /* Not in "TLS ..." and the like. */
    if (size > 1 && len > 1 && islower((unsigned char)text[1]))
        out[0] = (char)tolower((unsigned char)out[0]);
    if (len < size && len > 0 && text[len - 1] == '.')
        out[len - 1] = '\0';
}

bool e2e_error_memory(mqtt_e2e_error *error)
{
    return e2e_error_set(error, "", "out of memory");
}

bool e2e_error_status(mqtt_e2e_error *error, mqtt_e2e_status status)
{
    if (status == MQTT_E2E_TOO_LONG) /* of a payload it is said before */
        return e2e_error_set(error, "shorten it: hiding adds a third, and 11 bytes or more to each level",
                             "the topic is too long: on the wire it would be over %d bytes",
                             MQTT_E2E_TOPIC_MAX);
    return e2e_error_set(error, "", "%s", mqtt_e2e_status_text(status));
}

static size_t count_levels(const char *topic)
{
    size_t levels = 1;

    for (; *topic != '\0'; topic++)
        levels += *topic == '/';
    return levels;
}

bool e2e_error_topic(mqtt_e2e_error *error, const char *topic)
{
    if (topic[0] == '\0')
        return e2e_error_set(error, "", "the topic is empty");
    if (topic[0] == '~')
        return e2e_error_set(error, "", "topic '%.100s' is reserved: its first level starts with '~'", topic);
    if (strpbrk(topic, "+#") != NULL)
        return e2e_error_set(error, "wildcards are for subscriptions", "topic '%.100s' has a wildcard",
                             topic);
    if (count_levels(topic) > MQTT_E2E_LEVELS_MAX)
        return e2e_error_set(error, "", "topic '%.100s...' has more than %d levels", topic,
                             MQTT_E2E_LEVELS_MAX);
    if (strlen(topic) > MQTT_E2E_TOPIC_MAX)
        return e2e_error_set(error, "", "the topic is too long: over %d bytes", MQTT_E2E_TOPIC_MAX);
    return e2e_error_set(error, "", "the topic is not valid UTF-8");
}

bool e2e_error_filter(mqtt_e2e_error *error, const char *filter)
{
    if (filter[0] == '\0')
        return e2e_error_set(error, "", "the topic to subscribe to is empty");
    if (filter[0] == '~')
        return e2e_error_set(error, "", "'%.100s' is reserved: its first level starts with '~'", filter);
    if (strncmp(filter, "$share/", 7) == 0 && strchr(filter + 7, '/') == NULL)
        return e2e_error_set(error, "it is $share/GROUP/FILTER", "'%.100s' shares no topic", filter);
    if (strpbrk(filter, "+#") != NULL)
        return e2e_error_set(error, "'+' stands for one whole level, '#' for all that follow, at the end",
                             "'%.100s' has a wildcard where none can be", filter);
    if (count_levels(filter) > MQTT_E2E_LEVELS_MAX)
        return e2e_error_set(error, "", "'%.100s...' has more than %d levels", filter, MQTT_E2E_LEVELS_MAX);
    if (strlen(filter) > MQTT_E2E_TOPIC_MAX)
        return e2e_error_set(error, "", "the topic to subscribe to is too long: over %d bytes",
                             MQTT_E2E_TOPIC_MAX);
    return e2e_error_set(error, "", "the topic to subscribe to is not valid UTF-8");
}
