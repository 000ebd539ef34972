#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# doctor: says in words what is wrong, for each thing that can be, and that nothing is where nothing is.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # bats: tests are subshells, `run` sets variables, `bash -c` has $0

load support

set_up() {
    start_broker
    rm key
    "$MQTT_E2E" keygen -h "127.0.0.1:$PORT" >/dev/null # not one of the examples'
}

doctor() { # CODE ARGUMENT...
    local code=$1
    shift
    expect "$code" "$MQTT_E2E" doctor "$@"
}

# The figures or findings of a report in JSON, by an expression of node's.
json() { # EXPRESSION
    node -p "const r = $output; $1"
}

start_odd() { # HOW
    ODD=$(free_port)
    rm -f odd.out # of the one before
    node "$SUPPORT_DIR/odd_broker.js" "$1" "$ODD" "$PORT" >odd.out 2>&1 3>&- &
    PIDS+=("$!")
    wait_for odd.out ready
}

make_certificates() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=test-ca 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -keyout localhost.key -out localhost.csr -subj /CN=localhost 2>/dev/null
    openssl x509 -req -in localhost.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out localhost.crt -days 2 \
        -extfile <(echo subjectAltName=DNS:localhost) 2>/dev/null
    chmod 644 ./*.key # the broker runs as another user
}

# ---- All is well ------------------------------------------------------------------------------------

@test "nothing is wrong: exit code 0, and each thing looked at is named" {
    doctor 0
    contains "$output" "  ok     $PWD/key, 128 bits, fingerprint "
    contains "$output" "broker 127.0.0.1:$PORT"
    contains "$output" '  ok     the broker lets us in, by MQTT 5, within '
    contains "$output" '  note   nobody to compare our clock with'
    [[ $output =~ a\ sealed\ message\ comes\ back\ to\ us\ within\ [0-9.]+\ ms ]]
    same "${lines[-1]}" 'nothing is wrong'
    lacks "$output" '  wrong  '
    same "$stderr" ''
    lacks "$output" "$(sed -nE 's,^mqtt-e2e://(.{8}).*,\1,p' key)"
    lacks "$output" $'\e'
}

@test "nothing of its own is left with the broker, and nothing left it unsealed" {
    start_spy all
    doctor 0
    until_true has_lines all.seen 7
    "$MQTT_E2E" open <all.seen >opened
    grep -c '"payload":"ping"' opened >pings
    same "$(cat pings)" 6
    same "$(grep -c '"topic":"~time"' opened)" 1
    same "$(grep -cE '"status":"(forged|malformed)"' opened)" 0
    # Nothing is kept: a new subscriber gets nothing.
    expect 27 mosquitto_sub -h 127.0.0.1 -p "$PORT" -t '#' -W 1
    same "$output" ''
}

@test "--json: one object, with figures" {
    doctor 0 --json
    same "${#lines[@]}" 1
    same "$(json 'r.ok')" true
    same "$(json 'r.findings.every((f) => ["ok", "note"].includes(f.level) && f.about && f.text)')" true
    same "$(json 'r.figures["broker 127.0.0.1:'"$PORT"'"].mqtt_version')" 5
    same "$(json 'r.figures["broker 127.0.0.1:'"$PORT"'"].round_trip_ms > 0')" true
    doctor 1 --json -p 1 -h 127.0.0.1
    same "$(json 'r.ok')" false
    same "$(json 'r.findings.filter((f) => f.level === "wrong").length')" 1
    same "$(json 'r.findings.find((f) => f.level === "wrong").advice')" \
        'nothing listens there: is the broker running, and is the port right?'
}

@test "each broker of several, one by one" {
    # A name with an empty level is known to be none without asking anybody.
    doctor 1 -h "127.0.0.1:$PORT,no..such.name,127.0.0.1:1"
    contains "$output" "broker 127.0.0.1:$PORT"
    contains "$output" 'broker no..such.name:1883'
    contains "$output" '  wrong  the name no..such.name does not resolve: '
    contains "$output" '  wrong  cannot connect to port 1: Connection refused'
    contains "$output" '         -> nothing listens there: is the broker running, and is the port right?'
    same "${lines[-1]}" '2 things are wrong'
}

# ---- The key file -----------------------------------------------------------------------------------

@test "the key file: none, one that others can read, write or replace, one that is known to all" {
    doctor 1 -K none
    contains "$stderr" "mqtt-e2e: cannot open the key file 'none'"
    chmod 644 key
    doctor 1
    contains "$output" '  wrong  others on this machine can read the key file'
    contains "$output" '         -> chmod 600 on it'
    chmod 620 key
    doctor 1
    contains "$output" '  wrong  others on this machine can write the key file'
    chmod 600 key
    mkdir open
    chmod 777 open
    cp key open/key
    doctor 1 -K open/key
    contains "$output" '  wrong  others can replace the key file: they may write to open'
    chmod 1777 open # as /tmp is
    doctor 0 -K open/key
    echo 000102030405060708090a0b0c0d0e0f >example
    chmod 600 example
    doctor 1 -K example -h 127.0.0.1 -p "$PORT"
    contains "$output" '  wrong  the key is one of those that stand in examples'
    contains "$output" 'make one: mqtt-e2e keygen FILE'
    doctor 1 -K - -h 127.0.0.1 -p "$PORT" <<<AAAAAAAAAAAAAAAAAAAAAA
    contains "$output" 'standard input, 128 bits'
    contains "$output" '  wrong  the key is one of those that stand in examples'
}

@test "the key file: plain topics" {
    sed -E 's,(mqtt-e2e://[^@]*)@.*,\1?plain=1,' key >bare
    chmod 600 bare
    doctor 0 -K bare -p "$PORT"
    contains "$output" '  note   topics are plain'
}

# ---- Clocks -----------------------------------------------------------------------------------------

@test "clocks: a time source answers, right or wrong" {
    start_sub s -t x --time-source
    doctor 0
    [[ $output =~ ok\ +a\ time\ source\ answers:\ our\ clock\ is\ within\ [0-9]+\ ms\ of\ its ]]
    doctor 1 --clock-offset 60000
    contains "$output" '  wrong  our clock is 60.0 s ahead of that of the time source that answered'
    contains "$output" '         -> set the clock that is wrong'
    doctor 1 --clock-offset -60000 # what the time source seals is in our future
    contains "$output" '  wrong  our clock is 60.0 s behind that of the time source that answered'
    doctor 0 --clock-offset -5000
    contains "$output" 'our clock is within 5.0 s of its'
    doctor 1 --clock-offset -400000 --json
    same "$(json 'r.findings.some((f) => /400.* behind|6 min behind/.test(f.text))')" true
    same "$(json 'Math.abs(r.figures["broker 127.0.0.1:'"$PORT"'"].clock_error_ms + 400000) < 1000')" true
}

@test "clocks: nodes that are heard, right or wrong" {
    chat() { # OFFSET
        mkfifo in
        e2e pub -t t -l --clock-offset "$1" <in >/dev/null 2>&1 3>&- &
        PIDS+=("$!")
        (while echo x; do sleep 0.1; done) >in 2>/dev/null 3>&- &
        PIDS+=("$!")
        CHAT=$!
    }
    hush() {
        kill "$CHAT"
        rm in
    }
    chat 0
    doctor 0
    [[ $output =~ ok\ +[0-9]+\ messages\ of\ other\ nodes\ heard ]]
    hush
    chat -1000000
    doctor 1
    contains "$output" '  wrong  the clock of a node heard is behind ours by 16 min: we refuse its messages as stale'
    hush
    chat 33000
    doctor 1
    contains "$output" '  wrong  the clock of a node heard is ahead of ours by 33.0 s: we refuse its messages as future'
    hush
}

@test "clocks: a clock from before the key file was written" {
    touch -d '+40 days' key
    doctor 1
    contains "$output" 'days before the key file was written'
}

@test "another key under the same base" {
    sed -E 's,$,/shared,' key >mine
    sed -E 's,^mqtt-e2e://.{6},mqtt-e2e://AAAAAA,' mine >theirs
    chmod 600 mine theirs
    (while e2e pub -K theirs -t t -m x; do sleep 0.2; done) >/dev/null 2>&1 3>&- &
    PIDS+=("$!")
    doctor 0 -K mine
    contains "$output" 'packets under our base do not open'
    contains "$output" "compare 'mqtt-e2e key show'"
}

# ---- Brokers ----------------------------------------------------------------------------------------

@test "a broker's limits, as it tells them" {
    stop_broker
    configure_broker - <<'END'
allow_anonymous true
max_packet_size 2000
max_qos 1
max_inflight_messages 10
retain_available false
max_keepalive 30
END
    launch_broker
    doctor 0 -V 5
    contains "$output" '  note   it takes packets of up to 2000 bytes: messages of up to about 1888'
    contains "$output" '  note   it takes messages of QoS 0 and 1 only: -q above that fails'
    contains "$output" '  note   it keeps no lasting messages: -r fails'
    contains "$output" '  note   it takes 10 messages of QoS 1 and 2 at a time'
    contains "$output" '  note   it sets the keep-alive to 30 s'
    # And the length is right: one that long comes through, and a tenth more does not.
    start_sub s -t t
    head -c 1888 /dev/zero | tr '\0' x | e2e pub -t t -s
    wait_for s.out xxxx
}

@test "a broker that takes no sealed message" {
    stop_broker
    configure_broker - <<<$'allow_anonymous true\nmax_packet_size 100'
    launch_broker
    doctor 1 -W 1
    contains "$output" '  wrong  it takes packets of up to 100 bytes only'
}

@test "a broker of MQTT 3.1.1" {
    start_odd old
    doctor 0 -h "127.0.0.1:$ODD"
    contains "$output" '  ok     the broker lets us in, by MQTT 3.1.1, within'
    contains "$output" '  note   it knows no MQTT 5'
    contains "$output" '  ok     a sealed message comes back to us'
}

@test "user and password" {
    stop_broker
    mosquitto_passwd -b -c passwords me right
    chmod 644 passwords
    configure_broker - <<'END'
allow_anonymous false
password_file passwords
END
    launch_broker
    doctor 1
    contains "$output" '  wrong  the broker does not let us in: '
    contains "$output" '         -> the broker wants a user name and a password'
    echo wrong >password
    doctor 1 -u me -P file:password
    contains "$output" '         -> are user name and password right?'
    echo right >password
    doctor 0 -u me -P file:password
}

@test "an access list that drops what is read, or written; a broker that refuses subscriptions" {
    local topic
    for topic in write read; do
        stop_broker
        echo "topic $topic #" >acl
        configure_broker - <<<$'allow_anonymous true\nacl_file acl'
        chmod 644 acl
        launch_broker
        doctor 1 -W 1
        contains "$output" '  wrong  a sealed message to ourselves did not come back'
        contains "$output" '         -> its access list may drop what we publish, or what comes back'
    done
    stop_broker
    configure_broker
    launch_broker
    start_odd nosub
    doctor 1 -h "127.0.0.1:$ODD" -W 2
    contains "$output" '  wrong  the broker refuses subscriptions under our base'
    contains "$output" '         -> its access list must let this user read and write all topics under our base'
}

@test "somebody listens who is no broker" {
    start_odd closes
    doctor 1 -h "127.0.0.1:$ODD" -W 2
    contains "$output" '  wrong  the connection ends before the broker has answered: '
    contains "$output" '         -> is it an MQTT broker? does this port want TLS (--tls)?'
    start_odd silent
    doctor 1 -h "127.0.0.1:$ODD" -W 1
    contains "$output" '  wrong  somebody listens there, but does not answer in MQTT'
    start_odd talks
    doctor 1 -h "127.0.0.1:$ODD" -W 1
    contains "$output" '  wrong  '
    contains "$output" '         -> is it an MQTT broker? does this port want TLS (--tls)?'
}

@test "TLS: right, unknown authority, another name, none where it is wanted" {
    stop_broker
    make_certificates
    configure_broker - <<'END'
allow_anonymous true
cafile ca.crt
certfile localhost.crt
keyfile localhost.key
END
    launch_broker
    doctor 0 -h "localhost:$PORT" --cafile ca.crt
    contains "$output" '  ok     the broker lets us in, by MQTT 5 over TLS, within'
    doctor 1 -h "localhost:$PORT" --tls -W 2
    contains "$output" '  wrong  no TLS connection comes about'
    contains "$output" 'is its certificate known here (--cafile)'
    doctor 1 -h "127.0.0.1:$PORT" --cafile ca.crt -W 2
    contains "$output" '  wrong  no TLS connection comes about'
    doctor 0 -h "127.0.0.1:$PORT" --cafile ca.crt --insecure
    doctor 1 -h "localhost:$PORT" -W 2
    contains "$output" 'does this port want TLS (--tls)?'
}

@test "output that can't be written" {
    expect 1 bash -c '"$0" doctor >/dev/full' "$MQTT_E2E"
    contains "$stderr" 'cannot write to standard output: No space left on device'
}
