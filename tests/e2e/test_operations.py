# SPDX-License-Identifier: Apache-2.0
"""docs/OPERATIONS.md does what it says: its commands start three etcd members, three coordinators and two sidecars,
each at a loopback address of its own, and are typed in order while things fail as the page tells.

Marks are those of test_runbooks.py, and `<!-- start: 21 22 23 -->`: a program that stays, on these hosts; the first
line of its block sets what differs between them.
"""

import base64
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from switchyard import BIN, wait_for

PAGE = Path(__file__).resolve().parents[2] / "docs/OPERATIONS.md"
MARK = re.compile(r"<!-- (?P<word>run|scene|start)(?P<rest>[^>]*?) -->(?:\n```sh\n(?P<text>.*?)^```$)?", re.M | re.S)

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="etcd is not installed")


class Site:
    """The hosts of the page."""

    def __init__(self, yard):
        self.yard = yard
        yard.services()
        self.net = f"127.{random.randrange(1, 250)}.{random.randrange(1, 250)}."
        self.running, self.lines = {}, {}

    def here(self, text, host=None):
        """The page's words for this machine; each host has a folder for its /var/lib."""
        text = text.replace("10.0.0.", self.net).replace("2147483648", "16777216")
        return text.replace("/var/lib/", f"{self.yard.folder}/host-{host}/") if host else text

    # ---- what stays

    def start(self, hosts, text):
        for number, host in enumerate(hosts.split(), 1):
            first, rest = text.split("\n", 1)
            assert re.match(r"(N=1 )?ME=", first), first
            self.lines[host] = self.here(f"N={number} ME=10.0.0.{host}\nexec {rest}", host)
        for host in hosts.split():
            self.revive(host)
        {"2": self.has_leader, "3": self.has_nodes}.get(hosts[0], lambda: None)()

    def revive(self, host):
        (self.yard.folder / f"host-{host}").mkdir(exist_ok=True)
        process = self.yard.run(f"host-{host}", ["bash", "-c", self.lines[host]], {"PATH": self.path()})
        process.expected.add(-signal.SIGTERM)
        self.running[host] = process

    def kill(self, *hosts):
        for host in hosts:
            self.running[host].kill()

    def has_leader(self):
        if "21" in self.running:
            wait_for(lambda: self.ask("get", "coordinators").returncode == 0, "a coordinator leads")
        else:
            wait_for(lambda: self.ask("get", "plans", "--endpoints", f"{self.net}25:7400").returncode == 0,
                     "the coordinator on a file answers")

    def has_nodes(self):
        wait_for(lambda: "2 of 2 serving" in self.ask("health").stdout, "both nodes serve")

    # ---- typing

    def path(self):
        return f"{BIN}:{os.environ['PATH']}"

    def shell(self, text):
        return subprocess.run(["bash", "-euo", "pipefail", "-c", text], text=True, capture_output=True, timeout=60,
                              cwd=self.yard.folder, stdin=subprocess.DEVNULL, env={
                                  "PATH": self.path(), "HOME": str(self.yard.folder),
                                  "SWITCHYARD_ENDPOINTS": ",".join(f"{self.net}{h}:7400" for h in (21, 22, 23)),
                                  "SWITCHYARD_OPERATOR": "tester", "ETCDCTL_API": "3", "ETCDCTL_ENDPOINTS": ",".join(
                                      f"http://{self.net}{h}:2379" for h in (11, 12, 13))})

    def ask(self, *words):
        return self.shell("switchyard " + shlex.join(words))

    def type(self, how, text):
        wanted = re.search(r"\bexit (\d)", how)
        says = re.search(r'\bsays "([^"]+)"', how)
        done = self.shell(self.here(text, "32"))
        shown = f"{text}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == int(wanted.group(1) if wanted else 0), shown
        assert not says or says.group(1) in done.stdout + done.stderr, f'does not say "{says.group(1)}": {shown}'

    # ---- scenes

    def play(self, name):
        play = {
            "a rollout of orders is at half": self.orders_is_at_half,
            "the leader is killed": self.kill_leader,
            "the leader is back": self.all_is_back,
            "etcd-1 is killed": lambda: self.kill("11"),
            "etcd-2 is killed": self.lose_majority,
            "etcd is back": self.all_is_back,
            "etcd is full": self.fill_etcd,
            "node-2 hangs": lambda: self.running["32"].pause(),
            "node-2 goes on": self.node_2_goes_on,
            "etcd and all coordinators are dead": lambda: self.kill("11", "12", "13", "21", "22", "23"),
            "everything is back": self.all_is_back,
        }
        assert name in play, f"nobody knows how to play: {name}"
        play[name]()

    def orders_is_at_half(self):
        plan = self.yard.write(self.yard.plan("orders", stages=(50, 100)))
        for words in (["apply", "-f", str(plan)], ["start", "orders"]):
            done = self.ask(*words)
            assert done.returncode == 0, done.stderr

    def kill_leader(self):
        leader = re.search(r"c-(\d) leads", self.ask("get", "coordinators").stdout).group(1)
        self.kill(f"2{leader}")

    def lose_majority(self):
        self.kill("12")
        wait_for(lambda: "changes are refused" in self.ask("health").stdout, "health tells of the store")

    def all_is_back(self):
        for host, process in list(self.running.items()):
            if not process.alive():
                self.revive(host)
        self.has_leader()
        wait_for(lambda: "journal" not in self.ask("health").stdout, "the store has every order")
        self.has_nodes()

    def fill_etcd(self):
        value = base64.b64encode(os.urandom(1000000)).decode()
        for i in range(200):
            key = base64.b64encode(f"/others/{i % 2}".encode()).decode()
            body = f'{{"key":"{key}","value":"{value}"}}'.encode()
            try:
                urllib.request.urlopen(f"http://{self.net}11:2379/v3/kv/put", body, timeout=10)
            except urllib.error.HTTPError:
                return
        raise AssertionError("etcd never filled up")

    def node_2_goes_on(self):
        self.running["32"].resume()
        self.has_nodes()


def test_the_page_does_what_it_says(yard):
    site = Site(yard)
    marks = list(MARK.finditer(PAGE.read_text()))
    blocks = len(re.findall(r"^```sh$", PAGE.read_text(), re.M))
    assert sum(m["word"] != "scene" for m in marks) == blocks - 1, "a block of shell that nobody runs, but the install"
    for mark in marks:
        rest = mark["rest"].lstrip(":, ")
        if mark["word"] == "scene":
            site.play(rest)
        elif mark["word"] == "start":
            site.start(rest, mark["text"])
        else:
            site.type(rest, mark["text"])
