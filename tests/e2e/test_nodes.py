# SPDX-License-Identifier: Apache-2.0
"""A node by itself: it leaves a coordinator that dies or hangs, and says what its disk did not take."""

import json
import urllib.request

from switchyard import Coordinator, Sidecar, free_port, wait_for

USERS = [f"user-{i}" for i in range(100)]


def found(node):
    """Coordinators that the node has found, in order."""
    lines = [line for line in node.process.text().splitlines() if "event=coordinator.found" in line]
    return [line.split(" coordinator=")[1].split()[0] for line in lines]


def test_a_node_leaves_a_coordinator_that_hangs_and_one_that_dies(yard):
    """Three that know nothing of each other: what counts here is that the node finds the next one."""
    three = [Coordinator(yard, data=yard.folder / f"alone-{i}").start() for i in range(3)]
    node = Sidecar(yard, "node-1", coordinators=",".join(c.address for c in three)).start()
    wait_for(lambda: found(node) == [three[0].address], "the first one is found")

    three[0].process.pause()
    wait_for(lambda: found(node)[1:] == [three[1].address], "the next one is found")
    three[1].kill()
    wait_for(lambda: found(node)[2:] == [three[2].address], "the third one is found")
    three[0].process.resume()


def test_an_order_that_the_disk_does_not_take_is_served_and_said(yard):
    yard.open()
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    node, admin = yard.sidecars[0], free_port()
    node.kill()
    node.start(failpoints="state.write=enospc", options=["--admin", f"127.0.0.1:{admin}"])
    yard.wait_nodes(1)

    yard.cli("rollback", "app", "--emergency", "--reason", "errors")

    assert set(node.client().sides(USERS).values()) == {"legacy"}
    refusals = lambda: [n.get("lastRefusal", "") for n in yard.cli("get", "nodes", "-o", "json").json["nodes"]]
    wait_for(lambda: "its disk did not take" in refusals()[0], "the coordinator shows it")
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/status", timeout=30) as page:
        assert json.load(page)["disk"].startswith("emergency orders are served, not kept: "), "on the node, too"
