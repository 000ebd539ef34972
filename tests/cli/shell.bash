# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the tests of the shell share: agents, and the shell in a terminal.

load terminal


set_up() {
    start_broker
    # Says its words, each on a line, once the file `go` is there.
    printf '#!/bin/sh\nuntil [ -e "%s/go" ]; do sleep 0.02; done\nprintf "%%s\\n" "$@"\n' "$PWD" >later
    printf '#!/bin/sh\nprintf "[%%s]" "$@"\necho\n' >words
    chmod 755 later words
}

tear_down() {
    close_terminal
}

# start_agent NAME [OPTION...]: as agent-NAME, its process in $AGENT.
start_agent() {
    local name=$1
    shift
    start "agent-$name" agent --name "$name" --state none --command sh=/bin/sh --command later="$PWD/later" \
        --command words="$PWD/words" "$@"
    wait_for "agent-$name.err" "agent $name listens on command/$name and command/all"
    AGENT=$PID
}


# open_shell [COLUMNS ROWS [OPTION...]]: until its prompt is there.
open_shell() {
    local columns=${1:-80} rows=${2:-24}
    shift $(($# < 2 ? $# : 2))
    open_terminal "$columns" "$rows" "$MQTT_E2E" shell -h 127.0.0.1 -p "$PORT" "$@"
    wait_row 'mqtt-e2e>'
}

# The same until it has said who is there.
open_greeted() {
    open_shell "$@"
    wait_shown 'Ctrl-D ends.'
}

# Ends it in order; the terminal must be as it was.
leave() { # [CODE]
    keys C-d
    wait_terminal_ends
    same "$status" "${1:-0}"
    cmp stty.before stty.after
}

# `devices` says that it is there now: on standard input.
lists() { # DEVICE
    grep -qE "^$1 +[0-9.]+ ms +now +mqtt-e2e [0-9.]+$"
}
