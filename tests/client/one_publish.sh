#!/bin/sh
# SPDX-License-Identifier: MIT
# Nothing leaves unsealed: two calls publish, and both take what was sealed. The client's is in client/connection.c. doctor
# asks for the time as a node without a clock does, which the client is not (cli/doctor_clock.c).
set -eu
cd "$(dirname "$0")/../.."
calls=$(grep -rnoE --include='*.c' 'mosquitto_publish(_v5)?\(.*' client cli examples | sed 's/:[0-9]*:/:/' | LC_ALL=C sort)
expected='cli/doctor_clock.c:mosquitto_publish(l->patient->mosq, NULL, topic.wire, (int)len, packet, 0, false) == 0;
client/connection.c:'
case $calls in
"$expected"*) [ "$(echo "$calls" | wc -l)" = 2 ] && exit 0 ;;
esac
echo "$calls" >&2
echo "one_publish: expected are one call of mosquitto_publish in client/connection.c and one in cli/doctor_clock.c" >&2
exit 1
