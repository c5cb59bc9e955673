#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a recorded history (history.py) and tells where it breaks what Switchyard promises.

    checker.py FILE...      exit status 1 when something is broken

Each rule is a function with a docstring that says what holds. The rules rely on etcd's own history for what was
decided in which order, on the clients for what they asked and got, and on the services for what arrived.
A request is judged by the moment it was sent, an order by the moment its answer was there, and a later order
by the moment it was given: so no rule needs to know how long anything takes.
"""

import json
import sys
from bisect import bisect_right
from collections import defaultdict

import history

ROOT = "/switchyard/v1/"
# From a line in a program's log to our reading it, with two processors for thirty processes.
LOG_DELAY = 0.5
# An order is served before it is on disk (docs/adr/0003): a node that is killed meanwhile forgets it.
DISK_DELAY = 1.0
# What any coordinator may write.
FREE = ("emergency_rollback", "emergency_adopted")
# `switchyard history` keeps this many.
KEPT = 50
NEVER = float("inf")

RULES = []


def rule(function):
    RULES.append(function)
    return function


def share_of_new(rollout, emergency):
    """Percent of keys that go to new, as the store has it."""
    if not rollout or (emergency and emergency["active"]):
        return 0
    return {"legacy": 0, "new": 100}.get(rollout["override"], rollout["weight"])


class Command:
    """An operator's command: given, and perhaps answered."""

    def __init__(self, invoke):
        self.id, self.given, self.end = invoke["id"], invoke["t"], NEVER
        self.what, self.migration, self.door = invoke["what"], invoke["migration"], invoke["door"]
        self.wanted = invoke.get("wanted")  # field of the rollout and its value
        self.result, self.answer = "unknown", {}

    def answered(self, line):
        self.end, self.result, self.answer = line["t"], line["result"], line

    @property
    def done(self):
        return self.result == "done"

    @property
    def at_nodes(self):
        """Straight to sidecars, whether a coordinator knows or not."""
        return self.door in ("direct", "local", "file")

    def __repr__(self):
        return f"{self.id} ({self.what} {self.migration}, by {self.door}, {self.result}, {self.given:.3f}..{self.end:.3f})"


class Decision:
    """What the store says about a migration from a revision on."""

    def __init__(self, rev, rollout, emergency, tag):
        self.rev, self.rollout, self.emergency, self.tag = rev, rollout, emergency, tag
        self.share = share_of_new(rollout, emergency)


class Story:
    """A history, sorted by who will ask for it."""

    def __init__(self, lines):
        self.of = defaultdict(list)
        for line in lines:
            self.of[line["kind"]].append(line)
        self.nodes = self.of["yard"][0]["nodes"] if self.of["yard"] else []
        self.commands = {}
        for line in self.of["command"]:
            if line["phase"] == "invoke":
                self.commands[line["id"]] = Command(line)
            else:
                self.commands[line["id"]].answered(line)
        self.store = sorted(self.of["store"], key=lambda line: line["rev"])
        self.entries, self.rewritten = self.history_entries()
        self.tags = defaultdict(list)
        for rev, _, _, _, reason in self.entries:
            self.tags[reason].append(rev)
        self.decisions = self.all_decisions()
        self.decided_at = [rev for rev, _, _ in self.puts("decision")]
        self.leaders = [(rev, value and value["id"]) for rev, _, value in self.puts("leader")]
        self.request = {line["id"]: line for line in self.of["request"]}

    # ---- the store

    def puts(self, folder):
        """(revision, rest of the key, value or None) under a folder of the key space."""
        start = ROOT + folder
        for line in self.store:
            if line["key"].startswith(start):
                yield line["rev"], line["key"][len(start):], json.loads(line["value"]) if line["value"] else None

    def history_entries(self):
        """(revision, migration, sequence, event, reason) of each entry ever written, and of those that were
        written over by something else. That a rollback's entry gets its measured time later is fine."""
        found, rewritten = {}, []
        for rev, key, value in self.puts("history/"):
            if value:
                migration, sequence = key.rsplit("/", 1)
                entry = (rev, migration, int(sequence), value["event"], value["reason"])
                if entry[1:] != found.setdefault(key, entry)[1:]:
                    rewritten.append(entry)
        return list(found.values()), rewritten

    def all_decisions(self):
        """{migration: [Decision]} in the order of revisions."""
        tag_at = {(rev, migration): reason for rev, migration, _, _, reason in self.entries}
        state, found = defaultdict(lambda: [None, None]), defaultdict(list)
        changes = [(rev, name, 0, v) for rev, name, v in self.puts("rollouts/")]
        changes += [(rev, name, 1, v) for rev, name, v in self.puts("emergency/")]
        for rev, name, which, value in sorted(changes, key=lambda change: change[0]):
            state[name][which] = value
            decision = Decision(rev, *state[name], tag_at.get((rev, name)))
            if found[name] and found[name][-1].rev == rev:
                found[name].pop()
            found[name].append(decision)
        return found

    def decision(self, migration, rev):
        """In force at a revision; None before the first."""
        all_of_them = self.decisions[migration]
        at = bisect_right([d.rev for d in all_of_them], rev)
        return all_of_them[at - 1] if at else None

    def decided(self, rev):
        """The revision of the latest decision about any migration: a pause, for example, is none."""
        at = bisect_right(self.decided_at, rev)
        return self.decided_at[at - 1] if at else 0

    def raised(self, migration, rev):
        """When somebody first gave a command that sends keys to new again after this revision."""
        for d in self.decisions[migration]:
            if d.rev > rev and d.share > 0:
                command = self.commands.get(d.tag)
                return command.given if command else 0
        return NEVER

    def leader_at(self, rev):
        """The id under the leader key at a revision; None when there was no such key."""
        at = bisect_right([changed for changed, _ in self.leaders], rev)
        return self.leaders[at - 1][1] if at else None

    # ---- processes

    def moments(self, who, *what):
        return [line["t"] for line in self.of["process"] if line["who"] == who and line["what"] in what]

    def absent(self, who):
        """(from, to) where a process was dead or stopped; until it takes work again."""
        spans, since = [], None
        for line in self.of["process"]:
            if line["who"] != who:
                continue
            if line["what"] in ("kill", "pause") and since is None:
                since = line["t"]
            if line["what"] in ("ready", "resume") and since is not None:
                spans.append((since, line["t"]))
                since = None
        return spans + ([(since, NEVER)] if since is not None else [])


# ---- commands are kept


def was_so_already(s, c):
    """A setting that is set to what it is leaves no trace."""
    d = s.decision(c.migration, c.answer["revision"])
    return c.wanted and d and d.rollout and d.rollout[c.wanted[0]] == c.wanted[1]


@rule
def acknowledged_commands_are_kept(s):
    """What was answered as done stands in the store's history, and the answer tells of no older decision."""
    for c in s.commands.values():
        if not c.done or c.at_nodes or c.answer.get("epoch"):
            continue
        if c.id not in s.tags:
            if not was_so_already(s, c):
                yield f"{c!r} was acknowledged and is nowhere in the store"
        elif c.answer["revision"] < s.decided(s.tags[c.id][0]):
            yield f"{c!r} was acknowledged with revision {c.answer['revision']} and stands at {s.tags[c.id]}"


@rule
def refused_commands_change_nothing(s):
    """What was refused for sure is not in the store."""
    for c in s.commands.values():
        if c.result == "refused" and c.id in s.tags:
            yield f"{c!r} was refused and is in the store at {s.tags[c.id]}"


@rule
def commands_are_carried_out_once(s):
    """No command is in the history twice, and the numbers of its entries have no gap and are never reused. An
    emergency order is given to several coordinators when the first one takes its time: it may be there again."""
    for c in s.commands.values():
        if c.what != "emergency" and len(s.tags.get(c.id, ())) > 1:
            yield f"{c!r} was carried out twice, at revisions {s.tags[c.id]}"
    expected = defaultdict(lambda: 1)
    for rev, migration, sequence, _, _ in s.entries:
        if sequence != expected[migration]:
            yield f"history of {migration} at revision {rev}: entry {sequence}, expected {expected[migration]}"
        expected[migration] = sequence + 1
    for rev, migration, sequence, _, reason in s.rewritten:
        yield f"history of {migration} at revision {rev}: entry {sequence} was written over ({reason})"


@rule
def operators_see_the_history(s):
    """`switchyard history` at the end has the latest entries, as the store has them."""
    for line in s.of["kept"]:
        stored = [e for e in s.entries if e[1] == line["migration"]][-KEPT:]
        seen = {(entry["sequence"], entry["reason"]) for entry in line["entries"]}
        for rev, migration, sequence, _, reason in stored:
            if (sequence, reason) not in seen:
                yield f"history of {migration} does not show entry {sequence} ({reason}) of revision {rev}"


@rule
def orders_at_nodes_are_adopted(s):
    """An emergency order that was acknowledged without the store is in it at the end, or a later one is."""
    for c in s.commands.values():
        if not c.done or not c.answer.get("epoch"):
            continue
        newest = max((v["epoch"] for _, name, v in s.puts("emergency/") if v and name == c.migration), default=0)
        if newest < c.answer["epoch"]:
            yield f"{c!r} has epoch {c.answer['epoch']}, the newest in the store is {newest}"


@rule
def nobody_raises_unasked(s):
    """Each step that sends more keys to new was somebody's command. The plans of chaos have no stage that is
    entered without one."""
    for migration, decisions in s.decisions.items():
        before = 0
        for d in decisions:
            if d.share > before and d.tag not in s.commands:
                yield f"{migration} went from {before} to {d.share} % at revision {d.rev}, by nobody's command ({d.tag})"
            before = d.share


# ---- nodes


def emergency_was_fresh(s, line):
    """The node may have been killed before the order of this rule set was on its disk."""
    fresh = any((d := s.decision(m, line["revision"])) and d.emergency and d.emergency["active"] for m in s.decisions)
    return fresh and any(0 <= t - line["t"] <= DISK_DELAY for t in s.moments(line["node"], "kill"))


@rule
def revisions_never_go_back(s):
    """A node never serves an older revision after a newer one, restarts included."""
    newest = {}
    for line in s.of["serving"]:
        before = newest.get(line["node"])
        if before and line["revision"] < before["revision"] and not emergency_was_fresh(s, before):
            yield (f"{line['node']} went back from revision {before['revision']} to {line['revision']} "
                   f"at {line['t']:.3f}")
        newest[line["node"]] = line


@rule
def nodes_serve_what_was_decided(s):
    """No node serves a revision that the store never had."""
    last = s.store[-1]["rev"] if s.store else 0
    for line in s.of["serving"]:
        if line["revision"] > last:
            yield f"{line['node']} serves revision {line['revision']}, the store ends with {last}"


def end_of_cover(s, node, command):
    """Until when a node must obey an emergency order: a kill before the order is on disk ends it."""
    killed = [t for t in s.moments(node, "kill") if command.given <= t <= command.end + DISK_DELAY]
    return min(killed, default=NEVER)


def covers_by_coordinators(s):
    """(node, migration, from, to, why): an answer that said all nodes serve a decision without new."""
    for c in s.commands.values():
        if not c.done or c.at_nodes or not c.answer.get("converged") or c.answer.get("nodes") != len(s.nodes):
            continue
        if c.answer.get("epoch"):
            until = first_clear(s, c)
        else:
            d = s.decision(c.migration, s.tags[c.id][0] if c.id in s.tags else c.answer["revision"])
            if not d or d.share > 0:
                continue
            until = s.raised(c.migration, d.rev)
        for node in s.nodes:
            end = end_of_cover(s, node, c) if c.what == "emergency" else NEVER
            yield node, c.migration, c.end, min(until, end), f"{c!r} was acknowledged"


def first_clear(s, order):
    """When somebody first tried to lift what `order` said; one still on its way counts."""
    return min((c.given for c in s.commands.values() if c.what == "clear" and c.migration == order.migration
                and c.end > order.given and c.result != "refused"), default=NEVER)


def covers_at_nodes(s):
    """The same for orders given at the nodes themselves."""
    for c in s.commands.values():
        if c.done and c.at_nodes:
            for node in c.answer["served"]:
                yield node, c.migration, c.end, min(first_clear(s, c), end_of_cover(s, node, c)), f"{c!r} was acknowledged"


def covers_by_nodes(s):
    """The same from the nodes' own words about the revision they serve, as long as the process lives."""
    for node in s.nodes:
        serving = [line for line in s.of["serving"] if line["node"] == node]
        ends = [line["t"] for line in serving[1:]] + [NEVER]
        kills = s.moments(node, "kill")
        for line, end in zip(serving, ends):
            end = min([end] + [t for t in kills if t >= line["t"] - LOG_DELAY])
            for migration in s.decisions:
                d = s.decision(migration, line["revision"])
                if d and d.share == 0:
                    until = s.raised(migration, d.rev)
                    yield node, migration, line["t"], min(end, until), f"{node} said it serves revision {line['revision']}"


@rule
def nothing_reaches_new_after_a_rollback(s):
    """After an acknowledged decision without new, until somebody raises it again, no request sent reaches new."""
    sent = defaultdict(list)
    for line in s.of["arrival"]:
        request = s.request.get(line["id"])
        if line["system"] == "new" and request:
            sent[request["node"], request["migration"]].append(request["t"])
    for times in sent.values():
        times.sort()
    for covers in (covers_by_coordinators, covers_at_nodes, covers_by_nodes):
        for node, migration, begin, end, why in covers(s):
            times = sent[node, migration]
            late = [t for t in times[bisect_right(times, begin):] if t < end]
            if late:
                yield (f"{why}, and {len(late)} requests of {migration} through {node} reached new between "
                       f"{begin:.3f} and {end:.3f}, first at {late[0]:.3f}")


@rule
def clients_see_no_errors(s):
    """Every request is answered with 200, except by a sidecar that was killed or stopped meanwhile."""
    absent = {node: s.absent(node) for node in s.nodes}
    for line in s.of["request"]:
        if line["status"] == 200:
            continue
        if not any(line["end"] >= begin and line["t"] <= end for begin, end in absent.get(line["node"], ())):
            yield (f"{line['id']} at {line['t']:.3f}..{line['end']:.3f}: status {line['status']}, "
                   f"{line['error'] or line['body']}")


# ---- leaders


@rule
def leaders_hold_the_term_they_claim(s):
    """Who says that it leads in a term is named by the leader key at that revision; terms rise."""
    held = dict(s.leaders)
    newest = 0
    for line in s.of["leads"]:
        if held.get(line["term"]) != line["who"]:
            yield f"{line['who']} claims term {line['term']}, the store gives it to {held.get(line['term'])}"
        if line["term"] < newest:
            yield f"{line['who']} claims term {line['term']} at {line['t']:.3f}, after term {newest} was claimed"
        newest = max(newest, line["term"])


def end_of_claim(s, claim):
    """When a leader stopped: it said so, or died."""
    who, t = claim["who"], claim["t"]
    ends = [line["t"] for line in s.of["yields"] if line["who"] == who and line["t"] > t]
    return min(ends + [k for k in s.moments(who, "kill") if k > t - LOG_DELAY], default=NEVER)


def moment_to_yield(s, who, t):
    """When a coordinator must have yielded that was replaced at `t`: one that is stopped, when it goes on."""
    for begin, end in s.absent(who):
        if begin <= t <= end:
            return end + LOG_DELAY
    return t + LOG_DELAY


@rule
def two_terms_never_both_act(s):
    """A leader has stepped down before the next one leads; one that was stopped does so when it goes on."""
    claims = sorted(s.of["leads"], key=lambda line: line["term"])
    for old, new in zip(claims, claims[1:]):
        if old["who"] != new["who"] and end_of_claim(s, old) > moment_to_yield(s, old["who"], new["t"]):
            yield (f"{old['who']} still leads in term {old['term']} at {new['t']:.3f}, "
                   f"when {new['who']} leads in term {new['term']}")


@rule
def only_leaders_write(s):
    """Everything but an emergency order was written while somebody led; a decision, by the one who did."""
    free = {rev for rev, _, _, event, _ in s.entries if event in FREE}
    written = {rev for folder in ("plans/", "rollouts/", "history/") for rev, _, _ in s.puts(folder)}
    for rev in sorted(written - free):
        if not s.leader_at(rev):
            yield f"revision {rev} was written when nobody led"
    for rev, _, value in s.puts("decision"):
        if rev not in free and value["by"] != s.leader_at(rev):
            yield f"{value['by']} decided at revision {rev}, when {s.leader_at(rev) or 'nobody'} led"


# ---- the run


@rule
def everything_comes_back(s):
    """After each round, with nothing broken any more, commands are taken and all nodes serve, in time."""
    for line in s.of["settled"]:
        if line["seconds"] is None:
            yield f"round {line['round']}: {line['why']}"


@rule
def something_happened(s):
    """A history in which nothing could go wrong proves nothing."""
    arrived = {line["system"] for line in s.of["arrival"]}
    facts = {
        "a command was acknowledged": any(c.done for c in s.commands.values()),
        "requests reached both systems": arrived >= {"legacy", "new"},
        "clients were answered": any(line["status"] == 200 for line in s.of["request"]),
        "every node served": {line["node"] for line in s.of["serving"]} >= set(s.nodes) and s.nodes,
        "a coordinator led": s.of["leads"],
        "coordinators decided": any(s.puts("decision")),
        "the store was read": s.entries,
        "the history was asked for": s.of["kept"],
        "rounds ended": s.of["settled"],
    }
    for fact, holds in facts.items():
        if not holds:
            yield f"not so: {fact}"


def check(lines):
    """[(rule, text)] of everything that is broken."""
    story = Story(lines)
    return [(r.__name__, text) for r in RULES for text in r(story)]


def summary(lines):
    """What was checked, in one line."""
    story = Story(lines)
    covers = sum(begin < end for f in (covers_by_coordinators, covers_at_nodes) for _, _, begin, end, _ in f(story))
    results = [c.result for c in story.commands.values()]
    return (f"{len(story.of['settled'])} rounds, {len(story.of['fault']) // 2} faults, "
            f"{len(results)} commands ({results.count('done')} done, {results.count('refused')} refused, "
            f"{results.count('unknown')} unknown), {len(story.of['leads'])} terms, "
            f"{len(story.of['request'])} requests, {covers} spans without new, {len(story.of['serving'])} rule sets served")


def main(paths):
    lines = history.read(*paths)
    broken = check(lines)
    for name, text in broken:
        print(f"VIOLATION {name}: {text}")
    print(f"{summary(lines)}: {len(broken)} violations")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
