#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# two_brokers.sh [KILLS]: sender and receiver use two brokers at once. 1,000 messages of QoS 1 a second; now the one, now the other
# broker is killed with -9 in the middle of it, and started again. Every message must arrive, once. (default: 6 kills;
# MQTT_E2E names the program)
set -eu
kills=${1:-6}
: "${MQTT_E2E:=mqtt-e2e}"
PATH=$PATH:/usr/sbin
dir=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT

fail() {
    echo "two_brokers: $*" >&2
    tail -n 20 "$dir"/*.err >&2
    exit 1
}

until_true() { # COMMAND...
    for _ in $(seq 600); do
        "$@" && return
        sleep 0.05
    done
    fail "in vain: $*"
}

listens() { # PORT
    (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

start_broker() { # NUMBER PORT
    printf 'listener %s 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\n' "$2" >"$dir/conf$1"
    mosquitto -c "$dir/conf$1" >>"$dir/broker$1.log" 2>&1 9>&- &
    broker[$1]=$!
    pids+=($!)
    for _ in $(seq 100); do
        kill -0 "${broker[$1]}" 2>/dev/null || return 1
        listens "$2" && return
        sleep 0.05
    done
    return 1
}

first_start() { # NUMBER: on a port that nobody has
    for _ in 1 2 3; do
        port[$1]=$((RANDOM % 20000 + 20000))
        ! listens "${port[$1]}" && start_broker "$1" "${port[$1]}" && return
    done
    fail "mosquitto does not start"
}

count() { # FILE TEXT: of lines
    grep -c -e "$2" "$dir/$1" || true
}

has() { # FILE TEXT COUNT
    [ "$(count "$1" "$2")" -ge "$3" ]
}

broker=() port=()
first_start 0
first_start 1
hosts=127.0.0.1:${port[0]},127.0.0.1:${port[1]}
echo 000102030405060708090a0b0c0d0e0f >"$dir/key"
chmod 600 "$dir/key"
"$MQTT_E2E" sub -K "$dir/key" -h "$hosts" -q 1 -t t -d --state none >"$dir/out" 2>"$dir/sub.err" &
receiver=$!
pids+=("$receiver")
until_true has sub.err 'subscribed to t' 2
mkfifo "$dir/lines"
"$MQTT_E2E" pub -K "$dir/key" -h "$hosts" -q 1 -t t -l -d <"$dir/lines" 2>"$dir/pub.err" &
sender=$!
pids+=("$sender")
exec 9>"$dir/lines"
until_true has pub.err 'connected to' 2

# A line of the pipe is a message.
(
    sent=0
    while [ ! -e "$dir/stop" ]; do
        seq $((sent + 1)) $((sent + 100))
        sent=$((sent + 100))
        sleep 0.1
    done
    echo $sent >"$dir/sent"
) >&9 &
feeder=$!
pids+=("$feeder")
start=$(date +%s%N)
for i in $(seq "$kills"); do
    sleep "0.$((RANDOM % 900 + 100))"
    victim=$((i % 2))
    kill -9 "${broker[victim]}"
    wait "${broker[victim]}" 2>/dev/null || true
    echo "kill $i: broker $victim; $(wc -l <"$dir/out") messages came so far"
    sleep "0.$((RANDOM % 900 + 100))"
    start_broker $victim "${port[victim]}" || fail "mosquitto does not start again"
    until_true has sub.err 'subscribed to t' $((i + 2)) # two brokers up again
    until_true has pub.err 'connected to' $((i + 2))
done
touch "$dir/stop"
wait "$feeder"
milliseconds=$((($(date +%s%N) - start) / 1000000))
exec 9>&-
wait "$sender" || fail "the sender failed"
sent=$(cat "$dir/sent")
for _ in $(seq 100); do
    [ "$(wc -l <"$dir/out")" -lt "$sent" ] || break
    sleep 0.1
done
sleep 0.5
kill "$receiver"
wait "$receiver" || true
sort -n "$dir/out" >"$dir/sorted"
twice=$(uniq -d "$dir/sorted" | wc -l)
lost=$(seq "$sent" | sort | comm -23 - <(sort -u "$dir/out") | wc -l)
echo "two brokers, $kills times one was killed: $sent messages sent in $((milliseconds / 1000)) s, $lost lost, $twice twice"
[ "$lost" = 0 ] && [ "$twice" = 0 ] && [ "$(wc -l <"$dir/out")" = "$sent" ]
