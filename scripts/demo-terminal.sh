# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# scripts/demo --terminal: two agents, and a shell that commands them. Sourced by that, with a broker and a key.

start_agent() { # NAME OPTION...
    agent=$1
    shift
    mqtt-e2e agent -d -K "$tmp/key" --name "$agent" --state "$tmp/$agent.state" --audit "$tmp/audit" "$@" \
        >"$tmp/$agent" 2>&1 </dev/null &
    pids="$pids $!"
    wait_for 10 has "$tmp/$agent" "agent $agent listens" || fail "the agent $agent does not start" "$tmp/$agent"
}

# Types a line into the shell, and shows what comes of it, up to a line that has TEXT for the TIMES-th time.
type_line() { # LINE TEXT TIMES
    before=$(wc -l <"$tmp/screen")
    wait_for 10 is_quiet || fail "the broker is not quiet" "$tmp/screen"
    typed_at=$(wc -l <"$tmp/seen")
    echo "$1" >&3
    wait_for 10 came "$2" "$3" || fail "no answer to '$1'" "$tmp/screen"
    echo "$bold> $1$normal"
    tail -n +$((before + 1)) "$tmp/screen"
}

came() { # TEXT TIMES
    [ "$(tail -n +$((before + 1)) "$tmp/screen" | grep -c -e "$1")" -ge "$2" ]
}

is_quiet() { # nothing has passed the broker for a moment
    passed=$(wc -l <"$tmp/seen")
    sleep 0.3
    [ "$(wc -l <"$tmp/seen")" -eq "$passed" ]
}

start_agent kitchen --command disk=/bin/df
start_agent cellar
step agents "kitchen, which also runs 'disk' (--command disk=/bin/df), and cellar"
mkfifo "$tmp/typed"
mqtt-e2e shell -K "$tmp/key" -v <"$tmp/typed" >"$tmp/screen" 2>&1 &
shell=$!
pids="$pids $shell"
exec 3>"$tmp/typed"

echo
type_line devices 'mqtt-e2e [0-9]' 2
type_line '@all ping' pong 2
type_line '@cellar status' 'cellar: up' 1
type_line '@kitchen disk -h /' 'ended after' 1
first=$(sed -n "$((typed_at + 1))p" "$tmp/seen")
type_line '@cellar disk' 'no such command' 1
exec 3>&-
wait $shell && fail "a command that was not run is told as success" "$tmp/screen"
echo
echo "${bold}The broker${normal} saw $(wc -l <"$tmp/seen") packets; the one of '@kitchen disk -h /' is"
echo "$dim$(echo "$first" | fold -w $width)$normal"
send_first_again "$tmp/kitchen" 'refused: replay'
echo "${yellow}Someone sends it once more.${normal} kitchen:"
grep 'refused: replay' "$tmp/kitchen" | cut -d : -f 1-2
ran=$(grep -c 'asked.*disk' "$tmp/audit") || true
[ "$ran" -eq 2 ] || fail "the audit log has $ran commands named disk, not 2" "$tmp/audit"
over_to_you "devices, @all ping, use kitchen, disk -h; Tab completes" mqtt-e2e shell -K "$tmp/key"
