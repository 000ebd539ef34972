#!/bin/sh
# SPDX-License-Identifier: MIT
# C as .clang-format has it (the public headers aside: their comments are the manual, laid out by hand); shell
# scripts without a complaint of shellcheck.
set -eu
: "${work:?tests/suites/house runs this}"
bad=0

# clang-format differs between versions; the one that counts is Debian 12's.
clang_format=clang-format
command -v clang-format-14 >/dev/null && clang_format=clang-format-14
git ls-files '*.c' '*.h' ':!include/mqtt_e2e' | while read -r file; do
    [ ! -f "$file" ] || "$clang_format" "$file" | cmp -s - "$file" || echo "$file: clang-format -i would change it"
done >"$work/unformatted"
[ ! -s "$work/unformatted" ] || {
    cat "$work/unformatted" >&2
    bad=1
}

git ls-files | while read -r file; do
    [ -f "$file" ] || continue
    case $file in
    *.sh | *.bash | *.bats) echo "$file" ;;
    *) head -c 64 "$file" | grep -aqE '^#!(/usr/bin/env |/bin/)(ba|da)?sh$|^# shellcheck shell=' && echo "$file" ;;
    esac
done >"$work/scripts" || true
# Not looked for: variables that bats sets or reads, and functions whose arguments only other files give.
xargs shellcheck -x --severity=warning -e SC2154,SC2034,SC2120 <"$work/scripts" || bad=1
exit $bad
