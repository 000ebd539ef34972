#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# commands.sh [CUT_SECONDS]: an agent behind a bad link (link.c: 10 % of packets lost, each 150 ms late, some of them more) that is cut for so long while
# commands run. Neither end has a session that the broker keeps, so what comes meanwhile is lost. All output of a command that counts, and data
# through one that copies, arrive once and in order; each is run once. LINK names the program.
. "${0%/*}/common.sh"
cut=${1:-15}
RANDOM=${SEED:=$$}
KEEP_ALIVE=5

start_link 10 150 50
printf 'listener 1883 0.0.0.0\nallow_anonymous true\nset_tcp_nodelay true\nuser %s\n' "$(id -un)" >"$dir/conf"

node() { # SPACE COMMAND ARGUMENT...
    local space=$1 command=$2
    shift 2
    exec nsenter --net="$space" "$MQTT_E2E" "$command" -K "$dir/key" -h 10.0.0.1 -k $KEEP_ALIVE "$@"
}

start_near_broker
node "$far" agent --name far --state "$dir/state" --audit "$dir/audit" --command sh=/bin/sh --command cat=/bin/cat >"$dir/agent" 2>&1 &
pids="$pids $!"
await 60 grep -sq 'listens on' "$dir/agent" || wrong "no agent: $(tail -n 3 "$dir/agent")"

head -c 150000 /dev/urandom >"$dir/data"
node "$near" run far sh -c 'for i in $(seq 400); do echo $i; sleep 0.05; done; exit 9' </dev/null >"$dir/count" 2>"$dir/count.err" &
counting=$!
node "$near" run far cat <"$dir/data" >"$dir/copy" 2>"$dir/copy.err" &
copying=$!
pids="$pids $counting $copying"
await 60 test -s "$dir/count" || wrong "nothing came: $(cat "$dir/count.err")"
sleep 3
before=$(wc -l <"$dir/count")
kill -USR1 "$link"
sleep "$cut"
during=$(wc -l <"$dir/count")
kill -USR1 "$link"

code=0
wait "$counting" || code=$?
[ $code -eq 9 ] || wrong "seed $SEED: exit code $code, not 9: $(cat "$dir/count.err"); agent: $(tail -n 5 "$dir/agent")"
seq 400 | cmp -s - "$dir/count" || wrong "seed $SEED: $(diff <(seq 400) "$dir/count" | head -n 20)"
code=0
wait "$copying" || code=$?
[ $code -eq 0 ] || wrong "seed $SEED: cat: exit code $code: $(cat "$dir/copy.err"); agent: $(tail -n 5 "$dir/agent")"
cmp "$dir/data" "$dir/copy" || wrong "seed $SEED: what came back differs"
[ "$(grep -c ' asked ' "$dir/audit")" -eq 2 ] || wrong "seed $SEED: $(cat "$dir/audit")"
[ "$before" -lt 400 ] && [ "$during" -lt 400 ] || wrong "seed $SEED: it had ended before the cut"
kill "$link"
wait "$link" || true
echo "seed $SEED: a link that loses 10 % and takes 150 ms, cut for $cut s: 400 lines and 150,000 bytes both ways, once and in order; it $(tail -n 1 "$dir/link")"
