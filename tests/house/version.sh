#!/bin/sh
# SPDX-License-Identifier: MIT
# One version everywhere: the file VERSION has it.
set -eu
: "${work:?tests/suites/house runs this}"
version=$(cat VERSION)
bad=0

same() { # WHERE FOUND
    [ "$2" = "$version" ] || {
        echo "$1 says version '$2', VERSION says '$version'" >&2
        bad=1
    }
}

# What is built takes it from VERSION: the CMake project, pkg-config, the command line (tests/install looks at these).
grep -q '^file(STRINGS VERSION version)$' CMakeLists.txt || same CMakeLists.txt 'another source'
same CHANGELOG.md "$(sed -nE 's/^## \[?([0-9]+\.[0-9]+\.[0-9]+).*/\1/p' CHANGELOG.md | head -n 1)"

# The rest, where it is there: a pattern whose first group is the version.
while read -r files pattern; do
    # shellcheck disable=SC2086 # a pattern of file names
    for file in $files; do
        [ -e "$file" ] || continue
        sed -nE "s,$pattern,\1,p" "$file" | while read -r found; do
            [ "$found" = "$version" ] || echo "$file $found"
        done
    done
done >"$work/versions" <<'END'
man/*.scd               .*mqtt-e2e ([0-9]+\.[0-9]+\.[0-9]+).*
include/mqtt_e2e/*.h    ^#define MQTT_E2E_VERSION +"([^"]*)".*
idf_component.yml       ^version: *"?([^" ]*)"?.*
library.properties      ^version=(.*)
library.json            .*"version": *"([^"]*)".*
debian/changelog        ^mqtt-e2e \(([0-9.]+).*
END
while read -r file found; do
    same "$file" "$found"
done <"$work/versions"
exit $bad
