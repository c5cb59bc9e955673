# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment: no acknowledged command is lost, nothing is half done, nodes serve on."""

import random
import subprocess
import urllib.request

import pytest

from switchyard import BIN, Load, free_port, wait_for

USERS = [f"user-{i}" for i in range(400)]


def command_in_flight(yard, weight):
    """`set weight` as a process of its own, so that the coordinator can die meanwhile."""
    return subprocess.Popen(
        [BIN / "switchyard", "set", "weight", "app", str(weight), "--reason", f"to {weight}", "--no-wait",
         "--endpoints", yard.coordinator.address, "--operator", "tester", "--timeout", "5s"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def weights_in_history(yard):
    """Reasons of our commands, oldest first; numbered without a gap."""
    entries = sorted(yard.history(), key=lambda e: e["sequence"])
    assert [e["sequence"] for e in entries] == list(range(1, len(entries) + 1))
    return [int(e["reason"].removeprefix("to ")) for e in entries if e["reason"].startswith("to ")]


def test_no_acknowledged_command_is_lost_when_the_coordinator_is_killed_at_random_moments(yard):
    yard.open()
    yard.apply(stages=(1, 100))
    yard.cli("start", "app")
    chance = random.Random(20260101)
    acknowledged = []
    for weight in range(2, 14):
        command = command_in_flight(yard, weight)
        wait_for_moment = chance.uniform(0.0, 0.06)
        try:
            command.wait(wait_for_moment)
        except subprocess.TimeoutExpired:
            pass
        yard.coordinator.kill()
        complaint = command.communicate(timeout=60)[1]
        if command.returncode == 0:
            acknowledged.append(weight)
        else:
            assert complaint.startswith("error: "), complaint
        yard.coordinator.start()

        stored = weights_in_history(yard)
        assert set(acknowledged) <= set(stored), f"acknowledged {acknowledged}, stored {stored}"
        assert stored == sorted(stored) and len(stored) == len(set(stored))
        assert yard.status()["weight"] == (stored[-1] if stored else 1)
    yard.wait_nodes(1)
    yard.wait_status("the node serves the last decision", phase="ready")
    share = list(yard.sidecars[0].client().sides(USERS).values()).count("new") / len(USERS)
    assert abs(share * 100 - yard.status()["weight"]) < 6


@pytest.mark.parametrize("place, stored", [
    ("store.commit.before", False), ("store.commit.after", True),
    ("driver.publish.before", True), ("driver.answer.before", True)])
def test_a_coordinator_that_dies_inside_a_command_resumes_exactly(yard, place, stored):
    yard.open()
    yard.apply(stages=(0, 10, 100))
    yard.cli("start", "app")
    yard.wait_status("the first stage is ready", phase="ready")

    # The place is also passed while starting; find the passage that belongs to the command.
    for passage in range(1, 8):
        yard.coordinator.kill()
        yard.coordinator.start(failpoints=f"{place}=exit*{passage}", wait=False)
        if wait_for(lambda: not yard.coordinator.process.alive() or yard.coordinator.answers(),
                    "the coordinator starts or dies") and yard.coordinator.process.alive():
            yard.wait_nodes(1)
            if yard.coordinator.process.alive():
                break
    refused = yard.cli("promote", "app", "--no-wait", status=None, timeout=60)
    wait_for(lambda: not yard.coordinator.process.alive(), f"{place} is reached")
    assert yard.coordinator.process.popen.returncode == 86
    assert refused.status != 0, f"answered although it died at {place}: {refused!r}"

    yard.coordinator.start()
    yard.wait_nodes(1)
    status = yard.wait_status("at rest", phase="ready")
    promotions = [e for e in yard.history() if e["event"] == "promote"]
    assert len(promotions) == (1 if stored else 0)
    assert status["stage"] == ("at-10" if stored else "at-0")
    assert status["weight"] == (10 if stored else 0)
    share = list(yard.sidecars[0].client().sides(USERS).values()).count("new") / len(USERS)
    assert abs(share * 100 - status["weight"]) < 5


def test_a_rollback_goes_on_after_the_coordinator_is_killed(yard):
    yard.open(nodes=2)
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    stuck = yard.sidecars[1]
    stuck.process.popen.send_signal(19)  # SIGSTOP: cannot acknowledge
    try:
        yard.cli("rollback", "app", "--to", "0", "--reason", "bad", "--wait", "300ms", status=1)
        assert yard.status()["phase"] == "rolling_back"
        yard.coordinator.kill()
        yard.coordinator.start()
        assert yard.status()["weight"] == 0
    finally:
        stuck.process.popen.send_signal(18)
    status = yard.wait_status("the rollback ends", phase="rolled_back")
    assert status["lastRollback"]["reason"] == "bad"


def test_a_sidecar_serves_the_same_split_from_disk_without_a_coordinator(yard):
    yard.open()
    yard.apply(stages=(25, 100))
    yard.cli("start", "app")
    yard.wait_status("converged", phase="ready")
    node = yard.sidecars[0]
    before = node.client().sides(USERS)

    yard.coordinator.kill()
    node.kill()
    admin = free_port()
    node.start(options=["--admin", f"127.0.0.1:{admin}"])

    assert node.client().sides(USERS) == before
    assert "state=STALE" in node.process.text()
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/status", timeout=30) as answer:
        assert "stale" in answer.read().decode().lower()

    yard.coordinator.start()
    yard.wait_nodes(1)
    yard.cli("promote", "app")
    assert set(node.client().sides(USERS).values()) == {"new"}


def test_clients_of_other_nodes_see_nothing_of_a_killed_sidecar(yard):
    yard.open(nodes=2)
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    survivor = Load(yard, yard.sidecars[0], connections=2)
    wait_for(lambda: yard.stats()["new"]["requests"] > 50, "load flows")

    yard.sidecars[1].kill()
    yard.cli("promote", "app", "--wait", "1s", status=None)
    yard.coordinator.kill()
    yard.coordinator.start()
    yard.sidecars[1].start()
    yard.wait_nodes(2)

    yard.wait_status("both serve everything on new", weight=100, phase="completed")
    assert survivor.stop()["errors"] == 0


def test_a_damaged_state_file_gives_way_to_the_one_before(yard):
    """Whatever the newest file says is not served; what the node served before that is, with no coordinator."""
    yard.open()
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    yard.cli("set", "weight", "app", "100", "--reason", "all of it")
    node = yard.sidecars[0]
    node.kill()
    yard.coordinator.kill()
    newest = node.data / "ruleset.json"
    newest.write_bytes(newest.read_bytes()[:-100])

    node.start()

    assert "state=PREVIOUS" in node.process.text() and "state=EMPTY" not in node.process.text()
    sides = node.client().sides(USERS)
    assert 0.3 < list(sides.values()).count("new") / len(sides) < 0.7
    assert (node.data / "ruleset.json.damaged").exists()


def test_a_damaged_state_file_is_not_served(yard):
    """The sidecar asks the coordinator instead, and says why in its log."""
    yard.open()
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    node = yard.sidecars[0]
    node.kill()
    damaged = [f for f in node.data.iterdir() if f.is_file() and f.stat().st_size > 50]
    assert damaged, list(node.data.iterdir())
    for file in damaged:
        text = bytearray(file.read_bytes())
        text[len(text) // 2] ^= 0x20
        file.write_bytes(text)

    node.start()

    assert "state=EMPTY" in node.process.text() and "state=STALE" not in node.process.text()
    yard.wait_nodes(1)
    sides = node.client().sides(USERS)
    assert 0.3 < list(sides.values()).count("new") / len(sides) < 0.7
