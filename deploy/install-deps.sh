#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what Switchyard needs from Debian 12, and only what is missing.
#
# usage: deploy/install-deps.sh [build|run|ha|test|all]...     (all)
#   build  to compile the programs and their unit tests
#   run    what deploy/quickstart.sh runs besides
#   ha     what deploy/ha.sh runs besides those: etcd
#   test   what tests/run.sh needs besides: pytest, linters, HAProxy to compare with, clocks that jump
#
# Works as root and with sudo. Services that a package brings along are not started.
set -euo pipefail

build=(build-essential cmake ninja-build pkg-config
    libgrpc-dev libc-ares-dev libprotobuf-c-dev protobuf-c-compiler libprotobuf-dev protobuf-compiler
    libcjson-dev libcurl4-openssl-dev libpq-dev libyaml-dev libmd-dev libssl-dev libsqlite3-dev zlib1g-dev libnghttp2-dev libcmocka-dev uthash-dev)
run=(nginx-light wrk curl jq procps)
ha=(etcd-server etcd-client)
test=(python3 python3-pytest python3-h11 python3-h2 nghttp2-client nghttp2-server python3-grpcio python3-protobuf python3-yaml
    clang clang-format libclang-rt-14-dev shellcheck codespell cppcheck pmccabe
    postgresql-15 redis-server prometheus
    haproxy openssl util-linux iproute2 libfaketime git)

policy=/usr/sbin/policy-rc.d # asked by invoke-rc.d whether a service may start
policy_is_ours=no
as_root=()

fail() {
    echo "install-deps: $1" >&2
    exit 2
}

clean_up() {
    [ $policy_is_ours = no ] || "${as_root[@]}" rm -f $policy
}

# The packages of the groups named, into `wanted`.
choose() {
    local group
    wanted=()
    for group in "$@"; do
        case $group in
        build) wanted+=("${build[@]}") ;;
        run) wanted+=("${run[@]}") ;;
        ha) wanted+=("${ha[@]}") ;;
        test) wanted+=("${test[@]}") ;;
        all) wanted+=("${build[@]}" "${run[@]}" "${ha[@]}" "${test[@]}") ;;
        *) fail "unknown group \"$group\": build, run, ha, test or all" ;;
        esac
    done
}

check_system() {
    local system
    system=$(sed -n 's/^\(ID\|VERSION_ID\)="\?\([^"]*\)"\?$/\2/p' /etc/os-release 2>/dev/null | sort | xargs)
    [ "$system" = "12 debian" ] && return
    fail "this is not Debian 12, whose names these packages have; install their equivalents by hand: ${wanted[*]}"
}

# Those of `wanted` that are not installed, into `missing`.
find_missing() {
    local have
    have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
        sed -n 's/^installed //p' | sort -u) || true
    mapfile -t missing < <(printf '%s\n' "${wanted[@]}" | sort -u | comm -23 - <(echo "$have"))
}

become_root() {
    [ "$(id -u)" -eq 0 ] && return
    command -v sudo >/dev/null || fail "run this as root, or install sudo; missing: ${missing[*]}"
    as_root=(sudo)
}

forbid_services() {
    [ ! -e $policy ] || return 0
    policy_is_ours=yes
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 755 $policy
}

choose "${@:-all}"
check_system
find_missing
[ ${#missing[@]} -gt 0 ] || exit 0

become_root
echo "install-deps: installing ${missing[*]}"
trap clean_up EXIT
forbid_services
"${as_root[@]}" apt-get -q update ||
    fail "the package lists could not be read; check the network and /etc/apt/sources.list"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q install -y --no-install-recommends "${missing[@]}" ||
    fail "the installation failed; apt-get says why, above"
