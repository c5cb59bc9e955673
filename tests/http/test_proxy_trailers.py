# SPDX-License-Identifier: Apache-2.0
"""Trailers, on their way up and down: what goes on, what does not, and that a second try has them."""

import pytest
from proxy_fixture import Client, Origin, Proxy, reply, says, wait_for

POST = "POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
BODY = "5\r\nhello\r\n0\r\n"
# What belongs into a head, RFC 9110 6.5.1.
FORBIDDEN = (
    "Host: evil\r\nContent-Length: 99\r\nTransfer_Encoding: chunked\r\nX-Forwarded-For: 1.1.1.1\r\n"
)
BROKEN = [b"X-A 1\r\n", b"X-A : 1\r\n", b" X: 1\r\n", b"X: \0\r\n", b"X: 1\n", b"X:" + b"a" * 9000]


def answers_with(trailers, fields=b""):
    body = CHUNKED + fields + b"\r\n5\r\nhello\r\n0\r\n" + trailers + b"\r\n"
    return Origin(lambda _: body)


def test_trailers_go_both_ways_however_they_arrive():
    fields = b"Trailer: grpc-status, X-Sum\r\n"
    with answers_with(b"grpc-status:0\r\nX-Sum:  7 \r\n", fields) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            wire = (
                POST + "Trailer: X-Up\r\nTE: trailers\r\n\r\n" + BODY + "X-Up: 1\r\nX-Up: 2\r\n\r\n"
            )
            for step in (len(wire), 1):
                for at in range(0, len(wire), step):
                    client.send(wire[at : at + step])
                answer = client.answer()
                seen = origin.requests.pop()
                assert answer.body == seen.body == b"hello"
                assert answer.trailers == ["grpc-status: 0", "X-Sum: 7"]
                assert answer.get("trailer") == "grpc-status, X-Sum"
                assert seen.trailers == ["X-Up: 1", "X-Up: 2"]
                assert seen.get("trailer") == "X-Up"
                assert seen.get("te") == "trailers" and seen.get("connection") == "TE"
            assert origin.accepted == 1


def test_the_answers_trailers_in_pieces():
    def handler(request):
        for byte in CHUNKED + b"\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\nHost: x\r\n\r\n":
            request.stream.send(bytes([byte]))
        return b""

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            for _ in range(2):
                answer = client.ask()
                assert (answer.body, answer.trailers) == (b"abc", ["X-Sum: 6"])


def test_what_belongs_into_a_head_stays_here():
    with answers_with(FORBIDDEN.encode() + b"X-B: 2\r\n") as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            client.send(POST + "\r\n" + BODY + FORBIDDEN + "X-A: 1\r\n\r\n")
            assert client.answer().trailers == ["X-B: 2"]
            assert origin.requests[0].trailers == ["X-A: 1"]


def test_a_connection_that_names_fields_keeps_all_trailers_here():
    """RFC 9110 7.6.1: those it names must not go on, in the trailers either."""
    with answers_with(b"X-A: 1\r\n", b"Connection: X-A\r\n") as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            client.send(POST + "Connection: X-A\r\n\r\n" + BODY + "X-A: 1\r\n\r\n")
            assert client.answer().trailers == []
            assert origin.requests[0].trailers == []


def test_trailers_need_chunks():
    with answers_with(b"X-A: 1\r\n", b"Trailer: X-A\r\n") as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            client.send("GET / HTTP/1.0\r\nTE: trailers\r\n\r\n")
            answer = client.answer()
            assert answer.body == b"hello" and answer.get("trailer") is None
            assert origin.requests[0].get("te") is None


@pytest.mark.parametrize("trailers", BROKEN, ids=range(len(BROKEN)))
def test_trailers_that_cannot_be_read_end_it(trailers):
    with answers_with(trailers) as origin, says("ok") as good:
        with Proxy(legacy=good.url, new=origin.url, weight=100, fallback="5xx") as proxy:
            with Client(proxy) as client:
                client.send(POST.encode() + b"\r\n5\r\nhello\r\n0\r\n" + trailers + b"\r\n")
                answer = client.answer()
                assert answer.status == 400 and answer.get("connection") == "close"
                assert client.to_end() == b""
            with Client(proxy) as client:
                client.send("GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n")
                got = client.to_end()
                assert got.startswith(b"HTTP/1.1 502") or not got.endswith(b"0\r\n\r\n")


def test_a_second_try_has_the_trailers():
    with answers_with(b"X-B: 2\r\n") as legacy:
        with Origin(lambda _: None) as new:
            with Proxy(legacy=legacy.url, new=new.url, weight=100, methods="POST") as proxy:
                with Client(proxy) as client:
                    client.send(POST + "\r\n" + BODY + "X-A: 1\r\n\r\n")
                    answer = client.answer()
                    assert answer.system == "legacy" and answer.trailers == ["X-B: 2"]
                assert new.requests[0].trailers == ["X-A: 1"]
                assert legacy.requests[0].body == b"hello"
                assert legacy.requests[0].trailers == ["X-A: 1"]


def test_a_body_of_nothing_but_trailers_is_sent_again():
    with says("legacy") as legacy, Origin(lambda _: reply(status="500 x")) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=100, methods="POST") as proxy:
            with Client(proxy) as client:
                client.send(POST + "\r\n0\r\nX-A: 1\r\n\r\n")
                assert client.answer().system == "legacy"
                assert legacy.requests[0].trailers == ["X-A: 1"]


def test_an_answer_whose_trailers_break_leaves_nothing_behind():
    """The trailers that came before the broken one are not those of the second try's answer."""
    with answers_with(b"X-New: 1\r\nbroken\r\n") as new, answers_with(b"X-Old: 1\r\n") as legacy:
        words = {"weight": 100, "fallback": "5xx,connect_error"}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, Client(proxy) as client:
            answer = client.ask()
            assert answer.system == "legacy" and answer.trailers == ["X-Old: 1"]


def test_trailers_of_a_client_that_waits_for_100():
    with answers_with(b"X-B: 2\r\n") as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            client.send(POST + "Expect: 100-continue\r\n\r\n")
            assert client.answer().status == 100
            client.send(BODY + "X-A: 1\r\n\r\n")
            assert client.answer().trailers == ["X-B: 2"]
            assert origin.requests[0].trailers == ["X-A: 1"]


def test_trailers_behind_an_early_answer():
    """The origin has said everything before the body comes; it gets the body and its trailers."""

    def handler(request):
        request.stream.send(CHUNKED + b"\r\n5\r\nearly\r\n0\r\nX-B: 2\r\n\r\n")
        request.read_body()
        return None

    with Origin(handler, early=True) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            client.send(POST + "\r\n5\r\nhello\r\n")
            answer = client.answer()
            assert (answer.body, answer.trailers) == (b"early", ["X-B: 2"])
            assert answer.get("connection") == "close"


def test_trailers_behind_a_body_that_is_larger_than_all_buffers():
    body = b"".join(b"7000\r\n" + b"x" * 0x7000 + b"\r\n" for _ in range(40)) + b"0\r\n"
    lines = [f"X-{i}: {'y' * 70}" for i in range(100)]
    tail = "".join(line + "\r\n" for line in lines).encode() + b"\r\n"
    with Origin(lambda _: CHUNKED + b"\r\n" + body + tail) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            client.send(POST.encode() + b"\r\n" + body + tail)
            answer = client.answer()
            assert answer.trailers == origin.requests[0].trailers == lines
            assert len(answer.body) == len(origin.requests[0].body) == 40 * 0x7000


def test_a_copy_has_the_trailers():
    with says("legacy") as legacy, says("new") as new:
        words = {"weight": 0, "mirror": "10000", "mirror_methods": "POST"}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, Client(proxy) as client:
            for tail in ("5\r\nhello\r\n0\r\nX-A: 1\r\n\r\n", "0\r\nX-A: 1\r\n\r\n", BODY + "\r\n"):
                client.send(POST + "\r\n" + tail)
                assert client.answer().body == b"legacy"
                seen = legacy.requests.pop()
                wait_for(lambda: new.requests, "the copy")
                copy = new.requests.pop()
                assert (copy.body, copy.trailers) == (seen.body, seen.trailers)
