#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# pub --spool, from the command line. What it survives is tested in tests/client/test_spooling.c and tests/hostile/spool.js.
load support

spooled() { # its database
    echo spool/*/spool.db
}

is_made() {
    [ -s "$(spooled)" ]
}

holds() { # TEXT: in the database, or its log
    cat spool/*/* 2>/dev/null | grep -aq "$1"
}

@test "no broker: the message stays, and the next pub --spool sends it first" {
    stop_broker
    expect 1 e2e pub -t t -m one -q 1 --spool spool
    contains "$stderr" '1 message was not published, and stays in the spool'
    contains "$stderr" "hint: 'mqtt-e2e pub --spool spool' sends it"
    expect 27 e2e pub -t t -l -q 1 --spool spool -W 0.5 <<<$'two\nthree'
    contains "$stderr" '3 messages were not published, and stay in the spool'
    launch_broker
    start_sub s -t t -q 1 -C 4 --state none
    expect 0 e2e pub -t t -m four -q 2 --spool spool
    wait_exit "$PID"
    # They were first sealed when they went out, not when they were taken.
    same "$(xargs <s.out)" 'one two three four'
}

@test "pub --spool alone sends what is there; with nothing there it is done at once" {
    expect 0 e2e pub --spool spool
    start_sub s -t t -q 1 -C 2
    seq 2 | "$MQTT_E2E" pub -h 127.0.0.1 -p "$(free_port)" -t t -l -q 1 --spool spool -W 0.3 || [ $? = 27 ]
    expect 0 e2e pub --spool spool
    wait_exit "$PID"
    same "$(xargs <s.out)" '1 2'
}

@test "the spool is for its owner alone, one process at a time uses it, and each key has its own" {
    mkfifo lines
    exec 5<>lines
    start p pub -t t -l -q 1 --spool spool <lines
    until_true is_made
    same "$(stat -c %a spool spool/* "$(spooled)" | xargs)" '700 700 600'
    expect 1 e2e pub -t t -m x -q 1 --spool spool
    contains "$stderr" 'another process uses the spool'
    expect 0 e2e pub -K other-key -t t -m x -q 1 --spool spool
    exec 5>&-
    wait_exit "$PID"
    same "$status" 0
}

@test "interrupted, -l has lost nothing, and says so by its exit code" {
    stop_broker
    mkfifo lines
    exec 5<>lines
    start p pub -t t -l -q 1 --spool spool <lines
    seq 100 >&5
    until_true holds 100
    kill -TERM "$PID"
    wait_exit "$PID"
    exec 5>&-
    same "$status" 0
    contains "$(cat p.err)" '100 messages were not published, and stay in the spool'
    launch_broker
    start_sub s -t t -q 1 -C 100
    expect 0 e2e pub --spool spool
    wait_exit "$PID"
    same "$(xargs <s.out)" "$(seq 100 | xargs)"
}

@test "lines that were read are kept, however soon -W is over" {
    stop_broker
    expect 1 e2e pub -t t -m one -q 1 --spool spool # so that something waits from the start
    seq 500 >lines
    expect 27 e2e pub -t t -l -q 1 --spool spool -W 0.001 <lines
    contains "$stderr" '501 messages were not published, and stay in the spool'
}

@test "killed with -9 while it waits: nothing is lost" {
    stop_broker
    start p pub -t t -m x -q 1 --spool spool -W 60
    until_true is_made
    sleep 0.5
    kill -9 "$PID"
    wait_exit "$PID"
    launch_broker
    start_sub s -t t -q 1 -C 1
    expect 0 e2e pub --spool spool
    wait_exit "$PID"
    same "$(cat s.out)" x
}

@test "a damaged spool is refused, and left as it is" {
    stop_broker
    expect 1 e2e pub -t t -m x -q 1 --spool spool
    cp "$(spooled)" before
    printf 'X' | dd of="$(spooled)" bs=1 seek=20 conv=notrunc status=none
    cp "$(spooled)" damaged
    expect 1 e2e pub --spool spool
    contains "$stderr" 'spool'
    cmp damaged "$(spooled)"
    cp before "$(spooled)"
    launch_broker
    expect 0 e2e pub --spool spool
}

@test "--drop-oldest: a full queue drops the oldest, tells each, and fails" {
    stop_broker
    expect 27 e2e pub -t t -l --queue 3 --drop-oldest -W 0.5 <<<"$(seq 5)"
    same "$(grep -c 'dropped, as the queue is full' <<<"$stderr")" 2
    contains "$stderr" '3 messages were not published'
}

@test "options that do not fit" {
    expect 2 e2e pub -t t -m x --spool spool
    contains "$stderr" '--spool goes with -q 1 or -q 2'
    expect 2 e2e pub -t t -m x -q 1 --spool ''
    contains "$stderr" '--spool names no directory'
    expect 2 e2e pub --spool spool -m x -q 1
    contains "$stderr" 'no topic'
    echo >file
    expect 1 e2e pub -t t -m x -q 1 --spool file
    contains "$stderr" "file"
}
