#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Calls that our C does not make. An exception says why on its line: /* allowed: reason */
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

# name (a regular expression) | files where it is fine (likewise, - for none) | what to use
rules() {
    cat <<'RULES'
strcpy|stpcpy|strcat|strncpy|strncat|sprintf|vsprintf|-|str_copy() or str_fmt() know the size
snprintf|^common/base/|str_fmt() says whether it fit
strtok|strtok_r|-|str_cut()
atoi|atol|atoll|atof|-|str_to_u64() and its kin tell bad numbers
gets|alloca|-|memory has a bound and an owner
setjmp|longjmp|sigsetjmp|-|results are returned
system|popen|-|children are started with their arguments, not through a shell
sleep|usleep|nanosleep|clock_nanosleep|-|wait for a fact, on a loop, with a deadline
time|gettimeofday|clock_gettime|localtime|gmtime|ctime|^common/base/clock\.c$|a struct clock
rand|random|srand|srandom|rand_r|drand48|getrandom|getentropy|^common/base/rng\.c$|a struct rng
malloc|calloc|realloc|strdup|strndup|asprintf|vasprintf|^common/base/|xnew(), buf or arena
printf|vprintf|puts|putchar|fprintf|vfprintf|fputs|perror|^cli/|^common/base/log\.c$|/main\.c$|the log, or a returned error
getenv|secure_getenv|/main\.c$|^common/base/failpoint\.c$|parameters come from a program's main
RULES
}

code=$(mktemp)
trap 'rm -f "$code"' EXIT
mapfile -t sources < <(files 'common/*.[ch]' 'coordinator/*.[ch]' 'sidecar/*.[ch]' 'cli/*.[ch]')
awk -f tests/lint/strip.awk "${sources[@]}" >"$code"

# The first column that is not a plain name ends the names, the last one is the advice.
check() {
    rules | awk -F'|' -v code="$code" '
        {
            names = ""; places = ""
            for (i = 1; i < NF; i++)
                if (places == "" && $i ~ /^[a-z_0-9]+$/) names = names (names ? "|" : "") $i
                else places = places (places ? "|" : "") $i
            rule[NR] = "(^|[^a-zA-Z0-9_.>])(" names ")[ ]*\\("
            fine[NR] = places; advice[NR] = $NF
        }
        END {
            while ((getline line < code) > 0) {
                match(line, /^[^:]*:[0-9]+:/)
                text = substr(line, RLENGTH + 1); place = substr(line, 1, RLENGTH)
                file = place; sub(/:[0-9]+:$/, "", file)
                for (i = 1; i <= NR; i++)
                    if (text ~ rule[i] && (fine[i] == "-" || file !~ fine[i])) {
                        sub(/^ +/, "", text)
                        print place " " text "   <- " advice[i]
                    }
                if (text ~ /\/\//)
                    print place " " text "   <- comments are /* */"
            }
        }'
}

check | report
