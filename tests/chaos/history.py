# SPDX-License-Identifier: Apache-2.0
"""The recorded history: a line of JSON for each thing that happened, and what becomes of the programs' logs.

kind      fields besides t (CLOCK_MONOTONIC, seconds)
--------  -------------------------------------------------------------------------------------------
process   who, what: start ready kill pause resume
fault     what, begin or end of it; for people
yard      nodes                                        that there are
command   id, phase: invoke (what, migration, door, wanted), answer (result, revision, converged, nodes,
          epoch; at nodes: served, epoch)
request   end, node, migration, id, status, body, error  by the clients, see traffic.py
arrival   system, id                                   by the services
serving   node, revision, term                         every proxy loop of the node serves with it
leads     who, term                                    a coordinator says that it leads from now on
yields    who                                          ... and that it does not any more
store     rev, key, value (null: deleted)              etcd's own history, all of it, in its order
kept      migration, entries                           `switchyard history` at the end
settled   round, seconds (null: not within the limit), why
"""

import json
import os
import re
import threading
import time

LOOK = 0.01  # between two looks at the logs
FIELD = re.compile(r'([a-z_.]+)=("(?:[^"\\]|\\.)*"|\S*)')


class History:
    """Written by several threads."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "a", buffering=1, encoding="ascii")
        self.lock = threading.Lock()
        self.leader = None  # who said last that it leads

    def write(self, kind, t=None, **fields):
        line = json.dumps({"kind": kind, "t": time.monotonic() if t is None else t, **fields})
        with self.lock:
            self.file.write(line + "\n")

    def close(self):
        self.file.close()


def read(*paths):
    """Every line of the files, in the order of time."""
    lines = []
    for path in paths:
        with open(path, encoding="ascii") as file:
            # A program that was killed may leave half a line.
            lines += [json.loads(line) for line in file if line.endswith("}\n")]
    return sorted(lines, key=lambda line: line["t"])


def fields_of(line):
    """A line in logfmt as a tree."""
    found = {}
    for name, value in FIELD.findall(line):
        found[name] = json.loads(value) if value.startswith('"') else value
    return found


# ---- what the logs say


def sidecar_line(history, who, f):
    if f.get("event") == "ruleset.serving":
        history.write("serving", node=who, revision=int(f["revision"]), term=int(f["term"]))


def coordinator_line(history, who, f):
    if f.get("event") == "election" and f.get("state") == "leading":
        history.write("leads", who=who, term=int(f["term"]))
        history.leader = who
    if f.get("event") == "election" and f.get("from") == "leading":
        history.write("yields", who=who)
    if f.get("event") == "stopped":
        history.write("yields", who=who)


class Logs:
    """Follows the logs of programs and tells the history what they say, when they say it."""

    def __init__(self, history):
        self.history, self.files, self.ending = history, {}, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def follow(self, who, path, reader):
        """From its beginning; a program that starts again goes on in the same file."""
        if who not in self.files:
            self.files[who] = [os.open(path, os.O_RDONLY), b"", reader]

    def look(self):
        for who, file in list(self.files.items()):
            while chunk := os.read(file[0], 65536):
                *lines, file[1] = (file[1] + chunk).split(b"\n")
                for line in lines:
                    file[2](self.history, who, fields_of(line.decode("utf-8", "replace")))

    def run(self):
        while not self.ending:
            self.look()
            time.sleep(LOOK)

    def close(self):
        """What was said until now is told."""
        self.ending = True
        self.thread.join()
        self.look()
        for file in self.files.values():
            os.close(file[0])
