#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Many seeds of the simulator, with the release build. For a night: tests/sim.sh --seeds 100000
#
# usage: tests/sim.sh [-j JOBS] [--seeds N]     JOBS: one for each core; N: 2000, dealt out to them
#        tests/sim.sh --seed K                  one seed, with its trace
#        tests/sim.sh --build                   build it; without that build, playing exits with 77 (skipped)
set -euo pipefail
cd "$(dirname "$0")/.."
program=build/release/bin/sim.test_sim_seeds
jobs=$(nproc)
seeds=2000

if [ "${1:-}" = --build ]; then exec cmake --build build/release --target sim.test_sim_seeds; fi
[ -x "$program" ] || { echo "not built: cmake --preset release && tests/sim.sh --build"; exit 77; }
if [ "${1:-}" = --seed ]; then exec "$program" --seed "$2"; fi
while [ $# -gt 1 ]; do
    case $1 in
        -j) jobs=$2 ;;
        --seeds) seeds=$2 ;;
        *) break ;;
    esac
    shift 2
done
[ $# -eq 0 ] || { sed -n 's/^# \{0,1\}//; 4,7p' "$0"; exit 1; }

each=$(((seeds + jobs - 1) / jobs))
pids=()
for ((job = 0; job < jobs; job++)); do
    "$program" --rows --from $((job * 4 * each + 1)) --seeds "$each" &
    pids+=($!)
done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=1; done
exit $status
