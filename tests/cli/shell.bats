#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# `mqtt-e2e shell` in a terminal: commands, their answers and what is said where there is none.

# shellcheck disable=SC2016,SC2154 # what the device's shell is to expand; `run` and the like set variables

load support
load shell

# No byte of what the terminal got is a control of others: escape sequences are ours (styles, libedit's), C1 none.
wrote_only_harmless() {
    local rest
    # What libedit and cli_paint write: ESC [ digits, and one of these letters.
    rest=$(LC_ALL=C sed -E 's/\x1b\[[0-9;]*[@ABCDGHJKPm]//g' terminal.raw)
    lacks "$rest" $'\e'
    # C1: neither as a byte alone, which is no UTF-8, nor as a character.
    iconv -f UTF-8 -t UTF-8 terminal.raw >/dev/null
    same "$(LC_ALL=C grep -caP '\xc2[\x80-\x9f]' terminal.raw)" 0
}

# ---- Answers ----------------------------------------------------------------------------------------

@test "Ctrl-C: takes a line back, stops what runs, does no harm where nothing does" {
    start_agent kitchen
    open_greeted
    type_ 'not to be run'
    keys C-c
    wait_shown 'mqtt-e2e> not to be run^C'
    wait_row 'mqtt-e2e>'
    keys C-c
    wait_shown 'nothing runs; Ctrl-D ends the shell'
    enter "@kitchen sh -c 'echo \$\$ >pid; exec sleep 300'"
    until_true test -s pid
    enter running
    wait_shown 'kitchen: sh -c echo $$ >pid; exec sleep 300, for'
    type_ half
    keys C-c
    wait_shown 'mqtt-e2e> half^C'
    runs "$(cat pid)"
    keys C-c
    wait_shown 'was stopped, by signal 2'
    until_true ended "$(cat pid)"
    enter running
    wait_shown $'\nnothing runs\n'
    leave
}

@test "the end of the shell: a command that runs goes on, one that was stopped is waited for" {
    start_agent kitchen
    open_greeted
    enter "@kitchen sh -c 'echo \$\$ >pid; exec sleep 300'"
    until_true test -s pid
    wait_row 'mqtt-e2e>'
    keys C-d
    wait_terminal_ends
    same "$status" 0
    contains "$(unwrapped)" "kitchen: 'sh -c echo \$\$ >pid; exec sleep 300' goes on there"
    runs "$(cat pid)"
    kill "$(cat pid)"
    close_terminal
    open_greeted
    enter "@kitchen sh -c 'trap \"\" INT; echo \$\$ >pid2; sleep 300; true'"
    until_true test -s pid2
    keys C-c
    keys C-d
    wait_terminal_ends
    contains "$(unwrapped)" 'was stopped, by signal'
    ended "$(cat pid2)"
}

@test "@all: answers by name, and who does not answer" {
    start_agent cellar
    start_agent kitchen
    local kitchen=$AGENT
    open_greeted 80 24 -W 2
    contains "$(unwrapped)" '2 devices: cellar, kitchen.'
    enter '@all words one'
    wait_shown $'\ncellar: [one]\n'
    wait_shown $'\nkitchen: [one]\n'
    suspend "$kitchen"
    enter '@all words two'
    wait_shown $'\ncellar: [two]\n'
    wait_shown "no answer from kitchen to 'words two' within 2 s"
    same "$(unwrapped | grep -c 'no answer from')" 1
    leave
}

@test "devices: who is there, who has gone, and who is silent" {
    start_agent cellar
    local cellar=$AGENT
    start_agent kitchen
    start_responder command/lamp echo
    open_greeted 80 24 -W 2
    enter '@lamp led on'
    wait_shown $'\nled on   '
    enter devices
    wait_shown $'\nmqtt-e2e> devices\ncellar'
    wait_shown $'\nkitchen '
    unwrapped | lists cellar
    unwrapped | lists kitchen
    kill "$cellar"
    wait_exit "$cellar"
    enter '@cellar ping'
    wait_shown "no answer from cellar to 'ping' within 2 s"
    wait_shown 'cellar said goodbye '
    enter devices
    wait_shown $' gone '
    leave
}

@test "two agents of one name: one is listened to, and that is said" {
    start_agent kitchen
    mv agent-kitchen.err first.err
    start_agent kitchen
    open_greeted
    contains "$(unwrapped)" '2 devices: kitchen, kitchen.'
    enter '@kitchen later one'
    wait_shown 'another device named kitchen answers too; only the first one is listened to'
    : >go
    wait_shown 'ended after'
    same "$(unwrapped | grep -c '^one$')" 1
    leave
}

@test "10 MB of output arrive whole and in order" {
    start_agent kitchen
    open_greeted
    enter "@kitchen sh -c 'seq 1400000'"
    PATIENCE=100 wait_shown 'ended after'
    same "$(tr -d '\r' <terminal.raw | sed 's/.*\x1b\[J//' | grep -E '^[0-9]+$' | sha256sum)" "$(seq 1400000 | sha256sum)"
    leave
}

@test "a line that is longer than a part: no character is cut" {
    start_agent kitchen
    open_greeted
    enter "@kitchen sh -c 'for i in \$(seq 10); do printf a; printf %01000d 0 | sed s/0/日本/g; done'"
    wait_shown 'ended after'
    same "$(tr -d '\r\n' <terminal.raw | grep -o '[日本]' | wc -l)" 20002
    lacks "$(<terminal.raw)" '\x'
    leave
}

# ---- No answer --------------------------------------------------------------------------------------

@test "no answer: whether the device was heard, and when" {
    start_agent kitchen --heartbeat 60
    open_greeted 80 24 -W 0.5
    suspend "$AGENT"
    enter '@kitchen words late'
    wait_shown "no answer from kitchen to 'words late' within 500 ms"
    [[ "$(unwrapped)" =~ 'kitchen was heard '[0-9.]+' '(ms|s)' ago; it says that it is there every 60 s' ]]
    enter '@nobody ping'
    wait_shown "no answer from nobody to 'ping' within 500 ms"
    wait_shown 'nobody was not heard since this shell was started'
    # A late answer is still welcome.
    resume "$AGENT"
    wait_shown '[late]'
    leave
}

@test "a device whose clock is behind: by how much, and whose" {
    start_agent kitchen --clock-offset -400000 --heartbeat 0.3 # refuses our commands
    start_agent cellar --clock-offset -400000 --clock-lead 1000 --heartbeat 0
    open_greeted 200 24 -W 1
    enter '@kitchen ping'
    wait_shown "no answer from kitchen to 'ping' within 1 s"
    wait_shown 'what kitchen says of itself is refused: stale: it was sealed 400.'
    enter '@cellar ping'
    wait_shown "no answer from cellar to 'ping' within 1 s"
    wait_shown 'an answer came, and was refused: stale: it was sealed 400.'
}

@test "an answer that is altered is refused, and that is said" {
    start_agent kitchen
    open_greeted 80 24 -W 1
    echo 'ffeeddccbbaa99887766554433221100' >other
    chmod 600 other
    start_agent cellar -K other
    enter '@cellar ping'
    wait_shown "no answer from cellar to 'ping' within 1 s"
    wait_shown 'cellar was not heard since this shell was started: does an agent of that name run, with the same key?'
    leave
}

# ---- The broker -------------------------------------------------------------------------------------

@test "the broker goes and comes back while a line is typed; what is given meanwhile is not sent late" {
    start_agent kitchen --command touch=/usr/bin/touch
    open_greeted 80 24 -W 1
    type_ '@kitchen words one'
    wait_row 'mqtt-e2e> @kitchen words one'
    keys Left
    stop_broker
    wait_shown "lost the connection to 127.0.0.1:$PORT"
    wait_row 'mqtt-e2e> @kitchen words one'
    type_ X
    wait_row 'mqtt-e2e> @kitchen words onXe'
    keys C-a C-k
    enter "@kitchen touch $PWD/late"
    wait_shown 'no broker is connected: it goes out if one is in time'
    wait_shown 'no broker was connected: it was not sent, and will not be'
    enter "@kitchen touch $PWD/late"
    keys C-c
    wait_shown 'was not sent, and will not be'
    type_ '@kitchen words two'
    wait_row 'mqtt-e2e> @kitchen words two'
    launch_broker
    wait_shown "connected to 127.0.0.1:$PORT again"
    wait_row 'mqtt-e2e> @kitchen words two'
    until_true has_times agent-kitchen.err 'connected to' 1
    until_true answers
    [ ! -e late ]
    leave
}

answers() { # the line, which the agent may not yet hear
    keys C-a C-k
    enter '@kitchen words two'
    local i
    for i in {1..20}; do
        if shows $'\n[two]\n'; then return 0; fi
        sleep 0.05
    done
    return 1
}

# ---- What others say --------------------------------------------------------------------------------

@test "escape sequences and C1 controls of a device reach no terminal" {
    # C0, C1 as characters and as bytes, a title, what turns the direction of writing, no UTF-8.
    printf 'a\033]0;title\007b\033c\302\233d\233e\342\200\256f\377g\rh\010i' >evil.text
    local visible='a\x1b]0;title\x07b\x1bc\xc2\x9bd\x9be\xe2\x80\xaef\xffg\x0dh\x08i'
    start_agent kitchen
    open_greeted
    enter "@kitchen sh -c 'cat $PWD/evil.text; echo; cat $PWD/evil.text >&2'"
    wait_shown 'ended after'
    same "$(unwrapped | grep -cF "$visible")" 2
    # An answer as one text, also to the question for its commands; and words for its end: how 2, code 126.
    cp evil.text answer
    start_responder command/evil @answer
    type_ '@evil pi'
    keys Tab
    type_ ng
    keys Enter
    until_true shows_times "$visible" 3
    (printf '\3\0\0\0\0\2\0\0\0\176' && cat evil.text) >answer
    enter '@evil ping'
    wait_shown 'was not run, code 126: a?]0;title?b?c?'
    # Names and versions in announcements: by `devices`, and by Tab.
    e2e pub -t "device/$(printf 'x\302\233name')" -m "$(printf 'here 60 v\033[31m\302\2331')"
    e2e pub -t device/xylophone -m 'here 60 1'
    enter devices
    wait_shown 'x\xc2\x9bname'
    wait_shown 'v\x1b[31m\xc2\x9b1'
    type_ '@x'
    keys Tab
    wait_row 'mqtt-e2e> @xylophone'
    keys C-c
    leave
    wrote_only_harmless
}

shows_times() { # TEXT COUNT: on so many lines
    [ "$(unwrapped | grep -cF -- "$1")" -eq "$2" ]
}
