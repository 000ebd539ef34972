#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# `mqtt-e2e agent` and `mqtt-e2e run`: one commands the other.

load support

# start_agent NAME [OPTION...]: as agent-NAME, with a few programs.
start_agent() {
    local name=$1
    shift
    start "agent-$name" agent --name "$name" --command sh=/bin/sh --command cat=/bin/cat \
        --command args="$BATS_TEST_TMPDIR/args" "$@"
    wait_for "agent-$name.err" "agent $name listens on command/$name and command/all"
    AGENT=$PID
}

set_up() {
    start_broker
    printf '#!/bin/sh\nfor word; do printf "[%%s]" "$word"; done\n' >args
    chmod 755 args
}

on() { # DEVICE COMMAND [ARGUMENT...]: without input
    e2e run "$@" </dev/null
}

@test "built in: ping, status, help" {
    start_agent kitchen
    expect 0 on kitchen ping
    same "$output" 'kitchen: pong'
    same "$stderr" ''
    expect 0 on kitchen status
    [[ $output =~ ^kitchen:\ up\ [0-9]+:[0-9]{2}\ h,\ load\ .*,\ memory\ .*,\ disk\ .*,\ addresses\ .*,\ mqtt-e2e\ [0-9.]+$ ]]
    expect 0 on kitchen help
    same "$output" 'kitchen: ping, status, help, sh, cat, args'
}

@test "plain requests are answered too, by a text" {
    start_agent kitchen
    expect 0 e2e request -t command/kitchen -m ping
    same "$output" 'kitchen: pong'
    expect 0 e2e request -t command/all -m ping
    same "$output" 'kitchen: pong'
}

@test "a plain device is commanded as well" {
    start_responder command/lamp echo
    expect 0 on lamp led on
    same "$output" 'led on'
    expect 0 e2e run --json lamp led off </dev/null
    same "$output" '{"type":"answer","data":"led off","data_hex":"6c6564206f6666","device":"lamp"}'
}

@test "output and error output apart, and the exit code" {
    start_agent kitchen
    expect 7 on kitchen sh -c 'echo out; echo err >&2; exit 7'
    same "$output" out
    same "$stderr" err
    expect 255 on kitchen sh -c 'exit 255'
    same "$stderr" ''
    expect 137 on kitchen sh -c 'kill -9 $$'
    contains "$stderr" 'kitchen: was killed by signal 9'
    expect 0 on kitchen sh -c ':'
    same "$output$stderr" ''
}

@test "arguments reach the program as they are" {
    start_agent kitchen
    expect 0 on kitchen args one -h --all 'two words' '' $'line\nline' $'tab\there' '$HOME' ä '*'
    same "$output" $'[one][-h][--all][two words][][line\nline][tab\there][$HOME][ä][*]'
    expect 0 on kitchen args
    same "$output" ''
}

@test "no other program runs" {
    mkdir more
    printf '#!/bin/sh\necho ran\n' | tee more/yes more/.hidden more/open >more/no
    chmod 755 more/yes more/.hidden
    chmod 757 more/open
    chmod 644 more/no
    mkdir more/dir
    start_agent kitchen --commands "$PWD/more"
    expect 0 on kitchen help
    same "$output" 'kitchen: ping, status, help, sh, cat, args, yes'
    expect 0 on kitchen yes
    same "$output" ran
    local name
    for name in nothing /bin/sh ../args ./yes .hidden '' 'ping ' -c PATH=/bin/sh "$(printf 'x%.0s' {1..65})"; do
        status=0
        on kitchen "$name" 2>err || status=$?
        same "$status" 127
        contains "$(cat err)" 'was not run'
    done
    expect 126 on kitchen no
    contains "$stderr" 'not executable'
    expect 126 on kitchen open
    contains "$stderr" 'all users of that machine can write it'
    expect 126 on kitchen dir
    # What is put there later is a command then.
    cp more/yes more/later
    expect 0 on kitchen later
}

@test "input and output are binary, and of any length" {
    start_agent kitchen
    head -c 1000003 /dev/urandom >data
    timeout 60 "$MQTT_E2E" run -h 127.0.0.1 -p "$PORT" kitchen cat <data >back
    cmp data back
    printf '' | e2e run kitchen cat >back
    [ ! -s back ]
    same "$(printf 'a\0b\377' | e2e run kitchen cat | od -An -tx1)" ' 61 00 62 ff'
}

@test "input is passed on as it comes, and what is not read does no harm" {
    start_agent kitchen
    mkfifo pipe
    exec 5<>pipe
    start cat run kitchen cat <pipe
    echo one >&5
    wait_for cat.out one
    echo two >&5
    wait_for cat.out two
    exec 5>&-
    wait_exit "$PID"
    same "$status" 0
    head -c 3000000 /dev/zero | (expect 3 e2e run kitchen sh -c 'exit 3')
}

@test "10 MB of output arrive whole" {
    start_agent kitchen
    expect 0 e2e run kitchen sh -c 'seq 1400000' </dev/null
    same "$(sha256sum <<<"$output")" "$(seq 1400000 | sha256sum)"
}

@test "a reader that stops reading does not stop the connection, and one that goes ends the command" {
    start_agent kitchen
    start run run kitchen sh -c 'yes | head -c 30000000; echo done >&2' </dev/null
    (
        "$MQTT_E2E" run -h 127.0.0.1 -p "$PORT" kitchen sh -c 'yes | head -c 3000000' </dev/null |
            (sleep 2 && wc -c)
    ) >count
    same "$(cat count)" 3000000
    wait_exit "$PID"
    same "$status" 0
    e2e run kitchen sh -c 'yes' </dev/null | head -n 1 >first
    same "$(cat first)" y
    until_true has agent-kitchen.err 'how=stopped'
}

@test "Ctrl-C stops the command, and all that it started" {
    start_agent kitchen
    start run run kitchen sh -c 'sleep 1000 & echo $!; echo $$; wait' </dev/null
    until_true has_lines run.out 2
    kill -INT "$PID"
    wait_exit "$PID"
    same "$status" 130
    contains "$(cat run.err)" 'was stopped, by signal 2'
    local pid
    for pid in $(cat run.out); do
        until_true ended "$pid"
    done
}

# What was asked of an agent that does not get to it is stopped as well, once it does.
@test "Ctrl-C before any answer stops the command too" {
    start_agent kitchen
    local word rounds=0
    for word in 'was stopped, by signal 2' 'interrupted: no answer; the command may still run'; do
        rm -f pid
        suspend "$AGENT"
        start_spy spy
        start run run kitchen sh -c "echo \$\$ >$PWD/pid; exec sleep 300" </dev/null
        until_true has_lines spy.seen 1
        kill -INT "$PID"
        until_true has_lines spy.seen 2
        if [[ $word = was* ]]; then resume "$AGENT"; fi
        wait_exit "$PID"
        same "$status" 130
        contains "$(cat run.err)" "$word"
        resume "$AGENT"
        until_true has_times agent-kitchen.err 'how=stopped code=2' $((++rounds))
        same "$(grep -c ' asked .*command="sh"' agent-kitchen.err)" $rounds
        [ ! -s pid ] || until_true ended "$(cat pid)"
    done
}

# Nothing has gone out: nothing is to be waited for.
@test "Ctrl-C before there is a broker: the command was not sent" {
    start_sink
    start run run kitchen ping </dev/null
    until_true has sink.out connected
    kill -INT "$PID"
    wait_exit "$PID"
    same "$status" 130
    contains "$(cat run.err)" 'interrupted: the command was not sent'
}

start_sink() { # in $PORT: says nothing
    PORT=$(free_port)
    node -e 'require("net").createServer(() => console.log("connected"))
        .listen(+process.argv[1], "127.0.0.1", () => console.log("listening"))' "$PORT" >sink.out 3>&- &
    PIDS+=("$!")
    wait_for sink.out listening
}

@test "a command that ignores the signal is killed" {
    start_agent kitchen
    start run run kitchen sh -c 'trap "" TERM INT; echo $$; while :; do sleep 0.1; done' </dev/null
    until_true has_lines run.out 1
    kill -TERM "$PID"
    wait_exit "$PID"
    same "$status" 143
    until_true ended "$(cat run.out)"
}

@test "what a command leaves behind in its group is killed" {
    start_agent kitchen
    expect 4 on kitchen sh -c 'sleep 1000 & echo $!; exit 4'
    until_true ended "$output"
}

@test "limits: time, output, memory, number" {
    start_agent kitchen --time-limit 1 --output-limit 1 --memory-limit 64 --max-commands 1
    expect 124 on kitchen sh -c 'sleep 1000'
    contains "$stderr" 'time limit'
    e2e run kitchen sh -c 'yes' </dev/null >out 2>err || status=$?
    same "$status" 125
    same "$(wc -c <out)" 1048576
    contains "$(cat err)" 'output limit'
    status=0
    on kitchen sh -c 'x=$(head -c 100000000 /dev/zero | tr "\0" x); echo "${#x}"' >out 2>err || status=$?
    [ "$status" -ne 0 ]
    lacks "$(cat out)" 100000000
    start long run kitchen sh -c 'echo here; sleep 1' </dev/null
    until_true has_lines long.out 1
    expect 126 on kitchen sh -c ':'
    contains "$stderr" 'too many commands are running'
    expect 0 on kitchen ping
}

@test "run --timeout stops the command: 27" {
    start_agent kitchen
    expect 27 e2e run --timeout 1 kitchen sh -c 'echo $$; exec sleep 1000' </dev/null
    contains "$stderr" 'timed out after 1 s'
    until_true ended "$output"
}

@test "nobody there: 27, and why" {
    expect 27 e2e run -W 1 nobody ping </dev/null
    contains "$stderr" 'no answer from nobody within 1 s'
    start_agent kitchen
    expect 27 e2e run -W 1 -K other-key kitchen ping </dev/null
    lacks "$(cat agent-kitchen.err)" asked
}

@test "an agent that is killed and started again meanwhile: run says so" {
    start_agent kitchen
    start run run kitchen sh -c 'echo $$; sleep 1000' </dev/null
    until_true has_lines run.out 1
    local first=$PID
    kill -KILL "$AGENT"
    wait "$AGENT" || true
    until_true ended "$(cat run.out)" # the command does not outlive it
    start_agent kitchen
    wait_exit "$first"
    same "$status" 255
    contains "$(cat run.err)" 'the agent was started since'
    expect 0 on kitchen ping
}

@test "an agent that is ended says goodbye, and ends its commands" {
    start_agent kitchen
    start run run kitchen sh -c 'echo $$; sleep 1000' </dev/null
    until_true has_lines run.out 1
    local first=$PID
    kill -TERM "$AGENT"
    wait_exit "$AGENT"
    same "$status" 0
    wait_exit "$first"
    same "$status" 255
    contains "$(cat run.err)" 'the agent was ended'
    until_true ended "$(cat run.out)"
}

@test "the broker is restarted in the middle: all output arrives, once" {
    start_agent kitchen
    start run run kitchen sh -c 'for i in $(seq 300); do echo $i; sleep 0.02; done' </dev/null
    until_true has_lines run.out 20
    stop_broker
    until_true launch_broker
    wait_exit "$PID"
    same "$status" 0
    same "$(cat run.out)" "$(seq 300)"
}

@test "a broker that denies the agent's topic: 1, and which" {
    command -v node >/dev/null || skip 'no node'
    ODD=$(free_port)
    node "$SUPPORT_DIR/odd_broker.js" nosub "$ODD" "$PORT" >odd.out 2>&1 3>&- &
    PIDS+=("$!")
    wait_for odd.out ready
    PORT=$ODD
    expect 1 e2e agent --name kitchen
    contains "$stderr" 'does not let us subscribe to command/kitchen'
    expect 27 e2e run -W 1 kitchen ping </dev/null
    contains "$stderr" 'no answer from kitchen within 1 s'
}

@test "two brokers, one of which dies in the middle: all output arrives, once" {
    local first=$PORT first_broker=$BROKER
    mkdir second && cd second
    start_broker
    cd ..
    start agent agent --name kitchen --command sh=/bin/sh -h "127.0.0.1:$first,127.0.0.1:$PORT"
    wait_for agent.err 'listens on'
    start run run -h "127.0.0.1:$first,127.0.0.1:$PORT" kitchen sh -c 'for i in $(seq 300); do echo $i; sleep 0.01; done; exit 6' </dev/null
    until_true has_lines run.out 50
    kill -KILL "$first_broker"
    wait_exit "$PID"
    same "$status" 6
    same "$(cat run.out)" "$(seq 300)"
    # One of them was never there.
    start agent2 agent --name cellar -h "127.0.0.1:$first,127.0.0.1:$PORT"
    wait_for agent2.err 'listens on'
    expect 0 "$MQTT_E2E" run -h "127.0.0.1:$first,127.0.0.1:$PORT" cellar ping </dev/null
    same "$output" 'cellar: pong'
}

@test "a command that is sent again is not run again, nor after a restart" {
    start_agent kitchen
    start_spy spy
    expect 0 on kitchen sh -c 'echo x >>ran; pwd'
    until_true has_lines spy.seen 2
    local packet
    packet=$(head -n 1 spy.seen)
    send_raw "${packet% *}" "${packet#* }"
    expect 0 on kitchen ping
    kill -KILL "$AGENT"
    wait "$AGENT" || true
    start_agent kitchen
    send_raw "${packet% *}" "${packet#* }"
    expect 0 on kitchen ping
    same "$(wc -l <ran)" 1
    # With no state at all it is older than the start.
    kill "$AGENT"
    wait "$AGENT" || true
    start_agent kitchen --state none
    send_raw "${packet% *}" "${packet#* }"
    expect 0 on kitchen ping
    same "$(wc -l <ran)" 1
}

@test "--all: every device, lines behind their names, and a summary" {
    start_agent kitchen
    start_agent cellar
    start_responder command/all echo
    expect 0 e2e run --all ping </dev/null
    same "$(sort <<<"$output")" $'cellar: pong\nkitchen: pong\nping'
    contains "$stderr" '3 devices answered; 0 failed, 0 did not end'
    expect 1 e2e run --all sh -c 'cat; echo "I am $MQTT_E2E_AGENT_NAME"; [ $MQTT_E2E_AGENT_NAME = cellar ]' </dev/null
    same "$(grep 'I am' <<<"$output" | sort)" $'cellar: I am cellar\nkitchen: I am kitchen'
    contains "$stderr" 'kitchen: exit code 1'
    contains "$stderr" '2 devices answered; 1 failed, 0 did not end' # what comes back of that list is no answer
}

@test "devices: who answers, and who announces itself" {
    expect 27 e2e devices -W 1
    contains "$stderr" 'no device answered within 1 s'
    start_agent kitchen --heartbeat 0
    start_agent cellar --heartbeat 0.5
    expect 0 e2e devices -W 1
    same "${#lines[@]}" 2
    [[ ${lines[0]} =~ ^cellar\ +[0-9.]+\ ms\ +mqtt-e2e\ [0-9.]+$ ]]
    [[ ${lines[1]} =~ ^kitchen\ +[0-9.]+\ ms\ +mqtt-e2e\ [0-9.]+$ ]]
    expect 0 e2e devices -W 1 --json
    [[ ${lines[1]} =~ ^\{\"device\":\"kitchen\",\"stream\":\"[0-9a-f]{24}\",\"round_trip_ms\":[0-9.]+,\"version\":\"mqtt-e2e\ [0-9.]+\"\}$ ]]
    # One that announces itself and does not answer; one whose name and version would steer the terminal.
    e2e pub -t device/silent -m 'here 5 v1' -r # lasting: not an announcement
    (for _ in $(seq 20); do e2e pub -t device/lamp -m $'here 5 \e[2Jx' && sleep 0.1; done) 3>&- &
    PIDS+=($!)
    expect 0 e2e devices -W 1
    contains "$output" '\x1b[2Jx'
    lacks "$output" $'\e'
    lacks "$output" silent
}

@test "two agents of one name: the first that answers is listened to, and one is told so" {
    start_agent kitchen
    start other agent --name kitchen --state none --command sh=/bin/sh
    wait_for other.err 'listens on'
    expect 0 on kitchen sh -c 'for i in $(seq 2000); do echo $i; done; sleep 0.3; echo end'
    same "$output" "$(seq 2000)"$'\nend'
    contains "$stderr" 'another device named kitchen answers too'
}

@test "announcements: at the start, as a heartbeat, when all are asked, at the end" {
    start_sub sub -t 'device/#' -v
    start_agent kitchen --heartbeat 0
    wait_for sub.out 'device/kitchen here 0 mqtt-e2e '
    same "$(grep -c here sub.out)" 1
    expect 0 on kitchen ping
    same "$(grep -c here sub.out)" 1
    expect 0 e2e request -t command/all -m ping
    until_true has_times sub.out here 2
    kill "$AGENT"
    wait_exit "$AGENT"
    wait_for sub.out 'device/kitchen gone'
    start_agent cellar --heartbeat 0.5
    until_true has_times sub.out 'device/cellar here 1 mqtt-e2e ' 3
}

@test "who asks for more than he takes, and goes, holds no place for ever" {
    start_agent kitchen --max-commands 1 --time-limit 1
    expect 0 e2e request -t command/kitchen -m 'sh -c yes' -F %l
    expect 126 on kitchen sh -c ':'
    PATIENCE=90
    until_true has agent-kitchen.err 'how=time-limit'
    expect 0 on kitchen sh -c ':'
}

@test "a command that waits for who has gone is stopped; not one whose reader is slow, or that has no more to say" {
    if grep -q __asan_init "$MQTT_E2E"; then skip 'faketime and the address sanitizer do not go together'; fi
    cat >inside <<'END'
on_broker() { "$MQTT_E2E" "$1" -h 127.0.0.1 -p "$PORT" "${@:2}" </dev/null; }
"$MQTT_E2E" agent -h 127.0.0.1 -p "$PORT" --name kitchen --command sh=/bin/sh 2>agent.err &
agent=$!
until grep -q 'listens on' agent.err; do sleep 1; done
on_broker request -t command/kitchen -m 'sh -c yes' -F %l
on_broker request -t command/kitchen -m 'sh quiet' -F %l
on_broker run kitchen sh -c 'yes | head -c 3000000' | (sleep 240 && wc -c >count)
kill $agent
wait $agent
END
    cat >quiet <<'END'
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36; do echo; sleep 0.02; done
sleep 7 # on the right clock: 210 s of the agent's
END
    export PORT MQTT_E2E
    timeout 60 faketime -f '+0 x30' bash inside 3>&-
    same "$(cat count)" 3000000
    has_times agent.err ' ended ' 3
    has agent.err 'how=stopped code=15 seconds=12'
    has agent.err 'how=exited code=0 seconds=2'
}

@test "--json: one object for each part" {
    start_agent kitchen
    expect 3 e2e run --json kitchen sh -c 'echo ö; exec >&-; sleep 0.3; printf "\377" >&2; exit 3' </dev/null
    same "${#lines[@]}" 3
    same "${lines[0]}" '{"type":"output","data":"ö\n","data_hex":"c3b60a","device":"kitchen"}'
    same "${lines[1]}" '{"type":"error","data_hex":"ff","device":"kitchen"}'
    same "${lines[2]}" '{"type":"end","how":"exited","code":3,"device":"kitchen"}'
}

@test "the audit log: who, what, how; arguments only if asked for" {
    start_agent kitchen --audit audit
    expect 5 on kitchen sh -c 'exit 5' secret
    expect 127 on kitchen $'no\e[2Jpe"'
    same "$(stat -c %a audit)" 600
    grep -qE '^[0-9-]+T[0-9:]+Z asked key=[0-9a-f]{16} stream=[0-9a-f]{24} packet=0 command="sh"$' audit
    grep -qE ' ended .* command="sh" how=exited code=5 seconds=[0-9.]+ in=0 out=0 err=0$' audit
    grep -qF 'command="no\x1b[2Jpe\"" how=not-run code=127' audit
    lacks "$(cat audit)" secret
    start_agent cellar --audit audit-2 --audit-args
    expect 5 on cellar sh -c 'exit 5' $'a\nb'
    grep -qF 'command="sh" "-c" "exit 5" "a\x0ab"' audit-2
}

@test "a command has a short environment, no descriptor of the agent's, and a session of its own" {
    SECRET=x start_agent kitchen
    expect 0 on kitchen sh -c 'env | sort | cut -d= -f1 | tr "\n" " "'
    lacks "$output" SECRET
    lacks "$output" KEY_FILE
    contains "$output" 'MQTT_E2E_AGENT_COMMAND MQTT_E2E_AGENT_NAME MQTT_E2E_AGENT_PACKET MQTT_E2E_AGENT_STREAM'
    expect 0 on kitchen sh -c 'exec ls /proc/self/fd' # the last is that of the directory, while it is read
    same "$(xargs <<<"$output")" '0 1 2 3'
    expect 0 on kitchen sh -c 'cut -d" " -f5,6 /proc/$$/stat | tr " " "\n" | sort -u | wc -l; umask'
    same "$output" $'1\n0077'
}

@test "--user: root's rights are gone" {
    [ "$(id -u)" = 0 ] || skip 'not root'
    chmod 755 . "$BATS_TEST_TMPDIR"
    start_agent kitchen --user nobody --state none --audit audit
    expect 0 on kitchen sh -c 'id -un; id -G; grep CapEff /proc/self/status | tr -d "\t"'
    same "$output" "nobody"$'\n'"$(id -G nobody)"$'\nCapEff:0000000000000000'
    expect 1 e2e agent --user nobody-here
    contains "$stderr" 'no such user'
}

@test "control characters of a device are made visible on a terminal" {
    command -v script >/dev/null || skip 'no script(1)'
    start_agent kitchen
    script -qec "'$MQTT_E2E' run -h 127.0.0.1 -p $PORT kitchen sh -c 'printf \"a\\\\033[2Jb\"; printf \"\\\\033]0;x\\\\007\" >&2'" \
        /dev/null </dev/null >seen
    contains "$(cat seen)" 'a\x1b[2Jb'
    contains "$(cat seen)" '\x1b]0;x\x07'
    lacks "$(cat seen)" $'\e'
    # A character that comes in two parts is one; half of one is none.
    printf '#!/bin/sh\nprintf "<\\303"; sleep 0.3; printf "\\244>"; sleep 0.3; printf "<\\342\\202"; sleep 0.3; printf ">\\342"\n' >args
    script -qec "'$MQTT_E2E' run -h 127.0.0.1 -p $PORT kitchen args" /dev/null </dev/null >seen
    same "$(cat seen)" '<ä><\xe2\x82>\xe2'
}

@test "wrong options" {
    expect 2 e2e run
    contains "$stderr" 'no device and no command'
    expect 2 e2e run kitchen
    contains "$stderr" 'no command'
    expect 2 e2e run --all
    expect 2 e2e run 'a+b' ping
    expect 2 e2e run all ping
    contains "$stderr" '--all'
    expect 2 e2e agent --name a/b
    expect 2 e2e agent --name all
    expect 2 e2e agent --name x --command ping=/bin/ls
    contains "$stderr" 'built in'
    expect 2 e2e agent --name x --command ls
    expect 2 e2e agent --name x --command ls=ls
    expect 2 e2e agent --name x --command a/b=/bin/ls
    expect 1 e2e agent --name x --command ls=/nowhere/ls
    contains "$stderr" "cannot run '/nowhere/ls'"
    expect 1 e2e agent --name x --commands /nowhere
    expect 2 e2e agent --name x ping
}

@test "--service: a unit that systemd takes, and finds confined" {
    expect 0 e2e agent --name kitchen --command 'a=/bin/echo' --commands '/bin' --service
    contains "$output" 'Type=notify'
    contains "$output" '"--name" "kitchen"'
    contains "$output" "LoadCredential=key:$PWD/key"
    lacks "$output" '--service'
    local unit=$output option
    for option in "-K key" -Kkey "--secret key --user nobody" "--secret=key --user=nobody"; do
        # shellcheck disable=SC2086 # several words
        expect 0 e2e agent --name a%b $option --service
        same "$(grep -c -e '-K' -e '--secret' -e '--user' <<<"$output" || true)" 0
        contains "$output" '"--name" "a%%b"'
    done
    contains "$output" 'User=nobody'
    expect 2 e2e agent -K - --service <key
    output=$unit
    command -v systemd-analyze >/dev/null || skip 'no systemd-analyze'
    echo "$output" >mqtt-e2e-agent.service
    systemd-analyze verify --man=no ./mqtt-e2e-agent.service 2>verify.err
    same "$(grep mqtt-e2e-agent verify.err || true)" ''
    systemd-analyze security --offline=true --threshold=30 ./mqtt-e2e-agent.service >security.out
}

@test "systemd is told: ready, alive, stopping" {
    command -v node >/dev/null && command -v socat >/dev/null || skip 'no socat'
    socat -u "UNIX-RECVFROM:$PWD/notify,fork" - >notified 2>/dev/null 3>&- &
    PIDS+=($!)
    until_true test -S notify
    NOTIFY_SOCKET=$PWD/notify WATCHDOG_USEC=400000 start_agent kitchen
    wait_for notified READY=1
    sleep 1
    [ "$(grep -o WATCHDOG=1 notified | wc -l)" -ge 3 ]
    kill "$AGENT"
    wait_exit "$AGENT"
    wait_for notified STOPPING=1
}
