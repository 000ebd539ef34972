#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Options: how the broker is reached, TLS, sealing; and what is refused, with its reason and exit code 2.

load support

# Only some tests need a broker, and many of those one of their own.
set_up() {
    PORT=$(free_port)
}

# bad EXPECTED ARGUMENT...: a usage error that says so, on standard error alone.
bad() {
    local text=$1
    shift
    expect 2 "$MQTT_E2E" "$@"
    same "$output" ''
    contains "$stderr" "mqtt-e2e: "
    contains "$stderr" "$text"
}

# The broker's own words on who connected last.
connected() { # TEXT
    has broker.log "$1"
}

# ---- Usage errors -----------------------------------------------------------------------------------

@test "messages: exactly one source and one topic" {
    bad 'no topic: give one with -t' pub -m x
    bad 'no message: give one with -m, -f, -l, -s or -n' pub -t t
    bad 'no message: give one with -m, -f, -s or -n' request -t t
    bad '-n is one message too many' pub -t t -m x -n
    bad '--file is one message too many' pub -t t -m x --file f
    bad 'more than one topic' pub -t t -t u -m x
    bad 'no topic' sub
    bad '--repeat goes with one message' pub -t t -l --repeat 2
    bad 'standard input holds the key (-K -) or the message' pub -t t -l -K -
    bad 'standard input holds the key (-K -) or the message' pub -t t -f - -K -
}

@test "topics and filters that MQTT does not allow" {
    bad "not to 'a/#'" pub -t 'a/#' -m x
    bad "not to '+'" request -t + -m x
    bad 'the topic is empty' pub -t '' -m x
    bad "reserved: '~time'" pub -t '~time' -m x
    bad "'a#' is no filter" sub -t 'a#'
    bad "'#/a' is no filter" sub -t '#/a'
    bad "'a/b+' is no filter" sub -t t -T 'a/b+'
    bad "'+a' is no filter" sub -t t -U '+a'
    bad 'the filter is empty' sub -t ''
    bad 'the topic is not valid UTF-8' pub -t $'a\xff' -m x
    bad 'the topic is not valid UTF-8' request -t $'a\xff' -m x
    bad 'the filter is not valid UTF-8' sub -t $'a\xff'
    bad "has 257 levels: there may be up to 256" pub -t "$(printf '/%.0s' {1..256})" -m x
    bad 'would be 87405 bytes long on the wire, hidden: MQTT takes up to 65535' pub -t "$(printf 'a%.0s' {1..65535})" -m x
    bad "is 65536 bytes long: MQTT takes up to 65535" pub -t "$(printf 'a%.0s' {1..65536})" -m x
    expect 2 e2e sub -t "$(printf 'a%.0s' {1..65535})"
    contains "$stderr" 'too long: on the wire it would be over 65535 bytes'
}

@test "bases and prefixes that can't be" {
    local command
    for command in 'pub -m x' sub 'request -m x'; do
        # shellcheck disable=SC2086 # a command and its options
        bad "the base 'x/' is not allowed: no wildcard, no slash at its end" $command -t t --base x/
        # shellcheck disable=SC2086
        bad "the base '+' is not allowed" $command -t t --base +
        # shellcheck disable=SC2086
        bad 'the base is not valid UTF-8' $command -t t --base $'\xff'
    done
    bad "the prefix 'x/#' is not allowed: no wildcard" sub -t t --prefix 'x/#'
    bad "the prefix 'x/+/' is not allowed: no wildcard" request -t t -m x --prefix x/+/
}

@test "numbers and time spans out of range, and what is no number" {
    bad "-q must be a whole number from 0 to 2, not '3'" pub -t t -m x -q 3
    bad "--qos must be a whole number from 0 to 2, not 'one'" pub -t t -m x --qos one
    bad "-p must be a whole number from 1 to 65535, not '0'" pub -t t -m x -p 0
    bad "-p must be a whole number from 1 to 65535, not '65536'" pub -t t -m x -p 65536
    bad "-C must be a whole number from 1 to 2147483647, not '0'" sub -t t -C 0
    bad "-k must be a whole number from 5 to 65535, not '4'" sub -t t -k 4
    bad "--repeat must be" pub -t t -m x --repeat 0
    bad "--repeat-delay must be a time span" pub -t t -m x --repeat-delay -1
    bad "-W must be more than 0" sub -t t -W 0
    bad "-W must be a time span" sub -t t -W soon
    bad "--window must be a multiple of 64, not 65" sub -t t --window 65
    bad "--streams must be" sub -t t --streams 0
    bad "--pad must be" pub -t t -m x --pad 65536
    bad "--random-filter must be from 0.1 to 100, not '0'" sub -t t --random-filter 0
    bad "-V must be 5, 311 or 31, not '4'" sub -t t -V 4
    bad "-M must be" pub -t t -m x -M 0
    bad "-x must be" sub -t t -c -i x -V 5 -x -2
}

@test "options that go with others, or not with them" {
    bad '-c needs a client id that stays' sub -t t -c
    bad '-x goes with -c and -V 5' sub -t t -x 5
    bad '-x goes with -c and -V 5' sub -t t -x 5 -c -i x
    bad '-i and -I exclude each other' sub -t t -i a -I b
    bad 'the client id is empty' sub -t t -i ''
    bad '-R and --retained-only leave nothing' sub -t t -R --retained-only
    bad '--json does not go with -F, -v or -N' sub -t t --json -v
    bad '--all and --replies exclude each other' request -t t -m x --all --replies 2
    bad '--cert and --key go together' sub -t t --cert x
    bad '-P needs a user name' sub -t t -P env:HOME
}

@test "an option of another command, an unknown one, a missing value, a word too many" {
    bad '-C is an option of sub, not of pub' pub -t t -m x -C 1
    bad '--prefix is an option of sub, not of pub' pub -t t -m x --prefix a/
    bad '--clock-lead is an option of sub, not of pub' pub -t t -m x --clock-lead 5
    bad '--retain is an option of pub, not of sub' sub -t t --retain
    bad '-l is an option of pub, not of request' request -t t -l
    bad 'unknown or ambiguous option --foo' sub -t t --foo
    bad 'unknown option -z' sub -t t -z
    bad '-t needs a value' sub -t
    bad '--topic needs a value' sub --topic
    bad '--verbose takes no value' sub -t t --verbose=yes
    bad "unexpected argument 'hello'" pub -t t hello
}

@test "options of mosquitto's that can't be had say why" {
    local option
    for option in --will-topic --will-payload --will-qos; do
        bad "$option can't be had: a will is sealed now and sent later: it would be stale" pub -t t -m x $option 1
        bad "$option can't be had: a will" sub -t t $option=1
    done
    bad "--will-retain can't be had: a will" pub -t t -m x --will-retain
    bad "-D can't be had: properties of MQTT 5 would travel unsealed" pub -t t -m x -D publish content-type text
    bad "--remove-retained can't be had: that takes an empty packet, unsealed" sub -t t --remove-retained
    bad "--retain-as-published can't be had" sub -t t --retain-as-published
    bad "-e can't be had: replies come to a topic of the protocol's own" request -t t -m x -e r
    for option in --psk --psk-identity --tls-engine --tls-engine-kpass-sha1 --keyform --tls-version --ciphers --tls-alpn \
        --unix; do
        bad "$option can't be had: " sub -t t $option x
    done
    bad "-S can't be had: " sub -t t -S
}

@test "-F: elements that do not exist, or can't be had" {
    bad "no such element: '%y'" sub -t t -F '%y'
    bad "no such character: '\\q'" sub -t t -F '\q'
    bad 'the format ends within an element' sub -t t -F '%p%'
    bad 'the format ends within an element' sub -t t -F '%10'
    bad 'the format ends within an element' sub -t t -F '@'
    bad 'the format ends within an element' sub -t t -F '\'
    bad 'a width of %t is over 10000' sub -t t -F '%99999999999999999999t'
    local property
    for property in A C D E F P R S; do
        bad "%$property can't be had: properties of MQTT 5 are not sealed" sub -t t -F "%$property"
    done
}

@test "hosts and URLs that are none" {
    bad '-h takes brokers like' sub -t t -h ''
    bad '-h takes brokers like' sub -t t -h 'a,,b'
    bad '-h takes brokers like' sub -t t -h '[::1'
    bad '-h takes brokers like' sub -t t -h 'http://a'
    bad '-h takes brokers like' sub -t t -h 'mqtts://'
    bad '-h takes brokers like' sub -t t -h 'mqtts://a/b'
    bad "a port must be a whole number from 1 to 65535, not '0'" sub -t t -h a:0
    bad "a port must be" sub -t t -h a:x
    bad 'names too many brokers' sub -t t -h a,b,c,d,e,f,g,h,i
    bad '-L takes a URL like mqtt://' sub -L http://host/topic
    bad '-L takes brokers like' sub -L mqtt:///topic
    bad '--proxy takes a URL like socks5h://' sub -t t --proxy http://host
}

@test "no secret in arguments: -P, -L and --proxy with a password, which is not shown" {
    local secret=geheim-4711
    bad '-P takes file:PATH or env:NAME' pub -t t -m x -u u -P $secret
    lacks "$stderr" "$secret"
    bad '-P takes file:PATH or env:NAME' pub -t t -m x -u u --pw=$secret
    lacks "$stderr" "$secret"
    bad '-P file:PATH or -P env:NAME' pub -L "mqtt://u:$secret@host/t" -m x
    lacks "$stderr" "$secret"
    bad '-P file:PATH or -P env:NAME' pub -L "mqtts://:$secret@host/t" -m x
    lacks "$stderr" "$secret"
    bad 'file:PATH or env:NAME' pub -t t -m x --proxy "socks5h://u:$secret@host"
    lacks "$stderr" "$secret"
    bad "environment variable 'NOT_SET'" pub -t t -m x -u u -P env:NOT_SET
    expect 1 "$MQTT_E2E" pub -t t -m x -u u -P file:missing
    contains "$stderr" "cannot open the password file 'missing'"
}

@test "--help shows all options and why others can't be had, on standard output" {
    local command
    for command in pub sub request; do
        expect 0 "$MQTT_E2E" $command -t x --help
        same "$stderr" ''
        contains "$output" "Usage: mqtt-e2e $command"
        contains "$output" '-K, --secret FILE'
        contains "$output" '--will-topic'
        same "$output" "$("$MQTT_E2E" help $command)"
        [ "$(awk '{ if (length > n) n = length } END { print n }' <<<"$output")" -le 110 ]
    done
}

@test "files: no key, no payload, a directory" {
    expect 1 "$MQTT_E2E" pub -t t -m x -K missing
    contains "$stderr" missing
    expect 1 "$MQTT_E2E" pub -t t -f missing
    contains "$stderr" "cannot open 'missing': No such file"
    expect 1 "$MQTT_E2E" pub -t t -f .
    contains "$stderr" "cannot read '.': Is a directory"
}

@test "--quiet: no runtime errors; usage errors even so" {
    expect 1 e2e pub -t t -m x --quiet
    same "$stderr" ''
    bad 'no message' pub -t t --quiet
}

# ---- The key ----------------------------------------------------------------------------------------

@test "-K: from a file, from standard input; the default place otherwise" {
    start_broker
    start_sub s -t t -C 3
    e2e pub -t t -m 1
    env -u MQTT_E2E_KEY_FILE "$MQTT_E2E" pub -h 127.0.0.1 -p "$PORT" -t t -m 2 -K key
    env -u MQTT_E2E_KEY_FILE "$MQTT_E2E" pub -h 127.0.0.1 -p "$PORT" -t t -m 3 --secret - <key
    wait_exit "$PID"
    same "$(cat s.out)" $'1\n2\n3'
}

@test "a key file that others can read is used, with a warning" {
    start_broker
    chmod 644 key
    expect 0 e2e pub -t t -m x
    contains "$stderr" 'warning'
    contains "$stderr" 'chmod 600'
}

@test "hosts, base, user, password and name come from the key file; options override them" {
    mosquitto_passwd -c -b passwords alice wonder >/dev/null
    mosquitto_passwd -b passwords bob builder >/dev/null
    start_broker - <<'END'
allow_anonymous false
password_file passwords
END
    echo "mqtt-e2e://AAECAwQFBgcICQoLDA0ODw@127.0.0.1:$PORT/my/base?user=alice&password=wonder&name=node7" >full-key
    chmod 600 full-key
    export MQTT_E2E_KEY_FILE=$PWD/full-key
    mosquitto_sub -h 127.0.0.1 -p "$PORT" -u bob -P builder -t '#' -F '%t' -C 2 >topics 3>&- &
    PIDS+=($!)
    until_true connected '# (QoS 0)'
    expect 0 "$MQTT_E2E" pub -t t -m x
    connected "u'alice'"
    expect 0 env PASSWORD=builder "$MQTT_E2E" pub -t t -m x -u bob -P env:PASSWORD --base other
    wait_exit "${PIDS[-1]}"
    [[ $(head -n 1 topics) == my/base/* && $(tail -n 1 topics) == other/* ]]
    expect 1 "$MQTT_E2E" pub -t t -m x -p "$(free_port)"
    contains "$stderr" 'cannot connect to 127.0.0.1'
}

# ---- Reaching the broker ----------------------------------------------------------------------------

@test "-h names several brokers: one that answers is enough" {
    start_broker
    start s sub -t t -C 1
    until_true connected '(QoS 0)'
    expect 0 "$MQTT_E2E" pub -h "127.0.0.1:$(free_port),127.0.0.1:$PORT" -t t -m second
    wait_exit "$PID"
    same "$(cat s.out)" second
}

@test "-h localhost, an IPv6 address in brackets and bare" {
    start_broker - <<'END'
allow_anonymous true
listener @PORT@ ::1
END
    expect 0 "$MQTT_E2E" pub -h localhost -p "$PORT" -t t -m x
    expect 0 "$MQTT_E2E" pub -h "[::1]:$PORT" -t t -m x
    expect 0 "$MQTT_E2E" pub -h ::1 -p "$PORT" -t t -m x
    expect 0 "$MQTT_E2E" pub -p "$PORT" -t t -m x
    grep -q 'New client connected from ::1:' broker.log
}

@test "-L: host, port, user and topic at once" {
    start_broker
    start_sub s -t a/b/c
    expect 0 "$MQTT_E2E" pub -L "mqtt://alice@127.0.0.1:$PORT/a/b/c" -m x
    wait_for s.out x
    connected "u'alice'"
    start two sub -L "mqtt://127.0.0.1:$PORT/a/b" -t c -v -d -p 1
    wait_for two.err 'subscribed to c'
    e2e pub -t a/b -m 1
    wait_for two.out 'a/b 1'
    e2e pub -t c -m 2
    wait_for two.out 'c 2'
}

@test "-u and -P: from a file, from the environment; a wrong one fails and says so" {
    mosquitto_passwd -c -b passwords alice 'pass word' >/dev/null
    start_broker - <<'END'
allow_anonymous false
password_file passwords
END
    printf 'pass word\r\nnot this\n' >password
    expect 0 e2e pub -t t -m x -u alice -P file:password
    expect 0 env SECRET='pass word' "$MQTT_E2E" pub -h 127.0.0.1 -p "$PORT" -t t -m x --username alice --pw env:SECRET
    expect 1 env SECRET=wrong "$MQTT_E2E" pub -h 127.0.0.1 -p "$PORT" -t t -m x -u alice -P env:SECRET
    contains "$stderr" "cannot connect to 127.0.0.1:$PORT: "
    lacks "$stderr" wrong
    expect 1 e2e sub -t t -W 30
    expect 1 e2e pub -t t -m x -W 30 # refused for good: not tried again
    expect 1 e2e pub -t t -m x -V 5
}

@test "-i, -I, --name and the random client id" {
    start_broker
    e2e pub -t t -m x -i my-id
    connected 'as my-id (p2, c1, k60)'
    e2e pub -t t -m x -I pre-
    grep -qE 'as pre-[0-9]+ \(p2' broker.log
    e2e pub -t t -m x -c --name kitchen
    e2e pub -t t -m x -c --name kitchen
    e2e pub -t t -m x -c --name hall
    e2e pub -t t -m x
    e2e pub -t t -m x --name kitchen
    e2e pub -t t -m x --name kitchen
    sed -n 's/.* as \([A-Za-z0-9]*\) (p2.*/\1/p' broker.log | grep -xE '[A-Za-z0-9]{23}' >ids
    same "$(wc -l <ids)" 6
    same "$(sort -u ids | wc -l)" 5
    same "$(sed -n 1p ids)" "$(sed -n 2p ids)"
}

@test "two programs with one named key file do not throw each other out" {
    start_broker
    echo "mqtt-e2e://AAECAwQFBgcICQoLDA0ODw?name=node7" >named
    chmod 600 named
    start_sub one -t t -K named
    local one=$PID
    start_sub two -t t -K named
    e2e pub -t t -m x -K named
    wait_for one.out x
    wait_for two.out x
    runs $one
    lacks "$(cat one.err two.err)" 'lost the connection'
}

@test "-k, -V: as they are called" {
    start_broker
    e2e pub -t t -m x -i one -k 17
    connected 'as one (p2, c1, k17)'
    e2e pub -t t -m x -i two -V 5
    connected 'as two (p5, c1, k60)'
    e2e pub -t t -m x -i three --protocol-version mqttv31
    connected 'as three (p1, c1, k60)'
    e2e pub -t t -m x -i four -V 311
    connected 'as four (p2, c1, k60)'
}

@test "-c and -x: how long the broker keeps the session" {
    start_broker
    e2e sub -t t -c -i keep -E -q 1
    connected 'as keep (p2, c0, k60)'
    e2e sub -t t -c -i forever -V 5 -x -1 -E -q 1
    e2e sub -t t -c -i shortly -V 5 -x 1 -E -q 1
    until_true has broker.log 'Expiring client shortly'
    e2e pub -t t -q 1 -m x
    for id in keep forever; do
        mosquitto_sub -h 127.0.0.1 -p "$PORT" -i $id -c -q 1 -t none -C 1 -W 10 >got
        [ -s got ]
    done
}

@test "-A: the local address" {
    start_broker
    e2e pub -t t -m x -A 127.0.0.7
    connected 'New client connected from 127.0.0.7:'
}

@test "--proxy: socks5h, without and with a password from a file" {
    start_broker
    command -v node >/dev/null || skip 'no node'
    node "$SUPPORT_DIR/socks.js" 'user:p@ss' >proxy.out 3>&- &
    PIDS+=($!)
    wait_for proxy.out port
    local proxy
    proxy=$(sed -n 's/^port //p' proxy.out)
    start_sub s -t t -C 2
    expect 0 e2e pub -t t -m 1 --proxy "socks5h://127.0.0.1:$proxy"
    echo "socks5h://user:p%40ss@127.0.0.1:$proxy" >url
    expect 0 e2e pub -t t -m 2 --proxy file:url
    wait_exit "$PID"
    same "$(cat s.out)" $'1\n2'
    has proxy.out "none 127.0.0.1:$PORT"
    has proxy.out "user:p@ss 127.0.0.1:$PORT"
    echo "socks5h://user:wrong@127.0.0.1:$proxy" >url
    expect 1 e2e pub -t t -m 3 --proxy file:url
    lacks "$stderr" wrong
}

@test "-M, --nodelay, --queue are taken" {
    start_broker
    start_sub s -t t -C 30 -q 2
    seq 1 30 | e2e pub -t t -l -q 2 -M 1 --nodelay --queue 2
    wait_exit "$PID"
    same "$(cat s.out)" "$(seq 1 30)"
}

@test "long names do what the letters do" {
    start_broker
    start s sub --host "127.0.0.1:$PORT" --topic '#' --filter-out u --verbose --debug --qos 1 --count 2 --id theirs \
        --keepalive 30 --disable-clean-session
    wait_for s.err 'subscribed to #'
    echo x | e2e pub --topic t --stdin-line --qos 1
    echo x | e2e pub --topic u --stdin-file
    e2e pub --topic v --null-message --retain
    wait_exit "$PID"
    same "$(cat s.out)" $'t x\nv (null)'
    connected 'as theirs (p2, c0, k30)'
}

@test "-d tells the packets, as mosquitto_pub does" {
    start_broker
    expect 0 e2e pub -t t -m x -q 1 -d -i talker
    same "$output" ''
    local part
    for part in 'CONNECT' 'CONNACK (0)' 'PUBLISH' 'PUBACK' 'DISCONNECT'; do
        contains "$stderr" "$part"
    done
    lacks "$stderr" 0001020304 # the key
}

# ---- TLS --------------------------------------------------------------------------------------------

make_certificates() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=test-ca 2>/dev/null
    local name
    for name in localhost client; do
        openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name 2>/dev/null
        openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out $name.crt -days 2 \
            -extfile <(echo "subjectAltName=DNS:$name") 2>/dev/null
    done
    openssl req -x509 -newkey rsa:2048 -nodes -keyout wrong.key -out wrong.crt -days 2 -subj /CN=wrong 2>/dev/null
    mkdir capath
    cp ca.crt capath
    openssl rehash capath
}

@test "TLS: --cafile and --capath; another authority is refused" {
    make_certificates
    start_broker - <<'END'
allow_anonymous true
cafile ca.crt
certfile localhost.crt
keyfile localhost.key
END
    expect 0 "$MQTT_E2E" pub -h localhost -p "$PORT" -t t -m x --cafile ca.crt
    expect 0 "$MQTT_E2E" pub -h localhost -p "$PORT" -t t -m x --capath capath
    expect 0 "$MQTT_E2E" pub -L "mqtts://localhost:$PORT/t" -m x --cafile ca.crt
    expect 1 "$MQTT_E2E" pub -h localhost -p "$PORT" -t t -m x --cafile wrong.crt
    contains "$stderr" "cannot connect to localhost:$PORT"
    expect 1 "$MQTT_E2E" pub -h localhost -p "$PORT" -t t -m x --tls
    expect 1 "$MQTT_E2E" pub -h localhost -p "$PORT" -t t -m x --tls-use-os-certs
    expect 1 "$MQTT_E2E" pub -L "mqtts://localhost:$PORT/t" -m x
    expect 1 "$MQTT_E2E" pub -h localhost -p "$PORT" -t t -m x # no TLS at all
    contains "$stderr" 'hint: if the broker wants TLS on this port: --tls'
}

@test "TLS to a port without: the hint says so" {
    start_broker
    expect 1 "$MQTT_E2E" pub -h localhost -p "$PORT" -t t -m x --tls
    contains "$stderr" 'hint: does the broker speak TLS on this port?'
}

@test "TLS: files of certificates that are missing, or directories" {
    expect 1 "$MQTT_E2E" pub -t t -m x --cafile missing.crt
    same "${stderr_lines[0]}" "mqtt-e2e: cannot open the CA certificates 'missing.crt': No such file or directory"
    same "${stderr_lines[1]}" 'mqtt-e2e: hint: name a file with certificates in PEM form'
    expect 1 "$MQTT_E2E" pub -t t -m x --cafile .
    same "${stderr_lines[0]}" "mqtt-e2e: cannot open the CA certificates '.': Is a directory"
    expect 1 "$MQTT_E2E" pub -t t -m x --capath missing
    same "${stderr_lines[0]}" "mqtt-e2e: cannot open the directory of CA certificates 'missing': No such file or directory"
    expect 1 "$MQTT_E2E" pub -t t -m x --capath key
    same "${stderr_lines[0]}" "mqtt-e2e: cannot open the directory of CA certificates 'key': Not a directory"
}

@test "TLS: the certificate must name the broker, unless --insecure" {
    make_certificates
    start_broker - <<'END'
allow_anonymous true
cafile ca.crt
certfile localhost.crt
keyfile localhost.key
END
    expect 1 "$MQTT_E2E" pub -h 127.0.0.1 -p "$PORT" -t t -m x --cafile ca.crt
    expect 0 "$MQTT_E2E" pub -h 127.0.0.1 -p "$PORT" -t t -m x --cafile ca.crt --insecure
    expect 1 "$MQTT_E2E" pub -h 127.0.0.1 -p "$PORT" -t t -m x --cafile wrong.crt --insecure
}

@test "TLS: --cert and --key, where the broker wants a certificate of ours" {
    make_certificates
    start_broker - <<'END'
allow_anonymous true
cafile ca.crt
certfile localhost.crt
keyfile localhost.key
require_certificate true
use_identity_as_username true
END
    expect 1 "$MQTT_E2E" pub -h localhost -p "$PORT" -t t -m x --cafile ca.crt
    expect 0 "$MQTT_E2E" pub -h localhost -p "$PORT" -t t -m x --cafile ca.crt --cert client.crt --key client.key
    connected "u'client'"
    # The mqtt-e2e key is another thing, and stays so.
    expect 0 "$MQTT_E2E" pub -h localhost -p "$PORT" -t t -m x --cafile ca.crt --cert client.crt --key client.key -K key
}

# ---- Clocks -----------------------------------------------------------------------------------------

@test "--clock-skew, --clock-lead: how far a sender's clock may be off" {
    start_broker
    start_sub s -t '#' --clock-offset 200000 --clock-skew 100
    start_sub l -t '#' --clock-offset -200000 --clock-lead 300
    start_sub w -t '#' --clock-offset -200000
    e2e pub -t t -m x
    wait_for s.err 'refused: stale'
    contains "$(cat s.err)" '100.'
    contains "$(cat s.err)" "its sender's clock is behind, ours is ahead"
    wait_for l.out x
    wait_for w.err 'refused: future'
    contains "$(cat w.err)" "or ours is behind"
    grep -qE 'which is 1(89|90)\.[0-9]{3} s too far ahead' w.err
}

@test "--strict-start refuses what is sealed within the clock lead of the start" {
    start_broker
    start_sub s -t '#' --strict-start --clock-lead 2s
    e2e pub -t t -m early
    wait_for s.err 'refused: stale'
    until_true sent_and_heard
    lacks "$(cat s.out)" early
}

sent_and_heard() {
    e2e pub -t t -m later
    has s.out later
}

@test "--streams: how many senders are remembered" {
    start_broker
    start_sub s -t '#' --streams 1 -q 1
    for n in 1 2 3; do
        e2e pub -t t -m $n -q 1
        wait_for s.out $n
        sleep 0.01
    done
}

@test "--time-source answers a node that has no clock" {
    start_broker
    start_sub s -t '#' --time-source
    start_spy spy
    # A node without a clock is not at hand on the command line: what can be seen is that we listen to it.
    until_true has broker.log 'Sending SUBACK'
    same "$(grep -c '(QoS ' broker.log)" 3
}
