#!/bin/sh
# SPDX-License-Identifier: MIT
# The two examples talk through a private broker: talk.sh MQTT-E2E FOLDER-OF-EXAMPLES
set -eu
mqtt_e2e=$1
examples=$2
tmp=$(mktemp -d)
pids=

clean_up() {
    # shellcheck disable=SC2086 # a list
    [ -z "$pids" ] || kill $pids 2>/dev/null || true
    wait
    rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "talk: $*" >&2
    cat "$tmp"/*.log >&2 || true
    exit 1
}

wait_for() { # FILE TEXT
    for _ in $(seq 200); do
        grep -q -e "$2" "$1" 2>/dev/null && return
        sleep 0.1
    done
    fail "no '$2' in 20 s"
}

for _ in 1 2 3 4 5; do # the port may be taken: then another
    port=$(($(od -A n -N 2 -t u2 /dev/urandom) % 16384 + 32768))
    printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >"$tmp/broker.conf"
    mosquitto -c "$tmp/broker.conf" >"$tmp/broker.log" 2>&1 &
    broker=$!
    while ! grep -q running "$tmp/broker.log" && kill -0 $broker 2>/dev/null; do
        sleep 0.1
    done
    if grep -q running "$tmp/broker.log"; then
        pids=$broker
        break
    fi
done
[ -n "$pids" ] || fail "no broker"

"$mqtt_e2e" keygen -h 127.0.0.1 -p "$port" "$tmp/key" >"$tmp/keygen.log" 2>&1
for name in kitchen garden; do
    "$examples/device" $name "$tmp/key" 2>"$tmp/$name.log" &
    pids="$pids $!"
    wait_for "$tmp/$name.log" "listens on command/$name"
done

# All of them, one of them, and a command that they don't know.
printf 'ping\n@garden status\n@kitchen dance\n' | timeout 30 "$examples/controller" "$tmp/key" >"$tmp/answers" \
    2>"$tmp/controller.log" || fail "the controller exits $?"
cp "$tmp/answers" "$tmp/answers.log"
[ "$(grep -cxE '(kitchen|garden): pong' "$tmp/answers")" -eq 2 ] || fail "ping is not answered by both"
grep -qE '^garden: up .* free, led off$' "$tmp/answers" || fail "status is not answered"
grep -q '^kitchen: unknown command' "$tmp/answers" || fail "an unknown command is not answered"
[ "$(wc -l <"$tmp/answers")" -eq 4 ] || fail "not four answers"

# Nobody there: says so, exits 1.
code=0
echo '@attic ping' | timeout 30 "$examples/controller" "$tmp/key" >"$tmp/answers" 2>"$tmp/nobody.log" || code=$?
[ $code -eq 1 ] || fail "a command without an answer exits $code, not 1"
grep -q 'no answer from attic' "$tmp/nobody.log" || fail "a missing answer is not told"
echo "talk: answered"
