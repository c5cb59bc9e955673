# SPDX-License-Identifier: Apache-2.0
"""A real etcd for stories: Debian's, one member or three, on loopback and in the yard's folder."""

import contextlib
import http.client
import os
import shutil
import signal

from switchyard import BIN, LOOPBACK, free_port, wait_for


class Member:
    """One etcd process; it comes back with the data and the ports it had."""

    def __init__(self, cluster, name, place=LOOPBACK):
        self.cluster, self.name, self.place = cluster, name, place
        self.client_port, self.peer_port, self.health_port = free_port(), free_port(), free_port()
        self.data = cluster.yard.folder / name
        self.process = None

    @property
    def client_url(self):
        return f"{self.cluster.scheme}://{self.place.address}:{self.client_port}"

    @property
    def peer_url(self):
        return f"http://{self.place.address}:{self.peer_port}"

    def start(self, before=()):
        argv = ["etcd", "--name", self.name, "--data-dir", self.data,
                "--listen-client-urls", self.client_url, "--advertise-client-urls", self.client_url,
                "--listen-peer-urls", self.peer_url, "--initial-advertise-peer-urls", self.peer_url,
                "--initial-cluster", ",".join(f"{m.name}={m.peer_url}" for m in self.cluster.members),
                "--initial-cluster-state", "new",
                "--listen-metrics-urls", f"http://{self.place.address}:{self.health_port}",
                "--max-txn-ops=4096", "--logger=zap", "--log-level=error", *self.cluster.options]
        self.process = self.cluster.yard.run(self.name, argv,
                                             before=[*self.place.before, *before])
        # Its own end by a signal it was sent.
        self.process.expected |= {-signal.SIGTERM}
        return self

    def healthy(self):
        """It sees a leader and its cluster takes writes."""
        assert self.process.alive(), f"{self.name} ended:\n{self.process.text()[-2000:]}"
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(self.place.address, self.health_port, timeout=2)
            connection.request("GET", "/health")
            return b'"true"' in connection.getresponse().read()
        return False

    def kill(self):
        self.process.kill()

    def pause(self):
        self.process.pause()

    def resume(self):
        self.process.resume()


class Etcd:
    """The cluster. `options` go to every member; member i runs at places[i]; `scheme` is for clients."""

    def __init__(self, yard, members=1, options=(), places=(), scheme="http"):
        assert shutil.which("etcd"), "etcd is not installed: apt-get install etcd-server etcd-client"
        self.yard, self.options, self.scheme = yard, options, scheme
        self.members = []
        places = [*places, *[LOOPBACK] * (members - len(places))]
        self.members += [Member(self, f"etcd-{i + 1}", places[i]) for i in range(members)]

    @property
    def endpoints(self):
        return ",".join(m.client_url for m in self.members)

    def start(self):
        """Those that do not run; all together, since one alone of three does not answer."""
        for member in self.members:
            if not member.process or not member.process.alive():
                member.start()
        for member in self.members:
            wait_for(member.healthy, f"{member.name} is healthy", 30)
        return self

    def kill(self):
        for member in self.members:
            if member.process.alive():
                member.kill()

    def get(self, prefix="/switchyard/v1/"):
        """{key: value} as etcdctl reads them, from whatever member answers."""
        done = self.ctl("get", "--prefix", prefix)
        lines = done.stdout.splitlines()
        return dict(zip(lines[::2], lines[1::2]))

    def ctl(self, *args):
        """Run etcdctl on all endpoints."""
        return self.yard.tool("etcdctl", "--endpoints", self.endpoints, *args, env={"ETCDCTL_API": "3"})


class Gateway:
    """Stands before a member and garbles what passes, as it is told: see tests/etcd/gateway_main.c."""

    def __init__(self, yard, member):
        words = yard.folder / "gateway.words"
        os.mkfifo(words)
        self.process = yard.run("gateway", ["sh", "-c", f'exec "$0" {member.client_port} <"$1"',
                                            BIN / "etcd_gateway", words])
        self.process.expected.add(-15)
        self.words, self.said = open(words, "w"), 1
        wait_for(lambda: self.process.text().count("\n") == 1, "the gateway says where it is")
        self.endpoints = self.process.text().strip()

    def tell(self, line):
        self.said += 1
        print(line, file=self.words, flush=True)
        wait_for(lambda: self.process.text().count("\n") == self.said, f"the gateway heard: {line}")
