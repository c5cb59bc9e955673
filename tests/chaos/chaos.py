#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rounds of chaos on real processes, and the verdict of the checker. Start it with run.sh."""

import argparse
import os
import random
import shutil
import sys
import time
from pathlib import Path

import checker
import faults
import history
from ground import MIGRATIONS, Ground
from network import Loopback, Network
from operators import Operator

SETTLE = 25.0  # the longest wait for everything to be back
ROUND = 4.0    # the shortest round
QUIET = 0.7    # of a round's end, in which the requests of clients show what is served
YARD = 10      # rounds on the same processes


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", default="1", help="gives the same faults and commands again")
    parser.add_argument("--first", type=int, default=1, help="begin with this round of the seed")
    parser.add_argument("--only", help="only faults of this kind, for example KillLeader")
    parser.add_argument("--keep", type=Path, help="copy histories and logs of broken yards there")
    return parser.parse_args()


def say(text):
    print(text, flush=True)


def run_faults(ground, planned):
    """Begin and end each at its time."""
    steps = sorted([(f.at, "begin", f) for f in planned] + [(f.at + f.lasts, "end", f) for f in planned],
                   key=lambda step: step[0])
    start = time.monotonic()
    for at, what, fault in steps:
        time.sleep(max(0.0, start + at - time.monotonic()))
        (fault.begin if what == "begin" else fault.end)(ground)
        ground.record.write("fault", what=what, name=str(fault), hit=[str(h.name) for h in fault.hit])


def settle(ground, number):
    """Nothing is broken any more: how long until everything is back."""
    start, why = time.monotonic(), "?"
    while why and time.monotonic() - start < SETTLE:
        for thing in ground.things.values():
            thing.heal()
        why = ground.unsettled()
        time.sleep(0.05)
    seconds = None if why else time.monotonic() - start
    ground.record.write("settled", round=number, seconds=seconds, why=why)
    return seconds, why


def round_of(ground, operators, number, options):
    planned = faults.plan(random.Random(f"{options.seed}/{number}"), ground.possible, options.only)
    for operator in operators:
        operator.going.set()
    began = time.monotonic()
    run_faults(ground, planned)
    time.sleep(max(0.0, began + ROUND - time.monotonic()))
    for operator in operators:
        operator.rest()
    seconds, why = settle(ground, number)
    time.sleep(QUIET)
    took = time.monotonic() - began
    say(f"round {number:3} {took:5.1f} s, back after {seconds or -1:4.1f} s: "
        f"{'; '.join(map(str, planned))}{f'  NOT BACK: {why}' if why else ''}")


def verdict(ground, numbers, keep):
    problems = [("programs", p) for p in ground.end()]
    lines = history.read(*ground.files())
    broken = checker.check(lines) + problems
    for name, text in broken:
        say(f"VIOLATION {name}: {text}")
    say(f"{checker.summary(lines)}: {len(broken)} violations")
    if broken and keep:
        kept = keep / f"rounds-{numbers[0]}-{numbers[-1]}"
        shutil.copytree(ground.folder, kept, dirs_exist_ok=True, ignore=shutil.ignore_patterns("etcd-?", "n-?"))
        say(f"kept in {kept}")
    ground.remove()
    return len(broken)


def yard_of(network, numbers, options):
    """Some rounds on the same processes; how many violations."""
    ground = Ground(network, ["--lease-ttl", f"{faults.TTL:.0f}s"])
    try:
        ground.open()
        operators = [Operator(ground, m, f"{options.seed}/{numbers[0]}") for m in MIGRATIONS]
        for operator in operators:
            operator.start()
        for number in numbers:
            round_of(ground, operators, number, options)
        for operator in operators:
            operator.end()
        ground.clients.stop()
        ground.keep_the_end()
    except BaseException:
        ground.show_logs(30)
        ground.logs.ending = True
        ground.end()
        ground.remove()
        raise
    return verdict(ground, numbers, options.keep)


def main():
    options = arguments()
    network = Network() if os.environ.get("CHAOS_NAMESPACES") == "yes" else Loopback()
    say(f"seed {options.seed}, {options.rounds} rounds")
    numbers = list(range(options.first, options.first + options.rounds))
    broken = sum(yard_of(network, numbers[i:i + YARD], options) for i in range(0, len(numbers), YARD))
    say(f"{len(numbers)} rounds: {broken} violations")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
