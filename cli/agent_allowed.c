/* SPDX-License-Identifier: MIT */
/* The commands that an agent runs: those of --command, and the executables of --commands. Nothing else. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"

/* What can name a command: no path, nothing hidden, nothing that would need quotes. */
static bool is_name(const char *name, size_t len)
{
    if (len == 0 || len > AGENT_NAME_MAX || *name == '.' || *name == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] <= 0x20 || name[i] == 0x7F || name[i] == '/')
            return false;
    return true;
}

static int check_program(const char *item)
{
    const char *equals = strchr(item, '=');
    size_t len = equals ? (size_t)(equals - item) : strlen(item);
    char name[AGENT_NAME_MAX + 1] = "";
    if (!equals || !is_name(item, len))
        return cli_usage_error("agent", "--command takes NAME=PROGRAM, not '%s'", item);
    memcpy(name, item, len);
    if (agent_builtin_is(name))
        return cli_usage_error("agent", "--command %s: that one is built in", name);
    if (!strchr(equals, '/'))
        return cli_usage_error("agent", "--command %s: '%s' is no path", name, equals + 1);
    if (access(equals + 1, X_OK) != 0) {
        cli_error("--command %s: cannot run '%s': %s", name, equals + 1, strerror(errno));
        return CLI_FAILED;
    }
    return CLI_OK;
}

int agent_allowed_check(const cli_options *options)
{
    struct stat dir;
    int code = CLI_OK;
    for (size_t i = 0; i < options->programs.count && code == CLI_OK; i++)
        code = check_program(options->programs.items[i]);
    if (code != CLI_OK || !options->commands_dir)
        return code;
    if (stat(options->commands_dir, &dir) != 0 || !S_ISDIR(dir.st_mode)) {
        cli_error("--commands %s: %s", options->commands_dir, errno ? strerror(errno) : "no directory");
        return CLI_FAILED;
    }
    if (dir.st_mode & S_IWOTH)
        cli_warning("--commands %s: all users of this machine can write there", options->commands_dir);
    return CLI_OK;
}

/* A file that can be run, and that not everybody can change. */
static int check_file(const char *path, const char **why)
{
    struct stat file;
    if (stat(path, &file) != 0)
        return 127;
    *why = !S_ISREG(file.st_mode)          ? "no regular file"
           : access(path, X_OK) != 0       ? "not executable"
           : (file.st_mode & S_IWOTH) != 0 ? "all users of that machine can write it"
                                           : NULL;
    return *why ? 126 : 0;
}

int agent_allowed_find(const cli_options *options, const char *name, char *path, size_t size,
                       const char **why)
{
    size_t len = strlen(name);
    int code = 127;
    *why = NULL;
    if (!is_name(name, len))
        return 127;
    for (size_t i = 0; i < options->programs.count; i++) {
        const char *item = options->programs.items[i];
        if (strncmp(item, name, len) == 0 && item[len] == '=') {
            snprintf(path, size, "%s", item + len + 1);
            return check_file(path, why);
        }
    }
    if (options->commands_dir && (size_t)snprintf(path, size, "%s/%s", options->commands_dir, name) < size)
        code = check_file(path, why);
    return code;
}

static void append(char *out, size_t size, const char *name, size_t len)
{
    size_t at = strlen(out);
    if (at + len + 3 <= size)
        snprintf(out + at, size - at, ", %.*s", (int)len, name);
}

void agent_allowed_list(const cli_options *options, char *out, size_t size)
{
    struct dirent **found;
    *out = '\0';
    for (size_t i = 0; i < options->programs.count; i++)
        append(out, size, options->programs.items[i], strcspn(options->programs.items[i], "="));
    int count = options->commands_dir ? scandir(options->commands_dir, &found, NULL, alphasort) : 0;
    if (count <= 0)
        return;
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        const char *why;
        if (!agent_builtin_is(found[i]->d_name) &&
            agent_allowed_find(options, found[i]->d_name, path, sizeof path, &why) == 0)
            append(out, size, found[i]->d_name, strlen(found[i]->d_name));
        free(found[i]);
    }
    free(found);
}
