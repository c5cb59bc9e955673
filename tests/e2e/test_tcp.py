# SPDX-License-Identifier: Apache-2.0
"""Connections to real databases through a whole system: a rollout splits them, status counts them, and an emergency
ends those on new."""

import json
import socket
import subprocess

import pytest
from backends import Postgres, Redis, listens
from debugging import Debug
from switchyard import free_port, wait_for


class Session:
    """A client of Redis that keeps its connection."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=30)

    def ask(self, command):
        self.sock.sendall(command.encode() + b"\r\n")
        answer = b""
        while not answer.endswith(b"\r\n"):
            piece = self.sock.recv(4096)
            assert piece, answer
            answer += piece
        return answer.decode().split("\r\n")[-2]

    def has_ended(self):
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture(name="stores")
def two_stores(yard):
    stores = []
    for name in ("legacy", "new"):
        store = Redis(yard, f"redis-{name}")
        stores.append(store)
        store.start()
        assert Session(store.port).ask(f"SET name {name}") == "+OK"
    return stores


def split(yard, stores, port, stages):
    """A plan about a port; the key is chance, since all clients here have one address."""
    plan = yard.plan(stages=stages)
    spec = plan["spec"]
    for system, store in zip(("legacy", "new"), stores):
        spec["systems"][system] = {"endpoints": [f"tcp://{store.address}"], "health": "connect"}
    spec["routing"] = {"key": "random", "tcp": {"port": port}}
    return plan


def test_redis_moves_by_connections_and_an_emergency_brings_them_back(yard, stores):
    port, log = free_port(), yard.folder / "access.log"
    yard.services()
    yard.coordinator.start()
    yard.sidecar("node-1", options=["--access-log", log])
    yard.wait_nodes(1)
    yard.apply(split(yard, stores, port, (0, 50, 100)))
    yard.cli("start", "app")
    yard.wait_status("legacy has all", weight=0)
    old = Session(port)
    assert old.ask("GET name") == "legacy"
    yard.cli("promote", "app")
    yard.wait_status("half", weight=50)
    wait_for(lambda: {Session(port).ask("GET name") for _ in range(20)} == {"legacy", "new"}, "both answer")
    yard.cli("promote", "app")
    yard.wait_status("everything goes to new", phase="completed", weight=100)
    sessions = [Session(port) for _ in range(10)]
    assert {s.ask("GET name") for s in sessions} == {"new"}
    assert old.ask("GET name") == "legacy", "who is connected stays"
    wait_for(lambda: yard.status().get("newTunnels", 0) >= 10, "status counts them")
    assert "tunnels" in yard.cli("status", "app").out
    wait_for(lambda: yard.stats()["new"]["bytesIn"] >= 10 * len("GET name\r\n"), "stats counts their bytes")
    assert yard.stats()["new"]["bytesOut"] >= 10 * len("$3\r\nnew\r\n")

    yard.cli("rollback", "app", "--emergency", "--reason", "INC-9")
    assert Session(port).ask("GET name") == "legacy"
    assert all(s.has_ended() for s in sessions)
    assert old.ask("GET name") == "legacy"
    wait_for(lambda: yard.status().get("newTunnels", 0) == 0, "status counts none")

    def cut():
        told = [json.loads(line) for line in log.read_text().splitlines()]
        return [line for line in told if line["end"] == "emergency"]

    wait_for(lambda: len(cut()) == 10, "the access log says why they ended")
    assert {(line["kind"], line["system"], line["migration"]) for line in cut()} == {("tcp", "new", "app")}
    assert all(line["bytes_in"] == len("GET name\r\n") for line in cut())


def test_a_new_that_is_gone_is_covered_by_legacy(yard, stores):
    port = free_port()
    yard.open()
    plan = split(yard, stores, port, (100,))
    plan["spec"]["breaker"] = {"errors": 3, "window": "60s", "openFor": "60s"}
    yard.apply(plan)
    yard.cli("start", "app")
    yard.wait_status("everything goes to new", phase="completed", weight=100)
    assert Session(port).ask("GET name") == "new"
    stores[1].stop()
    assert {Session(port).ask("GET name") for _ in range(10)} == {"legacy"}


def test_debug_shows_connections_when_they_stand_and_when_they_end(yard, stores):
    port = free_port()
    yard.open()
    yard.apply(split(yard, stores, port, (100,)))
    yard.cli("start", "app")
    yard.wait_status("everything goes to new", phase="completed", weight=100)
    old = Session(port)
    assert old.ask("GET name") == "new"

    debug = Debug(yard, "--for", "60s")
    def stand():
        session = Session(port)
        session.ask("GET name")
        return session if debug.lines() else None
    young = wait_for(stand, "one is shown that stands", pause=0.2)
    assert {(line["kind"], line["end"], line["system"], line["reason"]) for line in debug.lines()
            if line["end"] is None} == {("tcp", None, "new", "weight")}
    old.sock.close()
    wait_for(lambda: any(line["end"] == "client" and "reason" not in line for line in debug.lines()),
             "so is the end of one that stood before")
    yard.cli("rollback", "app", "--emergency", "--reason", "INC-9")
    assert young.has_ended()
    ended = wait_for(lambda: [line for line in debug.lines() if line["end"] == "emergency"], "and why one ended")
    assert {(line["system"], line["reason"], line["bytes_in"]) for line in ended} == {("new", "weight", 10)}
    assert Session(port).ask("GET name") == "legacy"
    wait_for(lambda: any(line["system"] == "legacy" for line in debug.lines()), "and where they go now")
    debug.end()


def test_a_port_that_is_taken_is_named_and_had_once_it_is_free(yard, stores):
    yard.open()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        yard.apply(split(yard, stores, port, (100,)))
        yard.cli("start", "app", "--no-wait", status=None)
        wait_for(lambda: f"127.0.0.1 port {port}" in yard.cli("get", "nodes").out, "get nodes names it")
        assert "gets no connections" in yard.sidecars[0].process.text()
    wait_for(lambda: listens(port), "the node has the port")
    assert Session(port).ask("GET name") == "new"


def test_postgres_speaks_through_it(yard):
    """Its clients begin by asking for TLS, and psql's come one after the other."""
    legacy, port = Postgres(yard).start(), free_port()
    yard.open()
    plan = yard.plan(stages=(0, 100))
    plan["spec"]["systems"] = {"legacy": {"endpoints": [f"tcp://{legacy.address}"]},
                               "new": {"endpoints": [f"tcp://127.0.0.1:{free_port()}"]}}
    plan["spec"]["routing"] = {"key": "client-ip", "tcp": {"port": port}}
    yard.apply(plan)
    yard.cli("start", "app")
    yard.wait_status("legacy has all", weight=0)
    sql = "SELECT count(*), sum(n) FROM generate_series(1, 100000) AS g(n)"
    answer = subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-c", sql, "postgres"],
        capture_output=True, text=True, timeout=60, check=True, stdin=subprocess.DEVNULL)
    assert answer.stdout.strip() == "100000|5000050000"
