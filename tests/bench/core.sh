#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The coordinator's core alone, without store and network: bench_core.c tells what is measured.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

"$BENCH_BIN/bench_core" >"$work/core"
figure() {
    awk -v name="$1" '$1 == name { print $2 }' "$work/core"
}

# Told as the time for 200,000 of them, so that less is better as everywhere.
row "200,000 reports folded: work of one core" \
    "$(awk -v n="$(figure reports_per_second)" 'BEGIN { print 200000 / n }')" s limit 1 1
row "  reports a second of work" "$(figure reports_per_second)" reports - - -
row "10,000 nodes, 100 migrations, a day: memory" "$(figure memory_mb)" MB limit 400 1
row "promote over 1,000 nodes in 5 clusters: work" "$(awk -v ms="$(figure promote_ms)" 'BEGIN { print ms / 1000 }')" \
    s limit 1 1
