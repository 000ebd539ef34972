#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# key: what is shown of a key, and in which forms it is handed on.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # bats: tests are subshells, `run` sets variables, `bash -c` has $0

load support

set_up() {
    umask 022
    unset MQTT_E2E_KEY_FILE
    FINGERPRINT=d788512dfeb9dbd1 # of 000102..0f, in tests/vectors/keys.json
    BASE=GnNQKhupE6i7
    URI=mqtt-e2e://AAECAwQFBgcICQoLDA0ODw
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

# ---- key show ---------------------------------------------------------------------------------------

@test "key show: fingerprint, base, hosts; the key only with --reveal" {
    key_file k "$URI@one,[::1]:99/home?name=n&tls=1&user=me&password=hunter2&plain=1"
    expect 0 "$MQTT_E2E" key show -K k
    same "$output" "key file     k
fingerprint  $FINGERPRINT
key          128 bits, not shown (--reveal)
base         home
hosts        one:8883, [::1]:99
tls          yes
topics       plain
name         n
user         me, with a password"
    expect 0 "$MQTT_E2E" key show --secret k --reveal
    contains "$output" "$(line_of k)"
    key_file k 000102030405060708090a0b0c0d0e0f
    expect 0 "$MQTT_E2E" key show -K k
    contains "$output" "base         $BASE (follows from the key)"
    contains "$output" 'hosts        (none named: localhost)'
}

@test "key show --json" {
    key_file k "$URI@one/home?name=n&user=me&password=hunter2"
    expect 0 "$MQTT_E2E" key show -K k --json
    same "$output" '{"file":"k","fingerprint":"'"$FINGERPRINT"'","bits":128,"base":"home","base_given":true,"hosts":["one:1883"],"name":"n","user":"me","password":true,"tls":false,"plain_topics":false}'
    expect 0 "$MQTT_E2E" key show -K k --json --reveal
    contains "$output" '"uri":"'"$(line_of k)"'"}'
}

@test "key show: a bare key in each form is the same key" {
    local key
    for key in 000102030405060708090a0b0c0d0e0f 000102030405060708090A0B0C0D0E0F AAECAwQFBgcICQoLDA0ODw \
        AAECAwQFBgcICQoLDA0ODw== "$URI" "$URI=="; do
        expect 0 "$MQTT_E2E" key show -K - <<<"$key"
        contains "$output" "fingerprint  $FINGERPRINT"
    done
    expect 0 "$MQTT_E2E" key show -K - < <(printf '# of the kitchen\r\n\r\n%s\r\n' "$URI")
    contains "$output" 'key file     (standard input)'
}

@test "key: a file that is wrong, by its line, and without a word of it" {
    key_file k $'# one\nmqtt-e2e://hunter2secret@host'
    expect 1 "$MQTT_E2E" key show -K k
    same "${stderr_lines[0]}" "mqtt-e2e: key file 'k': line 2: the key in the URI is not 16 or 32 bytes in base64url (it has 13 characters)"
    lacks "$stderr" hunter2
    key_file k "$URI@h:99999"
    expect 1 "$MQTT_E2E" key show -K k
    same "${stderr_lines[0]}" "mqtt-e2e: key file 'k': line 1: the port of host 'h' must be 1 to 65535, not 99999"
    expect 1 "$MQTT_E2E" key show -K none
    same "${stderr_lines[0]}" "mqtt-e2e: cannot open the key file 'none': No such file or directory"
    same "${stderr_lines[1]}" "mqtt-e2e: hint: 'mqtt-e2e keygen FILE' makes one"
    expect 1 "$MQTT_E2E" key show
    same "${stderr_lines[0]}" "mqtt-e2e: cannot open the key file '$PWD/.config/mqtt-e2e/key': No such file or directory"
    expect 1 "$MQTT_E2E" key show -K .
    printf '%s\0' "$URI" >k
    expect 1 "$MQTT_E2E" key show -K k
    same "${stderr_lines[0]}" "mqtt-e2e: key file 'k': a NUL byte: this is not a text file"
}

@test "key: others that can read the file are warned of" {
    key_file k "$URI"
    chmod 640 k
    expect 0 "$MQTT_E2E" key show -K k
    same "${stderr_lines[0]}" 'mqtt-e2e: warning: others on this machine can read the key file k'
    chmod 604 k
    expect 0 "$MQTT_E2E" key show -K k
    contains "$stderr" "mqtt-e2e: hint: chmod 600 'k'"
    chmod 400 k
    expect 0 "$MQTT_E2E" key show -K k
    same "$stderr" ''
}

@test "key: what it can't do" {
    bad 'key needs one of show, qr, device, c, toit' key
    bad "unknown 'key shwo': it is one of show, qr, device, c, toit" key shwo
    bad 'key show takes no -o' key show -o f
    bad 'key qr takes no --reveal' key qr --reveal
    bad 'key c takes no --json' key c --json
    bad "'more' is one argument too many" key show more
    bad 'key device needs the name of the device' key device
    bad 'key device needs the name of the device' key device ''
    bad "key qr -o takes FILE.png or FILE.svg, not 'f.gif'" key qr -K key -o f.gif
    expect 1 bash -c '"$0" key show -K key >/dev/full' "$MQTT_E2E"
    same "${stderr_lines[0]}" 'mqtt-e2e: cannot write to standard output: No space left on device'
    expect 1 bash -c '"$0" key show -K key >&-' "$MQTT_E2E"
    contains "$stderr" 'cannot write to standard output'
}

# ---- key qr -----------------------------------------------------------------------------------------

@test "key qr: a reader of QR codes reads the key file's line, from the terminal, PNG and SVG" {
    local long
    printf -v long '%0200d' 0
    for line in "$URI" "$URI@one,two:99,[::1]/home/a%20b?name=K%C3%BCche&user=me&password=p%26w&plain=1" \
        "$URI@broker.example.org?name=$long"; do
        rm -f code.*
        key_file k "$line"
        expect 0 "$MQTT_E2E" key qr -K k
        contains "$stderr" 'mqtt-e2e: warning: the QR code shows the key'
        node "$SUPPORT_DIR/qr_bitmap.js" <<<"$output" >code.pbm
        same "$(zbarimg --raw -q code.pbm 2>/dev/null)" "$line"
        expect 0 "$MQTT_E2E" key qr -K k -o code.png
        same "$output" ''
        same "$(zbarimg --raw -q code.png 2>/dev/null)" "$line"
        expect 0 "$MQTT_E2E" key qr -K k -o code.svg
        node "$SUPPORT_DIR/qr_bitmap.js" <code.svg >code.pbm
        same "$(zbarimg --raw -q code.pbm 2>/dev/null)" "$line"
        same "$(mode_of code.png) $(mode_of code.svg)" '600 600'
    done
    expect 1 "$MQTT_E2E" key qr -K k -o code.svg
    contains "$stderr" "'code.svg' is there already"
    expect 0 "$MQTT_E2E" key qr -K - -o stdin.png <<<000102030405060708090a0b0c0d0e0f
    same "$(zbarimg --raw -q stdin.png 2>/dev/null)" "$URI"
}

@test "key qr: on a terminal in colours of its own, unless NO_COLOR" {
    key_file k "$URI"
    script -qec "$MQTT_E2E key qr -K k" /dev/null </dev/null >tty.out
    contains "$(cat tty.out)" $'\e[38;5;231;48;5;16m'
    NO_COLOR=1 script -qec "$MQTT_E2E key qr -K k" /dev/null </dev/null >tty.out
    lacks "$(cat tty.out)" $'\e'
    TERM=dumb script -qec "$MQTT_E2E key qr -K k" /dev/null </dev/null >tty.out
    lacks "$(cat tty.out)" $'\e'
    expect 0 "$MQTT_E2E" key qr -K k
    lacks "$output$stderr" $'\e'
}

@test "key qr: a line that is too long for any QR code" {
    local long
    printf -v long '%%%02X' {1..200}
    long=$(printf '%%C3%%BC%.0s' {1..127})
    key_file k "$URI@$(printf 'h%.0s' {1..250}),$(printf 'i%.0s' {1..250})/$long?name=$long&user=$long&password=$long"
    expect 1 "$MQTT_E2E" key qr -K k
    contains "$stderr" "is too long for a QR code"
}

# ---- key device -------------------------------------------------------------------------------------

@test "key device: the key of tests/vectors/keys.json, with hosts, TLS and user of the fleet's" {
    local derived
    derived=$(node -p 'const k = require("'"$SUPPORT_DIR"'/../vectors/keys.json").keys[0];
        const d = k.devices ? k.devices[0] : null; d ? d.name + " " + Buffer.from(d.key, "hex").toString("base64url") : ""')
    [ -n "$derived" ]
    key_file k "$URI@one:99?tls=1&name=fleet&user=me&password=pw"
    expect 0 "$MQTT_E2E" key device "${derived% *}" -K k
    contains "$(grep -v '^#' <<<"$output")" "mqtt-e2e://${derived##* }@one:99?name="
    contains "$output" '&tls=1&user=me&password=pw'
    contains "$stderr" 'the password for the broker is in it, too'
    lacks "$output" AAECAwQF
}

@test "key device: to a new file for its owner alone; it works as any key file" {
    key_file k "$URI"
    expect 0 "$MQTT_E2E" key device -K k -o kitchen.key kitchen
    same "$output" ''
    same "$(mode_of kitchen.key)" 600
    expect 0 "$MQTT_E2E" key show -K kitchen.key
    same "$stderr" ''
    contains "$output" 'name         kitchen'
    lacks "$output" "$FINGERPRINT"
    "$MQTT_E2E" seal -K kitchen.key -t t -m x >sealed
    contains "$("$MQTT_E2E" open -K kitchen.key <sealed)" '"payload":"x"'
    contains "$("$MQTT_E2E" open -K k <sealed)" '"status":"forged"'
    expect 0 "$MQTT_E2E" key device -K k bath
    [ "$(grep -v '^#' <<<"$output")" != "$(line_of kitchen.key)" ]
    expect 1 "$MQTT_E2E" key device -K k -o kitchen.key kitchen
    contains "$stderr" "'kitchen.key' is there already"
    expect 2 "$MQTT_E2E" key device -K k $'a\tb'
    same "${stderr_lines[0]}" 'mqtt-e2e: the name of the device is not allowed: a control character in the name'
    expect 2 "$MQTT_E2E" key device -K k "$(printf 'x%.0s' {1..256})"
}

# ---- key c, key toit --------------------------------------------------------------------------------

@test "key c: compiles as C and as C++ and says the same there, whatever stands in the names" {
    key_file k "$URI@one:99,[::1]/ba%22se/%C3%BC1?name=n%5C%22%3F%3F%2Fx&tls=1&user=%24u%25s&password=p%3F%3F%3D9&plain=1"
    "$MQTT_E2E" key c -K k >node.h
    cat >main.c <<'END'
#include <stdio.h>
#include "node.h"
int main(void)
{
    unsigned i;
    for (i = 0; i < sizeof mqtt_e2e_node_key; i++)
        printf("%02x", mqtt_e2e_node_key[i]);
    printf("\n%s\n%s\n%s\n%s\n%d %d\n", MQTT_E2E_NODE_BASE, MQTT_E2E_NODE_NAME, MQTT_E2E_NODE_USER,
           MQTT_E2E_NODE_PASSWORD, MQTT_E2E_NODE_TLS, MQTT_E2E_NODE_PLAIN_TOPICS);
    for (i = 0; i < MQTT_E2E_NODE_HOSTS; i++)
        printf("%s %d\n", mqtt_e2e_node_hosts[i].name, mqtt_e2e_node_hosts[i].port);
    return 0;
}
END
    cp main.c main.cc
    local expected='000102030405060708090a0b0c0d0e0f
ba"se/ü1
n\"??/x
$u%s
p??=9
1 1
one 99
::1 8883'
    cc -std=c99 -Wall -Wextra -Wpedantic -Werror -o main main.c
    same "$(./main)" "$expected"
    c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -o main main.cc
    same "$(./main)" "$expected"
}

@test "key c: without hosts it names localhost, without a base the key's; 256 bits" {
    key_file k 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
    expect 0 "$MQTT_E2E" key c -K k
    contains "$output" 'mqtt_e2e_node_key[32] = {0x00, 0x01, 0x02'
    contains "$output" '{"localhost", 1883}'
    expect 0 "$MQTT_E2E" key c -K key
    contains "$output" "#define MQTT_E2E_NODE_BASE \"$BASE\""
    expect 0 "$MQTT_E2E" key c -K key -o secret.h
    same "$(mode_of secret.h)" 600
    expect 1 "$MQTT_E2E" key c -K key -o secret.h
    contains "$stderr" "'secret.h' is there already"
}

@test "key toit: byte array and strings in that language" {
    key_file k "$URI@one:99,two?name=%24x%22%5C"
    expect 0 "$MQTT_E2E" key toit -K k
    contains "$output" 'KEY ::= #[0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f]'
    contains "$output" "BASE ::= \"$BASE\""
    contains "$output" 'NAME ::= "\$x\"\\"'
    contains "$output" 'HOSTS ::= ["one", "two"]'
    contains "$output" 'PORTS ::= [99, 1883]'
}
