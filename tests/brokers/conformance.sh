#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# conformance.sh BROKER/VERSION: what the command line can do over a broker of that make, started here, by that version of MQTT.
#
#     conformance.sh --list           the names of the checks
#     conformance.sh mosquitto/5      one line a check: NAME, a tab, and `yes` or `no: REASON`
#
# Makes: mosquitto, aedes, rabbitmq, ejabberd; versions: 3.1.1, 5. Exit 0: all checks could be made, whatever they showed.
#
# Given from outside: MQTT_E2E and MQTT_E2E_RESPONDER, programs; MODULES, a folder with aedes in its node_modules; and EXPECTED, a file of
# lines as above, if there is one: what is expected not to work is waited for no longer than $BRIEFLY seconds, all else
# $PATIENCE. With KEEP=yes the folder of the run, with all logs, stays.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$PATH:/usr/sbin
PATIENCE=${PATIENCE:-30}
BRIEFLY=4
. "$here/servers.bash"
. "$here/checks.bash"

die() {
    echo "conformance.sh: $*" >&2
    exit 1
}

# ---- Programs ---------------------------------------------------------------------------------------

programs=()
at=() # what all are told: key, broker, version

until_true() { # COMMAND...: for as long as the check is waited for
    local end=$((SECONDS + patience))
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

has() { # FILE TEXT [TIMES]
    local count
    count=$(grep -cF -- "$2" "$1" 2>/dev/null)
    [ "${count:-0}" -ge "${3:-1}" ]
}

ended() { # PID
    ! kill -0 "$1" 2>/dev/null
}

no() { # REASON
    outcome="no: $1"
    return 1
}

# In words of the table, what a program said with -d; else the second argument.
why() { # FILE OTHERWISE
    case $(cat "$1") in
    *' q2, '*'received PUBACK'*) echo 'answers as if it were QoS 1' ;;
    *'does not let us subscribe'*) echo 'refuses the subscription' ;;
    *'not speak this version'* | *'closed before the broker answered'*) echo 'refuses the connection' ;;
    *'refused: '*) echo 'what arrives is refused' ;;
    *'lost the connection'*) echo 'breaks the connection' ;;
    *) echo "$2" ;;
    esac
}

# A subscriber in the background, which writes NAME.out and NAME.err, once it has subscribed.
start_sub() { # NAME ARGUMENT...
    local name=$1
    shift
    "$MQTT_E2E" sub "${at[@]}" -d --state none "$@" >"$name.out" 2>"$name.err" &
    sub=$!
    programs+=("$sub")
    until_true subscribed_or_not "$name" "$sub"
    has "$name.err" 'subscribed to' || no "$(why "$name.err" 'does not answer the subscription')"
}

subscribed_or_not() { # NAME PID
    has "$1.err" 'subscribed to' || has "$1.err" 'lost the connection' || ended "$2"
}

pub() { # ARGUMENT...: no part of a pipeline, which is a process of its own
    timeout "$patience" "$MQTT_E2E" pub "${at[@]}" -d "$@" 2>pub.err || no "$(why pub.err 'what is published is not acknowledged')"
}

some() { # FILE...: what came too little
    [ -n "$(cat "$@")" ] && echo 'not all arrive' || echo 'nothing arrives'
}

last_is() { # FILE TEXT
    [ "$(tail -n 1 "$1" 2>/dev/null)" = "$2" ]
}

# NAME has printed exactly this, of which the last line is the last to come.
gets() { # NAME TEXT
    if ! until_true last_is "$1.out" "$(tail -n 1 <<<"$2")"; then
        no "$(why "$1.err" "$(some "$1.out")")"
    elif [ -n "$(sort "$1.out" | uniq -d)" ]; then
        no 'some arrive twice'
    elif [ "$(cat "$1.out")" != "$2" ]; then
        printf 'got: %s\nexpected: %s\n' "$(head -c 1000 "$1.out")" "$(head -c 1000 <<<"$2")" >&2
        no 'others arrive than should'
    fi
}

end_programs() {
    local pid
    for pid in "${programs[@]}"; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    programs=()
}

# ---- The run -----------------------------------------------------------------------------------------

clean_up() {
    local name
    end_programs
    for name in "${!server_pid[@]}"; do
        stop_server "$name"
    done
    if [ -n "${KEEP:-}" ]; then echo "kept: $work" >&2; else rm -rf "$work"; fi
}

use() { # HOSTS
    at=(-K "$work/key" -h "$1" -V "$version")
}

run_check() { # NAME FUNCTION [ARGUMENT...]
    check=$1
    outcome=yes
    patience=$PATIENCE
    ! awk -F '\t' -v check="$check" '$1 == check && $2 != "yes" { exit found = 1 } END { exit !found }' "${EXPECTED:-/dev/null}" ||
        patience=$BRIEFLY
    number=$((number + 1))
    mkdir "$work/$number" && cd "$work/$number" || die "cannot make $work/$number"
    revive main
    use "127.0.0.1:${server_port[main]}"
    "${@:2}" || [ "$outcome" != yes ] || die "the check '$check' failed and does not say why"
    end_programs
    printf '%s\t%s\n' "$check" "$outcome"
    echo "$SECONDS s: $check" >&2
}

if [ "${1:-}" = --list ]; then
    list_checks | cut -d '|' -f 1
    exit
fi
kind=${1%%/*}
version=${1##*/}
[ "$version" != 3.1.1 ] || version=311
case $kind/$version in
mosquitto/311)
    beside=aedes user=''
    [ -e "$MODULES/node_modules/aedes" ] || beside=mosquitto # npm could not get it
    ;;
mosquitto/5 | aedes/* | rabbitmq/*) beside=mosquitto user='' ;;
ejabberd/*) beside=mosquitto user='?user=e2e%40localhost&password=any' ;;
*) die "no such broker: ${1:-}" ;;
esac
: "${MQTT_E2E:?}" "${MQTT_E2E_RESPONDER:?}" "${MODULES:?}"
work=$(mktemp -d)
export HOME=$work LC_ALL=C.UTF-8
unset XDG_CONFIG_HOME XDG_STATE_HOME
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
number=0
start=$(date +%s%N)
(umask 077 && printf 'mqtt-e2e://AAECAwQFBgcICQoLDA0ODw@127.0.0.1%s\n' "$user" >"$work/key")
start_server main "$kind"
while IFS='|' read -r name call; do
    # shellcheck disable=SC2086 # a function and its arguments
    run_check "$name" $call 0<&-
done < <(list_checks)
echo "$1: $number checks, $((($(date +%s%N) - start) / 1000000000)) s" >&2
