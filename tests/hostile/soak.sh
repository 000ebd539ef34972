#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# soak.sh [MESSAGES [STREAMS [WARM_UP]]]: a message a second, for hours or a day, on clocks that run 600 times too fast (faketime). Their senders
# come and go: each is a process and a stream of its own, and has 20 messages to send. The receiver has a state file, and room for so many
# streams; so many senders fill it first, and from then on each new one is at the cost of an old one. All messages arrive, once;
# from 3,000 messages later on, when the journal of the state file has been full once, memory grows by less than 1 % in a
# day, and 3 % where the time is shorter. (default: 6,000 messages, 128 streams, 150 senders)
. "${0%/*}/common.sh"
messages=${1:-6000}
streams=${2:-128}
warm_up=${3:-150}
SPEED=600
EACH=20
if grep -q __asan_init "$MQTT_E2E"; then
    echo 'skipped: faketime and the address sanitizer do not go together'
    exit 77
fi
start_broker ""
export MQTT_E2E dir port

# What runs on the fast clock.
cat >"$dir/inside" <<'END'
set -eu
e2e() { # COMMAND ARGUMENT...
    command=$1
    shift
    "$MQTT_E2E" "$command" -K "$dir/key" -h 127.0.0.1 -p "$port" -q 1 -k 7200 "$@"
}
# What a node waits for on the fast clock is over soon: it is told to be patient.
really() { # COMMAND...: on the real clock
    env -u LD_PRELOAD "$@"
}
memory() {
    sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$receiver/status"
}
exec "$MQTT_E2E" sub -K "$dir/key" -h 127.0.0.1 -p "$port" -k 7200 -q 1 -c -i soak -t '#' --state "$dir/state" --streams "$streams" -d \
    -F '%T %p' >"$dir/out" 2>"$dir/err" &
receiver=$!
for _ in $(seq 200); do
    grep -q 'subscribed to' "$dir/err" && break
    really sleep 0.05
done

arrived() { # LINES
    for _ in $(seq 600); do
        [ "$(wc -l <"$dir/out")" -lt "$1" ] || return 0
        really sleep 0.05
    done
    echo "WRONG: $(wc -l <"$dir/out") of $1 messages arrived: $(tail -n 3 "$dir/err")"
    kill "$receiver"
    exit 1
}

lane() { # FIRST COUNT STEP EACH: every STEPth of COUNT senders, each when it is due
    n=$1
    while [ "$n" -lt "$2" ]; do
        first=$((n * $4 + 1))
        due=$((began + (first - 1) * 1000000 / speed)) # microseconds of the real clock
        now=$(really date +%s%6N)
        [ "$due" -le "$now" ] || really sleep "$(((due - now) / 1000000)).$(printf %06d $(((due - now) % 1000000)))"
        seq "$first" $((first + $4 - 1)) | e2e pub -t "soak/$((n % 7))" -l -W 36000
        n=$((n + $3))
    done
}

began=0
lane 0 "$warm_up" 2 1 &
lane 1 "$warm_up" 2 1
wait $!
arrived "$warm_up"
began=$(really date +%s%6N)
senders=$((messages / each))
early=$((3000 / each))
lane 0 "$early" 2 "$each" &
lane 1 "$early" 2 "$each"
wait $!
arrived $((warm_up + early * each))
before=$(memory)
lane "$early" "$senders" 2 "$each" &
lane $((early + 1)) "$senders" 2 "$each"
wait $!
arrived $((warm_up + senders * each))
after=$(memory)
kill "$receiver"
wait "$receiver"
echo "$before $after $senders" >"$dir/memory"
END
export speed=$SPEED each=$EACH messages streams warm_up
faketime -f "+0 x$SPEED" bash "$dir/inside" || exit 1

read -r before after senders <"$dir/memory"
sent=$((senders * EACH))
twice=$(cut -d ' ' -f 2 <"$dir/out" | tail -n +$((warm_up + 1)) | sort -n | uniq -d | wc -l)
span=$(tail -n +$((warm_up + 1)) "$dir/out" | sort -n | awk 'NR == 1 { first = $1 } { last = $1 } END { printf "%d", (last - first) / 1000 }')
refused=$(sed -n 's/^accepted [0-9]*, refused \([0-9]*\).*/\1/p' "$dir/err")
echo "$sent messages of $senders senders in $span s of a fast clock, after $warm_up senders that filled a table of $streams streams:" \
    "$twice twice, $refused refused; memory $before KiB, then $after KiB"
[ "$(tail -n +$((warm_up + 1)) "$dir/out" | wc -l) $twice $refused" = "$sent 0 0" ] || wrong 'not each once'
[ $((warm_up + senders)) -gt "$streams" ] || wrong 'too few senders'
[ "$span" -ge $((sent * 9 / 10)) ] || wrong "the clock went too slowly: $span s for $sent messages"
percent=$((messages < 86400 ? 3 : 1))
[ $((after * 100)) -lt $((before * (100 + percent))) ] || wrong "memory grew by more than $percent %"
