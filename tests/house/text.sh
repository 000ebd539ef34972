#!/bin/sh
# SPDX-License-Identifier: MIT
# Every source file names its licence; no file names a package registry's host or a path of somebody's machine.
set -eu
: "${work:?tests/suites/house runs this}"
bad=0

git ls-files '*.c' '*.h' '*.js' '*.sh' '*.bash' '*.bats' '*.cmake' '*.cmake.in' 'CMakeLists.txt' '*/CMakeLists.txt' \
    'scripts/*' 'tests/suites/*' | while read -r file; do
    [ ! -f "$file" ] || head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || echo "$file"
done >"$work/unlicensed"
[ ! -s "$work/unlicensed" ] || {
    sed 's/$/: no SPDX line/' "$work/unlicensed" >&2
    bad=1
}

# Brackets keep the patterns from matching themselves.
hosts='(deb|snapshot|security|ftp)[.]debian[.]org|registry[.]npmjs|npmjs[.]com/|pypi[.]org|crates[.]io|proxy[.]golang|repo1?[.]maven'
paths='(^|[^A-Za-z0-9_.])/(wor[k]|home/[b-z][a-z]*|roo[t]|Users/[A-Za-z]+)/|/tm[p]/build' # /home/ann is nobody's
if git grep -nIE "$hosts|$paths" -- ':!tests/fuzz/corpus' ':!fuzz/corpus' >&2; then
    bad=1
fi
exit $bad
