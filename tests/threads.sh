#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tests of what owns threads, under ThreadSanitizer, from the build of the preset tsan.
#
# usage: tests/threads.sh [--build]     --build: only build them; without that build, running exits with 77 (skipped)
set -euo pipefail
cd "$(dirname "$0")/.."
which='^(unit\.common\.(loop|rpc|pg)\.|unit\.common\.base\.test_(lookup|patience)|unit\.(coordinator|sidecar)\.((fleet|service|proxy|control|web|check)\.)?test_|store\.test_store_thread)'

if [ "${1:-}" = --build ]; then
    mapfile -t targets < <(ctest --test-dir build/tsan -N -R "$which" | sed -n 's/^ *Test *#[0-9]*: //p')
    exec cmake --build build/tsan --target "${targets[@]}"
fi
[ -e build/tsan/bin/unit.common.loop.test_mailbox ] || { echo "not built"; exit 77; }
exec ctest --test-dir build/tsan --output-on-failure -j "$(nproc)" -R "$which"
