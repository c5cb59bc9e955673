#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# New dies at weight 100 under requests that come at a fixed rate, whatever becomes of those before, and comes back:
# what clients notice of it, how many failures it takes each node to open its breaker, how many requests more reach out
# for the dead new (those under way when it opened, and probes), and whether its share rises again without another trip.
#
# RATE: requests per second, of all nodes together (20000). NODES: sidecars of one thread each (2). CLIENTS: connections
# of each (250); so many requests may be under way, and more than the machine carries are late and not sent twice.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
rate=${RATE:-20000} nodes=${NODES:-2} clients=${CLIENTS:-250}

breakers() {
    switchyard breaker show bench -o json | jq -er "$1"
}

all_are() {
    breakers "(.nodes | length) == $nodes and ([.nodes[].state] | all(. == \"$1\"))" | grep -q true
}

let_in() {
    breakers '[.nodes[].share] | all(. > 0)' | grep -q true
}

trips() {
    breakers '[.nodes[].opened] | add'
}

errors_of_new() {
    switchyard stats bench --window 10m -o json | jq -r .new.errors
}

start_load() {
    local i
    for ((i = 0; i < nodes; i++)); do
        start "load-$i" h2load --h1 -t1 "-c$clients" "--rps=$((rate / nodes / clients))" "-D$1" \
            "http://127.0.0.1:${proxy[i]}/"
    done
}

# Of h2load's reports: the number before WORD in the line that begins with LINE, added up.
told() {
    cat "$work"/load-*.log | awk -v line="$1" -v word="$2" '
        index($0, line) == 1 { for (i = 2; i <= NF; i++) if ($i ~ "^" word) n += $(i - 1) }
        END { print n + 0 }'
}

start_origins
start_coordinator
start_sidecars "$nodes"
start_rollout "exposeSystem: false"
sed -i 's/breaker: .*/breaker: {errors: 5, window: 300s, openFor: 3s, halfOpenRequests: 10, reRamp: 3s}/' "$work/plan.yaml"
order apply -f "$work/plan.yaml"
order promote bench --to all
seconds=24
start_load $seconds
sleep 4 # of load on new
kill_hard new
wait_for "the breakers' opening" all_are open
failures=$(breakers '[.nodes[].errors] | max') # before any probe: that is three seconds away
opened=$(errors_of_new)
sleep 5 # of probes that fail
errors=$(errors_of_new)
rm -rf "$work/new"
start_origin new "$new"
wait_for "new to be let in again" let_in
before=$(trips)
wait_for "new to have its whole share" all_are closed
sleep 2 # of load on new
after=$(trips)
for ((i = 0; i < nodes; i++)); do
    wait "${pid[load-$i]}" || true
    unset "pid[load-$i]"
done
row "new dies at 100 %: requests per second that came" "$(($(told requests: total) / seconds))" requests/s - - -
row "  errors that clients saw" "$(told requests: failed)" errors limit 0 1
row "  failures until a node opens its breaker" "$failures" failures limit 5 1
row "  requests on the dead new until all were open" "$opened" requests - - -
row "  requests on the dead new, with probes" "$errors" requests - - -
row "  trips while new's share rises again" "$((after - before))" trips limit 0 1
