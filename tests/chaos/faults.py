# SPDX-License-Identifier: Apache-2.0
"""What is done to processes, clocks and the network. A fault is planned by chance alone, so that a seed gives the
same plan again; whom it hits is chosen when it begins, since who leads by then is not ours to know before."""

TTL = 3.0  # of a coordinator's lease
HOUR = 3600


class Fault:
    """Begins and ends; end() undoes what begin() did, whatever happened meanwhile."""

    longest = 3.0
    shortest = 0.3
    needs = None

    def __init__(self, chance):
        self.at = chance.uniform(0, 2.5)
        self.lasts = chance.uniform(self.shortest, self.longest)
        self.pick = chance.random()
        self.hit = []

    def choose(self, candidates):
        """One of them, or none when there are none."""
        return [candidates[int(self.pick * len(candidates))]] if candidates else []

    def whom(self, ground):
        raise NotImplementedError

    def begin(self, ground):
        self.hit = self.whom(ground)
        for thing in self.hit:
            self.do(ground, thing)

    def end(self, ground):
        for thing in self.hit:
            thing.heal()

    def do(self, ground, thing):
        raise NotImplementedError

    def __str__(self):
        return f"{type(self).__name__} at {self.at:.1f} s for {self.lasts:.1f} s"


# ---- processes


class Kill(Fault):
    def do(self, ground, thing):
        thing.kill()


class KillLeader(Kill):
    def whom(self, ground):
        return leader(ground) or self.choose(ground.up("c"))


class KillCoordinator(Kill):
    def whom(self, ground):
        return self.choose(ground.up("c"))


class KillAllCoordinators(Kill):
    def whom(self, ground):
        return ground.up("c")


class KillEtcdMember(Kill):
    def whom(self, ground):
        return self.choose(ground.up("etcd"))


class KillEtcdMajority(Kill):
    def whom(self, ground):
        return ground.up("etcd")[:2]


class KillSidecar(Kill):
    longest = 1.5

    def whom(self, ground):
        return self.choose(ground.up("n"))


class Stop(Fault):
    """SIGSTOP, for longer than a lease lives."""

    shortest, longest = TTL + 0.5, TTL + 2.5

    def do(self, ground, thing):
        thing.pause()


class StopLeader(Stop):
    def whom(self, ground):
        return leader(ground) or self.choose(ground.up("c"))


class StopCoordinator(Stop):
    shortest = 0.5

    def whom(self, ground):
        return self.choose(ground.up("c"))


class StopEtcdMember(Stop):
    shortest = 0.5

    def whom(self, ground):
        return self.choose(ground.up("etcd"))


# ---- the network


class Cut(Fault):
    """Two groups do not hear each other."""

    needs = "namespaces"
    shortest, longest = 1.0, TTL + 2.0
    both_ways = True

    def groups(self, ground):
        raise NotImplementedError

    def begin(self, ground):
        self.hit = []
        self.some, self.others = self.groups(ground)
        ground.network.cut(self.some, self.others, self.both_ways)

    def end(self, ground):
        ground.network.mend(self.some, self.others)


class CutLeaderFromEtcd(Cut):
    shortest = TTL

    def groups(self, ground):
        return names(leader(ground) or self.choose(every(ground, "c"))), names(every(ground, "etcd"))


class CutLeaderFromEtcdOneWay(CutLeaderFromEtcd):
    """It still hears etcd, which does not hear it."""

    both_ways = False


class CutLeaderFromAll(Cut):
    shortest = TTL

    def groups(self, ground):
        one = leader(ground) or self.choose(every(ground, "c"))
        return names(one), names(t for t in ground.things.values() if t not in one)


class CutCoordinatorsApart(Cut):
    def groups(self, ground):
        one = names(self.choose(every(ground, "c")))
        return one, [n for n in names(every(ground, "c")) if n not in one]


class CutSidecar(Cut):
    def groups(self, ground):
        return names(self.choose(every(ground, "n"))), names(every(ground, "c"))


class CutEtcdMember(Cut):
    def groups(self, ground):
        one = names(self.choose(every(ground, "etcd")))
        return one, [n for n in names(every(ground, "etcd") + every(ground, "c")) if n not in one]


class Split(Cut):
    """One side has two etcd members and some of the rest, the other side the others."""

    def groups(self, ground):
        rest = names(every(ground, "c") + every(ground, "n"))
        mask = int(self.pick * (1 << len(rest)))
        some = [name for i, name in enumerate(rest) if mask >> i & 1] + ["etcd-1", "etcd-2"]
        return some, [name for name in ground.things if name not in some]


# ---- clocks


class Jump(Fault):
    """A wall clock is wrong for a while: it jumps there, and back."""

    needs = "faketime"
    offsets = (-HOUR, -5, -1, 1, 5, HOUR, 400 * 24 * HOUR)

    def whom(self, ground):
        return self.choose(ground.up("c") + ground.up("n"))

    def do(self, ground, thing):
        ground.clocks.set(thing.name, self.offsets[int(self.pick * 1000) % len(self.offsets)])

    def end(self, ground):
        for thing in self.hit:
            ground.clocks.set(thing.name, 0)


def every(ground, kind):
    return [t for t in ground.things.values() if t.name.split("-")[0] == kind]


def names(things):
    return [t.name for t in things]


def leader(ground):
    """The coordinator that leads, by its own last word; as a list, empty when it is down."""
    claim = ground.record.leader
    return [ground.things[claim]] if claim and ground.things[claim].up else []


KINDS = ((KillLeader, 5), (KillCoordinator, 2), (KillAllCoordinators, 2), (StopLeader, 3), (StopCoordinator, 1),
         (KillEtcdMember, 3), (KillEtcdMajority, 2), (StopEtcdMember, 2), (KillSidecar, 3),
         (CutLeaderFromEtcd, 3), (CutLeaderFromEtcdOneWay, 2), (CutLeaderFromAll, 2), (CutCoordinatorsApart, 1),
         (CutSidecar, 2), (CutEtcdMember, 2), (Split, 2), (Jump, 4))


def plan(chance, possible, only=None):
    """One to three faults of a round, by the things that are possible here; or all of the kind named."""
    kinds = [(kind, weight) for kind, weight in KINDS if kind.needs in (None, *possible)]
    kinds = [(kind, weight) for kind, weight in kinds if kind.__name__ == only] or kinds
    chosen = chance.choices([k for k, _ in kinds], [w for _, w in kinds], k=chance.choice((1, 1, 2, 2, 3)))
    return [kind(chance) for kind in chosen]
