#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# kills.sh [KILLS]: a receiver of a session that the broker keeps is killed with -9, again and again, at any moment, while an attacker
# sends all that passes once more. No message may be accepted twice; what is missing at the end must be messages that were in
# hand at a kill, which the next start names. (default: 100 kills; MQTT_E2E and REPLAYER name the programs)
. "${0%/*}/common.sh"
kills=${1:-100}
: "${REPLAYER:?}"

receive() {
    "$MQTT_E2E" sub -K "$dir/key" -h 127.0.0.1 -p "$port" -c -i receiver -q 1 -t t --state "$dir/state" >>"$dir/out" 2>>"$dir/err" &
    receiver=$!
}

stop_receiver() { # SIGNAL
    kill "-$1" "$receiver" 2>/dev/null || true
    wait "$receiver" 2>/dev/null || true
}

start_broker ""
: >"$dir/out"
: >"$dir/err"
"$MQTT_E2E" sub -K "$dir/key" -h 127.0.0.1 -p "$port" -c -i receiver -q 1 -t t --state "$dir/state" -E # the broker keeps its session
"$REPLAYER" "$port" >"$dir/replayer" &
replayer=$!
pids="$pids $replayer"
until grep -q ready "$dir/replayer"; do sleep 0.05; done

# A line of the pipe is a message. Numbers, so that what comes twice or never can be told.
mkfifo "$dir/lines"
"$MQTT_E2E" pub -K "$dir/key" -h 127.0.0.1 -p "$port" -q 1 -t t -l <"$dir/lines" &
publisher=$!
exec 9>"$dir/lines"
number=0
for _ in $(seq "$kills"); do
    receive
    for _ in 1 2 3 4 5; do
        for _ in $(seq $((RANDOM % 8))); do
            number=$((number + 1))
            echo "$number" >&9
        done
        sleep "0.0$((RANDOM % 30 + 10))"
    done
    stop_receiver 9
done
exec 9>&-
wait "$publisher"

# Now in peace: all that the broker still has, until the last number, or nothing more comes.
receive
before=-1
last=0
while [ "$last" -lt "$number" ] && [ "$(wc -l <"$dir/out")" != "$before" ]; do
    before=$(wc -l <"$dir/out")
    for _ in $(seq 20); do
        last=$(sort -n "$dir/out" | tail -n 1)
        [ "${last:-0}" -ge "$number" ] && break
        sleep 0.1
    done
done
sleep 0.5
stop_receiver TERM
kill "$replayer"
wait "$replayer" || true

sort -n "$dir/out" >"$dir/sorted"
twice=$(uniq -d "$dir/sorted" | wc -l)
missing=$(seq "$number" | sort | comm -13 <(sort -u "$dir/out") - | wc -l)
named=$(grep -c 'with a message in hand' "$dir/err" || true)
echo "$kills kills, $number messages sent: $twice twice, $missing missing, $named named as in hand; attacker: $(tail -n 1 "$dir/replayer")"
if grep -q 'not trusted' "$dir/err" || [ "$twice" != 0 ] || [ "$missing" -gt "$named" ] || [ "$number" -lt "$kills" ]; then
    grep -v 'lost the connection' "$dir/err" | tail -n 20 >&2
    exit 1
fi
