#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A whole rollout on real services: two nginx, a coordinator, three sidecars in two clusters, and load.
#
# usage: deploy/quickstart.sh [--keep]
#   --keep   leave everything running at the end, and say how to use and stop it
#
# Installs and builds what is missing. Ends with a table of measured facts; exit 0 when they all hold.
# PORT_BASE (18600) is the first of 7 ports on 127.0.0.1.
set -euo pipefail
cd "$(dirname "$0")/.."

keep=no
[ "${1:-}" != --keep ] || keep=yes
base=${PORT_BASE:-18600}
api=127.0.0.1:$base legacy=$((base + 1)) new=$((base + 2)) proxy=$((base + 3)) # three proxies
export PATH=$PWD/build/release/bin:$PATH SWITCHYARD_ENDPOINTS=$api SWITCHYARD_OPERATOR=${SUDO_USER:-${USER:-demo}}
demo=$PWD/deploy/demo
work=$(mktemp -d "${TMPDIR:-/tmp}/switchyard-quickstart.XXXXXX")
load_seconds=150
pids=()

# ---- words -------------------------------------------------------------------------------------------------

title() { printf '\n\033[1m%s\033[0m\n' "$1"; }

# Show a command as a user would type it, and run it.
run() {
    local word
    printf '$'
    for word in "$@"; do
        case $word in *' '*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$@" | sed 's/^/    /'
}

fail() {
    printf '\nquickstart: %s\n' "$1" >&2
    tail -n 5 "$work"/*.log >&2 2>/dev/null || true
    exit 1
}

# ---- processes ---------------------------------------------------------------------------------------------

# shellcheck disable=SC2317 # called by the trap
stop_all() {
    for system in legacy new; do
        [ ! -s "$work/$system.pid" ] || kill "$(cat "$work/$system.pid")" 2>/dev/null || true
    done
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait
    rm -rf "$work"
}

start() {
    local name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 &
    pids+=($!)
}

# An nginx service that answers with its name, or with errors; its counter tells what really reached it.
service_config() {
    local name=$1 port=$2 answer=$3
    cat >"$work/$name.conf" <<CONF
worker_processes 1; daemon on; pid $work/$name.pid; error_log $work/$name.err;
events { worker_connections 4096; }
http {
    access_log off; keepalive_requests 1000000; client_body_temp_path $work/$name.body;
    proxy_temp_path $work/$name.p; fastcgi_temp_path $work/$name.f; uwsgi_temp_path $work/$name.u; scgi_temp_path $work/$name.s;
    server {
        listen 127.0.0.1:$port;
        location / { return $answer; }
        location = /counter { stub_status; }
    }
}
CONF
}

start_service() {
    service_config "$@"
    nginx -c "$work/$1.conf" 2>"$work/$1.log" || fail "nginx for $1 does not start"
}

change_service() {
    service_config "$@"
    nginx -c "$work/$1.conf" -s reload 2>>"$work/$1.log"
}

# Requests that a service has taken, by its own count, less those for the counter.
requests_at() {
    curl -fsS "http://127.0.0.1:$1/counter" | awk 'NR == 3 { print $3 }'
}

# ---- facts -------------------------------------------------------------------------------------------------

fact() { switchyard status shop -o json | jq -r "$1"; }

# Ask until `jq expression` of the status is true; the argument after it says what we wait for.
wait_for() {
    local until=$((SECONDS + ${3:-30}))
    until [ "$(fact "$1" 2>/dev/null)" = true ]; do
        [ $SECONDS -lt $until ] || fail "$2 did not happen; status: $(switchyard status shop 2>&1)"
        sleep 0.1 # between two questions
    done
}

wait_for_nodes() {
    local until=$((SECONDS + 15))
    until [ "$(switchyard get nodes -o json 2>/dev/null | jq '.nodes | map(select(.state == "serving")) | length')" = 3 ]; do
        [ $SECONDS -lt $until ] || fail "three nodes did not come up"
        sleep 0.1 # between two questions
    done
}

# wrk's count of answers that were no 2xx or 3xx, and of broken connections.
client_errors() {
    cat "$work"/load-*.log | awk '/Non-2xx/ { n += $NF } /Socket errors/ { gsub(",", ""); n += $4 + $6 + $8 + $10 } END { print n + 0 }'
}

client_requests() {
    cat "$work"/load-*.log | awk '/requests in/ { n += $1 } END { print n + 0 }'
}

# ---- the story ---------------------------------------------------------------------------------------------

title "1. Packages and programs"
deploy/install-deps.sh build run
cmake --preset release >"$work/build.log" || fail "the configuration failed"
cmake --build --preset release -j "$(nproc)" --target switchyard switchyard-coordinator switchyard-sidecar \
    >"$work/build.log" || fail "the build failed: $(tail -n 20 "$work/build.log")"
echo "built: $(switchyard --version)"
trap stop_all EXIT
trap 'exit 130' INT TERM
begin=$SECONDS

title "2. Two services, a coordinator, three sidecars in two clusters"
start_service legacy $legacy '200 "legacy\n"'
start_service new $new '200 "new\n"'
start coordinator switchyard-coordinator --listen "$api" --data "$work/coordinator" --log-level warn
node=0
for cluster in eu-1 eu-1 us-1; do
    start node-$node switchyard-sidecar --node node-$node --labels cluster=$cluster --coordinator "$api" \
        --listen 127.0.0.1:$((proxy + node)) --data "$work/node-$node" --log-level error --threads 1
    node=$((node + 1))
done
for _ in $(seq 100); do
    switchyard health >/dev/null 2>&1 && break
    sleep 0.1 # between two questions
done
sed "s/@LEGACY@/$legacy/; s/@NEW@/$new/" "$demo/shop.yaml" >"$work/shop.yaml"
run switchyard apply -f "$work/shop.yaml"
wait_for_nodes
run switchyard get nodes

title "3. Load on all three, and the walk begins"
for node in 0 1 2; do
    start load-$node wrk -t1 -c4 -d${load_seconds}s -s "$demo/users.lua" http://127.0.0.1:$((proxy + node))/
done
load=("${pids[@]: -3}")
run switchyard start shop
wait_for '.phase == "ready"' "the first stage"
run switchyard promote shop
wait_for '.phase == "baking" or .stage == "half"' "the canary"
run switchyard status shop
echo "The canary bakes, its gate passes, and the next stage, half, is entered without a hand."
wait_for '.stage == "half" and .phase == "ready"' "half"
sleep 2 # two seconds of half alone, to measure its share
run switchyard stats shop --window 2s
half_share=$(switchyard stats shop --window 2s -o json | jq .shareNew)

title "4. New breaks: every answer is a 500"
broken=$(date +%s%N)
change_service new $new '500 "broken\n"'
echo "Nobody types anything. The users' requests are answered by legacy, and the trigger is at work."
wait_for '.phase == "rolled_back"' "the automatic rollback"
run switchyard status shop
detect=$((($(date +%s%N -d "$(fact .lastRollback.time)") - broken) / 1000000))
trigger_ms=$(fact .lastRollback.measuredMs)
violation=$(fact '.lastRollback.violations[0]')

title "5. New is repaired, and walks to 100 %"
change_service new $new '200 "new\n"'
wait_for '.gate != null' "the status"
for _ in $(seq 100); do
    switchyard start shop --reason "new is repaired" >"$work/start.log" 2>&1 && break
    sleep 0.2 # the violations leave the trigger's window
done
sed 's/^/    /' "$work/start.log"
wait_for '.phase == "ready" and .stage == "shadow"' "the first stage"
run switchyard promote shop
wait_for '.stage == "half" and .phase == "ready"' "half"
run switchyard promote shop --to all
wait_for '.phase == "completed"' "100 %"
run switchyard status shop
all_share=$(switchyard stats shop --window 1s -o json | jq .shareNew)

title "6. Emergency: back to legacy, now, under load"
clock=$(date +%s%N)
run switchyard rollback shop --emergency --reason "drill: INC-1234"
cli_ms=$((($(date +%s%N) - clock) / 1000000))
emergency_ms=$(fact .lastRollback.measuredMs)
before=$(requests_at $new)
sleep 2 # two seconds of load in which nothing may reach new
after=$(($(requests_at $new) - before - 1))
run switchyard history shop --limit 6

title "7. What was measured"
kill -INT "${load[@]}"
wait "${load[@]}" || true
errors=$(client_errors)
requests=$(client_requests)

verdict=0
row() { # fact, value, holds?
    local mark=ok
    [ "$3" = 1 ] || { mark='NOT AS PROMISED'; verdict=1; }
    printf '  %-52s %14s   %s\n' "$1" "$2" "$mark"
}
holds() { awk "BEGIN { print ($1) ? 1 : 0 }"; }

row "requests of clients" "$requests" "$(holds "$requests > 1000")"
row "errors that clients saw" "$errors" "$(holds "$errors == 0")"
row "share of new at half, measured" "$(printf '%.1f %%' "$half_share")" "$(holds "$half_share > 45 && $half_share < 55")"
row "share of new at all, measured" "$(printf '%.1f %%' "$all_share")" "$(holds "$all_share > 99")"
row "bad release: break to the order to roll back" "$detect ms" "$(holds "$detect < 10000")"
row "bad release: order to the last node on legacy" "$(printf '%.1f ms' "$trigger_ms")" "$(holds "$trigger_ms >= 0 && $trigger_ms < 1000")"
row "emergency: order to the last node on legacy" "$(printf '%.1f ms' "$emergency_ms")" "$(holds "$emergency_ms >= 0 && $emergency_ms < 1000")"
row "emergency: the whole command" "$cli_ms ms" "$(holds "$cli_ms < 2000")"
row "requests on new in the 2 s after it" "$after" "$(holds "$after == 0")"
printf '  violation: %s\n' "$violation"
printf '  the story took %s s\n' $((SECONDS - begin))

if [ $keep = yes ]; then
    trap - EXIT INT TERM
    title "Left running"
    echo "  proxies http://127.0.0.1:$proxy .. $((proxy + 2)), coordinator $api, files in $work"
    echo "  export SWITCHYARD_ENDPOINTS=$api PATH=$PWD/build/release/bin:\$PATH; switchyard status shop"
    echo "  stop:  kill ${pids[*]:0:4} \$(cat $work/legacy.pid $work/new.pid); rm -rf $work"
fi
exit $verdict
