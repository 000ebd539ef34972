# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the tests here share that are scripts: a folder of their own in $dir, a key in $dir/key, processes that end with the script.
set -eu
: "${MQTT_E2E:=mqtt-e2e}"
PATH=$PATH:/usr/sbin:/sbin
dir=$(mktemp -d)
pids= # of what runs, to be ended
cleanup() {
    local pid
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
echo 000102030405060708090a0b0c0d0e0f >"$dir/key"
chmod 600 "$dir/key"

wrong() { # TEXT
    echo "WRONG: $1" >&2
    exit 1
}

# await SECONDS COMMAND...: until it succeeds. False: it did not in the time.
await() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
}

accepts() { # PORT
    (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

free_port() {
    local port
    while :; do
        port=$((RANDOM % 12000 + 20000)) # below those that connections are given
        accepts "$port" || break
    done
    echo "$port"
}

# With $dir/conf, on $port; in $broker; without descriptor 9, which tests use for pipes. False: the port is taken.
launch_broker() {
    mosquitto -c "$dir/conf" >>"$dir/broker.log" 2>&1 9>&- &
    broker=$!
    local end=$((SECONDS + 10))
    until accepts "$port"; do
        kill -0 "$broker" 2>/dev/null && [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.02
    done
    kill -0 "$broker" 2>/dev/null
}

# start_broker LINE...: mosquitto on a free port, with further lines of configuration.
start_broker() {
    local attempt
    for attempt in 1 2 3 4 5; do
        port=$(free_port)
        {
            printf 'listener %s 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\n' "$port"
            printf 'user %s\n' "$(id -un)" # root too: mosquitto would change to a user who can't write here
            printf '%s\n' "$@"
        } >"$dir/conf"
        if launch_broker; then
            pids="$pids $broker"
            return
        fi
    done
    cat "$dir/broker.log" >&2
    wrong "no broker started after $attempt attempts"
}

# start_link LOSS DELAY JITTER: link.c between two network namespaces, $near and $far; $link is its process. Where they can't be had, the
# test ends as skipped.
start_link() {
    local word
    "${LINK:?}" "$1" "$2" "$3" "${SEED:?}" >"$dir/link" &
    link=$!
    pids="$pids $link"
    await 5 test -s "$dir/link" || wrong 'no link'
    read -r word near far <"$dir/link"
    if [ "$word" != ready ]; then
        cat "$dir/link"
        exit 77
    fi
}

# mosquitto in $near, with $dir/conf.
start_near_broker() {
    nsenter --net="$near" mosquitto -c "$dir/conf" >"$dir/broker.log" 2>&1 &
    pids="$pids $!"
    await 10 grep -sq running "$dir/broker.log" || wrong "no broker: $(cat "$dir/broker.log")"
}
