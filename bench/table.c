/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stdio.h>

static int missed, demanded;

void bench_title(const char *text, const char *figures)
{
    printf("\n### %s\n\n", text);
    printf("| %-24s | %15s | %-41s | %15s | ratio | required |      |\n", "what", figures, "against",
           figures);
    printf("|:-------------------------|----------------:|:------------------------------------------|"
           "----------------:|------:|---------:|:-----|\n");
}

static double ratio_of(const bench_figure *figure, const bench_pair *pair)
{
    return figure->inverse ? 1 / pair->ratio : pair->ratio;
}

static bool reached(const bench_figure *figure, double ratio)
{
    switch (figure->demand) {
    case BENCH_AT_MOST:
        return ratio <= figure->limit;
    case BENCH_AT_LEAST:
        return ratio >= figure->limit;
    default:
        return true;
    }
}

static double in_unit(bench_unit unit, double ns)
{
    return unit == BENCH_PER_SECOND ? 1e9 / ns : unit == BENCH_MICROSECONDS ? ns / 1000 : ns;
}

static void print_figures(bench_unit unit, double median, double best)
{
    char text[32];

    snprintf(text, sizeof text, "%.0f (%.0f)", in_unit(unit, median), in_unit(unit, best));
    printf(" %15s |", text);
}

static void print_row(const bench_figure *figure, const bench_pair *pair, double ratio)
{
    char required[16] = "";

    if (figure->demand != BENCH_SHOWN)
        snprintf(required, sizeof required, "%s %.2f",
                 figure->demand == BENCH_AT_MOST ? "<=" : ">=", figure->limit);
    printf("| %-24s |", figure->what);
    print_figures(figure->unit, pair->a, pair->a_min);
    printf(" %-41s |", figure->other);
    print_figures(figure->unit, pair->b, pair->b_min);
    printf(" %5.2f | %8s | %-4s |\n", ratio, required,
           figure->demand == BENCH_SHOWN ? "" : (reached(figure, ratio) ? "PASS" : "FAIL"));
    fflush(stdout);
}

void bench_row(const bench_figure *figure)
{
    bench_pair pairs[3] = {figure->measure(figure->context)};
    double ratios[3] = {ratio_of(figure, &pairs[0])}, ratio = ratios[0];
    size_t shown = 0;

    if (!reached(figure, ratio)) {
        for (size_t i = 1; i < 3; i++) {
            pairs[i] = figure->measure(figure->context);
            ratios[i] = ratio_of(figure, &pairs[i]);
        }
        ratio = bench_median(ratios, 3);
        while (shown < 2 && ratio_of(figure, &pairs[shown]) != ratio)
            shown++;
    }
    demanded += figure->demand != BENCH_SHOWN;
    missed += !reached(figure, ratio);
    print_row(figure, &pairs[shown], ratio);
}

void bench_title_alone(const char *text)
{
    printf("\n### %s\n\n", text);
    printf("| %-52s | %18s |\n", "what", "ns (min)");
    printf("|:-----------------------------------------------------|-------------------:|\n");
}

void bench_row_alone(const char *what, const bench_pair *pair)
{
    char text[32];

    snprintf(text, sizeof text, "%.0f (%.0f)", pair->a, pair->a_min);
    printf("| %-52s | %18s |\n", what, text);
    fflush(stdout);
}

int bench_verdict(void)
{
    printf("\n%d of %d required figures reached\n", demanded - missed, demanded);
    return missed > 0 ? 1 : 0;
}
