#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every id of the issue has its row in docs/CAPABILITIES.md, with a command, a test and a page; every test that a row
# names is there, every part of a page, and every command. (That pages are there is checked by docs.sh.)
# The backquotes are Markdown's:
# shellcheck disable=SC2016

# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
bin=${SWITCHYARD_BIN:-build/dev/bin}
page=docs/CAPABILITIES.md

# The matches of $1 in $2; none is no failure.
each() {
    grep -oE "$1" <<<"$2" || true
}

# "12|Z1|what|command|test|page" of each row.
rows() {
    grep -nE '^\| [ZLSP][0-9]+ \|' "$page" | sed -E 's/^([0-9]+):\| */\1|/; s/ *\| */|/g'
}

wanted() {
    printf 'Z%s\n' {1..18}
    printf 'L%s\n' 1 2 3 5 6 8 9 10 11 13 14 15 18
    printf 'S%s\n' {1..12}
    printf 'P%s\n' 6 11 12 15 17 18 19 23 24
}

missing() {
    wanted | sort | comm -23 - <(rows | cut -d'|' -f2 | sort) | sed "s|.*|$page:1: & has no row|"
    rows | cut -d'|' -f2 | sort | uniq -d | sed "s|.*|$page:1: & has two rows|"
}

empty() {
    rows | awk -F'|' -v page="$page" '
        $4 == "" { print page ":" $1 ": " $2 " has no command" }
        $5 == "" { print page ":" $1 ": " $2 " has no test" }
        $6 !~ /\]\(/ { print page ":" $1 ": " $2 " has no page" }'
}

# A file of the tree, with `::NAME` a test in it; or as ctest names it: unit.cli.test_tell is tests/unit/cli/test_tell.c.
is_test() {
    local file=${1%%::*} name=''
    [[ $1 != *::* ]] || name=${1##*::}
    case $file in
    tests/*) ;;
    fuzz_*) file=tests/fuzz/$file.c ;;
    *) file=tests/${file//./\/}.c ;;
    esac
    [ -f "$file" ] && { [ -z "$name" ] || grep -qE "(def|void) $name\(" "$file"; }
}

strange_tests() {
    local line id tests name
    rows | while IFS='|' read -r line id _ _ tests _; do
        each '`[^`]+`' "$tests" | tr -d '`' | while read -r name; do
            is_test "$name" || echo "$page:$line: $id: there is no test $name"
        done
    done
}

# Headings as links name them.
anchors() {
    grep '^#' "$1" | sed -E 's/^#+ //' | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9\n_-'
}

strange_places() {
    local line id pages target anchor
    rows | while IFS='|' read -r line id _ _ _ pages; do
        each '\]\([^)#]+#[^)]+' "$pages" | cut -c3- | while IFS='#' read -r target anchor; do
            anchors "docs/$target" | grep -qx -- "$anchor" || echo "$page:$line: $id: $target has no part $anchor"
        done
    done
}

# What stands in the third column and begins with "switchyard" is typed like that.
strange_commands() {
    local line id command words
    "$bin/switchyard" reference | sed -n 's/^## switchyard //p' >"$commands"
    rows | while IFS='|' read -r line id _ command _; do
        each '`switchyard [^`]+`' "$command" | tr -d '`' | while read -r _ words; do
            words=${words%% -*}
            grep -qxE "${words%% *}|${words%% [A-Z]*}" "$commands" || echo "$page:$line: $id: there is no command $words"
        done
    done
}

commands=$(mktemp)
trap 'rm -f "$commands"' EXIT
{ missing; empty; strange_tests; strange_places; strange_commands; } | report
