# SPDX-License-Identifier: Apache-2.0
"""Operators: one for each migration, giving commands through one door or another, and writing down what they
were told. Each command has a name of its own, which is its reason, so that it is found in the store."""

import itertools
import json
import random
import subprocess
import threading
import time

from switchyard import BIN

PATIENCE = "3s"
NOTHING_DONE = ("nothing was done", "no coordinator leads")
PAUSE = (0.05, 0.5)  # between two commands

# What an operator does next, by what the last answer was like: (command, weight)
HABITS = {
    "legacy": (("start", 8), ("weight", 1), ("emergency", 1)),
    "rolling": (("weight", 8), ("rollback", 4), ("promote", 2), ("emergency", 5), ("pause", 1), ("resume", 1),
                ("override", 1)),
    "emergency": (("clear", 7), ("start", 1), ("emergency", 1)),
}
AFTER = {"start": "rolling", "weight": "rolling", "promote": "rolling", "pause": "rolling", "resume": "rolling",
         "override": "rolling", "rollback": "legacy", "clear": "legacy", "emergency": "emergency"}
DOORS = (("coordinators", 6), ("one", 6), ("direct", 2), ("local", 2), ("file", 1))
AT_NODES = ("direct", "local", "file")
names = itertools.count(1)


def pick(chance, table):
    return chance.choices([word for word, _ in table], [weight for _, weight in table])[0]


class Operator(threading.Thread):
    """Gives commands while `go` is set, until end()."""

    def __init__(self, ground, migration, seed):
        super().__init__(daemon=True)
        self.ground, self.migration = ground, migration
        self.chance = random.Random(f"{seed}/{migration}")
        self.state = "legacy"
        self.going, self.ending, self.busy = threading.Event(), threading.Event(), threading.Lock()
        self.failure = None

    def run(self):
        try:
            while not self.ending.is_set():
                if self.going.wait(0.1):
                    with self.busy:
                        if self.going.is_set():
                            self.step()
                    self.ending.wait(self.chance.uniform(*PAUSE))
        except Exception as failure:  # told by rest(), in the thread that waits for this one
            self.failure = failure

    def rest(self):
        """No commands from now on."""
        self.going.clear()
        with self.busy:
            if self.failure:
                raise self.failure

    def end(self):
        self.ending.set()
        self.join()

    def step(self):
        what = pick(self.chance, HABITS[self.state])
        door = pick(self.chance, DOORS)
        if what != "emergency" and door in AT_NODES:
            door = "one"
        if self.give(what, door) == "done":
            self.state = AFTER[what]
        elif self.chance.random() < 0.4:
            # Refused, or nobody knows: somebody else may have moved it.
            self.state = self.chance.choice(list(HABITS))

    # ---- giving a command

    def words(self, what, value):
        m = self.migration
        return {"weight": ["set", "weight", m, value], "override": ["set", "override", m, value],
                "rollback": ["rollback", m, "--to", "0"], "clear": ["rollback", m, "--clear"],
                "emergency": ["rollback", m, "--emergency"]}.get(what, [what, m])

    def value(self, what):
        """Of a setting; None: the command has none."""
        c = self.chance
        return {"weight": c.choice([0, c.randrange(1, 100)]), "override": c.choice(["none", "none", "legacy"])}.get(what)

    def give(self, what, door):
        name, value = f"k{next(names)}", self.value(what)
        self.ground.record.write("command", id=name, phase="invoke", what=what, migration=self.migration, door=door,
                                 wanted=None if value is None else [what, value])
        at_the_node = {"local": self.local, "file": self.file}.get(door)
        told = at_the_node(name) if at_the_node else self.remote(name, self.words(what, value), door)
        self.ground.record.write("command", id=name, phase="answer", **told)
        return told["result"]

    def remote(self, name, words, door):
        replicas = list(self.ground.replicas)
        self.chance.shuffle(replicas)
        asked = replicas[:1] if door == "one" else replicas
        words += ["--reason", name, "--timeout", PATIENCE, "-o", "json"]
        if door != "direct" and words[0] not in ("pause", "resume"):
            words += ["--wait", PATIENCE]
        if door == "direct":
            some = self.chance.sample(self.ground.sidecars, self.chance.randrange(1, len(self.ground.sidecars) + 1))
            words += ["--direct", ",".join(s.control for s in some)]
        answer = self.ground.cli(*words, endpoints=",".join(c.address for c in asked), status=None)
        told = json.loads(answer.out) if answer.out.startswith("{") else None
        if door == "direct":
            return self.from_nodes(told, answer)
        return from_coordinator(told, answer)

    def from_nodes(self, told, answer):
        by_door = {s.control: s for s in self.ground.sidecars}
        served = [by_door[n["address"]] for n in (told or {}).get("nodes", ()) if n["serving"]]
        if not served:
            return {"result": "unknown", "exit": answer.status, "said": answer.err[-300:]}
        return self.at_nodes(served)

    def at_nodes(self, served):
        orders = [self.ground.order_at(s, self.migration) for s in served]
        epoch = max(order["epoch"] if order else 0 for order in orders)
        return {"result": "done", "served": [s.node for s in served], "epoch": epoch}

    def local(self, name):
        sidecar = self.chance.choice(self.ground.sidecars)
        done = subprocess.run([BIN / "switchyard-sidecar", "emergency", "--data", sidecar.data, "--reason", name,
                               "--migration", self.migration, "--operator", "tester"],
                              text=True, capture_output=True, timeout=30, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            return {"result": "unknown", "exit": done.returncode, "said": done.stderr[-300:]}
        return self.at_nodes([sidecar])

    def file(self, name):
        """The node obeys when its page says so. The order is for the other migrations of the node, too."""
        sidecar = self.chance.choice(self.ground.sidecars)
        (sidecar.data / "emergency").write_text(f"{name}\n")
        end = time.monotonic() + 3
        while time.monotonic() < end:
            order = self.ground.order_at(sidecar, self.migration)
            if order and order["reason"] == name:
                return self.at_nodes([sidecar])
            time.sleep(0.02)
        return {"result": "unknown", "said": "the file was not obeyed within 3 s"}


def from_coordinator(told, answer):
    """The answer of a coordinator: with exit status 1 and no tree, or by its own words, nothing was done for sure."""
    if not told:
        sure = answer.status == 1 or any(words in answer.err for words in NOTHING_DONE)
        return {"result": "refused" if sure else "unknown", "exit": answer.status, "said": answer.err[-300:]}
    return {"result": "done", "exit": answer.status, "revision": told["revision"],
            "converged": told.get("converged", False), "nodes": told.get("convergence", {}).get("nodes", 0),
            "epoch": told.get("unstoredEpoch", 0)}
