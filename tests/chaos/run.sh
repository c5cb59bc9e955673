#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Chaos on real processes: kills, stops, partitions and jumping clocks under load and commands, then a verdict.
#
# usage: tests/chaos/run.sh [--rounds N] [--seed S] [--first N] [--only FAULT] [--keep DIR]
#
# Programs are those of $SWITCHYARD_BIN (build/release/bin). Everything runs in namespaces of its own, and ends
# with them. A round takes 5 to 10 s; each tenth begins with fresh processes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export SWITCHYARD_BIN=${SWITCHYARD_BIN:-$here/../../build/release/bin}
export PYTHONPATH=$here/../lib:$here PYTHONDONTWRITEBYTECODE=1 PATH=$PATH:/usr/sbin:/sbin

own=(unshare --net --mount --pid --fork --kill-child --mount-proc)
[ "$(id -u)" -eq 0 ] || own+=(--map-root-user)
if why=$("${own[@]}" ip link add br0 type bridge 2>&1); then
    export CHAOS_NAMESPACES=yes
else
    own=()
    echo "skipped: network partitions, since namespaces are not allowed here: $why"
fi
[ -e "/usr/lib/$(uname -m)-linux-gnu/faketime/libfaketimeMT.so.1" ] ||
    echo "skipped: jumping clocks, since libfaketime is not installed"
if [ ${#own[@]} -gt 0 ]; then
    # What is written goes with the namespace, too.
    exec "${own[@]}" bash -c 'mount -t tmpfs none /mnt && TMPDIR=/mnt exec "$@"' chaos \
        /usr/bin/python3 "$here/chaos.py" "$@"
fi
exec /usr/bin/python3 "$here/chaos.py" "$@"
