/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

enum { FILE_MAX = 1 << 20 };

bool cli_is_name(const void *name, size_t len)
{
    const unsigned char *text = name;
    if (len == 0 || len > CLI_NAME_MAX || (len == 3 && memcmp(name, "all", 3) == 0))
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= 0x20 || text[i] == 0x7F || strchr("/+#", text[i]))
            return false;
    return true;
}

bool cli_name_ok(const char *name)
{
    json_t *string = json_string(name); /* NULL where it is not UTF-8 */
    json_decref(string);
    return string && cli_is_name(name, strlen(name));
}

bool cli_names_path(const char *secret, char *out, size_t size)
{
    char place[CLI_NAMES_PATH_SIZE];
    if (!secret && !mqtt_e2e_config_path(place, sizeof place)) {
        cli_error("no home directory to look for the key file in");
        return false;
    }
    int n = snprintf(out, size, "%s.devices", secret ? secret : place);
    if (n < 0 || (size_t)n >= size) {
        cli_error("the path of the key file is too long");
        return false;
    }
    return true;
}

/* ---- Reading ------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool has(char (*names)[CLI_NAME_MAX + 1], size_t count, const char *name)
{
    return count && bsearch(name, names, count, sizeof *names, compare);
}

bool cli_names_has(const cli_names *names, const char *name)
{
    return has(names->names, names->count, name) && !cli_names_lost(names, name);
}

bool cli_names_lost(const cli_names *names, const char *name)
{
    return has(names->lost, names->lost_count, name);
}

static void sort(char (*names)[CLI_NAME_MAX + 1], size_t *count)
{
    size_t kept = 0;
    if (*count)
        qsort(names, *count, sizeof *names, compare);
    for (size_t i = 0; i < *count; i++)
        if (i == 0 || strcmp(names[i], names[kept - 1]) != 0)
            memmove(names[kept++], names[i], sizeof *names);
    *count = kept;
}

/* One line, which ends with a NUL. NULL, or what is wrong with it. */
static const char *take_line(char *line, cli_names *names)
{
    line[strcspn(line, "#")] = '\0';
    line += strspn(line, " \t");
    for (size_t n = strlen(line); n && strchr(" \t\r", line[n - 1]);)
        line[--n] = '\0';
    if (!*line)
        return NULL;
    bool lost = *line == '!';
    line += lost;
    if (!cli_name_ok(line))
        return "no name of a device: up to 64 characters, no blank, '/', '+' or '#', and not 'all'";
    size_t *count = lost ? &names->lost_count : &names->count;
    if (*count == CLI_NAMES_MAX)
        return "too many names: 4096 can be known";
    strcpy((lost ? names->lost : names->names)[(*count)++], line);
    return NULL;
}

static bool take(char *text, size_t len, const char *path, cli_names *names)
{
    unsigned number = 1;
    if (memchr(text, '\0', len)) {
        cli_error("the names of devices in '%s': a NUL is in it", path);
        return false;
    }
    for (char *line = text, *end; line; line = end ? end + 1 : NULL, number++) {
        end = strchr(line, '\n');
        if (end)
            *end = '\0';
        const char *wrong = take_line(line, names);
        if (wrong) {
            cli_error("the names of devices in '%s': line %u: %s", path, number, wrong);
            return false;
        }
    }
    sort(names->names, &names->count);
    sort(names->lost, &names->lost_count);
    return true;
}

/* All of it, which may be a pipe's, ended by a NUL, to be freed. NULL: errno says why. */
static char *read_fd(int fd, size_t *len)
{
    char *text = malloc(FILE_MAX + 1);
    *len = 0;
    while (text) {
        ssize_t n = read(fd, text + *len, FILE_MAX + 1 - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0) {
            text[*len] = '\0';
            return text;
        }
        if (n > 0 && (*len += (size_t)n) <= FILE_MAX)
            continue;
        int why = n < 0 ? errno : EFBIG;
        free(text);
        errno = why;
        return NULL;
    }
    return NULL;
}

static bool cannot(const char *what, const char *path)
{
    cli_error("cannot %s the names of devices in '%s': %s", what, path, strerror(errno));
    return false;
}

bool cli_names_read(const char *path, bool must, cli_names *names)
{
    size_t len;
    *names = (cli_names){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return (errno == ENOENT && !must) || cannot("read", path);
    char *text = read_fd(fd, &len);
    int why = errno;
    close(fd);
    errno = why;
    if (!text)
        return cannot("read", path);
    names->names = calloc(CLI_NAMES_MAX, sizeof *names->names);
    names->lost = calloc(CLI_NAMES_MAX, sizeof *names->lost);
    bool fine = names->names && names->lost && take(text, len, path, names);
    if (!names->names || !names->lost)
        cli_error("out of memory");
    free(text);
    return fine;
}

void cli_names_free(cli_names *names)
{
    free(names->names);
    free(names->lost);
    *names = (cli_names){0};
}

/* ---- Adding ------------------------------------------------------------------------------------- */

/* A line at the end, whole or not at all. What was there is never written anew, so that it can't get lost. */
static bool append(int fd, const char *name, bool fresh_line)
{
    char line[CLI_NAME_MAX + 4];
    struct stat before;
    int len = snprintf(line, sizeof line, "%s%s\n", fresh_line ? "" : "\n", name);
    if (fstat(fd, &before) != 0)
        return false;
    ssize_t n = write(fd, line, (size_t)len);
    if (n == len && fsync(fd) == 0)
        return true;
    int why = n >= 0 && n < len ? ENOSPC : errno;
    if (n > 0 && ftruncate(fd, before.st_size) != 0)
        cli_warning("its last line may be cut off");
    errno = why;
    return false;
}

/* Behind a lock, so that two that add a name each add both. NULL: fine; else what could not be done. */
static const char *record(int fd, const char *path, const char *name)
{
    cli_names names = {0};
    size_t len;
    const char *failed = NULL;
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        errno = EINVAL;
        return "add to";
    }
    if (flock(fd, LOCK_EX) != 0)
        return "lock";
    char *text = read_fd(fd, &len);
    if (!text)
        return "read";
    bool ended = len == 0 || text[len - 1] == '\n';
    free(text);
    if (!cli_names_read(path, true, &names))
        failed = "";
    else if (cli_names_lost(&names, name))
        cli_warning("'%s' says that the device '%s' was lost: take that line out if it is not so", path,
                    name);
    else if (!cli_names_has(&names, name) && !append(fd, name, ended))
        failed = "write";
    cli_names_free(&names);
    return failed;
}

bool cli_names_record(const char *path, const char *name)
{
    const char *failed = "open";
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd >= 0)
        failed = record(fd, path, name);
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (failed && *failed)
        cli_warning("the name '%s' is not recorded: cannot %s '%s': %s", name, failed, path, strerror(why));
    return !failed;
}
