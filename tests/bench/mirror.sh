#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# All requests copied to new, beside nginx's `mirror`, with one thread each, under 64 clients: CPU microseconds per
# request of the process alone, copies included, and what the copies add to the users' p99, with a target that answers
# and with one that takes connections and never does. About 3,000 requests a second that come when they like, and the
# same in bursts of 64; and what the same requests to new add when another client sends them, for new's own work is on
# these cores, too. Then as fast as it goes: a busy node drops copies. Rounds alternate, in bursts half as many, and a
# quarter at full speed. The least CPU counts, and the median of the rounds' p99. On a virtual machine a round from
# which the host took time tells of the host, whose pauses of 10 ms are every p99 then: it is taken again, up to
# $tries times.
#
# usage: mirror.sh [SECONDS [ROUNDS]]     BENCH_ROUNDS=FILE keeps requests per second, p99 and CPU of every round, and
#                                         the hundredths of a second that the host took
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
seconds=${1:-1} rounds=${2:-40} tries=5
kept=${BENCH_ROUNDS:-$work/rounds}

# A service that hangs: it stands still while anybody is measured, and the kernel takes connections for it. None is closed
# before its copy's time is over.
start_hanging() {
    free_port && hanging=$port
    start hanging python3 -c "
import collections, socket
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('127.0.0.1', $hanging))
listener.listen(4096)
kept = collections.deque(maxlen=600)
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

# ask WHEN URL: 64 clients; WHEN is spread, burst or full
ask() {
    local when=()
    case $1 in
    spread) when=(-- 20 random) ;;
    burst) when=(-- 20) ;;
    esac
    wrk -t1 -c64 "-d${seconds}s" --latency -s "$here/keys.lua" "$2" "${when[@]}"
}

stolen() {
    awk '$1 == "cpu" { print $9 }' /proc/stat
}

# round NAME PID URL WHEN: a line with p99 in milliseconds, CPU per request and what the host took, into $work/round;
# of `beside`, while others ask new as much
round() {
    local before taken others=
    kill -STOP "${pid[hanging]}"
    before=$(ticks "$2") taken=$(stolen)
    if [ "$1" = beside ]; then
        ask "$4" "http://127.0.0.1:$new/" >"$work/beside.log" &
        others=$!
    fi
    ask "$4" "$3" >"$work/load.log"
    [ -z "$others" ] || wait "$others"
    kill -CONT "${pid[hanging]}"
    awk -v name="$1-$4" -v ticks="$(($(ticks "$2") - before))" -v taken="$(($(stolen) - taken))" '
        function ms(x) { return x ~ /us$/ ? x / 1000 : x ~ /ms$/ ? x + 0 : x * 1000 }
        /requests in/ { n = $1 } /Requests\/sec/ { rate = $2 } / 99%/ { p99 = ms($2) } /Non-2xx/ { bad = $NF }
        END { printf "%-14s %8.0f rps   p99 %8.3f ms   %6.2f us per request   %d failed   %d taken\n",
                  name, rate, p99, ticks * 10000 / n, bad, taken }' "$work/load.log" >"$work/round"
}

# load NAME PID URL WHEN: a round, into $kept
load() {
    local try
    for ((try = 1; try <= tries; try++)); do
        round "$@"
        if [ "$4" = full ] || [ "$(awk '{ print $(NF - 1) }' "$work/round")" -le 1 ]; then
            break
        fi
    done
    cat "$work/round" >>"$kept"
}

# best NAME FIELD: the least of it
best() {
    awk -v name="$1" -v field="$2" '$1 == name && (!best || $field < best) { best = $field } END { print best }' "$kept"
}

# median NAME: of the rounds' p99
median() {
    awk -v name="$1" '$1 == name { print $5 }' "$kept" | sort -n |
        awk '{ p99[NR] = $1 } END { print (p99[int((NR + 1) / 2)] + p99[int((NR + 2) / 2)]) / 2 }'
}

# Rounds that the host disturbed all the same.
disturbed() {
    awk '$1 !~ /full/ && $(NF - 1) > 1 { n++ } END { print n + 0 }' "$kept"
}

# us_each NAME: microseconds for each request of the best round
us_each() {
    awk -v name="$1" '$1 == name && $2 > most { most = $2 } END { print 1e6 / most }' "$kept"
}

# dropped ROUTE: copies, so far
dropped() {
    switchyard stats "$1" --window 1h -o json | jq .mirror.dropped
}

declare -A share=([spread]=1 [burst]=2 [full]=4) # of the rounds
start_origins
start_hanging
start_coordinator
start_sidecars 1
add_route plain "$new" 0
add_route mirror "$new" 100
add_route hang "$hanging" 100
nginx_mirror nginx "$new" && nginx=$port
for when in spread burst full; do
    [ $when != full ] || lost=$(dropped mirror)
    for ((round = 1; round <= (rounds + share[$when] - 1) / share[$when]; round++)); do
        load nginx "${pid[nginx]}" "http://127.0.0.1:$nginx/" $when
        load beside "${pid[node-0]}" "http://127.0.0.1:${proxy[0]}/plain" $when
        for route in plain mirror hang; do
            load "$route" "${pid[node-0]}" "http://127.0.0.1:${proxy[0]}/$route" $when
        done
    done
done
row "mirror 100 %: CPU per request" "$(best mirror-spread 7)" us nginx "$(best nginx-spread 7)" 0.4
row "  without a mirror" "$(best plain-spread 7)" us "" - -
row "  the users' p99" "$(median mirror-spread)" ms without "$(median plain-spread)" 1.1
row "  the same, the target hangs" "$(median hang-spread)" ms without "$(median plain-spread)" 1.1
row "  the same, to one who asks new as much" "$(median mirror-spread)" ms "asking" "$(median beside-spread)" -
row "  the users' p99 in bursts" "$(median mirror-burst)" ms without "$(median plain-burst)" 1.1
row "  the same, the target hangs" "$(median hang-burst)" ms without "$(median plain-burst)" 1.1
row "  the same of nginx" "$(median nginx-burst)" ms "" - -
row "  rounds of these that the host disturbed" "$(disturbed)" rounds of "$(grep -vc full "$kept")" -
row "  copies dropped so far" "$lost" copies limit 0 1
row "  CPU per request as fast as it goes" "$(best mirror-full 7)" us nginx "$(best nginx-full 7)" 0.4
row "  time per request as fast as it goes" "$(us_each mirror-full)" us without "$(us_each plain-full)" -
row "  the same of nginx" "$(us_each nginx-full)" us without "$(us_each plain-full)" -
