# SPDX-License-Identifier: Apache-2.0
"""Real servers that checks ask: PostgreSQL, Redis and Prometheus, each in a folder of the yard."""

import json
import os
import pwd
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress

from switchyard import free_port, wait_for

PG_BIN = "/usr/lib/postgresql/15/bin"


def listens(port):
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True


class Server:
    """Started and stopped as often as a story wants, on one port."""

    def __init__(self, yard, name):
        self.yard, self.name, self.port = yard, name, free_port()
        self.folder = yard.folder / name
        self.folder.mkdir()
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.process = self.yard.run(self.name, self.argv(), before=self.before())
        self.process.expected |= {0, -2, -3, -9, -15, 1, 2, 143}
        wait_for(self.answers, f"{self.name} answers", 60)
        return self

    def before(self):
        return []

    def answers(self):
        return listens(self.port)

    def stop(self):
        self.process.popen.kill()
        self.process.popen.wait()
        wait_for(lambda: not listens(self.port), f"{self.name} is gone")


class Postgres(Server):
    """As root it runs as the user postgres. The password of `switchyard` stands in the yard's .pgpass."""

    def __init__(self, yard):
        super().__init__(yard, "postgres")
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.tool("initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "-N", "--locale", "C")

    @property
    def conninfo(self):
        return f"host=127.0.0.1 port={self.port} dbname=postgres user=postgres"

    def before(self):
        if os.getuid() != 0:
            return []
        return [shutil.which("setpriv"), "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]

    def tool(self, name, *argv):
        return subprocess.run([*self.before(), f"{PG_BIN}/{name}", *map(str, argv)], check=True, text=True,
                              capture_output=True, timeout=60, cwd="/", stdin=subprocess.DEVNULL).stdout

    def argv(self):
        return [f"{PG_BIN}/postgres", "-D", self.folder / "data", "-p", self.port, "-F", "-h", "127.0.0.1",
                "-k", ""]

    def answers(self):
        with suppress(subprocess.CalledProcessError):
            return self.sql("SELECT 1")

    def sql(self, text):
        return self.tool("psql", "-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", self.port, "-U", "postgres",
                         "-c", text, "postgres").strip() or "done"


class Redis(Server):
    def __init__(self, yard, name="redis"):
        super().__init__(yard, name)

    def argv(self):
        return ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]

    def lock(self, password):
        """From now on it wants this."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.sendall(f"CONFIG SET requirepass {password}\r\n".encode())
            assert s.recv(100).startswith(b"+OK")

    def unlock(self, password):
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.sendall(f"AUTH {password}\r\nCONFIG SET requirepass \"\"\r\n".encode())
            wait_for(lambda: s.recv(100), "redis answers")


class Prometheus(Server):
    """Scrapes `targets`, "HOST:PORT" each."""

    def __init__(self, yard, targets=()):
        super().__init__(yard, "prometheus")
        scrapes = [{"job_name": "switchyard", "static_configs": [{"targets": list(targets)}]}]
        config = {"global": {"scrape_interval": "1s"}, "scrape_configs": scrapes if targets else []}
        (self.folder / "prometheus.yml").write_text(json.dumps(config))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def argv(self):
        return ["prometheus", f"--config.file={self.folder}/prometheus.yml",
                f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address={self.address}"]

    def answers(self):
        with suppress(OSError, urllib.error.URLError):
            return urllib.request.urlopen(f"{self.url}/-/ready", timeout=2).status == 200
