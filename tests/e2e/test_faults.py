# SPDX-License-Identifier: Apache-2.0
"""Disks that are full or read-only, services that die under load, and clients that send too much."""

import os
import socket

from switchyard import Load, free_port, wait_for

USERS = [f"user-{i}" for i in range(200)]
IS_ROOT = os.geteuid() == 0
# Root writes where it may not; the programs then run as somebody else.
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups") if IS_ROOT else ()


def give_to_nobody(path):
    if IS_ROOT:
        os.chown(path, 65534, 65534)


# ---- disks

def test_a_coordinator_says_that_its_folder_cannot_be_written(yard):
    folder = yard.folder / "locked"
    folder.mkdir()
    give_to_nobody(folder)
    folder.chmod(0o500)
    coordinator = yard.coordinator
    coordinator.data = folder / "state"

    coordinator.start(wait=False, before=NOBODY)

    coordinator.process.expected = {2}
    assert coordinator.process.popen.wait(60) == 2
    assert str(folder) in coordinator.process.text()
    folder.chmod(0o700)


def test_a_full_disk_refuses_the_command_and_leaves_nothing_half_written(yard):
    """A limit on the size of files stands for the disk: SQLite gets an error for the first byte past it."""
    yard.open()
    yard.apply(stages=(0, 10, 100))
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")
    before = (yard.status()["weight"], len(yard.history()))
    size = max(f.stat().st_size for f in yard.coordinator.data.iterdir())
    yard.coordinator.kill()
    # Room to start and not for much more: commands fill it up.
    yard.coordinator.start(before=("prlimit", f"--fsize={size + 60000}", "sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"))
    yard.wait_nodes(1)

    accepted, refused = [], None
    for i in range(300):
        answer = yard.cli("set", "weight", "app", i % 90 + 1, "--reason", f"n-{i}", "--no-wait", status=None)
        if answer.status != 0:
            refused = answer
            break
        accepted.append(f"n-{i}")
    assert refused and refused.status in (1, 2), "the disk never filled up"
    assert refused.err.startswith("error: ") and "disk" in refused.err, refused
    assert yard.coordinator.process.alive()
    assert set(yard.sidecars[0].client().sides(USERS).values()) <= {"legacy", "new"}

    yard.coordinator.kill()
    yard.coordinator.start()
    reasons = [e["reason"] for e in reversed(yard.history())]
    assert [r for r in reasons if r.startswith("n-")] == accepted
    assert yard.status()["weight"] == (int(accepted[-1][2:]) % 90 + 1 if accepted else before[0])
    yard.cli("set", "weight", "app", 33, "--reason", "room again")


def test_an_order_that_cannot_be_stored_is_served_all_the_same_and_stored_later(yard):
    yard.open()
    yard.apply(stages=(100,))
    yard.cli("start", "app")
    yard.wait_status("on new", weight=100)
    yard.coordinator.kill()
    yard.coordinator.start(failpoints="store.commit.before=enospc")
    yard.wait_nodes(1)
    # What can wait is refused, with the disk's words.
    answer = yard.cli("set", "weight", "app", 50, "--reason", "later", status=1)
    assert "No space left" in answer.err, answer

    yard.cli("rollback", "app", "--emergency", "--reason", "INC-9")

    assert set(yard.sidecars[0].client().sides(USERS[:50]).values()) == {"legacy"}
    health = {c["name"]: c for c in yard.cli("health", "-o", "json", status=1).json["components"]}
    assert health["journal"]["state"] == "degraded", health
    assert health["store"]["state"] == "unhealthy", health
    yard.coordinator.kill()
    yard.coordinator.start()
    status = yard.wait_status("the store has it", phase="rolled_back")
    assert status["emergency"]["active"] and status["emergency"]["reason"] == "INC-9"
    assert yard.history()[0]["operator"] == "tester"
    assert set(yard.sidecars[0].client().sides(USERS[:50]).values()) == {"legacy"}


def test_a_sidecar_that_cannot_write_serves_on_and_is_named(yard):
    """It refuses what it cannot keep, goes on with what it has, and obeys an emergency order all the same."""
    yard.services()
    yard.coordinator.start()
    node = yard.sidecar("node-1", failpoints="state.write=enospc*2")
    yard.wait_nodes(1)
    yard.apply(stages=(100,))
    yard.cli("start", "app", "--wait", "2s", status=None)
    yard.wait_status("the node serves it at last", weight=100, phase="completed")
    assert set(node.client().sides(USERS).values()) == {"new"}

    node.kill()
    node.start(failpoints="state.write=enospc")
    yard.wait_nodes(1)
    yard.cli("rollback", "app", "--emergency", "--reason", "INC-10", status=None)
    wait_for(lambda: set(node.client().sides(USERS[:50]).values()) == {"legacy"}, "legacy serves")


# ---- services

def test_a_new_system_that_dies_at_full_weight_costs_no_client_an_answer(yard):
    yard.open(nodes=2)
    yard.apply(stages=(100,))
    yard.cli("start", "app")
    load = [Load(yard, s, connections=4) for s in yard.sidecars]
    wait_for(lambda: len(yard.new.since_mark()) > 500, "new serves everything")

    yard.new.kill()
    wait_for(lambda: len(yard.legacy.since_mark()) > 500, "legacy answers instead")

    results = [l.stop() for l in load]
    assert [r["errors"] for r in results] == [0, 0], results
    wait_for(lambda: yard.stats()["new"]["connectErrors"] > 0, "the failures are counted")
    stats = yard.stats()
    assert stats["new"]["fallbacks"] > 0 and stats["legacy"]["errors"] == 0


def test_a_breaker_is_tuned_while_it_counts(yard):
    """A changed plan reaches the nodes at once; users and the stage stay where they are."""
    yard.open()
    stages = (50, 100)
    yard.apply(stages=stages, breaker={"errors": 100000, "window": "60s", "openFor": "600s"})
    yard.cli("start", "app")
    yard.wait_status("the stage is ready", phase="ready")
    yard.new.become(500)
    client = yard.sidecars[0].client()
    client.sides(range(100))
    wait_for(lambda: yard.stats()["new"]["errors"] > 20, "errors are counted")
    breaker = yard.status()["breaker"]
    assert (breaker["state"], breaker["openNodes"]) == ("closed", 0), breaker
    yard.apply(stages=stages, breaker={"errors": 3, "window": "60s", "openFor": "1s", "halfOpenRequests": 1})

    def is_(state):
        client.sides(range(20))
        return yard.status()["breaker"]["state"] == state
    wait_for(lambda: is_("open"), "fewer errors open it now")
    yard.new.become(200)
    wait_for(lambda: is_("closed"), "it closes by itself")
    rate = {"errors": 0, "errorRate": "50%", "minRequests": 10, "openFor": "1s", "reRamp": "1s"}
    yard.apply(stages=stages, breaker=rate)
    yard.new.become(500)
    wait_for(lambda: is_("open"), "a rate opens it")
    yard.new.become(200)
    wait_for(lambda: is_("closed"), "new has its whole share again")
    assert yard.status()["stage"] == "at-50" and yard.status()["weight"] == 50


def test_a_request_that_may_have_acted_is_not_sent_twice(yard):
    """POST gets the truth, new's own 500, and legacy never sees it, but where nothing was sent to new."""
    yard.open()
    yard.apply(stages=(100,))
    yard.cli("start", "app")
    client = yard.sidecars[0].client()
    yard.new.become(500)
    answer, _ = client.request("u", method="POST", body=b"order")
    assert answer.status == 500
    assert not [r for r in yard.legacy.requests() if r[2] == "POST"]
    yard.new.kill()
    answer, _ = yard.sidecars[0].client().request("u", method="POST", body=b"order")
    assert answer.status == 200
    # nginx logs a request once its body is there, too, and that may be behind the answer.
    wait_for(lambda: [r for r in yard.legacy.requests() if r[2] == "POST"], "its line in legacy's access log")
    assert len([r for r in yard.legacy.requests() if r[2] == "POST"]) == 1


# ---- clients

def shout(port, head, body=b"", seconds=10):
    """Send raw bytes; the status line, and whether the connection was closed."""
    with socket.create_connection(("127.0.0.1", port), seconds) as s:
        s.settimeout(seconds)
        try:
            s.sendall(head)
            for i in range(0, len(body), 65536):
                s.sendall(body[i:i + 65536])
        except OSError:
            pass  # answered and closed before we were done
        received = b""
        try:
            while chunk := s.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
        return received.split(b"\r\n")[0].decode(), received


def test_oversized_heads_and_bodies_are_refused_and_memory_stays_flat(yard):
    yard.open()
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    node = yard.sidecars[0]
    node.client().sides(USERS)
    before = node.process.rss_kib()

    for _ in range(30):
        line, _ = shout(node.port, b"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * (1 << 20) + b"\r\n\r\n")
        assert " 431 " in line + " ", line
        line, _ = shout(node.port, b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.split()[1] in ("414", "431"), line
        line, _ = shout(node.port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 109951162777600\r\n\r\n", b"x" * 65536)
        assert " 413 " in line + " ", line

    assert node.process.rss_kib() < before + 16384
    assert set(node.client().sides(USERS).values()) == {"legacy", "new"}


def test_a_port_that_is_taken_is_told_at_start(yard):
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        yard.coordinator.port = port
        yard.coordinator.start(wait=False)
        yard.coordinator.process.expected = {2}
        assert yard.coordinator.process.popen.wait(60) == 2
        assert str(port) in yard.coordinator.process.text()
