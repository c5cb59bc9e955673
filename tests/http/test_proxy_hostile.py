# SPDX-License-Identifier: Apache-2.0
"""Peers that are slow, odd, or gone, on both sides: memory stays bounded, the client gets the right
answer, and nobody else notices.

Short forms run always. Long: HOSTILE_IDLE=10000 connections, HOSTILE_MB=1024 of body.
"""

import os
import resource
import signal
import socket
import threading

import pytest
from proxy_fixture import BIN, Client, Origin, Proxy, ask, reply, says, wait_for

GET = b"GET / HTTP/1.1\r\nHost: app\r\n\r\n"
IDLE = int(os.environ.get("HOSTILE_IDLE", "1000"))
MEGABYTES = int(os.environ.get("HOSTILE_MB", "64"))
RESET = b"\1\0\0\0\0\0\0\0"


def leeway():
    """A sanitizer keeps what was freed, and a shadow of what is in use."""
    with open(os.path.join(BIN, "proxy_main"), "rb") as program:
        text = program.read()
    return 4 if b"__asan_init" in text else 16 if b"__tsan_init" in text else 1


LEEWAY = leeway()


def reset(stream):
    """Close so that the peer gets a reset."""
    stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    stream.close()


def drip(client, data, done):
    """A byte at a time until the peer has had enough of it."""

    def run():
        try:
            for i in range(len(data)):
                if done.wait(0.02):
                    return
                client.sock.send(data[i : i + 1])
        except OSError:
            pass

    threading.Thread(target=run, daemon=True).start()


@pytest.fixture(name="origin")
def origin_fixture():
    with says("well") as origin:
        yield origin


# ---- slow clients --------------------------------------------------------------------------------


def test_a_head_that_drips_gets_no_more_time_for_it(origin):
    done = threading.Event()

    with Proxy(legacy=origin.url, new=origin.url, header_timeout="1s") as proxy:
        clients = [Client(proxy) for _ in range(20)]
        for client in clients:
            drip(client, b"GET / HTTP/1.1\r\nHost: app\r\nX: " + b"y" * 100_000, done)
        assert ask(proxy).status == 200
        assert [client.answer().status for client in clients] == [408] * 20
        done.set()
        assert len(origin.requests) == 1
        for client in clients:
            client.close()
        wait_for(lambda: proxy.stats()["clients"] == 0, "their end")


def test_a_body_that_drips_blocks_nobody_and_one_that_stops_is_refused():
    def handler(request):
        return reply(request.body)

    with Origin(handler) as origin:
        with Proxy(legacy=origin.url, new=origin.url, body_timeout="3s") as proxy:
            head = b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 60\r\n\r\n"
            done = threading.Event()
            slow, stopped = Client(proxy), Client(proxy)
            slow.send(head)
            stopped.send(head + b"x" * 30)
            drip(slow, b"x" * 60, done)
            for _ in range(20):
                assert ask(proxy, method="POST", body=b"hello").body == b"hello"
            assert slow.answer().body == b"x" * 60
            assert stopped.answer().status == 408 and stopped.is_closed()
            done.set()
            assert proxy.stats()["legacy"]["errors"] == 0, "that is not the system's fault"


def test_a_client_that_does_not_read_is_cut_and_its_upstream_freed():
    def handler(request):
        if request.path != "/big":
            return reply(b"small")
        request.stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 << 20))
        for _ in range(64):
            request.stream.send(b"y" * (1 << 20))
        return b""

    with Origin(handler) as origin:
        with Proxy(legacy=origin.url, new=origin.url, body_timeout="300ms") as proxy:
            before = proxy.rss_kib()
            clients = [Client(proxy, rcvbuf=4096) for _ in range(10)]
            for client in clients:
                client.send(b"GET /big HTTP/1.1\r\nHost: app\r\n\r\n")
            wait_for(lambda: len(origin.requests) == 10, "the requests")
            assert ask(proxy).body == b"small"
            wait_for(lambda: origin.ended == 10, "the upstreams' end")
            assert proxy.rss_kib() - before < 2048 * LEEWAY
            for client in clients:
                assert len(client.to_end()) < 64 << 20
                client.close()
            assert proxy.stats()["legacy"]["errors"] == 0


def test_idle_connections_are_cheap(origin):
    """The aim: 10,000 in 100 MB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Proxy(legacy=origin.url, new=origin.url, max_connections=IDLE + 10) as proxy:
        ask(proxy)
        before = proxy.rss_kib()
        clients = []
        while len(clients) < IDLE:
            batch = [Client(proxy) for _ in range(50)]
            for client in batch:
                client.send(GET)
            assert all(client.answer().status == 200 for client in batch)
            clients += batch
        wait_for(lambda: proxy.stats()["clients"] == IDLE, "all of them")
        # What all of them held at once goes back little by little.
        wait_for(lambda: proxy.rss_kib() - before < IDLE * 2 * LEEWAY, "the buffers' return")
        print(f"{IDLE} idle: {proxy.rss_kib() - before} KiB more, {proxy.rss_kib()} KiB in all")
        assert ask(proxy).status == 200
        for client in clients:
            client.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# ---- pipelines -----------------------------------------------------------------------------------


def test_a_deep_pipeline_is_answered_in_order_in_constant_memory():
    count = 5000

    def handler(request):
        return reply(request.path.encode().ljust(1000, b"."))

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        before = proxy.rss_kib()
        with Client(proxy, rcvbuf=4096) as client:
            head = "GET /{} HTTP/1.1\r\nHost: app\r\n\r\n"
            pipeline = "".join(head.format(i) for i in range(count))
            sender = threading.Thread(target=client.send, args=(pipeline,), daemon=True)
            sender.start()
            for i in range(count):
                assert client.answer().body.rstrip(b".") == b"/%d" % i
                if i == count // 2:
                    assert ask(proxy, path="/beside").status == 200
            sender.join()
        assert proxy.rss_kib() - before < 2048 * LEEWAY


def test_a_pipeline_behind_a_refusal_is_not_served(origin):
    with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
        client.send(GET + b"NONSENSE\r\n\r\n" + GET * 100)
        assert client.answer().body == b"well"
        answer = client.answer()
        assert (answer.status, answer.get("connection")) == (400, "close")
        assert client.is_closed() and len(origin.requests) == 1


# ---- clients that are gone -----------------------------------------------------------------------


@pytest.mark.parametrize("when", ["head", "body", "answer", "download"])
def test_a_client_that_vanishes_leaves_nothing_behind(when):
    arrived = threading.Event()

    def handler(request):
        if request.path == "/small":
            return reply(b"small")
        arrived.set()
        if when == "answer":
            request.stream.fill()
        request.stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 << 20))
        while True:
            request.stream.send(b"y" * (1 << 20))

    sent = {"head": GET[:20], "body": b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 9\r\n\r\nhell"}
    with Origin(handler, early=True) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        clients = [Client(proxy) for _ in range(10)]
        for client in clients:
            client.send(sent.get(when, GET))
        if when != "head":
            assert arrived.wait(10)
        if when == "download":
            clients[0].until(b"\r\n\r\n")
        for i, client in enumerate(clients):
            if i % 2 or when == "answer":  # a close alone may be half of one: then the answer is awaited
                reset(client)
            else:
                client.close()
        wait_for(lambda: proxy.stats()["clients"] == 0, "the clients' end")
        wait_for(lambda: origin.ended == origin.accepted, "the upstreams' end")
        assert ask(proxy, path="/small").body == b"small"
        assert proxy.stats()["legacy"]["errors"] == 0


# ---- odd origins ---------------------------------------------------------------------------------


def test_a_reset_in_the_middle_of_an_answer_cuts_only_that_client():
    def handler(request):
        if request.path == "/whole":
            return reply(b"whole")
        request.stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"y" * 50_000)
        if request.path == "/reset":
            reset(request.stream)
        return None

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as other:
            for path in ("/reset", "/close"):
                with Client(proxy) as client, pytest.raises((EOFError, ConnectionResetError)):
                    client.ask(path=path)
                assert other.ask(path="/whole").body == b"whole"
        assert proxy.stats()["legacy"]["errors"] == 2


@pytest.mark.parametrize("chunked", [False, True])
def test_a_reset_before_the_answer_is_a_502(chunked):
    def handler(request):
        if chunked:
            request.stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chu")
        reset(request.stream)

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        answer = ask(proxy, method="POST", body=b"x")
        assert answer.status == 502 and b"broke off" in answer.body


def test_an_answer_that_comes_with_a_reset_before_the_body_still_arrives():
    """The origin has seen enough: it answers and closes with bytes unread, so its kernel resets."""

    def handler(request):
        request.stream.exactly(100)
        request.stream.send(reply(b"enough", "413 Content Too Large", Connection="close"))

    with Origin(handler, early=True) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        for _ in range(10):
            with Client(proxy) as client:
                client.send(b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: %d\r\n\r\n" % (8 << 20))
                try:
                    client.send(b"x" * (8 << 20))
                except OSError:
                    pass
                answer = client.answer()
                assert (answer.status, answer.body) == (413, b"enough")


def test_an_origin_that_closes_its_half_may_still_be_written_to():
    """It answers until close, and goes on to read the body."""
    bodies = []

    def handler(request):
        request.stream.send(b"HTTP/1.1 200 OK\r\n\r\nearly")
        request.stream.sock.shutdown(socket.SHUT_WR)
        request.read_body()
        bodies.append(len(request.body))

    with Origin(handler, early=True) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10\r\n\r\nhello")
            answer = Client.answer(client)
            assert (answer.status, answer.body) == (200, b"early")
            assert answer.get("connection") == "close", "nobody knows where its next request begins"
        assert ask(proxy, method="POST", body=b"0123456789").body == b"early"
        assert proxy.stats()["legacy"]["errors"] == 0


@pytest.mark.parametrize("later", [False, True])
def test_garbage_behind_an_answer_reaches_nobody(later):
    """A second answer that nobody asked for must not become the next client's."""
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    def handler(request):
        answer = reply(request.path.encode())
        if not later:
            return answer + evil
        request.stream.send(answer)
        threading.Event().wait(0.05)
        return evil

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            for i in range(10):
                assert client.ask(path=f"/{i}").body == b"/%d" % i
                if later:
                    wait_for(lambda: origin.ended == origin.accepted, "the end of that upstream")
        assert origin.accepted == 10, "such a connection is not used again"


@pytest.mark.parametrize("garbage_first", [False, True])
def test_garbage_that_was_there_before_the_request_is_no_answer_to_it(garbage_first):
    """Both are there when the proxy looks again."""
    with Origin(lambda r: reply(r.path.encode())) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            assert client.ask(path="/1").body == b"/1"
            os.kill(proxy.process.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, proxy.process.pid, os.WSTOPPED)
            senders = [lambda: client.send(GET.replace(b"/", b"/2", 1)), lambda: origin.streams[0].send(reply(b"evil"))]
            senders[garbage_first]()
            senders[not garbage_first]()
            os.kill(proxy.process.pid, signal.SIGCONT)
            assert client.answer().body == b"/2"
            assert origin.accepted == 2
            assert proxy.stats()["legacy"]["errors"] == 0


# ---- big bodies ----------------------------------------------------------------------------------


def test_bodies_of_any_size_pass_in_constant_memory():
    """The aim: 1 GB both ways with 2 MB of growth."""
    block = b"z" * (1 << 20)

    def handler(request):
        for _ in range(MEGABYTES):
            request.stream.send(request.stream.exactly(1 << 20))
        return b""

    def echo(request):
        request.stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MEGABYTES << 20))
        return handler(request)

    with Origin(echo, early=True) as origin:
        with Proxy(legacy=origin.url, new=origin.url, max_body=0) as proxy, Client(proxy) as client:
            ask_small = b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: %d\r\n\r\n" % (MEGABYTES << 20)
            client.sock.settimeout(60)
            before = proxy.rss_kib()
            client.send(ask_small)

            def send():
                for _ in range(MEGABYTES):
                    client.send(block)

            sender = threading.Thread(target=send, daemon=True)
            sender.start()
            client.until(b"\r\n\r\n")
            for _ in range(MEGABYTES):
                assert len(client.exactly(1 << 20)) == 1 << 20
            sender.join()
            print(f"{MEGABYTES} MB both ways: {proxy.rss_kib() - before} KiB more")
            assert proxy.rss_kib() - before < 2048 * LEEWAY


def test_garbage_behind_an_answer_that_fills_the_buffer_reaches_nobody():
    """The read ends where the answer does, so what follows is still in the socket when it is over."""
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    buffer = 32768 + 4096  # max_head_bytes, and what may be added to one
    head = len(reply(b"x" * 10_000)) - 10_000

    with Origin(lambda _: reply(b"x" * (buffer - head)) + evil) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            client.send(GET * 5)
            for _ in range(5):
                assert client.answer().body[:5] == b"xxxxx"
        assert origin.accepted == 5
