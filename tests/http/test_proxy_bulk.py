# SPDX-License-Identifier: Apache-2.0
"""Large answers, which go from socket to socket through a pipe, arrive whole or are cut."""

import random
import socket
import threading

import pytest
from proxy_fixture import Client, Origin, Proxy, reply, wait_for

BULK = 256 * 1024
BODY = random.Random(20261121).randbytes(3 << 20)


def sized(request):
    """As many bytes of BODY as the path says."""
    return reply(BODY[: int(request.path[1:])])


def test_sizes_around_the_limit_on_one_connection():
    with Origin(sized) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            for size in (0, BULK - 1, BULK, BULK + 1, 2 * BULK, len(BODY), 1, BULK + 40_000, len(BODY)):
                assert client.ask(path=f"/{size}").body == BODY[:size]
        assert origin.accepted == 1, "the connection is good for the next request"
        assert proxy.stats()["legacy"]["errors"] == 0


def test_a_pipeline_and_a_client_that_has_finished_sending():
    with Origin(sized) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            client.send(f"GET /{len(BODY)} HTTP/1.1\r\nHost: app\r\n\r\n" * 3)
            client.sock.shutdown(socket.SHUT_WR)
            for _ in range(3):
                assert client.answer().body == BODY


@pytest.mark.parametrize("how", ["close", "reset", "stops"])
def test_a_cut_answer_cuts_the_client(how):
    def handler(request):
        request.stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY))
        request.stream.send(BODY[: 2 * BULK])
        if how == "reset":
            request.stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if how == "stops":
            request.stream.fill()

    with Origin(handler) as origin:
        patience = 1000 if how == "stops" else 15000
        with Proxy(legacy=origin.url, new=origin.url, response_timeout=patience) as proxy:
            with Client(proxy) as client:
                client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n")
                client.until(b"\r\n\r\n")
                got = client.to_end()
                assert got == BODY[: len(got)] and (how == "reset" or len(got) == 2 * BULK)
            stats = proxy.stats()["legacy"]
            assert (stats["errors"], stats["timeouts"]) == (1, int(how == "stops"))


def test_what_is_left_in_a_pipe_reaches_nobody_else():
    """Clients go while theirs is full; those who come next get their own bytes."""
    with Origin(sized) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        for i in range(20):
            with Client(proxy, rcvbuf=4096) as client:
                client.send(f"GET /{len(BODY)} HTTP/1.1\r\nHost: app\r\n\r\n")
                client.until(b"\r\n\r\n")
            with Client(proxy) as client:
                assert client.ask(path=f"/{BULK + i}").body == BODY[: BULK + i]
        wait_for(lambda: proxy.stats()["clients"] == 0, "the end")
        assert proxy.stats()["legacy"]["errors"] == 0


def test_more_clients_than_pipes_and_all_of_them_slow():
    """Those that get no pipe are served by way of buffers."""
    count = 150
    started = threading.Barrier(count + 1, timeout=60)

    with Origin(sized) as origin, Proxy(legacy=origin.url, new=origin.url, body_timeout="60s") as proxy:
        results = []

        def fetch():
            with Client(proxy, rcvbuf=4096) as client:
                client.sock.settimeout(60)
                client.send(f"GET /{BULK * 2} HTTP/1.1\r\nHost: app\r\n\r\n")
                client.until(b"\r\n\r\n")
                started.wait()
                results.append(client.exactly(BULK * 2) == BODY[: BULK * 2])

        threads = [threading.Thread(target=fetch, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        started.wait()
        for thread in threads:
            thread.join(60)
        assert results == [True] * count


def test_an_answer_that_is_compared_is_seen_whole():
    """It does not go through a pipe, so the last byte makes the difference."""
    other = BODY[:-1] + bytes([BODY[-1] ^ 1])

    def answers(body):
        return Origin(lambda r: reply(BODY if r.path == "/same" else body, Content_Type="image/png"))

    with answers(BODY) as legacy, answers(other) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, compare="10000") as proxy, Client(proxy) as client:
            assert client.ask(path="/same").body == BODY
            assert client.ask(path="/differs").body == BODY
            wait_for(lambda: proxy.stats()["compare"]["compared"] == 2, "the comparison")
            counts = proxy.stats()["compare"]
            assert (counts["equal"], counts["critical"]) == (1, 1)


def test_garbage_behind_a_large_answer_is_not_the_next_one():
    """It stays in the socket when the answer goes through a pipe: that is looked at."""
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    with Origin(lambda _: reply(BODY) + evil) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n" * 5)
            for _ in range(5):
                assert client.answer().body == BODY
        assert origin.accepted == 5
