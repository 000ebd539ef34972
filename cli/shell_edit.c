/* SPDX-License-Identifier: MIT */
/*
 * The line that is typed, edited by libedit. Its el_gets waits for keys in read_key, which meanwhile turns the shell's loop. What is
 * printed then takes the line away first (hide, by cli_before_output), and shell_edit_show brings it back below.
 */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <histedit.h>

#include "shell.h"

enum {
    INTERRUPT = 3, /* Ctrl-C */
    LOOK_MS = 500  /* a signal may come between a look for it and the wait for the next key */
};

static struct {
    shell_state *shell;
    EditLine *el;
    History *history;
    char prompt[4 * CLI_NAME_MAX + 16];
    bool reading;     /* within el_gets: the line is on the terminal, */
    bool hidden;      /* or was taken away */
    bool interrupted; /* what el_gets returns was not to be */
    mbstate_t decoding;
} edit;

static volatile sig_atomic_t resized, suspended;

/* ---- On the terminal ----------------------------------------------------------------------------- */

static size_t columns(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Where the cursor is behind a text, counted in columns from the beginning of the first row on, the text before it ending at `at`. What is
 * two columns wide goes to the next row where there is room for one. */
static size_t behind(const char *text, size_t len, size_t at)
{
    mbstate_t state = {0};
    const size_t row = columns();
    while (len > 0) {
        wchar_t c;
        size_t n = mbrtowc(&c, text, len, &state), wide = 1;
        if (n == 0 || n > len) {
            n = 1;
            memset(&state, 0, sizeof state);
        } else {
            int w = wcwidth(c);
            wide = w > 0 ? (size_t)w : 0;
        }
        if (at % row + wide > row)
            at += row - at % row;
        at += wide;
        text += n;
        len -= n;
    }
    return at;
}

/* The cursor to where the line starts, and all from there on away. */
static void hide(void)
{
    const char *term = getenv("TERM");
    if (!edit.reading || edit.hidden)
        return;
    edit.hidden = true;
    const LineInfo *line = el_line(edit.el);
    size_t at = behind(edit.prompt, strlen(edit.prompt), 0);
    at = behind(line->buffer, (size_t)(line->cursor - line->buffer), at);
    size_t rows = at / columns();
    if (!term || strcmp(term, "dumb") == 0) {
        fputs("\n", stdout);
    } else {
        if (rows > 0)
            printf("\033[%zuA", rows);
        fputs("\r\033[J", stdout);
    }
    fflush(stdout);
}

void shell_edit_show(void)
{
    if (!edit.hidden)
        return;
    fflush(stdout);
    edit.hidden = false;
    el_set(edit.el, EL_REFRESH);
}

/* ---- Signals ------------------------------------------------------------------------------------- */

static void on_resize(int number)
{
    (void)number;
    resized = 1;
}

static void on_suspend(int number)
{
    (void)number;
    suspended = 1;
}

static void look_at_signals(void)
{
    if (suspended) {
        suspended = 0;
        hide();
        el_set(edit.el, EL_PREP_TERM, 0);
        raise(SIGSTOP);
        el_set(edit.el, EL_PREP_TERM, 1);
    }
    if (resized) {
        resized = 0;
        hide(); /* most terminals have wrapped the line anew by now */
        el_resize(edit.el);
    }
    shell_edit_show();
}

/* ---- Keys ---------------------------------------------------------------------------------------- */

/* Ctrl-C: takes back the line that is typed; on an empty one, what was given last is stopped (shell.c). */
static bool takes_back(const shell_state *shell)
{
    const LineInfo *line = el_line(edit.el);
    return shell->run.interrupted && shell->run.signal == SIGINT && line->lastchar > line->buffer;
}

/* One character of the terminal, in UTF-8, to *c. 1, 0: the end, -1. */
static int read_key(EditLine *el, wchar_t *c)
{
    shell_state *shell = edit.shell;
    (void)el;
    for (;;) {
        char byte;
        look_at_signals();
        bool ready = shell_turn(shell, true, cli_run_now() + LOOK_MS);
        if (edit.interrupted) {
            edit.interrupted = false;
            *c = INTERRUPT;
            return 1;
        }
        if (shell->over)
            return 0;
        if (!ready)
            continue;
        ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return (int)n;
        size_t took = mbrtowc(c, &byte, 1, &edit.decoding);
        if (took == (size_t)-2)
            continue; /* more bytes belong to it */
        if (took <= 1)
            return 1;
        memset(&edit.decoding, 0, sizeof edit.decoding); /* no UTF-8: passed over */
    }
}

bool shell_edit_interrupt(void)
{
    if (!edit.reading || !takes_back(edit.shell))
        return false;
    edit.interrupted = true;
    return true;
}

/* The line stays to be seen, and is not obeyed. */
static unsigned char on_interrupt(EditLine *el, int key)
{
    const LineInfo *line = el_line(el);
    int len = (int)(line->lastchar - line->buffer);
    (void)key;
    hide();
    printf("%s%.*s^C\n", edit.prompt, len, line->buffer);
    fflush(stdout);
    edit.interrupted = true;
    return CC_NEWLINE;
}

/* ---- Completion ---------------------------------------------------------------------------------- */

static unsigned char on_tab(EditLine *el, int key)
{
    const LineInfo *line = el_line(el);
    char more[CLI_NAME_MAX + 2], all[4096], visible[4 * sizeof all];
    size_t fit = shell_complete(edit.shell, line->buffer, (size_t)(line->cursor - line->buffer), more, all,
                                sizeof all);
    (void)key;
    if (*more)
        return el_insertstr(el, more) == 0 ? CC_REFRESH : CC_ERROR;
    if (fit < 2)
        return CC_REFRESH_BEEP;
    hide();
    puts(roster_text(all, "", visible));
    shell_edit_show();
    return CC_NORM;
}

/* ---- Lines --------------------------------------------------------------------------------------- */

static char *prompt(EditLine *el)
{
    (void)el;
    return edit.prompt;
}

/* libedit draws lines of several rows wrongly where it has a terminal insert characters: without that, it writes them anew. */
static void do_not_insert(void)
{
    static const char *const ways[] = {"ic", "IC", "im", "ei"}; /* as termcap names them */
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        el_set(edit.el, EL_SETTC, ways[i], "", NULL);
}

static void set_up(void)
{
    do_not_insert();
    el_set(edit.el, EL_PROMPT, prompt);
    el_set(edit.el, EL_SIGNAL, 0);
    el_set(edit.el, EL_EDITOR, "emacs");
    el_set(edit.el, EL_HIST, history, edit.history);
    el_set(edit.el, EL_GETCFN, read_key);
    /* el_set would not free what it makes of the words. */
    el_wset(edit.el, EL_ADDFN, L"complete", L"completes names", on_tab);
    el_wset(edit.el, EL_ADDFN, L"interrupt", L"takes the line back", on_interrupt);
    el_source(edit.el, NULL); /* ~/.editrc */
    el_set(edit.el, EL_BIND, "^I", "complete", NULL);
    el_set(edit.el, EL_BIND, "^C", "interrupt", NULL);
    el_set(edit.el, EL_BIND, "-a", "^C", "interrupt", NULL); /* commands of vi, if ~/.editrc wants those */
    el_set(edit.el, EL_BIND, "^R", "em-inc-search-prev", NULL);
}

bool shell_edit_open(shell_state *shell)
{
    struct sigaction resize = {.sa_handler = on_resize}, suspend = {.sa_handler = on_suspend};
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    edit.shell = shell;
    edit.el = el_init("mqtt-e2e", stdin, stdout, stderr);
    edit.history = shell_history_open(shell->run.options->history);
    if (!edit.el || !edit.history) {
        cli_error("cannot set the terminal up for editing: out of memory, or the terminal is of no use");
        return false;
    }
    set_up();
    sigaction(SIGWINCH, &resize, NULL);
    sigaction(SIGTSTP, &suspend, NULL);
    cli_before_output(hide);
    return true;
}

const char *shell_edit_read(void)
{
    static char line[65536];
    int len = 0;
    roster_text(edit.shell->use, "", edit.prompt);
    strcat(edit.prompt, *edit.prompt ? "> " : "mqtt-e2e> ");
    edit.reading = true;
    const char *text = el_gets(edit.el, &len);
    edit.reading = edit.hidden = false;
    bool taken_back = edit.interrupted;
    edit.interrupted = false;
    if (!text || len < 0) {
        putchar('\n');
        return NULL;
    }
    if (taken_back)
        return "";
    if ((size_t)len >= sizeof line) {
        cli_error("the line is too long: up to %zu bytes", sizeof line - 1);
        return "";
    }
    memcpy(line, text, (size_t)len);
    line[len] = '\0';
    line[strcspn(line, "\n")] = '\0';
    shell_history_add(line);
    return line;
}

void shell_edit_close(void)
{
    cli_before_output(NULL);
    if (edit.el)
        el_end(edit.el);
    shell_history_close();
    edit.el = NULL;
    edit.history = NULL;
}
