#!/bin/sh
# SPDX-License-Identifier: MIT
# Nothing leaves unsealed: the client has one call that publishes (client/connection.c), and it takes what was sealed.
set -eu
cd "$(dirname "$0")/../.."
calls=$(grep -rnE --include='*.c' 'mosquitto_publish(_v5)?\(' client)
[ "$(echo "$calls" | wc -l)" = 1 ] && case $calls in client/connection.c:*) exit 0 ;; esac
echo "$calls" >&2
echo "one_publish: exactly one call of mosquitto_publish is expected, in client/connection.c" >&2
exit 1
