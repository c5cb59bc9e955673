#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The proxy beside HAProxy and nginx, all splitting 75/25 over the same two backends: requests per
# second, p99 and CPU microseconds per request of the proxy process alone, then ours as a ratio.
#
#   tests/bench/proxy.sh [BIN] [SECONDS] [ROUNDS]
#
# BIN has proxy_main (build/release/bin). Needs haproxy, nginx, wrk. Only the ratios of one run mean
# anything: rounds alternate, and the machine should do nothing else.
set -eu

bin=${1:-build/release/bin} secs=${2:-5} rounds=${3:-3}
work=$(mktemp -d)
stop_all() {
    for f in "$work"/*.pid; do
        if [ -s "$f" ]; then kill "$(cat "$f")" 2>/dev/null || true; fi
    done
    rm -rf "$work"
}
trap stop_all EXIT

free_ports() {
    /usr/bin/python3 -c 'import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*[s.getsockname()[1] for s in held])' "$1"
}
read -r legacy new nginx haproxy ours < <(free_ports 5)

cat >"$work/backend.conf" <<C
worker_processes 1; daemon on; pid $work/backend.pid; error_log $work/backend.err;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000000; keepalive_timeout 600;
  server { listen 127.0.0.1:$legacy; location / { return 200 "legacy: hello from the backend, some bytes\n"; } }
  server { listen 127.0.0.1:$new; location / { return 200 "new: hello from the backend, some bytes\n"; } } }
C
cat >"$work/nginx.conf" <<C
worker_processes 1; daemon on; pid $work/nginx.pid; error_log $work/nginx.err;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 1000000000; keepalive_timeout 600;
  split_clients "\${http_x_user_id}\${request_id}" \$up { 25% new; * legacy; }
  upstream legacy { server 127.0.0.1:$legacy; keepalive 256; keepalive_requests 1000000000; }
  upstream new { server 127.0.0.1:$new; keepalive 256; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:$nginx backlog=4096;
    location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://\$up; } } }
C
cat >"$work/haproxy.cfg" <<C
global
  daemon
  nbthread 1
  maxconn 8192
  pidfile $work/haproxy.pid
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
  http-reuse always
frontend f
  bind 127.0.0.1:$haproxy
  default_backend b
backend b
  balance roundrobin
  server legacy 127.0.0.1:$legacy weight 75
  server new 127.0.0.1:$new weight 25
C
nginx -c "$work/backend.conf"
nginx -c "$work/nginx.conf"
haproxy -f "$work/haproxy.cfg"
"$bin/proxy_main" "listen=127.0.0.1:$ours" "legacy=http://127.0.0.1:$legacy" \
    "new=http://127.0.0.1:$new" weight=25 threads=1 breaker=5/300000/600000/10 \
    </dev/null >"$work/ours.log" &
echo $! >"$work/ours.pid"
until curl -fs "http://127.0.0.1:$ours/" >/dev/null; do :; done

ticks() {
    for p in $(pgrep -P "$1") "$1"; do cat "/proc/$p/stat" 2>/dev/null; done |
        awk '{s += $14 + $15} END {print s + 0}'
}
for ((round = 1; round <= rounds; round++)); do
    for row in "haproxy:$haproxy" "nginx:$nginx" "ours:$ours"; do
        IFS=: read -r name port <<<"$row"
        pid=$(cat "$work/$name.pid")
        before=$(ticks "$pid")
        wrk -t1 -c64 -d"${secs}s" --latency "http://127.0.0.1:$port/" >"$work/out"
        after=$(ticks "$pid")
        awk -v n="$name" -v r="$round" -v t=$((after - before)) '
            /requests in/ {q = $1} /Requests\/sec/ {s = $2} /99%/ {p = $2} /Non-2xx/ {e = $NF}
            END {printf "round %d %-8s rps %8.0f  p99 %8s  cpu_us_per_request %6.2f  non2xx %d\n",
                 r, n, s, p, t * 10000 / q, e + 0}' "$work/out" | tee -a "$work/rows"
    done
done
awk '{sum[$3] += $9; count[$3]++}
     END {h = sum["haproxy"] / count["haproxy"]; n = sum["nginx"] / count["nginx"]
          o = sum["ours"] / count["ours"]
          printf "cpu per request: %.2fx haproxy, %.2fx nginx\n", o / h, o / n}' "$work/rows"
