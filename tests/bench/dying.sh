#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# New dies at weight 100 under the load of 64 clients that never pause, and comes back: what clients notice of it, how
# many requests reach out for the dead new (those under way, five, and probes), and how many fail until new has its
# whole share again (probes: ten at a time).
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

breaker() {
    switchyard status bench -o json | jq -r .breaker.state
}

is() {
    [ "$(breaker)" = "$1" ]
}

errors_of_new() {
    switchyard stats bench --window 10m -o json | jq -r .new.errors
}

start_origins
start_coordinator
start_sidecars 1
start_rollout "exposeSystem: false"
sed -i 's/breaker: .*/breaker: {errors: 5, window: 300s, openFor: 1s, halfOpenRequests: 10, reRamp: 3s}/' "$work/plan.yaml"
order apply -f "$work/plan.yaml"
order promote bench --to all
start load wrk -t1 -c64 -d600s -s "$here/keys.lua" "http://127.0.0.1:${proxy[0]}/"
sleep 2 # of load on new
kill_hard new
wait_for "the breaker's opening" is open
sleep 3 # of probes that fail
errors=$(errors_of_new)
rm -rf "$work/new"
start_origin new "$new"
wait_for "new to be let in again" is closed
sleep 2 # of load on new
after=$(errors_of_new)
kill -INT "${pid[load]}"
wait "${pid[load]}" || true
unset "pid[load]"
row "new dies at 100 %: errors that clients saw" "$(client_errors "$work/load.log")" errors limit 0 1
row "  of requests" "$(client_requests "$work/load.log")" requests - - -
row "  requests on the dead new, with those under way" "$errors" requests limit 150 1
row "  errors until new has its whole share again" "$((after - errors))" errors limit 20 1
