# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A terminal for tests: tmux holds the pseudo-terminal, types into it and knows what its screen shows. Its server is the
# test's own, on a socket in the test's folder; close_terminal, in the test's `tear_down`, ends it.

tmux_() {
    command tmux -u -S terminal.socket -f terminal.conf "$@" 3>&- 5>&-
}

# open_terminal COLUMNS ROWS COMMAND...: runs it there. All that it writes is in terminal.raw too, byte by byte; its process
# is in $SHELL_PID. What `stty -g` says before and after it are in stty.before and stty.after, its exit code in terminal.code.
open_terminal() {
    local columns=$1 rows=$2
    shift 2
    printf '%s\n' 'set -g status off' 'set -g history-limit 20000' 'set -g escape-time 0' 'set -g remain-on-exit on' \
        'set -g default-terminal xterm' >terminal.conf
    rm -f terminal.go terminal.pid terminal.code terminal.raw stty.*
    cat >terminal.sh <<'END'
until [ -e terminal.go ]; do sleep 0.02; done
echo "$ mqtt-e2e shell" # tmux keeps what is erased from its very top
trap : INT
stty -g >stty.before
sh -c 'echo $$ >terminal.pid.new; mv terminal.pid.new terminal.pid; exec "$@"' sh "$@"
code=$?
stty -g >stty.after
echo $code >terminal.code
END
    tmux_ new-session -d -x "$columns" -y "$rows" sh terminal.sh "$@"
    tmux_ pipe-pane 'cat >terminal.raw'
    until_true test -e terminal.raw
    : >terminal.go
    until_true test -e terminal.pid
    SHELL_PID=$(cat terminal.pid)
}

close_terminal() {
    [ -S terminal.socket ] || return 0
    tmux_ kill-server 2>/dev/null || true
    rm -f terminal.socket
}

# ---- Keys -------------------------------------------------------------------------------------------

type_() { # TEXT: as it is
    tmux_ send-keys -l -- "$1"
}

keys() { # KEY...: by tmux's names: Enter, Tab, Left, C-c
    tmux_ send-keys "$@"
}

enter() { # TEXT
    type_ "$1"
    keys Enter
}

resize() { # COLUMNS ROWS
    tmux_ resize-window -x "$1" -y "$2"
}

# ---- The screen -------------------------------------------------------------------------------------

# What it shows, without blank lines at the end; `history`: with what has left it at the top.
screen() {
    local from=()
    [ "${1:-}" != history ] || from=(-S -)
    tmux_ capture-pane -p "${from[@]}"
}

# The same, lines that the terminal wrapped put together again.
unwrapped() {
    tmux_ capture-pane -p -J -S - | sed 's/ *$//'
}

cursor() { # COLUMN,ROW, from 0 on
    tmux_ display-message -p '#{cursor_x},#{cursor_y}'
}

shows() { # TEXT: somewhere on the screen, or above; a line may be wrapped
    [[ "$(unwrapped)" == *"$1"* ]]
}

# The row of the cursor, up to where text ends there.
last_row() {
    local row
    row=$(tmux_ display-message -p '#{cursor_y}')
    screen | sed -n "$((row + 1))p" | sed 's/ *$//'
}

row_is() { # TEXT
    [ "$(last_row)" = "$1" ]
}

cursor_is() { # COLUMN,ROW
    [ "$(cursor)" = "$1" ]
}

column_is() { # COLUMN
    [[ "$(cursor)" == "$1,"* ]]
}

# Waits; fails showing the screen.
wait_shown() { # TEXT
    until_true shows "$1" || { show_terminal && return 1; }
}

wait_row() { # TEXT: of the row with the cursor
    until_true row_is "$1" || { show_terminal && return 1; }
}

wait_cursor() { # COLUMN,ROW
    until_true cursor_is "$1" || { show_terminal && return 1; }
}

wait_cursor_column() { # COLUMN
    until_true column_is "$1" || { show_terminal && return 1; }
}

# The command in the terminal has ended: its exit code in $status.
wait_terminal_ends() {
    until_true test -s terminal.code || { show_terminal && return 1; }
    status=$(cat terminal.code)
}

show_terminal() {
    echo "--- screen, cursor at $(cursor)"
    screen history | cat -s | tail -n 40
}
