/* SPDX-License-Identifier: MIT */
/* Keys and passwords: from files and the environment, never from arguments, which everybody on the machine reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

bool cli_load_key(const char *path, mqtt_e2e_config *config)
{
    mqtt_e2e_error error;
    char place[4096];
    if (!mqtt_e2e_config_load(path, config, &error)) {
        cli_tell(&error);
        return false;
    }
    if (config->others_can_read) {
        if (!path && mqtt_e2e_config_path(place, sizeof place))
            path = place;
        cli_warning("others on this machine can read the key file %s", path ? path : "");
        cli_hint("chmod 600 '%s'; if they are not trusted, make a new key", path ? path : "");
    }
    return true;
}

bool cli_device_key(const mqtt_e2e_config *config, const char *name, uint8_t key[32])
{
    mqtt_e2e_status status = mqtt_e2e_device_key(&mqtt_e2e_openssl, config->key, config->key_len, name, key);
    if (status != MQTT_E2E_OK)
        cli_error("cannot derive a key for the device '%s': %s", name, mqtt_e2e_status_text(status));
    return status == MQTT_E2E_OK;
}

static int from_environment(const char *command, const char *name, char *out, size_t size)
{
    const char *value = getenv(name);
    if (!value)
        return cli_usage_error(command, "the environment variable '%s' of -P is not set", name);
    if (strlen(value) >= size)
        return cli_usage_error(
            command, "the password in the environment variable '%s' is over %zu bytes long", name, size - 1);
    memcpy(out, value, strlen(value) + 1);
    return CLI_OK;
}

static bool read_all(int fd, char *out, size_t size, size_t *len)
{
    *len = 0;
    while (*len < size) {
        ssize_t n = read(fd, out + *len, size - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        *len += (size_t)n;
    }
    return true;
}

/* The first line of a file, without its end. */
static int from_file(const char *path, char *out, size_t size)
{
    size_t len;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        cli_error("cannot open the password file '%s': %s", path, strerror(errno));
        return CLI_FAILED;
    }
    bool fine = read_all(fd, out, size, &len);
    if (!fine)
        cli_error("cannot read the password file '%s': %s", path, strerror(errno));
    close(fd);
    if (!fine)
        return CLI_FAILED;
    const char *end = memchr(out, '\n', len);
    size_t line = end ? (size_t)(end - out) : len;
    line -= line > 0 && out[line - 1] == '\r';
    if (line >= size || memchr(out, '\0', line)) {
        cli_error("the first line of the password file '%s' is over %zu bytes long, or holds a NUL", path,
                  size - 1);
        return CLI_FAILED;
    }
    explicit_bzero(out + line, size - line);
    return CLI_OK;
}

int cli_password(const char *command, const char *spec, char *out, size_t size)
{
    int code;
    if (strncmp(spec, "file:", 5) == 0 && spec[5])
        code = from_file(spec + 5, out, size);
    else if (strncmp(spec, "env:", 4) == 0 && spec[4])
        code = from_environment(command, spec + 4, out, size);
    else {
        cli_usage_error(command,
                        "-P takes file:PATH or env:NAME, not the password: all users can read arguments");
        code = CLI_USAGE;
    }
    if (code != CLI_OK)
        explicit_bzero(out, size);
    return code;
}
