# SPDX-License-Identifier: Apache-2.0
"""Connections that are split as a whole, whatever they carry."""

import json
import socket
import threading

import pytest
from proxy_fixture import PATIENCE, Proxy, Stream, free_port, refused_port, wait_for


class Server:
    """Says `hello`, then does as `serve` says with the rest: a function of the stream."""

    def __init__(self, serve=None, hello=b""):
        self.serve = serve or echo
        self.hello = hello
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"tcp://127.0.0.1:{self.sock.getsockname()[1]}"
        self.taken = 0
        self.ended = 0
        self.open = []
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            self.taken += 1
            self.open.append(sock)
            threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock):
        with sock:
            try:
                stream = Stream(sock)
                sock.settimeout(60)
                if self.hello:
                    stream.send(self.hello)
                self.serve(stream)
            except (OSError, EOFError):
                pass
        with self.lock:
            self.ended += 1

    def __enter__(self):
        return self

    def refuse(self):
        """From now on nobody listens."""
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def __exit__(self, *_):
        if self.sock.fileno() >= 0:
            self.refuse()
        for sock in self.open:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def echo(stream):
    while data := stream.sock.recv(65536):
        stream.send(data)


def refuses():
    return f"tcp://127.0.0.1:{refused_port()}"


class Split(Proxy):
    """The proxy with one route of connections."""

    def __init__(self, legacy, new, **words):
        self.tcp = free_port()
        words = {"key": "client-ip", "fallback": "connect_error", "tcp_idle": 60000, **words}
        super().__init__(legacy=legacy, new=new, tcp=self.tcp, **words)

    def client(self):
        return Stream(socket.create_connection(("127.0.0.1", self.tcp), timeout=PATIENCE))

    def count(self, system, name="requests"):
        return self.stats()[system][name]

    def bytes(self, system):
        stats = self.stats()[system]
        return stats["bytes_in"], stats["bytes_out"]

    def tunnels(self):
        stats = self.stats()["tunnels"]
        return stats["legacy"], stats["new"]


def ends(stream):
    """The peer has closed, one way or the other."""
    try:
        while stream.sock.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def test_bytes_go_both_ways_unchanged_and_are_counted():
    with Server() as legacy, Server() as new, Split(legacy.url, new.url) as proxy:
        client = proxy.client()
        data = bytes(range(256)) * 4096
        threading.Thread(target=client.send, args=(data,), daemon=True).start()
        assert client.exactly(len(data)) == data
        wait_for(lambda: proxy.tunnels() == (1, 0), "the count of one")
        wait_for(lambda: proxy.bytes("legacy") == (len(data), len(data)), "the bytes, while it is open")
        client.sock.close()
        wait_for(lambda: proxy.tunnels() == (0, 0), "the count of none")
        stats = proxy.stats()["legacy"]
        assert (stats["bytes_in"], stats["bytes_out"]) == (len(data), len(data))
        assert (stats["requests"], stats["errors"], stats["answered"]) == (1, 0, 1)
        assert (legacy.taken, new.taken) == (1, 0)


def test_a_server_that_speaks_first():
    with Server(hello=b"220 legacy\r\n") as legacy, Server(hello=b"220 new\r\n") as new:
        with Split(legacy.url, new.url) as proxy:
            assert proxy.client().until(b"\r\n") == b"220 legacy"
            proxy.set(weight=100)
            assert proxy.client().until(b"\r\n") == b"220 new"


def test_a_connection_has_a_line_when_it_ends():
    with Server() as legacy, Server() as new, Split(legacy.url, f"{refuses()},{new.url}", access=1) as proxy:
        client = proxy.client()
        client.send(b"x" * 1000)
        assert client.exactly(1000) == b"x" * 1000
        assert proxy.log() == [], "it is not over"
        client.sock.close()
        (line,) = proxy.await_log()
        assert (line["kind"], line["end"], line["migration"], line["system"]) == ("tcp", "client", "app", "legacy")
        assert (line["bytes_in"], line["bytes"]) == (1000, 1000)
        assert line["stage"] == "stage" and line["revision"] == 1 and line["reason"] == "weight"
        assert line["upstream"] == legacy.url[6:] and len(line["key"]) == 16
        assert 0 <= line["connect_ms"] <= line["duration_ms"] and line["time"].endswith("Z")
        assert line["fallback"] is False and line["endpoints_failed"] == 0
        assert "127.0.0.1" not in json.dumps({k: v for k, v in line.items() if k != "upstream"})
        proxy.set(weight=100)
        for _ in range(2):
            client = proxy.client()
            client.send(b"y")
            assert client.exactly(1) == b"y"
            client.sock.close()
        assert [line["system"] for line in proxy.await_log(2)] == ["new", "new"]


def aborts(stream):
    stream.sock.recv(1)
    stream.send(b"half of it")
    stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize(
    "serve, end",
    [(lambda stream: stream.send(b"bye"), "system"), (aborts, "system_reset"), (lambda _: None, "unanswered")],
)
def test_the_log_says_how_a_system_ended_it(serve, end):
    with Server(serve) as legacy, Server() as new, Split(legacy.url, new.url, access=1) as proxy:
        client = proxy.client()
        if end == "system_reset":
            client.send(b"x")
        assert ends(client)
        client.close()
        (line,) = proxy.await_log()
        assert (line["kind"], line["end"], line["system"]) == ("tcp", end, "legacy")


def test_the_log_says_that_a_client_broke_off():
    with Server() as legacy, Server() as new, Split(legacy.url, new.url, access=1) as proxy:
        client = proxy.client()
        client.send(b"x")
        assert client.exactly(1) == b"x"
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.sock.close()
        assert proxy.await_log()[0]["end"] == "client_reset"


def test_failures_are_logged_whatever_the_sample():
    with Server() as legacy, Split(legacy.url, refuses(), access=0) as proxy:
        client = proxy.client()
        client.send(b"x")
        assert client.exactly(1) == b"x"
        client.sock.close()
        wait_for(lambda: proxy.tunnels() == (0, 0) and proxy.count("legacy") == 1, "its end")
        assert proxy.log() == [], "it went well"
        proxy.set(weight=100)
        client = proxy.client()
        client.send(b"x")
        assert client.exactly(1) == b"x"
        client.sock.close()
        (line,) = proxy.await_log()
        assert (line["system"], line["fallback"], line["end"]) == ("legacy", True, "client")
        proxy.set(fallback="")
        assert ends(proxy.client())
        (line,) = proxy.await_log()
        assert (line["system"], line["fallback"], line["end"]) == ("new", False, "connect")
        assert line["endpoints_failed"] == 1 and "connect_ms" not in line
        assert (line["bytes_in"], line["bytes"]) == (0, 0)


def test_the_log_says_that_nobody_may_serve():
    words = {"weight": 100, "fallback": "", "forbid_legacy": 1, "breaker": "1/60000/60000/1", "access": 0}
    with Server() as legacy, Split(legacy.url, refuses(), **words) as proxy:
        assert ends(proxy.client()) and ends(proxy.client())
        failed, refused = proxy.await_log(2)
        assert (failed["end"], failed["system"], failed["breaker"]) == ("connect", "new", "open")
        assert (refused["end"], refused["system"], refused["upstream"]) == ("nobody", "none", None)


@pytest.mark.parametrize("who", ["client", "server"])
def test_one_side_may_end_before_the_other(who):
    said = threading.Event()

    def serve(stream):
        if who == "server":
            stream.send(b"all I have")
            stream.sock.shutdown(socket.SHUT_WR)
        got = b""
        while data := stream.sock.recv(65536):
            got += data
        if who == "client":
            stream.send(b"heard " + got)
        elif got == b"late":
            said.set()

    with Server(serve) as legacy, Server() as new, Split(legacy.url, new.url) as proxy:
        client = proxy.client()
        if who == "client":
            client.send(b"a question")
            client.sock.shutdown(socket.SHUT_WR)
            assert client.exactly(16) == b"heard a question"
            assert ends(client)
        else:
            assert client.exactly(10) == b"all I have"
            assert client.sock.recv(1) == b""
            client.send(b"late")
            client.sock.close()
            assert said.wait(PATIENCE)
        assert proxy.count("legacy", "errors") == 0


def test_new_that_refuses_leaves_it_to_legacy():
    with Server() as legacy, Split(legacy.url, refuses(), weight=100) as proxy:
        client = proxy.client()
        client.send(b"kept")
        assert client.exactly(4) == b"kept"
        stats = proxy.stats()
        assert (stats["new"]["errors"], stats["new"]["connect_errors"]) == (1, 1)
        assert stats["legacy"]["requests"] == 1


def test_without_a_fallback_the_client_is_told_by_the_end():
    with Server() as legacy, Split(legacy.url, refuses(), weight=100, fallback="") as proxy:
        assert ends(proxy.client())
        wait_for(lambda: proxy.count("new", "errors") == 1, "the error")
        assert legacy.taken == 0


def test_the_other_endpoints_are_tried():
    with Server() as legacy, Server() as new:
        with Split(legacy.url, f"{refuses()},{new.url}", weight=100) as proxy:
            for _ in range(4):
                client = proxy.client()
                client.send(b"x")
                assert client.exactly(1) == b"x"
            assert (new.taken, legacy.taken) == (4, 0)


def test_a_breaker_opens_and_connections_go_to_legacy():
    with Server() as legacy:
        with Split(legacy.url, refuses(), weight=100, breaker="3/60000/60000/1") as proxy:
            for _ in range(5):
                client = proxy.client()
                client.send(b"x")
                assert client.exactly(1) == b"x"
            assert proxy.count("new") == 3
            assert proxy.stats()["breaker"] == "open"


def test_a_system_that_hangs_up_without_a_word_is_an_error():
    with Server() as legacy, Server(lambda stream: None) as new:
        with Split(legacy.url, new.url, weight=100, breaker="2/60000/60000/1") as proxy:
            for i in range(2):
                assert ends(proxy.client())
                wait_for(lambda: proxy.count("new", "errors") >= i + 1, "the error")
            wait_for(lambda: proxy.stats()["breaker"] == "open", "the open breaker")
            client = proxy.client()
            client.send(b"x")
            assert client.exactly(1) == b"x"


def test_a_probe_of_a_half_open_breaker_that_says_a_word_closes_it():
    with Server() as legacy, Server(hello=b"hi") as new:
        with Split(legacy.url, new.url, weight=100, breaker="2/60000/60000/1/0/0/0/0/0/0/3/1") as proxy:
            assert proxy.client().exactly(2) == b"hi"
            wait_for(lambda: proxy.stats()["breaker"] == "closed", "the closed breaker")


def test_new_rules_hold_for_new_connections_and_legacys_stay():
    with Server() as legacy, Server() as new, Split(legacy.url, new.url) as proxy:
        old = proxy.client()
        old.send(b"a")
        assert old.exactly(1) == b"a"
        proxy.set(weight=100)
        fresh = proxy.client()
        fresh.send(b"b")
        assert fresh.exactly(1) == b"b"
        assert (legacy.taken, new.taken) == (1, 1)
        old.send(b"c")
        assert old.exactly(1) == b"c"


@pytest.mark.parametrize("word, why", [({"weight": 0}, "rules"), ({"emergency": 1}, "emergency")])
def test_a_rollback_ends_those_of_new(word, why):
    with Server() as legacy, Server() as new:
        with Split(legacy.url, new.url, weight=100, tunnel_drain="500ms", access=1) as proxy:
            clients = [proxy.client() for _ in range(20)]
            for client in clients:
                client.send(b"a")
                assert client.exactly(1) == b"a"
            proxy.set(**word)
            for client in clients:
                assert ends(client)
            wait_for(lambda: proxy.tunnels() == (0, 0), "the end of all")
            assert {line["end"] for line in proxy.await_log(20)} == {why}
            client = proxy.client()
            client.send(b"b")
            assert client.exactly(1) == b"b"
            assert legacy.taken == 1


def test_a_slow_reader_holds_the_other_side_back():
    sent = 0
    gate = threading.Event()

    def serve(stream):
        nonlocal sent
        stream.sock.settimeout(PATIENCE)
        block = b"x" * 65536
        while sent < 64 << 20:
            stream.send(block)
            sent += len(block)

    with Server(serve) as legacy, Server() as new, Split(legacy.url, new.url) as proxy:
        client = proxy.client()
        assert client.exactly(1) == b"x"
        before = proxy.rss_kib()
        seen = -1

        def stands():
            nonlocal seen
            still, seen = sent == seen, sent
            gate.wait(0.2)
            return still

        wait_for(stands, "the server to be held back")
        assert sent < 32 << 20
        assert proxy.rss_kib() - before < 8192
        got = 1
        while data := client.sock.recv(1 << 20):
            got += len(data)
        assert got + len(client.rest) == 64 << 20


def test_a_thousand_idle_ones_cost_little():
    with Server(hello=b"!") as legacy, Server() as new, Split(legacy.url, new.url) as proxy:
        before = proxy.rss_kib()
        clients = [proxy.client() for _ in range(1000)]
        assert all(client.exactly(1) == b"!" for client in clients)
        wait_for(lambda: proxy.tunnels() == (1000, 0), "all of them")
        assert proxy.rss_kib() - before < 16 << 10
        for client in clients:
            client.sock.close()
        wait_for(lambda: proxy.tunnels() == (0, 0), "none of them")


def test_silence_ends_a_connection():
    with Server(hello=b"!") as legacy, Server() as new:
        with Split(legacy.url, new.url, tcp_idle=50, access=1) as proxy:
            assert ends(proxy.client())
            assert proxy.await_log()[0]["end"] == "idle"


def test_a_port_opens_and_closes_with_the_rules():
    with Server() as legacy, Server() as new, Split(legacy.url, new.url, threads=2) as proxy:
        old = proxy.client()
        old.send(b"a")
        assert old.exactly(1) == b"a"
        first, proxy.tcp = proxy.tcp, free_port()
        proxy.set(tcp=proxy.tcp)
        client = proxy.client()
        client.send(b"b")
        assert client.exactly(1) == b"b"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", first), timeout=PATIENCE)
        old.send(b"c")
        assert old.exactly(1) == b"c", "it lives on"


def test_a_port_that_is_taken_is_told_by_name_and_had_once_it_is_free():
    with Server() as legacy, Server() as new:
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = other.getsockname()[1]
            with_all = {"legacy": legacy.url, "new": new.url, "key": "random"}
            proxy = Proxy(**with_all, fallback="connect_error", tcp_idle=60000, tcp=taken)
            why = proxy.expect("lacking")
            assert f"app gets no connections: listen on 127.0.0.1 port {taken}" in why
        with proxy:
            assert proxy.expect("serving") == "1", "once more, with the port"
            client = Stream(socket.create_connection(("127.0.0.1", taken), timeout=PATIENCE))
            client.send(b"x")
            assert client.exactly(1) == b"x"


def test_draining_ends_connections_and_the_port():
    with Server() as legacy, Server() as new, Split(legacy.url, new.url) as proxy:
        client = proxy.client()
        client.send(b"a")
        assert client.exactly(1) == b"a"
        proxy.say("drain=20s")
        assert ends(client)
        proxy.expect("drained")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", proxy.tcp), timeout=PATIENCE)


def test_health_is_a_connection():
    with Server() as legacy, Server() as new:
        words = {"health": "connect", "health_interval": 100}
        with Split(legacy.url, new.url, **words) as proxy:
            wait_for(lambda: legacy.taken > 1 and new.taken > 1, "the checks")
            wait_for(lambda: {e["state"] for e in proxy.endpoints()} == {"healthy"}, "all are well")
            new.refuse()
            wait_for(
                lambda: {e["state"] for e in proxy.endpoints() if e["system"] == "new"} == {"failing"},
                "the failed check",
            )


def test_requests_find_no_route_of_connections():
    with Server() as legacy, Server() as new, Split(legacy.url, new.url) as proxy:
        client = Stream(socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE))
        client.send(b"GET / HTTP/1.1\r\nHost: app\r\n\r\n")
        assert client.until(b"\r\n").startswith(b"HTTP/1.1 404 ")


def test_past_the_limit_connections_wait_in_line():
    with Server(hello=b"hi\n") as legacy, Server() as new:
        with Split(legacy.url, new.url, weight=0, limit=1, connect_timeout=60000, access=1) as proxy:
            first, second = proxy.client(), proxy.client()
            assert first.until(b"\n") == b"hi"
            second.send(b"early")
            first.send(b"x")
            assert first.exactly(1) == b"x" and legacy.taken == 1
            first.close()
            assert second.until(b"\n") == b"hi" and second.exactly(5) == b"early"
            proxy.set(connect_timeout=100)
            assert ends(proxy.client())
            assert proxy.count("legacy", "overloads") == 1
            assert [line["end"] for line in proxy.await_log(2)] == ["client", "overload"]
