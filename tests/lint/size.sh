#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Where we stand on size: longest files, functions with most branches and most lines. Fails nobody.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

mapfile -t sources < <(files 'common/*.c' 'coordinator/*.c' 'sidecar/*.c' 'cli/*.c')
mapfile -t headers < <(files 'common/*.h' 'coordinator/*.h' 'sidecar/*.h' 'cli/*.h')

# Median, 90th and 99th percentile and maximum of the numbers given.
spread() {
    sort -n | awk -v what="$1" '{ v[NR] = $1 }
        function at(p) { return v[int((NR - 1) * p + 0.5) + 1] }
        END { printf "%-24s median %4d   p90 %4d   p99 %4d   max %4d   of %d\n",
                     what, at(0.5), at(0.9), at(0.99), at(1), NR }'
}

# pmccabe: modified McCabe, McCabe, statements, first line, lines, file(line): name
functions=$(pmccabe "${sources[@]}")

cut -f5 <<<"$functions" | spread "lines of a function"
cut -f1 <<<"$functions" | spread "branches of a function"
wc -l "${sources[@]}" | grep -v ' total$' | spread "lines of a .c file"
wc -l "${headers[@]}" | grep -v ' total$' | spread "lines of a header"
printf '\nlook again: functions over 80 lines or 20 branches\n'
awk -F'\t' '$5 > 80 || $1 > 20 { printf "  %3d lines %3d branches  %s\n", $5, $1, $6 }' <<<"$functions" | sort -rn
printf '\nlongest files\n'
wc -l "${sources[@]}" "${headers[@]}" | grep -v ' total$' | sort -rn | sed -n 1,8p
