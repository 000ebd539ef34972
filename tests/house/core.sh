#!/bin/sh
# SPDX-License-Identifier: MIT
# src/ stands alone, and command/ on its headers: of libc only mem* (command/: and strlen), no variable that outlives a call, nothing
# exported but our own names.
set -eu
: "${work:?tests/suites/house runs this}"

# stands_alone ROOM ALLOWED [OPTION]: ALLOWED is a pattern of the symbols that it may leave undefined.
stands_alone() {
    room=$1 allowed=$2 option=${3:--UNOTHING} dir=$work/core-$1
    rm -rf "$dir"
    mkdir -p "$dir"
    while read -r file; do
        "${CC:-cc}" -std=c11 -O2 "$option" -Iinclude -c "$room/$file" -o "$dir/${file%.c}.o"
    done <"$room/sources.list"
    (cd "$room" && printf "%s\n" *.c) | sort >"$dir/there"
    sort "$room/sources.list" | diff - "$dir/there" || {
        echo "$room/sources.list does not name the files of $room/" >&2
        exit 1
    }
    ld -r -o "$dir/core" "$dir"/*.o

    # The compiler's own: 64-bit arithmetic on 32-bit processors, counting zeros, and the like.
    nm -u "$dir/core" | awk '{ print $2 }' |
        grep -vxE "$allowed|__aeabi_.*|__[a-z]+[dst]i[2-4]|__clz.*|__ctz.*|_GLOBAL_OFFSET_TABLE_" >"$dir/foreign" || true
    nm --defined-only "$dir/core" | awk '$2 ~ /[bBdDcCsSgG]/ { print $3 ": a variable (" $2 ")" }' >>"$dir/foreign"
    nm --defined-only --extern-only "$dir/core" | awk '$3 !~ /^(mqtt_e2e|e2e)_/ { print $3 ": not our kind of name" }' >>"$dir/foreign"
    [ ! -s "$dir/foreign" ] || {
        sed "s/^/$room\/: /" "$dir/foreign" >&2
        exit 1
    }
}

stands_alone src 'mem(cpy|move|set|cmp)' -DMQTT_E2E_TOIT
stands_alone src 'mem(cpy|move|set|cmp)'
# Who does not want the Toit profile has nothing of it.
! nm "$work/core-src/core" | grep toit >&2 || exit 1
stands_alone command 'mem(cpy|move|set|cmp)|strlen'
