# SPDX-License-Identifier: Apache-2.0
"""Clients that ask for too much, too slowly or ambiguously, and the end of the proxy's own life."""

import os
import socket
import subprocess
import threading

import pytest
from proxy_fixture import BIN, Client, Origin, Proxy, ask, reply, says, wait_for

GET = "GET / HTTP/1.1\r\nHost: app\r\n"


@pytest.fixture(name="origin")
def origin_fixture():
    with says("legacy") as origin:
        yield origin


@pytest.mark.parametrize(
    "head, status",
    [
        ("GET /" + "a" * 9000 + " HTTP/1.1\r\nHost: app\r\n\r\n", 414),
        (GET + "X: " + "a" * 40_000 + "\r\n\r\n", 431),
        (GET + "".join(f"X-{i}: y\r\n" for i in range(500)) + "\r\n", 431),
        (GET + "Content-Length: 2000\r\n\r\n", 413),
        (GET + "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" + "x" * 2000 + "\r\n0\r\n\r\n", 413),
        ("CONNECT app:80 HTTP/1.1\r\nHost: app:80\r\n\r\n", 501),
        ("GET / HTTP/2.5\r\nHost: app\r\n\r\n", 505),
    ],
    ids=["line", "field", "fields", "length", "chunks", "connect", "version"],
)
def test_too_much_is_refused_and_the_connection_closed(origin, head, status):
    with Proxy(legacy=origin.url, new=origin.url, max_body=1000) as proxy, Client(proxy) as client:
        client.send(head)
        answer = client.answer()
        assert answer.status == status and answer.get("connection") == "close"
        assert client.is_closed()


AMBIGUOUS = {
    "two lengths": "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
    "length list": "Content-Length: 1, 1\r\n\r\nx",
    "length and chunks": "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before colon": "Content-Length : 5\r\n\r\nhello",
    "folded line": "X: a\r\n b\r\n\r\n",
    "bare LF": "X: a\n\r\n\r\n",
    "bare CR": "X: a\rb\r\n\r\n",
    "NUL": "X: a\0b\r\n\r\n",
    "signed length": "Content-Length: +5\r\n\r\nhello",
    "second host": "Host: evil\r\n\r\n",
}


@pytest.mark.parametrize("tail", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_what_could_be_read_in_two_ways_never_reaches_a_system(origin, tail):
    with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
        client.send("POST / HTTP/1.1\r\nHost: app\r\n" + tail + GET + "X-Smuggled: 1\r\n\r\n")
        answer = client.answer()
        assert answer.status in (400, 501) and answer.get("connection") == "close"
        assert client.is_closed() and not origin.requests


@pytest.mark.parametrize(
    "chunk",
    ["zz\r\n", "-1\r\n", "5\nhello", "5\r\nhelloX\r\n", "f" * 17 + "\r\n"],
    ids=["no number", "negative", "bare LF", "overrun", "overflow"],
)
def test_broken_chunks_break_the_connection(chunk):
    done = threading.Event()

    def handler(request):
        try:
            request.read_body()
        finally:
            done.set()
        return reply(b"never")

    with Origin(handler, early=True) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            client.send("POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.send(chunk + GET + "\r\n")
            answer = client.answer()
            assert answer.status == 400 and client.is_closed()
            wait_for(lambda: not origin.requests or done.is_set(), "the upstream's end")
            assert len(origin.requests) <= 1


@pytest.mark.parametrize("piece", ["zz\r\n", "7d0\r\n" + "x" * 2000 + "\r\n"], ids=["broken", "too much"])
def test_so_they_do_once_the_answer_has_begun(piece):
    ended = threading.Event()

    def handler(request):
        request.stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        try:
            request.read_body()
        finally:
            ended.set()
        return b"0\r\n\r\n"

    with Origin(handler, early=True) as origin:
        with Proxy(legacy=origin.url, new=origin.url, max_body=1000) as proxy, Client(proxy) as client:
            client.send("POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.until(b"hi\r\n")
            client.send(piece)
            assert ended.wait(10), "the system is not left waiting"
            assert client.to_end() == b"", "without an end, so that nobody takes it for whole"
            assert proxy.stats()["legacy"]["errors"] == 0, "it is the client's own doing"


def test_slow_heads_time_out(origin):
    words = {"header_timeout": "1s", "idle_timeout": "400ms"}
    with Proxy(legacy=origin.url, new=origin.url, **words) as proxy:
        with Client(proxy) as client:
            client.send("GET / HT")
            assert client.answer().status == 408 and client.is_closed()
        with Client(proxy) as client:
            assert client.ask().status == 200
            assert client.is_closed(), "idle connections are closed without a word"


def test_a_preface_that_drips_is_a_slow_head(origin):
    done = threading.Event()

    def drip(client):
        for byte in "PRI * HTTP/2.0\r\n\r\nS":
            client.send(byte)
            if done.wait(0.15):
                break

    with Proxy(legacy=origin.url, new=origin.url, header_timeout="500ms", idle_timeout="20s") as proxy:
        with Client(proxy) as client:
            thread = threading.Thread(target=drip, args=(client,))
            thread.start()
            try:
                assert client.until(b"\r\n").startswith(b"HTTP/1.1 408 ")
            finally:
                done.set()
                thread.join()


def test_slow_bodies_time_out(origin):
    with Proxy(legacy=origin.url, new=origin.url, body_timeout="200ms") as proxy:
        with Client(proxy) as client:
            client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\nhe")
            assert client.answer().status == 408 and client.is_closed()
        assert proxy.stats()["legacy"]["errors"] == 0


def test_connections_past_the_limit_are_told_so(origin):
    with Proxy(legacy=origin.url, new=origin.url, max_connections=4) as proxy:
        clients = [Client(proxy) for _ in range(4)]
        assert all(client.ask().status == 200 for client in clients)
        with Client(proxy) as client:
            answer = client.answer()
            assert answer.status == 503 and b"connections" in answer.body
        clients[0].close()
        wait_for(lambda: ask(proxy).status == 200, "a free place")
        for client in clients:
            client.close()


def test_memory_stays_flat_under_big_bodies_and_bad_clients():
    def handler(request):
        left = int(request.get("content-length"))
        while left > 0:
            left -= len(request.stream.exactly(min(left, 1 << 20)))
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 << 20)
        request.stream.send(head)
        for _ in range(64):
            request.stream.send(b"y" * (1 << 20))
        return b""

    with Origin(handler, early=True) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy:
            before = proxy.rss_kib()
            with Client(proxy, rcvbuf=8192) as client:
                client.send(f"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: {64 << 20}\r\n\r\n")
                for _ in range(64):
                    client.send(b"x" * (1 << 20))
                threading.Event().wait(0.3)  # nothing is read: the answer must wait upstream
                assert proxy.rss_kib() - before < 4096
                assert len(client.answer().body) == 64 << 20
            for _ in range(200):
                with Client(proxy) as client:
                    client.send(GET + "X: " + "a" * 40_000 + "\r\n\r\n")
                    assert client.answer().status == 431
            assert proxy.rss_kib() - before < 6144


def test_idle_connections_are_small(origin):
    with Proxy(legacy=origin.url, new=origin.url) as proxy:
        ask(proxy)
        before = proxy.rss_kib()
        clients = [Client(proxy) for _ in range(500)]
        for client in clients:
            client.ask()
        wait_for(lambda: proxy.rss_kib() - before < 500 * 4, "less than 4 KiB a connection")
        for client in clients:
            client.close()


def test_drain_finishes_what_is_in_flight():
    arrived, go = threading.Event(), threading.Event()

    def slow(_):
        arrived.set()
        go.wait(10)
        return reply(b"done")

    with Origin(slow) as origin:
        proxy = Proxy(legacy=origin.url, new=origin.url)
        busy, idle = Client(proxy), Client(proxy)
        busy.send(GET + "\r\n")
        assert arrived.wait(10)
        proxy.say("drain=20s")
        assert idle.is_closed()
        with pytest.raises(OSError):
            Client(proxy)
        go.set()
        answer = busy.answer()
        assert answer.body == b"done" and answer.get("connection") == "close"
        assert proxy.expect("drained") == "0"
        assert proxy.process.wait(10) == 0


def test_drain_cuts_what_takes_too_long():
    def hangs(request):
        request.stream.fill()

    with Origin(hangs) as origin:
        proxy = Proxy(legacy=origin.url, new=origin.url, threads=3)
        client = Client(proxy)
        client.send(GET + "\r\n")
        wait_for(lambda: origin.requests, "the request")
        proxy.say("drain=300ms")
        assert proxy.expect("drained") == "1"
        assert client.is_closed() and proxy.process.wait(10) == 0


def test_a_port_in_use_is_refused():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(1)
        listen = f"listen=127.0.0.1:{sock.getsockname()[1]}"
        argv = [os.path.join(BIN, "proxy_main"), listen]
        done = subprocess.run(argv, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 1 and "another program listens there" in done.stderr
