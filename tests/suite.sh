# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# What the suites share. A suite is an executable tests/suites/NAME that starts with
#
#     . "${0%/*}/../suite.sh"
#
# and then runs in the top folder of the sources, with $work for its own files, $JOBS processes at most. It is run by
# scripts/test, or by hand. Exit 0: passed. Lines that start with `note: ` are shown even then.
#
# $MQTT_E2E_ALL is `yes` where the longer version of a suite is wanted that has one (scripts/test --all), else `no`.
set -eu
cd "$(dirname "$0")/../.."
suite=${0##*/}
work=$PWD/build/test/$suite
: "${JOBS:=$(nproc)}"
export JOBS
: "${MQTT_E2E_ALL:=no}"
PATH=$PATH:/usr/sbin:/sbin # where Debian has mosquitto, for people who are not root
mkdir -p "$work"

note() {
    echo "note: $*"
}

fail() {
    echo "$suite: $*" >&2
    exit 1
}

# build DIR [CMAKE OPTION...]: builds all, the tests included, with warnings as errors. Suites that share a folder wait.
build() {
    (
        dir=$1
        shift
        mkdir -p "$dir"
        flock 9
        cmake -S . -B "$dir" -G Ninja -DMQTT_E2E_TESTS=ON -DMQTT_E2E_WERROR=ON "$@"
        cmake --build "$dir" -j "$JOBS"
    ) 9>"$1.lock"
}

# The plain build, which several suites use.
# shellcheck disable=SC2034 # by suites
plain=$PWD/build/test/plain

# run_tests DIR [CTEST OPTION...]: fails too if there are none. One more at a time than there are processes to have:
# those with a broker wait most of the time.
run_tests() {
    dir=$1
    shift
    ctest --test-dir "$dir" -j "$((JOBS + 1))" --output-on-failure --no-tests=error --timeout 1200 "$@"
}
