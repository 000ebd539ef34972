#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Devices with keys of their own: the fleet's key reaches each with its own, by a file of names or since it is heard of.

load support

mode_of() {
    stat -c %a "$1"
}

# device_key NAME [OPTION...]: to NAME.key, and to the names beside the fleet's.
device_key() {
    local name=$1
    shift
    "$MQTT_E2E" key device "$name" -o "$name.key" "$@"
}

# start_agent NAME [OPTION...]: as agent-NAME; with a key of its own where there is one.
start_agent() {
    local name=$1 key=()
    shift
    if [ -f "$name.key" ]; then key=(-K "$name.key"); else key=(--name "$name"); fi
    start "agent-$name" agent "${key[@]}" --state none --command sh=/bin/sh --command cat=/bin/cat "$@"
    wait_for "agent-$name.err" "agent $name listens on"
    AGENT=$PID
}

on() { # DEVICE COMMAND [ARGUMENT...]: without input
    e2e run "$@" </dev/null
}

# The wire topic of TOPIC, with further options of seal.
wire_of() {
    local topic=$1 line
    shift
    line=$("$MQTT_E2E" seal -t "$topic" -n "$@")
    echo "${line%% *}"
}

announced() { # NAME: whether the broker keeps something on its announcement topic
    mosquitto_sub -h 127.0.0.1 -p "$PORT" -t "$(wire_of "device/$1")" -C 1 -W 1 -F x >/dev/null
}

# ---- key device -------------------------------------------------------------------------------------

@test "key device: names are recorded beside the key file, once each, for its owner alone" {
    umask 022
    device_key kitchen
    same "$(cat key.devices)" kitchen
    same "$(mode_of key.devices)" 600
    printf '# of the house\nhall # first floor\r\n!attic\ncellar' >>key.devices
    chmod 640 key.devices
    expect 0 "$MQTT_E2E" key device hall
    same "$stderr" ''
    expect 0 "$MQTT_E2E" key device cellar
    same "$(cat key.devices)" $'kitchen\n# of the house\nhall # first floor\r\n!attic\ncellar'
    expect 0 "$MQTT_E2E" key device Küche
    same "$stderr" ''
    same "$(cat key.devices)" $'kitchen\n# of the house\nhall # first floor\r\n!attic\ncellar\nKüche'
    same "$(mode_of key.devices)" 640
    expect 0 "$MQTT_E2E" key device attic
    contains "$stderr" "warning: '$PWD/key.devices' says that the device 'attic' was lost"
    same "$(grep -c attic key.devices)" 1
    # The default place.
    mkdir -p .config/mqtt-e2e
    cp key .config/mqtt-e2e/key
    expect 0 env -u MQTT_E2E_KEY_FILE "$MQTT_E2E" key device kitchen
    same "$(cat .config/mqtt-e2e/key.devices)" kitchen
}

@test "key device: ten at a time record ten names" {
    local i pids=()
    for i in $(seq 10); do
        "$MQTT_E2E" key device "device-$i" -o "$i.key" 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}"
    same "$(sort -V key.devices)" "$(printf 'device-%d\n' $(seq 10))"
}

@test "key device: no name is lost where none can be added, and the key is made all the same" {
    cp key k
    yes 'a-device-of-a-long-name' | head -c 1020 >k.devices # the last line is cut off
    cp k.devices before
    # A write that stops half way: the file may not grow over 1 KiB.
    expect 0 bash -c 'trap "" XFSZ; ulimit -f 1; "$0" key device -K k kitchen' "$MQTT_E2E"
    contains "$output" 'name=kitchen'
    contains "$stderr" "warning: the name 'kitchen' is not recorded: cannot write 'k.devices': No space left on device"
    contains "$stderr" "put a line 'kitchen' into a file, and name that by --devices FILE"
    cmp before k.devices
    rm k.devices
    mkdir k.devices
    expect 0 "$MQTT_E2E" key device -K k kitchen
    contains "$output" 'name=kitchen'
    contains "$stderr" "warning: the name 'kitchen' is not recorded: cannot open 'k.devices': Is a directory"
    rmdir k.devices
    ln -s /dev/null k.devices
    expect 0 "$MQTT_E2E" key device -K k kitchen
    contains "$stderr" "cannot add to 'k.devices': Invalid argument"
    # Names that are not found again, and a key that comes from nowhere.
    rm k.devices
    expect 0 "$MQTT_E2E" key device -K k 'two words'
    contains "$stderr" "'two words' can't be an agent's name"
    lacks "$output" announce
    expect 0 "$MQTT_E2E" key device -K - kitchen <k
    contains "$stderr" "a line 'kitchen' in a file for --devices"
    contains "$output" announce
    [ ! -e k.devices ] && [ ! -e -.devices ]
}

@test "key device: the announcement topic is what the broker sees of device/NAME with the fleet's key" {
    device_key kitchen
    expect 0 "$MQTT_E2E" key show -K kitchen.key --json
    same "$(node -p 'JSON.parse(process.argv[1]).announce' "$output")" "$(wire_of device/kitchen)"
    contains "$("$MQTT_E2E" key show -K kitchen.key)" "announce     $(wire_of device/kitchen)"
    contains "$("$MQTT_E2E" key c -K kitchen.key)" "#define MQTT_E2E_NODE_ANNOUNCE \"$(wire_of device/kitchen)\""
    contains "$("$MQTT_E2E" key toit -K kitchen.key)" "ANNOUNCE ::= \"$(wire_of device/kitchen)\""
    contains "$("$MQTT_E2E" key c)" '#define MQTT_E2E_NODE_ANNOUNCE ""'
    # With a base of the file's; where that would be the device's own topic, nothing is needed.
    echo 'mqtt-e2e://AAECAwQFBgcICQoLDA0ODw@localhost/home' >based
    "$MQTT_E2E" key device -K based hall >hall.key
    contains "$("$MQTT_E2E" key show -K hall.key)" "announce     home/"
    same "$("$MQTT_E2E" key show -K hall.key | sed -n 's/^announce  *//p')" "$(wire_of device/hall -K based)"
    echo 'mqtt-e2e://AAECAwQFBgcICQoLDA0ODw@localhost/home?plain=1' >plain
    lacks "$("$MQTT_E2E" key device -K plain hall)" announce
    # A device of a device.
    "$MQTT_E2E" key device -K kitchen.key oven >oven.key
    same "$("$MQTT_E2E" key show -K oven.key | sed -n 's/^announce  *//p')" "$(wire_of device/oven -K kitchen.key)"
}

# ---- What a device obeys ----------------------------------------------------------------------------

@test "an agent with a key of its own obeys that, and no other" {
    device_key kitchen
    device_key hall
    start_agent kitchen --audit log -d
    expect 0 on -K kitchen.key kitchen sh -c 'echo ran'
    same "$output" ran
    : >log
    expect 27 on --devices none -W 1 kitchen sh -c 'touch ran'
    expect 27 on -K hall.key -W 1 kitchen sh -c 'touch ran'
    # Packets of those keys on the very topic that the agent listens on.
    local base line key
    base=$("$MQTT_E2E" key show -K kitchen.key | sed -n 's/^base *\([^ ]*\).*/\1/p')
    for key in key hall.key; do
        line=$("$MQTT_E2E" seal -K $key --base "$base" -t command/kitchen -m 'sh -c touch${IFS}ran')
        send_raw "$(wire_of command/kitchen -K kitchen.key)" "${line#* }" -q 1
    done
    until_true has_times agent-kitchen.err 'refused: forged: on command/kitchen' 2
    expect 0 on -K kitchen.key kitchen ping
    [ ! -e ran ]
    same "$(grep -c ' asked ' log)" 1
}

@test "in plain topics all keys share the topics, and each still obeys its own" {
    echo "mqtt-e2e://AAECAwQFBgcICQoLDA0ODw@localhost/home?plain=1" >key
    device_key kitchen
    start_agent kitchen --heartbeat 1
    start_agent cellar
    expect 0 on kitchen sh -c 'echo $MQTT_E2E_AGENT_NAME'
    same "$output" kitchen
    expect 27 on --devices none -W 1 kitchen ping
    expect 0 e2e run --all ping </dev/null
    same "$(sort <<<"$output")" $'cellar: pong\nkitchen: pong'
    # Its announcements are where those of the fleet's key would be: so it is heard of.
    rm key.devices
    expect 0 e2e devices -W 3
    contains "${lines[1]}" kitchen
    contains "${lines[1]}" '(own key)'
}

# ---- run and devices --------------------------------------------------------------------------------

@test "with the fleet's key and the names: each is reached with its own, the others with that" {
    device_key kitchen
    device_key hall
    device_key away # is not there
    start_agent kitchen
    start_agent hall
    start_agent cellar
    expect 7 on kitchen sh -c 'echo $MQTT_E2E_AGENT_NAME; exit 7'
    same "$output" kitchen
    same "$stderr" ''
    expect 0 on hall ping
    same "$output" 'hall: pong'
    expect 0 on cellar ping
    same "$output" 'cellar: pong'
    seq 20000 | e2e run kitchen cat >out
    same "$(cat out)" "$(seq 20000)"
    expect 27 on -W 1 away ping
    contains "$stderr" 'no answer from away within 1 s'
    contains "$stderr" '--devices none asks with the key file'
    expect 0 e2e devices -W 1
    same "${#lines[@]}" 3
    [[ ${lines[0]} =~ ^cellar\ +[0-9.]+\ ms\ +mqtt-e2e\ [0-9.]+$ ]]
    [[ ${lines[1]} =~ ^hall\ +[0-9.]+\ ms\ +mqtt-e2e\ [0-9.]+\ \(own\ key\)$ ]]
    [[ ${lines[2]} =~ ^kitchen\ +[0-9.]+\ ms\ +mqtt-e2e\ [0-9.]+\ \(own\ key\)$ ]]
    same "$stderr" ''
    expect 0 e2e devices -W 1 --json
    [[ ${lines[2]} =~ ^\{\"device\":\"kitchen\",.*\"own_key\":true ]]
    lacks "${lines[0]}" own_key
    expect 1 e2e run --all sh -c 'echo "I am $MQTT_E2E_AGENT_NAME"; [ $MQTT_E2E_AGENT_NAME != hall ]' </dev/null
    same "$(sort <<<"$output")" $'cellar: I am cellar\nhall: I am hall\nkitchen: I am kitchen'
    contains "$stderr" 'hall: exit code 1'
    contains "$stderr" '3 devices answered; 1 failed, 0 did not end'
    # Neither read nor heard.
    expect 0 e2e devices -W 1 --devices none
    same "${#lines[@]}" 1
    # One id is not for two.
    expect 0 e2e devices -W 1 -i someone
    same "${#lines[@]}" 3
    lacks "$stderr" lost
}

@test "heard of: a device that no file names is reached with its own key, at once" {
    device_key kitchen
    rm key.devices
    start_agent kitchen --heartbeat 0
    until_true announced kitchen
    start_agent cellar
    expect 3 on kitchen sh -c 'echo $MQTT_E2E_AGENT_NAME; exit 3'
    same "$output" kitchen
    seq 20000 | e2e run kitchen cat >out
    same "$(cat out)" "$(seq 20000)"
    expect 0 on cellar ping
    same "$output" 'cellar: pong'
    expect 0 e2e run --all ping </dev/null
    same "$(sort <<<"$output")" $'cellar: pong\nkitchen: pong'
    expect 0 e2e devices -W 1 -d
    contains "$output" '(own key)'
    contains "$stderr" 'the device kitchen says that it has a key of its own'
    contains "$stderr" ' of the refused told of devices that have keys of their own'
    # Also one that the broker has kept nothing of, when it says so next.
    mosquitto_pub -h 127.0.0.1 -p "$PORT" -t "$(wire_of device/kitchen)" -r -n
    until_true eval '! announced kitchen'
    e2e devices -W 3 >list.out 2>list.err &
    local pid=$!
    sleep 0.5
    on -K kitchen.key --all ping
    wait $pid
    contains "$(cat list.out)" '(own key)'
    # The key's name is not this one's.
    start other agent -K kitchen.key --name stove --state none
    wait_for other.err 'the key is that of the device kitchen: as stove the agent is not found'
}

@test "shell: each device with its key, by the file or since it is heard of" {
    device_key kitchen
    device_key hall
    start_agent kitchen
    start_agent hall
    start_agent cellar
    until_true announced kitchen
    until_true announced hall
    local names
    for names in key.devices none-yet; do
        expect 1 e2e shell <<'END'
@kitchen sh -c 'echo I am $MQTT_E2E_AGENT_NAME'
@cellar ping
devices
@all sh -c 'echo "to $MQTT_E2E_AGENT_NAME"; [ $MQTT_E2E_AGENT_NAME != hall ]'
END
        same "${lines[0]}" 'I am kitchen'
        same "${lines[1]}" 'cellar: pong'
        [[ ${lines[2]} =~ ^cellar\ .*mqtt-e2e\ [0-9.]+$ ]]
        [[ ${lines[3]} =~ ^hall\ .*\ ms\ .*mqtt-e2e\ [0-9.]+\ \(own\ key\)$ ]]
        [[ ${lines[4]} =~ ^kitchen\ .*\ ms\ .*mqtt-e2e\ [0-9.]+\ \(own\ key\)$ ]]
        same "$(printf '%s\n' "${lines[@]:5}" | sort)" $'cellar: to cellar\nhall: to hall\nkitchen: to kitchen'
        contains "$stderr" "hall: 'sh -c echo"
        contains "$stderr" 'ended with exit code 1'
        lacks "$stderr" 'no answer'
        rm -f key.devices
    done
    kill "$AGENT" # cellar: now all have keys of their own
    expect 0 e2e shell <<<'@all ping'
    same "$(sort <<<"$output")" $'hall: pong\nkitchen: pong'
    same "$stderr" ''
    expect 27 e2e shell --devices none -W 1 <<<'@kitchen ping'
}

@test "a name in the file is spoken to with its own key alone; a lost one not at all" {
    start_agent kitchen # with the fleet's
    echo kitchen >names
    expect 27 on --devices names -W 1 kitchen ping
    expect 0 on kitchen ping
    kill "$AGENT"
    wait "$AGENT" || true
    device_key kitchen
    start_agent kitchen
    until_true announced kitchen
    echo '!kitchen' >>key.devices # stolen
    expect 27 on -W 1 kitchen sh -c 'touch ran'
    [ ! -e ran ]
    expect 27 e2e devices -W 1
    expect 27 e2e run --all -W 1 ping </dev/null
}

@test "a stolen device can't pose as another" {
    device_key kitchen
    device_key hall
    start_agent hall
    # What kitchen's key says is kitchen's, whatever it says.
    start thief agent -K kitchen.key --name hall --state none --command sh=/bin/sh
    wait_for thief.err 'agent hall listens on'
    expect 0 e2e devices -W 1 --json
    same "${#lines[@]}" 2
    contains "${lines[0]}" '"device":"hall"'
    contains "${lines[1]}" '"device":"kitchen"'
    expect 0 e2e run --all sh -c 'echo here' </dev/null
    same "$(sort <<<"$output")" $'hall: here\nkitchen: here'
    expect 0 e2e run --all ping </dev/null
    same "$(sort <<<"$output")" $'hall: pong\nkitchen: hall: pong'
    expect 1 e2e shell -W 1 <<<'@all ping' # which asks kitchen by its name
    same "$output" 'hall: pong'
    contains "$stderr" "no answer from kitchen to 'ping' within 1 s"
    (for _ in $(seq 30); do e2e pub -K kitchen.key -t device/cellar -m 'here 5 x' && sleep 0.05; done) 3>&- &
    PIDS+=($!)
    expect 0 e2e devices -W 1
    lacks "$output" cellar
    expect 0 on hall sh -c 'echo $MQTT_E2E_AGENT_NAME'
    lacks "$stderr" another
}

@test "junk on announcement topics does nothing, and is counted" {
    start_agent cellar
    local junk
    junk=$(head -c 93 /dev/urandom | od -An -tx1 | tr -d ' \n')
    send_raw "$(wire_of device/nobody)" "$junk" -r
    send_raw "$(wire_of device/cellar)" "$junk" -r
    send_raw "$(wire_of device/short)" 00 -r
    send_raw "$(wire_of device/all)" "$junk" -r
    send_raw "$(wire_of 'device/two words')" "$junk" -r
    expect 0 e2e devices -W 1 -d
    same "$(grep -c mqtt-e2e <<<"$output")" 1
    contains "$output" 'cellar'
    lacks "$output" '(own key)'
    contains "$stderr" 'refused 5 (4 forged, 1 malformed)'
    contains "$stderr" '2 of the refused told of devices that have keys of their own'
    expect 0 on cellar ping
    same "$output" 'cellar: pong'
    expect 27 on -W 1 nobody ping
    expect 0 e2e run --all -W 1 ping </dev/null
    same "$output" 'cellar: pong'
    expect 0 e2e shell -W 3 <<<$'@cellar ping\n@all ping' # it counts as heard of, and has no key of its own all the same
    same "$output" $'cellar: pong\ncellar: pong'
    same "$stderr" ''
    # ... also while it runs.
    send_raw "$(wire_of device/cellar)" '' -r
    mkfifo lines
    exec 5<>lines
    start sh shell -W 3 <lines
    echo '@cellar ping' >&5
    until_true has_lines sh.out 1
    send_raw "$(wire_of device/cellar)" "$junk"
    echo '@cellar ping' >&5
    until_true has_lines sh.out 2
    exec 5>&-
    wait_exit "$PID"
    same "$status" 0
}

@test "no more than 64 devices are spoken to at a time, which is told once" {
    local i packet
    packet=$("$MQTT_E2E" seal -K other-key -t x -n)
    start_agent cellar
    for i in $(seq 70); do
        send_raw "$(wire_of "device/d$i")" "${packet#* }" -r
    done
    expect 0 e2e devices -W 1
    contains "$output" cellar
    same "$(grep -c 'is left out: 64 devices with keys of their own can be spoken to at a time' <<<"$stderr")" 1
    printf 'n%d\n' $(seq 70) >names
    expect 0 bash -c 'ulimit -S -n 100; "$0" run -h 127.0.0.1 -p "$1" --all --devices names -W 1 ping </dev/null' \
        "$MQTT_E2E" "$PORT"
    same "$output" 'cellar: pong'
    same "$(grep -c 'left out' <<<"$stderr")" 1
    # To one of many there is no limit.
    "$MQTT_E2E" key device n70 -o n70.key
    start_agent n70
    expect 0 on --devices names n70 ping
    same "$output" 'n70: pong'
}

@test "brokers, user, password and base of the key file hold for each of the keys" {
    mosquitto_passwd -c -b passwords alice wonder >/dev/null
    start_broker - <<'END'
allow_anonymous false
password_file passwords
END
    local dead
    dead=$(free_port)
    echo "mqtt-e2e://AAECAwQFBgcICQoLDA0ODw@127.0.0.1:$PORT,127.0.0.1:$dead/my/base?user=alice&password=wonder" >key
    device_key kitchen
    "$MQTT_E2E" agent -K kitchen.key --state none >agent.out 2>agent.err 3>&- &
    PIDS+=($!)
    wait_for agent.err 'listens on'
    expect 0 "$MQTT_E2E" run kitchen ping </dev/null
    same "$output" 'kitchen: pong'
    rm key.devices
    expect 0 "$MQTT_E2E" run kitchen ping </dev/null
    same "$output" 'kitchen: pong'
    expect 0 "$MQTT_E2E" devices -W 1
    contains "$output" '(own key)'
    same "$(grep -c "cannot connect to 127.0.0.1:$dead" <<<"$stderr")" 1 # told of the first client alone
    lacks "$stderr" kitchen
    # Whatever the user set goes for all.
    expect 27 "$MQTT_E2E" devices -W 1 --base other
}

@test "a broker that lets no further client in is told of, by the device's name" {
    device_key kitchen
    start_agent kitchen
    until_true announced kitchen
    rm key.devices # it is heard of: its client comes last
    # One connection gets to the broker; each further one is closed at once.
    node -e 'const net = require("net"); let before = 0;
        net.createServer(c => {
            c.on("error", () => {});
            if (before++) return c.destroy();
            const broker = net.connect(+process.argv[1], "127.0.0.1");
            broker.on("error", () => {});
            c.pipe(broker).pipe(c);
        }).listen(0, "127.0.0.1", function () { console.log(this.address().port); })' "$PORT" >relay.out 3>&- &
    PIDS+=($!)
    until_true has_lines relay.out 1
    expect 27 "$MQTT_E2E" devices -h 127.0.0.1 -p "$(cat relay.out)" -W 4
    same "$(grep -c "cannot connect to 127.0.0.1:$(cat relay.out) for the device kitchen: " <<<"$stderr")" 1
    contains "$stderr" 'no device answered'
}

@test "files of names that can't be read" {
    expect 1 on --devices nowhere kitchen ping
    contains "$stderr" "cannot read the names of devices in 'nowhere': No such file or directory"
    printf 'kitchen\n\ntwo words\n' >names
    expect 1 e2e devices --devices names
    contains "$stderr" "the names of devices in 'names': line 3: no name of a device"
    printf 'a\0b\n' >names
    expect 1 e2e run --all --devices names ping
    contains "$stderr" 'a NUL is in it'
    seq 5000 >names
    expect 1 e2e devices --devices names
    contains "$stderr" 'line 4097: too many names'
    truncate -s 2M names
    expect 1 e2e devices --devices names
    contains "$stderr" 'File too large'
    mkdir key.devices
    expect 1 e2e devices
    contains "$stderr" "cannot read the names of devices in '$PWD/key.devices'"
    contains "$stderr" '--devices none not at all'
    start_agent kitchen
    expect 0 on --devices none kitchen ping
    # Any source of names will do, if it ends.
    rmdir key.devices
    device_key hall
    start_agent hall
    rm key.devices
    expect 0 on --devices <(echo hall) hall ping
    expect 0 on --devices /dev/null kitchen ping
    expect 1 on --devices /dev/zero kitchen ping
    contains "$stderr" 'File too large'
    # A key on standard input has no file beside it.
    expect 0 e2e run -K - kitchen ping <key
    expect 2 e2e pub --devices names -t a -m b
}
