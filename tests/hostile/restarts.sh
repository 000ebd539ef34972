#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# restarts.sh TERM|KILL [MESSAGES [RESTARTS]]: mosquitto, which keeps its sessions in a file, is ended and started again, at any moment in the
# middle of so many messages of QoS 1, of a `pub -l` that stays to a `sub -c` that stays. Ended in order (TERM): none lost, none twice. Killed:
# none twice either; but what it had acknowledged and neither passed on nor written to its file is gone, and no client can know that. So
# what is missing must be of those moments: between the last that was handed on before a kill and what the broker had taken by then.
. "${0%/*}/common.sh"
signal=${1:?TERM or KILL}
messages=${2:-10000}
restarts=${3:-3}
REACH=5000 # what a broker may have in hand: mosquitto's queue, and what the sockets hold
RANDOM=${SEED:=$$}

start_broker 'persistence true' "persistence_location $dir/" 'autosave_interval 1'
"$MQTT_E2E" sub -K "$dir/key" -h 127.0.0.1 -p "$port" -c -i receiver -q 1 -t t --state "$dir/state" -d >"$dir/out" 2>"$dir/err" &
receiver=$!
pids="$pids $receiver"
await 10 grep -sq 'subscribed to' "$dir/err" || wrong "no subscription: $(cat "$dir/err")"
kill -USR1 "$broker" # writes its file: that it knows the receiver is not what is tried here
await 10 test -s "$dir/mosquitto.db" || wrong 'mosquitto wrote no file'

mkfifo "$dir/lines"
"$MQTT_E2E" pub -K "$dir/key" -h 127.0.0.1 -p "$port" -q 1 -t t -l <"$dir/lines" 2>"$dir/pub.err" &
publisher=$!
pids="$pids $publisher"
exec 9>"$dir/lines"

grown() { # SIZE
    [ "$(stat -c %s "$dir/out")" -gt "$1" ]
}

# RESTARTS different numbers, at which it happens, and the last one.
mapfile -t moments < <(for _ in $(seq "$restarts"); do echo $(((RANDOM * 32768 + RANDOM) % messages + 1)); done | sort -nu)
at=0
size=0
: >"$dir/kills"
for moment in "${moments[@]}" "$messages"; do
    seq $((at + 1)) "$moment" >&9
    at=$moment
    await 60 grown "$size" || wrong "nothing came for 60 s: $(tail -n 3 "$dir/err")"
    [ "$moment" != "$messages" ] || break
    sleep "0.0$((RANDOM % 90 + 10))"
    kill "-$signal" "$broker"
    wait "$broker" 2>/dev/null || true
    tail -n 1 "$dir/out" >>"$dir/kills"
    launch_broker || wrong "the broker did not start again: $(tail "$dir/broker.log")"
    pids="$pids $broker"
    size=$(stat -c %s "$dir/out")
done
exec 9>&-
wait "$publisher" || wrong "pub: $(tail -n 5 "$dir/pub.err")"

# Until all is there, or nothing more comes for 5 s.
before=-1
count=0
idle=0
while [ "$count" -lt "$messages" ] && [ "$idle" -lt 50 ]; do
    count=$(wc -l <"$dir/out")
    if [ "$count" = "$before" ]; then idle=$((idle + 1)); else idle=0; fi
    before=$count
    sleep 0.1
done
kill "$receiver"
wait "$receiver" || wrong "sub: $(tail -n 5 "$dir/err")"

sort -n "$dir/out" >"$dir/sorted"
twice=$(uniq -d "$dir/sorted" | wc -l)
altered=$(grep -cvxE '[1-9][0-9]*' "$dir/sorted" || true)
seq "$messages" | sort | comm -13 <(sort -u "$dir/out") - | sort -n >"$dir/missing"
missing=$(wc -l <"$dir/missing")
elsewhere=$(awk -v reach="$REACH" 'NR == FNR { kill[NR] = $1; n = NR; next }
    { near = 0; for (i = 1; i <= n; i++) if ($1 > kill[i] - reach && $1 < kill[i] + reach) near = 1; if (!near) print }' \
    "$dir/kills" "$dir/missing" | wc -l)
echo "seed $SEED: mosquitto ended by $signal ${#moments[@]} times in the middle of $messages messages: $twice twice, $altered altered, $missing missing"
[ "$twice$altered" = 00 ] || wrong 'twice or altered'
[ "$signal" != TERM ] || [ "$missing" = 0 ] || wrong "missing: $(head -n 20 "$dir/missing" | tr '\n' ' ')"
[ "$elsewhere" = 0 ] || wrong "missing away from any kill: $elsewhere"
