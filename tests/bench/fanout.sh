#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 400 bytes to 1,000 streams, a connection each: through common/rpc, decoded and in the handlers of all clients
# (bench_fanout.c), against the bare gRPC C core that only looks at the bytes. Servers and clients share the
# machine in both. Rounds alternate, the best of each counts.
#
# The bare probe is fanout_server.c and fanout_client.c in $BENCH_PEERS; without them only ours is told.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
streams=${1:-1000} rounds=${2:-3}
peers=${BENCH_PEERS:-}
pushes=8

# The probe has its port in its source.
build_probe() {
    local part
    [ -r "$peers/fanout_server.c" ] || return 1
    free_port
    for part in server client; do
        sed "s/50551/$port/" "$peers/fanout_$part.c" >"$work/$part.c"
        cc -O2 -w -o "$work/$part" "$work/$part.c" -lgrpc -lgpr -lpthread
    done
}

# A line with p50, p99 and the server's memory, into $work/NAME.
run_probe() {
    start server "$work/server" "$streams" $pushes 400
    start client "$work/client" "$streams" $pushes
    wait "${pid[client]}" "${pid[server]}" || fail "the probe failed"
    unset "pid[client]" "pid[server]"
    awk '/VmRSS/ && FILENAME ~ /server/ { kb = $(NF - 1) } /^client got/ { print $7, $9, kb }' \
        "$work/server.log" "$work/client.log" >>"$work/probe"
}

run_ours() {
    start fanout "$bin/bench_fanout" "$streams" $pushes 400
    wait "${pid[fanout]}" || fail "bench_fanout failed"
    unset "pid[fanout]"
    awk '/^memory/ { kb = $2 } /^p50/ { print $2, $4, kb }' "$work/fanout.log" >>"$work/ours"
}

# best NAME COLUMN
best() {
    if [ -s "$work/$1" ]; then
        cut -d ' ' -f "$2" "$work/$1" | quantile 0
    else
        echo -
    fi
}

peer="bare gRPC"
build_probe || peer="no probe at hand"
for ((round = 1; round <= rounds; round++)); do
    [ ! -x "$work/client" ] || run_probe
    run_ours
done
row "400 bytes to $streams streams, p50" "$(best ours 1)" ms "$peer" "$(best probe 1)" 1.3
row "400 bytes to $streams streams, p99" "$(best ours 2)" ms "$peer" "$(best probe 2)" 1.3
row "400 bytes to $streams streams, server memory" "$(best ours 3)" kB "$peer" "$(best probe 3)" 1.3
