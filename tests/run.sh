#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds with sanitizers, and runs every rung of tests/README.md.
#
# usage: tests/run.sh [ctest options]     for example: tests/run.sh -L unit    tests/run.sh -R e2e.walk
#
# Ends with ctest's own summary and exits with its status. About half an hour on two cores, from nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
scratch=''
trap 'rm -rf "$log" "$scratch"' EXIT

step() { printf '\n== %s (%s)\n' "$1" "$(date +%T)"; }

# quietly COMMAND...: its output only when it fails.
quietly() {
    "$@" >"$log" 2>&1 || { tail -n 60 "$log"; return 1; }
}

configure() {
    local launcher=()
    if command -v ccache >/dev/null; then launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache); fi
    quietly cmake --preset "$1" "${launcher[@]}"
}

step "packages"
deploy/install-deps.sh all

step "build: dev, with AddressSanitizer and UndefinedBehaviorSanitizer"
configure dev
quietly cmake --build --preset dev
step "build: release"
configure release
quietly cmake --build --preset release --target switchyard switchyard-coordinator switchyard-sidecar
quietly tests/sim.sh --build
step "build: what owns threads, with ThreadSanitizer"
configure tsan
quietly tests/threads.sh --build
step "build: fuzzers, with clang"
tests/fuzz/run.sh --build || [ $? -eq 77 ]

# Tests write and sync a lot, and what they prove does not depend on the disk.
if [ -w /dev/shm ] && [ "$(df --output=avail /dev/shm | tail -n 1)" -gt 2000000 ]; then
    scratch=$(mktemp -d /dev/shm/switchyard-tests-XXXXXX)
    chmod 755 "$scratch"
    export TMPDIR=$scratch
fi
step "tests"
ctest --preset dev -j "$(nproc)" "$@"
