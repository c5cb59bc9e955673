# SPDX-License-Identifier: Apache-2.0
"""The pages of docs/runbooks do what they say: their commands are typed, in order, into a running system.

A block of shell follows a comment that says how it is run, `<!-- run, exit 1, says "words" -->`; what the world
does meanwhile is a scene, `<!-- scene: new answers 500 -->`. A page's file is `<!-- file: orders.yaml -->`.
"""

import os
import re
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from switchyard import BIN, Load, free_port, wait_for

LATENCY = "migration_performance_regression"
PAGES = Path(__file__).resolve().parents[2] / "docs/runbooks"
MARK = re.compile(r"<!-- (?P<word>run|scene|file)(?P<rest>[^>]*?) -->")
FENCE = re.compile(r"```(\w*)\n(.*?)^```$", re.M | re.S)


def steps(page):
    """(word, rest, text) of every mark, with the block that follows it. No block of shell is without one."""
    text = (PAGES / page).read_text()
    found, runs = [], 0
    for mark in MARK.finditer(text):
        word, rest = mark["word"], mark["rest"].lstrip(":, ")
        block = FENCE.match(text, mark.end() + 1) if word != "scene" else None
        assert word == "scene" or block, f"{page}: no block follows {mark.group(0)}"
        found.append((word, rest, block and block.group(2)))
        runs += word == "run"
    assert runs == len(re.findall(r"^```sh$", text, re.M)), f"{page}: a block of shell that nobody runs"
    return found


class Scene:
    """Two services, `switchyard dev` with two nodes in front of them, and what pages say that happens to them."""

    def __init__(self, yard):
        self.yard = yard
        yard.services()
        self.port = free_port()
        yard.coordinator.port = free_port()
        self.dev = yard.run("dev", [
            BIN / "switchyard", "dev", "--legacy", yard.legacy.url, "--new", yard.new.url, "--nodes", "2",
            "--listen", f"127.0.0.1:{self.port}", "--api", yard.coordinator.address],
            {"TMPDIR": str(yard.folder), "HOME": str(yard.folder)})
        wait_for(lambda: "ready:" in self.dev.text() or not self.dev.alive(), "dev is ready")
        assert self.dev.alive(), self.dev.text()
        yard.wait_nodes(2)
        yard.cli("delete", "app")
        self.load = None

    def play(self, name):
        play = {
            "orders is at half": self.orders_is_at_half,
            "users send requests": self.users_send_requests,
            "node dev-2 hangs": lambda: os.kill(self.pid_of("dev-2"), signal.SIGSTOP),
            "node dev-2 goes on": self.dev_2_goes_on,
            "no coordinator answers": lambda: os.kill(self.pid_of("coordinator"), signal.SIGSTOP),
            "the coordinator is back": self.the_coordinator_is_back,
            "new answers 500": self.new_answers_500,
            "new is repaired": self.new_is_repaired,
            "orders becomes rolled_back": lambda: self.orders_becomes("rolled_back"),
            "orders becomes ready": lambda: self.orders_becomes("ready"),
            "baskets becomes ready": lambda: self.yard.wait_status("baskets is ready", name="baskets", phase="ready"),
            "orders becomes completed": lambda: self.orders_becomes("completed"),
        }
        assert name in play, f"nobody knows how to play: {name}"
        play[name]()

    def orders_becomes(self, phase, **fields):
        self.yard.wait_status(f"orders becomes {phase}", name="orders", phase=phase, **fields)

    def orders_is_at_half(self):
        self.yard.apply(self.yard.plan("orders", stages=(50, 100), breaker={"errors": 5000}))
        self.yard.cli("start", "orders")
        self.users_send_requests()
        wait_for(lambda: len(self.yard.new.since_mark()) > 50, "new serves its share")

    def users_send_requests(self):
        self.load = Load(self.yard, SimpleNamespace(node="dev-1", url=f"http://127.0.0.1:{self.port}"), connections=2)

    def pid_of(self, name):
        """Of the coordinator, or of a node's sidecar."""
        children = Path(f"/proc/{self.dev.pid}/task/{self.dev.pid}/children").read_text().split()
        lines = {int(p): Path(f"/proc/{p}/cmdline").read_text().split("\0") for p in children}
        return next(p for p, words in lines.items() if name in words or words[0].endswith(name))

    def dev_2_goes_on(self):
        os.kill(self.pid_of("dev-2"), signal.SIGCONT)
        wait_for(lambda: self.yard.status("orders")["convergence"]["serving"] == 2, "dev-2 takes the order over")

    def the_coordinator_is_back(self):
        os.kill(self.pid_of("coordinator"), signal.SIGCONT)
        self.yard.wait_nodes(2)
        wait_for(lambda: "no coordinator" in self.yard.cli("status", "orders", status=None).out,
                 "the coordinator takes the order over")

    def new_answers_500(self):
        self.yard.new.become(500)
        self.orders_becomes("rolled_back", stage="legacy")

    def new_is_repaired(self):
        self.yard.new.become(200)
        wait_for(lambda: self.yard.cli("start", "orders", "--dry-run", status=None).status == 0,
                 "the errors leave the trigger's window")

    def write(self, name, text):
        """The page's plan on this machine, in a hurry. Latencies of two seconds say more about who else runs here."""
        text = text.replace("http://127.0.0.1:8000", self.yard.legacy.url)
        text = text.replace("http://127.0.0.1:8001", self.yard.new.url)
        text = re.sub(r"\b(bake|(?<!standby: {)for|window): \w+", r"\1: 2s", text)
        text = re.sub(r"\bp99: \w+", "p99: 10s", re.sub(r"\blatencyRatio: [\d.]+", "latencyRatio: 1000", text))
        self.yard.write(text, name)

    def type(self, text, how):
        wanted = re.search(r"\bexit (\d)", how)
        says = re.search(r'\bsays "([^"]+)"', how)
        text = text.replace("/var/lib/switchyard-sidecar", str(*self.yard.folder.glob("switchyard-dev-*/dev-1")))
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], text=True, capture_output=True, timeout=60,
                              cwd=self.yard.folder, stdin=subprocess.DEVNULL, env={
                                  "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(self.yard.folder),
                                  "SWITCHYARD_ENDPOINTS": self.yard.coordinator.address,
                                  "SWITCHYARD_OPERATOR": "tester"})
        if says and says.group(1) == "no alert" and re.findall(r"\bmigration_\w+", done.stdout) == [LATENCY]:
            return  # which says more about who else runs here
        shown = f"{text}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == int(wanted.group(1) if wanted else 0), shown
        assert not says or says.group(1) in done.stdout + done.stderr, f'does not say "{says.group(1)}": {shown}'


@pytest.mark.parametrize("page", sorted(p.name for p in PAGES.glob("*.md")))
def test_a_runbook_does_what_it_says(yard, page):
    scene = Scene(yard)
    for word, rest, text in steps(page):
        if word == "scene":
            scene.play(rest)
        elif word == "file":
            scene.write(rest, text)
        else:
            scene.type(text, rest)
    if scene.load:
        scene.load.stop()
