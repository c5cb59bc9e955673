#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The TLS door beside HAProxy's and nginx's, with one thread and the same certificate (P-256) over the same two services:
# CPU microseconds of the process per request of 64 clients that keep their connections; per connection with one request,
# with a full handshake and with a resumed session (TLS 1.2 and 1.3). Ours is a real sidecar at weight 25 that a
# coordinator drives. Rounds alternate, the best counts.
#
# usage: tls.sh [SECONDS [ROUNDS]]
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
seconds=${1:-3} rounds=${2:-3}
kept=$work/rounds

make_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench \
        -addext subjectAltName=DNS:bench -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
    chmod 600 "$work/tls.key"
    cat "$work/tls.crt" "$work/tls.key" >"$work/both.pem"
}

# requests NAME PID PORT: a line with the CPU of one
requests() {
    local before
    before=$(ticks "$2")
    wrk -t1 -c64 "-d${seconds}s" -s "$here/keys.lua" "https://127.0.0.1:$3/" >"$work/load.log"
    awk -v name="$1" -v ticks="$(($(ticks "$2") - before))" \
        '/requests in/ { print name, "kept", ticks * 10000 / $1 }' "$work/load.log" >>"$kept"
}

# connections NAME PID PORT WHAT OPTION...: the same of connections
connections() {
    local name=$1 process=$2 where=$3 what=$4 before
    shift 4
    before=$(ticks "$process")
    openssl s_time -connect "127.0.0.1:$where" -www / -time "$seconds" "$@" >"$work/load.log" 2>&1
    awk -v name="$name" -v what="$what" -v ticks="$(($(ticks "$process") - before))" \
        '/real seconds/ { print name, what, ticks * 10000 / $1 }' "$work/load.log" >>"$kept"
}

# all NAME PID PORT
all() {
    requests "$@"
    connections "$@" full -new
    connections "$@" resumed-1.2 -reuse -tls1_2
    connections "$@" resumed-1.3 -reuse -tls1_3
}

# best NAME WHAT: the least of it
best() {
    awk -v name="$1" -v what="$2" '$1 == name && $2 == what && (!best || $3 < best) { best = $3 } END { print best }' \
        "$kept"
}

# figure FACT WHAT
figure() {
    row "$1" "$(best ours "$2")" us HAProxy "$(best haproxy "$2")" -
    row "$1" "$(best ours "$2")" us nginx "$(best nginx "$2")" -
}

make_certificate
start_origins
start_coordinator
free_port && tls=$port
start_sidecars 1 --tls-listen "127.0.0.1:$tls" --tls-cert "$work/tls.crt" --tls-key "$work/tls.key"
start_rollout "exposeSystem: false"
order set weight bench 25 --reason "measuring"
start_splitters -k ssl "ssl crt $work/both.pem ssl-min-ver TLSv1.2" \
    "ssl_certificate $work/tls.crt; ssl_certificate_key $work/tls.key; ssl_protocols TLSv1.2 TLSv1.3;"
for ((round = 1; round <= rounds; round++)); do
    all haproxy "${pid[haproxy]}" "$haproxy"
    all nginx "${pid[nginx]}" "$nginx"
    all ours "${pid[node-0]}" "$tls"
done
figure "tls: CPU per request" kept
figure "tls: CPU per connection, full handshake" full
figure "tls: CPU per connection, resumed, TLS 1.2" resumed-1.2
figure "tls: CPU per connection, resumed, TLS 1.3" resumed-1.3
