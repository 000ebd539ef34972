#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Several brokers at once, from the command line. How the client goes about it is tested in tests/client/test_brokers.c.
load support

# Two brokers: $FIRST and $PORT are their ports.
set_up() {
    start_broker
    FIRST=$PORT
    start_broker
    BOTH="127.0.0.1:$FIRST,127.0.0.1:$PORT"
}

@test "sub: what comes by two brokers is printed once; -d tells which was first, and how each is" {
    start s sub -h "$BOTH" -t t -d -W 6 --state none
    until_true has_times s.err 'subscribed to t' 2
    seq 20 | "$MQTT_E2E" pub -h "$BOTH" -t t -q 1 -l
    until_true has_lines s.out 20
    sleep 0.3
    kill "$PID"
    wait_exit "$PID"
    same "$(cat s.out)" "$(seq 20)"
    contains "$(cat s.err)" 'accepted 20, refused 20 (20 replay)'
    contains "$(cat s.err)" '20 of the refused are the same messages by other brokers'
    grep -Eq "^127.0.0.1:$FIRST: connected, round trip [0-9.]+ ms; seen first [0-9]+, copies [0-9]+, refused 0" s.err
    lacks "$(cat s.err)" 'refused: replay'
}

@test "pub: one message, at once, reaches who listens at either broker" {
    start a sub -h "127.0.0.1:$FIRST" -t t -C 1 -d
    start b sub -h "127.0.0.1:$PORT" -t t -C 1 -d
    wait_for a.err 'subscribed to t'
    wait_for b.err 'subscribed to t'
    expect 0 "$MQTT_E2E" pub -h "$BOTH" -t t -m x
    until_true has_lines a.out 1
    until_true has_lines b.out 1
}

@test "one broker is dead: nothing waits for it, and it is named once" {
    local start=$SECONDS
    DEAD=$(free_port)
    start s sub -h "127.0.0.1:$DEAD,127.0.0.1:$PORT" -t t -C 2 -d
    wait_for s.err 'subscribed to t'
    expect 0 "$MQTT_E2E" pub -h "127.0.0.1:$DEAD,127.0.0.1:$PORT" -t t -m one -q 1
    contains "$stderr" "cannot connect to 127.0.0.1:$DEAD: connection refused"
    sleep 2
    expect 0 "$MQTT_E2E" pub -h "127.0.0.1:$DEAD,127.0.0.1:$PORT" -t t -m two -q 1
    wait_exit "$PID"
    same "$status $(cat s.out | xargs)" '0 one two'
    same "$(grep -c 'cannot connect' s.err)" 1
    [ $((SECONDS - start)) -lt 15 ]
}

@test "all brokers are dead: each is named, and pub fails" {
    expect 1 "$MQTT_E2E" pub -h "127.0.0.1:$(free_port),127.0.0.1:$(free_port)" -t t -m x
    same "$(grep -c 'cannot connect' <<<"$stderr")" 2
}

@test "request: asked by two brokers, answered once" {
    start r sub -h "$BOTH" -t q -d --state none
    until_true has_times r.err 'subscribed to q' 2
    expect 27 "$MQTT_E2E" request -h "$BOTH" -t q -m x -W 1
    same "$(cat r.out)" x
}

@test "schemes: mqtts:// by TLS, with its port; mqtt:// without, even if the rest is by TLS; WebSocket can't be had" {
    expect 1 "$MQTT_E2E" pub -h "mqtts://127.0.0.1:$PORT" -t t -m x
    contains "$stderr" 'does the broker speak TLS on this port?'
    expect 1 "$MQTT_E2E" pub -h "mqtts://127.0.0.1" -t t -m x
    contains "$stderr" 'cannot connect to 127.0.0.1:8883'
    expect 0 "$MQTT_E2E" pub --tls -h "mqtt://127.0.0.1:$PORT" -t t -m x
    if pkg-config --atleast-version=2.1 libmosquitto; then skip "this libmosquitto has it"; fi
    expect 1 "$MQTT_E2E" pub -h "ws://127.0.0.1:$PORT" -t t -m x
    contains "$stderr" "no WebSocket to '127.0.0.1': it needs libmosquitto 2.1"
}
