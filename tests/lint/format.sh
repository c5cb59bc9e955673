#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every C file is what clang-format makes of it; `clang-format -i FILE` repairs one.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

files '*.c' '*.h' | xargs -P "$(nproc)" -n 12 clang-format --dry-run -Werror
