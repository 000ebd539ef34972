#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What goes wrong: hostile packets, brokers that go and come back, full queues, full disks, closed pipes.

load support

# ---- Hostile packets --------------------------------------------------------------------------------

# One packet of `pub -t TOPIC -m MESSAGE`, as the broker saw it, in $wire and $hex.
capture() { # TOPIC MESSAGE [OPTION...]
    local topic=$1 message=$2
    shift 2
    start_spy capture -C 1
    e2e pub -t "$topic" -m "$message" "$@"
    wait_exit "$PID"
    read -r wire hex <<<"$(spied capture)"
}

@test "a packet that is sent again is refused as a replay" {
    start_sub s -t '#'
    capture door open
    wait_for s.out open
    send_raw "$wire" "$hex"
    wait_for s.err 'refused: replay'
    contains "$(cat s.err)" 'on door from'
    send_raw "$wire" "$hex" -q 2
    send_raw "$wire" "$hex" -r
    three() { [ "$(grep -c 'refused: replay' s.err)" = 3 ]; }
    until_true three
    kill -TERM "$PID" "${PIDS[1]}" || true
    wait_exit "${PIDS[1]}"
    same "$(cat s.out)" open
    contains "$(cat s.err)" 'accepted 1, refused 3 (3 replay)'
}

@test "a packet from before we started is refused as stale" {
    capture door open
    start_sub s -t '#'
    send_raw "$wire" "$hex"
    wait_for s.err 'refused: stale'
    contains "$(cat s.err)" 'before we started'
    same "$(cat s.out)" ''
}

@test "a packet that is moved to another topic is refused as forged" {
    capture door/front open
    local moved=$hex
    start_sub s -t '#'
    capture door/back x
    wait_for s.out x
    send_raw "$wire" "$moved"
    wait_for s.err 'refused: forged'
    contains "$(cat s.err)" 'another topic'
    same "$(cat s.out)" x
}

@test "another key: refused as forged, and nothing is said of it" {
    start_sub s -t '#' --base shared
    e2e pub -t t -m x --base shared -K other-key
    wait_for s.err 'refused: forged'
    same "$(cat s.out)" ''
}

@test "a packet with any byte changed is refused; one cut short or made longer too" {
    capture t secret
    start_sub s -t '#' --clock-skew 300
    local i byte bad=0
    for i in 0 11 12 15 16 40 $((${#hex} / 2 - 17)) $((${#hex} / 2 - 16)) $((${#hex} / 2 - 1)); do
        byte=$((16#${hex:i*2:2} ^ 1))
        send_raw "$wire" "${hex:0:i*2}$(printf %02x $byte)${hex:i*2+2}"
        bad=$((bad + 1))
    done
    send_raw "$wire" "${hex:0:${#hex}-2}"
    send_raw "$wire" "${hex}00"
    all() { [ "$(grep -c 'refused: forged' s.err)" = $((bad + 2)) ]; }
    until_true all
    same "$(cat s.out)" ''
}

@test "what is no packet at all: empty, short, plain text" {
    capture t secret
    start_sub s -t '#'
    mosquitto_pub -h 127.0.0.1 -p "$PORT" -t "$wire" -n
    send_raw "$wire" "${hex:0:84}"
    mosquitto_pub -h 127.0.0.1 -p "$PORT" -t "$wire" -m 'open the door'
    three() { [ "$(grep -c 'refused: malformed' s.err)" = 3 ]; }
    until_true three
    mosquitto_pub -h 127.0.0.1 -p "$PORT" -t "$wire" -m "$(printf '%0100d' 0)"
    wait_for s.err 'refused: forged'
    same "$(cat s.out)" ''
}

@test "a wire topic below our base that does not read back" {
    capture t secret
    start_sub s -t '#'
    send_raw "${wire%/*}/plainname" "$hex"
    wait_for s.err 'refused: forged'
    contains "$(cat s.err)" "the wire topic ${wire%/*}/plainname"
}

@test "messages come in any order and late: each once, and only once" {
    start_spy spy
    seq 1 50 | e2e pub -t t -l
    until_true has_lines spy.seen 50
    # Taken back from the spy, and sent again: in reverse order, twice.
    start_sub s -t t
    e2e pub -t t -m fresh
    wait_for s.out fresh
    spied spy | tac | while read -r wire hex; do send_raw "$wire" "$hex"; done
    all() { [ "$(grep -c 'refused: stale' s.err)" = 50 ]; }
    until_true all # they are from before the start of this subscriber
    same "$(cat s.out)" fresh
}

@test "held back by the broker and let through in reverse order: each once" {
    # A sealed batch that nobody has seen yet, made after the subscriber's start.
    start_sub s -t t
    sleep 0.01
    seq 1 40 | "$MQTT_E2E" seal -t t -l >batch.out
    tac batch.out | while read -r wire hex; do send_raw "$wire" "$hex"; done
    until_true has_lines s.out 40
    same "$(sort -n s.out)" "$(seq 1 40)"
    same "$(head -n 1 s.out)" 40
    head -n 5 batch.out | while read -r wire hex; do send_raw "$wire" "$hex"; done
    five() { [ "$(grep -c 'refused: replay' s.err)" = 5 ]; }
    until_true five
    same "$(wc -l <s.out)" 40
}

@test "a sender's clock that is wrong: stale and future, by how much" {
    start_sub s -t '#'
    e2e pub -t t -m x --clock-offset -400000
    wait_for s.err 'refused: stale'
    grep -qE 'sealed 40[0-9]\.[0-9]{3} s ago .*, (99|10[0-9])\.[0-9]{3} s too long ago' s.err
    e2e pub -t t -m x --clock-offset 60000
    wait_for s.err 'refused: future'
    grep -qE 'sealed (59|60)\.[0-9]{3} s from now .* (49|50)\.[0-9]{3} s too far ahead' s.err
    same "$(cat s.out)" ''
}

@test "without -d a subscriber that printed nothing says at its end that something was refused" {
    start s sub -t '#' -W 3
    until_true has broker.log '/# (QoS 0)'
    e2e pub -t t -m x --clock-offset -400000
    wait_exit "$PID"
    same "$status" 27
    contains "$(cat s.err)" '1 message was refused; -d tells why'
}

# ---- Brokers ----------------------------------------------------------------------------------------

@test "no broker: pub and sub fail at once with 1, and say what to do" {
    stop_broker
    local start=$SECONDS
    expect 1 e2e pub -t t -m x
    contains "$stderr" "mqtt-e2e: cannot connect to 127.0.0.1:$PORT: "
    contains "$stderr" 'hint: '
    expect 1 e2e sub -t t
    contains "$stderr" "cannot connect to 127.0.0.1:$PORT"
    expect 1 "$MQTT_E2E" pub -h "127.0.0.1:$PORT,127.0.0.1:$(free_port)" -t t -m x
    same "$(grep -c 'cannot connect' <<<"$stderr")" 2
    [ $((SECONDS - start)) -lt 30 ]
}

@test "a name that does not exist" {
    expect 1 "$MQTT_E2E" pub -h no-such-host.invalid -t t -m x
    contains "$stderr" 'cannot connect to no-such-host.invalid'
}

@test "somebody else listens there: not MQTT" {
    stop_broker
    command -v node >/dev/null || skip 'no node'
    node -e 'require("net").createServer((s) => { s.on("error", () => {}); s.end("HTTP/1.1 400 no\r\n\r\n"); })
        .listen(+process.argv[1], "127.0.0.1", () => console.log("listening"))' "$PORT" >other.out 3>&- &
    PIDS+=($!)
    wait_for other.out listening
    expect 1 e2e pub -t t -m x
    contains "$stderr" "cannot connect to 127.0.0.1:$PORT"
}

@test "pub -W keeps trying until the broker is there" {
    stop_broker
    start p pub -t t -m 'at last' -r -q 1 -W 60
    wait_for p.err 'cannot connect'
    launch_broker
    wait_exit "$PID"
    same "$status" 0
    expect 0 e2e sub -t t --lasting -C 1 -W 10
    same "$output" '[old] at last'
}

@test "pub -W gives up with 27" {
    stop_broker
    expect 27 e2e pub -t t -m x -W 1
    contains "$stderr" 'timed out after 1 s: 1 message was not published'
}

@test "sub outlives its broker, says so, and hears what comes after" {
    start_sub s -t t
    e2e pub -t t -m before
    wait_for s.out before
    stop_broker
    wait_for s.err 'lost the connection to'
    launch_broker
    wait_for s.err 'connected to'
    until_true after_came
    runs "$PID"
}

after_came() {
    e2e pub -t t -m after
    has s.out after
}

@test "sub that was to time out does so while the broker is away" {
    start_sub s -t t -W 3
    stop_broker
    wait_exit "$PID"
    same "$status" 27
}

@test "pub -l outlives its broker and loses nothing, of more lines than the queue takes" {
    start_sub s -t t -q 1
    local sub=$PID
    mkfifo pipe
    exec 5<>pipe
    start p pub -t t -q 1 -l --queue 10 <pipe
    seq 1 100 >&5
    until_true has_lines s.out 100
    stop_broker
    wait_for p.err 'lost the connection'
    seq 101 300 >&5
    launch_broker
    subscribed_again() { [ "$(grep -c 'subscribed to' s.err)" = 2 ]; }
    until_true subscribed_again
    seq 301 400 >&5
    # QoS 1: what was under way when the broker went may come again, and is then refused as a replay; what came after the
    # broker was back and before s had subscribed again is not kept for s.
    until_true has_last s.out 400
    same "$(sort -n s.out | uniq -d)" ''
    same "$(grep -cxE '[1-9][0-9]?|100' s.out)" 100
    runs "$PID"
    runs $sub
}

has_last() {
    [ "$(tail -n 1 "$1")" = "$2" ]
}

@test "pub -l with the broker away from the start waits for it under -W, and loses nothing" {
    stop_broker
    seq 1 3000 >lines
    start p pub -t t -q 1 -l --queue 100 -W 60 <lines
    wait_for p.err 'cannot connect'
    configure_broker - <<'END'
allow_anonymous true
persistence true
END
    launch_broker
    # The subscriber may come late, so what it gets is looked at from the broker's log.
    wait_exit "$PID"
    same "$status" 0
    same "$(grep -c 'Received PUBLISH' broker.log)" 3000
}

@test "a full queue holds up standard input: the writer waits, and memory stays bounded" {
    stop_broker
    mkfifo pipe
    exec 5<>pipe
    start p pub -t t -l --queue 5 -W 60 <pipe
    wait_for p.err 'cannot connect'
    # Far more than the queue, the buffer of a pipe (64 KiB) and our own together take.
    (for i in 1 2 3 4 5 6 7 8 9 10; do head -c 200000 /dev/zero | tr '\0' x && echo; done >&5 && echo >written) 3>&- &
    local writer=$!
    PIDS+=("$writer")
    sleep 1
    [ ! -e written ]
    launch_broker
    until_true test -e written
    exec 5>&-
    wait $writer
    kill -KILL "$PID" || true
}

@test "an acknowledgement that never comes: -W ends it" {
    stop_broker
    command -v node >/dev/null || skip 'no node'
    # Accepts the connection (CONNACK), and then says nothing more.
    node -e 'require("net").createServer((s) => { s.on("error", () => {});
        s.once("data", () => s.write(Buffer.from([0x20, 2, 0, 0]))); })
        .listen(+process.argv[1], "127.0.0.1", () => console.log("listening"))' "$PORT" >deaf.out 3>&- &
    PIDS+=($!)
    wait_for deaf.out listening
    expect 27 e2e pub -t t -m x -q 1 -W 1
    contains "$stderr" '1 message was not published'
}

@test "a subscription that the broker denies" {
    stop_broker
    command -v node >/dev/null || skip 'no node'
    # mosquitto has no words to deny one: this takes connections, and answers every SUBSCRIBE with 0x80 (MQTT 3.1.1 §3.9.3).
    node -e 'require("net").createServer((s) => { s.on("error", () => {}); s.on("data", (data) => {
        for (; data.length; data = data.subarray(2 + data[1])) {
            if (data[0] == 0x10) s.write(Buffer.from([0x20, 2, 0, 0]));
            if (data[0] == 0x82) s.write(Buffer.from([0x90, 3, data[2], data[3], 0x80])); } }); })
        .listen(+process.argv[1], "127.0.0.1", () => console.log("listening"))' "$PORT" >denier.out 3>&- &
    PIDS+=($!)
    wait_for denier.out listening
    expect 1 e2e sub -t t -W 10
    contains "$stderr" 'does not let us subscribe to t'
    expect 1 e2e sub -t t -t u -E -W 10
    contains "$stderr" 'does not let us subscribe to u'
}

@test "a message that the broker denies (MQTT 5 tells)" {
    stop_broker
    echo 'topic read #' >acl
    configure_broker - <<'END'
allow_anonymous true
acl_file acl
END
    launch_broker
    expect 1 e2e pub -t t -m x -q 1 -V 5
    contains "$stderr" 'mqtt-e2e: '
}

@test "a session that another client takes over does not end a subscriber with 0: it comes back" {
    start_sub s -t t -i same
    local one=$PID
    start_sub other -t t -i same
    wait_for s.err 'lost the connection'
    runs "$one"
    wait_for other.err 'lost the connection' # s took it back
    kill -TERM "$PID"
    wait_exit "$PID"
    runs "$one"
}

# ---- Output -----------------------------------------------------------------------------------------

@test "a full disk: 1, and said" {
    e2e sub -t t -C 1 -d >/dev/full 2>s.err 3>&- &
    PID=$!
    PIDS+=("$PID")
    wait_for s.err 'subscribed to'
    e2e pub -t t -m x
    wait_exit "$PID"
    same "$status" 1
    contains "$(cat s.err)" 'cannot write to standard output: No space left on device'
}

@test "a reader that has gone ends a subscriber without a word" {
    { local code=0; e2e sub -t t 2>s.err 3>&- || code=$?; echo $code >code; } | head -n 1 >first &
    PIDS+=($!)
    until_true has broker.log '(QoS 0)'
    e2e pub -t t -m x
    until_true test -s code # without a further message
    same "$(cat first)" x
    same "$(cat s.err)" ''
    same "$(cat code)" 1
}

@test "interrupted before all was published: 1, and how many were not" {
    stop_broker
    start p pub -t t -m x -W 60
    wait_for p.err 'cannot connect'
    kill -INT "$PID"
    wait_exit "$PID"
    same "$status" 1
    contains "$(cat p.err)" 'interrupted: 1 message was not published'
}

@test "pub -l that is stopped while nothing waits: 0" {
    mkfifo pipe
    start_sub s -t t
    exec 5<>pipe
    start p pub -t t -q 1 -l <pipe
    echo x >&5
    wait_for s.out x
    sleep 0.2
    kill -TERM "$PID"
    wait_exit "$PID"
    same "$status" 0
}
