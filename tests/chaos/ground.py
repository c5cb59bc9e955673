# SPDX-License-Identifier: Apache-2.0
"""What chaos happens to: three etcd members, three coordinators, three sidecars with two services behind them
and clients in front. Whatever is done to a process goes through here and into the history."""

import base64
import contextlib
import http.client
import json
import os
import sys
from pathlib import Path

import history
from etcd import Etcd
from switchyard import Coordinator, Place, Sidecar, Yard, free_port, wait_for

HERE = Path(__file__).parent
MIGRATIONS = ("app", "side")
STAGES = (20, 50, 80, 100)
RATE = 20  # requests a second for each migration at each node
FAKETIME = "/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1".format(os.uname().machine)
# For builds with sanitizers: faketime has to be loaded first.
SANITIZERS = "verify_asan_link_order=0:detect_leaks=0"


class Clocks:
    """A wall clock for each process, which can jump while the process runs. Time that only passes is real."""

    def __init__(self, folder):
        self.folder = folder
        self.can_jump = os.path.exists(FAKETIME)

    def file(self, who):
        return self.folder / f"clock-{who}"

    def set(self, who, offset):
        fresh = self.folder / f"clock-{who}.new"
        fresh.write_text(f"{offset:+d}\n")
        fresh.rename(self.file(who))

    def before(self, who):
        if not self.can_jump:
            return []
        self.set(who, 0)
        return ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={self.file(who)}",
                "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_CACHE_DURATION=1",
                f"ASAN_OPTIONS={SANITIZERS}"]


class Thing:
    """A process of the ground under its name: etcd-1, c-1, n-1."""

    def __init__(self, ground, name, what, start):
        self.ground, self.name, self.what, self.start_it = ground, name, what, start
        self.paused = False

    @property
    def up(self):
        return not self.paused and self.what.process is not None and self.what.process.alive()

    def told(self, what):
        self.ground.record.write("process", who=self.name, what=what)

    def start(self):
        self.told("start")
        self.start_it()
        self.told("ready")
        self.ground.follow(self)

    def kill(self):
        self.told("kill")
        self.what.process.kill()
        self.paused = False

    def pause(self):
        self.told("pause")
        self.what.process.pause()
        self.paused = True

    def resume(self):
        self.what.process.resume()
        self.paused = False
        self.told("resume")

    def heal(self):
        if self.paused:
            self.resume()
        if not self.what.process.alive():
            self.start()


class Ground(Yard):
    def __init__(self, network, options):
        super().__init__()
        self.network, self.options = network, options
        self.record = history.History(self.folder / "history.jsonl")
        self.logs = history.Logs(self.record)
        self.clocks = Clocks(self.folder)
        self.etcd = Etcd(self, 3, places=[self.place(f"etcd-{i}") for i in (1, 2, 3)])
        self.replicas = [Coordinator(self, store=self.etcd, id=f"c-{i}", place=self.place(f"c-{i}", clock=True))
                         for i in (1, 2, 3)]
        self.coordinator = self.replicas[0]
        self.things = {}
        self.clients = None

    def place(self, name, clock=False):
        """What dies with us wherever it is, with a clock of its own or everyone's."""
        bare = self.network.place(name)
        clock = self.clocks.before(name) if clock else []
        return Place(bare.address, ["setpriv", "--pdeathsig", "KILL", *bare.before, *clock])

    @property
    def possible(self):
        """What faults may need."""
        return [word for word, can in (("namespaces", self.network.can_cut), ("faketime", self.clocks.can_jump)) if can]

    # ---- starting

    def thing(self, name, what, start):
        self.things[name] = Thing(self, name, what, start)
        return self.things[name]

    def follow(self, thing):
        reader = {"c": history.coordinator_line, "n": history.sidecar_line}.get(thing.name.split("-")[0])
        if reader:
            self.logs.follow(thing.name, thing.what.process.log, reader)

    def open(self):
        for member in self.etcd.members:
            self.thing(member.name, member, member.start).start()
        for member in self.etcd.members:
            wait_for(member.healthy, f"{member.name} is healthy", 30)
        for c in self.replicas:
            self.thing(c.id, c, lambda c=c: self.start_coordinator(c)).start()
        self.start_origins()
        for i in (1, 2, 3):
            self.open_sidecar(i)
        self.record.write("yard", nodes=[s.node for s in self.sidecars])
        self.wait_nodes(len(self.sidecars))
        for name in MIGRATIONS:
            plan = self.plan(name, stages=STAGES)
            plan["spec"]["routing"]["path"] = f"/{name}"
            plan["spec"]["systems"] = {s: {"endpoints": [f"http://{self.network.ours}:{port}"]}
                                       for s, port in self.ports.items()}
            self.apply(plan)
        self.start_clients()
        return self

    def start_coordinator(self, c):
        """One that finds no store ends; heal() starts it again, as an operator's supervisor would."""
        c.start(wait=False, options=self.options)
        c.process.expected.add(2)

    def open_sidecar(self, i):
        turned = self.replicas[i - 1:] + self.replicas[:i - 1]
        sidecar = Sidecar(self, f"n-{i}", coordinators=",".join(c.address for c in turned),
                          place=self.place(f"n-{i}", clock=True))
        sidecar.admin = f"{sidecar.place.address}:{free_port()}"
        sidecar.control = f"{sidecar.place.address}:{free_port()}"
        doors = ["--admin", sidecar.admin, "--control", sidecar.control]
        self.sidecars.append(sidecar)
        self.thing(sidecar.node, sidecar, lambda: sidecar.start(options=doors)).start()

    def program(self, name, *words):
        process = self.run(name, [sys.executable, HERE / "traffic.py", *words],
                           before=["setpriv", "--pdeathsig", "KILL"])
        process.expected.add(-15)
        wait_for(lambda: process.text(), f"{name} is up")
        return process

    def start_origins(self):
        self.ports = {"legacy": free_port(), "new": free_port()}
        self.program("origins", "origins", self.folder / "arrivals.jsonl", self.network.ours, *self.ports.values())

    def start_clients(self):
        nodes = ",".join(f"{s.node}={s.address}" for s in self.sidecars)
        self.clients = self.program("clients", "clients", self.folder / "requests.jsonl", RATE,
                                    ",".join(MIGRATIONS), nodes)

    # ---- asking

    def up(self, kind):
        """The things of a kind ("c", "n", "etcd") that run."""
        return [t for t in self.things.values() if t.name.split("-")[0] == kind and t.up]

    def order_at(self, sidecar, migration):
        """The emergency order that stands at a node, by its own page; None: there is none, or no answer."""
        host, port = sidecar.admin.rsplit(":", 1)
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            connection = http.client.HTTPConnection(host, int(port), timeout=2)
            connection.request("GET", "/status")
            routes = json.loads(connection.getresponse().read())["routes"]
            return next((r["emergency"] for r in routes if r["migration"] == migration), None)
        return None

    def unsettled(self):
        """Why not everything is back, or None."""
        sick = [m.name for m in self.etcd.members if not m.healthy()]
        if sick:
            return f"{' and '.join(sick)} are not healthy"
        for c in self.replicas:
            if not c.process.alive():
                return f"{c.id} ended: {c.process.text()[-500:]}"
            known = self.coordinators(asked=c)
            if not known or not known["leader"]:
                return f"{c.id} knows no leader"
        for name in MIGRATIONS:
            answer = self.cli("status", name, "-o", "json", "--timeout", "2s", status=None)
            if answer.status != 0:
                return f"status {name}: {answer.err.strip()}"
            at = answer.json["convergence"]
            if at["nodes"] != len(self.sidecars) or at["lagging"]:
                return f"{name}: {at['serving']} of {at['nodes']} nodes serve, {at['laggards']} lag"
        return None

    # ---- ending

    def keep_the_end(self):
        """What operators see at the end, and etcd's history of everything; what the logs say later does not count."""
        self.logs.close()
        for name in MIGRATIONS:
            self.record.write("kept", migration=name, entries=self.history(name))
        for line in self.all_writes():
            self.record.write("store", **line)

    def ask_etcd(self, path, request):
        member = self.etcd.members[0]
        connection = http.client.HTTPConnection(member.place.address, member.client_port, timeout=10)
        connection.request("POST", path, json.dumps(request))
        return connection.getresponse()

    def all_writes(self):
        """Every put and delete since the beginning, from etcd's watch: the coordinators never compact."""
        everything = {"key": "AA==", "range_end": "AA=="}
        last = int(json.loads(self.ask_etcd("/v3/kv/range", {**everything, "limit": 1}).read())["header"]["revision"])
        answer = self.ask_etcd("/v3/watch", {"create_request": {**everything, "start_revision": 1}})
        rev = 1
        while rev < last:
            result = json.loads(answer.readline())["result"]
            assert "compact_revision" not in result, "etcd's history was compacted"
            for event in result.get("events", []):
                rev = int(event["kv"]["mod_revision"])
                yield write_of(event, rev)

    def files(self):
        return [self.folder / name for name in ("history.jsonl", "requests.jsonl", "arrivals.jsonl")]

    def end(self):
        """Stop everything; what went wrong with the programs."""
        problems = self.close()
        self.record.close()
        return problems


def write_of(event, rev):
    text = {k: base64.b64decode(event["kv"].get(k, "")).decode() for k in ("key", "value")}
    return {"rev": rev, "key": text["key"], "value": None if event.get("type") == "DELETE" else text["value"]}
