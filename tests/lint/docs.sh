#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every function in a header has its contract (docs.awk), links in our pages lead somewhere, and the generated
# pages are what the programs of $SWITCHYARD_BIN print. docs.sh --write renews those pages.
# (docs/fsm is checked by tests/fsm, next to the tables; the commands of docs/runbooks by tests/e2e.)
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
bin=${SWITCHYARD_BIN:-build/dev/bin}

undocumented() {
    local headers
    mapfile -t headers < <(files 'common/*.h' 'coordinator/*.h' 'sidecar/*.h' 'cli/*.h')
    awk -f tests/lint/docs.awk "${headers[@]}"
}

# Relative links of Markdown: [text](path#anchor).
dead_links() {
    files '*.md' | while read -r page; do
        { grep -noE '\]\([^)#: ]+[)#]' "$page" || true; } | sed -E 's/\]\(([^)#]*)./\1/' |
            while IFS=: read -r line target; do
                [ -e "$(dirname "$page")/$target" ] || echo "$page:$line: $target is not there"
            done
    done
}

# What the page docs/reference/$1.md has to be.
page() {
    case $1 in
    cli) "$bin/switchyard" reference ;;
    *) "$bin/reference" "$1" ;;
    esac
}
pages=(cli errors events log-events metrics plan)

stale() {
    local name
    for name in "${pages[@]}"; do
        page "$name" | cmp -s - "docs/reference/$name.md" ||
            echo "docs/reference/$name.md: not what its table says; tests/lint/docs.sh --write renews it"
    done
}

if [ "${1:-}" = --write ]; then
    mkdir -p docs/reference
    for name in "${pages[@]}"; do
        page "$name" >"docs/reference/$name.md"
    done
fi
{ undocumented; dead_links; stale; } | report
