/* SPDX-License-Identifier: MIT */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

bool cli_make_parents(const char *path)
{
    char dir[4096];
    size_t len = strlen(path);
    errno = ENAMETOOLONG;
    if (len >= sizeof dir)
        return false;
    memcpy(dir, path, len + 1);
    for (char *p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        if (mkdir(dir, 0700) != 0 && errno != EEXIST)
            return false;
        *p = '/';
    }
    return true;
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* The name itself is on the disk only when its directory is. */
static bool sync_directory(const char *path)
{
    char dir[4096];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof dir)
        return true;
    memcpy(dir, path, len);
    dir[len] = '\0';
    int fd = open(slash == path ? "/" : slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES; /* may be written but not read: then there is nothing to be done */
    bool fine = fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP;
    close(fd);
    return fine;
}

static bool cannot_make(const char *path)
{
    struct stat info;
    if (errno == EISDIR || (errno == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode))) {
        cli_error("'%s' is a directory", path);
        cli_hint("name a file in it");
        return false;
    }
    if (errno == EEXIST || errno == ELOOP) {
        cli_error("'%s' is there already, and is not overwritten", path);
        cli_hint("move it away, or write to another file with -o FILE");
        return false;
    }
    int why = errno;
    cli_error("cannot make the file '%s': %s", path, strerror(why));
    if (why == ENOENT)
        cli_hint("make its directory first");
    return false;
}

bool cli_write_new(const char *path, const void *data, size_t len, bool parents)
{
    if (parents && !cli_make_parents(path)) {
        cli_error("cannot make the directory of '%s': %s", path, strerror(errno));
        return false;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return cannot_make(path);
    /* The umask may have taken the owner's bits away. */
    bool fine = fchmod(fd, 0600) == 0 && write_all(fd, data, len) && fsync(fd) == 0;
    int why = errno;
    if (close(fd) != 0 && fine) {
        why = errno;
        fine = false;
    }
    if (fine && !sync_directory(path)) {
        why = errno;
        fine = false;
    }
    if (!fine) {
        unlink(path);
        cli_error("cannot write the file '%s': %s", path, strerror(why));
    }
    return fine;
}

const char *cli_without_line(const char *text)
{
    static const char line[] = "line 1: ";
    return text + (strncmp(text, line, sizeof line - 1) == 0 ? sizeof line - 1 : 0);
}

/* The base of the Toit profile, which a session has. */
static mqtt_e2e_status toit_base(const mqtt_e2e_config *config, char out[MQTT_E2E_BASE_SIZE])
{
    static const uint8_t none[MQTT_E2E_RANDOM_SIZE]; /* nothing is sealed in it */
    mqtt_e2e_options options;
    mqtt_e2e_session *session;
    mqtt_e2e_defaults(&options);
    mqtt_e2e_toit(&options);
    options.crypto = &mqtt_e2e_openssl;
    options.key = config->key;
    options.key_len = config->key_len;
    size_t size = mqtt_e2e_session_size(&options);
    void *storage = malloc(size);
    if (!storage)
        return MQTT_E2E_NO_ROOM;
    mqtt_e2e_status status = mqtt_e2e_init(&session, storage, size, &options, none, 0);
    if (status == MQTT_E2E_OK)
        snprintf(out, MQTT_E2E_BASE_SIZE, "%s", mqtt_e2e_base(session));
    mqtt_e2e_wipe(session);
    free(storage);
    return status;
}

bool cli_identify(const mqtt_e2e_config *config, cli_identity *identity)
{
    mqtt_e2e_status status =
        mqtt_e2e_fingerprint(&mqtt_e2e_openssl, config->key, config->key_len, identity->fingerprint);
    if (config->base_given)
        memcpy(identity->base, config->base, sizeof identity->base);
    else if (status == MQTT_E2E_OK && config->profile == MQTT_E2E_PROFILE_TOIT)
        status = toit_base(config, identity->base);
    else if (status == MQTT_E2E_OK)
        status = mqtt_e2e_key_base(&mqtt_e2e_openssl, config->key, config->key_len, identity->base);
    if (status != MQTT_E2E_OK)
        cli_error("cannot derive from the key: %s", mqtt_e2e_status_text(status));
    return status == MQTT_E2E_OK;
}

void cli_host_text(const mqtt_e2e_config *config, size_t i, char *out, size_t size)
{
    const mqtt_e2e_host *host = &config->hosts[i];
    snprintf(out, size, strchr(host->name, ':') ? "[%s]:%u" : "%s:%u", host->name,
             (unsigned)mqtt_e2e_host_port(host, config->tls));
}

void cli_forget(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

char *cli_key_text(const mqtt_e2e_config *config, const char *what)
{
    enum { URI_SIZE = 8192, TEXT_SIZE = URI_SIZE + 2048 };
    cli_identity identity;
    char *uri = calloc(1, URI_SIZE), *text = malloc(TEXT_SIZE), day[16] = "";
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc))
        strftime(day, sizeof day, "%Y-%m-%d", &utc);
    if (!uri || !text || !mqtt_e2e_config_uri(config, uri, URI_SIZE)) {
        cli_error("out of memory, or a key too long to write");
    } else if (cli_identify(config, &identity)) {
        snprintf(text, TEXT_SIZE,
                 "# %s, made %s. Secret: who has the line below reads and writes the messages.\n"
                 "# fingerprint %s\n"
                 "%s\n",
                 what, day, identity.fingerprint, uri);
        cli_forget(uri);
        return text;
    }
    free(text);
    cli_forget(uri);
    return NULL;
}
