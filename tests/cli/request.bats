#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# `mqtt-e2e request` against a node that answers (responder.c).

load support

@test "a request is answered, and the reply printed" {
    start_responder 'iot/#' echo
    expect 0 e2e request -t iot/kitchen -m 'how are you?'
    same "$output" 'how are you?'
    same "$stderr" ''
    grep -qx 'request on iot/kitchen' responder-1.out
}

@test "payloads: -n, -f with NUL bytes, -s, 1 MiB" {
    start_responder t echo
    expect 0 e2e request -t t -n -F '[%p]'
    same "$output" '[]'
    printf 'a\0b\n\377' >file
    e2e request -t t -f file -N >got
    cmp got file
    head -c 1048576 /dev/urandom >big
    e2e request -t t -s -N -q 1 <big >got
    cmp got big
}

@test "--json prints the reply's object" {
    start_responder t echo
    expect 0 e2e request -t t -m x --json
    same "${#lines[@]}" 1
    contains "$output" '"kind":"reply"'
    contains "$output" '"payload":"x"'
    contains "$output" '"topic":"~reply/'
    contains "$output" '"request_counter":0'
    contains "$output" "\"broker\":\"127.0.0.1:$PORT\""
}

@test "-v prints the topic of the reply, -F what one likes" {
    start_responder t echo
    expect 0 e2e request -t t -m x -v
    [[ $output =~ ^~reply/[A-Za-z0-9_-]{16}\ x$ ]]
    expect 0 e2e request -t t -m x -F '%k %l'
    same "$output" 'reply 1'
}

@test "no answer: 27 after -W, with a hint" {
    expect 27 e2e request -t t -m x -W 1
    same "$output" ''
    contains "$stderr" 'no reply within 1 s'
    contains "$stderr" 'listening on t'
}

@test "an answer that is no reply does not count" {
    start_responder t message
    expect 27 e2e request -t t -m x -W 1
    same "$output" ''
    start_responder u silent
    expect 27 e2e request -t u -m x -W 1
}

@test "--replies N waits for so many, of several nodes or of one" {
    start_responder t echo
    start_responder t echo
    expect 0 e2e request -t t -m x --replies 2 -W 20
    same "$output" $'x\nx'
    expect 27 e2e request -t t -m x --replies 3 -W 1
    same "$output" $'x\nx'
    contains "$stderr" '2 of 3 replies'
    start_responder u twice
    expect 0 e2e request -t u -m x --replies 2
    same "$output" $'x\nagain'
}

@test "--all prints every reply until -W, and succeeds if any came" {
    start_responder t twice
    start_responder t echo
    expect 0 e2e request -t t -m x --all -W 2
    same "$(sort <<<"$output")" $'again\nx\nx'
    expect 27 e2e request -t nobody -m x --all -W 1
}

@test "another key is not heard, and does not hear" {
    start_responder t echo
    expect 27 e2e request -t t -m x -W 1 -K other-key
    run ! grep -q request responder-1.out
}

@test "the broker sees neither the request nor the reply" {
    start_responder iot/kitchen echo
    start_spy spy
    e2e request -t iot/kitchen -m status
    until_true has_lines spy.seen 2
    run ! grep -qi -e kitchen -e reply -e "$(printf status | od -An -tx1 | tr -d ' \n')" spy.seen
    same "$(spied spy | awk '{print length($2)}' | sort -u)" $((2 * 93))
}

@test "a reply that is sent again to a later request is refused" {
    start_responder t echo
    start_spy spy
    e2e request -t t -m x
    until_true has_lines spy.seen 2
    local reply
    reply=$(spied spy | tail -n 1)
    # The reply topic is that of a stream, so a replayed reply reaches only its own asker; sent to the topic of a later one,
    # it does not open.
    start later request -t nobody -m y -W 3 -d
    until_true has_lines spy.seen 3
    local topic
    topic=$(sed -n 's/.*Sending SUBACK.*//;s/^\t\(.*\) (QoS [0-2])$/\1/p' broker.log | tail -n 1)
    send_raw "$topic" "${reply#* }"
    wait_exit "$PID"
    same "$status" 27
    same "$(cat later.out)" ''
    contains "$(cat later.err)" 'refused: forged'
}

@test "interrupted: 1" {
    start r request -t nobody -m x -d
    until_true has broker.log 'Received PUBLISH'
    kill -INT "$PID"
    wait_exit "$PID"
    same "$status" 1
    contains "$(cat r.err)" interrupted
}

@test "no broker: 1 at once, not a timeout" {
    stop_broker
    local start=$SECONDS
    expect 1 e2e request -t t -m x -W 60
    contains "$stderr" "cannot connect to 127.0.0.1:$PORT"
    [ $((SECONDS - start)) -lt 30 ]
}

@test "a broker that takes connections and says nothing: no connection, and to which" {
    stop_broker
    command -v node >/dev/null || skip 'no node'
    node -e 'require("net").createServer((s) => s.on("error", () => {}))
        .listen(+process.argv[1], "127.0.0.1", () => console.log("listening"))' "$PORT" >silent.out 3>&- &
    PIDS+=($!)
    wait_for silent.out listening
    expect 27 e2e request -t t -m x -W 1
    same "${stderr_lines[0]}" "mqtt-e2e: no connection to 127.0.0.1:$PORT within 1 s"
    expect 27 e2e pub -t t -m x -W 1
    same "${stderr_lines[0]}" 'mqtt-e2e: timed out after 1 s: 1 message was not published'
    same "${stderr_lines[1]}" "mqtt-e2e: hint: there was no connection to 127.0.0.1:$PORT"
    expect 1 timeout 60 "$MQTT_E2E" pub -h 127.0.0.1 -p "$PORT" -t t -m x # given up by itself
    contains "$stderr" "cannot connect to 127.0.0.1:$PORT: "
}

@test "-q 1 and 2, -V 5" {
    start_responder t echo
    for q in 1 2; do
        expect 0 e2e request -t t -m x -q $q -V 5
        same "$output" x
    done
}

@test "an answerer whose clock is behind by less than the skew is heard, though we have just started" {
    start_responder '#' echo
    expect 0 e2e request -t q -m hello --clock-offset 2000
    same "$output" 'hello'
}
