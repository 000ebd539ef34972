#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Disks that are full or can't be written, for all that we keep: key files, and the state file. Needs root, to mount small ones; in a
# mount namespace of their own, so that nobody else sees them.

load ../cli/support

set_up() {
    if [ "$(id -u)" != 0 ] || ! unshare -m true 2>unshare.err; then
        skip "no root, or no mount namespaces: $(cat unshare.err 2>/dev/null)"
    fi
    mkdir disk
    start_broker
}

# on_disk OPTIONS COMMAND...: with a disk at ./disk, mounted so after it was filled by FILL, if that is set. The process stays the one that
# was started.
on_disk() {
    # shellcheck disable=SC2016 # for the other shell
    exec unshare -m bash -c '
        options=$1
        shift
        mount -t tmpfs -o "${options%%:*}" tmpfs disk || exit 99
        if [ -n "${FILL:-}" ]; then cat /dev/zero >disk/filler 2>/dev/null; fi
        case $options in *:ro) mount -o remount,ro disk || exit 99 ;; esac
        exec "$@"' on_disk "$@"
}

as_nobody() { # COMMAND...
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

@test "keygen on a full disk: 1, says so, shows no key, and leaves no file" {
    FILL=yes expect 1 on_disk size=64k bash -c '"$MQTT_E2E" keygen -o disk/key; code=$?; ls -A disk; exit $code'
    same "$output" filler
    contains "$stderr" 'disk/key'
    contains "$stderr" 'No space left on device'
}

@test "keygen on a disk that can only be read, or in a folder that may only be read" {
    expect 1 on_disk size=64k:ro "$MQTT_E2E" keygen -o disk/key
    contains "$stderr" "cannot make the file 'disk/key': Read-only file system"
    mkdir folder
    chown 65534 folder
    chmod 0500 folder
    chmod 0711 . ..
    expect 1 as_nobody "$MQTT_E2E" keygen -o folder/key
    contains "$stderr" "cannot make the file 'folder/key': Permission denied"
    same "$(ls -A folder)" ''
}

@test "keygen where files may not grow (RLIMIT_FSIZE): 1, not a signal, and no file" {
    expect 1 prlimit --fsize=100 "$MQTT_E2E" keygen -o new
    contains "$stderr" "cannot write the file 'new': File too large"
    [ ! -e new ]
}

@test "a key file on a disk that can only be read is as good as any" {
    cp key disk-key
    # shellcheck disable=SC2016
    expect 0 unshare -m bash -c 'mount -t tmpfs tmpfs disk; cp disk-key disk/key; mount -o remount,ro disk; "$MQTT_E2E" key show -K disk/key'
    contains "$output" "$("$MQTT_E2E" key show -K disk-key | grep fingerprint)"
}

@test "a key file that may not be read: 1, and which" {
    chmod 0711 . ..
    expect 1 as_nobody "$MQTT_E2E" pub -h 127.0.0.1 -p "$PORT" -K key -t t -m x
    contains "$stderr" "'key'"
    contains "$stderr" 'Permission denied'
}

@test "a state file on a full disk: where it was named 1, before anything is handed on" {
    FILL=yes expect 1 on_disk size=64k "$MQTT_E2E" sub -h 127.0.0.1 -p "$PORT" -t t --state disk/state -E
    contains "$stderr" "cannot write the state file 'disk/state': No space left on device"
}

@test "the same in the default place: it does without, and -d says so" {
    FILL=yes expect 0 on_disk size=64k env XDG_STATE_HOME="$PWD/disk" timeout 20 "$MQTT_E2E" sub -h 127.0.0.1 -p "$PORT" -t t -d -c -i a -E
    contains "$stderr" 'no replay state is kept'
    contains "$stderr" 'No space left on device'
}

@test "a state file where nothing can be written: 1, and why" {
    expect 1 on_disk size=64k:ro "$MQTT_E2E" sub -h 127.0.0.1 -p "$PORT" -t t --state disk/state -E
    contains "$stderr" "cannot open the state file 'disk/state': Read-only file system"
    e2e sub -t t --state state -E
    chown 65534 key state
    chmod 0400 state
    chmod 0711 . ..
    expect 1 as_nobody "$MQTT_E2E" sub -h 127.0.0.1 -p "$PORT" -K key -t t --state state -E
    contains "$stderr" "cannot open the state file 'state': Permission denied"
    expect 1 prlimit --fsize=1000 "$MQTT_E2E" sub -h 127.0.0.1 -p "$PORT" -t t --state other -E
    contains "$stderr" "cannot write the state file 'other': File too large"
}

@test "a disk that is full only later stops nobody: the file has its room, and is good after kill -9" {
    # shellcheck disable=SC2016
    unshare -m bash -c 'mount -t tmpfs -o size=8m tmpfs disk
        "$MQTT_E2E" sub -h 127.0.0.1 -p "$1" -t t -q 1 -c -i a --state disk/state -d >s.out 2>s.err &
        sub=$!
        until grep -q "subscribed to" s.err; do sleep 0.05; done
        cat /dev/zero >disk/filler 2>/dev/null
        seq 3000 | "$MQTT_E2E" pub -h 127.0.0.1 -p "$1" -t t -q 1 -l
        for _ in $(seq 200); do [ "$(wc -l <s.out)" -lt 3000 ] || break; sleep 0.05; done
        kill -9 $sub
        wait $sub
        seq 3001 6000 | "$MQTT_E2E" pub -h 127.0.0.1 -p "$1" -t t -q 1 -l
        "$MQTT_E2E" sub -h 127.0.0.1 -p "$1" -t t -q 1 -c -i a --state disk/state -C 3000 -W 20 -d >s2.out 2>s2.err
        exit' full "$PORT" 3>&-
    seq 6000 | cmp - <(cat s.out s2.out)
    lacks "$(cat s2.err)" 'not trusted'
}

@test "a spool where nothing can be written: 1, and why" {
    FILL=yes expect 1 on_disk size=64k "$MQTT_E2E" pub -h 127.0.0.1 -p "$PORT" -t t -q 1 -m x --spool disk/spool
    contains "$stderr" 'no space is left for the spool'
    expect 1 on_disk size=64k:ro "$MQTT_E2E" pub -h 127.0.0.1 -p "$PORT" -t t -q 1 -m x --spool disk/spool
    contains "$stderr" "cannot make the spool 'disk/spool': Read-only file system"
    expect 1 prlimit --fsize=2000 "$MQTT_E2E" pub -h 127.0.0.1 -p "$PORT" -t t -q 1 -m x --spool spool
    contains "$stderr" 'File too large'
}

@test "a disk that is full only later: what the spool has waits there, and goes out once there is room" {
    start_sub s -t t -q 1
    # shellcheck disable=SC2016
    unshare -m bash -c 'mount -t tmpfs -o size=1m tmpfs disk
        "$MQTT_E2E" pub -h 127.0.0.1 -p 1 -t t -q 1 -m first --spool disk/spool -W 1
        cat /dev/zero >disk/filler 2>/dev/null
        timeout 10 "$MQTT_E2E" pub -h 127.0.0.1 -p 1 -t t -q 1 -m second --spool disk/spool -W 1
        echo "full: $?"
        rm disk/filler
        "$MQTT_E2E" pub -h 127.0.0.1 -p "$1" --spool disk/spool
        echo "room: $?"' full "$PORT" >p.out 2>p.err 3>&-
    contains "$(cat p.err)" 'no space is left for the spool'
    lacks "$(cat p.out)" 'full: 0'
    contains "$(cat p.out)" 'room: 0'
    wait_for s.out first
    lacks "$(cat s.out)" second
}
