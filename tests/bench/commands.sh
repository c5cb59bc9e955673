#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A command through etcd (three members, on this disk) and three coordinators, to nodes that are real streams: from
# the start of `switchyard set weight` to its end, which comes after the last node's acknowledgement. Given to the
# coordinator that leads, and to one that hands it on.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
rounds=${1:-100}

# Milliseconds of a round, a line each.
give() {
    local round begin end
    for ((round = 1; round <= rounds; round++)); do
        now_us begin
        order set weight bench $((round % 50 + 1)) --reason measuring --endpoints "$1"
        now_us end
        awk -v us=$((end - begin)) 'BEGIN { print us / 1000 }'
    done
}

# figure NODES LIMIT
figure() {
    local lead where q
    start_nodes "$1" "$SWITCHYARD_ENDPOINTS"
    lead=$(leader)
    for where in leader:${replica[lead]} follower:${replica[(lead + 1) % 3]}; do
        give "${where#*:}" >"$work/rounds"
        for q in 0.5:p50 0.99:p99; do
            row "$1 nodes, by the ${where%%:*}: whole command, ${q#*:}" "$(quantile "${q%:*}" <"$work/rounds")" \
                ms limit "$2" 1
        done
    done
    kill_hard nodes
}

legacy=1 new=2 # no proxy asks them
start_etcd 3
start_replicas 3
start_rollout "exposeSystem: false"
figure 100 100
figure 1000 300
