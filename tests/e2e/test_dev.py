# SPDX-License-Identifier: Apache-2.0
"""`switchyard dev`: one command, a whole system, and nothing left behind."""

import os
import re
import signal
import socket
from pathlib import Path

import pytest

from switchyard import BIN, Client, free_port, wait_for

USERS = [f"user-{i}" for i in range(500)]


class Dev:
    def __init__(self, yard, *options, nodes=1):
        self.yard, self.api, self.port = yard, free_port(), self.ports(nodes)
        yard.coordinator.port = self.api
        self.process = yard.run("dev", [BIN / "switchyard", "dev", "--listen", f"127.0.0.1:{self.port}",
                                        "--api", f"127.0.0.1:{self.api}", "--nodes", nodes, *options],
                                {"TMPDIR": str(yard.folder), "HOME": str(yard.folder)})

    @staticmethod
    def ports(nodes):
        """The first of `nodes` free ports in a row."""
        for _ in range(100):
            first = free_port()
            if all(Dev.is_free(first + i) for i in range(nodes)):
                return first
        raise AssertionError("no free ports in a row")

    @staticmethod
    def is_free(port):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return True
            except OSError:
                return False

    def ready(self):
        line = f"ready: proxy http://127.0.0.1:{self.port} api 127.0.0.1:{self.api}\n"
        wait_for(lambda: line in self.process.text() or not self.process.alive(), "dev is ready")
        assert line in self.process.text(), self.process.text()

    def children(self):
        """Process ids of the programs it started."""
        found = []
        for task in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            found += [int(pid) for pid in task.read_text().split()]
        return found

    def stop(self, how=signal.SIGINT):
        children = self.children()
        self.process.popen.send_signal(how)
        self.process.popen.wait(30)
        wait_for(lambda: not [p for p in children if is_running(p)], "no orphan is left")


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def urls(yard):
    yard.services()
    return ["--legacy", yard.legacy.url, "--new", yard.new.url]


def test_dev_does_the_job_on_services_that_are_not_ours(yard, urls):
    dev = Dev(yard, *urls)
    dev.ready()
    client = Client(dev.port)
    status = yard.status()
    assert [s["name"] for s in status["plan"]] == ["shadow", "canary-10", "quarter", "half", "all"]
    assert {client.ask(u) for u in USERS[:50]} == {"legacy"}

    yard.cli("start", "app")
    shares = []
    for _ in range(4):
        yard.wait_status("ready", phase="ready")
        yard.cli("promote", "app")
        shares.append(sum(client.ask(u) == "new" for u in USERS) / len(USERS) * 100)
    for share, weight in zip(shares, (10, 25, 50, 100)):
        assert abs(share - weight) < 5, shares

    yard.cli("rollback", "app", "--emergency", "--reason", "trying it out")
    assert {client.ask(u) for u in USERS[:100]} == {"legacy"}
    assert len(dev.children()) == 2

    dev.stop()
    assert dev.process.popen.returncode == 0
    assert not list(yard.folder.glob("switchyard-dev-*")), "its temporary folder stays behind"


def test_dev_with_data_and_nodes_goes_on_where_it_stopped(yard, urls):
    keep = yard.folder / "kept"
    dev = Dev(yard, *urls, "--data", keep, nodes=3)
    dev.ready()
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")
    yard.cli("promote", "app", "--to", "half")
    first = {u: Client(dev.port + 2).ask(u) for u in USERS[:100]}
    dev.stop(signal.SIGTERM)

    again = Dev(yard, *urls, "--data", keep, nodes=3)
    again.ready()
    assert yard.status()["stage"] == "half"
    assert {u: Client(again.port + 1).ask(u) for u in USERS[:100]} == first
    again.stop()


def test_dev_starts_a_program_again_that_dies(yard, urls):
    dev = Dev(yard, *urls)
    dev.ready()
    for victim in dev.children():
        os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len([p for p in dev.children() if is_running(p)]) == 2, "both are back")
    yard.wait_nodes(1)
    assert yard.status()["phase"] == "pending"
    wait_for(lambda: Client(dev.port).ask("u") == "legacy", "the proxy serves")
    dev.stop()


def test_dev_that_is_killed_takes_its_programs_along(yard, urls):
    dev = Dev(yard, *urls)
    dev.ready()
    dev.process.expected.add(-9)
    dev.stop(signal.SIGKILL)


def test_dev_takes_a_plan_file(yard, urls):
    plan = yard.write(yard.plan("shop", stages=(30, 100)))
    dev = Dev(yard, "--plan", plan)
    dev.ready()
    yard.cli("start", "shop")
    share = sum(Client(dev.port).ask(u) == "new" for u in USERS[:300]) / 3
    assert abs(share - 30) < 8
    dev.stop()


def test_dev_says_what_is_missing_or_in_the_way(yard, urls):
    for words, near in (([], "--legacy"), (["--legacy", "http://127.0.0.1:1"], "--new"),
                        (["--legacy", "no-url", "--new", "http://127.0.0.1:1"], "no-url"),
                        ([*urls, "--nodes", "99"], "--nodes"),
                        (["--plan", str(yard.folder / "missing.yaml")], "missing.yaml")):
        answer = yard.cli("dev", "--api", f"127.0.0.1:{free_port()}", "--listen", f"127.0.0.1:{free_port()}", *words,
                          status=None)
        assert answer.status in (1, 2) and near in answer.err, f"{words}: {answer!r}"
    # The port of legacy's nginx is taken.
    taken = yard.cli("dev", "--api", f"127.0.0.1:{free_port()}", "--listen", f"127.0.0.1:{yard.legacy.port}", *urls,
                     status=None)
    assert taken.status in (1, 2) and str(yard.legacy.port) in taken.err, taken
    assert re.match(r"(error|switchyard dev): ", taken.err), taken
