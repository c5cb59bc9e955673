#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Emergency rollback at weight 100 of three real sidecars under load: from the start of the command line program
# until the last node's acknowledgement, and what reaches new after that. Each node has the load of 4 clients that
# pause for 5 ms after each answer: what is measured is the order, not the queue for the processors.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
rounds=${1:-20}

# Microseconds since 1970 of the last acknowledgement, and the milliseconds it took from the order's arrival. The
# coordinator notes that in whole milliseconds: one is added, so that we never flatter.
acknowledged() {
    local time ms
    read -r time ms < <(switchyard status bench -o json | jq -r '.lastRollback | "\(.time) \(.measuredMs)"')
    awk -v t="$(date +%s%3N -d "$time")" -v ms="$ms" 'BEGIN { printf "%.0f %s\n", (t + 1 + ms) * 1000, ms }'
}

# All nodes at 100 %, the load on new; then the order. A line: milliseconds from the command's start to the last
# acknowledgement, from the order's arrival to it, of the whole command; requests on new after it.
measure() {
    local begin end last ms before after
    order promote bench --to all
    sleep 0.3 # of load on new
    now_us begin
    order rollback bench --emergency --reason "measuring"
    now_us end
    before=$(requests_at "$new")
    read -r last ms < <(acknowledged)
    sleep 0.3 # of load that must not reach new
    after=$(requests_at "$new")
    awk -v b="$begin" -v l="$last" -v ms="$ms" -v e="$end" -v n=$((after - before - 1)) \
        'BEGIN { print (l - b) / 1000, ms, (e - b) / 1000, n }'
}

# column N QUANTILE
column() {
    cut -d ' ' -f "$1" "$work/rounds" | quantile "$2"
}

start_origins
start_coordinator
start_sidecars 3
start_rollout "exposeSystem: false"
for node in 0 1 2; do
    start "load-$node" wrk -t1 -c4 -d600s -s "$here/keys.lua" "http://127.0.0.1:${proxy[node]}/" -- 5
done
for ((round = 1; round <= rounds; round++)); do
    measure >>"$work/rounds"
    order rollback bench --clear --reason "measuring"
    order start bench
done
for node in 0 1 2; do
    kill -INT "${pid[load-$node]}"
    wait "${pid[load-$node]}" || true
    unset "pid[load-$node]"
done

for q in 0.5:p50 0.99:p99 1:max; do
    row "emergency: start of command to last node, ${q#*:}" "$(column 1 "${q%:*}")" ms limit 100 1
done
row "  of it, arrival of the order to last node, max" "$(column 2 1)" ms - - -
row "  until stored and answered, p50" "$(column 3 0.5)" ms - - -
row "requests on new after it, $rounds rounds" "$(awk '{ n += $4 } END { print n }' "$work/rounds")" requests limit 0 1
row "client errors in $(client_requests "$work"/load-*.log) requests" "$(client_errors "$work"/load-*.log)" \
    errors limit 0 1
