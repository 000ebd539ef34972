#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs into a folder, moves it, and builds against it as outsiders do. Wants $work, a folder of its own, and $JOBS.
set -eu
: "${work:?tests/suites/install runs this}"
here=$PWD/tests/install
version=$(cat VERSION)
soversion=${version%.*}

fail() {
    echo "install: $*" >&2
    exit 1
}

same() { # WHAT FOUND EXPECTED
    [ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"
}

# Built as a packager would: no tests, a release. Only then is the prefix known.
cmake -S . -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMQTT_E2E_WERROR=ON
cmake --build "$work/build" -j "$JOBS"
rm -rf "$work/first" "$work/prefix"
cmake --install "$work/build" --prefix "$work/first"
mv "$work/first" "$work/prefix" # nothing installed may know where it was
prefix=$work/prefix

if grep -rlIF -e "$work" -e "$PWD" "$prefix"; then
    fail "the files above name the folder that they were built in"
fi

# ---- What is there ------------------------------------------------------------------------------------

pc=$(find "$prefix" -name mqtt-e2e.pc)
lib=$(dirname "$(dirname "$pc")")
for file in include/mqtt_e2e/session.h include/mqtt_e2e/crypto.h include/mqtt_e2e/client.h bin/mqtt-e2e; do
    [ -f "$prefix/$file" ] || fail "$file is missing"
done
same "the number of headers" "$(find "$prefix/include" -type f | wc -l)" "$(find include -name '*.h' | wc -l)"
for page in man/*.scd; do
    page=${page#man/}
    page=${page%.scd}
    [ -f "$prefix/share/man/man${page##*.}/$page" ] || fail "man page $page is missing"
done

so=$lib/libmqtt-e2e.so
same "the file behind libmqtt-e2e.so" "$(basename "$(realpath "$so")")" "libmqtt-e2e.so.$version"
same "the soname" "$(readelf -d "$so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" "libmqtt-e2e.so.$soversion"
[ -e "$lib/libmqtt-e2e.so.$soversion" ] || fail "the soname's file is missing"
foreign=$(nm -D --defined-only "$so" | awk '$3 !~ /^mqtt_e2e_/ { print $3 }')
[ -z "$foreign" ] || fail "the library exports what it should not: $foreign"
for header in session.h client.h; do
    # Each function that the headers declare is there to be linked with, those defined in the header aside.
    sed -nE '/^static/!s/^[a-z].*[ *](mqtt_e2e_[a-z0-9_]+)\(.*/\1/p' "include/mqtt_e2e/$header"
done | sort -u >"$work/declared"
nm -D --defined-only "$so" | awk '{ print $3 }' | sort >"$work/exported"
missing=$(comm -23 "$work/declared" "$work/exported")
[ -z "$missing" ] || fail "declared, not exported: $missing"
if nm -D "$so" | grep -qE ' (execve|system|popen)$'; then
    fail "the library starts programs"
fi

# ---- The program, and the version it tells --------------------------------------------------------------

case $("$prefix/bin/mqtt-e2e" --version) in
*"$version"*) ;;
*) fail "mqtt-e2e --version does not tell $version" ;;
esac

# ---- pkg-config -----------------------------------------------------------------------------------------

export PKG_CONFIG_PATH="${pc%/*}"
same "pkg-config's version" "$(pkg-config --modversion mqtt-e2e)" "$version"
case $(pkg-config --libs mqtt-e2e) in
*mosquitto* | *sqlite* | *crypto*) fail "users of the shared library are made to link its dependencies" ;;
esac

for kind in shared static; do
    out=$work/examples-$kind
    rm -rf "$out"
    mkdir -p "$out"
    if [ $kind = static ]; then
        make -C examples OUT="$out" CFLAGS='-O2 -Wall -Wextra -Werror' STATIC=1
    else
        make -C examples OUT="$out" CFLAGS='-O2 -Wall -Wextra -Werror'
    fi
    needed=$(readelf -d "$out/device" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | tr '\n' ' ')
    case "$kind $needed" in
    shared*libmosquitto* | shared*libsqlite* | shared*libcrypto*) fail "the shared example links more than it uses: $needed" ;;
    shared*libmqtt-e2e.so."$soversion "*) ;;
    static*libmqtt-e2e*) fail "the static example wants the shared library: $needed" ;;
    static*) ;;
    *) fail "the shared example does not want the shared library: $needed" ;;
    esac
done

# ---- CMake ----------------------------------------------------------------------------------------------

rm -rf "$work/consumer"
cmake -S "$here/consumer" -B "$work/consumer" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DEXPECTED_VERSION="$version"
cmake --build "$work/consumer" -j "$JOBS"
export LD_LIBRARY_PATH="$lib"
for program in c_shared c_static cpp_shared cpp_static; do
    same "what $program prints" "$("$work/consumer/$program")" "hello, sealed"
done

# Without libmosquitto's and libcrypto's files for development there is the shared library still, and no static one.
export PKG_CONFIG_LIBDIR=/nonexistent
unset PKG_CONFIG_PATH
for kind in shared static; do
    rm -rf "$work/alone"
    if cmake -S "$here/consumer" -B "$work/alone" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DONLY=$kind >"$work/alone.log" 2>&1
    then
        [ $kind = shared ] || fail "mqtt-e2e::static is said to be found without what it needs"
    else
        [ $kind = static ] || fail "mqtt-e2e::shared is not found alone: $(cat "$work/alone.log")"
        grep -q 'mqtt-e2e::static needs pkg-config' "$work/alone.log" ||
            fail "the reason is not told: $(cat "$work/alone.log")"
    fi
done
unset PKG_CONFIG_LIBDIR

# ---- The examples talk ------------------------------------------------------------------------------------

for kind in shared static; do
    "$here/talk.sh" "$prefix/bin/mqtt-e2e" "$work/examples-$kind"
done
