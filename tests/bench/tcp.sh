#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# TCP mode beside HAProxy's `mode tcp`, with one thread over the same two services: CPU microseconds of the process
# per exchange on 64 connections that stay, per connection that carries one exchange, and CPU milliseconds per GiB of
# one large flow. Ours is a real sidecar at weight 25 that a coordinator drives. Rounds alternate, the best counts.
#
# usage: tcp.sh [SECONDS [ROUNDS]]
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
seconds=${1:-3} rounds=${2:-3} gib=4
kept=$work/rounds

start_peer() {
    start_haproxy tcp <<CONF
  balance roundrobin
  server legacy 127.0.0.1:$legacy weight 75
  server new 127.0.0.1:$new weight 25
CONF
    wait_for "HAProxy" curl -fs "http://127.0.0.1:$haproxy/"
}

start_split() {
    free_port && split=$port
    cat >"$work/plan.yaml" <<PLAN
apiVersion: switchyard/v1
kind: Migration
metadata: {name: bench}
spec:
  systems:
    legacy: {endpoints: ["tcp://127.0.0.1:$legacy"]}
    new: {endpoints: ["tcp://127.0.0.1:$new"]}
  routing: {key: random, tcp: {port: $split}}
  breaker: {errors: 50, window: 10s, openFor: 30s}
  stages:
    - {name: quarter, weight: 25, approval: manual}
PLAN
    order apply -f "$work/plan.yaml"
    order start bench
    wait_for "the port" curl -fs "http://127.0.0.1:$split/"
}

# Two services that answer a few bytes, or as many as are asked for.
start_services() {
    truncate -s 1G "$work/large"
    free_port && legacy=$port && start_service legacy "$legacy"
    free_port && new=$port && start_service new "$new"
}

start_service() {
    start_nginx "$1" <<CONF
server {
    listen 127.0.0.1:$2 backlog=4096;
    root $work;
    sendfile on;
    location = / { return 200 "$1: hello from the backend, some bytes\n"; }
}
CONF
    wait_for "nginx $1" curl -fs "http://127.0.0.1:$2/"
}

# exchanges NAME PID PORT WHAT [HEADER]: a line with the CPU of one
exchanges() {
    local before
    before=$(ticks "$2")
    wrk -t1 -c64 "-d${seconds}s" -H "${5:-X-Bench: 1}" "http://127.0.0.1:$3/" >"$work/load.log"
    awk -v name="$1" -v what="$4" -v ticks="$(($(ticks "$2") - before))" \
        '/requests in/ { print name, what, ticks * 10000 / $1 }' "$work/load.log" >>"$kept"
}

# flow NAME PID PORT
flow() {
    local before i
    before=$(ticks "$2")
    for ((i = 0; i < gib; i++)); do
        curl -fsS -o /dev/null "http://127.0.0.1:$3/large"
    done
    echo "$1 flow $((($(ticks "$2") - before) * 10 / gib))" >>"$kept"
}

# best NAME WHAT: the least of it
best() {
    awk -v name="$1" -v what="$2" '$1 == name && $2 == what && (!best || $3 < best) { best = $3 } END { print best }' \
        "$kept"
}

start_services
start_coordinator
start_sidecars 1
start_split
start_peer
for ((round = 1; round <= rounds; round++)); do
    exchanges haproxy "${pid[haproxy]}" "$haproxy" kept
    exchanges ours "${pid[node-0]}" "$split" kept
    exchanges haproxy "${pid[haproxy]}" "$haproxy" short "Connection: close"
    exchanges ours "${pid[node-0]}" "$split" short "Connection: close"
    flow haproxy "${pid[haproxy]}" "$haproxy"
    flow ours "${pid[node-0]}" "$split"
done
row "tcp: CPU per exchange on a connection that stays" "$(best ours kept)" us HAProxy "$(best haproxy kept)" -
row "tcp: CPU per short connection" "$(best ours short)" us HAProxy "$(best haproxy short)" -
row "tcp: CPU per GiB of one flow" "$(best ours flow)" ms HAProxy "$(best haproxy flow)" -
