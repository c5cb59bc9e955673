# SPDX-License-Identifier: Apache-2.0
"""Answers that come when there is something to say: server-sent events and gRPC calls."""

import threading

import pytest
from proxy_fixture import PATIENCE, Client, Origin, Proxy


def head(media):
    return f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n".encode()


def begin(client, media):
    client.send(f"GET / HTTP/1.1\r\nHost: app\r\nX-Media: {media}\r\n\r\n")
    client.until(b"first\r\n")


@pytest.mark.parametrize("media", ["text/event-stream", "text/event-stream; charset=utf-8", "Application/gRPC+proto"])
def test_events_may_come_after_the_response_timeout(media):
    """Another answer, which began later and is of no such kind, is cut off by then."""
    go_on = threading.Event()

    def handler(request):
        request.stream.send(head(request.get("x-media")))
        go_on.wait(PATIENCE)
        return b"6\r\nsecond\r\n0\r\n\r\n"

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url, response_timeout=1000) as proxy:
        with Client(proxy) as client, Client(proxy) as other:
            begin(client, media)
            begin(other, "text/plain")
            assert other.to_end() == b"", "cut off"
            go_on.set()
            client.until(b"0\r\n\r\n")
        assert proxy.stats()["legacy"]["timeouts"] == 1


def test_a_stream_of_events_that_says_nothing_ends_as_a_tunnel_does():
    over = threading.Event()

    def handler(request):
        request.stream.send(head("text/event-stream"))
        over.wait(PATIENCE)

    with Origin(handler) as origin:
        with Proxy(legacy=origin.url, new=origin.url, response_timeout=60000, tunnel_idle="300ms") as proxy:
            with Client(proxy) as client:
                begin(client, "-")
                assert client.to_end() == b""
            over.set()
            assert proxy.stats()["legacy"]["timeouts"] == 1
