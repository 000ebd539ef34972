#!/bin/sh
# SPDX-License-Identifier: MIT
# Includes point downward only, and the protocol includes no library's header.
set -eu
: "${work:?tests/suites/house runs this}"

# What each room may include of the others.
may_include() {
    case $1 in
    include) echo include ;;
    src) echo src include ;;
    crypto) echo crypto include ;;
    command | link) echo "$1 src include" ;;
    device) echo include ;;
    client | ports) echo "$1 command link src include" ;;
    cli) echo cli client command link src include ;;
    examples) echo examples include ;; # an outside user has no more
    esac
}

# What else the rooms may include that know no system and no library.
freestanding=' stdbool.h stddef.h stdint.h limits.h string.h '

room_of() { # FILE NAME: the first folder of the file that FILE means by NAME
    for place in "$(dirname "$1")/$2" "include/$2" "src/$2"; do
        if [ -e "$place" ]; then
            realpath --relative-to=. "$place" | cut -d / -f 1
            return
        fi
    done
}

git ls-files '*.c' '*.h' '*.cpp' '*.hpp' '*.ino' | while read -r file; do
    room=${file%%/*}
    allowed=$(may_include "$room")
    if [ -z "$allowed" ] || [ ! -e "$file" ]; then continue; fi # tests and benchmarks look everywhere
    sed -nE 's/^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"].*/\1/p' "$file" | while read -r name; do
        target=$(room_of "$file" "$name")
        case " $allowed " in
        *" ${target:-none} "*) continue ;;
        esac
        if [ -n "$target" ]; then
            echo "$file includes $name of $target/"
            continue
        fi
        case $room in
        include | src | command | link)
            [ "${freestanding#* "$name" }" != "$freestanding" ] || echo "$file includes <$name>"
            ;;
        esac
    done
done >"$work/includes"
[ ! -s "$work/includes" ] || {
    cat "$work/includes" >&2
    exit 1
}
