/* SPDX-License-Identifier: MIT */
/*
 * Commands that are answered in parts (docs/TERMINAL.md), for a device with little memory: one at a time, no more under way
 * than the outbox holds, and input thrown away. It knows nothing of the board.
 *
 *     log          the last readings, 20 kB
 *     log follow   further ones, as they come, until it is stopped
 *
 * Replies that it does not number are made for the caller, who has a queue for them.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <mqtt_e2e/command.h>
#include <mqtt_e2e/device.h>

#define TERMINAL_SLOTS 4   /* parts under way; a power of two */
#define TERMINAL_ROOM  512 /* bytes of data in each */
#define TERMINAL_PART  (MQTT_E2E_PART_HEAD + TERMINAL_ROOM)

/* Both are kept by reference; `name` is the device's. */
void terminal_start(mqtt_e2e_device *device, const char *name);

/* Takes a command. False: it is none of those above. Where it can't be run, *len bytes of `reply` say so; else *len is 0. */
bool terminal_command(const mqtt_e2e_message *request, int64_t now, void *reply, size_t size, size_t *len);

/* Takes a message on command/NAME. Where it asks for an answer that is not here, the result is the length of `reply` to *to. */
size_t terminal_control(const mqtt_e2e_message *message, int64_t now, mqtt_e2e_id *to, void *reply,
                        size_t size);

/* Writes and sends what there is room for, and announces the device every minute. To be called often. */
void terminal_turn(int64_t now);

/* Announces the device as soon as it can be. */
void terminal_announce(void);

#endif
