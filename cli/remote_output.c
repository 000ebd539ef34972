/* SPDX-License-Identifier: MIT */
/*
 * Prints answers: output and error output apart, as they come, byte for byte; of all devices, line by line, behind their names;
 * or as JSON. On a terminal nothing of it can steer that.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "format.h"
#include "remote.h"

/* ---- Descriptors --------------------------------------------------------------------------------- */

static const cli_options *options_of(const remote_call *call)
{
    const remote_state *remote = call->owner;
    return remote->run.options;
}

int remote_output_descriptor(const remote_call *call, uint8_t type)
{
    return type == MQTT_E2E_ERROR_OUTPUT && !options_of(call)->json ? STDERR_FILENO : STDOUT_FILENO;
}

static bool ready(const remote_call *call, uint8_t type)
{
    struct pollfd wanted = {.fd = remote_output_descriptor(call, type), .events = POLLOUT};
    return poll(&wanted, 1, 0) != 0; /* a pipe that can be written takes more than a part has */
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) { /* somebody made it so */
            struct pollfd wanted = {.fd = fd, .events = POLLOUT};
            poll(&wanted, 1, 1000);
            continue;
        }
        if (n < 0) {
            if (errno != EPIPE)
                cli_error("cannot write to standard %s: %s", fd == STDOUT_FILENO ? "output" : "error",
                          strerror(errno));
            return false;
        }
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static bool put(int fd, const void *data, size_t len)
{
    char visible[4 * MQTT_E2E_PART_DATA + 1];
    if (!isatty(fd))
        return write_all(fd, data, len);
    for (const char *from = data; len > 0;) {
        size_t n = len < MQTT_E2E_PART_DATA ? len : MQTT_E2E_PART_DATA;
        if (!write_all(fd, visible, cli_make_visible(from, n, visible)))
            return false;
        from += n;
        len -= n;
    }
    return true;
}

/* What stands at the end of a piece and may be the beginning of a character, by descriptor: for terminals. */
static struct {
    char bytes[3];
    size_t len;
} held[2];

static bool put_whole(int fd, const mqtt_e2e_bytes *data)
{
    char text[sizeof held[0].bytes + MQTT_E2E_PART_DATA];
    size_t which = fd == STDERR_FILENO, len = held[which].len;
    if (!isatty(fd) || data->len > MQTT_E2E_PART_DATA)
        return put(fd, data->data, data->len);
    memcpy(text, held[which].bytes, len);
    memcpy(text + len, data->data, data->len);
    len += data->len;
    held[which].len = remote_unfinished(text, len);
    len -= held[which].len;
    memcpy(held[which].bytes, text + len, held[which].len);
    return put(fd, text, len);
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

/* Takes the object over. */
static bool put_json(json_t *object, const remote_call *call, const remote_answer *answer)
{
    const char *name = remote_answer_name(call, answer);
    size_t flags = JSON_COMPACT | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0);
    if (*name)
        json_object_set_new(object, "device", json_string(name));
    char *text = json_dumps(object, flags);
    json_decref(object);
    if (!text) {
        cli_error("out of memory");
        return false;
    }
    bool fine = write_all(STDOUT_FILENO, text, strlen(text)) && write_all(STDOUT_FILENO, "\n", 1);
    free(text);
    return fine;
}

static bool put_json_data(const remote_call *call, const remote_answer *answer, const char *type,
                          const mqtt_e2e_bytes *data)
{
    char *hex = malloc(2 * data->len + 1);
    json_t *object = json_object(), *text = json_stringn(data->data ? data->data : "", data->len);
    if (!hex || !object) {
        free(hex);
        cli_error("out of memory");
        return false;
    }
    cli_hex(data->data, data->len, hex);
    json_object_set_new(object, "type", json_string(type));
    if (text) /* UTF-8 */
        json_object_set_new(object, "data", text);
    json_object_set_new(object, "data_hex", json_string(hex));
    free(hex);
    return put_json(object, call, answer);
}

static bool put_json_end(const remote_call *call, const remote_answer *answer)
{
    static const char *const how[] = {"exited",       "killed",  "not_run",  "time_limit",
                                      "output_limit", "stopped", "not_known"};
    const mqtt_e2e_end *end = &answer->end;
    json_t *object = json_object(), *text = json_stringn(end->text.data, end->text.len);
    json_object_set_new(object, "type", json_string("end"));
    json_object_set_new(object, "how", json_string(how[end->how]));
    json_object_set_new(object, "code", json_integer(end->code));
    if (text && end->text.len)
        json_object_set(object, "text", text);
    json_decref(text);
    return put_json(object, call, answer);
}

/* ---- Pieces --------------------------------------------------------------------------------------- */

/* Of many devices, lines stand behind their names. */
static bool put_line(const remote_call *call, const remote_answer *answer, bool error, const char *line,
                     size_t len)
{
    int fd = error ? STDERR_FILENO : STDOUT_FILENO;
    const char *name = remote_answer_name(call, answer);
    return put(fd, name, strlen(name)) && put(fd, ": ", 2) && put(fd, line, len) && put(fd, "\n", 1);
}

static bool piece(remote_call *call, remote_answer *answer, const mqtt_e2e_part *part)
{
    bool error = part->type == MQTT_E2E_ERROR_OUTPUT;
    if (options_of(call)->json)
        return put_json_data(call, answer, error ? "error" : "output", &part->data);
    if (!*call->device)
        return remote_answer_lines(call, answer, error, &part->data, put_line);
    return put_whole(remote_output_descriptor(call, part->type), &part->data);
}

/* Most say who they are; who has a key of its own is held to that, where all were asked. */
static bool put_name(const remote_call *call, const char *text, size_t len)
{
    const char *name = *call->device || !call->key_name ? "" : call->key_name;
    size_t n = strlen(name);
    return n == 0 || (len > n && memcmp(text, name, n) == 0 && text[n] == ':') ||
           (put(STDOUT_FILENO, name, n) && put(STDOUT_FILENO, ": ", 2));
}

static bool plain(remote_call *call, remote_answer *answer, const mqtt_e2e_bytes *text)
{
    const char *data = text->data;
    if (options_of(call)->json)
        return put_json_data(call, answer, "answer", text);
    return put_name(call, data, text->len) && put(STDOUT_FILENO, data, text->len) &&
           ((text->len > 0 && data[text->len - 1] == '\n') || put(STDOUT_FILENO, "\n", 1));
}

static bool end(remote_call *call, remote_answer *answer)
{
    char words[512];
    const char *name = remote_answer_name(call, answer);
    int code = remote_end_code(&answer->end, words, sizeof words);
    if (!remote_answer_last_lines(call, answer, put_line) ||
        !put(STDOUT_FILENO, held[0].bytes, held[0].len) || !put(STDERR_FILENO, held[1].bytes, held[1].len))
        return false;
    if (options_of(call)->json)
        return put_json_end(call, answer);
    if (*words)
        cli_error("%s: %s", *name ? name : "a device", words);
    else if (code && !*call->device)
        cli_error("%s: exit code %d", name, code);
    return true;
}

const remote_sink remote_output = {ready, piece, plain, end};
