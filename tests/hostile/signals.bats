#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Signals, at any moment; processes that are stopped for longer than the keep-alive time; and a reader that does not read.

load ../cli/support

busy_sub() { # a subscriber in $SUB with messages coming in all the time, from $PUB
    start_sub s -t t -q 1 -c -i a --state state
    SUB=$PID
    start p pub -t t -q 1 -l < <(for ((i = 1; i < 200000; i++)); do echo $i; done)
    PUB=$PID
    until_true has_lines s.out 1000
}

hundredths() { # PID: its CPU time
    awk '{ print $14 + $15 }' "/proc/$1/stat"
}

memory() { # PID
    sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$1/status"
}

@test "SIGTERM, SIGINT, SIGHUP in the middle of messages: sub ends with 0, in order; the next start finds its state" {
    local signal
    for signal in TERM INT HUP; do
        busy_sub
        kill -$signal "$SUB"
        wait_exit "$SUB"
        same "$signal $status" "$signal 0"
        contains "$(tail -n 3 s.err)" 'accepted'
        same "$(tail -c 1 s.out | od -An -c | tr -d ' ')" '\n'
        kill "$PUB"
        wait_exit "$PUB"
        cat s.out >>all.out
        e2e sub -t t -q 1 -c -i a --state state -W 2 -d >>all.out 2>next.err || true
        lacks "$(cat next.err)" 'not trusted'
        lacks "$(cat next.err)" 'in hand'
    done
    same "$(wc -l <all.out)" "$(awk 'NR == 1 || $1 > 0' all.out | wc -l)"
}

@test "SIGHUP is ignored where it was ignored before us (nohup)" {
    nohup "$MQTT_E2E" sub -h 127.0.0.1 -p "$PORT" -t t -d --state none >s.out 2>s.err 3>&- &
    PIDS+=($!)
    wait_for s.err 'subscribed to'
    kill -HUP "${PIDS[-1]}"
    e2e pub -t t -m still -q 1
    wait_for s.out still
}

@test "pub: SIGHUP while nothing is under way is an end as by SIGTERM" {
    mkfifo lines
    exec 5<>lines
    start p pub -t t -q 1 -l <lines
    local pub=$PID
    echo x >&5
    wait_for broker.log 'Received PUBLISH'
    sleep 0.3
    kill -HUP "$pub"
    wait_exit "$pub"
    exec 5>&-
    same "$status" 0
}

@test "SIGINT twice ends what a lookup or a write holds up" {
    mkfifo pipe
    exec 5<>pipe
    "$MQTT_E2E" sub -h 127.0.0.1 -p "$PORT" -t t -q 1 --state none -d >pipe 2>s.err 3>&- 5>&- &
    local sub=$!
    PIDS+=("$sub")
    wait_for s.err 'subscribed to'
    head -c 300000 /dev/zero | tr '\0' x >large
    e2e pub -t t -f large -q 1
    sleep 0.5
    kill -INT $sub
    kill -INT $sub || true
    wait_exit $sub
    exec 5<&-
    [ "$status" = 130 ] || [ "$status" = 1 ]
}

@test "a reader that stops reading: memory stays bounded, sub ends on SIGTERM though it is held up in a write" {
    mkfifo pipe
    exec 5<>pipe
    "$MQTT_E2E" sub -h 127.0.0.1 -p "$PORT" -t t -q 1 -c -i a --state state -d >pipe 2>s.err 3>&- 5>&- &
    local sub=$! before cpu start
    PIDS+=("$sub")
    wait_for s.err 'subscribed to'
    before=$(memory $sub)
    seq 5000 | sed "s/\$/ $(head -c 900 /dev/zero | tr '\0' x)/" | e2e pub -t t -q 1 -l
    cpu=$(hundredths $sub)
    sleep 2
    [ $(($(memory $sub) - before)) -lt 2048 ]
    [ $(($(hundredths $sub) - cpu)) -lt 10 ]
    start=$SECONDS
    kill -TERM $sub
    wait_exit $sub
    [ $((SECONDS - start)) -le 5 ]
    same "$status" 1 # what it had begun to write is not whole
    lacks "$(cat s.err)" 'cannot write'
    exec 5<&-
    e2e sub -t t -q 1 -c -i a --state state -C 1 -W 10 >/dev/null 2>next.err
    lacks "$(cat next.err)" 'not trusted'
}

@test "a reader that goes on after longer than the keep-alive time: all there, in order, whole, once" {
    mkfifo pipe go
    "$MQTT_E2E" sub -h 127.0.0.1 -p "$PORT" -t t -q 1 -c -i a -k 5 --state state -d >pipe 2>s.err 3>&- 5>&- &
    local sub=$!
    PIDS+=("$sub")
    (read -r _ <go && exec cat) <pipe >s.out 3>&- &
    PIDS+=($!)
    wait_for s.err 'subscribed to'
    seq 5000 | sed "s/\$/ $(head -c 900 /dev/zero | tr '\0' x)/" >sent
    e2e pub -t t -q 1 -l <sent
    sleep 12
    contains "$(cat broker.log)" 'exceeded timeout'
    echo go >go
    PATIENCE=60 until_true has_lines s.out 5000
    cmp sent s.out
    kill $sub
    wait_exit $sub
    same "$status" 0
}

@test "SIGSTOP for longer than the keep-alive time, then SIGCONT: it comes back, and nothing is missing" {
    start_sub s -t t -q 1 -c -i a -k 5 --state state
    local sub=$PID
    kill -STOP "$sub"
    seq 100 | e2e pub -t t -q 1 -l
    sleep 12
    contains "$(cat broker.log)" 'exceeded timeout'
    seq 101 200 | e2e pub -t t -q 1 -l
    kill -CONT "$sub"
    until_true has_lines s.out 200
    seq 200 | cmp - s.out
    kill "$sub"
    wait_exit "$sub"
    same "$status" 0
}

@test "a publisher that was stopped for longer than the keep-alive time sends what it has then" {
    mkfifo lines
    exec 5<>lines
    start_sub s -t t -q 1
    start p pub -t t -q 1 -k 5 -l <lines
    local pub=$PID
    echo 1 >&5
    wait_for s.out 1
    kill -STOP "$pub"
    seq 2 100 >&5
    sleep 12
    kill -CONT "$pub"
    until_true has_lines s.out 100
    exec 5>&-
    wait_exit "$pub"
    same "$status" 0
    seq 100 | cmp - s.out
}
