#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Out of file descriptors: at any number, from the start or later. An end with 1 and what was wrong, or it works; never a signal, nor a wait
# for ever, nor a core that is kept busy.

load ../cli/support

set_up() {
    start_broker
    FIRST=3 # with fewer the program has no libraries to run with
    until prlimit --nofile=$FIRST "$MQTT_E2E" --version >/dev/null 2>&1; do FIRST=$((FIRST + 1)); done
}

few() { # NUMBER COMMAND ARGUMENT...
    local number=$1 command=$2
    shift 2
    timeout -s KILL 20 prlimit --nofile="$number" "$MQTT_E2E" "$command" -h 127.0.0.1 -p "$PORT" "$@" >few.out 2>few.err
}

# What any number of descriptors leads to, from those that the program needs to be run at all to as many as are enough.
with_few() { # COMMAND ARGUMENT...
    local number status worked=no failed=no
    for number in $(seq "$FIRST" $((FIRST + 12))); do
        status=0
        few "$number" "$@" || status=$?
        case $status in
        0)
            worked=yes
            ;;
        1)
            failed=yes
            [ -s few.err ] || { echo "$number descriptors: 1, without a word" && return 1; }
            grep -qiE 'too many open files|no thread could be started' few.err || { echo "$number descriptors: says not why: $(cat few.err)" && return 1; }
            ;;
        *)
            echo "$number descriptors: exit code $status: $(cat few.err)"
            return 1
            ;;
        esac
    done
    same "$failed $worked" 'yes yes'
}

@test "pub" {
    with_few pub -t t -m x -q 1
}

@test "pub of a name, which is looked up" {
    with_few pub -h localhost -t t -m x -q 1
}

@test "sub, with a state file and without" {
    with_few sub -t t -E
    with_few sub -t t -E -c -i a --state state
}

@test "request" {
    start_responder t answer
    with_few request -t t -m x -W 5
}

@test "doctor: it fails, or works, and ends" {
    local number status
    "$MQTT_E2E" keygen -h 127.0.0.1 -o own-key # that of the tests stands in examples, and doctor would say so
    for number in $FIRST $((FIRST + 1)) $((FIRST + 2)) $((FIRST + 4)) $((FIRST + 7)) 64; do
        status=0
        few "$number" doctor -K own-key || status=$?
        [ $status -le 1 ] || { echo "$number: $status: $(cat few.out few.err)" && return 1; }
    done
    same $status 0
}

@test "keygen, seal, open" {
    local number status
    for number in $(seq "$FIRST" $((FIRST + 3))); do
        for command in 'keygen -o new' 'seal -t t -m x' 'open'; do
            status=0
            # shellcheck disable=SC2086
            timeout -s KILL 20 prlimit --nofile="$number" "$MQTT_E2E" $command </dev/null >few.out 2>few.err || status=$?
            [ $status -le 1 ] || { echo "$command, $number: $status: $(cat few.err)" && return 1; }
            rm -f new
        done
    done
}

busy() { # PID: its CPU time in hundredths of a second
    awk '{ print $14 + $15 }' "/proc/$1/stat"
}

@test "at a reconnect: it says so, tries again and again without haste, and is there once it may" {
    start_sub s -t t -q 1
    local sub=$PID before
    prlimit --pid "$sub" --nofile=3:1024
    stop_broker
    wait_for s.err 'lost the connection'
    launch_broker
    before=$(busy "$sub")
    sleep 3
    runs "$sub"
    [ $(($(busy "$sub") - before)) -lt 30 ]
    contains "$(cat s.err)" 'too many open files'
    prlimit --pid "$sub" --nofile=64:1024
    wait_for s.err 'again'
    until_true eval 'e2e pub -t t -m back -q 1 && has s.out back'
    kill "$sub"
    wait_exit "$sub"
    same "$status" 0
}
