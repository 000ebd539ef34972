# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What is looked at, for conformance.sh. A check is a function that sets $outcome, by `no`, if the broker can't do it. It has a folder of
# its own, and uses topics that no other check uses.

list_checks() {
    cat <<'END'
MQTT 5|check_version 5
QoS 0|check_qos 0 0
QoS 1|check_qos 1 1
publishing with QoS 2|check_qos 2 1
subscribing with QoS 2|check_qos 1 2
1,000 messages in a row, QoS 1|check_many 1000
`+`|check_plus
`#`|check_hash
`#`: the level above too|check_hash_parent
empty levels|check_empty_levels
7 levels, so 7 slashes on the wire|check_levels 7
8 levels|check_levels 8
99 levels|check_levels 99
100 levels|check_levels 100
200 levels|check_levels 200
201 levels|check_levels 201
256 levels, the most that mqtt-e2e takes|check_levels 256
a dot, with `--plain-topics`|check_dot
1 KiB|check_size 1024
64 KiB|check_size 65536
1 MiB|check_size 1048576
15 MiB|check_size 15728640
`pub -r`, `sub --lasting`|check_lasting last
the same, by `#`|check_lasting #
the same, after a restart of the broker|check_lasting_restart
`request`|check_request
subscribed again after a restart of the broker|check_reconnect
`sub -c`: kept while `sub` is away|check_session
the same, over a restart of the broker|check_session_restart
`$share`|check_share
with another broker beside it: each message once|check_two
the same, this one killed under load|check_two_killed main
the same, the other one killed|check_two_killed beside
END
}

check_version() { # OF MQTT
    at+=(-V "$1")
    start_sub s -t "version/$1" || return
    pub -t "version/$1" -m end || return
    gets s end
}

check_qos() { # OF PUBLISHER, OF SUBSCRIBER: five messages, in order, with the lesser of both
    local least=$(($1 < $2 ? $1 : $2))
    start_sub s -t "qos/$1/$2" -q "$2" -F '%q %p' || return
    has s.err "QoS $2" || no "grants QoS $(sed -n 's/^subscribed to .*: QoS //p' s.err)" || return
    pub -t "qos/$1/$2" -q "$1" -l < <(printf '%s\n' a b c d e) || return
    gets s "$(printf "$least %s\n" a b c d e)"
}

check_many() { # COUNT
    start_sub s -t many -q 1 || return
    pub -t many -q 1 -l < <(seq "$1") || return
    gets s "$(seq "$1")"
}

# Publishes each topic's name on it. Each is acknowledged before the next, so that they stay in order.
pub_topics() { # TOPIC...
    local topic
    for topic; do
        pub -t "$topic" -q 1 -m "$topic" || return
    done
}

check_plus() {
    start_sub s -q 1 -v -t 'plus/+/temperature' || return
    pub_topics plus/kitchen/temperature plus/temperature plus/a/b/temperature plus/kitchen/door plus/hall/temperature || return
    gets s "$(printf 'plus/%s/temperature plus/%s/temperature\n' kitchen kitchen hall hall)"
}

check_hash() {
    start_sub s -q 1 -v -t 'hash/in/#' || return
    pub_topics hash/in/a hash/in/a/b/c hash/out/a other/in/a hash/in/end || return
    gets s "$(printf 'hash/in/%s hash/in/%s\n' a a a/b/c a/b/c end end)"
}

check_hash_parent() {
    start_sub s -q 1 -t 'parent/in/#' || return
    pub_topics parent/in parent/in/end || return
    gets s $'parent/in\nparent/in/end'
}

check_empty_levels() {
    start_sub s -q 1 -v -t 'empty//+' || return
    start_sub t -q 1 -v -t '/empty/#' || return
    pub_topics empty//a empty/b /empty/c /empty/ empty//end /empty/end || return
    gets s $'empty//a empty//a\nempty//end empty//end' &&
        gets t $'/empty/c /empty/c\n/empty/ /empty/\n/empty/end /empty/end'
}

check_levels() { # COUNT
    local topic
    topic=$(seq -s / "$1")
    start_sub s -q 1 -v -t "$topic" || return
    pub -t "$topic" -q 1 -m end || return
    gets s "$topic end"
}

check_dot() {
    start_sub s -q 1 -v -t dot/a.b --plain-topics || return
    pub -t dot/a.b -q 1 -m end --plain-topics || return
    gets s 'dot/a.b end'
}

check_size() { # BYTES OF PAYLOAD
    local expected
    head -c "$1" /dev/urandom >payload
    expected=$(sha256sum <payload)
    start_sub s -q 1 -t "size/$1" -N -C 1 || return
    pub -q 1 -t "size/$1" -f payload || return
    until_true ended "$sub" || no "$(why s.err 'nothing arrives')" || return
    [ "$(sha256sum <s.out)" = "$expected" ] || no 'it arrives altered'
}

pub_lasting() { # TOPIC: the second replaces the first
    pub -t "$1" -q 1 -r -m first && pub -t "$1" -q 1 -r -m second && sleep 0.2 # until it is old to who starts now
}

gets_lasting() { # FILTER
    timeout "$patience" "$MQTT_E2E" sub "${at[@]}" -d --state none -q 1 -t "$1" --lasting -C 1 -F '%o %r %k %p' >s.out 2>s.err
    [ "$(cat s.out)" = '1 1 lasting second' ] || no "$(why s.err 'nothing arrives')"
}

check_lasting() { # LAST LEVEL of the filter
    local topic=lasting/$number
    pub_lasting "$topic/last" && gets_lasting "$topic/$1"
}

check_lasting_restart() {
    pub_lasting lasting/restart || return
    stop_server main
    start_again main
    gets_lasting lasting/restart
}

check_request() {
    "$MQTT_E2E_RESPONDER" "$work/key" "${server_port[main]}" 'request/#' echo >responder.out 2>&1 &
    programs+=($!)
    until_true has responder.out ready || no 'the answerer can not subscribe' || return
    timeout $((patience + 5)) "$MQTT_E2E" request "${at[@]}" -d -t request/a -m question -W "$patience" >r.out 2>r.err
    [ "$(cat r.out)" = question ] || no "$(why r.err 'no answer arrives')"
}

check_reconnect() {
    start_sub s -q 1 -t reconnect || return
    pub -t reconnect -q 1 -m before && until_true last_is s.out before || no 'nothing arrives' || return
    stop_server main
    until_true has s.err 'lost the connection' || no 'the connection stays' || return
    start_again main
    until_true has s.err 'subscribed to' 2 || no "$(why s.err 'is not subscribed to again')" || return
    pub -t reconnect -q 1 -m after || return
    gets s $'before\nafter'
}

# A session that the broker keeps is left, written to, and taken up again.
check_session() {
    local topic=session/$number
    local keeper=("$MQTT_E2E" sub "${at[@]}" -d -c -i "keeper$number" -q 1 -t "$topic" --state "$work/$number/state")
    timeout "$patience" "${keeper[@]}" -E >s.out 2>s.err || no "$(why s.err 'does not answer the subscription')" || return
    "${1:-:}" || return
    pub -t "$topic" -q 1 -l < <(printf '%s\n' a b c) || return
    timeout "$patience" "${keeper[@]}" -C 3 >s.out 2>s.err
    [ "$(cat s.out)" = $'a\nb\nc' ] || no "$(why s.err "$(some s.out)")"
}

check_session_restart() {
    restart() {
        stop_server main
        start_again main
    }
    check_session restart
}

check_share() {
    start_sub s -q 1 -t '$share/group/share' || return
    start_sub t -q 1 -t '$share/group/share' || return
    pub -t share -q 1 -l < <(seq 20) || return
    until_true all_shared || no "$(why s.err "$(some s.out t.out)")" || return
    [ "$(cat s.out t.out | sort -n)" = "$(seq 20)" ] || no 'some arrive twice' || return
    [ -s s.out ] && [ -s t.out ] || no 'only one gets all'
}

all_shared() {
    [ "$(cat s.out t.out | sort -un | wc -l)" = 20 ]
}

# ---- Two brokers of different makes at once --------------------------------------------------------------

use_two() {
    if [ -z "${server_pid[beside]:-}" ]; then start_server beside "$beside"; else revive beside; fi
    use "127.0.0.1:${server_port[main]},127.0.0.1:${server_port[beside]}"
}

connected_to_two() { # FILE
    has "$1" "subscribed to" 2
}

check_two() {
    use_two
    start_sub s -q 1 -t two || return
    until_true connected_to_two s.err || no 'only one is subscribed to' || return
    pub -t two -q 1 -l < <(printf '%s\n' a b c end) || return
    gets s $'a\nb\nc\nend'
}

check_two_killed() { # SERVER
    use_two
    start_sub s -q 1 -t "killed/$1" || return
    until_true connected_to_two s.err || no 'only one is subscribed to' || return
    (for i in $(seq 400); do echo "$i" && sleep 0.005; done) | pub -t "killed/$1" -q 1 -l &
    local publisher=$!
    programs+=("$publisher")
    until_true has s.out 100
    stop_server "$1" KILL
    until_true ended "$publisher" || no 'publishing does not end' || return
    wait "$publisher" || no 'publishing fails' || return
    until_true has s.out 400
    sleep 0.5
    start_again "$1"
    [ "$(sort -n s.out | uniq -d)" = '' ] || no 'some arrive twice' || return
    [ "$(sort -n s.out)" = "$(seq 400)" ] || no 'some are lost'
}
