#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# link.sh [CUT_SECONDS]: a node behind a bad link (link.c: 20 % of packets lost, each 300 ms late, some of them more) that is cut for so long in the
# middle. It sends and receives with QoS 1 all along; so does another one, beside the broker. Each message arrives
# once, in both directions. The node must notice, while it is cut, that it has no connection. LINK names the program.
. "${0%/*}/common.sh"
cut=${1:-15}
RANDOM=${SEED:=$$}
KEEP_ALIVE=8

start_link 20 300 100
printf 'listener 1883 0.0.0.0\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\nuser %s\n' "$(id -un)" >"$dir/conf"

node() { # SPACE COMMAND ARGUMENT...
    local space=$1 command=$2
    shift 2
    exec nsenter --net="$space" "$MQTT_E2E" "$command" -K "$dir/key" -h 10.0.0.1 -k $KEEP_ALIVE -q 1 "$@"
}

start_near_broker
for side in near far; do
    mkfifo "$dir/$side.in"
    node "${!side}" sub -c -i "sub$side" -t "to/$side" --state "$dir/$side.state" -d >"$dir/$side.out" 2>"$dir/$side.err" 9>&- 8>&- &
    pids="$pids $!"
    await 60 grep -sq 'subscribed to' "$dir/$side.err" || wrong "no subscription: $(tail -n 3 "$dir/$side.err")"
done
node "$near" pub -l -i pubnear -t to/far -W 300 <"$dir/near.in" 2>"$dir/near.pub" &
near_pub=$!
node "$far" pub -l -i pubfar -t to/near -W 300 <"$dir/far.in" 2>"$dir/far.pub" &
far_pub=$!
pids="$pids $near_pub $far_pub"
exec 8>"$dir/near.in" 9>"$dir/far.in"

number=0
say_for() { # SECONDS: numbers, to both, about ten a second
    local end=$((SECONDS + $1))
    while [ "$SECONDS" -lt "$end" ]; do
        number=$((number + 1))
        echo $number >&8
        echo $number >&9
        sleep 0.1
    done
}

say_for 8
kill -USR1 "$link"
say_for "$cut"
noticed=$(grep -c 'lost the connection' "$dir/far.err" || true)
kill -USR1 "$link"
say_for 5
exec 8>&- 9>&-

wait "$near_pub" || wrong "near pub: $(tail -n 5 "$dir/near.pub")"
wait "$far_pub" || wrong "far pub: $(tail -n 5 "$dir/far.pub")"
all_there() {
    [ "$(sort -u "$dir/far.out" | wc -l)" -ge "$number" ] && [ "$(sort -u "$dir/near.out" | wc -l)" -ge "$number" ]
}
await 120 all_there || true
kill "$link"
wait "$link" || true
for side in near far; do
    sort -n "$dir/$side.out" >"$dir/$side.sorted"
    seq "$number" | cmp -s - "$dir/$side.sorted" ||
        wrong "seed $SEED, towards $side: $(diff <(seq "$number") "$dir/$side.sorted" | head -n 20); it said: $(grep -v '^Client' "$dir/$side.err" | tail -n 20)"
done
echo "seed $SEED: a link that loses 20 % and takes 300 ms, cut for $cut s: $number messages of QoS 1 each way, each arrived once; it $(tail -n 1 "$dir/link")"
[ "$cut" -lt $((2 * KEEP_ALIVE + 2)) ] || [ "$noticed" -gt 0 ] || wrong "the cut was not noticed within $cut s"
