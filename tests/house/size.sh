#!/bin/sh
# SPDX-License-Identifier: MIT
# Files under 400 lines (tests, which are lists of scenarios, under 600), functions under 60, lines of at most 110 columns. tests/house/exceptions lists those that may
# be longer, and why; an exception that is no longer needed is an error too.
set -eu
: "${work:?tests/suites/house runs this}"
{
    git ls-files '*.c' '*.h' '*.js' '*.sh' '*.bash' '*.bats' '*.cmake' '*.txt' scripts tests/suites bench/run |
        grep -vE '\.(json|list|md)$' | while read -r file; do
        [ -f "$file" ] || continue
        lines=$(wc -l <"$file")
        case $file in
        tests/*) most=600 ;;
        *) most=400 ;;
        esac
        [ "$lines" -lt $most ] || echo "$file $lines lines"
    done
    # By the format, a function's braces stand alone in the first column.
    git ls-files '*.c' | while read -r file; do
        [ -f "$file" ] || continue
        awk -v file="$file" '
            /^[A-Za-z_].*\(/ { head = $0; sub(/\(.*/, "", head); n = split(head, w, /[ *]+/); name = w[n] }
            /^{/ { start = NR }
            /^}/ { if (start && NR - start - 1 >= 60) print file ":" name, NR - start - 1, "lines"; start = 0 }
        ' "$file"
    done
} >"$work/long"

bad=0
while read -r what size unit; do
    grep -q "^$what " tests/house/exceptions || {
        echo "$what: $size $unit, too long" >&2
        bad=1
    }
done <"$work/long"
grep -v '^#' tests/house/exceptions | grep . | while read -r what why; do
    grep -q "^$what " "$work/long" || echo "$what: an exception in tests/house/exceptions that nothing needs"
    [ -n "$why" ] || echo "$what: an exception without a reason"
done >"$work/needless"
[ ! -s "$work/needless" ] || {
    cat "$work/needless" >&2
    bad=1
}
exit $bad
