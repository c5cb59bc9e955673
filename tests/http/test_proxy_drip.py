# SPDX-License-Identifier: Apache-2.0
"""Clients that say and take a byte now and then, each in time, and hold their connection by that:
they are cut; who is slow and honest is not. What is waited for here is the client's own slowness."""

import contextlib
import threading

import pytest
from proxy_fixture import Client, Origin, Proxy, reply

# A floor of 300 bytes in each window; a drip moves at most 25 in one, however slow the machine is.
FLOOR = {"body_timeout": "500ms", "min_rate": 600}
PAUSE = 0.02
POST = "POST / HTTP/1.1\r\nHost: app\r\n"


def rest():
    threading.Event().wait(PAUSE)


def drip(client, piece, times):
    """False: nobody takes them any more."""
    for _ in range(times):
        rest()
        try:
            client.send(piece)
        except OSError:
            return False
    return True


@pytest.mark.parametrize(
    "fields, piece",
    [
        ("Content-Length: 100000", "x"),
        ("Transfer-Encoding: chunked", "1\r\nx\r\n"),
        ("Transfer-Encoding: chunked", "1;xxxxxxxxxxxxxxxxxxxxxx\r\nx\r\n"),
    ],
    ids=["length", "chunks", "extensions"],
)
def test_a_body_that_drips_is_cut(fields, piece):
    with Origin(lambda _: reply()) as origin:
        with Proxy(legacy=origin.url, new=origin.url, **FLOOR) as proxy, Client(proxy) as client:
            client.send(f"{POST}{fields}\r\n\r\n")
            threading.Thread(target=drip, args=(client, piece, 3000), daemon=True).start()
            answer = client.answer()
            assert answer.status == 408 and b"body did not arrive" in answer.body


def test_a_slow_body_lives():
    """Many times the floor, for three windows and more."""
    with Origin(lambda r: reply(str(len(r.body)).encode())) as origin:
        with Proxy(legacy=origin.url, new=origin.url, **FLOOR) as proxy, Client(proxy) as client:
            client.send(POST + "Content-Length: 24000\r\n\r\n")
            assert drip(client, "x" * 300, 80)
            assert client.answer().body == b"24000"


def test_a_body_may_drip_once_the_answer_has_begun():
    """A stream in both directions says something when it has something to say."""

    def handler(request):
        request.stream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        request.read_body()
        return b"3\r\nbye\r\n0\r\n\r\n"

    with Origin(handler, early=True) as origin:
        with Proxy(legacy=origin.url, new=origin.url, **FLOOR) as proxy, Client(proxy) as client:
            client.send(POST + "Transfer-Encoding: chunked\r\n\r\n")
            client.until(b"hi\r\n")
            assert drip(client, "1\r\nx\r\n", 60)
            client.send("0\r\n\r\n")
            assert client.until(b"0\r\n\r\n") == b"3\r\nbye\r\n"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("rate, lives", [(1_000_000_000, False), (1000, True)])
def test_who_takes_an_answer_slowly(chunked, rate, lives):
    """10 MB a second at most: too little for one floor, much for the other."""
    size = 20_000_000

    def handler(_):
        if not chunked:
            return reply(b"x" * size)
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size)
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body

    with Origin(handler) as origin:
        words = {**FLOOR, "min_rate": rate}
        with Proxy(legacy=origin.url, new=origin.url, **words) as proxy, Client(proxy) as client:
            client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n")
            client.until(b"\r\n\r\n")
            taken = 0
            with contextlib.suppress(EOFError, ConnectionResetError):
                while taken < size:
                    rest()
                    taken += len(client.exactly(200_000))
            assert (taken == size) == lives


def test_a_head_that_drips_has_one_deadline():
    with Origin(lambda _: reply()) as origin:
        words = {"header_timeout": "500ms"}
        with Proxy(legacy=origin.url, new=origin.url, **words) as proxy, Client(proxy) as client:
            client.send("GET / HTTP/1.1\r\nX: ")
            threading.Thread(target=drip, args=(client, "x", 3000), daemon=True).start()
            assert client.answer().status == 408


def test_without_a_floor_a_drip_goes_on():
    with Origin(lambda r: reply(r.body)) as origin:
        words = {**FLOOR, "min_rate": 0}
        with Proxy(legacy=origin.url, new=origin.url, **words) as proxy, Client(proxy) as client:
            client.send(POST + "Content-Length: 60\r\n\r\n")
            assert drip(client, "x", 60)
            assert client.answer().body == b"x" * 60
