#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The Toit profile: `--profile toit`, key files that carry it, and conversations with stand-ins for the Toit library's example programs.

load support
load terminal

export NODE_PATH=/usr/share/nodejs # where Debian has libraries
HEX=762e4c1dc0a7d8b60e61bc68dc858bee
BASE=FGeeQanXEwx3
WARNING='warning: the Toit profile is weak: everybody on the way reads the time and the topic of each message, and can have it taken on another topic'

set_up() {
    start_broker
    echo "mqtt-e2e://di5MHcCn2LYOYbxo3IWL7g?profile=toit" >key
}

tear_down() {
    close_terminal
}

# stand_in NAME device|controller [ARGUMENT]: with output to NAME.out; a controller reads NAME.in.
stand_in() {
    local name=$1 what=$2
    shift 2
    : >"$name.in"
    tail -f "$name.in" 2>/dev/null 3>&- | node "$SUPPORT_DIR/toit_node.js" "$what" "$PORT" "$HEX" "$@" >"$name.out" 2>&1 3>&- &
    PIDS+=("$!" "$(jobs -p | tail -n 1)")
    wait_for "$name.out" ready
}

start_agent() { # NAME [OPTION...]
    local name=$1
    shift
    start "agent-$name" agent --name "$name" "$@"
    wait_for "agent-$name.err" "agent $name listens on controller, and answers on iot/$name"
}

# ---- What is written and read --------------------------------------------------------------------------

@test "the stand-in decides as the library did, by all that was recorded" {
    expect 0 node "$SUPPORT_DIR/toit_node.js" check
    same "$output" 'as the library'
}

@test "seal and open: every packet and decision that was recorded" {
    expect 0 node "$SUPPORT_DIR/toit_vectors.js" "$MQTT_E2E"
    contains "$output" 'are right'
}

@test "sealed packets are opened once, and show when they are off" {
    echo "$HEX" >bare
    "$MQTT_E2E" seal -K bare --profile toit -t iot/x -m hello --now 1795459591440 >sealed 2>seal.err
    contains "$(cat seal.err)" "$WARNING"
    same "$(cut -d ' ' -f 1 sealed)" "$BASE/iot/x"
    cat sealed sealed >twice
    expect 0 "$MQTT_E2E" open --now 1795459606440 <twice
    same "$stderr" '' # the key file says so: it was chosen there
    same "$(sed -E 's/.*"status":"([a-z]*)".*/\1/' <<<"$output")" $'ok\nreplay'
    contains "$output" '"topic":"iot/x","kind":"message","time":1795459591440,'
    expect 0 "$MQTT_E2E" open --now 1795459606441 <sealed
    contains "$output" '"status":"stale"'
    contains "$output" '"off_by_ms":1'
    expect 0 "$MQTT_E2E" open --now 1795459606441 --clock-skew 16s <sealed
    contains "$output" '"status":"ok"'
    expect 0 "$MQTT_E2E" open --now 1795459591440 --profile 1 <sealed
    contains "$output" '"status":"forged"'
}

@test "a message of 65,535 bytes goes, one of 65,536 is an error" {
    head -c 65535 /dev/zero | "$MQTT_E2E" seal -t x -s >sealed
    "$MQTT_E2E" open <sealed >opened
    contains "$(cut -c 1-20 opened)" '"status":"ok"'
    head -c 65536 /dev/zero >long
    expect 1 "$MQTT_E2E" seal -t x -f long
    same "$stderr" 'mqtt-e2e: the message is 65536 bytes long: the Toit profile takes 65535 at most'
    expect 1 e2e pub -t x -f long
    contains "$stderr" 'a message of 65536 bytes: the Toit profile takes 65535 at most'
}

# ---- Keys ------------------------------------------------------------------------------------------------

@test "keygen makes a key file that carries the profile, and says what is weak" {
    expect 0 "$MQTT_E2E" keygen --profile toit -h localhost k
    contains "$stderr" "$WARNING"
    [[ $(tail -n 1 k) == mqtt-e2e://*@localhost'?profile=toit' ]]
    expect 2 "$MQTT_E2E" keygen --profile toit --bits 256 k2
    contains "$stderr" '--profile toit goes with --bits 128'
    expect 2 "$MQTT_E2E" keygen --profile tiot k2
    contains "$stderr" "--profile must be 1, toit, or toit,1, not 'tiot'"
    [ ! -e k2 ]
    expect 0 "$MQTT_E2E" key show
    contains "$output" $'topics       plain\nprofile      toit: '
    contains "$output" "base         $BASE (follows from the key)"
    expect 0 "$MQTT_E2E" key show --json
    contains "$output" '"plain_topics":true,"profile":"toit"'
    expect 0 "$MQTT_E2E" key device lamp
    contains "$output" '?name=lamp&profile=toit'
    expect 0 "$MQTT_E2E" key c
    contains "$output" '#define MQTT_E2E_NODE_TOIT 1'
}

@test "key toit: by the names of the library's examples" {
    echo 'mqtt-e2e://di5MHcCn2LYOYbxo3IWL7g@broker.example?profile=toit' >key
    expect 0 "$MQTT_E2E" key toit
    same "$stderr" ''
    same "$(sed -n '4,$p' <<<"$output")" 'encryption-key ::= #[0x76, 0x2e, 0x4c, 0x1d, 0xc0, 0xa7, 0xd8, 0xb6, 0x0e, 0x61, 0xbc, 0x68, 0xdc, 0x85, 0x8b, 0xee]
pad-size ::= 50
controller-suffix ::= "controller"
mqtt-host ::= "broker.example"
mqtt-port ::= 1883'
    contains "$output" "Topics start with $BASE."
    local uri=mqtt-e2e://di5MHcCn2LYOYbxo3IWL7g
    declare -A uris=([TLS]="$uri@h?tls=1&profile=toit" ['a user name at the broker']="$uri@h?user=u&profile=toit"
        ['a base of its own']="$uri@h/own?profile=toit" ['more than one broker']="$uri@h,i?profile=toit"
        ['a port other than 1883']="$uri@h:1884?profile=toit")
    for what in "${!uris[@]}"; do
        echo "${uris[$what]}" >key
        expect 0 "$MQTT_E2E" key toit
        contains "$stderr" "warning: the key file has $what, which the examples of the Toit library do not use"
    done
}

@test "what the profile has not is an error in words" {
    echo "$HEX$HEX" >long-key
    expect 1 "$MQTT_E2E" seal -K long-key --profile toit -t x -n
    contains "$stderr" '--profile toit takes a key of 128 bits, and this one has 256'
    expect 2 "$MQTT_E2E" seal -t x -n -r
    contains "$stderr" 'the Toit profile has no lasting (retained) messages'
    expect 2 "$MQTT_E2E" open --lasting </dev/null
    contains "$stderr" 'the Toit profile has no lasting (retained) messages'
    expect 2 e2e pub -t x -n -r
    contains "$stderr" 'the Toit profile, which the key file is of, has no lasting (retained) messages'
    expect 2 e2e sub -t x --time-source
    contains "$stderr" 'has no time source'
    expect 2 e2e pub -q 1 -t x -n --spool here
    contains "$stderr" 'has no spool'
    for command in 'request -t x -n' 'run lamp ping' devices; do
        # shellcheck disable=SC2086 # words
        expect 2 e2e $command --profile toit
        contains "$stderr" 'the Toit profile'
        contains "$stderr" 'has no requests and replies'
    done
}

# ---- Between our own -------------------------------------------------------------------------------------

@test "pub and sub: by the key file, QoS 0 to 2, never retained, and no own echo" {
    start_spy all
    start_sub s -t 'iot/#' -v -C 3
    for qos in 0 1 2; do e2e pub -q $qos -t iot/lamp -m "message $qos"; done
    wait_exit "${PIDS[-1]}"
    same "$(cat s.out)" $'iot/lamp message 0\niot/lamp message 1\niot/lamp message 2'
    until_true has_lines all.seen 3
    same "$(cut -d ' ' -f 1 all.seen | sort -u)" "$BASE/iot/lamp"
    lacks "$(cat s.err)" "$WARNING"
}

@test "what was accepted stays accepted over a restart, also behind a longer row than theirs" {
    start_spy all
    start_sub s -t t --state seen -i node
    e2e pub -t t -m first
    wait_for s.out first
    for i in {1..11}; do e2e pub -t t -m "$i"; done
    until_true has_lines s.out 12
    until_true has_lines all.seen 12
    read -r wire hex <all.seen
    send_raw "$wire" "$hex" # their receiver would take it again: it remembers 10
    wait_for s.err replay
    kill "${PIDS[-1]}"
    wait_exit "${PIDS[-1]}"
    start_sub again -t t --state seen -i node
    send_raw "$wire" "$hex"
    wait_for again.err replay
    e2e pub -t t -m last
    wait_for again.out last
    same "$(cat again.out)" last
}

@test "doctor: all well, with a note of what is weak" {
    expect 0 e2e doctor
    contains "$output" '  note   the Toit profile: everybody on the way reads the time and the topic of each message'
    contains "$output" 'nobody to compare our clock with: within 2 s no node was heard'
    contains "$output" 'a sealed message comes back to us'
}

# ---- Conversations ---------------------------------------------------------------------------------------

@test "our controller commands their device" {
    stand_in esp device esp32x
    start_sub s -t 'iot/#' -v
    e2e pub -t controller -m ping
    wait_for s.out 'iot/esp32x pong'
    e2e pub -t controller -m status
    wait_for s.out 'temp=xyz'
    same "$(cat s.out)" $'iot/esp32x pong\niot/esp32x Name=esp32x\nUptime=12s\nFreemem = 100000\ntemp=xyz'
    e2e pub -t controller -m dance
    wait_for esp.out 'discarding dance'
    lacks "$(cat esp.out)" refused
}

@test "the shell: lines go to all devices, theirs and ours; what they say stands behind their names" {
    stand_in esp device esp32x
    start_agent lamp --command words=/bin/echo
    expect 0 e2e shell -W 1 <<'END'
# a comment
@all ping
words isn't "this quoted
devices
END
    same "$(head -n 2 <<<"$output" | sort)" $'esp32x: pong\nlamp: pong'
    same "$(sed -n 3p <<<"$output")" $'lamp: isn\'t "this quoted'
    same "$(sed -n '4,$p' <<<"$output" | sed -E 's/ +[0-9.]+ ms +now +-$/ here/')" $'esp32x here\nlamp here'
    contains "$(cat esp.out)" "discarding words isn't \"this quoted"
    expect 27 e2e shell -W 1 <<<'dance'
    same "$output" ''
    contains "$stderr" "no answer to 'dance' within 1 s"
    expect 2 e2e shell -W 1 <<<'@lamp ping'
    contains "$stderr" "'@lamp ping': in the Toit profile a command goes to all devices, and names none of them"
    contains "$stderr" "hint: leave the name away, or say '@all ping'"
}

@test "the shell: on a terminal, what devices say appears above the line that is typed, and can't steer it" {
    stand_in esp device esp32x
    open_terminal 80 24 "$MQTT_E2E" shell -h 127.0.0.1 -p "$PORT" --history none
    wait_shown 'Toit profile: a line goes to all devices'
    type_ 'half a li'
    e2e pub -t iot/other -m $'\e[2Jwarm\nand dry'
    wait_shown $'other: \\x1b[2Jwarm\nother: and dry\nmqtt-e2e> half a li'
    type_ 'ne'
    wait_row 'mqtt-e2e> half a line'
    keys C-u
    enter ping
    wait_shown 'esp32x: pong'
    type_ 'dev'
    keys Tab Enter
    wait_shown 'other           -   '
    keys C-d
    wait_terminal_ends
    same "$status" 0
    lacks "$(cat terminal.raw)" $'\e[2J'
}

@test "the shell: an answer whose time is refused is told, when nothing else comes" {
    stand_in esp device esp32x
    expect 27 e2e shell -W 1 --clock-offset -16000 <<<'ping' # they refuse ours, from the past
    contains "$stderr" "no answer to 'ping' within 1 s"
    expect 27 e2e shell -W 1 --clock-lead 0 --clock-offset -14000 <<<'ping'
    contains "$stderr" 'an answer came, and was refused: future: it was sealed 1'
}

@test "their controller commands our agent, and hears their device beside it" {
    printf '#!/bin/sh\nread -r line && echo "read $line"\nprintf "[%%s]" "$@"\nexit ${2:-0}\n' >args
    chmod 755 args
    stand_in pc controller
    stand_in esp device esp32x
    start_agent kitchen --command args="$PWD/args" --command true=/bin/true --command seq=/usr/bin/seq
    contains "$(cat agent-kitchen.err)" 'can pass off what any device has just said as a command'
    echo ping >>pc.in
    wait_for pc.out "Incoming message: $BASE/iot/kitchen pong"
    wait_for pc.out "Incoming message: $BASE/iot/esp32x pong"
    echo status >>pc.in
    wait_for pc.out "Incoming message: $BASE/iot/kitchen kitchen: up "
    echo help >>pc.in
    wait_for pc.out "Incoming message: $BASE/iot/kitchen kitchen: ping, status, help, args, true, seq"
    echo 'args one 3' >>pc.in # it has no input
    wait_for pc.out "Incoming message: $BASE/iot/kitchen [one][3]"
    wait_for pc.out "Incoming message: $BASE/iot/kitchen args: exited with 3"
    echo true >>pc.in
    wait_for pc.out "Incoming message: $BASE/iot/kitchen true: done"
    echo 'seq 100001' >>pc.in # in many messages, longer than the answer's memory
    wait_for pc.out 100001
    same "$(sed "s,^Incoming message: $BASE/iot/kitchen ,," pc.out | grep -c '^[0-9]*$')" 100001
    echo dance >>pc.in # known to none
    wait_for agent-kitchen.err 'command="dance" how=not-run code=127'
    lacks "$(cat pc.out)" dance
    lacks "$(cat pc.out)" refused
    lacks "$(grep 'exited with 3' -A 1000 pc.out)" 'heartbeat'
}

@test "an agent does not obey its own words, but those of another device that were moved to controller: the profile has no more" {
    start_spy all
    start_agent kitchen --command echo=/bin/echo
    e2e pub -t controller -m 'echo ping'
    until_true has_lines all.seen 2
    send_raw "$BASE/controller" "$(grep -F /iot/kitchen all.seen | cut -d ' ' -f 2)"
    e2e pub -t iot/lamp -m help # as any device may say
    until_true has_lines all.seen 4
    send_raw "$BASE/controller" "$(grep -F /iot/lamp all.seen | cut -d ' ' -f 2)"
    wait_for agent-kitchen.err 'command="help" how=exited'
    lacks "$(cat agent-kitchen.err)" 'command="ping"'
}

@test "a clock that is 16 s off is refused by either, and ours says by how much" {
    stand_in esp device esp32x
    start_sub s -t 'iot/#' -v
    e2e pub -t controller -m ping --clock-offset 16000
    wait_for esp.out 'refused: The message is coming from the future'
    e2e pub -t iot/x -m late --clock-offset -16000
    wait_for s.err 'stale'
    same "$(cat s.out)" ''
}

# ---- Moving a fleet -----------------------------------------------------------------------------------------

@test "toit,1: an agent obeys either controller, each in its own profile, and tells who speaks the old one" {
    stand_in pc controller
    start agent-kitchen agent --name kitchen --profile toit,1 --command seq=/usr/bin/seq
    wait_for agent-kitchen.err 'agent kitchen listens on command/kitchen and command/all'
    wait_for agent-kitchen.err 'and in the Toit profile on controller, with answers on iot/kitchen'
    contains "$(cat agent-kitchen.err)" "$WARNING"
    expect 0 e2e run --profile 1 kitchen ping </dev/null
    same "$output" 'kitchen: pong'
    lacks "$(cat agent-kitchen.err)" 'still speaks'
    same "$(cat pc.out)" ready # nothing of it went there
    echo ping >>pc.in
    wait_for pc.out "Incoming message: $BASE/iot/kitchen pong"
    echo 'seq 2' >>pc.in
    wait_for pc.out "Incoming message: $BASE/iot/kitchen 1"
    expect 0 e2e run --profile 1 kitchen seq 3 </dev/null
    same "$output" $'1\n2\n3'
    wait_for agent-kitchen.err 'a controller still speaks the Toit profile'
    same "$(grep -c 'still speaks' agent-kitchen.err)" 1
    same "$(sed -n 's/.*asked .*command=//p' agent-kitchen.err)" '"ping" profile=1
"ping" profile=toit
"seq" profile=toit
"seq" profile=1'
    kill "${PIDS[-1]}"
    wait_exit "${PIDS[-1]}"
    lacks "$(cat pc.out)" refused
}

@test "toit,1: sub hears either, and tells who still speaks the old one" {
    echo "mqtt-e2e://di5MHcCn2LYOYbxo3IWL7g?profile=toit,1" >key
    stand_in esp device esp32x
    start_sub s -t 'iot/#' -v --state seen
    until_true has_times s.err 'subscribed to iot/#' 2
    e2e pub --profile toit -t controller -m ping
    wait_for s.out 'iot/esp32x pong'
    e2e pub --profile 1 -t iot/hall -m moved
    wait_for s.out 'iot/hall moved'
    e2e pub --profile toit -t controller -m ping
    until_true has_lines s.out 3
    same "$(grep 'still speaks' s.err)" 'mqtt-e2e: who publishes on iot/esp32x still speaks the Toit profile'
    kill "${PIDS[-1]}"
    wait_exit "${PIDS[-1]}"
    same "$(find . -name 'seen*' | sort)" $'./seen\n./seen.toit'
}

@test "toit,1: commands that speak one profile want to be told which, the others speak the new one" {
    echo "mqtt-e2e://di5MHcCn2LYOYbxo3IWL7g?profile=toit,1" >key
    expect 2 e2e pub -t x -n
    contains "$stderr" "pub speaks one profile at a time, and can't know which: give --profile toit or --profile 1"
    expect 2 "$MQTT_E2E" seal -t x -n
    contains "$stderr" 'seal speaks one profile at a time'
    expect 2 "$MQTT_E2E" open </dev/null
    contains "$stderr" 'open speaks one profile at a time'
    e2e pub -t x -n --profile 1
    start_responder command/lamp echo
    expect 0 e2e run lamp led on </dev/null
    same "$output" 'led on'
    expect 0 "$MQTT_E2E" key show
    contains "$output" 'profile      toit,1: '
    expect 0 "$MQTT_E2E" key toit
    contains "$output" "Topics start with $BASE."
    expect 0 "$MQTT_E2E" keygen --profile toit,1 -h localhost k
    contains "$stderr" "$WARNING"
    [[ $(tail -n 1 k) == *'?profile=toit,1' ]]
    expect 2 "$MQTT_E2E" keygen --profile toit,1 --bits 256 k2
    contains "$stderr" 'goes with --bits 128'
}
