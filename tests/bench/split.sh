#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 100,000 users through a real sidecar at 0, 25, 100, 25 and 0 %: how close the share of new comes to 25 %, and
# whether anyone moves against the direction of a change.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
users=${1:-100000}

# Where every user is served at a weight, into $work/map.N, one letter a line.
ask_all() {
    order set weight bench "$2" --reason "measuring"
    /usr/bin/python3 "$here/keys.py" "${proxy[0]}" "$users" >"$work/map.$1"
}

# Users who were on SYSTEM (its letter) in the first map and are not in the second.
moved_off() {
    paste -d ' ' "$work/map.$2" "$work/map.$3" | awk -v on="$1" '$1 == on && $2 != on { n++ } END { print n + 0 }'
}

start_origins
start_coordinator
start_sidecars 1
start_rollout "exposeSystem: true"
step=0
for weight in 0 25 100 25 0; do
    ask_all $step $weight
    step=$((step + 1))
done
against=$(($(moved_off n 0 1) + $(moved_off n 1 2) + $(moved_off l 2 3) + $(moved_off l 3 4)))
returned=$(cmp -l "$work/map.1" "$work/map.3" | wc -l)
off=$(awk '/n/ { n++ } END { off = 100 * n / NR - 25; print off < 0 ? -off : off }' "$work/map.1")

row "split at 25 %: off by, over $users users" "$off" points limit 0.5 1
row "0, 25, 100, 25, 0 %: users who moved against it" "$against" users limit 0 1
row "users not on the same side at 25 % again" "$returned" users limit 0 1
