#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# etcd and all coordinators are killed (kill -9) while 100 real sidecars have all users on new. `switchyard rollback
# --emergency --direct all` then tells the sidecars themselves: from its start to its end, which comes after the last
# acknowledgement. Then everything comes back: nodes stay on legacy, and the order is in the history.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
nodes=${1:-100} rounds=${2:-10}

# What the nodes' proxies answer: the names of the services that took a request each.
sides() {
    local at
    for at in "${proxy[@]}"; do
        curl -fsS "http://127.0.0.1:$at/" | cut -d: -f1
    done | sort | uniq -c | awk '{ print $2 "=" $1 }'
}

nodes_are_alone() {
    [ "$(grep -l event=coordinator.lost "$work"/node-*.log | wc -l)" = "$nodes" ]
}

settled() {
    [ "$(switchyard status bench -o json | jq -r '"\(.phase) \(.convergence.serving)"')" = "rolled_back $nodes" ]
}

start_origins
start_etcd 3
start_replicas 3
start_sidecars "$nodes" --control 127.0.0.1:0
start_rollout "exposeSystem: false"
order promote bench --to all
order get nodes # the CLI notes where the fleet is
[ "$(sides)" = "new=$nodes" ] || fail "before: $(sides)"
for i in 0 1 2; do
    kill_hard "etcd-$i"
    kill_hard "c-$i"
done
wait_for "the nodes to notice" nodes_are_alone
sleep 5 # their dials become rarer; a fleet would not make all of them on our processors

begin=0 end=0
for ((round = 1; round <= rounds; round++)); do
    now_us begin
    order rollback bench --emergency --direct all --reason "headless $round"
    now_us end
    awk -v us=$((end - begin)) 'BEGIN { print us / 1000 }' >>"$work/rounds"
    [ "$(sides)" = "legacy=$nodes" ] || fail "after the order: $(sides)"
done
for i in 0 1 2; do
    revive_etcd "$i"
done
for i in 0 1 2; do
    revive_replica "$i"
done
wait_for "the coordinators to have the order" settled
after=$(sides)
recorded=$(switchyard history bench --limit 100 -o json |
    jq '[.entries[] | select(.operator == "bench" and .reason == "headless '"$rounds"'")] | length')

row "all dead: --direct to $nodes sidecars, first order" "$(head -n 1 "$work/rounds")" ms limit 500 1
row "  the same, $rounds orders, max" "$(quantile 1 <"$work/rounds")" ms limit 500 1
row "  all back: nodes not on legacy" "$([ "$after" = "legacy=$nodes" ] && echo 0 || echo 1)" nodes limit 0 1
row "  orders missing in the history" "$((recorded > 0 ? 0 : 1))" orders limit 0 1
