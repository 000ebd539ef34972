/* SPDX-License-Identifier: MIT */
#include "doctor.h"

#include <stdarg.h>
#include <string.h>

#include <jansson.h>

/* Text goes out as it is found, so that a step which takes its time is seen; JSON at the end, whole. */
static struct {
    char about[320];
    json_t *findings, *figures;
    unsigned wrong;
    bool json;
} report;

void cli_report_begin(bool json)
{
    report.json = json;
    report.findings = json_array();
    report.figures = json_object();
}

/* Host names and reasons of brokers end up here, and must not steer the terminal. */
static void tame(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            *text = '?';
}

void cli_report_about(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(report.about, sizeof report.about, format, args);
    va_end(args);
    tame(report.about);
    if (!report.json)
        printf("%s%s%s\n", cli_paint(stdout, CLI_BOLD), report.about, cli_paint(stdout, CLI_PLAIN));
}

static void print(cli_level level, const char *text, const char *advice)
{
    static const char *const words[] = {"ok", "note", "wrong"};
    static const cli_style styles[] = {CLI_GREEN, CLI_YELLOW, CLI_RED};
    printf("  %s%-6s%s %s\n", cli_paint(stdout, styles[level]), words[level], cli_paint(stdout, CLI_PLAIN),
           text);
    if (advice[0])
        printf("         -> %s\n", advice);
    cli_flush();
}

void cli_report(cli_level level, const char *advice, const char *format, ...)
{
    static const char *const words[] = {"ok", "note", "wrong"};
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tame(text);
    report.wrong += level == CLI_WRONG;
    if (!report.json) {
        print(level, text, advice);
        return;
    }
    json_t *finding =
        json_pack("{s:s, s:s, s:s?}", "about", report.about, "level", words[level], "text", text);
    if (finding && advice[0])
        json_object_set_new(finding, "advice", json_string(advice));
    json_array_append_new(report.findings, finding);
}

void cli_report_number(const char *name, double value)
{
    json_t *figures = json_object_get(report.figures, report.about);
    if (!figures) {
        figures = json_object();
        json_object_set_new(report.figures, report.about, figures);
        figures = json_object_get(report.figures, report.about);
    }
    bool whole = value == (double)(json_int_t)value;
    json_object_set_new(figures, name, whole ? json_integer((json_int_t)value) : json_real(value));
}

static void print_verdict(void)
{
    if (report.wrong)
        printf("%s%u %s wrong%s\n", cli_paint(stdout, CLI_RED), report.wrong,
               report.wrong == 1 ? "thing is" : "things are", cli_paint(stdout, CLI_PLAIN));
    else
        printf("%snothing is wrong%s\n", cli_paint(stdout, CLI_GREEN), cli_paint(stdout, CLI_PLAIN));
}

int cli_report_end(void)
{
    bool fine = true;
    if (!report.json) {
        print_verdict();
        json_decref(report.findings);
        json_decref(report.figures);
    } else {
        json_t *all = json_pack("{s:b, s:o, s:o}", "ok", report.wrong == 0, "findings", report.findings,
                                "figures", report.figures);
        fine = all && json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) == 0;
        json_decref(all);
        putchar('\n');
    }
    return cli_flush() && fine && report.wrong == 0 ? CLI_OK : CLI_FAILED;
}
