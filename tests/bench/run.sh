#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the release, measures every figure beside its peer or limit in the same run, prints one table.
#
# usage: tests/bench/run.sh [--bin DIR] [FIGURE...]      all of them, in about eight minutes after the build
#   --bin DIR   measure the programs there instead of building
#   FIGURE      one of those that README.md tells
#
# Figures are no tests: a missed aim does not fail the run. Exit 0; 2 when a figure could not be measured.
set -euo pipefail
cd "$(dirname "$0")/../.."
all=(idle split failover emergency proxy tls h2 tcp mirror compare fleet streams commands leader headless fanout core breaker dying)

die() {
    printf 'run.sh: %s\n' "$1" >&2
    exit 2
}

build() {
    local log
    deploy/install-deps.sh all
    log=$(cmake --preset release 2>&1) || die "$log"
    log=$(cmake --build --preset release -j "$(nproc)" --target switchyard switchyard-coordinator \
        switchyard-sidecar bench_fleet_1000 bench_nodes bench_fanout bench_core bench_breaker 2>&1) || die "$(tail -n 40 <<<"$log")"
}

# In the background, so that a signal ends it and what it started.
measure() {
    tests/bench/"$1".sh &
    # shellcheck disable=SC2064 # the process of now
    trap "kill $! 2>/dev/null; wait; exit 130" INT TERM
    wait $!
}

# Warn when others use the processors: every figure then is worse than it is.
tell_machine() {
    local busy
    busy=$(top -bn2 -d 1 | awk '/^%Cpu/ { for (i = 2; i <= NF; i++) if ($i ~ /^id/) idle = $(i - 1) }
        END { printf "%.0f", 100 - idle }')
    echo "$(date +%F), $(nproc) cores, $(. /etc/os-release && echo "$PRETTY_NAME"), $(switchyard_version)"
    [ "$busy" -lt 10 ] || echo "Other programs take $busy % of the processors: the figures are worse than they are alone."
}

switchyard_version() {
    "$BENCH_BIN/switchyard" --version
}

export BENCH_BIN=
wanted=()
while [ $# -gt 0 ]; do
    case $1 in
    --bin) BENCH_BIN=${2:?--bin needs a folder} && shift ;;
    -h | --help) sed -n '3,9s/^# \{0,1\}//p' "$0" && exit 0 ;;
    *)
        [[ " ${all[*]} " == *" $1 "* ]] || die "no figure \"$1\"; there are: ${all[*]}"
        wanted+=("$1")
        ;;
    esac
    shift
done
if [ -z "$BENCH_BIN" ]; then
    build
    BENCH_BIN=build/release/bin
fi
BENCH_BIN=$(cd "$BENCH_BIN" && pwd) || die "no such folder"

begin=$SECONDS
tell_machine
printf '\n%-50s %12s  %-20s %7s %8s  %s\n' figure ours "peer or limit" ratio aim met
printf -- '-%.0s' {1..109}
echo
status=0
for figure in "${wanted[@]:-${all[@]}}"; do
    measure "$figure" || { echo "$figure: could not be measured" && status=2; }
done
echo "measured in $((SECONDS - begin)) s"
exit $status
