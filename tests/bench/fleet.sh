#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 1,000 simulated nodes, each on its own connection: a change of weight until all have acknowledged it, and what
# the coordinator's memory grows by per node. bench_fleet_1000.c measures.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
nodes=${1:-1000} rounds=${2:-20}

"$bin/bench_fleet_1000" "$bin/switchyard-coordinator" "$nodes" "$rounds" >"$work/fleet"
# "command to last acknowledgement  median 53.6 ms  worst 66.1 ms"
read -r median worst < <(awk '/^command/ { print $(NF - 4), $(NF - 1) }' "$work/fleet")
memory=$(awk '/^coordinator memory/ { print $(NF - 5) }' "$work/fleet")

row "$nodes nodes: command to last acknowledgement, p50" "$median" ms limit 250 1
row "$nodes nodes: command to last acknowledgement, max" "$worst" ms limit 250 1
row "$nodes nodes: coordinator memory per node" "$memory" kB limit 60 1
