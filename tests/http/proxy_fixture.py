# SPDX-License-Identifier: Apache-2.0
"""The proxy under test, raw clients and origin servers that do as they are told.

SWITCHYARD_BIN is the folder of the programs. Everything listens on port 0.
"""

import contextlib
import json
import os
import queue
import random
import select
import socket
import subprocess
import threading
import time

BIN = os.environ.get("SWITCHYARD_BIN", "build/dev/bin")
PATIENCE = 30.0


class Place:
    """Another port of the proxy, to be asked as the proxy is."""

    def __init__(self, port):
        self.port = port


class Proxy:
    """proxy_main, steered by words on its standard input."""

    def __init__(self, **words):
        words = {"listen": "127.0.0.1:0", "threads": 1, "expose": 1, **words}
        argv = [os.path.join(BIN, "proxy_main")] + [f"{k}={v}" for k, v in words.items()]
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.port = int(self.expect("port"))
        self.tls = Place(int(self.expect("tls"))) if "tls" in words else None
        self.edge = Place(int(self.expect("edge"))) if "edge" in words else None
        self.revision = 0
        if "legacy" in words:
            self.revision = 1
            self.expect("serving")

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def expect(self, word):
        line = self.lines.get(timeout=PATIENCE)
        assert line.split(" ", 1)[0] == word, line
        return line.split(" ", 1)[1]

    def say(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()

    def set(self, **words):
        """Change the rule set and wait until it serves."""
        self.say(" ".join(f"{k}={v}" for k, v in words.items()))
        self.revision += 1
        assert self.expect("serving") == str(self.revision)

    def stats(self):
        self.say("stats")
        return json.loads(self.expect("stats"))

    def endpoints(self):
        self.say("endpoints")
        return json.loads(self.expect("endpoints"))

    def log(self):
        """What is new in the access log (access=1, or access=0 for failures alone)."""
        self.say("log")
        return self.logged()

    def await_log(self, count=1):
        """So many lines of the access log, once they are there."""
        told = []

        def come():
            told.extend(self.log())
            return len(told) >= count

        wait_for(come, "the access log")
        assert len(told) == count, told
        return told

    def logged(self):
        """As log(), of one that has ended."""
        told = []
        while (line := self.lines.get(timeout=PATIENCE)) != "logged":
            told.append(json.loads(line))
        return told

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS"):
                    return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def cpu_seconds(self):
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/schedstat", encoding="ascii") as stat:
                total += int(stat.read().split()[0])
        return total / 1e9

    def stop(self):
        self.process.stdin.close()
        self.process.terminate()
        assert self.process.wait(timeout=30) == 0, "the proxy ended badly"

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            self.process.kill()
        else:
            self.stop()


class Head:
    """A parsed head: `first` line, fields in lower case, values as a list."""

    def __init__(self, raw):
        lines = raw.decode("latin-1").split("\r\n")
        self.first = lines[0]
        self.fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.fields.setdefault(name.lower(), []).append(value.strip())

    def get(self, name):
        return ", ".join(self.fields.get(name, [])) or None


class Answer(Head):
    def __init__(self, raw):
        super().__init__(raw)
        self.status = int(self.first.split(" ")[1])
        self.body = b""
        self.trailers = []

    @property
    def system(self):
        return self.get("x-switchyard-system")


class Stream:
    """A socket with a buffer, and HTTP read off it by the book."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.rest = b""
        self.trailers = []

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def fill(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError(f"end of stream after {self.rest[:200]!r}")
        self.rest += data

    def until(self, mark):
        while mark not in self.rest:
            self.fill()
        out, self.rest = self.rest.split(mark, 1)
        return out

    def exactly(self, size):
        parts = []
        while size > len(self.rest):
            parts.append(self.rest)
            size -= len(self.rest)
            self.rest = b""
            self.fill()
        parts.append(self.rest[:size])
        self.rest = self.rest[size:]
        return b"".join(parts)

    def chunks(self):
        """The payload; the lines behind it are in self.trailers."""
        body = []
        self.trailers = []
        while True:
            size = int(self.until(b"\r\n"), 16)
            if size == 0:
                while line := self.until(b"\r\n"):
                    self.trailers.append(line.decode("latin-1"))
                return b"".join(body)
            body.append(self.exactly(size))
            assert self.exactly(2) == b"\r\n"

    def to_end(self):
        try:
            while True:
                self.fill()
        except EOFError:
            out, self.rest = self.rest, b""
            return out

    def is_closed(self):
        """The peer has closed, with nothing more to say."""
        return self.rest == b"" and self.sock.recv(1) == b""

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Client(Stream):
    def __init__(self, proxy, rcvbuf=0):
        sock = socket.socket()
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        sock.connect(("127.0.0.1", proxy.port))
        super().__init__(sock)

    def answer(self, method="GET"):
        answer = Answer(self.until(b"\r\n\r\n"))
        if method == "HEAD" or answer.status < 200 or answer.status in (204, 304):
            return answer
        if answer.get("transfer-encoding") == "chunked":
            answer.body = self.chunks()
            answer.trailers = self.trailers
        elif answer.get("content-length") is not None:
            answer.body = self.exactly(int(answer.get("content-length")))
        else:
            answer.body = self.to_end()
        return answer

    def ask(self, method="GET", path="/", body=None, **fields):
        head = f"{method} {path} HTTP/1.1\r\nHost: app\r\n"
        for name, value in fields.items():
            head += f"{name.replace('_', '-')}: {value}\r\n"
        if body is not None:
            head += f"Content-Length: {len(body)}\r\n"
        self.send(head.encode() + b"\r\n" + (body or b""))
        return self.answer(method)


def ask(proxy, **kwargs):
    with Client(proxy) as client:
        return client.ask(**kwargs)


class Request(Head):
    def __init__(self, raw, stream):
        super().__init__(raw)
        self.method, self.path, _ = self.first.split(" ")
        self.stream = stream
        self.body = b""
        self.trailers = []

    def read_body(self):
        if self.get("transfer-encoding") == "chunked":
            self.body = self.stream.chunks()
            self.trailers = self.stream.trailers
        else:
            self.body = self.stream.exactly(int(self.get("content-length") or 0))


def reply(body=b"", status="200 OK", **fields):
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n"
    for name, value in fields.items():
        head += f"{name.replace('_', '-')}: {value}\r\n"
    return head.encode() + b"\r\n" + body


class Listening:
    """A server with a `listener` and open `socks`, which all end with it."""

    def stop(self):
        for sock in [self.listener] + self.socks:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Origin(Listening):
    """`handler(request)` returns bytes to send, None to close, or sends by itself and returns b"".
    It is called with the body unread when `early`."""

    def __init__(self, handler, early=False, port=0):
        self.handler = handler
        self.early = early
        self.requests = []
        self.streams = []
        self.accepted = 0
        self.ended = 0
        self.closed = threading.Event()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            stream = Stream(sock)
            stream.sock.settimeout(60)
            self.streams.append(stream)
            threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream):
        try:
            while True:
                request = Request(stream.until(b"\r\n\r\n"), stream)
                if not self.early:
                    request.read_body()
                self.requests.append(request)
                answer = self.handler(request)
                if answer is None:
                    break
                stream.send(answer)
        except (EOFError, OSError, ValueError):
            pass
        stream.close()
        self.ended += 1
        self.closed.set()

    @property
    def socks(self):
        return [stream.sock for stream in self.streams]


def says(text):
    return Origin(lambda _: reply(text.encode()))


NOBODYS = []


def refused_port():
    """Where nobody listens, and nobody can: it stays bound."""
    NOBODYS.append(socket.socket())
    NOBODYS[-1].bind(("127.0.0.1", 0))
    return NOBODYS[-1].getsockname()[1]


def refused_url():
    return f"http://127.0.0.1:{refused_port()}"


def free_port():
    """For a server that cannot choose its own; below those the kernel gives to clients and to port 0."""
    while True:
        port = random.randrange(12000, 32000)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            pass


@contextlib.contextmanager
def accepts_nobody():
    """A socket whose queue is full: the next connection has to wait."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener
        for filler in fillers:
            filler.close()


def url_of(listener):
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def take_until_answered(listener, client):
    """The connections that were waiting there, and come."""
    taken = []
    while not (client.rest or select.select([client.sock], [], [], 0)[0]):
        if select.select([listener], [], [], 0.05)[0]:
            taken.append(Stream(listener.accept()[0]))
    return taken


def heard(stream):
    """Whether anything but an end came by it; closes it."""
    with stream:
        return bool(select.select([stream.sock], [], [], 0)[0] and stream.sock.recv(1))


def wait_for(fact, what):
    end = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < end, f"{what} did not come about"
        threading.Event().wait(0.01)
