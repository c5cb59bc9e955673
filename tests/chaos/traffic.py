# SPDX-License-Identifier: Apache-2.0
"""What flows through the sidecars during chaos: the two services and the clients, as programs that record.

    traffic.py origins FILE ADDRESS LEGACY_PORT NEW_PORT
    traffic.py clients FILE RATE MIGRATION[,...] NODE=ADDRESS:PORT[,...]

FILE gets a line of JSON for each request: from the services what arrived and when, from the clients what was
asked, when, what came back. Times are CLOCK_MONOTONIC, which all processes of a machine share. Each request
has an id of its own, so that the two sides of a request are found again.
"""

import asyncio
import json
import random
import sys
import time

PATIENCE = 15.0  # of a client; longer than any process is stopped
HEAD_END = b"\r\n\r\n"


class Record:
    def __init__(self, path):
        self.file = open(path, "a", buffering=1, encoding="ascii")

    def write(self, **fields):
        self.file.write(json.dumps(fields, separators=(",", ":")) + "\n")


# ---- services


class Origin(asyncio.Protocol):
    """A service that answers its name to every request without a body."""

    def __init__(self, system, record):
        self.system, self.record, self.head = system, record, b""
        self.answer = (f"HTTP/1.1 200 OK\r\nContent-Length: {len(system) + 1}\r\n"
                       f"Content-Type: text/plain\r\n\r\n{system}\n").encode()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.head += data
        while HEAD_END in self.head:
            head, self.head = self.head.split(HEAD_END, 1)
            self.record.write(kind="arrival", t=time.monotonic(), system=self.system, id=request_id(head))
            self.transport.write(self.answer)


def request_id(head):
    for line in head.split(b"\r\n")[1:]:
        name, value = line.split(b":", 1)
        if name.lower() == b"x-request-id":
            return value.strip().decode()
    return None


async def serve_origins(record, address, ports):
    loop = asyncio.get_running_loop()
    for system, port in ports.items():
        await loop.create_server(lambda system=system: Origin(system, record), address, port, backlog=256)
    print("listens", flush=True)
    await asyncio.Event().wait()


# ---- clients


class Client:
    """Asks one node for one migration, one request at a time, on a connection it keeps."""

    def __init__(self, node, address, migration, record):
        self.node, self.migration, self.record = node, migration, record
        self.host, port = address.rsplit(":", 1)
        self.port, self.streams, self.count = int(port), None, 0

    async def ask(self, user):
        if not self.streams:
            self.streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self.streams
        writer.write(f"GET /{self.migration}/ HTTP/1.1\r\nHost: chaos\r\nX-User-Id: {user}\r\n"
                     f"X-Request-Id: {self.name()}\r\n\r\n".encode())
        head = (await reader.readuntil(HEAD_END)).decode("latin-1").split("\r\n")
        length = next(int(line.split(":")[1]) for line in head if line.lower().startswith("content-length:"))
        body = await reader.readexactly(length)
        return int(head[0].split(" ")[1]), body.decode("latin-1").strip()

    def name(self):
        return f"{self.node}/{self.migration}/{self.count}"

    def hang_up(self):
        if self.streams:
            self.streams[1].close()
        self.streams = None

    async def once(self):
        self.count += 1
        user = f"user-{random.randrange(10000)}"
        begin, status, body, error = time.monotonic(), 0, "", None
        try:
            status, body = await asyncio.wait_for(self.ask(user), PATIENCE)
        except (OSError, EOFError, ValueError, StopIteration, asyncio.TimeoutError) as failure:
            error = f"{type(failure).__name__}: {failure}"
            self.hang_up()
        self.record.write(kind="request", t=begin, end=time.monotonic(), node=self.node,
                          migration=self.migration, id=self.name(), status=status, body=body[:200],
                          error=error)

    async def run(self, pause):
        while True:
            await self.once()
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)


async def run_clients(record, rate, migrations, nodes):
    """`rate` requests a second for each migration at each node."""
    clients = [Client(node, address, m, record) for node, address in nodes.items() for m in migrations]
    print("asks", flush=True)
    await asyncio.gather(*(c.run(1 / rate) for c in clients))


def main(what, path, *words):
    record = Record(path)
    if what == "origins":
        return asyncio.run(serve_origins(record, words[0], {"legacy": int(words[1]), "new": int(words[2])}))
    rate, migrations, nodes = words
    return asyncio.run(run_clients(record, float(rate), migrations.split(","),
                                   dict(node.split("=") for node in nodes.split(","))))


if __name__ == "__main__":
    main(*sys.argv[1:])
