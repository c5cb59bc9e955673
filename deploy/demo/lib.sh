# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # $work and $new_port belong to the script that reads this
# What deploy/quickstart.sh and deploy/ha.sh are made of: telling, starting and stopping, measuring. Everything
# that runs has its folder under $work and its pid in $work/pids.

# ---- telling

if [ -t 1 ]; then bold=$'\033[1m' plain=$'\033[0m'; else bold='' plain=''; fi

chapter() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
say() { printf '%s\n' "$1"; }

# Show a command as a user would type it, then run it.
run() {
    local word line=''
    for word in "$@"; do
        [[ $word =~ ^[A-Za-z0-9_./:=,@%-]+$ ]] || word="\"$word\""
        line+=" $word"
    done
    printf '\n%s$%s%s\n' "$bold" "$line" "$plain"
    "$@"
}

fail() {
    printf '\n%s: %s\n' "$(basename "$0" .sh)" "$1" >&2
    exit 1
}

# ---- waiting

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
    local seconds=$1 what=$2 end
    shift 2
    end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "not within $seconds s: $what"
        read -rt 0.05 <>"$work/nothing" || true
    done
}

# ---- starting and stopping

start() {
    local name=$1
    shift
    mkdir -p "$work/$name"
    setsid "$@" >>"$work/$name/log" 2>&1 </dev/null &
    disown # one that is killed is not the shell's to tell about
    echo $! >"$work/$name/started"
    echo $! >>"$work/pids"
}

pid_of() { cat "$work/$1/started"; }

# Every process we started, newest first; those that do not end by themselves are killed.
stop_all() {
    local pid
    [ -e "$work/pids" ] || return 0
    for pid in $(tac "$work/pids"); do kill "$pid" 2>/dev/null || true; done
    # One that was stopped has to go on to see that it must end.
    for pid in $(tac "$work/pids"); do kill -CONT "$pid" 2>/dev/null || true; done
    for pid in $(tac "$work/pids"); do
        timeout 5 tail --pid="$pid" -f /dev/null || kill -9 -- "-$pid" 2>/dev/null || true
    done
}

# Words between @ are filled in: fill TEMPLATE RESULT NAME VALUE...
fill() {
    local template=$1 result=$2 text
    shift 2
    text=$(cat "$template")
    while [ $# -gt 0 ]; do
        text=${text//@$1@/$2}
        shift 2
    done
    printf '%s\n' "$text" >"$result"
}

is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
listens() { ! is_free "$1"; }

# ---- the services

# configure_service NAME PORT STATUS BODY
configure_service() {
    mkdir -p "$work/$1"
    fill deploy/demo/service.conf "$work/$1/nginx.conf" FOLDER "$work/$1" PORT "$2" STATUS "$3" BODY "$4"
}

start_service() {
    configure_service "$1" "$2" 200 "$1"
    start "$1" nginx -e "$work/$1/error.log" -c "$work/$1/nginx.conf" -g 'daemon off;'
    wait_for 10 "nginx of $1 listens" listens "$2"
}

# A release of the service `new`: change_new STATUS BODY
change_new() {
    local pid before
    pid=$(pid_of new)
    before=$(cat "/proc/$pid/task/$pid/children")
    configure_service new "$new_port" "$1" "$2"
    run nginx -e "$work/new/error.log" -c "$work/new/nginx.conf" -s reload
    # shellcheck disable=SC2086 # a list of process ids
    wait_for 10 "nginx of new has reloaded" none_runs $before
}

none_runs() {
    local pid
    for pid in "$@"; do
        ! kill -0 "$pid" 2>/dev/null || return 1
    done
}

# ---- the load

start_load() {
    local node=$1 port=$2
    start "load-$node" wrk -t1 -c8 -d900s --timeout 10s -s deploy/demo/load.lua "http://127.0.0.1:$port"
}

# Stop a wrk and print "REQUESTS ERRORS": errors are broken connections, timeouts and answers that are not 2xx or 3xx.
stop_load() {
    local pid
    pid=$(pid_of "load-$1")
    kill -INT "$pid" 2>/dev/null || true
    timeout 15 tail --pid="$pid" -f /dev/null || fail "wrk does not end"
    sed -i "/^$pid$/d" "$work/pids"
    awk '/requests in/ { requests = $1 }
         /Socket errors/ { gsub(/,/, ""); errors += $4 + $6 + $8 + $10 }
         /Non-2xx/ { errors += $NF }
         END { if (requests == "") exit 1; print requests, errors + 0 }' "$work/load-$1/log" ||
        fail "wrk said nothing: $work/load-$1/log"
}

# ---- measuring

now_ms() { date +%s%3N; }
is_past() { [ "$(now_ms)" -ge "$1" ]; }
# RFC 3339 to milliseconds.
ms_of() { date -d "$1" +%s%3N; }
status() { switchyard status shop -o json | jq -r "$1"; }
status_is() { [ "$(status "$1")" = "$2" ]; }
# Requests that new has seen since a time in milliseconds.
new_since() { awk -v since="$1" '$1 * 1000 > since { n++ } END { print n + 0 }' "$work/new/access.log"; }
# When new saw its last request, in milliseconds.
new_last() { awk 'END { printf "%.0f\n", $1 * 1000 }' "$work/new/access.log"; }
# When new first answered 5xx.
new_first_5xx() { awk '$2 >= 500 { printf "%.0f\n", $1 * 1000; exit }' "$work/new/access.log"; }
# Percent of requests on new over the last seconds.
share_of_new() { switchyard stats shop --window "$1" -o json | jq -r '.shareNew * 10 | round / 10'; }

# ---- facts

facts=() broken=0

# fact TEXT VALUE CONDITION...: a line of the summary; the condition is a command.
fact() {
    local text=$1 value=$2 verdict=ok
    shift 2
    "$@" || { verdict='NOT AS IT SHOULD BE'; broken=$((broken + 1)); }
    facts+=("$(printf '  %-58s %16s   %s' "$text" "$value" "$verdict")")
}

# is A OPERATOR B, and within A B DISTANCE, for numbers with decimals.
is() { awk -v a="$1" -v b="$3" "BEGIN { exit !(a + 0 $2 b + 0) }"; }
within() { awk -v a="$1" -v b="$2" -v d="$3" 'BEGIN { exit !(a >= b - d && a <= b + d) }'; }
