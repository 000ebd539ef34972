# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# What scripts/footprint-target and tests/target/constant_time share: building programs for emulated boards and running
# them. Source it after scripts/cross.sh, in the top folder of the sources.
#
#     target_prepare TARGET        chooses it as cross_target does, and compiles src/, command/, both backends and the board's code
#     target_link SOURCE BACKEND   makes $made, a program over bearssl or mbedtls
#     target_run PROGRAM [OPTION...]   runs it in qemu, with more options of qemu; what it says goes to standard output

targets="cortex-m4 cortex-m0 rv32imac"
backends="bearssl mbedtls"

target_prepare() {
    cross_target "$1"
    cross_bearssl
    cross_mbedtls
    scripts/sources qemu >&2
    case $target in
    cortex-*) chip=cortex_m libc=--specs=nano.specs ;;
    *) chip=riscv libc= ;;
    esac
    objects=$built/target
    rm -rf "$objects"
    mkdir -p "$objects/core" "$objects/command" "$objects/bearssl" "$objects/mbedtls"
    while read -r file; do
        target_compile "src/$file" "$objects/core/${file%.c}.o" -DMQTT_E2E_STREAMS_MAX=16
    done <src/sources.list
    while read -r file; do
        target_compile "command/$file" "$objects/command/${file%.c}.o"
    done <command/sources.list
    target_compile device/device.c "$objects/device.o"
    target_compile crypto/bearssl.c "$objects/bearssl/glue.o"
    target_compile crypto/mbedtls.c "$objects/mbedtls/glue.o"
    target_compile tests/target/board.c "$objects/board.o"
    target_compile "tests/target/$chip.c" "$objects/$chip.o"
    # What sealing is compared with; our backend does not need it, so it is not in the library.
    # shellcheck disable=SC2086 # a list of options
    "$cc" $cpu -Os -w -I"$bearssl/inc" -I"$bearssl/src" -c "$bearssl/src/aead/gcm.c" -o "$objects/gcm.o"
}

target_compile() { # SOURCE OBJECT OPTION...
    source=$1 object=$2
    shift 2
    # shellcheck disable=SC2086
    "$cc" $cpu -std=gnu11 -Os -Wall -Wextra -Wno-unused-function -Werror -ffunction-sections -fdata-sections \
        -Iinclude -Isrc -I"$bearssl/inc" -I"$mbedtls/include" "$mbedtls_config" "$@" -c "$source" -o "$object"
}

library_of() { # BACKEND
    case $1 in
    bearssl) echo "$built/libbearssl.a" ;;
    mbedtls) echo "$built/libmbedcrypto.a" ;;
    esac
}

target_link() {
    made=$objects/$(basename "$1" .c)-$2
    target_compile "$1" "$made.o" "-DTARGET_$(echo "$2" | tr a-z A-Z)"
    # shellcheck disable=SC2086
    "$cc" $cpu $libc -nostartfiles -T "tests/target/$chip.ld" -Wl,--gc-sections,--no-warn-rwx-segments \
        -Wl,--wrap=malloc,--wrap=calloc,--wrap=free "$made.o" "$objects/board.o" "$objects/$chip.o" \
        "$objects"/core/*.o "$objects/$2/glue.o" "$objects/gcm.o" "$(library_of "$2")" -o "$made"
}

# Under -icount, an instruction takes 64 ns of SysTick's time on the one, and is one step of the counter on the other.
target_run() {
    elf=$1
    shift
    case $target in
    cortex-*) set -- qemu-system-arm -M mps2-an386 -icount shift=6 "$@" ;;
    *) set -- qemu-system-riscv32 -M virt -bios none -icount shift=0 "$@" ;;
    esac
    command -v "$1" >/dev/null || die "no $1 here" "run scripts/install device"
    # What it says comes on standard error.
    timeout 120 "$@" -display none -monitor none -serial none -semihosting-config enable=on,target=native \
        -kernel "$elf" 2>&1 </dev/null
}
