# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Brokers of four makes, on free ports of the loopback, each with a folder of its own in $work and no rights but ours. Their
# settings are the defaults, but for who may connect (everybody) and what is kept over a restart (what can be).
#
# Erlang: ejabberd runs without distribution; RabbitMQ wants it, and has an epmd of its own, both on 127.0.0.1 only.

declare -A server_kind server_port server_pid server_epmd server_epmd_port

accepts() { # PORT
    (exec 4<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A port on which nobody listens just now, below those that connections are given.
free_port() {
    local port
    while port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000)); do
        accepts $port || break
    done
    echo $port
}

launch_mosquitto() { # NAME, of a server whose kind and port are known; so are those below
    cat >"$work/$1/conf" <<END
user $(id -un)
listener ${server_port[$1]} 127.0.0.1
allow_anonymous true
persistence true
persistence_location $work/$1/
set_tcp_nodelay true
END
    mosquitto -c "$work/$1/conf" >>"$work/$1.log" 2>&1 &
}

launch_aedes() {
    node "$here/aedes.js" "$MODULES" "${server_port[$1]}" >>"$work/$1.log" 2>&1 &
}

launch_rabbitmq() {
    local dir=$work/$1 epmd_port=${server_epmd_port[$1]:=$(free_port)} # the node's name stays: its data belong to it
    ERL_EPMD_ADDRESS=127.0.0.1 epmd -port "$epmd_port" >>"$work/$1.log" 2>&1 &
    server_epmd[$1]=$!
    printf '%s\n' 'listeners.tcp = none' "mqtt.listeners.tcp.1 = 127.0.0.1:${server_port[$1]}" 'mqtt.allow_anonymous = true' \
        >"$dir/conf"
    echo '[rabbitmq_mqtt].' >"$dir/plugins"
    # As if under systemd the script becomes the node, instead of waiting for it. The node's host is an address: where nothing
    # resolves "localhost", as in a bare chroot, Erlang does not start by that name.
    HOME=$dir ERL_CRASH_DUMP_BYTES=0 ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$epmd_port RUNNING_UNDER_SYSTEMD=true \
        RABBITMQ_USE_LONGNAME=true RABBITMQ_NODENAME="mqtt-e2e-$epmd_port@127.0.0.1" RABBITMQ_DIST_PORT="$(free_port)" \
        RABBITMQ_CONF_ENV_FILE="$dir/none" RABBITMQ_CONFIG_FILE="$dir/conf" RABBITMQ_ADVANCED_CONFIG_FILE="$dir/none" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$dir/plugins" RABBITMQ_MNESIA_BASE="$dir" RABBITMQ_LOG_BASE="$dir" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
        /usr/lib/rabbitmq/bin/rabbitmq-server >>"$work/$1.log" 2>&1 &
}

launch_ejabberd() {
    local dir=$work/$1
    # A user must have a name here; any will do. By default users may talk to themselves only.
    cat >"$dir/conf.yml" <<END
hosts: [localhost]
auth_method: [anonymous]
anonymous_protocol: both
allow_multiple_connections: true
listen:
  - port: ${server_port[$1]}
    ip: "127.0.0.1"
    module: mod_mqtt
modules:
  mod_mqtt:
    access_publish: {"#": [{allow: all}]}
    access_subscribe: {"#": [{allow: all}]}
END
    HOME=$dir EJABBERD_CONFIG_PATH=$dir/conf.yml EJABBERD_LOG_PATH=$dir/log ERL_CRASH_DUMP_BYTES=0 \
        ERL_LIBS=$(dpkg -L ejabberd | sed -n 's,/ejabberd-[^/]*/ebin/ejabberd\.app$,,p') \
        erl -noinput -mnesia dir "\"$dir/data\"" -s ejabberd >>"$work/$1.log" 2>&1 &
}

# Starts a server, new or again, on its port. False: it ended, or did not let us in within a minute.
launch() { # NAME
    local end=$((SECONDS + 60))
    "launch_${server_kind[$1]}" "$1"
    server_pid[$1]=$!
    until accepts "${server_port[$1]}" && "$MQTT_E2E" pub -K "$work/key" -h "127.0.0.1:${server_port[$1]}" -t ready -n -q 1 --quiet; do
        if ! kill -0 "${server_pid[$1]}" 2>/dev/null || [ $SECONDS -ge $end ]; then
            return 1
        fi
        sleep 0.1
    done
    kill -0 "${server_pid[$1]}"
}

start_server() { # NAME KIND
    local attempt
    server_kind[$1]=$2
    for attempt in 1 2 3; do # a port may be taken
        rm -rf "${work:?}/$1"
        mkdir "$work/$1"
        server_port[$1]=$(free_port)
        unset "server_epmd_port[$1]"
        if launch "$1"; then return; fi
        stop_server "$1" KILL
    done
    tail -n 40 "$work/$1.log" >&2
    die "$2 did not start in $attempt attempts"
}

stop_server() { # NAME [SIGNAL]
    local pid=${server_pid[$1]} end=$((SECONDS + 30))
    if [ -n "$pid" ]; then
        kill "-${2:-TERM}" "$pid" 2>/dev/null
        while kill -0 "$pid" 2>/dev/null; do
            [ $SECONDS -lt $end ] || kill -KILL "$pid" 2>/dev/null
            sleep 0.05
        done
        wait "$pid" 2>/dev/null
        server_pid[$1]=
    fi
    pid=${server_epmd[$1]:-}
    if [ -n "$pid" ]; then
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
        server_epmd[$1]=
    fi
}

start_again() { # NAME
    launch "$1" || die "${server_kind[$1]} did not start again, see $work/$1.log"
}

revive() { # NAME: a check may have ended it
    if [ -z "${server_pid[$1]}" ] || ! kill -0 "${server_pid[$1]}" 2>/dev/null; then
        stop_server "$1" # what is left of it
        start_again "$1"
    fi
}
