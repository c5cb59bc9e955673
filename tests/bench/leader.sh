#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Three etcd members, three coordinators, three sidecars with all users on new and about 3,000 requests a second
# through them. The coordinator that leads is killed (kill -9), and at that very moment an emergency is given to one
# that follows: how long `switchyard` takes, which ends after the last node's acknowledgement; what reaches new after
# it; how long until another coordinator leads and has carried out a command; what clients notice.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
rounds=${1:-20}
ttl_ms=5000

# Milliseconds since the microsecond $1.
since() {
    local now
    now_us now
    awk -v us=$((now - $1)) 'BEGIN { print us / 1000 }'
}

# accepted SINCE: until a command that only a leader carries out has been
accepted() {
    until switchyard set weight other $((RANDOM % 50 + 1)) --reason measuring --no-wait --timeout 1s; do
        :
    done >"$work/accepted.log" 2>&1
    since "$1" >>"$work/accepted"
}

# A round's line: milliseconds of the emergency, requests on new after it.
measure() {
    local lead begin before after took
    lead=$(leader)
    now_us begin
    kill_hard "c-$lead"
    accepted "$begin" &
    now_us begin
    order rollback bench --emergency --reason "measuring" --endpoints "${replica[(lead + 1) % 3]}"
    took=$(since "$begin")
    before=$(requests_at "$new")
    sleep 0.3 # of load that must not reach new
    after=$(requests_at "$new")
    wait $!
    echo "$took $((after - before - 1))" >>"$work/rounds"
    revive_replica "$lead"
    wait_for "three coordinators" replicas_are 3
}

# A coordinator that leads anew gives nodes time to come back before it calls a rollback done.
is_rolled_back() {
    [ "$(switchyard status bench -o json | jq -r .phase)" = rolled_back ]
}

replicas_are() {
    [ "$(switchyard get coordinators -o json | jq '.coordinators | length')" = "$1" ]
}

# column N QUANTILE
column() {
    cut -d ' ' -f "$1" "$work/rounds" | quantile "$2"
}

start_origins
start_etcd 3
start_replicas 3
start_sidecars 3
start_rollout "exposeSystem: false"
sed 's/name: bench/name: other/; s|"header:X-User-Id"|"header:X-User-Id", hosts: [other.example]|' "$work/plan.yaml" \
    >"$work/other.yaml"
order apply -f "$work/other.yaml"
order start other
for node in 0 1 2; do
    start "load-$node" wrk -t1 -c6 -d3600s -s "$here/keys.lua" "http://127.0.0.1:${proxy[node]}/" -- 5
done
begun=$SECONDS
for ((round = 1; round <= rounds; round++)); do
    order promote bench --to all
    measure
    order rollback bench --clear --reason "measuring"
    wait_for "bench rolled back" is_rolled_back
    order start bench
done
seconds=$((SECONDS - begun))
for node in 0 1 2; do
    kill -INT "${pid[load-$node]}"
    wait "${pid[load-$node]}" || true
    unset "pid[load-$node]"
done

for q in 0.5:p50 0.99:p99 1:max; do
    row "leader killed, emergency by a follower, ${q#*:}" "$(column 1 "${q%:*}")" ms limit 500 1
done
row "requests on new after it, $rounds rounds" "$(awk '{ n += $2 } END { print n }' "$work/rounds")" requests limit 0 1
for q in 0.5:p50 1:max; do
    row "leader killed until a command is carried out, ${q#*:}" "$(quantile "${q%:*}" <"$work/accepted")" ms \
        "TTL + 2 s" $((ttl_ms + 2000)) 1
done
requests=$(client_requests "$work"/load-*.log)
row "client errors, $((requests / seconds)) requests/s for $seconds s" "$(client_errors "$work"/load-*.log)" errors \
    limit 0 1
