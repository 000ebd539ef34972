#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# two_brokers.sh [KILLS]: sender and receiver use two brokers at once. 1,000 messages of QoS 1 a second; now the one, now the other
# broker is killed with -9 in the middle of it, and started again. Every message must arrive, once. (default: 6 kills;
# MQTT_E2E names the program)
. "${0%/*}/common.sh"
kills=${1:-6}

fail() {
    tail -n 20 "$dir"/*.err >&2
    wrong "$*"
}

until_true() { # COMMAND...
    await 60 "$@" || fail "in vain: $*"
}

# Broker NUMBER at $port, which launch_broker of common.sh has started.
note_broker() { # NUMBER
    brokers[$1]=$broker
    ports[$1]=$port
    pids="$pids $broker"
}

restart() { # NUMBER
    port=${ports[$1]}
    sed -i "s/^listener .*/listener $port 127.0.0.1/" "$dir/conf"
    launch_broker || fail "mosquitto does not start again"
    note_broker "$1"
}

count() { # FILE TEXT: of lines
    grep -c -e "$2" "$dir/$1" || true
}

has() { # FILE TEXT COUNT
    [ "$(count "$1" "$2")" -ge "$3" ]
}

brokers=() ports=()
start_broker
note_broker 0
start_broker
note_broker 1
hosts=127.0.0.1:${ports[0]},127.0.0.1:${ports[1]}
"$MQTT_E2E" sub -K "$dir/key" -h "$hosts" -q 1 -t t -d --state none >"$dir/out" 2>"$dir/sub.err" &
receiver=$!
pids="$pids $receiver"
until_true has sub.err 'subscribed to t' 2
mkfifo "$dir/lines"
"$MQTT_E2E" pub -K "$dir/key" -h "$hosts" -q 1 -t t -l -d <"$dir/lines" 2>"$dir/pub.err" &
sender=$!
pids="$pids $sender"
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
pids="$pids $feeder"
start=$(date +%s%N)
for i in $(seq "$kills"); do
    sleep "0.$((RANDOM % 900 + 100))"
    victim=$((i % 2))
    kill -9 "${brokers[victim]}"
    wait "${brokers[victim]}" 2>/dev/null || true
    echo "kill $i: broker $victim; $(wc -l <"$dir/out") messages came so far"
    sleep "0.$((RANDOM % 900 + 100))"
    restart $victim
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
