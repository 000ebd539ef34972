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

static int descriptor(const remote_state *remote, uint8_t type)
{
    return type == MQTT_E2E_ERROR_OUTPUT && !remote->run.options->json ? STDERR_FILENO : STDOUT_FILENO;
}

bool remote_output_ready(const remote_state *remote, uint8_t type, int *fd)
{
    *fd = descriptor(remote, type);
    struct pollfd wanted = {.fd = *fd, .events = POLLOUT};
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

/* How many bytes at the end are a character (RFC 3629) of which there is more to come. */
static size_t unfinished(const char *text, size_t len)
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

static bool put_whole(int fd, const mqtt_e2e_bytes *data)
{
    char text[sizeof held[0].bytes + MQTT_E2E_PART_DATA];
    size_t which = fd == STDERR_FILENO, len = held[which].len;
    if (!isatty(fd) || data->len > MQTT_E2E_PART_DATA)
        return put(fd, data->data, data->len);
    memcpy(text, held[which].bytes, len);
    memcpy(text + len, data->data, data->len);
    len += data->len;
    held[which].len = unfinished(text, len);
    len -= held[which].len;
    memcpy(held[which].bytes, text + len, held[which].len);
    return put(fd, text, len);
}

/* ---- JSON ---------------------------------------------------------------------------------------- */

/* Takes the object over. */
static bool put_json(json_t *object, const remote_state *remote, const remote_answer *answer)
{
    const char *name = answer->known ? answer->name : remote->device;
    size_t flags = JSON_COMPACT | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0);
    if (name)
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

static bool put_json_data(const remote_state *remote, const remote_answer *answer, const char *type,
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
    return put_json(object, remote, answer);
}

static bool put_json_end(const remote_state *remote, const remote_answer *answer)
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
    return put_json(object, remote, answer);
}

/* ---- Lines of many devices ------------------------------------------------------------------------ */

static bool put_line(const remote_answer *answer, int fd, const char *line, size_t len)
{
    return put(fd, answer->name, strlen(answer->name)) && put(fd, ": ", 2) && put(fd, line, len) &&
           put(fd, "\n", 1);
}

/* Whole lines go out; one that is too long in pieces. */
static bool put_lines(remote_answer *answer, int which, const mqtt_e2e_bytes *data)
{
    int fd = which ? STDERR_FILENO : STDOUT_FILENO;
    const char *from = data->data;
    size_t *len = &answer->line_len[which];
    if (!answer->line[which] && !(answer->line[which] = malloc(MQTT_E2E_PART_DATA))) {
        cli_error("out of memory");
        return false;
    }
    for (size_t i = 0; i < data->len; i++) {
        if (from[i] != '\n')
            answer->line[which][(*len)++] = from[i];
        if (from[i] != '\n' && *len < MQTT_E2E_PART_DATA)
            continue;
        if (!put_line(answer, fd, answer->line[which], *len))
            return false;
        *len = 0;
    }
    return true;
}

/* ---- Pieces --------------------------------------------------------------------------------------- */

bool remote_output_piece(remote_state *remote, remote_answer *answer, const mqtt_e2e_part *piece)
{
    bool error = piece->type == MQTT_E2E_ERROR_OUTPUT;
    if (remote->run.options->json)
        return put_json_data(remote, answer, error ? "error" : "output", &piece->data);
    if (!remote->device)
        return put_lines(answer, error, &piece->data);
    return put_whole(descriptor(remote, piece->type), &piece->data);
}

bool remote_output_plain(remote_state *remote, remote_answer *answer, const mqtt_e2e_bytes *text)
{
    const char *data = text->data;
    if (remote->run.options->json)
        return put_json_data(remote, answer, "answer", text);
    return put(STDOUT_FILENO, data, text->len) &&
           ((text->len > 0 && data[text->len - 1] == '\n') || put(STDOUT_FILENO, "\n", 1));
}

bool remote_output_end(remote_state *remote, remote_answer *answer)
{
    char words[512];
    int code = remote_end_code(&answer->end, words, sizeof words);
    for (int which = 0; which < 2; which++)
        if (answer->line_len[which] && !put_line(answer, which ? STDERR_FILENO : STDOUT_FILENO,
                                                 answer->line[which], answer->line_len[which]))
            return false;
    if (!put(STDOUT_FILENO, held[0].bytes, held[0].len) || !put(STDERR_FILENO, held[1].bytes, held[1].len))
        return false;
    if (remote->run.options->json)
        return put_json_end(remote, answer);
    if (*words)
        cli_error("%s: %s",
                  answer->known    ? answer->name
                  : remote->device ? remote->device
                                   : "a device",
                  words);
    else if (code && !remote->device)
        cli_error("%s: exit code %d", answer->name, code);
    return true;
}
