# SPDX-License-Identifier: Apache-2.0
"""What stories are made of: a yard with coordinators, sidecars, nginx services and the CLI.

Everything listens on free loopback ports and lives in the yard's temporary folder. Nothing sleeps for its own
sake: wait_for() asks for a fact until it holds. When the yard closes, every process is gone, and one that
reported a memory error, undefined behaviour or a leak fails the story.
"""

import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

BIN = Path(os.environ.get("SWITCHYARD_BIN", "build/dev/bin")).resolve()
# Debug builds have failpoints and sanitizers, and take their time.
PATIENCE = 60.0
REPORTS = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:|WARNING: ThreadSanitizer")


def wait_for(fact, what, seconds=PATIENCE, pause=0.02):
    """The first true value of fact(), or a failure that shows the last one."""
    end = time.monotonic() + seconds
    while True:
        value = fact()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}; last: {value!r}")
        time.sleep(pause)


PORTS_GIVEN = set()


def free_port():
    """Below the range the kernel takes for outgoing connections, which load tests use up; none twice, since who
    asked may not listen yet."""
    for _ in range(1000):
        port = random.randrange(12000, 32000)
        if port in PORTS_GIVEN:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                PORTS_GIVEN.add(port)
                return port
            except OSError:
                continue
    raise AssertionError("no free port")


class Place:
    """Where a process runs: its address, and the words before its command line that bring it there."""

    def __init__(self, address="127.0.0.1", before=()):
        self.address, self.before = address, tuple(before)


LOOPBACK = Place()


class Process:
    """A program with its output in a log file."""

    def __init__(self, yard, name, argv, env=None, before=()):
        self.name, self.argv = name, [str(a) for a in argv]
        self.log = yard.folder / f"{name}.log"
        self.expected = {0}
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                [*before, *self.argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(env or {})}, start_new_session=True)
        self.pid = self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def kill(self):
        """kill -9, as the kernel does it when memory runs out."""
        self.expected.add(-signal.SIGKILL)
        self.popen.kill()
        self.popen.wait()

    def pause(self):
        """SIGSTOP: alive, with open connections, and doing nothing."""
        self.popen.send_signal(signal.SIGSTOP)

    def resume(self):
        self.popen.send_signal(signal.SIGCONT)

    def stop(self, seconds=PATIENCE):
        """Ask, wait, insist. The exit status."""
        if self.alive():
            self.popen.terminate()
            self.resume()
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.log_threads()
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(f"{self.name} did not stop within {seconds} s") from None

    def log_threads(self):
        """What they wait for goes to the log: seen once, such an end is seldom seen again."""
        with contextlib.suppress(OSError), open(self.log, "a", encoding="utf-8") as log:
            for task in Path(f"/proc/{self.pid}/task").iterdir():
                told = [(task / name).read_text().strip() for name in ("comm", "wchan", "syscall")]
                log.write(f"thread {task.name}: {' '.join(told)}\n")
        if shutil.which("gdb"):
            with open(self.log, "ab") as log:
                subprocess.run(["gdb", "-p", str(self.pid), "-batch", "-ex", "thread apply all backtrace"],
                               stdout=log, stderr=log, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)

    def check(self):
        """Nothing reported by a sanitizer, and an end that was asked for."""
        report = REPORTS.search(self.text())
        assert not report, f"{self.name}: {report.group(0)}, see its log"
        assert self.popen.returncode in self.expected, f"{self.name} ended with {self.popen.returncode}"

    def text(self):
        return self.log.read_text(errors="replace")

    def rss_kib(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))


class Nginx:
    """A real service: answers its name, or what it is told to answer, and logs every request."""

    def __init__(self, yard, name):
        self.yard, self.name, self.port = yard, name, free_port()
        self.folder = yard.folder / f"nginx-{name}"
        self.folder.mkdir()
        self.access = self.folder / "access.log"
        self.process = None
        self.mark = 0
        self.secure = None
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def open_tls(self, cert, key, more=""):
        """Speak TLS on another port, too, from the next start() or become() on."""
        self.secure = free_port()
        self.tls = f"listen 127.0.0.1:{self.secure} ssl; ssl_certificate {cert}; ssl_certificate_key {key}; {more}"
        return f"https://127.0.0.1:{self.secure}"

    def configure(self, status=200, body=None, media="text/plain", gzip="off"):
        text = (body or self.name).replace('"', '\\"')
        conf = f"""
            daemon off; worker_processes 1; worker_shutdown_timeout 1s; pid {self.folder}/pid; error_log {self.folder}/error.log;
            events {{ worker_connections 2048; }}
            http {{
                log_format line '$msec $status $request_method $uri $http_x_user_id';
                access_log {self.access} line;
                keepalive_requests 1000000; default_type {media};
                gzip {gzip}; gzip_types *; gzip_min_length 1; gzip_proxied any; gzip_http_version 1.0;
                client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;
                fastcgi_temp_path {self.folder}/fcgi; uwsgi_temp_path {self.folder}/uwsgi;
                scgi_temp_path {self.folder}/scgi;
                server {{
                    listen 127.0.0.1:{self.port} backlog=1024;
                    {self.tls if self.secure else ""}
                    location / {{ return {status} "{text}\\n"; }}
                }}
            }}"""
        (self.folder / "nginx.conf").write_text(conf)

    def start(self, **how):
        self.configure(**how)
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        self.process = self.yard.run(f"nginx-{self.name}", [program, "-c", self.folder / "nginx.conf"])
        wait_for(self.answers, f"nginx {self.name} answers")

    def answers(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            connection.request("GET", "/probe-of-the-test")
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status
        return None

    def become(self, status, body=None, **how):
        """Answer like this from now on; the service stays up while it reloads."""
        before = self.workers()
        self.configure(status, body, **how)
        os.kill(self.process.pid, signal.SIGHUP)
        wait_for(lambda: not before & self.workers(), f"nginx {self.name} lets its old workers go")
        wait_for(lambda: self.answers() == status, f"nginx {self.name} answers {status}")

    def workers(self):
        return set(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split())

    def kill(self):
        """The whole service at once, as when its machine goes."""
        self.process.expected.add(-signal.SIGKILL)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.popen.wait()

    def requests(self):
        """(time, status, method, path, user) of every request but the test's own."""
        self.answers()  # a request is logged after its answer is out, but before the next one is taken
        lines = [line.split(" ") for line in self.access.read_text().splitlines()]
        return [(float(l[0]), int(l[1]), l[2], l[3], l[4]) for l in lines
                if len(l) == 5 and l[3] != "/probe-of-the-test"]

    def since_mark(self):
        """Requests since the last call of this."""
        all_of_them = self.requests()
        fresh = all_of_them[self.mark:]
        self.mark = len(all_of_them)
        return fresh


class Coordinator:
    """Alone on SQLite, or with a `store` (an etcd.Etcd) one of several, then with an `id`."""

    def __init__(self, yard, data=None, port=None, store=None, id=None, place=LOOPBACK):
        self.yard, self.port, self.place = yard, port or free_port(), place
        self.store, self.id = store, id
        self.data = Path(data or yard.folder / (id or "coordinator"))
        self.process = None

    @property
    def address(self):
        return f"{self.place.address}:{self.port}"

    def argv(self):
        argv = [BIN / "switchyard-coordinator", "--listen", self.address, "--data", self.data,
                "--startup-grace", "1s"]
        if self.store:
            argv += ["--store", "etcd", "--etcd-endpoints", self.store.endpoints]
        if self.id:
            argv += ["--id", self.id]
        return argv

    def start(self, failpoints=None, wait=True, before=(), options=()):
        env = {"SWITCHYARD_FAILPOINTS": failpoints} if failpoints else None
        self.process = self.yard.run(self.id or "coordinator", [*self.argv(), *options], env,
                                     [*self.place.before, *before])
        if failpoints:
            self.process.expected.add(86)
        if wait:
            wait_for(self.answers, "the coordinator answers")
        return self

    def answers(self):
        assert self.process.alive(), f"the coordinator ended:\n{self.process.text()[-2000:]}"
        return self.yard.cli("health", "--timeout", "2s", endpoints=self.address, status=None).status in (0, 1)

    def cli(self, *args, **how):
        """The CLI, asking this one only."""
        return self.yard.cli(*args, endpoints=self.address, **how)

    def kill(self):
        self.process.kill()


class Sidecar:
    def __init__(self, yard, node, labels="", coordinators=None, port=None, place=LOOPBACK):
        self.yard, self.node, self.labels, self.place = yard, node, labels, place
        self.coordinators = coordinators or yard.endpoints
        self.port = port or free_port()
        self.data = yard.folder / node
        self.process = None

    @property
    def address(self):
        return f"{self.place.address}:{self.port}"

    @property
    def url(self):
        return f"http://{self.address}"

    def start(self, before=(), failpoints=None, options=()):
        argv = [BIN / "switchyard-sidecar", "--node", self.node, "--data", self.data,
                "--listen", self.address, "--coordinator", self.coordinators,
                "--threads", "1", "--drain", "2s", *options]
        if self.labels:
            argv += ["--labels", self.labels]
        env = {"SWITCHYARD_FAILPOINTS": failpoints} if failpoints else None
        self.process = self.yard.run(self.data.name, argv, env, [*self.place.before, *before])
        wait_for(self.listens, f"{self.node} listens")
        return self

    def listens(self):
        assert self.process.alive(), f"{self.node} ended:\n{self.process.text()[-2000:]}"
        with contextlib.suppress(OSError), socket.create_connection((self.place.address, self.port), 1):
            return True

    def kill(self):
        self.process.kill()

    def client(self):
        return Client(self.port, self.place.address)


class Client:
    """A browser that keeps its connection: ask() tells which system answered."""

    def __init__(self, port, address=LOOPBACK.address):
        self.connection = http.client.HTTPConnection(address, port, timeout=20)

    def request(self, user=None, method="GET", path="/", body=None, headers=None):
        headers = dict(headers or {})
        if user is not None:
            headers["X-User-Id"] = str(user)
        self.connection.request(method, path, body=body, headers=headers)
        answer = self.connection.getresponse()
        return answer, answer.read()

    def ask(self, user=None, **how):
        answer, body = self.request(user, **how)
        assert answer.status == 200, f"{answer.status}: {body!r}"
        return body.decode().strip()

    def sides(self, users):
        """{user: system}; the body and the header X-Switchyard-System must agree."""
        found = {}
        for user in users:
            answer, body = self.request(user)
            assert answer.status == 200, f"{answer.status}: {body!r}"
            found[user] = body.decode().strip()
            assert answer.getheader("X-Switchyard-System") == found[user]
        return found


LOAD_SCRIPT = """
local n = 0
function request()
    n = n + 1
    return wrk.format("GET", "/load", {["X-User-Id"] = "user-" .. (n % 10000)})
end
"""


class Load:
    """wrk against one sidecar, every request with a user of its own."""

    def __init__(self, yard, sidecar, connections=8, seconds=120):
        script = yard.folder / "load.lua"
        script.write_text(LOAD_SCRIPT)
        self.process = yard.run(f"wrk-{sidecar.node}-{next(yard.counter)}",
                                ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s",
                                 "-s", script, sidecar.url])
        self.process.expected.add(-signal.SIGTERM)

    def stop(self):
        """{requests, errors}: errors are broken connections, timeouts and answers other than 2xx or 3xx."""
        if self.process.alive():
            self.process.popen.send_signal(signal.SIGINT)
        self.process.popen.wait(PATIENCE)
        text = self.process.text()
        requests = re.search(r"(\d+) requests in", text)
        assert requests, f"wrk said: {text}"
        socket_errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
        bad_status = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        errors = sum(int(n) for n in socket_errors.groups()) if socket_errors else 0
        errors += int(bad_status.group(1)) if bad_status else 0
        return {"requests": int(requests.group(1)), "errors": errors, "text": text}


class Answer:
    def __init__(self, done, seconds):
        self.status, self.out, self.err, self.seconds = done.returncode, done.stdout, done.stderr, seconds

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def yaml(self):
        return yaml.safe_load(self.out)

    def __repr__(self):
        return f"status {self.status}, stdout {self.out!r}, stderr {self.err!r}"


class Yard:
    """Owner of everything a story starts."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="switchyard-test-"))
        self.folder.chmod(0o755)
        self.processes = []
        self.counter = iter(range(1, 100000))
        self.coordinator = Coordinator(self)
        self.replicas = []
        self.legacy = self.new = None
        self.sidecars = []

    # ---- starting

    def run(self, name, argv, env=None, before=()):
        process = Process(self, name, argv, env, before)
        self.processes.append(process)
        return process

    def services(self):
        self.legacy, self.new = Nginx(self, "legacy"), Nginx(self, "new")

    @property
    def endpoints(self):
        """Of every coordinator, as sidecars and operators are told them."""
        return ",".join(c.address for c in self.replicas or [self.coordinator])

    def sidecar(self, node, labels="", coordinators=None, **how):
        sidecar = Sidecar(self, node, labels, coordinators).start(**how)
        self.sidecars.append(sidecar)
        return sidecar

    def slow_origin(self, name, port, delay):
        """A service that answers after `delay` seconds; nginx cannot."""
        process = self.run(f"slow-{name}", [sys.executable, Path(__file__).parent / "slow_origin.py", port, delay, name])
        process.expected.add(-signal.SIGTERM)
        wait_for(lambda: "listens" in process.text(), f"{process.name} listens")
        return process

    def open(self, nodes=1):
        """Two services, a coordinator and sidecars that are connected."""
        self.services()
        self.coordinator.start()
        for i in range(nodes):
            self.sidecar(f"node-{i + 1}", f"cluster={'eu-1' if i < 2 else 'us-1'}")
        self.wait_nodes(nodes)
        return self

    def open_replicas(self, store, coordinators=3, nodes=0, options=()):
        """Coordinators c-1, c-2, ... on one store, one of them leading, and sidecars spread over them."""
        self.services()
        self.replicas = [Coordinator(self, store=store, id=f"c-{i + 1}") for i in range(coordinators)]
        self.coordinator = self.replicas[0]
        for coordinator in self.replicas:
            coordinator.start(options=options)
        self.wait_leader()
        for i in range(nodes):
            turn = i % coordinators
            order = [*self.replicas[turn:], *self.replicas[:turn]]
            self.sidecar(f"node-{i + 1}", coordinators=",".join(c.address for c in order))
        self.wait_nodes(nodes)
        return self

    # ---- asking

    def tool(self, *argv, env=None, timeout=30):
        """Run another program to its end; it must succeed."""
        return subprocess.run([str(a) for a in argv], env={**os.environ, **(env or {})}, text=True,
                              capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL, check=True)

    def coordinators(self, asked=None):
        """`get coordinators` as `asked` sees it, else the first that answers; None when nobody does."""
        endpoints = asked.address if asked else None
        answer = self.cli("get", "coordinators", "-o", "json", "--timeout", "2s", endpoints=endpoints, status=None)
        return answer.json if answer.status == 0 else None

    def leader(self, asked=None):
        """The Coordinator that leads, as the one that is asked knows it."""
        known = self.coordinators(asked)
        return next((c for c in self.replicas if known and c.id == known["leader"]), None)

    def followers(self):
        leader = self.wait_leader()
        return [c for c in self.replicas if c is not leader]

    def wait_leader(self, other_than=None, seconds=PATIENCE):
        """One that leads; every replica that is alive knows it."""
        alive = [c for c in self.replicas if c.process.alive() and c is not other_than]

        def agreed():
            found = {c: self.leader(asked=c) for c in alive}
            first = next(iter(found.values()))
            return first if first and first is not other_than and len(set(found.values())) == 1 else None
        return wait_for(agreed, "one coordinator leads and the others know it", seconds)

    def cli(self, *args, status=0, endpoints=None, env=None, timeout=60):
        """Run the CLI; `status` is the exit status it must have, None for any."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "USER": "tester",
                       "XDG_CACHE_HOME": str(self.folder / "cache"),
                       "SWITCHYARD_ENDPOINTS": endpoints or self.endpoints,
                       "SWITCHYARD_OPERATOR": "tester", **(env or {})}
        start = time.monotonic()
        done = subprocess.run([BIN / "switchyard", *map(str, args)], env=environment, text=True,
                              capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL)
        answer = Answer(done, time.monotonic() - start)
        assert not REPORTS.search(done.stderr), done.stderr
        if status is not None:
            assert answer.status == status, f"switchyard {' '.join(map(str, args))}: {answer!r}"
        return answer

    def status(self, name="app"):
        return self.cli("status", name, "-o", "json").json

    def stats(self, name="app", *args):
        return self.cli("stats", name, *args, "-o", "json").json

    def history(self, name="app"):
        return self.cli("history", name, "--limit", 1000, "-o", "json").json["entries"]

    def wait_nodes(self, count):
        def serving():
            answer = self.cli("get", "nodes", "-o", "json", status=None)
            return answer.status == 0 and sum(n["state"] == "serving" for n in answer.json["nodes"]) >= count
        wait_for(serving, f"{count} nodes serve")

    def wait_status(self, what, name="app", seconds=PATIENCE, **fields):
        """Status with these fields; `what` tells the story in a failure."""
        last = {}

        def holds():
            nonlocal last
            answer = self.cli("status", name, "-o", "json", status=None)
            last = answer.json if answer.status == 0 else {"error": answer.err}
            return last if all(last.get(k) == v for k, v in fields.items()) else None
        try:
            return wait_for(holds, what, seconds)
        except AssertionError:
            seen = {k: last.get(k, last.get("error")) for k in [*fields, "why"]}
            raise AssertionError(f"not within {seconds} s: {what}; wanted {fields}, last {seen}") from None

    # ---- plans

    def plan(self, name="app", stages=(0, 10, 50, 100), **spec):
        """A plan as a tree; stages are weights, or trees of their own."""
        trees = [s if isinstance(s, dict) else {"name": f"at-{s}", "weight": s, "approval": "manual"}
                 for s in stages]
        return {
            "apiVersion": "switchyard/v1", "kind": "Migration", "metadata": {"name": name},
            "spec": {
                "systems": {"legacy": {"endpoints": [self.legacy.url if self.legacy else "http://127.0.0.1:1"]},
                            "new": {"endpoints": [self.new.url if self.new else "http://127.0.0.1:2"]}},
                "routing": {"key": "header:X-User-Id", "fallbackKey": "random", "exposeSystem": True},
                "stages": trees, **spec}}

    def write(self, text, name=None):
        """The path of a new file in the yard with this text, bytes, or tree."""
        path = self.folder / (name or f"plan-{next(self.counter)}.yaml")
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text if isinstance(text, str) else yaml.safe_dump(text, sort_keys=False))
        return path

    def apply(self, plan=None, **spec):
        return self.cli("apply", "-f", self.write(plan or self.plan(**spec)))

    def all_on_new(self):
        """A plan of one stage, completed."""
        self.apply(stages=(100,))
        self.cli("start", "app")
        self.wait_status("everything goes to new", phase="completed", weight=100)

    def sides(self, users=50):
        """The systems that answer these users, at whichever sidecar."""
        names = [f"user-{i}" for i in range(users)]
        return {side for s in self.sidecars for side in s.client().sides(names).values()}

    # ---- ending

    def show_logs(self, lines=60):
        for process in self.processes:
            if process.name.startswith("nginx"):
                continue
            tail = process.text().splitlines()[-lines:]
            print(f"\n---- {process.name} ({process.popen.poll()}): {process.log}", *tail, sep="\n", file=sys.stderr)

    def close(self):
        """Stop everything, newest first, then tell what went wrong."""
        problems = []
        for process in reversed(self.processes):
            try:
                process.stop()
            except AssertionError as problem:
                problems.append(str(problem))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self.processes:
            try:
                process.check()
            except AssertionError as problem:
                problems.append(str(problem))
        return problems

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
