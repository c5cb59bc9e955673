#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What comparing costs: CPU microseconds per request of a sidecar that sends all to legacy, under 64 clients, with
# the answers of every tenth request compared with new's, beside the same without. Rounds alternate, the best of
# each counts. The answers differ in their text, so each pair is looked at.
#
# usage: compare.sh [SECONDS [ROUNDS]]
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
seconds=${1:-3} rounds=${2:-3}

# load NAME: CPU per request, a line in $work/rounds
load() {
    local before
    before=$(ticks "${pid[node-0]}")
    wrk -t1 -c64 "-d${seconds}s" -s "$here/keys.lua" "http://127.0.0.1:${proxy[0]}/" >"$work/load.log"
    awk -v name="$1" -v ticks="$(($(ticks "${pid[node-0]}") - before))" \
        '/requests in/ { printf "%s %.3f\n", name, ticks * 10000 / $1 }' "$work/load.log" >>"$work/rounds"
}

best() {
    awk -v name="$1" '$1 == name && (!best || $2 < best) { best = $2 } END { print best }' "$work/rounds"
}

has_compared() {
    switchyard discrepancies bench -o json | grep -q '"critical"'
}

start_origins
start_coordinator
start_sidecars 1
start_rollout "exposeSystem: false"
cp "$work/plan.yaml" "$work/plain.yaml"
sed 's/^  breaker:/  compare: {sample: 10, noise: 10}\n&/' "$work/plain.yaml" >"$work/compare.yaml"
for ((round = 1; round <= rounds; round++)); do
    order apply -f "$work/plain.yaml"
    load plain
    order apply -f "$work/compare.yaml"
    load compared
done
wait_for "comparisons" has_compared
row "compare: CPU per request, 10 % of them" "$(best compared)" us "without" "$(best plain)" 1.1
