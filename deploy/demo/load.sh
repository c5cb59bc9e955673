#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: deploy/demo/load.sh URL
# Two readers at one node until it is told to stop, with a report of wrk every two seconds, so that errors show
# soon. The pauses of deploy/demo/load.lua keep it light.
trap 'kill -INT $!; wait; exit 0' TERM
while :; do
    wrk -t1 -c2 -d2s --timeout 10s -s "$(dirname "$0")/load.lua" "$1" -- 15 &
    wait $!
done
