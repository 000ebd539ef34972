# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# What scripts/demo and scripts/device-demo share: how the conversation looks, a private broker, and an end that leaves
# nothing behind. Source it with $program set, in the top folder of the sources.

: "${program:?}"
PATH=$PATH:/usr/sbin:/sbin # where Debian has mosquitto, for people who are not root

tmp=
pids=

clean_up() {
    # shellcheck disable=SC2086 # a list
    [ -z "$pids" ] || kill $pids 2>/dev/null || true
    wait
    [ -z "$tmp" ] || rm -rf "$tmp"
}

fail() { # TEXT [LOG]
    echo "$program: $1" >&2
    [ $# -lt 2 ] || tail -n 30 "$2" >&2
    exit 1
}

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

# ---- How it looks ----------------------------------------------------------------------------------

width=80 bold='' dim='' green='' yellow='' normal='' bar='|' line='-' cross='+' dots='...'
if [ -t 1 ]; then
    width=$(stty size </dev/tty 2>/dev/null | cut -d ' ' -f 2) || true
    [ "${width:-0}" -ge 60 ] 2>/dev/null || width=80
    [ "$width" -le 110 ] || width=110
    if [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
        bold=$(printf '\033[1m') dim=$(printf '\033[2m') normal=$(printf '\033[m')
        green=$(printf '\033[32m') yellow=$(printf '\033[33m')
    fi
fi
if [ "$(locale charmap 2>/dev/null)" = UTF-8 ]; then
    bar='│' line='─' cross='┼' dots='…'
fi
left=$((width * 2 / 5))
[ $left -ge 36 ] || left=36
right=$((width - left - 3))

step() { # NAME TEXT
    printf '%s%-8s%s %s\n' "$bold" "$1" "$normal" "$2"
}

row() { # LEFT RIGHT [COLOUR OF LEFT [COLOUR OF RIGHT]]
    printf "%s%-${left}.${left}s%s %s %s%s%s\n" "${3:-}" "$1" "$normal" "$bar" "${4:-}" "$2" "$normal"
}

rule() {
    printf "%${left}s %s %${right}s\n" '' "$cross" '' | sed "s/ /$line/g"
}

# A packet, as a line `TOPIC HEX` of what the broker saw, beside what people saw: one line or two.
beside() { # SEEN COLOUR TEXT [TEXT]
    topic=${1% *}
    hex=${1##* }
    row "$3" "$(cut_to "$topic" "")" "$2" "$dim"
    row "${4:-}" "$(cut_to "$hex" " $((${#hex} / 2)) bytes")" "$2" "$dim"
}

cut_to() { # TEXT SUFFIX: both in the right column
    room=$((right - ${#2}))
    if [ ${#1} -le "$room" ]; then
        echo "$1$2"
    else
        printf '%.*s%s%s\n' $((room - 3)) "$1" "$dots" "$2"
    fi
}

wait_for() { # SECONDS COMMAND...
    tries=$(($1 * 10))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.1
    done
}

has() { # FILE TEXT
    grep -q -e "$2" "$1" 2>/dev/null
}

lines_at_least() { # FILE COUNT
    [ "$(wc -l <"$1")" -ge "$2" ]
}

# ---- Build, broker -----------------------------------------------------------------------------------

build_host() { # the library, the command line, the examples, into build/stage
    stage=$PWD/build/stage
    generator=
    [ -e build/CMakeCache.txt ] || generator='-G Ninja'
    # shellcheck disable=SC2086 # two words, or none
    cmake -S . -B build $generator && cmake --build build && cmake --install build --prefix "$stage" || return
    pc=$(find "$stage" -name mqtt-e2e.pc)
    PKG_CONFIG_PATH=${pc%/*} make -B -C examples OUT="$stage/bin"
}

# Builds, makes $tmp, and puts the programs in PATH.
start_host() {
    tmp=$(mktemp -d)
    step build "the library, the command line, the examples, into build/stage"
    (build_host) >"$tmp/build" 2>&1 || fail "the build failed" "$tmp/build"
    so=$(find build/stage -name libmqtt-e2e.so)
    LD_LIBRARY_PATH=$PWD/${so%/*}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    PATH=$PWD/build/stage/bin:$PATH
    export PATH LD_LIBRARY_PATH
}

# The broker at $port, what it sees in $tmp/seen, and $tmp/key.
start_broker() {
    try_broker || try_broker || try_broker || fail "the broker does not start" "$tmp/broker"
    step broker "mosquitto on 127.0.0.1:$port"
    mosquitto_sub -h 127.0.0.1 -p "$port" -t '#' -F '%t %x' >"$tmp/seen" 2>/dev/null &
    pids="$pids $!"
    mqtt-e2e keygen -h 127.0.0.1 -p "$port" -o "$tmp/key" >"$tmp/keygen" 2>&1 || fail "no key" "$tmp/keygen"
    step key "$tmp/key, which only the device and the controller read"
}

try_broker() { # the port may be taken: then the next try has another
    port=$(($(od -A n -N 2 -t u2 /dev/urandom) % 16384 + 32768))
    printf 'listener %s 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n' "$port" >"$tmp/broker.conf"
    mosquitto -c "$tmp/broker.conf" >"$tmp/broker" 2>&1 &
    broker=$!
    pids=$broker
    if wait_for 10 broker_is_decided && has "$tmp/broker" running; then
        return 0
    fi
    kill $broker 2>/dev/null || true
    wait $broker || true
    pids=
    return 1
}

broker_is_decided() {
    has "$tmp/broker" running || ! kill -0 "$broker" 2>/dev/null
}

# ---- The conversation --------------------------------------------------------------------------------

# The controller, which reads file descriptor 3.
start_controller() {
    mkfifo "$tmp/commands"
    controller "$tmp/key" <"$tmp/commands" >"$tmp/answers" 2>"$tmp/controller" &
    controller=$!
    pids="$pids $controller"
    exec 3>"$tmp/commands"
}

# Of each command and its answer, what people see beside what the broker sees. $first is the first packet.
converse() { # COMMAND...
    echo
    row "What people see" "What the broker sees" "$bold" "$bold"
    rule
    count=0
    seen=$(wc -l <"$tmp/seen")
    first=$((seen + 1))
    for command; do
        echo "$command" >&3
        count=$((count + 1))
        wait_for 10 lines_at_least "$tmp/answers" $count || fail "no answer to $command" "$tmp/controller"
        wait_for 10 lines_at_least "$tmp/seen" $((seen + 2)) || fail "the broker saw nothing of $command"
        beside "$(sed -n "$((seen + 1))p" "$tmp/seen")" '' "> $command"
        answer=$(sed -n "${count}p" "$tmp/answers" | fold -s -w $left)
        beside "$(sed -n "$((seen + 2))p" "$tmp/seen")" "$green" \
            "$(echo "$answer" | sed -n 1p)" "$(echo "$answer" | sed -n 2p)"
        seen=$((seen + 2))
    done
    exec 3>&-
    wait $controller || fail "an answer is missing" "$tmp/controller"
    rule
    first=$(sed -n "${first}p" "$tmp/seen")
}

# Sends the packet $first once more, as the broker may. LOG TEXT: as the device says that it refuses.
repeat_first() {
    send_first_again "$1" "$2"
    wait_for 10 lines_at_least "$tmp/seen" $((seen + 1)) || fail "the broker saw nothing of the repeated packet"
    beside "$(sed -n "$((seen + 1))p" "$tmp/seen")" "$yellow" "someone sends the first one again" "$(grep "$2" "$1")"
}

send_first_again() { # LOG TEXT
    # shellcheck disable=SC2059 # the bytes as octal escapes, which every printf knows
    printf "$(printf '%s' "${first##* }" | sed 's/../0x& /g' | xargs printf '\\%03o')" >"$tmp/packet"
    mosquitto_pub -h 127.0.0.1 -p "$port" -t "${first% *}" -f "$tmp/packet"
    wait_for 10 has "$1" "$2" || fail "a repeated packet was not refused" "$1"
}

over_to_you() { # COMMANDS PROGRAM...
    [ -t 0 ] || exit 0
    echo
    echo "Now you: $1. Ctrl-D ends. Beside it, in another terminal:"
    echo "  ${dim}mosquitto_sub -h 127.0.0.1 -p $port -t '#' -F '%t %x'${normal}"
    echo "  ${dim}$PWD/build/stage/bin/mqtt-e2e sub -K $tmp/key -t '#' -v${normal}"
    shift
    "$@" || true
}
