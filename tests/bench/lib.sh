# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the figures share: processes that always end, free ports, a yard of real programs, rows of the table.
# A figure reads $BENCH_BIN (the folder of release programs) and prints one row per fact.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(cd "${BENCH_BIN:-$here/../../build/release/bin}" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/switchyard-bench.XXXXXX")
export XDG_CACHE_HOME=$work/cache # what `switchyard` keeps
declare -A pid=() # of what runs, by name
etcd_command=()    # of each member

fail() {
    printf '%s: %s\n' "$(basename "$0" .sh)" "$1" >&2
    tail -n 5 "$work"/*.log >&2 2>/dev/null || true
    exit 2
}

# ---- processes ---------------------------------------------------------------------------------------------

# Everything here is ours and holds nothing worth a goodbye.
stop_all() {
    exec 2>/dev/null # the shell's own words on each
    [ ${#pid[@]} -eq 0 ] || kill -KILL "${pid[@]}" || true
    wait || true
    rm -rf "$work"
}
trap stop_all EXIT
trap 'exit 130' INT TERM

# start NAME PROGRAM [ARGUMENT...]: in the background, its words in $work/NAME.log
start() {
    local name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 &
    pid[$name]=$!
}

kill_hard() {
    {
        kill -KILL "${pid[$1]}"
        wait "${pid[$1]}" || true
    } 2>/dev/null # the shell's own words on it
    unset "pid[$1]"
}

# wait_for WHAT COMMAND...: until it succeeds; a run that waits for nothing ends in a failure that says so, after
# $patience seconds (20)
wait_for() {
    local what=$1 until=$((SECONDS + ${patience:-20}))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $until ] || fail "in vain waited for $what"
        sleep 0.02 # between two questions
    done
}

# A port nobody listens on, below the range that the kernel takes for outgoing connections, into `port`.
free_port() {
    for _ in $(seq 100); do
        port=$((12000 + RANDOM % 20000))
        (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 0
    done
    fail "no free port"
}

# ---- services behind, and a yard in front ------------------------------------------------------------------

# start_nginx NAME: one process with the server blocks given on standard input
start_nginx() {
    local dir=$work/$1
    mkdir "$dir"
    {
        echo "worker_processes 1; daemon off; master_process off; pid $dir/pid; error_log $dir/error;"
        echo "events { worker_connections 8192; }"
        echo "http { access_log off; keepalive_requests 1000000000; keepalive_timeout 600;"
        for temporary in client_body proxy fastcgi uwsgi scgi; do
            echo "${temporary}_temp_path $dir/$temporary;"
        done
        cat
        echo "}"
    } >"$dir/conf"
    start "$1" nginx -e "$dir/error" -c "$dir/conf"
}

# start_haproxy MODE [BIND]: one thread, and as its backend what is given on standard input; its port is in `haproxy`
start_haproxy() {
    free_port && haproxy=$port
    {
        echo "global"
        echo "  nbthread 1"
        echo "  maxconn 8192"
        echo "defaults"
        echo "  mode $1"
        echo "  timeout client 60s"
        echo "  timeout server 60s"
        echo "  timeout connect 5s"
        echo "frontend f"
        echo "  bind 127.0.0.1:$haproxy ${2:-}"
        echo "  default_backend b"
        echo "backend b"
        cat
    } >"$work/haproxy.cfg"
    start haproxy haproxy -db -f "$work/haproxy.cfg"
}

# start_origin NAME PORT: answers with its name; /counter tells how many requests reached it
start_origin() {
    start_nginx "$1" <<CONF
server {
    listen 127.0.0.1:$2 backlog=4096;
    location / { return 200 "$1: hello from the backend, some bytes\n"; }
    location = /counter { stub_status; }
}
CONF
    wait_for "nginx $1" curl -fs "http://127.0.0.1:$2/"
}

start_origins() {
    free_port && legacy=$port && start_origin legacy "$legacy"
    free_port && new=$port && start_origin new "$new"
}

# start_splitters CURL_OPTION NGINX_LISTEN HAPROXY_BIND [NGINX_LINES]: nginx and HAProxy that split 75/25 over the two
# services with one thread each, what their listening sockets are besides, and more lines of nginx's server; their
# ports are in `nginx` and `haproxy`. HAProxy only counts to four.
start_splitters() {
    free_port && nginx=$port
    start_nginx nginx <<CONF
split_clients "\${http_x_user_id}" \$up { 25% new; * legacy; }
upstream legacy { server 127.0.0.1:$legacy; keepalive 256; keepalive_requests 1000000000; }
upstream new { server 127.0.0.1:$new; keepalive 256; keepalive_requests 1000000000; }
server {
    listen 127.0.0.1:$nginx $2 backlog=4096;
    ${4:-}
    location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://\$up; }
}
CONF
    start_haproxy http "$3" <<CONF
  http-reuse always
  balance roundrobin
  server legacy 127.0.0.1:$legacy weight 75
  server new 127.0.0.1:$new weight 25
CONF
    wait_for "nginx as a proxy" splits "$1" "$nginx"
    wait_for "HAProxy" splits "$1" "$haproxy"
}

# splits CURL_OPTION PORT: does it answer? By https where the option is -k.
splits() {
    local scheme=http
    [ "$1" != -k ] || scheme=https
    curl -fs ${1:+"$1"} "$scheme://127.0.0.1:$2/"
}

# Hundredths of a second of CPU that a process has taken.
ticks() {
    awk '{ print $14 + $15 }' "/proc/$1/stat"
}

# Microseconds since 1970, without starting a program.
now_us() {
    printf -v "$1" %s "${EPOCHREALTIME/[.,]/}"
}

# Requests that the service at PORT has taken, without those for the counter since the last question.
requests_at() {
    curl -fsS "http://127.0.0.1:$1/counter" | awk 'NR == 3 { print $3 - 1 }'
}

# start_coordinator: on free ports; `switchyard` then means this one
start_coordinator() {
    free_port
    export SWITCHYARD_ENDPOINTS=127.0.0.1:$port SWITCHYARD_OPERATOR=bench PATH=$bin:$PATH
    start coordinator switchyard-coordinator --listen "$SWITCHYARD_ENDPOINTS" --data "$work/coordinator.data" \
        --log-level warn
    wait_for "the coordinator" switchyard get plans
}

# start_etcd N: a cluster on the disk below $work; its endpoints go into `etcd`
start_etcd() {
    local i client=() between=() cluster=
    for ((i = 0; i < $1; i++)); do
        free_port && client+=("http://127.0.0.1:$port")
        free_port && between+=("http://127.0.0.1:$port")
        cluster+=${cluster:+,}etcd-$i=${between[i]}
    done
    etcd=$(IFS=, && echo "${client[*]}")
    for ((i = 0; i < $1; i++)); do
        etcd_command[i]="etcd --name etcd-$i --data-dir $work/etcd-$i --listen-client-urls ${client[i]}
            --advertise-client-urls ${client[i]} --listen-peer-urls ${between[i]}
            --initial-advertise-peer-urls ${between[i]} --initial-cluster $cluster
            --max-txn-ops 4096 --logger zap --log-level error"
        revive_etcd "$i"
    done
    wait_for "etcd" env ETCDCTL_API=3 etcdctl --endpoints "$etcd" endpoint health
}

# revive_etcd I: as it was
revive_etcd() {
    # shellcheck disable=SC2086 # words
    start "etcd-$1" ${etcd_command[$1]}
}

# start_replicas N: coordinators c-0, c-1, ... on etcd; `replica` has their addresses, and `switchyard` asks them all
start_replicas() {
    local i
    replica=()
    for ((i = 0; i < $1; i++)); do
        free_port && replica+=("127.0.0.1:$port")
    done
    SWITCHYARD_ENDPOINTS=$(IFS=, && echo "${replica[*]}")
    export SWITCHYARD_ENDPOINTS SWITCHYARD_OPERATOR=bench PATH=$bin:$PATH HOME=$work
    for ((i = 0; i < $1; i++)); do
        revive_replica "$i"
    done
    wait_for "a leader" has_leader
}

revive_replica() {
    start "c-$1" switchyard-coordinator --id "c-$1" --listen "${replica[$1]}" --data "$work/c-$1.data" --store etcd \
        --etcd-endpoints "$etcd" --log-level warn
}

# Its number.
leader() {
    switchyard get coordinators -o json | jq -re '.leader | select(. != "") | ltrimstr("c-")'
}

has_leader() {
    [ -n "$(leader)" ]
}

# start_sidecars N [OPTION...]: one proxy thread each; where they take requests goes into the array `proxy`. With
# several coordinators each dials another one first.
start_sidecars() {
    local i n=$1 first all
    shift
    proxy=()
    IFS=, read -ra all <<<"$SWITCHYARD_ENDPOINTS"
    for ((i = 0; i < n; i++)); do
        free_port
        proxy+=("$port")
        first=$((i % ${#all[@]}))
        start "node-$i" switchyard-sidecar --node "node-$i" \
            --coordinator "$(IFS=, && echo "${all[*]:first},${all[*]:0:first}" | sed 's/,$//')" \
            --listen "127.0.0.1:$port" --data "$work/node-$i.data" --log-level warn --threads 1 "$@"
    done
    wait_for "$n nodes" nodes_are "$n"
}

# start_nodes N ADDR[,ADDR...]: nodes without a proxy, in one process; until they have their rules
start_nodes() {
    start nodes "$bin/bench_nodes" "$1" "$2"
    patience=60 wait_for "$1 nodes without a proxy" grep -q '^all' "$work/nodes.log"
}

nodes_are() {
    [ "$(switchyard get nodes -o json | jq '.nodes | map(select(.state == "serving")) | length')" = "$1" ]
}

# start_rollout ROUTING: the plan `bench` between the two services, users told apart by a header, at 0 %
start_rollout() {
    cat >"$work/plan.yaml" <<PLAN
apiVersion: switchyard/v1
kind: Migration
metadata: {name: bench}
spec:
  systems:
    legacy: {endpoints: ["http://127.0.0.1:$legacy"]}
    new: {endpoints: ["http://127.0.0.1:$new"]}
  routing: {key: "header:X-User-Id", $1}
  fallback: {on: [connect_error, timeout, 5xx], methods: [GET, HEAD]}
  breaker: {errors: 50, window: 10s, openFor: 30s, halfOpenRequests: 10}
  stages:
    - {name: shadow, weight: 0, approval: manual, bake: 0s}
    - {name: all, weight: 100, approval: manual}
PLAN
    order apply -f "$work/plan.yaml"
    order start bench
}

# A command that changes something, answered when every node serves it.
order() {
    switchyard "$@" >"$work/order.log" 2>&1 || fail "switchyard $*: $(cat "$work/order.log")"
}

# ---- load --------------------------------------------------------------------------------------------------

# Answers that were no 2xx or 3xx, and broken connections, in the reports of wrk given.
client_errors() {
    awk '/Non-2xx/ { n += $NF }
        /Socket errors/ { gsub(",", ""); n += $4 + $6 + $8 + $10 }
        END { print n + 0 }' "$@"
}

client_requests() {
    awk '/requests in/ { n += $1 } END { print n + 0 }' "$@"
}

# ---- numbers and rows --------------------------------------------------------------------------------------

# The q-quantile of the numbers on standard input.
quantile() {
    sort -g | awk -v q="$1" '{ v[NR] = $1 } END { print v[int((NR - 1) * q + 0.5) + 1] }'
}

resident_kb() {
    awk '/^VmRSS/ { print $2 }' "/proc/$1/status"
}

# row FACT OURS UNIT PEER VALUE AIM: the ratio of ours to the peer's (or to a limit's) value is to be at most
# AIM. "-" for VALUE: nothing to compare with; for AIM: no aim, told to be known.
row() {
    awk -v fact="$1" -v ours="$2" -v unit="$3" -v peer="$4" -v value="$5" -v aim="$6" '
        function number(x) { return sprintf(x >= 1000 ? "%.0f" : "%.3g", x) }
        BEGIN {
            if (value != "-" && value + 0 > 0)
                ratio = sprintf("%.2fx", ours / value)
            met = aim == "-" || value == "-" ? "-" : ours <= value * aim ? "yes" : "MISSED"
            printf "%-50s %12s  %-20s %7s %8s  %s\n", fact, number(ours) " " unit,
                peer (value == "-" ? "" : " " number(value) " " unit), ratio,
                aim == "-" ? "" : "<= " aim "x", met
        }'
}
