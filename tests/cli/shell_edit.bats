#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# `mqtt-e2e shell` in a terminal: history, completion, and how lines are read.

# shellcheck disable=SC2016,SC2154 # what the device's shell is to expand; `run` and the like set variables

load support
load shell

history() { # of a new shell, most recent line first: by the arrow key
    local line before=
    open_greeted
    while :; do
        keys Up
        type_ '~' # always something to wait for
        wait_line_ends '~'
        line=$(last_row)
        keys BSpace
        [ "$line" != "$before" ] || break
        before=$line
        line=${line#mqtt-e2e> }
        echo "${line%?}"
    done
    keys C-c
    leave >&2
    close_terminal
}

line_ends() { # TEXT
    [[ "$(last_row)" == *"$1" ]]
}

wait_line_ends() { # TEXT
    until_true line_ends "$1" || { show_terminal >&2 && return 1; }
}

# ---- History ----------------------------------------------------------------------------------------

@test "lines are remembered, also by the next run; not those that start with a blank" {
    start_agent kitchen
    open_greeted
    enter '@kitchen words one'
    wait_shown '[one]'
    enter ' @kitchen words secret'
    wait_shown '[secret]'
    enter '@kitchen words "ä  €"'
    wait_shown '[ä  €]'
    keys Up
    wait_row 'mqtt-e2e> @kitchen words "ä  €"'
    keys Up
    wait_row 'mqtt-e2e> @kitchen words one'
    keys Enter
    until_true has_times terminal.raw '[one]' 2
    leave
    close_terminal
    same "$(stat -c %a .local/state/mqtt-e2e/history)" 600
    [ -z "$(grep -r secret .local)" ]
    same "$(history)" $'@kitchen words one\n@kitchen words "ä  €"\n@kitchen words one'
    open_greeted
    keys C-r
    type_ '€'
    wait_shown 'words "ä  €"'
    keys Enter
    wait_shown $'\n[ä  €]\n'
    keys C-r
    type_ one
    wait_shown 'bck:one'
    keys C-c
    wait_row 'mqtt-e2e>'
    enter '@kitchen words after'
    wait_shown $'\n[after]\n'
    leave
}

@test "--history: none, and another file" {
    open_shell 80 24 --history none
    enter help
    wait_shown 'Ctrl-R looks'
    keys Up
    wait_row 'mqtt-e2e> help'
    keys C-c
    leave
    close_terminal
    [ ! -e .local ]
    open_shell 80 24 --history kept
    enter help
    wait_shown 'Ctrl-R looks'
    leave
    same "$(tail -n 1 kept)" help
    same "$(stat -c %a kept)" 600
    same "$(ls kept*)" kept
    [ ! -e .local ]
}

@test "a history that can't be kept is told of once, and the shell goes on" {
    start_agent kitchen
    open_shell 80 24 --history nowhere/history
    enter '@kitchen words one'
    wait_shown '[one]'
    enter '@kitchen words two'
    wait_shown '[two]'
    same "$(unwrapped | grep -c "cannot keep the history in 'nowhere/history': No such file or directory")" 1
    leave
}

@test "another program's file is not made a history" {
    printf 'what is\nmine\n' >mine
    cp mine before
    open_shell 80 24 --history mine
    wait_shown "'mine' is no history of this shell"
    enter help
    wait_shown 'Ctrl-R looks'
    leave
    cmp mine before
}

@test "two shells at a time: the lines of both are kept" {
    start_agent kitchen
    open_greeted

    enter '@kitchen words one'
    wait_shown '[one]'
    mv terminal.socket first.socket
    open_greeted
    enter '@kitchen words two'
    wait_shown '[two]'
    leave
    close_terminal
    mv first.socket terminal.socket
    enter '@kitchen words three'
    wait_shown '[three]'
    keys C-d
    wait_terminal_ends
    close_terminal
    same "$(history)" $'@kitchen words three\n@kitchen words two\n@kitchen words one'
}

# ---- Completion -------------------------------------------------------------------------------------

@test "Tab completes names of devices, their commands, and the shell's own" {
    start_agent kitchen
    start_agent kitten
    start_agent cellar --command sight=/bin/true
    open_greeted
    contains "$(screen)" '3 devices: cellar, kitchen, kitten.'
    type_ '@ce'
    keys Tab
    wait_row 'mqtt-e2e> @cellar'
    type_ 'si'
    keys Tab
    wait_row 'mqtt-e2e> @cellar sight'
    type_ 'x'
    wait_row 'mqtt-e2e> @cellar sight x'
    keys C-c
    # Of several, what they have in common; then which ones.
    type_ '@ki'
    keys Tab
    wait_row 'mqtt-e2e> @kit'
    keys Tab
    wait_shown $'\nkitchen  kitten\n'
    wait_row 'mqtt-e2e> @kit'
    type_ 't'
    keys Tab
    wait_row 'mqtt-e2e> @kitten'
    keys C-c
    type_ 'us'
    keys Tab
    type_ 'cel'
    keys Tab
    wait_row 'mqtt-e2e> use cellar'
    keys Enter
    wait_row 'cellar>'
    type_ 'sig'
    keys Tab
    wait_row 'cellar> sight'
    keys C-c
    wait_row 'cellar>'
    enter use
    wait_row 'mqtt-e2e>'
    type_ '@nobody pi'
    keys Tab
    type_ 'x'
    wait_row 'mqtt-e2e> @nobody pix'
    keys C-c
    leave
}

@test "a device that came later is completed, its commands too" {
    open_greeted
    enter 'use kitchen'
    wait_row 'kitchen>'
    type_ 'wo'
    keys Tab
    type_ '-'
    wait_row 'kitchen> wo-'
    keys BSpace
    start_agent kitchen
    until_true tab_completes 'kitchen> words'
    keys C-c
    wait_row 'kitchen>'
    type_ '@kit'
    keys Tab
    wait_row 'kitchen> @kitchen'
    keys C-c
    leave
}

tab_completes() { # TO
    keys Tab
    sleep 0.2
    row_is "$1"
}

# ---- Lines ------------------------------------------------------------------------------------------

@test "words with blanks, quotation marks, and what is no command" {
    start_agent kitchen
    open_greeted
    enter "@kitchen words 'two words' \"it's\" a\\ b '' ä#"
    wait_shown "[two words][it's][a b][][ä#]"
    enter '@kitchen words "not closed'
    wait_shown 'a quotation mark that is not closed'
    enter '@kitchen words end\'
    wait_shown 'a backslash at the end of the line'
    enter '# nothing'
    enter '@kitchen'
    wait_shown "no command for kitchen"
    enter 'words one'
    wait_shown "which device is 'words' for?"
    enter '@a/b ping'
    wait_shown "'a/b' can't be a device's name"
    enter 'use all'
    wait_shown "'@all COMMAND' asks all"
    enter running
    wait_shown 'nothing runs'
    enter quit
    wait_terminal_ends
    same "$status" 0
}

@test "many lines at once, as pasted: each is obeyed" {
    start_agent kitchen
    open_greeted
    enter 'use kitchen'
    wait_row 'kitchen>'
    type_ "$(printf 'words %d\r' {1..60})"
    wait_shown '[60]'
    until_true has_times agent-kitchen.err 'how=exited code=0 seconds' 60
    until_true answered 60
    leave
    same "$(grep -c 'command="words"' agent-kitchen.err)" 120
}

answered() { # COUNT: from 1 on
    same "$(unwrapped | sed -nE 's/^(kitchen: )?\[([0-9]+)\]$/\2/p' | sort -n)" "$(seq "$1")" >/dev/null
}

@test "a long line" {
    start_agent kitchen
    open_greeted
    enter 'use kitchen'
    local text
    text=$(printf 'x%.0s' {1..3000})
    type_ "words $text"
    keys Enter
    wait_shown "[$text]"
    leave
}
