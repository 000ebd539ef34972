#!/bin/sh
# SPDX-License-Identifier: MIT
# src/ stands alone: of libc only mem*, no variable that outlives a call, nothing exported but its own names.
set -eu
: "${work:?tests/suites/house runs this}"
dir=$work/core
rm -rf "$dir"
mkdir -p "$dir"

while read -r file; do
    "${CC:-cc}" -std=c11 -O2 -Iinclude -c "src/$file" -o "$dir/${file%.c}.o"
done <src/sources.list
(cd src && printf "%s\n" *.c) | sort >"$dir/there"
sort src/sources.list | diff - "$dir/there" || {
    echo "src/sources.list does not name the files of src/" >&2
    exit 1
}
ld -r -o "$dir/core" "$dir"/*.o

# The compiler's own: 64-bit arithmetic on 32-bit processors, counting zeros, and the like.
nm -u "$dir/core" | awk '{ print $2 }' |
    grep -vxE 'mem(cpy|move|set|cmp)|__aeabi_.*|__[a-z]+[dst]i[2-4]|__clz.*|__ctz.*|_GLOBAL_OFFSET_TABLE_' >"$dir/foreign" || true
nm --defined-only "$dir/core" | awk '$2 ~ /[bBdDcCsSgG]/ { print $3 ": a variable (" $2 ")" }' >>"$dir/foreign"
nm --defined-only --extern-only "$dir/core" | awk '$3 !~ /^(mqtt_e2e|e2e)_/ { print $3 ": not our kind of name" }' >>"$dir/foreign"
[ ! -s "$dir/foreign" ] || {
    sed 's/^/src\/: /' "$dir/foreign" >&2
    exit 1
}
