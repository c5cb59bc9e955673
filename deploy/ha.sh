#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A control plane to break: three etcd members, three coordinators and six nodes in two clusters on this machine,
# with a rollout under way and clients whose errors are counted. Installs and builds what is missing first.
#
# usage: deploy/ha.sh [--once] [--port N]
#   --once     break it by a script, check what happens, and stop
#   --port N   use N to N+22 (18500): services, coordinators, etcd, nodes
#
# With SWITCHYARD_BIN=DIR it takes the programs there and builds none.
# Without --once it prints what to type, in another terminal, and shows what clients see until Ctrl-C.
# On Debian 12, as root or with sudo. --once exits with 0 only if the facts of its last table hold.
set -euo pipefail
cd "$(dirname "$0")/.."

once=no first_port=18500
while [ $# -gt 0 ]; do
    case $1 in
    --once) once=yes ;;
    --port) first_port=${2:?--port needs a number}; shift ;;
    --help | -h) sed -n '3,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "ha: unknown option $1; see --help" >&2; exit 2 ;;
    esac
    shift
done
if ! [[ $first_port =~ ^[1-9][0-9]{0,4}$ ]] || [ "$first_port" -gt 65513 ]; then
    echo "ha: --port $first_port: use 1 to 65513" >&2
    exit 2
fi
members=(etcd-1 etcd-2 etcd-3) coordinators=(c-1 c-2 c-3)
nodes=(eu-1-a eu-1-b eu-1-c us-1-a us-1-b us-1-c)
legacy_port=$first_port new_port=$((first_port + 1))
coordinator_port() { echo $((first_port + 2 + $1)); }
etcd_port() { echo $((first_port + 5 + $1)); }
etcd_peer_port() { echo $((first_port + 8 + $1)); }
proxy_port() { echo $((first_port + 11 + $1)); }
control_port() { echo $((first_port + 17 + $1)); }
# A lease of a coordinator lives this long.
ttl_ms=5000

work=$(mktemp -d "${TMPDIR:-/tmp}/switchyard-ha-XXXXXX")
chmod 755 "$work"
mkfifo "$work/nothing"
# shellcheck source=deploy/demo/lib.sh
. deploy/demo/lib.sh

finish() {
    local status=$?
    trap - EXIT
    trap '' INT TERM
    if [ $status -ne 0 ] && [ $status -ne 130 ] && [ $broken -eq 0 ]; then
        tail -n 5 "$work"/*/log >&2 2>/dev/null || true
    fi
    stop_all
    rm -rf "$work"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

# ---- what runs. A process that was killed is started again with the same words.

# begin NAME COMMAND...: start it, and let $work/again know how.
begin() {
    local name=$1
    shift
    mkdir -p "$work/$name"
    printf '%q ' "$@" >"$work/$name/command"
    again "$name"
}

again() {
    local name=$1 words
    eval "words=($(cat "$work/$name/command"))"
    start "$name" "${words[@]}"
}

# addresses PORT_OF SCHEME FIRST: of the three, in turn, beginning with the given one.
addresses() {
    local port_of=$1 scheme=$2 first=$3 i list=''
    for i in 0 1 2; do list+=,$scheme"127.0.0.1:$($port_of $(((first + i) % 3)))"; done
    echo "${list#,}"
}

begin_etcd() {
    local i=$1 url=http://127.0.0.1 cluster='' m
    for m in 0 1 2; do cluster+=,${members[m]}=$url:$(etcd_peer_port $m); done
    begin "${members[i]}" etcd --name "${members[i]}" --data-dir "$work/${members[i]}/data" \
        --listen-client-urls "$url:$(etcd_port "$i")" --advertise-client-urls "$url:$(etcd_port "$i")" \
        --listen-peer-urls "$url:$(etcd_peer_port "$i")" --initial-advertise-peer-urls "$url:$(etcd_peer_port "$i")" \
        --initial-cluster "${cluster#,}" --max-txn-ops 4096 --logger zap --log-level error
}

begin_coordinator() {
    begin "${coordinators[$1]}" switchyard-coordinator --id "${coordinators[$1]}" \
        --listen "127.0.0.1:$(coordinator_port "$1")" --data "$work/${coordinators[$1]}/data" \
        --store etcd --etcd-endpoints "$(addresses etcd_port http:// "$1")" --startup-grace 1s
}

begin_node() {
    local i=$1
    begin "${nodes[i]}" switchyard-sidecar --node "${nodes[i]}" --labels "cluster=${nodes[i]%-*}" --threads 1 \
        --listen "127.0.0.1:$(proxy_port "$i")" --control "127.0.0.1:$(control_port "$i")" \
        --coordinator "$(addresses coordinator_port '' "$i")" --data "$work/${nodes[i]}/data"
}

# ---- what is asked

etcd_is_healthy() { ETCDCTL_API=3 etcdctl --endpoints "$(addresses etcd_port http:// 0)" endpoint health; }
nodes_serve() { [ "$(switchyard get nodes -o json | jq '[.nodes[] | select(.state == "serving")] | length')" -eq ${#nodes[@]} ]; }
# The name of the one that leads; empty: none does.
leader() { switchyard get coordinators --timeout 3s -o json 2>/dev/null | jq -r .leader; }
leads_now() { [ -n "$(leader)" ] && [ "$(leader)" != "${1:-}" ]; }
# An address of one that does not lead.
follower_address() {
    local i now
    now=$(leader)
    for i in 0 1 2; do
        [ "${coordinators[i]}" = "$now" ] || { echo "127.0.0.1:$(coordinator_port $i)"; return; }
    done
}
in_history() { switchyard history shop --limit 50 -o json | jq -e --arg r "$1" '.entries | any(.reason == $r)'; }
# "REQUESTS ERRORS" of all clients until now.
clients() {
    cat "$work"/load-*/log | awk '/requests in/ { requests += $1 }
         /Socket errors/ { gsub(/,/, ""); errors += $4 + $6 + $8 + $10 }
         /Non-2xx/ { errors += $NF }
         END { print requests + 0, errors + 0 }'
}

# ---- before

chapter "Packages and build"
run deploy/install-deps.sh build run ha
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache); fi
SECONDS=0
if [ -n "${SWITCHYARD_BIN:-}" ]; then
    bin=$(cd "$SWITCHYARD_BIN" && pwd)
else
    run cmake --preset release "${launcher[@]}" >"$work/build.log" 2>&1 || { cat "$work/build.log"; fail "cmake failed"; }
    say "\$ cmake --build --preset release"
    cmake --build --preset release --target switchyard switchyard-coordinator switchyard-sidecar >"$work/build.log" 2>&1 ||
        { tail -n 60 "$work/build.log"; fail "the build failed"; }
    say "built in $SECONDS s"
    bin=$PWD/build/release/bin
fi
PATH=$bin:$PATH:/usr/sbin
SWITCHYARD_ENDPOINTS=$(addresses coordinator_port '' 0)
# The CLI keeps the last known fleet here, for --direct.
export SWITCHYARD_ENDPOINTS XDG_CACHE_HOME=$work/cache
for port in $(seq "$first_port" $((first_port + 22))); do
    is_free "$port" || fail "port $port is in use; choose others with --port N"
done

chapter "Two services, three etcd members, three coordinators, six nodes in two clusters"
start_service legacy "$legacy_port"
start_service new "$new_port"
for i in 0 1 2; do begin_etcd $i; done
wait_for 15 "etcd is healthy" etcd_is_healthy
for i in 0 1 2; do begin_coordinator $i; done
wait_for 15 "one of the coordinators leads" leads_now
for i in "${!nodes[@]}"; do begin_node "$i"; done
wait_for 15 "every node is connected" nodes_serve
fill deploy/demo/shop.yaml "$work/shop.yaml" LEGACY "http://127.0.0.1:$legacy_port" NEW "http://127.0.0.1:$new_port"
run switchyard apply -f "$work/shop.yaml"
run switchyard get coordinators
run switchyard get nodes
for i in "${!nodes[@]}"; do start "load-${nodes[i]}" deploy/demo/load.sh "http://127.0.0.1:$(proxy_port "$i")"; done

chapter "A rollout, until a quarter of the users is on new"
run switchyard start shop --reason "release 2.4"
ready() { wait_for 30 "$1 has baked and its gate passed" status_is '"\(.stage) \(.phase)"' "$1 ready"; }
ready shadow
run switchyard promote shop
ready quarter
run switchyard status shop

# ---- by hand

menu() {
    local now i
    now=$(leader)
    cat >"$work/env" <<ENV
export PATH=$bin:\$PATH SWITCHYARD_ENDPOINTS=$SWITCHYARD_ENDPOINTS XDG_CACHE_HOME=$work/cache
pid() { cat $work/\$1/started; }
again() { setsid bash -c "exec \$(cat $work/\$1/command)" >>$work/\$1/log 2>&1 </dev/null & echo \$! | tee $work/\$1/started >>$work/pids; }
ENV
    chapter "Break it. In another terminal:"
    cat <<MENU
  . $work/env          # programs and addresses; again NAME starts one again, pid NAME tells its process

  switchyard get coordinators                    # who leads, in which term, since when
  kill -9 $(pid_of "${now:-c-1}")                                  # the leader, ${now:-c-1}; look again: another one leads
  again ${now:-c-1}                                      # and back
  kill -STOP $(pid_of "${now:-c-1}"); sleep 8; kill -CONT $(pid_of "${now:-c-1}")   # it hangs, is replaced, and takes it
  kill -9 $(pid_of etcd-2)                                  # an etcd member: nothing happens; again etcd-2

  switchyard rollback shop --emergency --reason "INC-1" --endpoints $(follower_address)   # by a follower
  switchyard rollback shop --clear --reason "fixed"; switchyard start shop; switchyard promote shop

  kill -9 $(for i in "${members[@]}" "${coordinators[@]}"; do printf '%s ' "$(pid_of "$i")"; done) # all of the control plane
  switchyard rollback shop --emergency --direct all --reason "INC-2"    # straight to the nodes
  for p in ${members[*]} ${coordinators[*]}; do again \$p; done           # all of it again
  switchyard history shop                        # the order was adopted, with its reason
  curl -i -H 'X-User-Id: 42' http://127.0.0.1:$(proxy_port 0)/shop

Logs: $work/NAME/log. Ctrl-C here stops everything.

MENU
}

# A line about what clients see, renewed each second.
watch_clients() {
    local counts text
    while :; do
        counts=$(clients)
        text=$(switchyard status shop --timeout 3s -o json 2>/dev/null |
            jq -r '"\(.stage), \(.weight) % new, \(.phase)\(if .emergency.active then ", EMERGENCY" else "" end)"') || text=''
        printf '\r%s  %8d requests by clients, %d errors   leader %s   %s\033[K' "$(date +%T)" \
            "${counts% *}" "${counts#* }" "$(leader || true)" "${text:-no coordinator answers}"
        read -rt 1 <>"$work/nothing" || true
    done
}

if [ $once = yes ]; then
    # shellcheck source=deploy/demo/ha_tour.sh
    . deploy/demo/ha_tour.sh
else
    menu
    watch_clients
fi
