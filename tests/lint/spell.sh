#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# codespell on everything that people read. Words that are right stand in spell.words; files that misspell
# on purpose are left out.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

files '*' | grep -vE '^tests/(golden|fuzz/corpus)/|/test_plan_bad\.c$|^tests/unit/cli/test_args\.c$|^tests/e2e/test_bad_plans\.py$|^LICENSE$' |
    xargs codespell -I tests/lint/spell.words
