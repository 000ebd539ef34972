/* SPDX-License-Identifier: MIT */
/* Answers of devices: in one text, or in parts. */
#include <stdlib.h>
#include <string.h>

#include "remote.h"

#define STORAGE MQTT_E2E_BOX_SIZE(MQTT_E2E_PARTS, MQTT_E2E_PART_DATA)

/* ---- Controls ----------------------------------------------------------------------------------- */

void remote_control(remote_state *remote, const remote_answer *answer, uint8_t type, uint32_t number,
                    const void *data, size_t len)
{
    uint8_t frame[MQTT_E2E_CONTROL_HEAD + MQTT_E2E_PART_DATA];
    const mqtt_e2e_control control = {type, answer->command, number, {data, len}};
    char topic[REMOTE_NAME_MAX + 16];
    mqtt_e2e_error error;
    const char *name = remote->device ? remote->device : answer->name;
    if (!*name)
        return;
    snprintf(topic, sizeof topic, "command/%s", name);
    len = mqtt_e2e_control_write(&control, frame, sizeof frame);
    if (!mqtt_e2e_client_publish(remote->run.client, topic, frame, len, 1, false, NULL, &error))
        cli_tell(&error);
}

/* ---- Ends --------------------------------------------------------------------------------------- */

int remote_end_code(const mqtt_e2e_end *end, char *out, size_t size)
{
    static const char *const what[] = {"exited with",
                                       "was killed by signal",
                                       "was not run, code",
                                       "was stopped at the time limit, by signal",
                                       "was stopped at the output limit, by signal",
                                       "was stopped, by signal",
                                       "its end is not known, code"};
    int code = (int)(end->code > 255 ? 255 : end->code), text_len = (int)end->text.len;
    *out = '\0';
    if (end->how != MQTT_E2E_EXITED)
        snprintf(out, size, "%s %d%s%.*s", what[end->how], code, text_len ? ": " : "", text_len,
                 text_len ? (const char *)end->text.data : "");
    switch (end->how) {
    case MQTT_E2E_EXITED:
    case MQTT_E2E_NOT_RUN:
        return code;
    case MQTT_E2E_TIME_LIMIT:
        return 124;
    case MQTT_E2E_OUTPUT_LIMIT:
        return 125;
    case MQTT_E2E_NOT_KNOWN:
        return 255;
    default:
        return code ? 128 + (code & 127) : 255;
    }
}

static void end(remote_state *remote, remote_answer *answer, const mqtt_e2e_bytes *data)
{
    if (!mqtt_e2e_end_read(data, &answer->end))
        answer->end = (mqtt_e2e_end){.how = MQTT_E2E_NOT_KNOWN};
    answer->ended = true;
    if (!remote_output_end(remote, answer))
        answer->unwritable = true;
    answer->end.text = (mqtt_e2e_bytes){NULL, 0}; /* it was in the inbox */
}

/* ---- Turns -------------------------------------------------------------------------------------- */

static void hand_on(remote_state *remote, remote_answer *answer)
{
    mqtt_e2e_part piece;
    int fd;
    while (!answer->ended && mqtt_e2e_inbox_peek(&answer->inbox, &piece)) {
        if (piece.type == MQTT_E2E_END)
            end(remote, answer, &piece.data);
        else if (piece.type != MQTT_E2E_START && !answer->unwritable) {
            if (!remote_output_ready(remote, piece.type, &fd))
                return;
            answer->unwritable = !remote_output_piece(remote, answer, &piece);
        }
        mqtt_e2e_inbox_take(&answer->inbox, cli_run_now());
    }
}

void remote_answer_turn(remote_state *remote, remote_answer *answer)
{
    uint32_t number;
    if (!answer->storage)
        return;
    if (!answer->ended)
        hand_on(remote, answer);
    int64_t now = cli_run_now();
    if (!answer->ended && mqtt_e2e_inbox_missing(&answer->inbox, now, &number))
        remote_control(remote, answer, MQTT_E2E_PARTS_MISSING, number, NULL, 0);
    /* The end is told at once: we may not be here for long. */
    if (mqtt_e2e_inbox_got(&answer->inbox, answer->ended ? INT64_MAX : now, &number) && answer->known)
        remote_control(remote, answer, MQTT_E2E_PARTS_GOT, number, NULL, 0);
}

int64_t remote_answer_when(const remote_answer *answer)
{
    return answer->storage && !answer->ended ? mqtt_e2e_inbox_when(&answer->inbox) : INT64_MAX;
}

/* ---- What arrives ------------------------------------------------------------------------------- */

static remote_answer *find(remote_state *remote, const mqtt_e2e_message *message)
{
    for (size_t i = 0; i < remote->count; i++)
        if (memcmp(remote->answers[i].stream, message->id.stream, MQTT_E2E_STREAM_ID_SIZE) == 0)
            return &remote->answers[i];
    if (remote->count == (remote->device ? 1 : REMOTE_ANSWERS_MAX))
        return NULL;
    remote_answer *answer = &remote->answers[remote->count++];
    memset(answer, 0, sizeof *answer);
    memcpy(answer->stream, message->id.stream, sizeof answer->stream);
    answer->command = message->request;
    remote->new_at = cli_run_now();
    return answer;
}

static bool has_inbox(remote_answer *answer)
{
    if (answer->storage)
        return true;
    answer->storage = malloc(STORAGE);
    if (!answer->storage) {
        cli_error("out of memory");
        return false;
    }
    mqtt_e2e_inbox_init(&answer->inbox, answer->storage, MQTT_E2E_PARTS, MQTT_E2E_PART_DATA, cli_run_now());
    return true;
}

/* Names come from the network, and go to topics and terminals. */
static void learn_name(remote_state *remote, remote_answer *answer, const mqtt_e2e_bytes *name)
{
    if (answer->known || name->len == 0 || name->len > REMOTE_NAME_MAX)
        return;
    for (size_t i = 0; i < name->len; i++) {
        unsigned char c = ((const unsigned char *)name->data)[i];
        if (c <= 0x20 || c == 0x7F || strchr("/+#", c))
            return;
    }
    memcpy(answer->name, name->data, name->len);
    answer->known = true;
    if (!remote->device)
        remote_control(remote, answer, MQTT_E2E_INPUT_ENDS, 0, NULL, 0);
}

/* Of an agent that we did not hear first: another of that name, or the same, which was started again meanwhile. */
static void from_other(remote_state *remote, const mqtt_e2e_part *part)
{
    remote_answer *answer = &remote->answers[0];
    mqtt_e2e_end last;
    if (!remote->device)
        return;
    bool unknown =
        part->type == MQTT_E2E_END && mqtt_e2e_end_read(&part->data, &last) && last.how == MQTT_E2E_NOT_KNOWN;
    if (!unknown && !remote->told_other) {
        remote->told_other = true;
        cli_warning("another device named %s answers too; only the first one is listened to", remote->device);
    } else if (unknown && !answer->ended && cli_run_now() - answer->heard_at >= REMOTE_OTHER_MS)
        end(remote, answer, &part->data);
}

void remote_answer_heard(remote_state *remote, const mqtt_e2e_message *message)
{
    mqtt_e2e_part part;
    int64_t now = cli_run_now();
    if (!mqtt_e2e_part_read(message->payload.data, message->payload.len, &part))
        return;
    remote_answer *answer = find(remote, message);
    if (!answer) {
        from_other(remote, &part);
        return;
    }
    answer->heard_at = now;
    if (answer->ended)
        return;
    if (part.type == MQTT_E2E_PLAIN) {
        answer->ended = true;
        answer->unwritable = !remote_output_plain(remote, answer, &part.data);
        return;
    }
    if (!has_inbox(answer))
        return;
    if (part.type == MQTT_E2E_START)
        learn_name(remote, answer, &part.data);
    if (part.type == MQTT_E2E_STATE) {
        mqtt_e2e_inbox_hear(&answer->inbox, part.number, now);
        remote_input_state(remote, answer, &part.data);
    } else
        mqtt_e2e_inbox_put(&answer->inbox, &part, now);
}
