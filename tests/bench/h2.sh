#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Clients of HTTP/2 without TLS: the proxy beside HAProxy and nginx, all splitting over the same two services of
# HTTP/1.1 with one thread, under h2load's 8 connections of 16 streams each: CPU microseconds per request of each
# process alone. Ours is a real sidecar at weight 25 that a coordinator drives. Rounds alternate, each proxy's best
# counts.
#
# usage: h2.sh [REQUESTS [ROUNDS]]     BENCH_ROUNDS=FILE keeps the CPU of every round
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
requests=${1:-60000} rounds=${2:-3}
kept=${BENCH_ROUNDS:-$work/rounds}

# load NAME PID PORT: a line with CPU per request
load() {
    local before
    before=$(ticks "$2")
    h2load -t1 -c8 -m16 "-n$requests" -H 'X-User-Id: 7' "http://127.0.0.1:$3/" >"$work/load.log"
    grep -q "$requests succeeded" "$work/load.log" || fail "$1 did not answer all: $(grep requests: "$work/load.log")"
    awk -v name="$1" -v ticks="$(($(ticks "$2") - before))" -v n="$requests" \
        'BEGIN { printf "%-8s %6.2f us per request\n", name, ticks * 10000 / n }' >>"$kept"
}

# best NAME: the least of it
best() {
    awk -v name="$1" '$1 == name && (!best || $2 < best) { best = $2 } END { print best }' "$kept"
}

start_origins
start_coordinator
start_sidecars 1
start_rollout "exposeSystem: false"
order set weight bench 25 --reason "measuring"
start_splitters --http2-prior-knowledge http2 'proto h2'
for ((round = 1; round <= rounds; round++)); do
    load haproxy "${pid[haproxy]}" "$haproxy"
    load nginx "${pid[nginx]}" "$nginx"
    load ours "${pid[node-0]}" "${proxy[0]}"
done
row "h2: CPU per request" "$(best ours)" us HAProxy "$(best haproxy)" 1
row "h2: CPU per request" "$(best ours)" us nginx "$(best nginx)" 1
