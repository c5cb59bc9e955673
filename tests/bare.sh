#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The README's commands on a bare Debian 12: debootstrap makes one in a folder, a fresh clone goes in, and
# quickstart.sh runs there; with --all tests/run.sh as well. Needs root, debootstrap, and 4 GB for the folder.
#
# usage: tests/bare.sh [--all] [FOLDER]     (a temporary one, removed at the end; a FOLDER is kept and used again)
#
# Packages come from where this machine takes its own.
set -euo pipefail
cd "$(dirname "$0")/.."

all=no folder=''
for word in "$@"; do
    case $word in
    --all) all=yes ;;
    -*) echo "bare: unknown option $word" >&2; exit 2 ;;
    *) folder=$word ;;
    esac
done
[ "$(id -u)" -eq 0 ] || { echo "bare: needs root for chroot and mounts" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "bare: apt-get install debootstrap first" >&2; exit 2; }

keep=yes
if [ -z "$folder" ]; then
    folder=$(mktemp -d /tmp/switchyard-bare-XXXXXX) keep=no
fi

finish() {
    local status=$?
    for place in proc dev/pts dev sys; do
        umount -l "$folder/$place" 2>/dev/null || true
    done
    [ $keep = yes ] || rm -rf --one-file-system "$folder"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

# The first mirror that serves bookworm itself, from sources in either format.
mirror() {
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\) bookworm .*/\2/p'
      awk '/^URIs:/ { uri = $2 } /^Suites:.*bookworm( |$)/ { print uri }' /etc/apt/sources.list.d/*.sources 2>/dev/null
    } | head -n 1
}

if [ ! -e "$folder/etc/debian_version" ]; then
    echo "== a bare Debian 12 in $folder"
    log=$(mktemp)
    debootstrap --variant=minbase bookworm "$folder" "$(mirror)" >"$log" 2>&1 || { tail -n 20 "$log" >&2; exit 1; }
    rm -f "$log"
fi
mkdir -p "$folder/etc/apt"
rm -rf "$folder/etc/apt/sources.list" "$folder/etc/apt/sources.list.d" "$folder/etc/apt/apt.conf.d"
for part in sources.list sources.list.d apt.conf.d apt.conf auth.conf.d trusted.gpg.d keyrings; do
    [ ! -e "/etc/apt/$part" ] || cp -rL "/etc/apt/$part" "$folder/etc/apt/"
done
cp -L /etc/resolv.conf "$folder/etc/resolv.conf"
cp -L /etc/hosts "$folder/etc/hosts"
mount -t proc proc "$folder/proc"
mount -t sysfs -o ro sysfs "$folder/sys"
mount --rbind /dev "$folder/dev"

rm -rf "$folder/switchyard"
git clone -q --no-hardlinks . "$folder/switchyard"

inside() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 CI="${CI:-}" \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        chroot "$folder" /bin/bash -c "cd /switchyard && $1"
}

echo "== deploy/quickstart.sh"
inside "deploy/quickstart.sh"
if [ $all = yes ]; then
    echo "== tests/run.sh"
    inside "tests/run.sh"
fi
