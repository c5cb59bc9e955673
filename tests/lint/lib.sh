# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the lint scripts share. Each prints its findings as file:line: text and exits 1 when there are any.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

# Files of ours that match the patterns: those git knows, and new ones it is not told to ignore.
files() {
    git ls-files --cached --others --exclude-standard -- "$@" | sort -u |
        while read -r file; do [ ! -e "$file" ] || echo "$file"; done
}

# Prints the findings given on standard input, and fails when there is one.
report() {
    local findings
    findings=$(cat)
    [ -n "$findings" ] || return 0
    echo "$findings"
    echo "$(wc -l <<<"$findings") findings"
    return 1
}
