# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the tests of the command line share: a private broker, a key, and programs in the background.
#
# Each test has a folder of its own ($BATS_TEST_TMPDIR) and a mosquitto on a free port of the loopback, which ends with
# it. Whatever waits here waits for something to happen, for at most $PATIENCE seconds.
#
# Given from outside: MQTT_E2E, the program (default: mqtt-e2e in PATH); MQTT_E2E_RESPONDER, the program of
# responder.c.

bats_require_minimum_version 1.5.0
PATH=$PATH:/usr/sbin
PATIENCE=${PATIENCE:-20}
SUPPORT_DIR=${BASH_SOURCE[0]%/*}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    export HOME=$PWD LC_ALL=C.UTF-8 TERM=xterm
    unset XDG_CONFIG_HOME XDG_STATE_HOME NO_COLOR SSL_CERT_FILE SSL_CERT_DIR
    : "${MQTT_E2E:=mqtt-e2e}"
    PIDS=()
    SUSPENDED=()
    SPIES=0
    RESPONDERS=0
    echo '000102030405060708090a0b0c0d0e0f' >key
    echo 'ffeeddccbbaa99887766554433221100' >other-key
    chmod 600 key other-key
    export MQTT_E2E_KEY_FILE=$PWD/key
    if declare -F set_up >/dev/null; then set_up; else start_broker; fi
}

teardown() {
    local pid
    if declare -F tear_down >/dev/null; then tear_down; fi
    for pid in "${PIDS[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${SUSPENDED[@]}"; do # else they would not end
        kill -CONT "$pid" 2>/dev/null || true
    done
    for pid in "${PIDS[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    if [ -z "${BATS_TEST_COMPLETED:-}" ]; then # of a test that failed, to be shown with it
        local file
        for file in *.log *.out *.err; do
            [ -f "$file" ] && echo "--- $file" && tail -n 40 "$file" | cat -v
        done
    fi
    return 0
}

# ---- Waiting ----------------------------------------------------------------------------------------

# until_true COMMAND...: tries again until it succeeds.
until_true() {
    local end=$((SECONDS + PATIENCE))
    until "$@"; do
        if [ $SECONDS -ge $end ]; then
            echo "waited in vain for: $*"
            return 1
        fi
        sleep 0.05
    done
}

has() { # FILE TEXT
    grep -qF -- "$2" "$1" 2>/dev/null
}

has_times() { # FILE TEXT COUNT: on so many lines
    [ "$(grep -cF -- "$2" "$1" 2>/dev/null)" -ge "$3" ]
}

wait_for() { # FILE TEXT
    until_true has "$1" "$2"
}

has_lines() { # FILE COUNT
    [ -f "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]
}

ended() { # PID
    ! kill -0 "$1" 2>/dev/null
}

runs() { # PID
    kill -0 "$1" 2>/dev/null
}

suspend() { # PID
    kill -STOP "$1"
    SUSPENDED+=("$1")
}

# Not of one that may be about to end: LeakSanitizer stops it then, and would wait for ever.
resume() { # PID
    kill -CONT "$1"
    SUSPENDED=()
}

# The exit code of a program in the background, in $status.
wait_exit() { # PID
    until_true ended "$1" || return 1
    status=0
    wait "$1" || status=$?
}

# ---- Broker -----------------------------------------------------------------------------------------

accepts() { # PORT
    (exec 4<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Writes broker.conf for $PORT; further lines of it come on standard input where given ones are asked for (-).
configure_broker() {
    {
        echo "user $(id -un)" # root too: mosquitto would change to a user who can't read here
        echo "log_dest stderr"
        echo "log_type all"
        echo "log_timestamp false"
        echo "max_queued_messages 100000"
        echo "set_tcp_nodelay true" # else every QoS 2 hand-shake may wait for Nagle's algorithm
        echo "listener $PORT 127.0.0.1"
        if [ "${1:-}" = - ]; then cat; else echo "allow_anonymous true"; fi
    } >broker.conf
}

# Starts mosquitto with broker.conf on $PORT. False: the port is taken.
launch_broker() {
    mosquitto -c broker.conf >>broker.log 2>&1 3>&- 5>&- &
    BROKER=$!
    local end=$((SECONDS + PATIENCE))
    until accepts "$PORT" && ! ended $BROKER; do
        if ended $BROKER || [ $SECONDS -ge $end ]; then
            return 1
        fi
        sleep 0.02
    done
    PIDS+=("$BROKER")
}

# start_broker [-]: on a free port, in $PORT; with `-`, what stands on standard input instead of `allow_anonymous true`.
start_broker() {
    local lines='' attempt
    if [ "${1:-}" = - ]; then lines=$(cat); fi
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        PORT=$(free_port)
        if [ -n "$lines" ]; then configure_broker - <<<"${lines//@PORT@/$PORT}"; else configure_broker; fi
        if launch_broker; then
            return 0
        fi
    done
    echo "no broker started after $attempt attempts"
    cat broker.log
    return 1
}

# A port on which nobody listens just now.
free_port() {
    local port
    while port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000)); do # below those that connections are given
        if ! accepts $port; then
            echo $port
            return
        fi
    done
}

stop_broker() {
    kill "$BROKER"
    wait "$BROKER" || true
}

# ---- Programs ---------------------------------------------------------------------------------------

e2e() { # COMMAND ARGUMENT...: against our broker
    local command=$1
    shift
    "$MQTT_E2E" "$command" -h 127.0.0.1 -p "$PORT" "$@"
}

# The same in the background, in $PID, with output to NAME.out and NAME.err. It does not get descriptor 5, which tests use for
# pipes.
start() { # NAME COMMAND ARGUMENT...
    local name=$1 command=$2
    shift 2
    : >"$name.out" # nobody is to find there what the one before said
    : >"$name.err"
    "$MQTT_E2E" "$command" -h 127.0.0.1 -p "$PORT" "$@" <&0 >"$name.out" 2>"$name.err" 3>&- 5>&- &
    PID=$!
    PIDS+=("$PID")
}

# A subscriber in the background that has subscribed; told by -d.
start_sub() { # NAME ARGUMENT...
    local name=$1
    shift
    start "$name" sub -d "$@"
    wait_for "$name.err" 'subscribed to'
}

# What the broker sees, one line a packet: WIRETOPIC HEX.
start_spy() { # NAME [ARGUMENT...]
    local name=$1
    shift
    : >"$name.seen"
    SPIES=$((SPIES + 1))
    mosquitto_sub -h 127.0.0.1 -p "$PORT" -i "spy-$name-$SPIES" -t '#' -F '%t %x' "$@" >"$name.seen" 3>&- &
    PID=$!
    PIDS+=("$PID")
    wait_for broker.log "Sending SUBACK to spy-$name-$SPIES"
}

# The packets that a spy saw.
spied() { # NAME
    cat "$1.seen"
}

# Publishes the packet in HEX on WIRETOPIC, as it is.
send_raw() { # WIRETOPIC HEX [ARGUMENT...]
    local topic=$1 hex=$2
    shift 2
    # shellcheck disable=SC2001
    printf '%b' "$(sed 's/../\\x&/g' <<<"$hex")" >raw
    mosquitto_pub -h 127.0.0.1 -p "$PORT" -t "$topic" -f raw "$@"
}

# Answers requests on FILTER: see responder.c. The first one writes to responder-1.out, and so on.
start_responder() { # FILTER HOW
    RESPONDERS=$((RESPONDERS + 1))
    "$MQTT_E2E_RESPONDER" "$MQTT_E2E_KEY_FILE" "$PORT" "$1" "$2" >"responder-$RESPONDERS.out" 2>&1 3>&- &
    PID=$!
    PIDS+=("$PID")
    wait_for "responder-$RESPONDERS.out" ready
}

# ---- Looking ----------------------------------------------------------------------------------------

# Fails, showing both, unless they are equal.
same() { # GOT EXPECTED
    if [ "$1" != "$2" ]; then
        printf 'got:      %q\nexpected: %q\n' "$1" "$2"
        return 1
    fi
}

contains() { # TEXT PART
    if [[ "$1" != *"$2"* ]]; then
        printf 'got:           %q\nwhich has not: %q\n' "$1" "$2"
        return 1
    fi
}

lacks() { # TEXT PART
    if [[ "$1" == *"$2"* ]]; then
        printf 'got:       %q\nwhich has: %q\n' "$1" "$2"
        return 1
    fi
}

# Runs it; it must exit with CODE. What it said is in $output and $stderr.
expect() { # CODE COMMAND...
    local code=$1
    shift
    run --separate-stderr "$@"
    if [ "$status" -ne "$code" ]; then
        printf '%q ' "$@"
        printf '\nexit code %s, not %s\n%s\n%s\n' "$status" "$code" "$output" "$stderr"
        return 1
    fi
}
