# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# What scripts/test-cross, scripts/footprint-host and scripts/footprint-target share: compiling for another processor.
# Source it with $program set, in the top folder of the sources.
#
#     cross_target i686|s390x|armhf    sets $cc, $ar, $run (what runs the target's programs here), $target, $built
#     cross_target cortex-m4|cortex-m0|rv32imac    the same for chips without a system; $run is empty (which machine of
#                                      qemu runs a program depends on the program), and $cpu lists the options without
#                                      which $cc compiles and links for another chip
#     cross_bearssl                    builds $built/libbearssl.a; its headers are in $bearssl/inc
#     cross_mbedtls                    builds $built/libmbedcrypto.a, as small as tests/footprint/mbedtls_config.h says;
#                                      its headers are in $mbedtls/include, and $mbedtls_config is to be defined
#     cross_cmocka                     builds $built/cmocka.o; its header is in $cmocka/include
#
# Programs are linked statically, so that they run without the target's system. Libraries are built once and kept, each
# function and table in a section of its own, so that --gc-sections leaves out what is not called.

: "${program:?}"
sources=${MQTT_E2E_SOURCES:-$PWD/build-sources}
bearssl=$sources/bearssl
cmocka=$sources/cmocka
mbedtls=$sources/mbedtls
mbedtls_config=-DMBEDTLS_CONFIG_FILE=\"$PWD/tests/footprint/mbedtls_config.h\"
: "${JOBS:=$(nproc)}"

die() {
    printf '%s: %s\n' "$program" "$1" >&2
    [ $# -lt 2 ] || printf '%s\n' "$2" >&2
    exit 1
}

cross_target() {
    target=$1
    cpu=
    case $target in
    i686) prefix=i686-linux-gnu package=gcc-i686-linux-gnu run=qemu-i386-static ;;
    s390x) prefix=s390x-linux-gnu package=gcc-s390x-linux-gnu run=qemu-s390x-static ;;
    armhf) prefix=arm-linux-gnueabihf package=gcc-arm-linux-gnueabihf run=qemu-arm-static ;;
    cortex-m4 | cortex-m0)
        prefix=arm-none-eabi package="gcc-arm-none-eabi libnewlib-arm-none-eabi" run=
        cpu="-mcpu=$target -mthumb"
        ;;
    rv32imac)
        prefix=riscv64-unknown-elf package="gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf" run=
        cpu="-march=rv32imac -mabi=ilp32 --specs=picolibc.specs"
        ;;
    *) die "no such target: $target" "targets are i686, s390x, armhf, cortex-m4, cortex-m0, rv32imac" ;;
    esac
    cc=$prefix-gcc
    ar=$prefix-gcc-ar
    command -v "$cc" >/dev/null || die "no $cc here" "install $package, or run scripts/install test"
    built=${MQTT_E2E_CROSS:-$PWD/build/cross}/$target
    mkdir -p "$built"
    built=$(cd "$built" && pwd)
    exec 8>"$built/lock" # held until the program ends: one build for a target at a time
    flock 8
    ! runs_natively || run=
    [ -z "$run" ] || command -v "$run" >/dev/null ||
        die "no $run here" "install the package qemu-user-static, or run scripts/install test"
}

# Many a 64-bit x86 kernel runs 32-bit programs, and some don't.
runs_natively() {
    [ "$target" = i686 ] || return 1
    echo 'int main(void) { return 0; }' | "$cc" -static -x c - -o "$built/native" && "$built/native" 2>/dev/null
}

cross_bearssl() {
    scripts/sources bearssl >&2
    [ ! -e "$built/libbearssl.a" ] || return 0
    rm -rf "$built/bearssl"
    mkdir "$built/bearssl"
    # -Os is what Debian and most firmware build it with; the folders are those that the backend needs.
    (
        cd "$built/bearssl" || exit
        find "$bearssl/src/codec" "$bearssl/src/hash" "$bearssl/src/mac" "$bearssl/src/symcipher" -name '*.c' -print0 |
            xargs -0 -n 16 -P "$JOBS" "$cc" $cpu -Os -w -ffunction-sections -fdata-sections \
                -I"$bearssl/inc" -I"$bearssl/src" -c
        "$ar" rc ../libbearssl.new ./*.o
    )
    mv "$built/libbearssl.new" "$built/libbearssl.a"
}

cross_mbedtls() {
    scripts/sources mbedtls >&2
    cmp -s tests/footprint/mbedtls_config.h "$built/mbedtls/config.h" && return 0
    rm -rf "$built/mbedtls"
    mkdir "$built/mbedtls"
    (
        cd "$built/mbedtls" || exit
        for name in aes cipher cipher_wrap constant_time gcm md platform_util sha256; do
            "$cc" $cpu -Os -w -ffunction-sections -fdata-sections -I"$mbedtls/include" "$mbedtls_config" \
                -c "$mbedtls/library/$name.c"
        done
        "$ar" rc ../libmbedcrypto.new ./*.o
    )
    mv "$built/libmbedcrypto.new" "$built/libmbedcrypto.a"
    cp tests/footprint/mbedtls_config.h "$built/mbedtls/config.h"
}

cross_cmocka() {
    scripts/sources cmocka >&2
    [ ! -e "$built/cmocka.o" ] || return 0
    # One file; what its CMake would find out about glibc is known.
    "$cc" -std=gnu99 -O2 -w -I"$cmocka/include" -D_GNU_SOURCE -DHAVE_SIGNAL_H -DHAVE_STRINGS_H -DHAVE_INTTYPES_H \
        -DHAVE_MALLOC_H -DHAVE_STRUCT_TIMESPEC -DHAVE_CLOCK_REALTIME -DHAVE_GCC_THREAD_LOCAL_STORAGE \
        -c "$cmocka/src/cmocka.c" -o "$built/cmocka.new"
    mv "$built/cmocka.new" "$built/cmocka.o"
}
