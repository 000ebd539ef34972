#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# `mqtt-e2e shell` without a terminal: lines of a file or a pipe, one after the other.

# shellcheck disable=SC2016,SC2154 # what the device's shell is to expand; `run` and the like set variables

load support
load shell

lines() { # LINE...: with a line end each
    printf '%s\n' "$@" >lines
}

# obeyed CODE [OPTION...]: what stands in `lines`.
obeyed() {
    local code=$1
    shift
    expect "$code" e2e shell "$@" <lines
}

@test "one after the other, results to standard output, and the exit code of the last" {
    start_agent kitchen
    lines "# what follows is for kitchen" '' 'use kitchen' "sh -c 'sleep 0.3; echo one'" '  words two  "three four"' \
        '@kitchen ping' "sh -c 'echo five; echo six >&2; exit 7'"
    obeyed 7
    same "$output" $'one\n[two][three four]\nkitchen: pong\nfive'
    same "$stderr" $'six\nkitchen: \'sh -c echo five; echo six >&2; exit 7\' ended with exit code 7 after '"${stderr##* after }"
    lines '@kitchen sh -c "exit 7"' '@kitchen words end'
    obeyed 0
    same "$output" '[end]'
    lines "@kitchen sh -c 'exit 9'" quit '@kitchen words never'
    obeyed 9
    same "$output" ''
    : >lines
    obeyed 0
    same "$output$stderr" ''
}

@test "the last line may lack its end, and -v tells how long each took" {
    start_agent kitchen
    printf '@kitchen words one\n@kitchen ping' >lines
    obeyed 0
    same "$output" $'[one]\nkitchen: pong'
    same "$stderr" ''
    obeyed 0 -v
    [[ $output =~ ^'[one]'$'\n''kitchen: pong   '[0-9.]+\ m?s$ ]]
    [[ $stderr =~ ^"kitchen: 'words one' ended after "[0-9.]+\ m?s$ ]]
}

@test "what a command gives comes out as it is" {
    start_agent kitchen
    head -c 300007 /dev/urandom >data
    lines "@kitchen sh -c 'cat $PWD/data'"
    e2e shell <lines >back
    cmp data back
    lines "@kitchen sh -c 'cat $PWD/data >&2'"
    e2e shell <lines >back 2>back.err
    cmp data back.err
    [ ! -s back ]
}

@test "input that is not given to commands, and comes bit by bit" {
    start_agent kitchen --command cat=/bin/cat
    mkfifo pipe
    exec 5<>pipe
    start shell shell <pipe
    echo '@kitchen cat' >&5
    echo '@kitchen words one' >&5
    wait_for shell.out '[one]'
    printf '@kitchen words' >&5
    printf ' two\n' >&5
    wait_for shell.out '[two]'
    same "$(cat shell.out)" $'[one]\n[two]'
    exec 5>&-
    wait_exit "$PID"
    same "$status" 0
}

@test "mistakes are told, and what follows is still done" {
    start_agent kitchen
    lines 'words one' '@kitchen' '@a/b ping' '@kitchen words "open' '@kitchen nothing' 'running' '@kitchen words two'
    obeyed 0
    same "$output" '[two]'
    contains "$stderr" "which device is 'words' for?"
    contains "$stderr" 'no command for kitchen'
    contains "$stderr" "'a/b' can't be a device's name"
    contains "$stderr" 'a quotation mark that is not closed'
    contains "$stderr" "kitchen: 'nothing' was not run, code 127"
    contains "$stderr" 'nothing runs'
    lines '@kitchen words "open'
    obeyed 2
    lines '@kitchen nothing'
    run -127 --separate-stderr e2e shell <lines
    contains "$stderr" 'was not run, code 127'
    lines "@kitchen sh -c 'kill -9 \$\$'"
    obeyed 137
}

@test "no answer: exit code 27" {
    start_agent kitchen
    lines '@nobody ping' '@kitchen words one'
    obeyed 0 -W 0.3
    same "$output" '[one]'
    contains "$stderr" "no answer from nobody to 'ping' within 300 ms"
    lines '@kitchen words one' '@nobody ping'
    obeyed 27 -W 0.3
    suspend "$AGENT"
    lines '@all ping'
    obeyed 27 -W 0.3
    contains "$stderr" "no answer from any device to 'ping' within 300 ms"
}

@test "@all and devices" {
    start_agent kitchen
    start_agent cellar
    lines '@all ping' devices "@all sh -c 'exit 3'"
    obeyed 1 -W 2
    same "$(grep -c ': pong$' <<<"$output")" 2
    lists cellar <<<"$output"
    lists kitchen <<<"$output"
    contains "$stderr" "kitchen: 'sh -c exit 3' ended with exit code 3"
    contains "$stderr" "cellar: 'sh -c exit 3' ended with exit code 3"
}

@test "signals stop the command that runs, and the shell" {
    start_agent kitchen
    local signal
    for signal in INT:130:2 TERM:143:15; do
        rm -f pid

        lines "@kitchen sh -c 'echo \$\$ >$PWD/pid; exec sleep 300'" '@kitchen words never'
        start shell shell <lines
        until_true test -s pid
        kill -s "${signal%%:*}" "$PID"
        wait_exit "$PID"
        same "$status" "$(cut -d: -f2 <<<"$signal")"
        until_true ended "$(cat pid)"
        same "$(cat shell.out)" ''
        contains "$(cat shell.err)" "was stopped, by signal ${signal##*:}"
    done
}

@test "a reader that goes ends the command, and the shell" {
    start_agent kitchen
    lines "@kitchen sh -c 'echo \$\$ >$PWD/pid; exec yes'" '@kitchen words never'
    (code=0 && e2e shell <lines 2>err || code=$?; echo $code >code) | head -n 1 >out
    same "$(cat out)" y
    same "$(cat code)" 1
    until_true ended "$(cat pid)"
    same "$(grep -c ' asked ' agent-kitchen.err)" 1
    contains "$(cat err)" 'was stopped, by signal 15'
}

@test "no broker: told, exit code 1" {
    stop_broker
    lines '@kitchen ping'
    obeyed 1
    contains "$stderr" "cannot connect to 127.0.0.1:$PORT"
    contains "$stderr" 'hint: '
}
