/* SPDX-License-Identifier: MIT */
/* Parts and controls, to bytes and back (docs/TERMINAL.md). */
#include "bytes.h"

/* ---- Parts -------------------------------------------------------------------------------------- */

bool mqtt_e2e_part_read(const void *payload, size_t len, mqtt_e2e_part *part)
{
    const uint8_t *from = payload;

    memset(part, 0, sizeof *part);
    if (len == 0 || from[0] >= 0x20) {
        part->data.data = payload;
        part->data.len = len;
        return true;
    }
    if (len < MQTT_E2E_PART_HEAD || from[0] < MQTT_E2E_OUTPUT || from[0] > MQTT_E2E_STATE)
        return false;
    part->type = from[0];
    part->number = e2e_get32(from + 1);
    part->data.data = from + MQTT_E2E_PART_HEAD;
    part->data.len = len - MQTT_E2E_PART_HEAD;
    return true;
}

size_t mqtt_e2e_part_write(const mqtt_e2e_part *part, void *out, size_t size)
{
    uint8_t *to = out;

    if (size < MQTT_E2E_PART_HEAD || part->data.len > size - MQTT_E2E_PART_HEAD)
        return 0;
    to[0] = part->type;
    e2e_put32(to + 1, part->number);
    if (part->data.len > 0)
        memcpy(to + MQTT_E2E_PART_HEAD, part->data.data, part->data.len);
    return MQTT_E2E_PART_HEAD + part->data.len;
}

bool mqtt_e2e_end_read(const mqtt_e2e_bytes *data, mqtt_e2e_end *end)
{
    const uint8_t *from = data->data;

    memset(end, 0, sizeof *end);
    if (data->len < MQTT_E2E_END_HEAD || from[0] > MQTT_E2E_NOT_KNOWN)
        return false;
    end->how = from[0];
    end->code = e2e_get32(from + 1);
    end->text.data = from + MQTT_E2E_END_HEAD;
    end->text.len = data->len - MQTT_E2E_END_HEAD;
    return true;
}

size_t mqtt_e2e_end_write(const mqtt_e2e_end *end, void *out, size_t size)
{
    uint8_t *to = out;

    if (size < MQTT_E2E_END_HEAD || end->text.len > size - MQTT_E2E_END_HEAD)
        return 0;
    to[0] = end->how;
    e2e_put32(to + 1, end->code);
    if (end->text.len > 0)
        memcpy(to + MQTT_E2E_END_HEAD, end->text.data, end->text.len);
    return MQTT_E2E_END_HEAD + end->text.len;
}

bool mqtt_e2e_state_read(const mqtt_e2e_bytes *data, uint32_t *taken, uint32_t *arrived)
{
    const uint8_t *from = data->data;

    if (data->len != MQTT_E2E_STATE_SIZE)
        return false;
    *taken = e2e_get32(from);
    *arrived = e2e_get32(from + 4);
    return true;
}

void mqtt_e2e_state_write(uint32_t taken, uint32_t arrived, uint8_t out[MQTT_E2E_STATE_SIZE])
{
    e2e_put32(out, taken);
    e2e_put32(out + 4, arrived);
}

/* ---- Controls ----------------------------------------------------------------------------------- */

bool mqtt_e2e_control_read(const void *payload, size_t len, mqtt_e2e_control *control)
{
    const uint8_t *from = payload;

    memset(control, 0, sizeof *control);
    if (len < MQTT_E2E_CONTROL_HEAD || from[0] < MQTT_E2E_INPUT || from[0] > MQTT_E2E_PARTS_MISSING)
        return false;
    control->type = from[0];
    memcpy(control->command.stream, from + 1, MQTT_E2E_STREAM_ID_SIZE);
    control->command.counter = e2e_get32(from + 1 + MQTT_E2E_STREAM_ID_SIZE);
    control->number = e2e_get32(from + 5 + MQTT_E2E_STREAM_ID_SIZE);
    control->data.data = from + MQTT_E2E_CONTROL_HEAD;
    control->data.len = len - MQTT_E2E_CONTROL_HEAD;
    return control->type != MQTT_E2E_STOP || control->data.len == 1;
}

size_t mqtt_e2e_control_write(const mqtt_e2e_control *control, void *out, size_t size)
{
    uint8_t *to = out;

    if (size < MQTT_E2E_CONTROL_HEAD || control->data.len > size - MQTT_E2E_CONTROL_HEAD)
        return 0;
    to[0] = control->type;
    memcpy(to + 1, control->command.stream, MQTT_E2E_STREAM_ID_SIZE);
    e2e_put32(to + 1 + MQTT_E2E_STREAM_ID_SIZE, control->command.counter);
    e2e_put32(to + 5 + MQTT_E2E_STREAM_ID_SIZE, control->number);
    if (control->data.len > 0)
        memcpy(to + MQTT_E2E_CONTROL_HEAD, control->data.data, control->data.len);
    return MQTT_E2E_CONTROL_HEAD + control->data.len;
}
