#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds with sanitizers, and runs every rung of tests/README.md.
#
# usage: tests/run.sh [ctest options]     for example: tests/run.sh -L unit    tests/run.sh -R e2e.walk
#
# Ends with ctest's own summary and exits with its status. Under 15 minutes on two cores, from nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=$(nproc)

step() {
    printf '\n== %s\n' "$1"
}

build() {
    local launcher=()
    if command -v ccache >/dev/null; then
        launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
    fi
    step "build $1"
    cmake --preset "$1" "${launcher[@]}" >"$log"
    cmake --build --preset "$1" -j "$jobs" >"$log" || { tail -n 60 "$log"; return 1; }
    tail -n 1 "$log"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
step "packages"
deploy/install-deps.sh all
build dev
build release
build tsan
step "tests"
ctest --preset dev -j "$jobs" "$@"
