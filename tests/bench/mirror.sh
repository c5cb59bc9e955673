#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# All requests copied to new, beside nginx's `mirror`, with one thread each: CPU microseconds per request of the
# process alone under 64 busy clients, copies included, and what the copies add to the users' p99 under a load of about
# 3,000 requests a second. Once more with a target that takes connections and never answers. Rounds alternate, each
# one's best counts.
#
# usage: mirror.sh [SECONDS [ROUNDS]]     BENCH_ROUNDS=FILE keeps requests per second, p99 and CPU of every round
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
seconds=${1:-3} rounds=${2:-3}
kept=${BENCH_ROUNDS:-$work/rounds}

# A service that hangs: what connects stays connected.
start_hanging() {
    free_port && hanging=$port
    start hanging python3 -c "
import socket
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('127.0.0.1', $hanging))
listener.listen(4096)
kept = []
while True:
    kept.append(listener.accept()[0])"
    wait_for "a service that hangs" takes_connections "$hanging"
}

takes_connections() {
    : <"/dev/tcp/127.0.0.1/$1"
}

# nginx_mirror NAME TARGET: into `port`
nginx_mirror() {
    free_port
    start_nginx "$1" <<CONF
upstream legacy { server 127.0.0.1:$legacy; keepalive 256; keepalive_requests 1000000000; }
upstream new { server 127.0.0.1:$2; keepalive 256; keepalive_requests 1000000000; }
server {
    listen 127.0.0.1:$port backlog=4096;
    location / {
        mirror /copy;
        proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://legacy;
    }
    location = /copy {
        internal;
        proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://new\$request_uri;
    }
}
CONF
    wait_for "nginx $1" curl -fs "http://127.0.0.1:$port/"
}

# add_route NAME NEW MIRROR: requests below /NAME
add_route() {
    cat >"$work/$1.yaml" <<PLAN
apiVersion: switchyard/v1
kind: Migration
metadata: {name: $1}
spec:
  systems:
    legacy: {endpoints: ["http://127.0.0.1:$legacy"]}
    new: {endpoints: ["http://127.0.0.1:$2"]}
  routing: {key: "header:X-User-Id", path: "/$1", exposeSystem: false}
  stages:
    - {name: shadow, weight: 0, mirror: $3, approval: manual}
PLAN
    order apply -f "$work/$1.yaml"
    order start "$1"
}

# load NAME PID URL [PAUSE]: a line with p99 in milliseconds and CPU per request; PAUSE is in milliseconds
load() {
    local before
    before=$(ticks "$2")
    wrk -t1 -c64 "-d${seconds}s" --latency -s "$here/keys.lua" "$3" -- ${4:+"$4"} >"$work/load.log"
    awk -v name="$1-${4:+paced}" -v ticks="$(($(ticks "$2") - before))" '
        function ms(x) { return x ~ /us$/ ? x / 1000 : x ~ /ms$/ ? x + 0 : x * 1000 }
        /requests in/ { n = $1 } /Requests\/sec/ { rate = $2 } / 99%/ { p99 = ms($2) } /Non-2xx/ { bad = $NF }
        END { printf "%-14s %8.0f rps   p99 %8.3f ms   %6.2f us per request   %d failed\n",
                  name, rate, p99, ticks * 10000 / n, bad }' "$work/load.log" >>"$kept"
}

# best NAME FIELD
best() {
    awk -v name="$1" -v field="$2" '$1 == name && (!best || $field < best) { best = $field } END { print best }' "$kept"
}

start_origins
start_hanging
start_coordinator
start_sidecars 1
add_route plain "$new" 0
add_route mirror "$new" 100
add_route hang "$hanging" 100
nginx_mirror nginx "$new" && nginx=$port
for ((round = 1; round <= rounds; round++)); do
    for pause in "" 20; do
        load nginx "${pid[nginx]}" "http://127.0.0.1:$nginx/" $pause
        for route in plain mirror hang; do
            load "$route" "${pid[node-0]}" "http://127.0.0.1:${proxy[0]}/$route" $pause
        done
    done
done
row "mirror 100 %: CPU per request" "$(best mirror- 7)" us nginx "$(best nginx- 7)" 0.4
row "  without a mirror" "$(best plain- 7)" us "" - -
row "  the users' p99, paced" "$(best mirror-paced 5)" ms without "$(best plain-paced 5)" 1.1
row "  the same, the target hangs" "$(best hang-paced 5)" ms without "$(best plain-paced 5)" 1.1
row "  the same of nginx" "$(best nginx-paced 5)" ms "" - -
