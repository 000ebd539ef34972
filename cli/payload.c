/* SPDX-License-Identifier: MIT */
/* The payload of one message, from the command line, a file or standard input. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

/* Room for more. False: the payload would be longer than any packet. */
static bool grow(char **data, size_t *size)
{
    size_t wanted = *size ? 2 * *size : 65536;
    char *more = *size > MQTT_E2E_PAYLOAD_MAX ? NULL : realloc(*data, wanted);
    if (!more)
        return false;
    *data = more;
    *size = wanted;
    return true;
}

static bool read_all(int fd, const char *name, char **data, size_t *len)
{
    size_t size = 0;
    for (;;) {
        if (*len == size && !grow(data, &size)) {
            cli_error("%s is too long for a message: at most %d bytes", name, MQTT_E2E_PAYLOAD_MAX);
            return false;
        }
        ssize_t n = read(fd, *data + *len, size - *len);
        if (n == 0)
            return true;
        if (n > 0)
            *len += (size_t)n;
        else if (errno != EINTR) {
            cli_error("cannot read %s: %s", name, strerror(errno));
            return false;
        }
    }
}

static bool read_file(const char *path, char **data, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        cli_error("cannot open '%s': %s", path, strerror(errno));
        return false;
    }
    char name[300];
    snprintf(name, sizeof name, "'%s'", path);
    bool fine = read_all(fd, name, data, len);
    close(fd);
    return fine;
}

/* A payload of any size may be sent, whatever the queue's bound. */
static void make_way(cli_options *options, size_t len)
{
    mqtt_e2e_client_options *client = &options->client;
    if (client->queue_bytes < len)
        client->queue_bytes = len;
    if (len + MQTT_E2E_OVERHEAD > client->session.longest_packet)
        cli_warning("%zu bytes: receivers refuse what is longer than %zu unless they set a higher limit", len,
                    client->session.longest_packet - (size_t)MQTT_E2E_OVERHEAD);
}

bool cli_read_payload(cli_options *options, void **data, size_t *len)
{
    char *text = NULL;
    bool fine = true;
    *len = 0;
    bool from_stdin = options->source == CLI_STDIN ||
                      (options->source == CLI_FILE && strcmp(options->source_value, "-") == 0);
    if (options->source == CLI_FILE && !from_stdin)
        fine = read_file(options->source_value, &text, len);
    else if (from_stdin)
        fine = read_all(STDIN_FILENO, "standard input", &text, len);
    else if (options->source == CLI_MESSAGE) {
        text = strdup(options->source_value);
        *len = strlen(options->source_value);
        fine = text != NULL;
        if (!fine)
            cli_error("out of memory");
    }
    if (!fine) {
        free(text);
        text = NULL;
    }
    *data = text;
    if (fine)
        make_way(options, *len);
    return fine;
}
