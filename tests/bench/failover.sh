#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The new system is killed (kill -9) at weight 100 under the load of 32 clients that send GET as fast as they
# can: the errors that clients see. The peers have legacy as the backup of new, and retry what is safe.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
seconds=${1:-4}

start_peers() {
    free_port && nginx=$port
    start_nginx nginx <<CONF
upstream both { server 127.0.0.1:$new; server 127.0.0.1:$legacy backup; keepalive 64; }
server {
    listen 127.0.0.1:$nginx backlog=4096;
    location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://both; }
}
CONF
    start_haproxy http <<CONF
  http-reuse always
  retries 3
  retry-on all-retryable-errors
  option redispatch 1
  server new 127.0.0.1:$new check inter 200ms fall 1
  server legacy 127.0.0.1:$legacy backup
CONF
    wait_for "nginx as a proxy" curl -fs "http://127.0.0.1:$nginx/"
    wait_for "HAProxy" curl -fs "http://127.0.0.1:$haproxy/"
}

# Load on the proxy at PORT; new dies in the middle of it and comes back after it. NAME's report: $work/load-NAME.log
kill_under_load() {
    local name=$1 port=$2
    start "load-$name" wrk -t1 -c32 "-d${seconds}s" -s "$here/keys.lua" "http://127.0.0.1:$port/"
    sleep $((seconds / 2)) # half of the load goes before the kill
    kill_hard new
    wait "${pid[load-$name]}" || fail "wrk failed"
    unset "pid[load-$name]"
    rm -rf "$work/new"
    start_origin new "$new"
}

start_origins
start_coordinator
start_sidecars 1
start_rollout "exposeSystem: false"
order promote bench --to all
start_peers
errors=()
for name in nginx:$nginx haproxy:$haproxy ours:${proxy[0]}; do
    kill_under_load "${name%:*}" "${name#*:}"
    errors+=("$(client_errors "$work/load-${name%:*}.log")")
done

requests=$(client_requests "$work/load-ours.log")
row "new killed: client errors in $requests requests" "${errors[2]}" errors limit 0 1
row "  the same, nginx with a backup for comparison" "${errors[0]}" errors - - -
row "  the same, HAProxy with retries for comparison" "${errors[1]}" errors - - -
