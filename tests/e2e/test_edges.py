# SPDX-License-Identifier: Apache-2.0
"""Somebody else's proxy in front: the examples as they are in deploy/examples, with the real servers."""

import os
import shutil
import signal
from pathlib import Path

import pytest
import yaml
from switchyard import Client, free_port, wait_for

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
TRIGGERS = {"errorRate": "5%", "minRequests": 20, "window": "3s"}


def program(name):
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")


class Front:
    """The example's configuration with our addresses in it."""

    def __init__(self, yard, decide):
        self.yard, self.decide, self.port = yard, decide, free_port()
        self.folder = yard.folder / type(self).__name__.lower()
        self.folder.mkdir()
        self.start()
        wait_for(lambda: self.ask() in (200, 500), "the front answers")

    def localise(self, path):
        text = (EXAMPLES / path).read_text()
        for old, new in (("127.0.0.1:7480", f"127.0.0.1:{self.decide}"), ("10.0.0.11:8080", self.yard.legacy.url[7:]),
                         ("10.0.0.21:8080", self.yard.new.url[7:]), ("8000;", f"127.0.0.1:{self.port};"),
                         ("bind :8000", f"bind 127.0.0.1:{self.port}"), ("/etc/haproxy", str(self.folder))):
            text = text.replace(old, new)
        (self.folder / Path(path).name).write_text(text)

    def ask(self):
        try:
            return Client(self.port).request()[0].status
        except OSError:
            return None

    def sides(self, users):
        """{user: system}, on one connection."""
        client = Client(self.port)
        return {user: client.ask(user) for user in users}


class NginxFront(Front):
    def start(self):
        self.localise("nginx/nginx.conf")
        conf = self.folder / "nginx.conf"
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};\n"
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf.write_text(f"daemon off; master_process off; pid {self.folder}/pid; error_log stderr;\n"
                        + conf.read_text().replace("http {", "http {\naccess_log off;\n" + temporary, 1))
        self.process = self.yard.run("nginx-front", [program("nginx"), "-e", "stderr", "-c", conf])


class HaproxyFront(Front):
    def start(self):
        self.localise("haproxy/haproxy.cfg")
        self.localise("haproxy/switchyard.lua")
        self.process = self.yard.run("haproxy-front", [program("haproxy"), "-db", "-f", self.folder / "haproxy.cfg"])
        self.process.expected.add(-signal.SIGTERM)


@pytest.mark.parametrize("kind", [NginxFront, HaproxyFront])
def test_it_follows_every_decision_and_tells_what_came_of_it(yard, kind):
    decide = free_port()
    yard.services()
    yard.coordinator.start()
    node = yard.sidecar("node-1", options=["--decide", f"127.0.0.1:{decide}"])
    yard.wait_nodes(1)
    front = kind(yard, decide)
    users = range(40)

    assert set(front.sides(users).values()) == {"legacy"}, "nothing is decided yet"
    yard.apply(stages=(40, 100), triggers=TRIGGERS)
    yard.cli("start", "app")
    yard.wait_status("the first stage serves", phase="ready")
    expected = node.client().sides(users)
    assert set(expected.values()) == {"legacy", "new"}
    assert front.sides(users) == expected, "the front decides as the sidecar does"
    told = {system: 2 * list(expected.values()).count(system) for system in ("legacy", "new")}
    wait_for(lambda: {s: yard.stats()[s]["requests"] for s in told} == told, "outcomes are told")
    assert yard.stats()["new"]["errors"] == 0

    yard.cli("promote", "app")
    yard.wait_status("everything is on new", weight=100)
    assert set(front.sides(users).values()) == {"new"}

    # Only the front has traffic: what it tells is what the trigger sees.
    yard.new.become(500)
    wait_for(lambda: [front.ask() for _ in range(50)] and yard.status()["phase"] == "rolled_back", "the trigger fires")
    assert set(front.sides(users).values()) == {"legacy"}

    node.kill()
    front.ask()
    assert set(front.sides(users).values()) == {"legacy"}, "without a sidecar it goes where it always went"


def values_of(tree, name):
    """Each value that is called so, however deep."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == name:
                yield value
            yield from values_of(value, name)
    elif isinstance(tree, list):
        for item in tree:
            yield from values_of(item, name)


def test_the_examples_that_cannot_be_run_ask_where_they_should():
    envoy = yaml.safe_load((EXAMPLES / "envoy" / "envoy.yaml").read_text())
    assert list(values_of(envoy, "path_prefix")) == ["/switchyard/v1/decide"]
    clusters = {c["name"] for c in envoy["static_resources"]["clusters"]}
    assert set(values_of(envoy, "cluster")) == clusters == {"switchyard", "legacy", "new"}

    traefik = yaml.safe_load((EXAMPLES / "traefik" / "dynamic.yaml").read_text())["http"]
    entries = yaml.safe_load((EXAMPLES / "traefik" / "traefik.yaml").read_text())["entryPoints"]
    assert traefik["middlewares"]["decide"]["forwardAuth"]["address"].endswith("/switchyard/v1/decide")
    for router in traefik["routers"].values():
        assert router["service"] in traefik["services"] and set(router["entryPoints"]) <= set(entries)
        assert set(router.get("middlewares", [])) <= set(traefik["middlewares"])
