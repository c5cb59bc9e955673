#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tests of what owns threads, under ThreadSanitizer: build preset tsan, made before by tests/run.sh.
# Exits with 77 (skipped) without that build.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -e build/tsan/CTestTestfile.cmake ] || { echo "no build of the preset tsan"; exit 77; }

exec ctest --test-dir build/tsan --output-on-failure -j "$(nproc)" \
    -R '^unit\.common\.(loop|rpc|base\.test_log)|^rpc\.|^unit\.(coordinator|sidecar)(\.(fleet|service|proxy|control))?\.test_|^store\.test_store_thread'
