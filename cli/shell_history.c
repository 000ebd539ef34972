/* SPDX-License-Identifier: MIT */
/* The lines that were typed: kept in a file, which several shells may share. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <histedit.h>

#include "shell.h"

enum { HISTORY_MAX = 1000 };

static struct {
    History *lines;
    bool kept, told;
    char path[4096];
} kept;

static History *make(void)
{
    HistEvent event;
    History *made = history_init();
    if (!made)
        return NULL;
    history(made, &event, H_SETSIZE, HISTORY_MAX);
    history(made, &event, H_SETUNIQUE, 1);
    return made;
}

/* Not to write over what is something else, or can't be read. What is not there yet, or empty, becomes one. */
static bool may_be_kept(void)
{
    static const char head[] = "_HiStOrY_V2_\n"; /* libedit's */
    char found[sizeof head] = "";
    FILE *file = fopen(kept.path, "re");
    if (!file && errno == ENOENT)
        return true;
    if (!file) {
        cli_warning("cannot read the history '%s': %s; none is kept", kept.path, strerror(errno));
        return false;
    }
    size_t n = fread(found, 1, sizeof head - 1, file);
    fclose(file);
    if (n == 0 || strcmp(found, head) == 0)
        return true;
    cli_warning("'%s' is no history of this shell: none is kept", kept.path);
    cli_hint("--history FILE names another one, --history none does without");
    return false;
}

History *shell_history_open(const char *given)
{
    HistEvent event;
    kept.lines = make();
    if (!kept.lines || (given && strcmp(given, "none") == 0))
        return kept.lines;
    if (given && strlen(given) >= sizeof kept.path - 32) {
        cli_warning("the name of the history is too long: none is kept");
        return kept.lines;
    }
    if (given)
        strcpy(kept.path, given);
    else if (!cli_state_path("history", kept.path, sizeof kept.path - 32))
        return kept.lines;
    kept.kept = may_be_kept();
    if (kept.kept)
        history(kept.lines, &event, H_LOAD, kept.path);
    return kept.lines;
}

/* Adds a line to what is there by now, also of other shells. Whole, or as it was. */
static bool keep(const char *line)
{
    HistEvent event;
    char fresh[sizeof kept.path + 32];
    History *all = make();
    if (!all) {
        errno = ENOMEM;
        return false;
    }
    snprintf(fresh, sizeof fresh, "%s.%ld", kept.path, (long)getpid());
    history(all, &event, H_LOAD, kept.path);
    history(all, &event, H_ENTER, line);
    mode_t mask = umask(077);
    bool fine = history(all, &event, H_SAVE, fresh) >= 0 && rename(fresh, kept.path) == 0;
    int why = errno;
    umask(mask);
    history_end(all);
    if (!fine)
        unlink(fresh);
    errno = why;
    return fine;
}

void shell_history_add(const char *line)
{
    HistEvent event;
    if (*line == ' ' || strspn(line, " \t\n") == strlen(line))
        return;
    history(kept.lines, &event, H_ENTER, line);
    if (!kept.kept || keep(line))
        return;
    if (!kept.told)
        cli_warning("cannot keep the history in '%s': %s", kept.path, strerror(errno));
    kept.told = true;
}

void shell_history_close(void)
{
    if (kept.lines)
        history_end(kept.lines);
    kept.lines = NULL;
}
