# SPDX-License-Identifier: Apache-2.0
"""A network of namespaces, one for each process that can be cut off from others.

All hang on one bridge. A cut is a wrong link-layer address in the one's table of neighbours: what it sends to
the other is dropped without a word, as on a network that is down; connections stay open and hear nothing.
Needs to own its network and mount namespace (run.sh), so nothing of it outlives the run.
"""

import os
import subprocess

from switchyard import LOOPBACK, Place

SUBNET = "10.77.0."
OURS = 254  # the bridge itself: clients, operators and services
NOWHERE = "02:77:00:00:ff:ff"


def run(*words, text=None):
    subprocess.run(words, input=text, text=True, check=True, capture_output=text is not None)


class Network:
    """Places by name."""

    can_cut = True

    def __init__(self):
        os.makedirs("/run/netns", exist_ok=True)
        run("mount", "-t", "tmpfs", "none", "/run/netns")
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "br0", "type", "bridge")
        run("ip", "addr", "add", f"{SUBNET}{OURS}/24", "dev", "br0")
        run("ip", "link", "set", "br0", "up")
        self.number = {}

    @property
    def ours(self):
        return f"{SUBNET}{OURS}"

    def place(self, name):
        if name not in self.number:
            self.number[name] = len(self.number) + 1
            self.add(name)
        return Place(self.address(name), ["ip", "netns", "exec", name])

    def address(self, name):
        return f"{SUBNET}{self.number[name]}"

    def hardware(self, name):
        return f"02:77:00:00:00:{self.number[name]:02x}"

    def add(self, name):
        port = f"v{self.number[name]}"
        run("ip", "netns", "add", name)
        run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0",
            "address", self.hardware(name), "netns", name)
        run("ip", "link", "set", port, "master", "br0", "up")
        self.inside(name, f"addr add {self.address(name)}/24 dev eth0", "link set eth0 up", "link set lo up")

    def inside(self, name, *commands):
        run("ip", "-n", name, "-batch", "-", text="\n".join(commands) + "\n")

    def tell(self, name, others, hardware):
        if others:
            self.inside(name, *(f"neigh replace {self.address(o)} lladdr {hardware(o)} dev eth0 nud permanent"
                                for o in others))

    def cut(self, some, others, both_ways=True):
        """Nothing that `some` send reaches `others`, nor the other way."""
        for name in some:
            self.tell(name, others, lambda _: NOWHERE)
        if both_ways:
            self.cut(others, some, both_ways=False)

    def mend(self, some, others):
        for name in some:
            self.tell(name, others, self.hardware)
        for name in others:
            self.tell(name, some, self.hardware)


class Loopback:
    """Where namespaces are not allowed: everything at one address, and nothing can be cut."""

    can_cut = False
    ours = LOOPBACK.address

    def place(self, _):
        return LOOPBACK
