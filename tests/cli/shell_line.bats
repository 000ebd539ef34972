#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# `mqtt-e2e shell` in a terminal: the line that is typed, while other things happen, and the terminal itself.

# shellcheck disable=SC2016,SC2154 # what the device's shell is to expand; `run` and the like set variables

load support
load shell

# ---- Output above the line --------------------------------------------------------------------------

@test "an answer appears above the line that is typed, which stays as it is, the cursor too" {
    start_agent kitchen
    open_greeted
    enter "@kitchen later heard"
    wait_row 'mqtt-e2e>'
    type_ 'hello wörld € 日本 text'
    wait_row 'mqtt-e2e> hello wörld € 日本 text'
    keys Left Left Left Left Left
    wait_cursor 28,3
    touch go
    wait_shown $'\nheard\n'
    wait_shown 'ended after'
    wait_row 'mqtt-e2e> hello wörld € 日本 text'
    wait_cursor 28,5
    type_ 'X'
    wait_row 'mqtt-e2e> hello wörld € 日本X text'
    keys C-a
    type_ '@kitchen words '
    keys Enter
    wait_shown '[hello][wörld][€][日本X][text]'
    # Nothing is left of the line where it stood before.
    same "$(unwrapped | grep -c "> .*hello wörld")" 1
    leave
}

# at LENGTH LEFT: a line so long, the cursor so far from its end, in 30 columns.
at() {
    local text=abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz i
    text=${text:0:$1}
    rm -f go
    enter '@kitchen later one two three'
    wait_row 'mqtt-e2e>'
    type_ "$text"
    wait_shown "> $text"
    for ((i = 0; i < $2; i++)); do keys Left; done
    wait_cursor_column $(((10 + $1 - $2) % 30))
    : >go
    wait_shown 'ended after'
    wait_shown $'\n'"mqtt-e2e> $text"
    wait_cursor_column $(((10 + $1 - $2) % 30))
    type_ '!'
    wait_shown $'\n'"mqtt-e2e> ${text:0:$1-$2}!${text:$1-$2}"
    same "$(unwrapped)" "$(printf '%s\n' '$ mqtt-e2e shell' "$(unwrapped | sed -n 2p)" 'mqtt-e2e> @kitchen later one two three' \
        one two three "$(unwrapped | sed -n 7p)" "mqtt-e2e> ${text:0:$1-$2}!${text:$1-$2}")"
    keys C-c
    wait_shown "^C"
    wait_row 'mqtt-e2e>'
    leave
}

@test "the same where the line wraps over several rows of a narrow terminal" {
    start_agent kitchen
    local end
    for end in '62 30' '70 0' '50 0' '50 30' '20 0' '80 55'; do
        echo "at $end"
        open_greeted 30 16
        # shellcheck disable=SC2086
        at $end
        close_terminal
    done
}

@test "and where wide characters do not fit at the end of a row" {
    start_agent kitchen
    open_greeted 31 16
    local text i
    for i in {1..41}; do text+=日; done
    enter '@kitchen later one two three'
    wait_row 'mqtt-e2e>'
    type_ "$text"
    wait_row "${text:40}"
    local before
    before=$(cursor)
    : >go
    wait_shown 'ended after'
    wait_row "${text:40}"
    same "$(cursor | cut -d, -f1)" "${before%,*}"
    same "$(screen | grep -c '> 日')" 1
    contains "$(unwrapped)" $'later one two three\none\ntwo\nthree\n'
    keys C-c
    leave
}

# The line on the screen, without blanks: those at the end of a row are not written.
line_on_screen() {
    screen | tr -d ' \n' | sed 's/.*mqtt-e2e>//'
}

line_on_screen_is() { # TEXT
    [ "$(line_on_screen)" = "$1" ]
}

@test "a line of several rows is shown right however it is edited" {
    open_greeted 25 10
    RANDOM=1
    local round i text typed letters=abbc at
    for round in {1..8}; do
        text='' typed=''
        for ((i = 0; i < 30 + round * 5; i++)); do text+=${letters:RANDOM%4:1}; done
        for ((i = 0; i < 6; i++)); do typed+=${letters:RANDOM%4:1}; done
        type_ "$text"
        until_true line_on_screen_is "$text"
        at=$((RANDOM % 20))
        keys C-a
        for ((i = 0; i < at; i++)); do keys Right; done
        for ((i = 0; i < 6; i++)); do # one by one: each is drawn
            type_ "${typed:i:1}"
            until_true line_on_screen_is "${text:0:at}${typed:0:i+1}${text:at}" || { show_terminal && return 1; }
        done
        for i in 1 2 3; do keys BSpace; done
        until_true line_on_screen_is "${text:0:at}${typed:0:3}${text:at}" || { show_terminal && return 1; }
        keys C-k
        until_true line_on_screen_is "${text:0:at}${typed:0:3}"
        keys C-u
        wait_row 'mqtt-e2e>'
        keys C-l
    done
    leave
}

@test "many lines at once while one is typed: all of them, in order" {
    start_agent kitchen
    open_greeted
    enter "@kitchen sh -c 'sleep 0.2; seq -f line%.0f 3000'"
    wait_row 'mqtt-e2e>'
    local i
    for i in {1..19}; do type_ "w$i "; done
    wait_shown 'ended after'
    wait_row "mqtt-e2e> $(printf 'w%s ' {1..19} | sed 's/ $//')"
    same "$(screen history | grep '^line')" "$(seq -f line%.0f 3000)"
    keys C-c
    leave
}

# ---- The terminal -----------------------------------------------------------------------------------

@test "a terminal that gets narrower or wider while a line is typed" {
    start_agent kitchen
    open_greeted 60 16
    local text=one-two-three-four-five-six-seven-eight-nine-ten # no blanks: libedit does not write those at the end of a row
    type_ "$text"
    wait_shown "mqtt-e2e> $text"
    resize 25 16
    wait_shown $'\n'"mqtt-e2e> $text"
    type_ -eleven
    wait_shown $'\n'"mqtt-e2e> $text-eleven"
    keys C-a
    type_ zero
    wait_shown $'\n'"mqtt-e2e> zero$text-eleven"
    same "$(unwrapped | grep -c one-two-three)" 1
    resize 100 16
    keys C-e
    type_ -twelve
    wait_row "mqtt-e2e> zero$text-eleven-twelve"
    contains "$(unwrapped)" "Ctrl-D ends."
    keys C-c
    enter '@kitchen words a'
    wait_shown $'\n[a]\n'
    leave
}

@test "Ctrl-Z and fg: the line is there again" {
    start_agent kitchen
    printf 'PS1="job$ "\nunset PROMPT_COMMAND HISTFILE\n' >rc
    open_terminal 80 24 bash --noprofile --rcfile rc -i
    wait_row 'job$'
    enter "'$MQTT_E2E' shell -h 127.0.0.1 -p $PORT"
    wait_shown 'Ctrl-D ends.'
    type_ '@kitchen words ä'
    wait_row 'mqtt-e2e> @kitchen words ä'
    keys C-z
    wait_row 'job$'
    enter 'stty -a >while'
    wait_row 'job$'
    enter fg
    wait_row 'mqtt-e2e> @kitchen words ä'
    type_ b
    keys Enter
    wait_shown $'\n[äb]\n'
    keys C-d
    wait_row 'job$'
    until_true grep -q ' icanon' while
    enter 'exit 3'
    wait_terminal_ends
    same "$status" 3
    cmp stty.before stty.after
}

@test "signals: the terminal is as it was, and the exit code says which" {
    start_agent kitchen
    local signal
    for signal in TERM:143 HUP:129; do
        open_greeted
        type_ 'half a line'
        wait_row 'mqtt-e2e> half a line'
        kill -s "${signal%:*}" "$SHELL_PID"
        wait_terminal_ends
        same "$status" "${signal#*:}"
        cmp stty.before stty.after
        close_terminal
    done
}

@test "signals while a command runs there: it goes on, and that is said, at once" {
    start_agent kitchen
    open_greeted
    enter "@kitchen sh -c 'echo on; exec sleep 60'"
    wait_shown $'\non\n'
    local from=$EPOCHREALTIME
    kill "$SHELL_PID"
    wait_terminal_ends
    same "$status" 143
    contains "$(unwrapped)" "kitchen: 'sh -c echo on; exec sleep 60' goes on there"
    [ $((${EPOCHREALTIME/./} - ${from/./})) -lt 1500000 ]
    cmp stty.before stty.after
}

@test "a terminal that can do nothing: no escape sequences, but commands" {
    start_agent kitchen
    local term
    for term in TERM=dumb -uTERM; do
        open_terminal 80 24 env "$term" "$MQTT_E2E" shell -h 127.0.0.1 -p "$PORT"
        wait_shown 'Ctrl-D ends.'
        wait_row 'mqtt-e2e>'
        enter '@kitchen words ä b'
        wait_shown $'\n[ä][b]\n'
        leave
        lacks "$(<terminal.raw)" $'\e'
        close_terminal
    done
}

@test "a terminal that is closed ends the shell" {
    start_agent kitchen
    open_greeted
    type_ 'half a line'
    wait_row 'mqtt-e2e> half a line'
    close_terminal
    until_true ended "$SHELL_PID"
    open_greeted
    enter "@kitchen sh -c 'yes | head -c 30000000'"
    wait_shown $'\ny\n'
    close_terminal
    until_true ended "$SHELL_PID"
}
