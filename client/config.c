/* SPDX-License-Identifier: MIT */
/* Key files: where they are, their lines, and writing the URI back. The URI itself is read in uri.c. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uri.h"
#include "../src/b64u.h"

#define FILE_MAX ((size_t)65536) /* bytes of a key file; comments need no more */

bool mqtt_e2e_config_profile(mqtt_e2e_config *config, const char *text)
{
    bool toit = strcmp(text, "toit") == 0, both = strcmp(text, "toit,1") == 0;
    if (!toit && !both && strcmp(text, "1") != 0)
        return false;
    config->profile = toit ? MQTT_E2E_PROFILE_TOIT : MQTT_E2E_PROFILE_1;
    config->toit_too = both;
    return true;
}

void mqtt_e2e_config_wipe(mqtt_e2e_config *config)
{
    explicit_bzero(config, sizeof *config);
}

/* ---- Lines --------------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* Cuts the comment, the end of line, and white space at both ends off a line. */
static void trim(const char **line, size_t *len)
{
    const char *p = *line;
    size_t n = *len;
    n -= n > 0 && p[n - 1] == '\r';
    for (size_t i = 0; i < n; i++)
        if (p[i] == '#' && (i == 0 || is_space(p[i - 1])))
            n = i;
    while (n > 0 && is_space(p[n - 1]))
        n--;
    while (n > 0 && is_space(p[0])) {
        p++;
        n--;
    }
    *line = p;
    *len = n;
}

/* Finds the one line that counts. */
static bool find_line(const char *text, size_t len, const char **line, size_t *line_len, unsigned *number,
                      mqtt_e2e_error *error)
{
    const char *end = text + len;
    *number = 0;
    for (unsigned i = 1; text < end; i++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text)), *p = text;
        stop = stop ? stop : end;
        size_t n = (size_t)(stop - text);
        trim(&p, &n);
        if (n > 0 && *number > 0)
            return e2e_error_set(error, "comments start with '#'",
                                 "lines %u and %u both hold a key; one line may", *number, i);
        if (n > 0) {
            *line = p;
            *line_len = n;
            *number = i;
        }
        text = stop + (stop < end);
    }
    return *number > 0 ||
           e2e_error_set(error, "mqtt-e2e keygen makes a key file", "no key: no line but comments");
}

static bool starts_with(const char *line, size_t len, const char *start)
{
    return len >= strlen(start) && memcmp(line, start, strlen(start)) == 0;
}

/* A line of the wrong scheme, mqtt://user:password@host above all, is told apart from a bad bare key. */
static bool has_scheme(const char *line, size_t len)
{
    for (size_t i = 0; i + 3 <= len; i++)
        if (memcmp(line + i, "://", 3) == 0)
            return true;
    return false;
}

static bool parse_line(const char *line, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error)
{
    if (starts_with(line, len, E2E_URI_SCHEME))
        return e2e_uri_parse(line, len, config, error);
    if (has_scheme(line, len))
        return e2e_error_set(error, "the URI of a key is mqtt-e2e://KEY@host:port/base",
                             "a URI of another scheme than mqtt-e2e://");
    return e2e_uri_parse_bare(line, len, config, error);
}

static void put_before(mqtt_e2e_error *error, const char *what)
{
    char text[sizeof error->text];
    if (!error)
        return;
    memcpy(text, error->text, sizeof text);
    snprintf(error->text, sizeof error->text, "%.100s: %.150s", what, text);
}

bool mqtt_e2e_config_parse(const char *text, size_t len, mqtt_e2e_config *config, mqtt_e2e_error *error)
{
    const char *line = NULL;
    size_t line_len = 0;
    unsigned number;
    char where[32];
    memset(config, 0, sizeof *config);
    e2e_error_set(error, "", "%s", "");
    if (len > FILE_MAX)
        return e2e_error_set(error, "", "over %zu bytes long, which no key file is", FILE_MAX);
    if (len > 0 && memchr(text, '\0', len))
        return e2e_error_set(error, "a key file is text", "a NUL byte: this is not a text file");
    if (starts_with(text, len, "\xEF\xBB\xBF")) { /* the mark that some editors put in front of UTF-8 */
        text += 3;
        len -= 3;
    }
    if (!find_line(text, len, &line, &line_len, &number, error))
        return false;
    if (parse_line(line, line_len, config, error))
        return true;
    mqtt_e2e_config_wipe(config);
    snprintf(where, sizeof where, "line %u", number);
    put_before(error, where);
    return false;
}

/* ---- Files --------------------------------------------------------------------------------------- */

static bool join(char *out, size_t size, const char *dir, const char *rest)
{
    int n = snprintf(out, size, "%s%s", dir, rest);
    return n > 0 && (size_t)n < size;
}

bool mqtt_e2e_config_path(char *out, size_t size)
{
    const char *file = secure_getenv("MQTT_E2E_KEY_FILE"), *dir = secure_getenv("XDG_CONFIG_HOME");
    const char *home = secure_getenv("HOME");
    if (file && *file)
        return join(out, size, file, "");
    if (dir && *dir == '/') /* a relative one is to be ignored (XDG Base Directory Specification) */
        return join(out, size, dir, "/mqtt-e2e/key");
    if (home && *home == '/')
        return join(out, size, home, "/.config/mqtt-e2e/key");
    const struct passwd *user = getpwuid(geteuid());
    return user && user->pw_dir && *user->pw_dir == '/' &&
           join(out, size, user->pw_dir, "/.config/mqtt-e2e/key");
}

/* At most FILE_MAX + 1 bytes; -1: errno says why. */
static ssize_t read_all(int fd, char *text)
{
    size_t len = 0;
    while (len <= FILE_MAX) {
        ssize_t n = read(fd, text + len, FILE_MAX + 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static bool load_fd(int fd, mqtt_e2e_config *config, mqtt_e2e_error *error)
{
    struct stat info;
    char *text = malloc(FILE_MAX + 1);
    if (!text)
        return e2e_error_set(error, "", "out of memory");
    ssize_t len = read_all(fd, text);
    bool fine = len < 0 ? e2e_error_set(error, "", "cannot read it: %s", strerror(errno))
                        : mqtt_e2e_config_parse(text, (size_t)len, config, error);
    explicit_bzero(text, FILE_MAX + 1);
    free(text);
    if (fine && fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        config->others_can_read = info.st_mode & (S_IRGRP | S_IROTH);
    return fine;
}

/* "key file '...'": of a long path the end, which tells more. */
static void name_file(char *out, size_t size, const char *path)
{
    size_t len = strlen(path);
    if (strcmp(path, "-") == 0)
        snprintf(out, size, "the key on standard input");
    else if (len > 80)
        snprintf(out, size, "key file '...%s'", path + len - 77);
    else
        snprintf(out, size, "key file '%s'", path);
}

bool mqtt_e2e_config_load(const char *path, mqtt_e2e_config *config, mqtt_e2e_error *error)
{
    char place[4096], what[100];
    bool by_default = !path;
    memset(config, 0, sizeof *config);
    e2e_error_set(error, "", "%s", "");
    if (by_default && !mqtt_e2e_config_path(place, sizeof place))
        return e2e_error_set(error, "name the key file, or set HOME",
                             "no home directory to look for the key file in");
    path = by_default ? place : path;
    name_file(what, sizeof what, path);
    bool from_stdin = !by_default && strcmp(path, "-") == 0;
    int fd = from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        const char *hint = errno != ENOENT ? ""
                           : by_default ? "'mqtt-e2e keygen' makes one; to use another, name it with -K FILE"
                                        : "'mqtt-e2e keygen FILE' makes one";
        return e2e_error_set(error, hint, "cannot open the %s: %s", what, strerror(errno));
    }
    bool fine = load_fd(fd, config, error);
    if (!from_stdin)
        close(fd);
    if (!fine)
        put_before(error, what);
    return fine;
}

/* ---- Writing -------------------------------------------------------------------------------------- */

typedef struct {
    char *out;
    size_t size, len; /* len >= size: it did not fit */
} writer;

static void put(writer *w, const char *text, size_t len)
{
    if (w->len < w->size && len < w->size - w->len)
        memcpy(w->out + w->len, text, len);
    else
        len = w->size; /* for good */
    w->len += len;
}

static void put_text(writer *w, const char *text)
{
    put(w, text, strlen(text));
}

/* Percent-encodes all but RFC 3986's unreserved characters and those in `plain`. */
static void put_encoded(writer *w, const char *text, const char *plain)
{
    for (; *text; text++) {
        char c = *text, hex[4];
        bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (unreserved || strchr("-._~", c) || strchr(plain, c)) {
            put(w, text, 1);
            continue;
        }
        snprintf(hex, sizeof hex, "%%%02X", (unsigned)(unsigned char)c);
        put(w, hex, 3);
    }
}

static void put_host(writer *w, const mqtt_e2e_host *host, bool first)
{
    char port[8];
    put_text(w, first ? "@" : ",");
    if (strchr(host->name, ':')) {
        put_text(w, "[");
        put_encoded(w, host->name, ":");
        put_text(w, "]");
    } else {
        put_text(w, host->name);
    }
    if (host->port) {
        snprintf(port, sizeof port, ":%u", (unsigned)host->port);
        put_text(w, port);
    }
}

static void put_query(writer *w, char *sign, const char *name, const char *value)
{
    put(w, sign, 1);
    *sign = '&';
    put_text(w, name);
    put_encoded(w, value, "");
}

static void put_queries(writer *w, const mqtt_e2e_config *config)
{
    char sign = '?';
    if (config->base_given && !config->base[0]) /* a slash with nothing behind it would be no base */
        put_query(w, &sign, "base=", "");
    if (config->name[0])
        put_query(w, &sign, "name=", config->name);
    if (config->tls)
        put_query(w, &sign, "tls=", "1");
    if (config->user[0])
        put_query(w, &sign, "user=", config->user);
    if (config->password[0])
        put_query(w, &sign, "password=", config->password);
    if (config->plain_topics)
        put_query(w, &sign, "plain=", "1");
    if (config->announce[0])
        put_query(w, &sign, "announce=", config->announce);
    if (config->profile == MQTT_E2E_PROFILE_TOIT)
        put_query(w, &sign, "profile=", "toit");
    if (config->toit_too)
        put_query(w, &sign, "profile=toit,1", "");
}

size_t mqtt_e2e_config_uri(const mqtt_e2e_config *config, char *out, size_t size)
{
    writer w = {out, size, 0};
    char key[E2E_B64U_SIZE(32)];
    if (size == 0 || (config->key_len != 16 && config->key_len != 32))
        return 0;
    put_text(&w, E2E_URI_SCHEME);
    put(&w, key, e2e_b64u_encode(config->key, config->key_len, key));
    explicit_bzero(key, sizeof key);
    for (size_t i = 0; i < config->host_count; i++)
        put_host(&w, &config->hosts[i], i == 0);
    if (config->base_given && config->base[0]) {
        put_text(&w, "/");
        put_encoded(&w, config->base, "/");
    }
    put_queries(&w, config);
    if (w.len >= size) {
        explicit_bzero(out, size);
        return 0;
    }
    out[w.len] = '\0';
    return w.len;
}
