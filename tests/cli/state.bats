# SPDX-License-Identifier: MIT
# The replay state of sub in a file: over kill -9 and restarts nothing comes twice, and what was sealed meanwhile comes.
load support

state_dir() {
    echo "$HOME/.local/state/mqtt-e2e"
}

# The last packet that the spy saw, sent again as it was.
send_again() {
    local topic hex
    read -r topic hex < <(spied spy | tail -n 1)
    send_raw "$topic" "$hex"
}

@test "a session kept by the broker: what was sent while sub was killed comes once it is back, and once" {
    start_spy spy
    for round in 1 2 3; do
        start_sub "s$round" -c -i node -q 1 -t t
        expect 0 e2e pub -q 1 -t t -m "live $round"
        wait_for "s$round.out" "live $round"
        kill -9 "$PID"
        wait_exit "$PID" || true
        expect 0 e2e pub -q 1 -t t -m "away $round"
    done
    start_sub last -c -i node -q 1 -t t
    wait_for last.out 'away 3'
    send_again
    wait_for last.err 'refused: replay'
    kill "$PID"
    wait_exit "$PID"
    same "$(cat s1.out s2.out s3.out last.out)" $'live 1\naway 1\nlive 2\naway 2\nlive 3\naway 3'
    lacks "$(cat s?.err last.err)" 'not trusted'
}

@test "the default place: a file for the key, and the node, for the owner alone" {
    start_sub s -t t
    kill "$PID"
    wait_exit "$PID"
    start_sub s -t t --name kitchen -c
    kill "$PID"
    wait_exit "$PID"
    same "$(cd "$(state_dir)" && stat -c '%a' sub-* | sort -u)" 600
    same "$(cd "$(state_dir)" && ls | sed 's/^sub-[0-9a-f]\{16\}//' | tr '\n' ' ')" ' -6b69746368656e '
    XDG_STATE_HOME=$PWD/x start_sub s -t t
    kill "$PID"
    wait_exit "$PID"
    [ -n "$(ls x/mqtt-e2e)" ]
}

@test "one that counts, waits, or asks what was last said keeps no state, unless it is told to" {
    expect 27 e2e sub -t t -W 0.3
    start_sub s -t t -C 1
    expect 0 e2e pub -t t -m x
    wait_exit "$PID"
    [ ! -e "$(state_dir)" ]
    start_sub s -t t --state none
    kill "$PID"
    wait_exit "$PID"
    [ ! -e "$(state_dir)" ]
    expect 27 e2e sub -t t -W 0.3 --state file
    [ -s file ]
}

@test "two at once: refused where the file was named; without state by default" {
    start_sub a -t t --state file
    expect 1 e2e sub -t t --state file
    contains "$stderr" "cannot lock the state file 'file': another process uses it"
    start_sub b -t t
    start_sub c -t t
    contains "$(cat c.err)" 'no replay state is kept'
    expect 0 e2e pub -t t -m x
    wait_for a.out x
    wait_for b.out x
    wait_for c.out x
}

@test "a copy of the file is not trusted, and that is said" {
    start_sub s -t t --state file
    expect 0 e2e pub -t t -m x
    wait_for s.out x
    kill -9 "$PID"
    wait_exit "$PID" || true
    cp file copy
    start_sub b -t t --state copy
    contains "$(cat b.err)" "the state file 'copy' is not trusted: it is a copy; what was sealed before now is refused"
    start_sub c -t t --state file
    lacks "$(cat c.err)" trusted
    expect 1 e2e sub -t t --state copy
    contains "$stderr" "cannot lock the state file 'copy': another process uses it"
    expect 1 e2e sub -t t --state nowhere/file
    contains "$stderr" "cannot open the state file 'nowhere/file': No such file or directory"
}

@test "a file of a time when the clock was ahead: that is said" {
    expect 27 e2e sub -t t --state file -W 0.3 --clock-offset 3600000
    start_sub s -t t --state file
    contains "$(cat s.err)" "was written when the clock was ahead by 3"
    expect 0 e2e pub -t t -m x
    wait_for s.err 'refused: stale'
}

@test "what could not be printed is named by the next start" {
    start_sub s -t t --state file
    kill "$PID"
    wait_exit "$PID"
    "$MQTT_E2E" sub -h 127.0.0.1 -p "$PORT" -t t --state file -d >/dev/full 2>full.err 3>&- &
    PIDS+=($!)
    wait_for full.err 'subscribed to'
    expect 0 e2e pub -t t -m x
    wait_exit "${PIDS[-1]}"
    same "$status" 1
    start_sub s -t t --state file
    contains "$(cat s.err)" 'the run before was stopped with a message in hand'
}

@test "no home: it does without" {
    HOME=/proc start_sub s -t t
    expect 0 e2e pub -t t -m x
    wait_for s.out x
}
