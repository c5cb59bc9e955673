#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the programs take while nothing happens: memory of a sidecar and of its coordinator (VmRSS, with the
# pages of shared libraries that any process has too, and without them), and the time of `switchyard status`.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
runs=${1:-40}

# Megabytes, of 1,000,000 bytes, in the lines of /proc/PID/status whose names match.
megabytes() {
    awk -v name="^$2:" '$1 ~ name { kb += $2 } END { print kb * 1024 / 1000000 }' "/proc/$1/status"
}

time_status() {
    local begin
    for ((run = 0; run < runs; run++)); do
        begin=${EPOCHREALTIME/[.,]/}
        switchyard status bench >/dev/null
        echo $((${EPOCHREALTIME/[.,]/} - begin))
    done | awk '{ print $1 / 1000 }'
}

start_origins
start_coordinator
start_sidecars 1
start_rollout "exposeSystem: false"
sleep 1 # idle, with a report or two
row "sidecar memory, idle" "$(megabytes "${pid[node-0]}" VmRSS)" MB limit 15 1
row "  its own, without pages of libraries" "$(megabytes "${pid[node-0]}" RssAnon)" MB - - -
row "coordinator memory, idle" "$(megabytes "${pid[coordinator]}" VmRSS)" MB - - -
row "  its own, without pages of libraries" "$(megabytes "${pid[coordinator]}" RssAnon)" MB - - -
row "switchyard status, start to end, p50" "$(time_status | quantile 0.5)" ms - - -
