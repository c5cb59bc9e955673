#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzzers with clang, and has each replay its corpus and go on from there, one on each core.
#
# usage: tests/fuzz/run.sh [SECONDS for each]     ($FUZZ_SECONDS, or else a minute for what reads strangers' bytes or
#                                                 decides for all of them, and ten seconds for the others)
#        tests/fuzz/run.sh --build                only build them
#
# Exits with 77 and the reason when they cannot be built here. What a fuzzer finds is left as build/fuzz/NAME-crash-*, and
# printed for who has only the log; run the fuzzer with that file to see it again.
set -euo pipefail
cd "$(dirname "$0")/../.."

targets=()
for source in tests/fuzz/fuzz_*.c; do
    targets+=("$(basename "$source" .c)")
done

skip() {
    echo "fuzz: skipped: $1"
    exit 77
}

# clang comes without libFuzzer where the run-time package is left out.
can_build() {
    local scratch
    scratch=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$scratch'" RETURN
    echo 'int LLVMFuzzerTestOneInput(const char *p, unsigned long n); int LLVMFuzzerTestOneInput(const char *p,
        unsigned long n) { return p && n ? 0 : 0; }' >"$scratch/x.c"
    clang -fsanitize=address,fuzzer -o "$scratch/x" "$scratch/x.c" 2>/dev/null
}

build() {
    local launcher=()
    command -v clang >/dev/null || skip "clang is not installed: apt-get install clang libclang-rt-14-dev"
    can_build || skip "clang has no libFuzzer: apt-get install libclang-rt-14-dev"
    if command -v ccache >/dev/null; then launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache); fi
    cmake -B build/fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug -DSWITCHYARD_FUZZ=ON \
        -DSWITCHYARD_SANITIZE=address,undefined,fuzzer-no-link "${launcher[@]}" >/dev/null
    if cmake --build build/fuzz --target "${targets[@]}" >build/fuzz/build.log 2>&1; then return; fi
    grep -E 'error:|FAILED:' build/fuzz/build.log
    return 1
}

# found TARGET: the input that it fails on, to be brought back by base64 -d
found() {
    local file
    file=$(sed -n 's/.*Test unit written to //p' "build/fuzz/$1.log" | tail -n 1)
    [ -z "$file" ] || gzip -nc "$file" | base64 -w 0 | sed "s|.*|$1: base64 -d <<<& \| gunzip >${file#build/fuzz/}\n|"
}

# fuzz TARGET SECONDS: what it found, or how much it tried
fuzz() {
    local fresh=build/fuzz/corpus/${1#fuzz_} log=build/fuzz/$1.log
    mkdir -p "$fresh"
    if "build/fuzz/bin/$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="build/fuzz/$1-" "$fresh" "tests/fuzz/corpus/${1#fuzz_}" >"$log" 2>&1; then
        echo "$1: $(grep -E '^#[0-9]+.*DONE' "$log")"
    else
        echo "$1: FAILED"
        grep -E 'ERROR|SUMMARY|runtime error|check failed|^ +#|Test unit' "$log" || tail -n 20 "$log"
        found "$1"
        return 1
    fi
}

# seconds_for TARGET [SECONDS]
seconds_for() {
    case $1 in
    fuzz_http1 | fuzz_http1_body | fuzz_h2 | fuzz_rules) echo "${2:-60}" ;;
    *) echo "${2:-10}" ;;
    esac
}

build
[ "${1:-}" != --build ] || exit 0
export -f fuzz found
for target in "${targets[@]}"; do
    echo "$target $(seconds_for "$target" "${1:-${FUZZ_SECONDS:-}}")"
done | sort -rnk 2 | xargs -P "$(nproc)" -L 1 bash -euo pipefail -c 'fuzz "$@"' fuzz
