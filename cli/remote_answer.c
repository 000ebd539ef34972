/* SPDX-License-Identifier: MIT */
/* Answers of devices: in one text, or in parts. */
#include <stdlib.h>
#include <string.h>

#include "remote.h"

#define STORAGE MQTT_E2E_BOX_SIZE(MQTT_E2E_PARTS, MQTT_E2E_PART_DATA)

/* ---- Controls ----------------------------------------------------------------------------------- */

void remote_control(remote_call *call, const char *name, const mqtt_e2e_id *id, uint8_t type, uint32_t number,
                    const void *data, size_t len)
{
    uint8_t frame[MQTT_E2E_CONTROL_HEAD + MQTT_E2E_PART_DATA];
    const mqtt_e2e_control control = {type, *id, number, {data, len}};
    char topic[CLI_NAME_MAX + 16];
    mqtt_e2e_error error;
    if (!*name)
        return;
    snprintf(topic, sizeof topic, "command/%s", name);
    len = mqtt_e2e_control_write(&control, frame, sizeof frame);
    if (!mqtt_e2e_client_publish(call->client, topic, frame, len, 1, false, NULL, &error))
        cli_tell(&error);
}

static void say(remote_call *call, const remote_answer *answer, uint8_t type, uint32_t number)
{
    const char *name = *call->device ? call->device : answer->name;
    remote_control(call, name, &answer->command, type, number, NULL, 0);
}

/* ---- Ends --------------------------------------------------------------------------------------- */

const char *remote_answer_name(const remote_call *call, const remote_answer *answer)
{
    return *answer->name ? answer->name : call->device;
}

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

static void end(remote_call *call, remote_answer *answer, const mqtt_e2e_bytes *data)
{
    if (!mqtt_e2e_end_read(data, &answer->end))
        answer->end = (mqtt_e2e_end){.how = MQTT_E2E_NOT_KNOWN};
    answer->ended = true;
    if (call->sink->end && !call->sink->end(call, answer))
        answer->unwritable = true;
    answer->end.text = (mqtt_e2e_bytes){NULL, 0}; /* it was in the inbox */
}

/* ---- Turns -------------------------------------------------------------------------------------- */

static void hand_on(remote_call *call, remote_answer *answer)
{
    mqtt_e2e_part piece;
    while (!answer->ended && mqtt_e2e_inbox_peek(&answer->inbox, &piece)) {
        if (piece.type == MQTT_E2E_END)
            end(call, answer, &piece.data);
        else if (piece.type != MQTT_E2E_START && !answer->unwritable) {
            if (call->sink->ready && !call->sink->ready(call, piece.type))
                return;
            answer->unwritable = call->sink->piece && !call->sink->piece(call, answer, &piece);
        }
        mqtt_e2e_inbox_take(&answer->inbox, cli_run_now());
    }
}

void remote_answer_turn(remote_call *call, remote_answer *answer)
{
    uint32_t number;
    if (!answer->storage)
        return;
    if (!answer->ended)
        hand_on(call, answer);
    int64_t now = cli_run_now();
    if (!answer->ended && mqtt_e2e_inbox_missing(&answer->inbox, now, &number))
        say(call, answer, MQTT_E2E_PARTS_MISSING, number);
    /* The end is told at once: we may not be here for long. */
    if (mqtt_e2e_inbox_got(&answer->inbox, answer->ended ? INT64_MAX : now, &number) && answer->known)
        say(call, answer, MQTT_E2E_PARTS_GOT, number);
}

int64_t remote_answer_when(const remote_answer *answer)
{
    return answer->storage && !answer->ended ? mqtt_e2e_inbox_when(&answer->inbox) : INT64_MAX;
}

void remote_answer_free(remote_answer *answer)
{
    free(answer->storage);
    free(answer->line[0]);
    free(answer->line[1]);
}

/* ---- Lines -------------------------------------------------------------------------------------- */

size_t remote_unfinished(const char *text, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char c = (unsigned char)text[len - back];
        size_t whole = c < 0xC0 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        if (c < 0x80 || c >= 0xF8)
            return 0;
        if (whole)
            return whole > back ? back : 0;
    }
    return 0;
}

bool remote_answer_lines(const remote_call *call, remote_answer *answer, bool error,
                         const mqtt_e2e_bytes *text, remote_put_line put)
{
    const char *from = text->data;
    size_t *len = &answer->line_len[error];
    if (!answer->line[error] && !(answer->line[error] = malloc(MQTT_E2E_PART_DATA))) {
        cli_error("out of memory");
        return false;
    }
    for (size_t i = 0; i < text->len; i++) {
        if (from[i] != '\n')
            answer->line[error][(*len)++] = from[i];
        if (from[i] != '\n' && *len < MQTT_E2E_PART_DATA)
            continue;
        size_t keep = from[i] != '\n' ? remote_unfinished(answer->line[error], *len) : 0;
        if (!put(call, answer, error, answer->line[error], *len - keep))
            return false;
        memmove(answer->line[error], answer->line[error] + *len - keep, keep);
        *len = keep;
    }
    return true;
}

bool remote_answer_last_lines(const remote_call *call, remote_answer *answer, remote_put_line put)
{
    for (int error = 0; error < 2; error++)
        if (answer->line_len[error] &&
            !put(call, answer, error, answer->line[error], answer->line_len[error]))
            return false;
    return true;
}

/* ---- What arrives ------------------------------------------------------------------------------- */

static bool make_room(remote_call *call)
{
    size_t room = call->room ? 2 * call->room : 1;
    if (call->count < call->room)
        return true;
    if (call->count == (*call->device ? 1 : REMOTE_ANSWERS_MAX))
        return false;
    remote_answer *answers = realloc(call->answers, room * sizeof *answers);
    if (!answers)
        return false;
    call->answers = answers;
    call->room = room;
    return true;
}

static remote_answer *find(remote_call *call, const mqtt_e2e_message *message)
{
    for (size_t i = 0; i < call->count; i++)
        if (memcmp(call->answers[i].stream, message->id.stream, MQTT_E2E_STREAM_ID_SIZE) == 0)
            return &call->answers[i];
    if (!make_room(call))
        return NULL;
    remote_answer *answer = &call->answers[call->count++];
    memset(answer, 0, sizeof *answer);
    memcpy(answer->stream, message->id.stream, sizeof answer->stream);
    answer->command = message->request;
    if (call->key_name)
        snprintf(answer->name, sizeof answer->name, "%s", call->key_name);
    call->new_at = cli_run_now();
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
static void learn_name(remote_call *call, remote_answer *answer, const mqtt_e2e_bytes *name)
{
    if (answer->known || !cli_is_name(name->data, name->len))
        return;
    if (!call->key_name)
        memcpy(answer->name, name->data, name->len);
    answer->known = true;
    if (!*call->device)
        say(call, answer, MQTT_E2E_INPUT_ENDS, 0);
}

/* Of an agent that we did not hear first: another of that name, or the same, which was started again meanwhile. */
static void from_other(remote_call *call, const mqtt_e2e_part *part)
{
    mqtt_e2e_end last;
    if (!*call->device || call->count == 0)
        return;
    remote_answer *answer = &call->answers[0];
    bool unknown =
        part->type == MQTT_E2E_END && mqtt_e2e_end_read(&part->data, &last) && last.how == MQTT_E2E_NOT_KNOWN;
    if (!unknown && !call->told_other) {
        call->told_other = true;
        cli_warning("another device named %s answers too; only the first one is listened to", call->device);
    } else if (unknown && !answer->ended && cli_run_now() - answer->heard_at >= REMOTE_OTHER_MS)
        end(call, answer, &part->data);
}

void remote_answer_heard(remote_call *call, const mqtt_e2e_message *message)
{
    mqtt_e2e_part part;
    int64_t now = cli_run_now();
    if (!mqtt_e2e_part_read(message->payload.data, message->payload.len, &part))
        return;
    remote_answer *answer = find(call, message);
    if (!answer) {
        from_other(call, &part);
        return;
    }
    answer->heard_at = now;
    if (answer->ended)
        return;
    if (part.type == MQTT_E2E_PLAIN) {
        answer->ended = answer->plain = true;
        answer->unwritable = !call->sink->plain(call, answer, &part.data);
        return;
    }
    if (!has_inbox(answer))
        return;
    if (part.type == MQTT_E2E_START)
        learn_name(call, answer, &part.data);
    if (part.type == MQTT_E2E_STATE) {
        mqtt_e2e_inbox_hear(&answer->inbox, part.number, now);
        remote_call_state(call, answer, &part.data);
    } else
        mqtt_e2e_inbox_put(&answer->inbox, &part, now);
}
