#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# keygen: what is made, and what is never shown or overwritten. And help.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # bats: tests are subshells, `run` sets variables, `bash -c` has $0

load support

set_up() {
    umask 022
    unset MQTT_E2E_KEY_FILE
}

# A usage error that says so, on standard error alone.
bad() { # EXPECTED ARGUMENT...
    local text=$1
    shift
    expect 2 "$MQTT_E2E" "$@"
    same "$output" ''
    same "${stderr_lines[0]}" "mqtt-e2e: $text"
}

# The line of a key file that counts.
line_of() { # FILE
    grep -v '^#' "$1"
}

mode_of() { # FILE
    stat -c %a "$1"
}

# A key file with this line, for its owner alone.
key_file() { # NAME LINE
    printf '%s\n' "$2" >"$1"
    chmod 600 "$1"
}

# ---- keygen -----------------------------------------------------------------------------------------

@test "keygen: the default place, made with its directories, for the owner alone" {
    expect 0 "$MQTT_E2E" keygen
    same "$(mode_of .config/mqtt-e2e/key)" 600
    same "$(mode_of .config/mqtt-e2e)" 700
    same "$(mode_of .config)" 700
    contains "${lines[0]}" "key file     $PWD/.config/mqtt-e2e/key"
    [[ ${lines[1]} =~ ^fingerprint\ \ [0-9a-f]{16}$ ]]
    [[ ${lines[2]} =~ ^base\ {9}[A-Za-z0-9_-]{12}$ ]]
    expect 0 "$MQTT_E2E" key show
    same "$stderr" ''
}

@test "keygen: without -h it names public brokers, and says so; key files alone make two nodes meet" {
    expect 0 "$MQTT_E2E" keygen k
    same "${lines[3]}" 'hosts        broker.hivemq.com:1883, test.mosquitto.org:1883, broker.emqx.io:1883'
    contains "$stderr" 'names these public brokers'
    contains "$(line_of k)" '@broker.hivemq.com,test.mosquitto.org,broker.emqx.io'
    expect 0 "$MQTT_E2E" keygen --tls t
    contains "$(line_of t)" '@broker.hivemq.com,test.mosquitto.org:8886,broker.emqx.io?tls=1'
    expect 0 "$MQTT_E2E" keygen -h localhost l
    same "$stderr" ''
}

@test "keygen: the places, in their order" {
    MQTT_E2E_KEY_FILE=$PWD/a/b/key XDG_CONFIG_HOME=$PWD/x expect 0 "$MQTT_E2E" keygen
    [ -f a/b/key ]
    XDG_CONFIG_HOME=$PWD/x expect 0 "$MQTT_E2E" keygen
    [ -f x/mqtt-e2e/key ]
    XDG_CONFIG_HOME=relative expect 0 "$MQTT_E2E" keygen # not to be heeded, by its specification
    [ -f .config/mqtt-e2e/key ]
    MQTT_E2E_KEY_FILE=$PWD/z expect 0 "$MQTT_E2E" keygen -o o
    [ -f o ] && [ ! -e z ]
}

@test "keygen: never shows the key, but to standard output when told to" {
    expect 0 "$MQTT_E2E" keygen k
    local key
    key=$(line_of k | sed 's,mqtt-e2e://,,; s/@.*//')
    same ${#key} 22
    lacks "$output$stderr" "${key:0:6}"
    expect 0 "$MQTT_E2E" keygen -h h -
    same "$(grep -c '^mqtt-e2e://' <<<"$output")" 1
    lacks "$stderr" 'mqtt-e2e://'
    expect 0 "$MQTT_E2E" key show -K - <<<"$output"
}

@test "keygen: two keys differ, in all that follows from them" {
    expect 0 "$MQTT_E2E" keygen -h h a
    local first=("${lines[@]}")
    expect 0 "$MQTT_E2E" keygen -h h b
    [ "${first[1]}" != "${lines[1]}" ]
    [ "${first[2]}" != "${lines[2]}" ]
    [ "$(line_of a)" != "$(line_of b)" ]
}

@test "keygen: 128 and 256 bits" {
    "$MQTT_E2E" keygen -h h --bits 128 a
    "$MQTT_E2E" keygen -h h --bits 256 b
    [[ $(line_of a) =~ ^mqtt-e2e://[A-Za-z0-9_-]{22}@h$ ]]
    [[ $(line_of b) =~ ^mqtt-e2e://[A-Za-z0-9_-]{43}@h$ ]]
    bad "--bits must be 128 or 256, not '192'" keygen --bits 192 c
    [ ! -e c ]
}

@test "keygen: all that a key file can hold" {
    printf 'pa ss&=%%\nanother line\n' >password
    expect 0 "$MQTT_E2E" keygen -h one,two:99 -h '[::1]' -p 1999 --base home/a --name 'Küche 1' --tls -u me \
        -P file:password --plain-topics k
    [[ $(line_of k) == mqtt-e2e://*'@one:1999,two:99,[::1]:1999/home/a?name=K%C3%BCche%201&tls=1&user=me&password=pa%20ss%26%3D%25&plain=1' ]]
    same "${lines[2]}" 'base         home/a'
    lacks "$output$stderr" 'pa ss'
    expect 0 "$MQTT_E2E" keygen -h h --base '' e
    [[ $(line_of e) == mqtt-e2e://*@h'?base=' ]]
    expect 0 "$MQTT_E2E" key show -K e
    contains "$output" 'base         (none)'
    WORD=secret1 expect 0 "$MQTT_E2E" keygen -h h -u me -P env:WORD w
    contains "$(line_of w)" 'password=secret1'
}

@test "--help anywhere prints help, and nothing is done" {
    local words
    for words in 'keygen x --help' 'keygen --help x' 'key qr --help' 'key device --help' 'key --help' 'key show -K x --help' \
        'seal --help' 'seal -t t --help' 'open --floor 1 --help' 'doctor -h x --help' 'help --help'; do
        # shellcheck disable=SC2086 # words
        expect 0 "$MQTT_E2E" $words
        same "$stderr" ''
        same "$output" "$("$MQTT_E2E" help "${words%% *}")"
    done
    [ ! -e x ]
    expect 1 "$MQTT_E2E" seal -t t -m --help -K none # a message
}

@test "keygen: a directory is said to be one" {
    expect 1 "$MQTT_E2E" keygen .
    same "${stderr_lines[0]}" "mqtt-e2e: '.' is a directory"
    same "${stderr_lines[1]}" 'mqtt-e2e: hint: name a file in it'
}

@test "keygen: refuses to overwrite whatever is there" {
    key_file k 'precious'
    expect 1 "$MQTT_E2E" keygen k
    same "${stderr_lines[0]}" "mqtt-e2e: 'k' is there already, and is not overwritten"
    same "${stderr_lines[1]}" 'mqtt-e2e: hint: move it away, or write to another file with -o FILE'
    same "$(cat k)" precious
    same "$output" ''
    ln -s nowhere dangling
    expect 1 "$MQTT_E2E" keygen dangling
    [ ! -e nowhere ]
    : >empty
    expect 1 "$MQTT_E2E" keygen empty
    expect 1 "$MQTT_E2E" keygen .
    mkdir -p .config/mqtt-e2e
    key_file .config/mqtt-e2e/key 'precious'
    expect 1 "$MQTT_E2E" keygen
    same "$(cat .config/mqtt-e2e/key)" precious
    bad 'no --force: a key that is overwritten is gone; move it away instead' keygen --force k
}

@test "keygen: mode 0600 under any umask" {
    umask 000
    "$MQTT_E2E" keygen -h h open
    umask 777
    "$MQTT_E2E" keygen -h h closed
    umask 022
    same "$(mode_of open)" 600
    same "$(mode_of closed)" 600
}

@test "keygen: what it can't write, it says, and leaves nothing half-done" {
    expect 1 "$MQTT_E2E" keygen -h h no/such/place
    same "${stderr_lines[0]}" "mqtt-e2e: cannot make the file 'no/such/place': No such file or directory"
    same "${stderr_lines[1]}" 'mqtt-e2e: hint: make its directory first'
    : >file
    MQTT_E2E_KEY_FILE=$PWD/file/key expect 1 "$MQTT_E2E" keygen
    contains "$stderr" "mqtt-e2e: cannot make the "
    expect 1 "$MQTT_E2E" keygen -h h /dev/full
    expect 1 bash -c '"$0" keygen -h h - >/dev/full' "$MQTT_E2E"
    same "${stderr_lines[0]}" 'mqtt-e2e: cannot write to standard output: No space left on device'
}

@test "keygen: a full disk leaves no half file" {
    mkdir disk
    mount -t tmpfs -o size=4k,mode=700 none disk 2>/dev/null || skip 'only root may mount'
    head -c 4096 /dev/zero >disk/filler || true
    run --separate-stderr "$MQTT_E2E" keygen -h h disk/key
    local left
    left=$(ls disk)
    umount disk
    same "$status" 1
    same "${stderr_lines[0]}" "mqtt-e2e: cannot write the file 'disk/key': No space left on device"
    same "$left" filler
}

@test "keygen: what is not allowed" {
    bad '-P takes file:PATH or env:NAME, not the password: all users can read arguments' keygen -u me -P hunter2 k
    lacks "$stderr" hunter2
    bad "the environment variable 'NO_SUCH' of -P is not set" keygen -u me -P env:NO_SUCH k
    bad 'a password without a user' keygen -P env:HOME k
    bad "the port of host 'h' must be 1 to 65535, not 0" keygen -h h:0 k
    bad "more than one '@' before the base" keygen -h a@b k
    bad '-h takes HOST[:PORT],... and no more' keygen -h h/base k
    bad 'more than 8 hosts' keygen -h a,b,c,d,e -h f,g,h,i k
    bad "-p must be a whole number from 1 to 65535, not '70000'" keygen -p 70000 k
    bad '-u, -P and -p need -h: they would be for the public brokers' keygen -u me -P env:HOME k
    bad '-u, -P and -p need -h: they would be for the public brokers' keygen -p 1884 k
    bad '-h takes HOST[:PORT],... and no more' keygen -h '' k
    bad 'a host name is empty, too long, or has characters that no host name has' keygen -h ::1 k
    contains "$stderr" 'IPv6 stands in brackets'
    bad "the base ends with '/'" keygen --base a/ k
    bad "the base holds a wildcard, '+' or '#'" keygen --base a/+ k
    bad '--name needs a value that is not empty' keygen --name '' k
    bad 'the name is not UTF-8, or holds a NUL' keygen --name $'\xff' k
    bad 'more than one file to write to' keygen a b
    bad 'more than one file to write to' keygen -o a b
    bad 'the name of the key file is empty' keygen ''
    bad 'unknown or ambiguous option --secret-word' keygen --secret-word=hunter2 k
    lacks "$stderr" hunter2
    bad '-h needs a value' keygen -h
    bad 'unknown option -z' keygen -z
    [ ! -e k ] && [ ! -e a ]
    expect 1 "$MQTT_E2E" keygen -h h -u me -P file:none k
    same "${stderr_lines[0]}" "mqtt-e2e: cannot open the password file 'none': No such file or directory"
}

# ---- help -------------------------------------------------------------------------------------------

@test "help: how to start, and every command's options" {
    expect 0 "$MQTT_E2E" help
    contains "$output" 'How to start'
    local command commands='keygen key pub sub request seal open doctor help'
    for command in $commands; do
        contains "$output" "    $command "
    done
    for command in $commands; do
        expect 0 "$MQTT_E2E" help "$command"
        contains "${lines[0]}" 'Usage: '
        contains "$output" "mqtt-e2e $command"
        same "$stderr" ''
        local help=$output
        expect 0 "$MQTT_E2E" "$command" --help
        same "$output" "$help"
    done
    expect 0 "$MQTT_E2E" --help
    contains "$output" 'How to start'
    lacks "$output" $'\e'
}

@test "help: unknown commands, with the closest" {
    bad "unknown command 'pbu'" pbu
    same "${stderr_lines[1]}" "mqtt-e2e: hint: did you mean 'pub'?"
    bad "unknown command 'encrypt'" encrypt
    same "${stderr_lines[1]}" "mqtt-e2e: hint: did you mean 'seal'?"
    bad "unknown command 'qr'" qr
    same "${stderr_lines[1]}" "mqtt-e2e: hint: did you mean 'key qr'?"
    bad "unknown command 'zzzzzz'" zzzzzz
    same "${stderr_lines[1]}" "mqtt-e2e: hint: 'mqtt-e2e help' lists the commands"
    bad "unknown command ''" ''
    bad "unknown command '?[31m'" $'\e[31m'
    bad "unknown command 'nope'" help nope
    bad 'one command at a time' help pub sub
    expect 2 "$MQTT_E2E"
    same "$output" ''
    contains "$stderr" 'How to start'
}

@test "--version" {
    expect 0 "$MQTT_E2E" --version
    same "$output" "mqtt-e2e $(cat "$SUPPORT_DIR/../../VERSION")"
}
