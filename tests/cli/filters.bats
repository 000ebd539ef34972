#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# seal and open: filters of lines, without a broker. What one seals the other opens, once; every refusal by name.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # bats: tests are subshells, `run` sets variables, `bash -c` has $0

load support

NOW=1795459591440

set_up() {
    WIRE=GnNQKhupE6i7/66Kgh8gtbHYx5LBvGkAs2A/84qEQa4MuIX3HWqmc8toAg # of iot/kitchen, in tests/vectors/topics.json
}

# A usage error that says so, on standard error alone.
bad() { # EXPECTED ARGUMENT...
    local text=$1
    shift
    expect 2 "$MQTT_E2E" "$@"
    same "$output" ''
    same "${stderr_lines[0]}" "mqtt-e2e: $text"
}

# seal at $NOW.
seal() { # TOPIC ARGUMENT...
    local topic=$1
    shift
    "$MQTT_E2E" seal --now $NOW -t "$topic" "$@"
}

# open at $NOW.
open_now() {
    "$MQTT_E2E" open --now $NOW "$@"
}

# A line without what is random in it.
steady() {
    sed -E 's/"stream":"[0-9a-f]{24}"/"stream":"S"/'
}

statuses() {
    sed -E 's/^\{"status":"([a-z_]+)".*/\1/'
}

# ---- seal -------------------------------------------------------------------------------------------

@test "seal: prints WIRETOPIC HEX, and open reads it: every key of the object, in order" {
    expect 0 "$MQTT_E2E" seal -t iot/kitchen -m hello --now $NOW
    [[ $output =~ ^$WIRE\ [0-9a-f]{186}$ ]]
    same "$stderr" ''
    expect 0 open_now <<<"$output"
    same "$(steady <<<"$output")" '{"status":"ok","topic":"iot/kitchen","kind":"message","time":1795459591440,"stream":"S","counter":0,"padding":45,"payload":"hello","payload_hex":"68656c6c6f"}'
    same "$stderr" ''
}

@test "seal: one message from -m, -f, -s and by default standard input; -n is empty" {
    printf 'a\0b\n' >file
    seal t -m text >sealed
    seal t -f file >>sealed
    seal t -s <file >>sealed
    seal t <file >>sealed
    seal t -f - <file >>sealed
    seal t -n >>sealed
    seal t -m '' >>sealed
    seal t </dev/null >>sealed
    same "$(open_now <sealed | sed -E 's/.*"payload_hex":"([^"]*)".*/\1/' | tr '\n' ' ')" \
        '74657874 6100620a 6100620a 6100620a 6100620a    '
}

@test "seal -l: a line a message, each flushed as it comes; one stream, counting" {
    mkfifo in
    "$MQTT_E2E" seal -l -t t --now $NOW <in >out 3>&- &
    PID=$!
    PIDS+=("$PID")
    exec 5>in
    echo one >&5
    until_true has_lines out 1
    echo two >&5
    until_true has_lines out 2
    printf '\nthr\0ee\r\nlast' >&5
    exec 5>&-
    wait_exit "$PID"
    same "$status" 0
    same "$(open_now <out | sed -E 's/.*"counter":([0-9]+).*"payload_hex":"([^"]*)".*/\1 \2/')" '0 6f6e65
1 74776f
2 
3 7468720065650d
4 6c617374'
}

@test "seal: sizes follow from payload and padding alone" {
    local n
    size() {
        local line
        line=$(head -c "$1" /dev/zero | seal t -s "${@:2}")
        line=${line##* }
        echo $((${#line} / 2))
    }
    for n in 0 1 49 50; do
        same "$(size $n)" 93
    done
    same "$(size 51)" 94
    same "$(size 0 --pad 0)" 43
    same "$(size 7 --pad 0)" 50
    same "$(size 3 --pad 65535)" 65578
    same "$(size 1000)" 1043
    same "$(size 1000 --padme)" 1067 # to 1,024
    same "$(size 3 --padme)" 93
}

@test "seal, open: 1 MiB with every byte, through and back" {
    head -c 1048576 /dev/urandom >big
    seal t -f big >sealed
    open_now <sealed >opened
    sed -E 's/.*"payload_hex":"([^"]*)".*/\1/' opened | tr -d '\n' >hex
    same "$(wc -c <hex)" 2097152
    same "$(sha256sum <hex)" "$(od -An -v -tx1 big | tr -d ' \n' | sha256sum)"
    lacks "$(head -c 400 opened)" '"payload":' # no UTF-8
    head -c 1048576 /dev/zero | tr '\0' x >big
    seal t -f big | open_now | grep -c '"payload":"xxxxx' >count
    same "$(cat count)" 1
}

@test "seal: packets never repeat, not even of the same text at the same time" {
    for _ in 1 2 3; do seal t -m same; done >sealed
    seal t -l <<<$'same\nsame\nsame' >>sealed
    same "$(sort -u sealed | wc -l)" 6
    same "$(cut -c 1-60 sealed | sort -u | wc -l)" 6 # from the first byte of the packet on
}

@test "seal -r, --kind: lasting messages" {
    seal t -m x -r | open_now >out
    contains "$(cat out)" '"kind":"lasting"'
    seal t -m x --kind lasting | open_now >out
    contains "$(cat out)" '"kind":"lasting"'
    seal t -m x --kind message | open_now >out
    contains "$(cat out)" '"kind":"message"'
    bad "--kind must be message or lasting, not 'request'" seal -t t -m x --kind request
}

@test "seal: bases and plain topics, given or from the key file" {
    same "$(seal a/b -n --plain-topics | cut -d ' ' -f 1)" GnNQKhupE6i7/a/b
    same "$(seal a/b -n --plain-topics --base home/x | cut -d ' ' -f 1)" home/x/a/b
    same "$(seal a/b -n --plain-topics --base '' | cut -d ' ' -f 1)" a/b
    same "$(seal iot/kitchen -n --base '' | cut -d ' ' -f 1)" "${WIRE#*/}"
    same "$(seal iot/kitchen -n --base b | cut -d ' ' -f 1)" "b/${WIRE#*/}"
    printf 'mqtt-e2e://AAECAwQFBgcICQoLDA0ODw/own?plain=1\n' >named
    chmod 600 named
    same "$(seal 'a b' -n -K named | cut -d ' ' -f 1,2)" 'own/a b'
    seal 'a b' -n -K named | open_now -K named >out
    contains "$(cat out)" '"status":"ok","topic":"a b"'
    same "$(seal t -n -K named --base other | cut -d ' ' -f 1)" other/t
    # The base is no part of what is authenticated; the topic is.
    seal t -m x --base one | sed 's,^one,two,' | open_now --base two >out
    contains "$(cat out)" '"status":"ok"'
}

@test "seal: mosquitto_pub's long names" {
    printf 'a\nb' >file
    seal_long() { "$MQTT_E2E" seal --now $NOW --topic t "$@"; }
    seal_long --message text >sealed
    seal_long --file file >>sealed
    seal_long --stdin-file <file >>sealed
    seal_long --stdin-line <file >>sealed
    seal_long --null-message --retain >>sealed
    same "$(open_now <sealed | sed -E 's/.*"kind":"([a-z]+)".*"payload_hex":"([^"]*)".*/\1 \2/')" 'message 74657874
message 610a62
message 610a62
message 61
message 62
lasting '
}

@test "seal: a topic that is too long on the wire, by how much" {
    long() { printf 'a%.0s' $(seq "$1"); }
    expect 0 "$MQTT_E2E" seal -t "$(long 49128)" -m x # a multiple of 8; 8 more, times 4/3, and 13 of the base
    same "$(wc -c <<<"${output% *}")" 65529
    expect 2 "$MQTT_E2E" seal -t "$(long 49129)" -m x
    contains "$stderr" 'would be 65539 bytes long on the wire, hidden: MQTT takes up to 65535'
    expect 2 "$MQTT_E2E" seal -t "$(long 49113)//b" -m x # 65517, 2 slashes, and 22 of the last level
    contains "$stderr" 'would be 65541 bytes long on the wire, hidden'
    expect 0 "$MQTT_E2E" seal -t "$(long 49128)" --base ffffffffffffffffff -m x
    expect 2 "$MQTT_E2E" seal -t "$(long 49128)" --base ffffffffffffffffffff -m x
    expect 2 "$MQTT_E2E" seal -t "$(long 65530)" --base ffffff --plain-topics -m x
    contains "$stderr" 'would be 65537 bytes long on the wire: MQTT takes up to 65535'
}

@test "seal: what it can't take" {
    bad '-t TOPIC is missing' seal -m x
    bad '-t is given twice' seal -t a -t b -m x
    bad '-m is given twice' seal -t a -m x -m y
    bad '-m and -l exclude each other' seal -t a -m x -l
    bad '-l and -n exclude each other' seal -t a -l -n
    bad "'x' is one argument too many" seal -t a -m x x
    bad "--pad must be a whole number from 0 to 65535, not '65536'" seal -t a -m x --pad 65536
    bad "--pad must be a whole number from 0 to 65535, not '5x'" seal -t a -m x --pad 5x
    bad "--now must be a whole number from 1 to 281474976710655, not '0'" seal -t a -m x --now 0
    bad "--now must be a whole number from 1 to 281474976710655, not '281474976710656'" seal -t a -m x --now 281474976710656
    bad "standard input can't be both the key and the message" seal -t a -l -K -
    bad "standard input can't be both the key and the message" seal -t a -f - -K -
    bad "one publishes to a topic without wildcards, not to 'a/+'" seal -t a/+ -m x
    bad "one publishes to a topic without wildcards, not to 'a/#'" seal -t 'a/#' -m x
    bad "the topic is empty" seal -t '' -m x
    bad "the topic is not valid UTF-8" seal -t $'a\xff' -m x
    bad "topics that start with ~ are reserved: '~time'" seal -t '~time' -m x
    bad "the base 'a/' is not allowed: no wildcard, no slash at its end" seal -t t -m x --base a/
    expect 1 "$MQTT_E2E" seal -t t -f none
    same "${stderr_lines[0]}" "mqtt-e2e: cannot open 'none': No such file or directory"
    expect 1 "$MQTT_E2E" seal -t t -f .
    same "${stderr_lines[0]}" "mqtt-e2e: cannot read '.': Is a directory"
    expect 1 "$MQTT_E2E" seal -t t -m x -K none
    same "$output" ''
    expect 0 "$MQTT_E2E" seal -t t -m x -K - <key
}

# ---- open -------------------------------------------------------------------------------------------

@test "open: the packets and receivers of tests/vectors, line by line" {
    expect 0 node "$SUPPORT_DIR/open_vectors.js" "$MQTT_E2E"
}

@test "open: a request for the time, of tests/vectors, is marked as such" {
    local line
    line=$(node -p 'const s = require("'"$SUPPORT_DIR"'/../vectors/refusals.json").scenarios
        .flatMap((s) => s.steps.filter((t) => t.expect && t.expect.status === "time_asked"))[0];
        s.now_ms + " " + s.wire_topic + " " + s.packet')
    "$MQTT_E2E" open --now "${line%% *}" <<<"${line#* }" >out
    contains "$(cat out)" '{"status":"ok","topic":"~time","kind":"request","time":0,'
    contains "$(cat out)" '"time_request":true'
    seal t -m x | open_now >out
    lacks "$(cat out)" time_request
}

@test "open: replay, with stream and counter" {
    seal t -l <<<$'a\nb' >sealed
    cat sealed sealed | open_now >out
    same "$(statuses <out | tr '\n' ' ')" 'ok ok replay replay '
    local stream
    stream=$(sed -nE '1s/.*"stream":"([^"]*)".*/\1/p' out)
    same "$(sed -n 4p out)" '{"status":"replay","topic":"t","stream":"'"$stream"'","counter":1}'
}

@test "open: wrong key, another topic, a changed byte, another mode: forged, and no more said than that" {
    seal t -m x >sealed
    open_now -K other-key <sealed >out
    same "$(cat out)" '{"status":"forged","wire_topic":"'"$(cut -d ' ' -f 1 sealed)"'"}'
    echo "$WIRE $(cut -d ' ' -f 2 sealed)" | open_now >out
    same "$(cat out)" '{"status":"forged","topic":"iot/kitchen"}'
    sed 's/[0-7]$/8/; t; s/.$/0/' sealed | open_now >out
    same "$(cat out)" '{"status":"forged","topic":"t"}'
    open_now --plain-topics <sealed >out
    same "$(statuses <out)" forged
    seal t -m x --plain-topics | open_now >out
    same "$(statuses <out)" forged
    open_now --base other <sealed >out
    same "$(statuses <out)" forged
}

@test "open: stale and future, with off_by_ms; lines of a wrong form do not end it" {
    seal t -m x >sealed
    off_by() { # ARGUMENT...
        "$MQTT_E2E" open "$@" <sealed | steady
    }
    same "$(off_by --now $((NOW + 300000)) | statuses)" ok
    same "$(off_by --now $((NOW + 300001)))" '{"status":"stale","topic":"t","kind":"message","time":1795459591440,"stream":"S","counter":0,"off_by_ms":1}'
    same "$(off_by --now $((NOW - 10000)) | statuses)" ok
    same "$(off_by --now $((NOW - 10025)))" '{"status":"future","topic":"t","kind":"message","time":1795459591440,"stream":"S","counter":0,"off_by_ms":25}'
    same "$(off_by --now $((NOW + 30000)) --clock-skew 30 | statuses)" ok
    contains "$(off_by --now $((NOW + 30007)) --clock-skew 30s)" '"off_by_ms":7}'
    contains "$(off_by --now $((NOW + 30007)) --clock-skew 30000ms)" '"off_by_ms":7}'
    same "$(off_by --now $((NOW + 86400000)) --clock-skew 1d | statuses)" ok
    same "$(off_by --now $((NOW + 5400000)) --clock-skew 1.5h | statuses)" ok
    same "$(off_by --now $((NOW - 120000)) --clock-lead 2m | statuses)" ok
    contains "$(off_by --now $((NOW - 1)) --clock-lead 0)" '"status":"future"'
    # By the system's clock it is long ago, or to come.
    [[ $("$MQTT_E2E" open <sealed | statuses) =~ ^(stale|future)$ ]]
    same "$("$MQTT_E2E" seal -t t -m x | "$MQTT_E2E" open | statuses)" ok
}

@test "open --floor: refuses what was sealed then or before; it is 0 unless given" {
    seal t -m x >sealed
    same "$(open_now --floor $NOW <sealed | statuses)" stale
    same "$(open_now --floor $((NOW - 1)) <sealed | statuses)" ok
    same "$(open_now --floor $((NOW + 499)) <sealed | sed -E 's/.*(.off_by_ms.*)/\1/')" '"off_by_ms":500}'
    same "$(open_now <sealed | statuses)" ok
    same "$(open_now <sealed | statuses)" ok # another run knows nothing of the first
}

@test "open --window: how far messages may overtake each other" {
    seal t -l < <(seq 1 200) >sealed
    { sed -n 200p sealed; sed -n 137,199p sealed; } | open_now | statuses | sort | uniq -c | tr -s ' ' >out
    same "$(cat out)" ' 64 ok'
    { sed -n 200p sealed; sed -n 136p sealed; } | open_now | statuses | tr '\n' ' ' >out
    same "$(cat out)" 'ok replay '
    { sed -n 200p sealed; sed -n 73,136p sealed; } | open_now --window 128 | statuses | sort | uniq -c | tr -s ' ' >out
    same "$(cat out)" ' 65 ok'
    { sed -n 200p sealed; sed -n 72p sealed; } | open_now --window 128 | statuses | tail -n 1 >out
    same "$(cat out)" replay
}

@test "open --streams: 4,096 senders at least are remembered; with few, a forgotten one is stale, never accepted twice" {
    for n in 1 2 3; do "$MQTT_E2E" seal -t t -m "$n" --now $((NOW + n)); done >sealed
    cat sealed sealed | "$MQTT_E2E" open --now $((NOW + 9)) --streams 1 | statuses | tr '\n' ' ' >out
    same "$(cat out)" 'ok ok ok stale stale replay '
    cat sealed sealed | "$MQTT_E2E" open --now $((NOW + 9)) | statuses | tr '\n' ' ' >out
    same "$(cat out)" 'ok ok ok replay replay replay '
}

@test "open --lasting: old lasting messages once, marked, and never one that is older" {
    for n in 1 2 3; do "$MQTT_E2E" seal -r -t t -m "$n" --now $((NOW + n)); done >sealed
    { for n in 1 3 2 3; do sed -n ${n}p sealed; done; } | "$MQTT_E2E" open --now $((NOW + 86400000)) --lasting >out
    same "$(statuses <out | tr '\n' ' ')" 'ok ok stale stale '
    contains "$(sed -n 1p out)" '"kind":"lasting","time":1795459591441,'
    contains "$(sed -n 1p out)" '"old":true'
    "$MQTT_E2E" open --now $((NOW + 86400000)) <sealed >out
    same "$(statuses <out | sort -u)" stale
    "$MQTT_E2E" open --now $NOW --lasting <sealed >out
    lacks "$(cat out)" '"old"'
}

@test "open: lines of another form are told by number, and the next is read" {
    seal t -m x >good
    {
        echo
        echo 'onlytopic'
        echo ' 00'
        echo 'topic 0'
        echo 'topic 0g'
        echo 'topic 0 0'
        printf 'to\0pic 00\n'
        printf '%065536d 00\n' 0
        cat good
    } | open_now >out
    same "$(sed -n '1,8p' out)" '{"status":"malformed","line":1,"error":"no space between topic and hex"}
{"status":"malformed","line":2,"error":"no space between topic and hex"}
{"status":"malformed","line":3,"error":"no topic before the hex"}
{"status":"malformed","line":4,"error":"an odd number of hex digits"}
{"status":"malformed","line":5,"error":"not hex behind the last space"}
{"status":"malformed","line":6,"error":"an odd number of hex digits"}
{"status":"malformed","line":7,"error":"a NUL in the line"}
{"status":"malformed","line":8,"error":"the topic is over 65535 bytes long"}'
    same "$(sed -n 9p out | statuses)" ok
}

@test "open: packets that are none: empty, short, noise; topics that are no text" {
    {
        echo "$WIRE "
        echo "$WIRE 00"
        printf '%s %084d\n' "$WIRE" 0
        printf '%s %086d\n' "$WIRE" 0
        echo 'some/where 00'
        printf '\xff\xfe 00\n'
        printf 'GnNQKhupE6i7/\xc3 00\n'
    } | open_now >out
    same "$(statuses <out | tr '\n' ' ')" 'malformed malformed malformed forged forged forged forged '
    same "$(sed -n 1p out)" '{"status":"malformed","topic":"iot/kitchen"}'
    same "$(sed -n 5p out)" '{"status":"forged","wire_topic":"some/where"}'
    same "$(sed -n 6p out)" '{"status":"forged"}'
}

@test "open: upper case, line ends of Windows, no line end at all, spaces in the topic" {
    seal t -m x | sed 's/ .*/\U&/' | open_now >out
    same "$(statuses <out)" ok
    seal t -m x | sed 's/$/\r/' | open_now >out
    same "$(statuses <out)" ok
    seal t -m x | tr -d '\n' | open_now >out
    same "$(statuses <out)" ok
    seal 'a  b c' -m x --plain-topics | open_now --plain-topics >out
    contains "$(cat out)" '"topic":"a  b c"'
}

@test "open: payload only where it is UTF-8, NUL and quotes included" {
    printf 'a"\\\0\nü\e' | seal t | open_now >out
    contains "$(cat out)" '"payload":"a\"\\\u0000\nü\u001B","payload_hex":"61225c000ac3bc1b"}'
    printf '\xff' | seal t | open_now >out
    contains "$(cat out)" '"padding":49,"payload_hex":"ff"}'
    printf '\xed\xa0\x80' | seal t | open_now >out
    lacks "$(cat out)" '"payload":'
    seal t -n | open_now >out
    contains "$(cat out)" '"padding":50,"payload":"","payload_hex":""}'
}

@test "open: each line is answered as it comes" {
    mkfifo in
    seal t -l <<<$'one\ntwo' >sealed
    "$MQTT_E2E" open --now $NOW <in >out 3>&- &
    PID=$!
    PIDS+=("$PID")
    exec 5>in
    sed -n 1p sealed >&5
    until_true has out '"payload":"one"'
    sed -n 2p sealed >&5
    until_true has out '"payload":"two"'
    exec 5>&-
    wait_exit "$PID"
    same "$status" 0
}

@test "open: memory stays within bounds of what a line can be" {
    # 600 MB without a line end: longer than any packet, and then a good line.
    { head -c 600000000 /dev/zero | tr '\0' a; echo; seal t -m x; } | (
        ulimit -v 1500000 # as a sanitizer's shadow would need more, it is let off
        open_now
    ) >out || { [[ $(nm -D "$MQTT_E2E" 2>/dev/null) == *__asan* || $(nm "$MQTT_E2E") == *__asan* ]] && skip 'sanitizer'; }
    same "$(sed -n 1p out)" '{"status":"malformed","line":1,"error":"longer than any MQTT packet"}'
    same "$(sed -n 2p out | statuses)" ok
}

@test "open: what it can't take" {
    bad "'x' is one argument too many: the lines come from standard input" open x
    bad "--window must be a multiple of 64, not '65'" open --window 65
    bad "--window must be a whole number from 64 to 65472, not '0'" open --window 0
    bad "--streams must be a whole number from 1 to 32767, not '0'" open --streams 0
    bad "--floor must be a whole number from 0 to 9223372036854775807, not '-1'" open --floor -1
    bad "--clock-skew must be a time span like 300, 300s, 500ms, 5m or 1h, at most 4233600s, not '5 min'" open --clock-skew '5 min'
    bad "--clock-skew must be a time span like 300, 300s, 500ms, 5m or 1h, at most 4233600s, not '50d'" open --clock-skew 50d
    bad "--clock-lead must be a time span like 300, 300s, 500ms, 5m or 1h, at most 4233600s, not '-1'" open --clock-lead -1
    bad "--now must be a whole number from 1 to 281474976710655, not 'now'" open --now now
    bad "standard input can't be both the key and the packets" open -K -
    bad 'unknown or ambiguous option --clock' open --clock 5
    bad '--window needs a value' open --window
    bad '--lasting takes no value' open --lasting=1
    bad "the base '+' is not allowed: no wildcard, no slash at its end" open --base +
}

@test "seal, open: output that can't be written is exit code 1, and said" {
    seal t -m x >sealed
    expect 1 bash -c '"$0" open <sealed >/dev/full' "$MQTT_E2E"
    same "${stderr_lines[0]}" 'mqtt-e2e: cannot write to standard output: No space left on device'
    same "${#stderr_lines[@]}" 1
    expect 1 bash -c '"$0" seal -t t -m x >/dev/full' "$MQTT_E2E"
    same "${stderr_lines[0]}" 'mqtt-e2e: cannot write to standard output: No space left on device'
    # A reader that has gone: the filter ends, though more is to come; that needs no words.
    expect 1 bash -c 'set -o pipefail; yes | "$0" seal -l -t t | head -n 1 >/dev/null' "$MQTT_E2E"
    same "$stderr" ''
    expect 1 bash -c '"$0" open <.' "$MQTT_E2E"
    same "${stderr_lines[0]}" 'mqtt-e2e: cannot read standard input: Is a directory'
    expect 0 bash -c '"$0" open </dev/null' "$MQTT_E2E"
    same "$output" ''
}
