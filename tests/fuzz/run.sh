#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzzers with clang and runs each on its corpus.
#
# usage: tests/fuzz/run.sh [SECONDS for each]     (60)
#
# What a fuzzer finds is left as build/fuzz/NAME-crash-*; run the fuzzer with that file to see it again.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}

targets=()
for source in tests/fuzz/fuzz_*.c; do
    targets+=("$(basename "$source" .c)")
done
cmake -B build/fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug -DSWITCHYARD_FUZZ=ON \
    -DSWITCHYARD_SANITIZE=address,undefined,fuzzer-no-link >/dev/null
cmake --build build/fuzz --target "${targets[@]}" | tail -n 1

for target in "${targets[@]}"; do
    fresh=build/fuzz/corpus/${target#fuzz_}
    mkdir -p "$fresh"
    echo "== $target, $seconds s"
    "build/fuzz/bin/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="build/fuzz/$target-" "$fresh" "tests/fuzz/corpus/${target#fuzz_}" 2>&1 |
        grep -E 'ERROR|SUMMARY|runtime error|^ +#|Test unit|DONE|cov:.*DONE' || true
    [ "${PIPESTATUS[0]}" -eq 0 ]
done
