#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Messages from `mqtt-e2e pub` to `mqtt-e2e sub` through a real broker: payloads, output, acknowledgement, lasting messages.

load support

# ---- Payloads ---------------------------------------------------------------------------------------

@test "a message arrives as it was sent" {
    start_sub s -t iot/door -C 1
    expect 0 e2e pub -t iot/door -m 'open, please'
    same "$output$stderr" ''
    wait_exit "$PID"
    same "$status" 0
    same "$(cat s.out)" 'open, please'
}

@test "the broker sees neither text nor topic, and one length" {
    start_spy spy -C 3
    e2e pub -t iot/kitchen/light -m on
    e2e pub -t iot/kitchen/light -m 'a longer one'
    e2e pub -t iot/kitchen/light -n
    wait_exit "$PID"
    spied spy >seen
    same "$(wc -l <seen)" 3
    run ! grep -qi -e kitchen -e "$(printf 'a longer one' | od -An -tx1 | tr -d ' \n')" seen
    same "$(awk '{print length($2)}' seen | sort -u)" $((2 * (43 + 50)))
    same "$(cut -d' ' -f1 seen | sort -u | wc -l)" 1 # one topic
    same "$(cut -d' ' -f2 seen | sort -u | wc -l)" 3 # three packets
}

@test "nothing of a packet comes twice: 200 equal messages look all different" {
    start_spy spy -C 200
    e2e pub -t t -m same --repeat 200
    wait_exit "$PID"
    same "$(spied spy | cut -d' ' -f2 | cut -c1-32 | sort -u | wc -l)" 200 # headers
    same "$(spied spy | cut -d' ' -f2 | cut -c33- | sort -u | wc -l)" 200  # the rest
}

@test "-f sends a file byte by byte: NUL, line ends, 0xff" {
    printf 'a\0b\n\r\n\377\0' >file
    start_sub s -t t -C 1 -N
    e2e pub -t t -f file
    wait_exit "$PID"
    cmp s.out file
}

@test "-f -: standard input, as for seal; -l: an empty line is an empty message" {
    start_sub s -t t -C 4
    printf 'from a pipe' | e2e pub -t t -f -
    printf 'a\n\nb\n' | e2e pub -t t -l
    wait_exit "$PID"
    same "$(cat s.out)" $'from a pipe\na\n\nb'
}

@test "-f with an empty file, and -n, send an empty message" {
    : >empty
    start_sub s -t t -C 2 -F '[%p]%l'
    e2e pub -t t -f empty
    e2e pub -t t -n
    wait_exit "$PID"
    same "$(cat s.out)" $'[]0\n[]0'
}

@test "-f with 1 MiB of random bytes, over every quality of service" {
    head -c 1048576 /dev/urandom >file
    start_sub s -t t -C 3 -N -q 2
    for q in 0 1 2; do
        expect 0 e2e pub -t t -f file -q $q
    done
    wait_exit "$PID"
    cat file file file | cmp - s.out
}

@test "-s sends all of standard input as one message" {
    start_sub s -t t -C 1 -F '%l'
    printf 'one\ntwo\n\0three' | e2e pub -t t -s
    wait_exit "$PID"
    same "$(cat s.out)" 14
}

@test "-l sends a message for each line, empty ones and a last one without end too" {
    start_sub s -t t -C 4 -F '[%p]'
    printf 'one\n\n two\r\nlast' | e2e pub -t t -l
    wait_exit "$PID"
    same "$(cat -v s.out)" $'[one]\n[]\n[ two^M]\n[last]'
}

@test "-l sends lines as they come, not at the end" {
    start_sub s -t t
    mkfifo pipe
    exec 5<>pipe
    start p pub -t t -l <pipe
    echo one >&5
    wait_for s.out one
    printf 'half a' >&5
    echo ' line' >&5
    wait_for s.out 'half a line'
    exec 5>&-
    wait_exit "$PID"
    same "$status" 0
}

@test "-l loses nothing of a large input, whatever the quality of service" {
    seq 1 5000 >lines
    for q in 1 2; do
        start_sub s$q -t t$q -q $q -C 5000
        e2e pub -t t$q -q $q -l --queue 50 <lines
        wait_exit "$PID"
        cmp s$q.out lines
    done
    start_sub s0 -t t0 -C 5000
    e2e pub -t t0 -l <lines
    wait_exit "$PID"
    cmp s0.out lines
}

@test "-l with nothing on standard input sends nothing, and succeeds" {
    expect 0 e2e pub -t t -l </dev/null
}

@test "-f over 16 MiB is sent, and it is said that receivers refuse it by default" {
    truncate -s 16777216 file
    start_sub s -t big -t end -C 1 -d
    expect 0 e2e pub -t big -q 1 -f file
    contains "$stderr" '16777216 bytes: receivers refuse what is longer than 16777173'
    expect 0 e2e pub -t end -m end
    wait_exit "$PID"
    same "$(cat s.out)" end
    contains "$(cat s.err)" malformed
}

@test "-l takes a line of 1 MiB" {
    head -c 1048576 /dev/zero | tr '\0' x >line
    start_sub s -t t -C 1 -N
    e2e pub -t t -l <line
    wait_exit "$PID"
    cmp s.out line
}

@test "--repeat sends a message several times, --repeat-delay apart" {
    start_sub s -t t -C 3 -F '%U'
    expect 0 e2e pub -t t -m again --repeat 3 --repeat-delay 0.3
    wait_exit "$PID"
    same "$(wc -l <s.out)" 3
    # Two delays lie between the first and the last; there may be more, not less.
    awk 'NR == 1 { first = $1 } END { exit !($1 - first >= 0.55) }' s.out
}

@test "topics: empty levels, spaces, accents; case matters" {
    start_sub s -t '#' -v -C 4
    e2e pub -t /a//b/ -m 1
    e2e pub -t 'a b/c' -m 2
    e2e pub -t 'é/日本' -m 3
    e2e pub -t A/B -m 4
    wait_exit "$PID"
    same "$(cat s.out)" $'/a//b/ 1\na b/c 2\né/日本 3\nA/B 4'
}

@test "wildcards: + and #, several -t, and each message once though several match" {
    start_sub s -t 'a/+/c' -t 'x/#' -t 'a/b/c' -t 'a/b/c' -v
    e2e pub -t a/b/c -m 1
    e2e pub -t a/b/d -m no
    e2e pub -t x -m 2
    e2e pub -t x/y/z -m 3
    wait_for s.out 'x/y/z 3'
    same "$(cat s.out)" $'a/b/c 1\nx 2\nx/y/z 3'
}

@test "-t \$share/group/filter shares messages among the members of a group" {
    start_sub one -t '$share/g/job/+'
    start_sub two -t '$share/g/job/+'
    seq 1 20 | e2e pub -t job/x -l -q 1
    all_came() { [ "$(cat one.out two.out | wc -l)" -ge 20 ]; }
    until_true all_came
    same "$(cat one.out two.out | sort -n | tr '\n' ' ')" "$(seq 1 20 | tr '\n' ' ')"
    [ -s one.out ] && [ -s two.out ]
}

@test "-q: what is promised is kept, and --json and %q tell it" {
    start_sub s -t t -q 2 -C 3 -F '%q %m'
    for q in 0 1 2; do e2e pub -t t -m x -q $q; done
    wait_exit "$PID"
    same "$(cut -d' ' -f1 s.out | tr '\n' ' ')" '0 1 2 '
    same "$(head -n 1 s.out)" '0 0'
    run ! grep -q '[12] 0' s.out
}

@test "--plain-topics leaves names visible, not texts; both ends must agree" {
    start_spy spy
    start_sub hidden -t '#'
    start_sub plain -t '#' --plain-topics -v -C 1
    e2e pub -t iot/door -m open --plain-topics
    wait_exit "$PID"
    same "$(cat plain.out)" 'iot/door open'
    until_true has_lines spy.seen 1
    contains "$(spied spy)" '/iot/door '
    wait_for hidden.err 'refused: forged'
    same "$(cat hidden.out)" ''
}

@test "--base sets what the wire topics start with; another base hears nothing" {
    start_spy spy
    start_sub a -t t --base house/one -C 1
    start_sub b -t t
    e2e pub -t t -m x --base house/one
    wait_for a.out x
    contains "$(spied spy)" 'house/one/'
    e2e pub -t t -m y
    wait_for b.out y
    same "$(cat a.out)" x
    same "$(cat b.out)" y
}

@test "--base '' puts the topic at the top" {
    start_spy spy
    start_sub s -t t --base '' --plain-topics -C 1
    e2e pub -t t -m x --base '' --plain-topics
    wait_for s.out x
    until_true has_lines spy.seen 1
    same "$(spied spy | cut -d' ' -f1)" t
}

@test "--prefix is what a bridge puts before the topics it hands to us" {
    start_sub s -t t --prefix site7/ -C 1 -v
    "$MQTT_E2E" seal -t t -m through >line
    send_raw "site7/$(cut -d' ' -f1 line)" "$(cut -d' ' -f2 line)"
    wait_exit "$PID"
    same "$(cat s.out)" 't through'
}

@test "--pad hides lengths up to its own, --padme roughly the others" {
    start_spy spy -C 5
    e2e pub -t t -m x --pad 0
    e2e pub -t t -m x --pad 200
    head -c 1000 /dev/zero | e2e pub -t t -s
    head -c 1000 /dev/zero | e2e pub -t t -s --padme
    head -c 1020 /dev/zero | e2e pub -t t -s --padme
    wait_exit "$PID"
    same "$(spied spy | awk '{print length($2) / 2 - 43}' | tr '\n' ' ')" '1 200 1000 1024 1024 '
}

# ---- Output -----------------------------------------------------------------------------------------

@test "-v prints the topic before the message, as mosquitto_sub does" {
    start_sub s -t t -C 2 -v
    e2e pub -t t -m hello
    e2e pub -t t -n
    wait_exit "$PID"
    same "$(cat s.out)" $'t hello\nt (null)'
}

@test "-N adds no line end" {
    start_sub s -t t -C 2 -N
    printf 'a\nb' | e2e pub -t t -l
    wait_exit "$PID"
    same "$(cat s.out)" ab
}

@test "-F: mosquitto_sub's elements give what mosquitto_sub gives" {
    local format='%t|%10t|%-10t|%5.3t|%p|%8p|%-8p|%08p|%x|%X|%l|%05l|%5l|%-5l|%q|%r|%m|%%|@@|@Y|\\|\t|%.0t'
    start_sub s -t a/bcdefgh -q 1 -C 1 -F "$format"
    mosquitto_sub -h 127.0.0.1 -p "$PORT" -t a/bcdefgh -q 1 -C 1 -F "$format" >theirs 3>&- &
    PIDS+=($!)
    subscribed() { has broker.log $'\ta/bcdefgh (QoS 1)'; }
    until_true subscribed
    mosquitto_pub -h 127.0.0.1 -p "$PORT" -t a/bcdefgh -q 1 -m 'xYz'
    e2e pub -t a/bcdefgh -q 1 -m 'xYz'
    wait_exit "$PID"
    until_true test -s theirs
    same "$(cat s.out)" "$(cat theirs)"
}

@test "-F: characters, a NUL among them, and no end but with -N" {
    start_sub s -t t -C 1 -N -F '%p\n\r\t\0\a\e\v\\@@%%'
    e2e pub -t t -m x
    wait_exit "$PID"
    same "$(cat -v s.out)" 'x
^M	^@^G^[^K\@%'
}

@test "-F: times are those of the arrival" {
    local before after
    before=$(date +%s)
    start_sub s -t t -C 1 -F '%U|%I|@s.@N|@Y-@m-@d|%T'
    TZ=UTC e2e pub -t t -m x
    wait_exit "$PID"
    after=$(date +%s)
    IFS='|' read -r unix iso fraction day sealed <s.out
    [[ $unix =~ ^[0-9]+\.[0-9]{9}$ && $fraction =~ ^[0-9]+\.[0-9]{9}$ ]]
    [[ $iso =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{4}$ ]]
    [ "${unix%.*}" -ge "$before" ] && [ "${unix%.*}" -le "$after" ]
    [ "$((sealed / 1000))" -ge "$((before - 1))" ] && [ "$((sealed / 1000))" -le "$after" ]
    same "$day" "$(date -d "@${unix%.*}" +%Y-%m-%d)"
}

@test "-F: ours: kind, old, broker, stream, counter" {
    start_sub s -t t -C 2 -F '%k %o %b %n %s'
    e2e pub -t t -m x --repeat 2
    wait_exit "$PID"
    [[ $(head -n 1 s.out) =~ ^"message 0 127.0.0.1:$PORT 0 "[0-9a-f]{24}$ ]]
    [[ $(tail -n 1 s.out) =~ ^"message 0 127.0.0.1:$PORT 1 "[0-9a-f]{24}$ ]]
    same "$(awk '{print $5}' s.out | sort -u | wc -l)" 1
}

@test "-F %j is the object of --json; %J has the payload as JSON, and says where it is none" {
    start_sub s -t t -C 2 -F '%J'
    e2e pub -t t -m '{"a":[1,2.5,null],"é":"\u0041"}'
    e2e pub -t t -m 'no json'
    wait_exit "$PID"
    contains "$(head -n 1 s.out)" '"payload":{"a":[1,2.5,null],"é":"A"}'
    same "$(sed -n 2p s.out)" ''
    contains "$(cat s.err)" 'the message on t is no JSON'
    start_sub j -t t -C 1 -F '<%j>'
    e2e pub -t t -m x
    wait_exit "$PID"
    [[ $(cat j.out) == '<{"status":"ok","topic":"t",'*'}>' ]]
}

@test "--json prints what open prints, and mosquitto_sub's keys" {
    start_sub s -t t -C 1 --json -q 1
    e2e pub -t t -q 1 -m 'say "hi"'
    wait_exit "$PID"
    same "$(wc -l <s.out)" 1
    local part
    for part in '"status":"ok"' '"topic":"t"' '"kind":"message"' '"counter":0' '"padding":42' \
        '"payload":"say \"hi\""' '"payload_hex":"7361792022686922"' '"qos":1' '"retain":0' '"payloadlen":8' '"mid":' \
        "\"broker\":\"127.0.0.1:$PORT\"" '"tst":"'; do
        contains "$(cat s.out)" "$part"
    done
    [[ $(cat s.out) =~ \"time\":[0-9]{13},\"stream\":\"[0-9a-f]{24}\" ]]
    lacks "$(cat s.out)" '"old"'
}

@test "--json: no payload where it is no UTF-8, its hex always" {
    start_sub s -t t -C 2 --json
    printf '\377\0' | e2e pub -t t -s
    printf 'a\0b' | e2e pub -t t -s
    wait_exit "$PID"
    contains "$(head -n 1 s.out)" '"payload_hex":"ff00"'
    lacks "$(head -n 1 s.out)" '"payload":'
    contains "$(tail -n 1 s.out)" '"payload":"a\u0000b","payload_hex":"610062"'
}

@test "--json --pretty takes several lines" {
    start_sub s -t t -C 1 --json --pretty
    e2e pub -t t -m x
    wait_exit "$PID"
    [ "$(wc -l <s.out)" -gt 10 ]
    grep -q '^  "payload": "x"' s.out
}

@test "each message is there at once: nothing waits for a buffer to fill" {
    start_sub s -t t --json
    e2e pub -t t -m x
    wait_for s.out '"payload":"x"'
    runs "$PID"
}

@test "on a terminal, what others wrote can't steer it; in a pipe it is as it was sent" {
    local evil=$'\e]0;title\a\e[2J\r\x7f\xc2\x9b31m\xff\xe2\x80\xaetab\tend'
    printf '%s' "$evil" >evil
    start_sub plain -t 't/#' -C 1 -N
    # shellcheck disable=SC2016
    script -qefc '"$MQTT_E2E" sub -h 127.0.0.1 -p '"$PORT"' -t "t/#" -v -C 1' tty.out >/dev/null 2>&1 3>&- &
    PIDS+=($!)
    two() { [ "$(grep -c '(QoS 0)' broker.log)" -ge 2 ]; }
    until_true two
    e2e pub -t $'t/\e[31mred' -f evil
    wait_exit "$PID"
    cmp plain.out evil
    wait_exit "${PIDS[-1]}"
    contains "$(cat tty.out)" $'t/\\x1b[31mred \\x1b]0;title\\x07\\x1b[2J\\x0d\\x7f\\xc2\\x9b31m\\xff\\xe2\\x80\\xaetab\tend'
    run ! grep -q $'\e\\[2J' tty.out
}

@test "nor through what is said on standard error" {
    start_sub s -t '#'
    e2e pub -t $'x/\e[2Jy' -m late --clock-offset -400000
    wait_for s.err 'refused: stale'
    contains "$(cat s.err)" 'x/?[2Jy'
    run ! grep -q $'\e' s.err
}

# ---- Which messages ---------------------------------------------------------------------------------

@test "-C ends after so many, with 0" {
    start_sub s -t t -C 2
    seq 1 5 | e2e pub -t t -l
    wait_exit "$PID"
    same "$status" 0
    same "$(cat s.out)" $'1\n2'
}

@test "-W ends with 27 when its time is over, -C not reached" {
    start_sub s -t t -C 2 -W 1.5
    e2e pub -t t -m 1
    wait_exit "$PID"
    same "$status" 27
    same "$(cat s.out)" 1
    contains "$(cat s.err)" 'timed out after 1.5 s'
}

@test "-C reached before -W is over: 0" {
    start_sub s -t t -C 1 -W 60
    e2e pub -t t -m 1
    wait_exit "$PID"
    same "$status" 0
}

@test "-T leaves out what matches" {
    start_sub s -t '#' -T 'a/#' -T '+/no' -v
    e2e pub -t a/b -m 1
    e2e pub -t b/no -m 2
    e2e pub -t b/c -m 3
    wait_for s.out 'b/c 3'
    same "$(cat s.out)" 'b/c 3'
}

@test "-T does not count for -C" {
    start_sub s -t '#' -T 'a' -C 1
    e2e pub -t a -m 1
    e2e pub -t b -m 2
    wait_exit "$PID"
    same "$(cat s.out)" 2
}

@test "-E ends once subscribed, with 0, and prints nothing" {
    expect 0 e2e sub -t t -t u -E
    same "$output" ''
    grep -q 'SUBACK' broker.log
}

@test "--random-filter prints some of the messages" {
    start_sub s -t t -W 3 --random-filter 50
    seq 1 400 | e2e pub -t t -l -q 1
    wait_exit "$PID"
    # 200 expected, standard deviation 10.
    [ "$(wc -l <s.out)" -gt 120 ] && [ "$(wc -l <s.out)" -lt 280 ]
}

@test "SIGINT and SIGTERM end a subscriber cleanly, with the counts under -d" {
    local signal
    for signal in INT TERM; do
        start_sub $signal -t t
        e2e pub -t t -m x
        wait_for $signal.out x
        kill -$signal "$PID"
        wait_exit "$PID"
        same "$status" 0
        contains "$(cat $signal.err)" 'accepted 1, refused 0'
    done
    until_true has broker.log 'Received DISCONNECT'
}

@test "a subscriber that was to count and is interrupted fails" {
    start_sub s -t t -C 5
    kill -TERM "$PID"
    wait_exit "$PID"
    same "$status" 1
}

# ---- Lasting messages -------------------------------------------------------------------------------

@test "-r: a later subscriber gets it with --lasting, marked as old; without, it is refused" {
    e2e pub -t door/state -r -q 1 -m closed
    expect 0 e2e sub -t door/state --lasting -C 1 -W 10
    same "$output" '[old] closed'
    expect 0 e2e sub -t door/state --lasting -C 1 -W 10 -v
    same "$output" '[old] door/state closed'
    expect 0 e2e sub -t door/state --lasting -C 1 -W 10 --json
    contains "$output" '"old":true'
    contains "$output" '"kind":"lasting"'
    contains "$output" '"retain":1'
    expect 0 e2e sub -t door/state --lasting -C 1 -W 10 -F '%o %r %k %p'
    same "$output" '1 1 lasting closed'
    expect 0 e2e sub -t door/state --lasting -C 1 -W 10 -F '%r %p'
    same "$output" '[old] 1 closed'
    expect 27 e2e sub -t door/state -W 1
    same "$output" ''
    contains "$stderr" '1 message was refused'
    expect 27 e2e sub -t door/state -W 1 -d
    contains "$stderr" 'refused: stale'
    contains "$stderr" '--lasting'
}

@test "-r: who listens already gets it at once, and it is not old" {
    start_sub s -t t --lasting -C 1 -F '%k %o %r %p'
    e2e pub -t t -r -m now
    wait_exit "$PID"
    same "$(cat s.out)" 'lasting 0 0 now'
}

@test "-r -n replaces what the broker keeps by an empty message; nothing leaves unsealed" {
    e2e pub -t t -r -q 1 -m first
    e2e pub -t t -r -q 1 -n
    expect 0 e2e sub -t t --lasting -C 1 -W 10 -F '%o[%p]'
    same "$output" '1[]'
}

@test "an older lasting message is not passed off as the newest" {
    start_spy spy -C 1
    e2e pub -t t -r -q 1 -m old
    wait_exit "$PID"
    local packet
    packet=$(spied spy)
    e2e pub -t t -r -q 1 -m new
    start_sub s -t t --lasting
    wait_for s.out '[old] new'
    send_raw ${packet% *} ${packet#* } -r
    wait_for s.err 'refused: stale'
    same "$(cat s.out)" '[old] new'
}

@test "an ordinary message that the broker keeps by somebody's will is no lasting one" {
    start_spy spy -C 1
    e2e pub -t t -m open
    wait_exit "$PID"
    local packet
    packet=$(spied spy)
    send_raw ${packet% *} ${packet#* } -r
    expect 27 e2e sub -t t --lasting -W 1 -d
    same "$output" ''
    contains "$stderr" 'refused: stale'
}

@test "-R leaves out what the broker kept" {
    e2e pub -t t -r -q 1 -m kept
    start_sub s -t t --lasting -R -C 1
    e2e pub -t t -m new
    wait_exit "$PID"
    same "$(cat s.out)" new
}

@test "--retained-only prints only what the broker kept, and ends at the first other" {
    e2e pub -t a -r -q 1 -m kept
    start_sub s -t '#' --retained-only -v
    wait_for s.out '[old] a kept'
    e2e pub -t b -m new
    wait_exit "$PID"
    same "$status" 0
    same "$(cat s.out)" '[old] a kept'
}

# ---- Kept sessions ----------------------------------------------------------------------------------

@test "-c -i: the broker queues while the connection is away" {
    start_sub s -t t -c -i keeper -q 1
    until_true has broker.log 'as keeper (p2, c0, k60)'
    kill -KILL "$PID"
    e2e pub -t t -q 1 -m meanwhile
    # It comes, to whoever resumes the session.
    mosquitto_sub -h 127.0.0.1 -p "$PORT" -i keeper -c -q 1 -t none -C 1 -W 10 >got
    [ "$(wc -c <got)" -gt 90 ]
}

@test "-U unsubscribes from what a kept session was subscribed to" {
    e2e sub -t t -t u -c -i keeper -q 1 -E
    e2e sub -U t -c -i keeper -q 1 -E
    has broker.log 'Received UNSUBSCRIBE from keeper'
    e2e pub -t t -q 1 -m 1
    e2e pub -t u -q 1 -m 2
    mosquitto_sub -h 127.0.0.1 -p "$PORT" -i keeper -c -q 1 -t none -W 2 -F '%l' >got || true
    same "$(wc -l <got)" 1
}

# ---- Seal, open -------------------------------------------------------------------------------------

@test "mosquitto_sub -F '%t %x' | mqtt-e2e open reads what pub sent" {
    mosquitto_sub -h 127.0.0.1 -p "$PORT" -t '#' -F '%t %x' -C 2 3>&- | "$MQTT_E2E" open >opened 3>&- &
    PIDS+=($!)
    until_true has broker.log '# (QoS 0)'
    e2e pub -t iot/kitchen -m hello
    wait_for opened '"payload":"hello"' # at once
    contains "$(cat opened)" '"topic":"iot/kitchen"'
    e2e pub -t t -n
    wait_exit "${PIDS[-1]}"
}

@test "what seal prints, sub takes from mosquitto_pub" {
    start_sub s -t iot/kitchen -C 1
    "$MQTT_E2E" seal -t iot/kitchen -m hello >line
    send_raw "$(cut -d' ' -f1 line)" "$(cut -d' ' -f2 line)"
    wait_exit "$PID"
    same "$(cat s.out)" hello
}
