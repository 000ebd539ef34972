/* SPDX-License-Identifier: MIT */
/* Who was heard. */
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "remote.h"
#include "roster.h"

/* ---- Places ------------------------------------------------------------------------------------- */

static roster_device *of_stream(const roster *list, const uint8_t *stream)
{
    for (size_t i = 0; i < list->count; i++)
        if (memcmp(list->devices[i].stream, stream, sizeof list->devices[i].stream) == 0)
            return &list->devices[i];
    return NULL;
}

static roster_device *place(roster *list, const uint8_t *stream)
{
    roster_device *known = of_stream(list, stream);
    if (known)
        return known;
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        roster_device *devices = room > ROSTER_MAX ? NULL : realloc(list->devices, room * sizeof *devices);
        if (!devices)
            return NULL;
        list->devices = devices;
        list->room = room;
    }
    roster_device *made = &list->devices[list->count++];
    *made = (roster_device){.trip_us = -1};
    memcpy(made->stream, stream, sizeof made->stream);
    return made;
}

void roster_free(roster *list)
{
    free(list->devices);
    *list = (roster){0};
}

/* ---- What is heard ------------------------------------------------------------------------------ */

static void copy(char *out, size_t most, const void *text, size_t len)
{
    len = len < most ? len : most;
    memcpy(out, text, len);
    out[len] = '\0';
}

static void set_owner(roster_device *device, const char *key_name)
{
    if (!key_name)
        return;
    copy(device->name, CLI_NAME_MAX, key_name, strlen(key_name));
    device->own_key = true;
}

void roster_announced(roster *list, const mqtt_e2e_message *message, const char *key_name)
{
    static const size_t before = sizeof ROSTER_FILTER - 2;
    mqtt_e2e_announcement announcement;
    if (message->kind != MQTT_E2E_MESSAGE || message->topic.len <= before ||
        !mqtt_e2e_announcement_read(message->payload.data, message->payload.len, &announcement))
        return;
    const char *name = (const char *)message->topic.data + before;
    size_t len = message->topic.len - before;
    roster_device *device = cli_is_name(name, len) ? place(list, message->id.stream) : NULL;
    if (!device)
        return;
    copy(device->name, CLI_NAME_MAX, name, len);
    set_owner(device, key_name);
    if (announcement.version.len)
        copy(device->version, ROSTER_VERSION_MAX, announcement.version.data, announcement.version.len);
    device->gone = !announcement.here;
    device->every_s = announcement.every_s;
    device->heard_at = cli_run_now();
}

/* "NAME: pong" */
void roster_answered(roster *list, const uint8_t *stream, const mqtt_e2e_bytes *answer, int64_t trip_us,
                     const char *key_name)
{
    static const char pong[] = ": pong";
    const char *text = answer->data;
    size_t len = answer->len, tail = sizeof pong - 1;
    roster_device *device = place(list, stream);
    if (!device)
        return;
    device->trip_us = trip_us;
    device->heard_at = device->answered_at = cli_run_now();
    device->gone = false;
    set_owner(device, key_name);
    if (!*device->name && len > tail && memcmp(text + len - tail, pong, tail) == 0 &&
        cli_is_name(text, len - tail))
        copy(device->name, CLI_NAME_MAX, text, len - tail);
}

void roster_said(roster *list, const char *name, int64_t trip_us)
{
    uint8_t stream[MQTT_E2E_STREAM_ID_SIZE] = {0};
    const roster_device *known = roster_find(list, name);
    for (size_t i = 0; i < 4; i++) /* a place that no other has */
        stream[i] = (uint8_t)(list->count >> 8 * i);
    roster_device *device = place(list, known ? known->stream : stream);
    if (!device)
        return;
    copy(device->name, CLI_NAME_MAX, name, strlen(name));
    device->heard_at = cli_run_now();
    if (trip_us < 0)
        return;
    device->trip_us = trip_us;
    device->answered_at = device->heard_at;
}

/* ---- Looking ------------------------------------------------------------------------------------ */

const roster_device *roster_of_stream(const roster *list, const uint8_t *stream)
{
    return of_stream(list, stream);
}

const roster_device *roster_find(const roster *list, const char *name)
{
    const roster_device *found = NULL;
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->devices[i].name, name) == 0 &&
            (!found || list->devices[i].heard_at > found->heard_at))
            found = &list->devices[i];
    return found;
}

bool roster_is_here(const roster_device *device)
{
    int64_t silent = cli_run_now() - device->heard_at;
    return !device->gone && silent <= (device->every_s ? 3000 * (int64_t)device->every_s : 600000);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const roster_device *)a)->name, ((const roster_device *)b)->name);
}

/* Whether another one of that name was heard, and this one did not answer the ping that the other did. */
static bool is_former(const roster *list, const roster_device *device)
{
    const roster_device *newest = *device->name ? roster_find(list, device->name) : device;
    return newest != device && newest->own_key == device->own_key &&
           newest->answered_at - device->answered_at > 1000;
}

void roster_sort(roster *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (!is_former(list, &list->devices[i]))
            list->devices[kept++] = list->devices[i];
    list->count = kept;
    if (kept)
        qsort(list->devices, kept, sizeof *list->devices, by_name);
}

const char *roster_text(const char *text, const char *otherwise, char *out)
{
    out[cli_make_visible(text, strlen(text), out)] = '\0';
    for (char *p = out; *p; p++)
        *p = *p == '\n' || *p == '\t' ? '?' : *p;
    return *out ? out : otherwise;
}

int roster_width(const roster *list, bool gone_too)
{
    int width = 0;
    for (size_t i = 0; i < list->count; i++)
        if ((gone_too || !list->devices[i].gone) && (int)strlen(list->devices[i].name) > width)
            width = (int)strlen(list->devices[i].name);
    return width;
}

size_t roster_line(const roster_device *device, int width, const char *heard, char out[ROSTER_LINE_SIZE])
{
    char name[4 * CLI_NAME_MAX + 1], version[4 * ROSTER_VERSION_MAX + 1], trip[32] = "-";
    if (device->trip_us >= 0)
        snprintf(trip, sizeof trip, "%.1f ms", (double)device->trip_us / 1000);
    return (size_t)snprintf(out, ROSTER_LINE_SIZE, "%-*s  %9s   %s%s%s\n", width,
                            roster_text(device->name, "?", name), trip, heard,
                            roster_text(device->version, "-", version), device->own_key ? " (own key)" : "");
}
