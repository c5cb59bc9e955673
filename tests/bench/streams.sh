#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Many nodes on one coordinator: what the memory of 5,000 streams is, each; and a storm: the coordinator of 1,000
# nodes is killed (kill -9) and started again, until each of them has dialled, said what it serves, and has all its
# rules again.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
streams=${1:-5000} storm=${2:-1000} rounds=${3:-5}

revive_coordinator() {
    start coordinator switchyard-coordinator --listen "$SWITCHYARD_ENDPOINTS" --data "$work/coordinator.data" \
        --log-level warn
}

all_are_back() {
    [ "$(wc -l <"$work/nodes.log")" -gt "$1" ]
}

legacy=1 new=2 # no proxy asks them
start_coordinator
start_rollout "exposeSystem: false"
before=$(resident_kb "${pid[coordinator]}")
start_nodes "$streams" "$SWITCHYARD_ENDPOINTS"
order set weight bench 10 --reason measuring
after=$(resident_kb "${pid[coordinator]}")
row "$streams streams on one coordinator: memory, each" \
    "$(awk -v kb=$((after - before)) -v n="$streams" 'BEGIN { print kb / n }')" kB limit 40 1
kill_hard nodes

start_nodes "$storm" "$SWITCHYARD_ENDPOINTS"
for ((round = 1; round <= rounds; round++)); do
    kill_hard coordinator
    revive_coordinator
    wait_for "the nodes after a storm" all_are_back "$round"
done
# "all 1000 have their rules after 812 ms"
slowest=$(awk 'NR > 1 { print $(NF - 1) }' "$work/nodes.log" | quantile 1)
row "kill to $storm nodes with all their rules, $rounds times, max" "$(awk -v ms="$slowest" 'BEGIN { print ms / 1000 }')" \
    s limit 5 1
