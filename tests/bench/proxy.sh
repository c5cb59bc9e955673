#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The proxy beside HAProxy and nginx, all splitting 75/25 over the same two services with one thread, under 64
# clients that name their user in a header: CPU microseconds per request of each process alone. Ours is a
# real sidecar at weight 25 that a coordinator drives, with key, breaker, fallback, counters and reports; HAProxy
# only counts to four. Then the time that requests take at half of HAProxy's rate, sent at their instants whether or not
# answers come. Rounds alternate, each proxy's best counts.
#
# usage: proxy.sh [SECONDS [ROUNDS]]     BENCH_ROUNDS=FILE keeps requests per second, p99 and CPU of every round
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
seconds=${1:-3} rounds=${2:-3}
kept=${BENCH_ROUNDS:-$work/rounds}

# load NAME PID PORT: a line with requests per second, p99, CPU per request and failures
load() {
    local before
    before=$(ticks "$2")
    wrk -t1 -c64 "-d${seconds}s" --latency -s "$here/keys.lua" "http://127.0.0.1:$3/" >"$work/load.log"
    awk -v name="$1" -v ticks="$(($(ticks "$2") - before))" '
        /requests in/ { n = $1 } /Requests\/sec/ { rate = $2 } / 99%/ { p99 = $2 } /Non-2xx/ { bad = $NF }
        END { printf "%-8s %8.0f rps   p99 %8s   %6.2f us per request   %d failed\n",
                  name, rate, p99, ticks * 10000 / n, bad }' "$work/load.log" >>"$kept"
}

# best NAME COLUMN: the least of it
best() {
    awk -v name="$1" -v column="$2" '$1 == name && (!best || $column < best) { best = $column } END { print best }' "$kept"
}

# most NAME: requests per second
most() {
    awk -v name="$1" '$1 == name && $2 > most { most = $2 } END { print most }' "$kept"
}

# steady NAME PORT RATE: a line with the p99 of requests that come at this rate
steady() {
    rm -f "$work/steady.log"
    h2load --h1 -t1 -c64 "--rps=$(($3 / 64))" -D "$seconds" --log-file="$work/steady.log" "http://127.0.0.1:$2/" \
        >"$work/h2load.log"
    awk '$2 == 200 { print $3 }' "$work/steady.log" | sort -n |
        awk -v name="$1-steady" '{ took[NR] = $1 }
            END { printf "%-14s %d requests, p99 %d us\n", name, NR, took[int(NR * 0.99)] }' >>"$kept"
}

start_origins
start_coordinator
start_sidecars 1
start_rollout "exposeSystem: false"
order set weight bench 25 --reason "measuring"
start_splitters '' '' ''
for ((round = 1; round <= rounds; round++)); do
    load haproxy "${pid[haproxy]}" "$haproxy"
    load nginx "${pid[nginx]}" "$nginx"
    load ours "${pid[node-0]}" "${proxy[0]}"
done
half=$(most haproxy | awk '{ print int($1 / 2) }')
for ((round = 1; round <= rounds; round++)); do
    steady haproxy "$haproxy" "$half"
    steady ours "${proxy[0]}" "$half"
done
row "proxy: CPU per request" "$(best ours 6)" us HAProxy "$(best haproxy 6)" 0.95
row "proxy: CPU per request" "$(best ours 6)" us nginx "$(best nginx 6)" 0.87
row "proxy: time per request as fast as it goes" "$(most ours | awk '{ print 1e6 / $1 }')" us \
    HAProxy "$(most haproxy | awk '{ print 1e6 / $1 }')" 1
row "proxy: p99 at $half requests/s" "$(best ours-steady 5)" us HAProxy "$(best haproxy-steady 5)" 1.1
