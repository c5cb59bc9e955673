#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the breaker and the decision cost a request, with one lane and with two: bench_breaker.c tells what is measured.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

"$BENCH_BIN/bench_breaker" >"$work/breaker"
figure() {
    awk -v name="$1" '$1 == name { print $2 }' "$work/breaker"
}

row "breaker: check, one thread" "$(figure check_1)" ns limit 10 1
row "breaker: check, two threads" "$(figure check_2)" ns limit 10 1
row "breaker: record, one thread" "$(figure record_1)" ns limit 25 1
row "breaker: record, two threads" "$(figure record_2)" ns limit 25 1
row "breaker: record, two threads beside one" "$(figure record_2)" ns "one thread" "$(figure record_1)" 1.3
row "decide: key to bucket to system, one thread" "$(figure decide_1)" ns limit 60 1
