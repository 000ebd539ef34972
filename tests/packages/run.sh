#!/bin/sh
# SPDX-License-Identifier: MIT
# Puts all packages together and uses them as far as that is possible without their frameworks. Wants $work, a folder of its
# own, and $mqtt_e2e, the command.
set -eu
: "${work:?tests/suites/packages runs this}" "${mqtt_e2e:?}"
here=$PWD/tests/packages
rm -rf "$work/package" "$work/made"
mkdir -p "$work/package" "$work/made"
version=$(cat VERSION)

fail() {
    echo "packages: $*" >&2
    exit 1
}

same() { # WHAT FOUND EXPECTED
    [ "$2" = "$3" ] || fail "$1 is '$2', not '$3'"
}

# ---- Put together: the same at each time, and never with a key --------------------------------------------

key=$work/made/key.h
"$mqtt_e2e" keygen -o "$work/made/key" -h broker.example,second.example --name kitchen >"$work/made/keygen.log" 2>&1 ||
    fail "keygen: $(cat "$work/made/keygen.log")"
"$mqtt_e2e" key c -K "$work/made/key" -o "$key"
PASSWORD=geheim "$mqtt_e2e" keygen -o "$work/made/other-key" -h broker.example --tls -u ann -P env:PASSWORD --bits 256 \
    --plain-topics >"$work/made/keygen.log" 2>&1 || fail "keygen: $(cat "$work/made/keygen.log")"
"$mqtt_e2e" key c -K "$work/made/other-key" -o "$work/made/other-key.h"
for target in esp-idf zephyr arduino platformio; do
    scripts/package "$target" -o "$work/package/$target" >/dev/null
    ! scripts/package "$target" -o "$work/package/$target" 2>/dev/null || fail "scripts/package overwrites"
done
! scripts/package nothing 2>/dev/null || fail "scripts/package knows a target 'nothing'"
[ -z "$(find "$work/package" -name key.h)" ] || fail "a package has a key.h"
[ -z "$(find "$work/package" -name '*.in')" ] || fail "a package has a template"
! grep -rq '@VERSION@' "$work/package" || fail "a package has a @VERSION@"
idf=$work/package/esp-idf zephyr=$work/package/zephyr arduino=$work/package/arduino pio=$work/package/platformio

# ---- One version, one list of sources ---------------------------------------------------------------------

same "the version in idf_component.yml" "$(sed -nE 's/^version: "(.*)"$/\1/p' "$idf/idf_component.yml")" "$version"
same "the version in library.properties" "$(sed -n 's/^version=//p' "$arduino/library.properties")" "$version"
same "the version of the Zephyr module" "$(cat "$zephyr/VERSION")" "$version"
node "$here/manifests.js" "$version" "$pio" "$arduino" "$idf" "$zephyr"

sort src/sources.list >"$work/made/sources"
for dir in "$idf/src" "$zephyr/src" "$arduino/src/core" "$pio/src/core"; do
    (cd "$dir" && printf '%s\n' *.c) | sort | cmp -s - "$work/made/sources" || fail "$dir has other sources than src/sources.list"
    while read -r file; do
        cmp "src/$file" "$dir/$file"
    done <src/sources.list
done
diff -r "$arduino/src" "$pio/src" || fail "Arduino's and PlatformIO's sources differ"

# The files that the build systems are told of are there, and none is forgotten.
cmake -DPACKAGE="$idf" -DOUT="$work/made/idf.list" -P "$here/idf.cmake"
cmake -DPACKAGE="$zephyr" -DOUT="$work/made/zephyr.list" -P "$here/zephyr.cmake"
(cd "$idf" && find . -name '*.c' ! -path './examples/*' | sed 's,^\./,,' | sort) | diff "$work/made/idf.list" - ||
    fail "the component's CMakeLists.txt names other files than there are"
(cd "$zephyr" && find . -name '*.c' ! -path './samples/*' | sed 's,^\./,,' | sort) | diff "$work/made/zephyr.list" - ||
    fail "the module's CMakeLists.txt names other files than there are"

# ---- Glue is short: lines without blank ones and comments ----------------------------------------------------

for file in ports/*/mqtt_e2e_*.c ports/arduino/src/mqtt_e2e_*.h; do
    lines=$(awk '/^[ \t]*\/\*/ { c = 1 } !c && NF { n++ } /\*\// { c = 0 } END { print n + 0 }' "$file")
    [ "$lines" -lt 150 ] || fail "$file has $lines lines of code: glue has under 150"
done

# ---- Compile: all that a framework would compile, and the examples -------------------------------------------

warn="-O1 -g -Wall -Wextra -Werror"
made=$work/made

kconfig_header() { # KCONFIG: its defaults, as the frameworks hand them to C
    awk '$1 == "config" || $1 == "menuconfig" { name = $2 }
         $1 == "default" { print "#define CONFIG_" name " " ($2 == "y" ? 1 : $2) }' "$1"
}

compile_c() { # DIR FLAGS FILE...: objects to DIR
    dir=$1 flags=$2
    shift 2
    mkdir -p "$dir"
    for file; do
        object=$dir/$(echo "$file" | md5sum | cut -c 1-8)-${file##*/}.o
        # shellcheck disable=SC2086 # lists of flags
        case $file in
        *.cpp) ${CXX:-g++} -std=gnu++11 $warn $flags -c "$file" -o "$object" ;;
        *) ${CC:-gcc} -std=gnu11 $warn $flags -c "$file" -o "$object" ;;
        esac
    done
}

link_and_run() { # NAME DIR LIBRARIES
    # shellcheck disable=SC2086 # a list
    ${CXX:-g++} "$2"/*.o $3 -o "$2/program"
    timeout 60 "$2/program" >"$made/$1.log" 2>&1 || {
        tail -n 40 "$made/$1.log" >&2
        fail "$1 failed"
    }
    echo "passed: $1"
}

needs_a_key() { # FLAGS FILE: without key.h the compiler says what to do
    # shellcheck disable=SC2086 # a list
    ! ${CC:-gcc} $1 -fsyntax-only "$2" 2>"$made/no-key" || fail "$2 compiles without a key.h"
    grep -q 'error.*no .*key.h.*mqtt-e2e key c' "$made/no-key" || fail "$2 does not say that key.h is missing, and what makes it"
}

# Each example takes the command's output as it is; that of another key too, with TLS, a user, 256 bits, plain topics.
takes_keys() { # FLAGS FILE
    dir=$(dirname "$2")
    cp "$work/made/other-key.h" "$dir/key.h"
    # shellcheck disable=SC2086 # lists
    ${CC:-gcc} $1 $warn -fsyntax-only "$2" || fail "$2 does not compile with a key for TLS"
    cp "$key" "$dir/key.h"
}

# listed PACKAGE LIST: whole paths, no name with a space among them
listed() {
    sed "s,^,$1/," "$2"
}

sed "s,^,src/," src/sources.list >"$made/sources.core"

# The controller: of this tree, over BearSSL.
controller="$here/world.c crypto/bearssl.c"
mkdir -p "$made/idf-config" "$made/zephyr-config"
kconfig_header "$idf/Kconfig" >"$made/idf-config/sdkconfig.h"
kconfig_header "$zephyr/zephyr/Kconfig" >"$made/zephyr-config/autoconf.h"

for example in device sleep; do
    main=$idf/examples/$example/main
    flags="-I$idf/include -I$idf/src -I$here -I$here/stubs/esp-idf -I$made/idf-config -I$main -I/usr/include/bearssl"
    needs_a_key "-std=gnu11 $flags" "$main/main.c"
    takes_keys "-std=gnu11 $flags" "$main/main.c"
    case $example in
    device) tests="$here/conversation.c $here/port_esp_idf.c" ;;
    sleep) tests=$here/test_sleep.c ;;
    esac
    # shellcheck disable=SC2046,SC2086 # lists of files
    compile_c "$made/idf-$example" "$flags" $(listed "$idf" "$made/idf.list") $controller $tests \
        "$here/stubs/esp-idf/esp_idf.c"
    link_and_run "idf-$example" "$made/idf-$example" "-lmbedcrypto -lbearssl"
done

# A session that is kept over a start of the program, over BearSSL.
flags="-I$idf/include -I$idf/src -I$here -I$made -I/usr/include/bearssl"
# shellcheck disable=SC2046,SC2086 # lists of files
compile_c "$made/kept" "$flags" $(listed "$idf" "$made/sources.core") "$idf/device/device.c" $controller $here/test_kept.c
link_and_run kept "$made/kept" -lbearssl

main=$zephyr/samples/device/src
flags="-I$zephyr/include -I$zephyr/src -I$here -I$here/stubs/zephyr -I$made/zephyr-config -I$main -I/usr/include/bearssl"
needs_a_key "-std=gnu11 $flags" "$main/main.c"
takes_keys "-std=gnu11 $flags -DCONFIG_MQTT_LIB_TLS" "$main/main.c"
# shellcheck disable=SC2046,SC2086 # lists of files
compile_c "$made/zephyr-device" "$flags" $(listed "$zephyr" "$made/zephyr.list") $controller $here/conversation.c \
    "$here/port_zephyr.c" "$here/stubs/zephyr/zephyr.c"
link_and_run zephyr-device "$made/zephyr-device" "-lmbedcrypto -lbearssl"

# Arduino compiles every file under src/, with the board's define, and looks for headers in src/ alone.
for board in ESP8266 ESP32 none; do
    define=
    [ $board = none ] || define=-D$board
    # shellcheck disable=SC2046 # a list of files
    compile_c "$made/arduino-$board" "-I$arduino/src $define" $(find "$arduino/src" -name '*.c' -o -name '*.cpp')
    for example in PubSubClient MQTT; do
        sketch=$arduino/examples/$example
        flags="-I$arduino/src -I$here -I$here/stubs/arduino -I$sketch $define"
        rm -f "$sketch/key.h"
        needs_a_key "-x c++ -std=gnu++11 $flags -DMQTT_E2E_BOARD_RANDOM" "$sketch/$example.ino"
        [ $board = none ] || takes_keys "-x c++ -std=gnu++11 $flags" "$sketch/$example.ino"
        cp "$key" "$sketch/key.h"
        if [ $board = none ]; then
            # Without a generator the sketch has to bring random bytes: it must not compile as it is.
            ! g++ -x c++ -std=gnu++11 $flags -fsyntax-only "$sketch/$example.ino" 2>/dev/null ||
                fail "$example.ino compiles for a board without random numbers"
            continue
        fi
        program=arduino-$board-$example
        mkdir -p "$made/$program"
        cp "$made/arduino-$board"/*.o "$made/$program/"
        compile_c "$made/$program" "$flags -DSKETCH=\"$example.ino\"" "$here/port_arduino.cpp" \
            "$here/stubs/arduino/arduino.cpp" "$here/conversation.c" "$here/world.c"
        [ $board != ESP32 ] || compile_c "$made/$program" "-Iinclude -I/usr/include/bearssl" crypto/bearssl.c
        link_and_run "$program" "$made/$program" "-lmbedcrypto -lbearssl"
    done
done

# No crypto library: every file still compiles, and the sketch is told what to do.
# shellcheck disable=SC2046 # a list of files
compile_c "$made/arduino-bare" "-I$arduino/src -DMQTT_E2E_BACKEND=0" $(find "$arduino/src" -name '*.c')
! g++ -std=gnu++11 "-I$arduino/src" -DMQTT_E2E_BACKEND=0 -fsyntax-only -x c++ "$arduino/src/mqtt_e2e.h" 2>"$made/bare" ||
    fail "mqtt_e2e.h takes a board without a crypto library"
grep -q 'ArduinoBearSSL' "$made/bare" || fail "mqtt_e2e.h does not say what to install"
