/* SPDX-License-Identifier: MIT */
/* What Tab completes: the shell's own commands, names of devices, and their commands. */
#include <string.h>

#include "shell.h"

enum { LEARN_MS = 1000 };

typedef struct {
    const char *word; /* what is there of it */
    size_t len;
    size_t fit;
    char common[CLI_NAME_MAX + 2]; /* to all that fit */
    char *all;
    size_t used, size;
} search;

static void offer(search *s, const char *candidate)
{
    size_t len = strlen(candidate), same = 0;
    char visible[4 * sizeof s->common + 1];
    if (len >= sizeof s->common || len < s->len || memcmp(candidate, s->word, s->len) != 0)
        return;
    if (strcmp(roster_text(candidate, "", visible), candidate) != 0)
        return; /* the line that is typed goes to the terminal as it is */
    while (s->fit && s->common[same] && s->common[same] == candidate[same])
        same++;
    if (s->fit)
        s->common[same] = '\0';
    else
        memcpy(s->common, candidate, len + 1);
    if (s->used + len + 3 < s->size)
        s->used +=
            (size_t)snprintf(s->all + s->used, s->size - s->used, "%s%s", s->fit ? "  " : "", candidate);
    s->fit++;
}

static void offer_devices(search *s, const shell_state *shell)
{
    for (size_t i = 0; i < shell->heard.count; i++) {
        const roster_device *device = &shell->heard.devices[i];
        bool again = false;
        for (size_t k = 0; k < i; k++)
            again |= strcmp(shell->heard.devices[k].name, device->name) == 0;
        if (*device->name && !again && !device->gone)
            offer(s, device->name);
    }
}

/* Asks the device, if that was not done yet, and waits a little for the answer. */
static void offer_commands(search *s, shell_state *shell, const char *device)
{
    int64_t until = cli_run_now() + LEARN_MS;
    const char *names;
    shell_devices_learn(shell, device);
    while (!(names = shell_devices_commands(shell, device)) && cli_run_now() < until && !shell->over)
        shell_turn(shell, false, until);
    for (; names && *names; names += strlen(names) + 1)
        offer(s, names);
}

static void offer_own(search *s, const shell_state *shell)
{
    const char *name;
    for (size_t i = 0; (name = shell->way->own_command(i)); i++)
        offer(s, name);
}

/* The word before the one that is to be completed, if that is the second one; else "". */
static void first_word(const char *line, size_t len, char out[CLI_NAME_MAX + 2])
{
    size_t word = strcspn(line, " ");
    *out = '\0';
    if (word >= len || word > CLI_NAME_MAX + 1 || memchr(line + word, ' ', len - word) == NULL)
        return;
    for (size_t i = word; i < len; i++)
        if (line[i] != ' ' && memchr(line + i, ' ', len - i))
            return; /* it is the third, or later */
    memcpy(out, line, word);
    out[word] = '\0';
}

size_t shell_complete(shell_state *shell, const char *line, size_t len, char more[CLI_NAME_MAX + 2],
                      char *all, size_t size)
{
    size_t start = len;
    char first[CLI_NAME_MAX + 2];
    *more = *all = '\0';
    while (len > 0 && *line == ' ') {
        line++;
        len--;
        start--;
    }
    while (start > 0 && line[start - 1] != ' ')
        start--;
    search s = {.word = line + start, .len = len - start, .all = all, .size = size};
    first_word(line, len, first);
    if (start == 0 && s.len > 0 && *s.word == '@') {
        s.word++;
        s.len--;
        if (shell->way == &shell_protocol)
            offer_devices(&s, shell);
        offer(&s, "all");
    } else if (start == 0) {
        offer_own(&s, shell);
        if (*shell->use)
            offer_commands(&s, shell, shell->use);
    } else if (shell->way == &shell_protocol && strcmp(first, "use") == 0) {
        offer_devices(&s, shell);
    } else if (shell->way == &shell_protocol && first[0] == '@' &&
               cli_is_name(first + 1, strlen(first + 1))) {
        offer_commands(&s, shell, first + 1);
    }
    if (s.fit > 0)
        snprintf(more, CLI_NAME_MAX + 2, "%s%s", s.common + s.len, s.fit == 1 ? " " : "");
    return s.fit;
}
