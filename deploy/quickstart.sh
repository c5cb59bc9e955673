#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A whole rollout on real services: installs, builds, starts two nginx services and three nodes in two clusters,
# and walks a plan from 0 to 100 % under load, through a bad release and an emergency.
#
# usage: deploy/quickstart.sh [--keep] [--port N]
#   --keep     leave everything running at the end, and tell how to stop it
#   --port N   use N to N+5 (18400): legacy, new, coordinator, three proxies
#
# On Debian 12, as root or with sudo. Exits with 0 only if the facts of its last table hold.
set -euo pipefail
cd "$(dirname "$0")/.."

keep=no first_port=18400
while [ $# -gt 0 ]; do
    case $1 in
    --keep) keep=yes ;;
    --port) first_port=${2:?--port needs a number}; shift ;;
    --help | -h) sed -n '3,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "quickstart: unknown option $1; see --help" >&2; exit 2 ;;
    esac
    shift
done
if ! [[ $first_port =~ ^[1-9][0-9]{0,4}$ ]] || [ "$first_port" -gt 65530 ]; then
    echo "quickstart: --port $first_port: use 1 to 65530" >&2
    exit 2
fi
legacy_port=$first_port new_port=$((first_port + 1)) api_port=$((first_port + 2))
nodes=(eu-1-a eu-1-b us-1-a)
proxy_port() { echo $((first_port + 3 + $1)); }

work=$(mktemp -d "${TMPDIR:-/tmp}/switchyard-quickstart-XXXXXX")
chmod 755 "$work"
mkfifo "$work/nothing"
# shellcheck source=deploy/demo/lib.sh
. deploy/demo/lib.sh

finish() {
    local status=$?
    trap - EXIT INT TERM
    if [ $keep = no ] || [ $status -ne 0 ]; then
        if [ $status -eq 1 ] && [ $broken -eq 0 ]; then tail -n 5 "$work"/*/log >&2 2>/dev/null || true; fi
        stop_all
        rm -rf "$work"
    fi
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

# ---- before

chapter "Packages and build"
run deploy/install-deps.sh build run
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache); fi
SECONDS=0
run cmake --preset release "${launcher[@]}" >"$work/build.log" 2>&1 || { cat "$work/build.log"; fail "cmake failed"; }
say "\$ cmake --build --preset release"
cmake --build --preset release --target switchyard switchyard-coordinator switchyard-sidecar >"$work/build.log" 2>&1 ||
    { tail -n 60 "$work/build.log"; fail "the build failed"; }
say "built in $SECONDS s"
SECONDS=0
PATH=$PWD/build/release/bin:$PATH:/usr/sbin
export SWITCHYARD_ENDPOINTS=127.0.0.1:$api_port
for port in $(seq "$first_port" $((first_port + 5))); do
    is_free "$port" || fail "port $port is in use; choose others with --port N"
done

chapter "Two services, a coordinator, three nodes in two clusters"
start_service legacy "$legacy_port"
start_service new "$new_port"
say "nginx: legacy on port $legacy_port, new on port $new_port"
say "\$ switchyard-coordinator --listen 127.0.0.1:$api_port --data $work/coordinator/data"
start coordinator switchyard-coordinator --listen "127.0.0.1:$api_port" --data "$work/coordinator/data" --startup-grace 1s
wait_for 10 "the coordinator answers" switchyard get plans
for i in "${!nodes[@]}"; do
    say "\$ switchyard-sidecar --node ${nodes[i]} --labels cluster=${nodes[i]%-*} --listen 127.0.0.1:$(proxy_port "$i") ..."
    start "${nodes[i]}" switchyard-sidecar --node "${nodes[i]}" --labels "cluster=${nodes[i]%-*}" --threads 1 \
        --listen "127.0.0.1:$(proxy_port "$i")" --coordinator "127.0.0.1:$api_port" --data "$work/${nodes[i]}/data"
done
all_connected() { [ "$(switchyard get nodes -o json | jq '.nodes | length')" -eq ${#nodes[@]} ]; }
wait_for 10 "every node is connected" all_connected
for i in "${!nodes[@]}"; do
    wait_for 10 "${nodes[i]} takes requests" listens "$(proxy_port "$i")"
done
fill deploy/demo/shop.yaml "$work/shop.yaml" LEGACY "http://127.0.0.1:$legacy_port" NEW "http://127.0.0.1:$new_port"
run switchyard apply -f "$work/shop.yaml"
run switchyard get nodes
say ""
say "Clients: wrk on each node, 8 connections each, every request from one of 10,000 users."
for i in "${!nodes[@]}"; do
    start_load "${nodes[i]}" "$(proxy_port "$i")"
done

# ---- the walk

ready() { wait_for 30 "$1 has baked and its gate passed" status_is '"\(.stage) \(.phase)"' "$1 ready"; }

chapter "The walk begins"
run switchyard start shop --reason "release 2.4"
ready shadow
run switchyard promote shop
say "The canary bakes, its gate passes, and the next stage is entered without a hand: its plan asks for no approval."
ready quarter
run switchyard status shop
share_quarter=$(share_of_new 2s)
run switchyard promote shop
ready half
share_half=$(share_of_new 2s)
run switchyard stats shop --window 3s

chapter "A bad release of new: it answers 500"
say "Nobody touches Switchyard now; the trigger errorRate: 5% has to see it."
change_new 500 "out of order"
wait_for 30 "the trigger rolls back" status_is .phase rolled_back
run switchyard status shop
rollback=$(status .lastRollback)
ordered=$(ms_of "$(jq -r .time <<<"$rollback")")
detect_ms=$((ordered - $(new_first_5xx)))
trigger_ms=$(jq -r '.measuredMs * 10 | round / 10' <<<"$rollback")
violations=$(jq -r '.violations | join("; ")' <<<"$rollback")
quiet_from=$((ordered + ${trigger_ms%.*} + 100))
wait_for 10 "legacy serves for two seconds" is_past $((quiet_from + 2000))
after_trigger=$(new_since $quiet_from)

chapter "Repaired, and all the way"
change_new 200 new
no_errors_left() { [ "$(switchyard stats shop --window 3s -o json | jq .new.requests)" -eq 0 ]; }
wait_for 20 "the bad requests have left the window" no_errors_left
run switchyard start shop --reason "release 2.4.1"
ready shadow
run switchyard promote shop
ready quarter
run switchyard promote shop
ready half
run switchyard promote shop
wait_for 30 "the rollout completes" status_is .phase completed
share_all=$(share_of_new 2s)
run switchyard status shop

chapter "Emergency, under load"
began=$(now_ms)
run switchyard rollback shop --emergency --reason "INC-1234: totals are wrong"
returned=$(now_ms)
emergency_ms=$(status '.lastRollback.measuredMs * 10 | round / 10')
wait_for 10 "legacy serves for two seconds" is_past $((returned + 2000))
after_emergency=$(new_since $((returned + 20)))
last_on_new=$(($(new_last) - began))
run switchyard history shop --limit 6

# ---- the facts

requests=0 errors=0
for node in "${nodes[@]}"; do
    read -r r e < <(stop_load "$node")
    requests=$((requests + r)) errors=$((errors + e))
done

chapter "Measured"
fact "requests by clients through three nodes" $requests is $requests '>' 10000
fact "client errors, bad release and emergency included" $errors is $errors == 0
fact "share of new at 25 %" "$share_quarter %" within "$share_quarter" 25 3
# shellcheck disable=SC2154
fact "share of new at 50 %" "$share_half %" within "$share_half" 50 3
fact "share of new at 100 %" "$share_all %" within "$share_all" 100 0.5
fact "bad release: first error to the order to roll back" "$detect_ms ms" is $detect_ms '<' 10000
fact "bad release: order to the last node serving legacy" "$trigger_ms ms" is "$trigger_ms" '<' 1000
fact "bad release: requests on new after that" "$after_trigger" is "$after_trigger" == 0
fact "emergency: order to the last node serving legacy" "$emergency_ms ms" is "$emergency_ms" '<' 250
fact "emergency: command typed to its answer" "$((returned - began)) ms" is $((returned - began)) '<' 1000
fact "emergency: command typed to the last request on new" "$last_on_new ms" is $last_on_new '<' 1000
fact "emergency: requests on new after the answer" "$after_emergency" is "$after_emergency" == 0
printf '%s\n' "${facts[@]}"
say ""
say "What the trigger said: $violations"
say "The whole story took $SECONDS s after the build."

[ $broken -eq 0 ] || fail "$broken facts are not as they should be"
if [ $keep = yes ]; then
    chapter "Everything is still running"
    say "export PATH=$PWD/build/release/bin:\$PATH SWITCHYARD_ENDPOINTS=127.0.0.1:$api_port"
    say "curl -i -H 'X-User-Id: 42' http://127.0.0.1:$(proxy_port 0)/"
    say "switchyard rollback shop --clear --reason \"all is well\" && switchyard start shop"
    say "Stop it with:  kill \$(cat $work/pids); rm -r $work"
fi
