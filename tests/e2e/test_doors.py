# SPDX-License-Identifier: Apache-2.0
"""Legacy, now, with no coordinator: straight to the sidecars, and on the node itself."""

import os
import signal
import subprocess
import time

from switchyard import BIN, Load, free_port, wait_for

USERS = range(60)


def opened(yard, nodes=1, weight=50):
    """Nodes that also take orders on a port, with new on its share."""
    yard.services()
    yard.coordinator.start()
    for i in range(nodes):
        yard.sidecar(f"node-{i + 1}", options=["--control", f"127.0.0.1:{free_port()}"])
    yard.wait_nodes(nodes)
    yard.apply(stages=(weight, 100))
    yard.cli("start", "app")


def sides(node):
    return set(node.client().sides(USERS).values())


def local_order(node, *args, status=0):
    done = subprocess.run([BIN / "switchyard-sidecar", "emergency", "--data", node.data, *args],
                          text=True, capture_output=True, timeout=30)
    assert done.returncode == status, f"{done.stdout}{done.stderr}"
    return done


def adopted(yard, reason):
    entries = [e for e in yard.history() if e["event"] == "emergency_adopted" and e["reason"] == reason]
    return entries[0] if entries else None


def test_without_coordinators_a_direct_order_is_served_survives_and_is_adopted(yard):
    opened(yard, nodes=3)
    load = [Load(yard, s, connections=2) for s in yard.sidecars]
    wait_for(lambda: len(yard.new.since_mark()) > 100, "new serves its share")
    yard.coordinator.kill()

    answer = yard.cli("rollback", "app", "--emergency", "--direct", "all", "--reason", "INC-7", "-o", "json")
    done = time.time()

    assert answer.json["converged"] and answer.json["serving"] == 3
    assert {n["node"] for n in answer.json["nodes"]} == {"node-1", "node-2", "node-3"}
    assert all(n["measuredMs"] >= 0 for n in answer.json["nodes"])
    yard.legacy.since_mark()
    wait_for(lambda: len(yard.legacy.since_mark()) > 300, "legacy goes on serving")
    assert [l.stop()["errors"] for l in load] == [0, 0, 0]
    # Each client has one request at a time on its way.
    late = [r for r in yard.new.requests() if r[0] > done]
    assert len(late) <= 6, f"{len(late)} requests on new after the last answer, first {late[0]}"

    node = yard.sidecars[0]
    node.kill()
    node.start(options=["--control", f"127.0.0.1:{free_port()}"])
    assert sides(node) == {"legacy"}, "the order was on disk"

    yard.coordinator.start()
    yard.wait_nodes(3)
    entry = wait_for(lambda: adopted(yard, "INC-7"), "the order is in the history")
    assert entry["operator"] == "tester"
    status = yard.wait_status("rolled back", phase="rolled_back", weight=0)
    assert status["emergency"]["active"] and status["emergency"]["reason"] == "INC-7"
    assert [sides(s) for s in yard.sidecars] == [{"legacy"}] * 3

    yard.cli("rollback", "app", "--clear", "--reason", "fixed")
    yard.cli("start", "app")
    assert ["new" in sides(s) for s in yard.sidecars] == [True] * 3


def test_a_node_that_does_not_answer_is_named(yard):
    opened(yard, nodes=2)
    yard.coordinator.kill()
    yard.sidecars[1].kill()

    half = yard.cli("rollback", "app", "--emergency", "--direct", "node-1,node-2", "--reason", "INC-8", status=1)
    assert "1 of 2 nodes serve it" in half.out and "node-2" in half.out
    assert sides(yard.sidecars[0]) == {"legacy"}

    yard.cli("rollback", "app", "--emergency", "--direct", "node-2", "--reason", "INC-8", status=2)
    refused = yard.cli("rollback", "app", "--emergency", "--direct", "node-7", "--reason", "INC-8", status=2)
    assert "node-7" in refused.err
    wrong = yard.cli("rollback", "apx", "--emergency", "--direct", "node-1", "--reason", "INC-8", status=1)
    assert "no route" in wrong.out


def test_a_fleet_file_and_the_socket_on_the_same_machine(yard):
    opened(yard)
    node = yard.sidecars[0]
    fleet = yard.write(yard.cli("get", "nodes", "-o", "json").out, "fleet.json")
    yard.coordinator.kill()

    yard.cli("rollback", "app", "--emergency", "--fleet-file", fleet, "--reason", "INC-9", "--dry-run")
    assert "new" in sides(node)
    yard.cli("rollback", "--all", "--emergency", "--fleet-file", fleet, "--reason", "INC-9")
    assert sides(node) == {"legacy"}
    again = yard.cli("rollback", "--all", "--emergency", "--direct", f"unix:{node.data}/control.sock",
                     "--reason", "INC-10")
    assert "all nodes (1) serve it" in again.out

    # On another machine the same address is another node's: it must not pass for the one that is meant.
    elsewhere = yard.write(fleet.read_text().replace("node-1", "node-9"), "elsewhere.json")
    wrong = yard.cli("rollback", "--all", "--emergency", "--fleet-file", elsewhere, "--reason", "INC-11", status=1)
    assert "another node answers there: node-1" in wrong.out


def test_orders_on_the_node_are_served_logged_and_told_at_once(yard):
    opened(yard)
    node = yard.sidecars[0]

    def by_file():
        (node.data / "emergency").write_text("disk on fire\n")
        wait_for(lambda: (node.data / "emergency.taken").exists(), "the file was obeyed")
        (node.data / "emergency.taken").unlink()  # lifts nothing

    doors = {
        "by hand": lambda: local_order(node, "--reason", "by hand"),
        "signal": lambda: os.kill(node.process.pid, signal.SIGUSR1),
        "disk on fire": by_file,
    }
    for reason, order in doors.items():
        assert "new" in sides(node)
        order()
        wait_for(lambda: adopted(yard, reason), f"the coordinator adopts: {reason}")
        yard.wait_status("rolled back", phase="rolled_back", weight=0)
        assert sides(node) == {"legacy"}
        assert f'reason="{reason}"' in node.process.text() or f"reason={reason}" in node.process.text()
        yard.cli("rollback", "app", "--clear", "--reason", "next")
        yard.cli("start", "app")


def test_a_local_order_needs_no_coordinator_and_no_running_sidecar(yard):
    opened(yard)
    node = yard.sidecars[0]
    yard.coordinator.kill()

    assert "ms after the order" in local_order(node, "--reason", "INC-1", "--migration", "app").stdout
    assert sides(node) == {"legacy"}
    assert "no route" in local_order(node, "--reason", "INC-1", "--migration", "apx", status=1).stderr

    yard.coordinator.start()
    yard.wait_nodes(1)
    wait_for(lambda: adopted(yard, "INC-1"), "adopted after the return")
    yard.wait_status("rolled back", phase="rolled_back")
    yard.cli("rollback", "app", "--clear", "--reason", "fixed")
    yard.cli("start", "app")
    assert "new" in sides(node)

    yard.coordinator.kill()
    node.kill()
    refused = local_order(node, "--reason", "INC-2", status=2)
    assert "emergency" in refused.stderr
    (node.data / "emergency").write_text("INC-2\n")
    node.start()
    assert sides(node) == {"legacy"}, "the file waited for the sidecar"


def test_a_lifting_that_the_node_missed_lifts_its_order_when_it_returns(yard):
    opened(yard, nodes=2)
    stale = yard.sidecars[1]
    local_order(stale, "--reason", "INC-3")
    wait_for(lambda: adopted(yard, "INC-3"), "adopted")
    yard.wait_status("everywhere", phase="rolled_back")
    stale.kill()
    yard.cli("rollback", "app", "--clear", "--reason", "fixed", status=None)
    yard.cli("start", "app", status=None)

    stale.start()
    yard.wait_nodes(2)
    wait_for(lambda: "new" in sides(stale), "the newer epoch lifts the order of the node")
    assert len([e for e in yard.history() if e["event"] == "emergency_adopted"]) == 1
