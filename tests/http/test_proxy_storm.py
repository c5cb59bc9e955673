# SPDX-License-Identifier: Apache-2.0
"""Clients and systems that do anything at any time: whatever the order of events, every answer that
is whole is right, nothing is leaked (the sanitizers say so at the end) and no connection is left."""

import os
import random
import threading
import time

from proxy_fixture import Client, Origin, Proxy, refused_url, reply, wait_for

SEED = int(os.environ.get("STORM_SEED", "1"))
SECONDS = float(os.environ.get("STORM_SECONDS", "4"))


BIG = bytes(range(256)) * 2000
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


def echo(stream, rng):
    """A tunnel whose bytes all come back, until one side has had enough."""
    stream.send(SWITCH)
    while rng.random() < 0.95:
        if not stream.rest:
            stream.fill()
        data, stream.rest = stream.rest, b""
        stream.send(data)


def flaky(name, rng):
    """An origin that echoes the length of the body, mostly."""

    def handler(request):
        mood = rng.random()
        stream = request.stream
        if request.path == "/tunnel":
            return echo(stream, rng)
        if request.path == "/big":
            return reply(BIG if mood < 0.9 else BIG * 2)[: len(BIG) + (0 if mood < 0.1 else 1000)]
        if mood < 0.02:
            return None
        if mood < 0.05:
            stream.send(reply(b"x" * 1000)[: rng.randrange(1000)])
            return None
        if mood < 0.08:
            return reply(b"sick", "503 Service Unavailable")
        if mood < 0.09:
            time.sleep(0.2)
        if mood < 0.5:
            request.read_body()
        else:
            request.read_body()
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Name: %s\r\n\r\n" % name
            for byte in b"%d" % len(request.body):
                head += b"1\r\n%c\r\n" % byte
            return head + b"0\r\n\r\n"
        return reply(b"%d" % len(request.body), X_Name=name.decode())

    return Origin(handler, early=True)


def request_of(rng, size):
    if size == 0:
        return b"GET /x HTTP/1.1\r\nHost: app\r\nX-User-Id: u%d\r\n\r\n" % rng.randrange(100)
    if rng.random() < 0.5:
        head = b"PUT /x HTTP/1.1\r\nHost: app\r\nContent-Length: %d\r\n\r\n" % size
        return head + b"b" * size
    out = b"POST /x HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n"
    left = size
    while left > 0:
        part = min(left, rng.randrange(1, 5000))
        out += b"%x\r\n%s\r\n" % (part, b"c" * part)
        left -= part
    return out + b"0\r\n\r\n"


def send_in_pieces(client, data, rng):
    if rng.random() < 0.7:
        client.send(data)
        return
    at = 0
    while at < len(data):
        step = rng.randrange(1, max(2, len(data) // 3))
        client.send(data[at : at + step])
        at += step


def one_tunnel(proxy, rng, counts):
    """What comes back is what was sent, as far as it comes."""
    with Client(proxy) as client:
        client.send(b"GET /tunnel HTTP/1.1\r\nHost: app\r\nConnection: upgrade\r\n"
                    b"Upgrade: websocket\r\nX-User-Id: u%d\r\n\r\n" % rng.randrange(100))
        if client.answer().status != 101:
            return
        for _ in range(rng.randrange(30)):
            data = b"\x82\x7e\x40\x00" + b"d" * 0x4000 if rng.random() < 0.5 else b"\x81\x03hey"
            send_in_pieces(client, data, rng)
            if rng.random() < 0.1:
                return
            back = client.exactly(len(data))
            assert back == data or b"\x88\x02\x03\xe9" in back, back[:100]
            counts["tunnelled"] += 1


def one_big(proxy, rng, counts):
    with Client(proxy, rcvbuf=rng.choice((0, 4096))) as client:
        client.send(b"GET /big HTTP/1.1\r\nHost: app\r\n\r\n" * rng.randrange(1, 4))
        if rng.random() < 0.3:
            client.exactly(rng.randrange(1, 400_000))
            return
        answer = client.answer()
        assert answer.status != 200 or answer.body in (BIG, BIG * 2)
        counts["big"] += answer.status == 200


def one_visit(proxy, rng, counts):
    with Client(proxy) as client:
        for _ in range(rng.randrange(1, 8)):
            size = rng.choice((0, 0, 0, 10, 3000, 100_000))
            send_in_pieces(client, request_of(rng, size), rng)
            if rng.random() < 0.05:
                return
            answer = client.answer()
            if answer.status == 200:
                assert answer.body == b"%d" % size, answer.body[:100]
                counts["good"] += 1
            else:
                assert answer.status in (502, 503, 504), answer.first
            if answer.get("connection") == "close":
                return


def seen_enough(counts):
    return counts["good"] > 100 and counts["tunnelled"] > 20 and counts["big"] > 0


def visit_until(over, proxy, seed, counts, failures):
    rng = random.Random(seed)
    while not over.is_set():
        try:
            visit = rng.choices((one_visit, one_tunnel, one_big), (6, 2, 1))[0]
            visit(proxy, rng, counts)
        except (EOFError, OSError):
            pass  # cut off: an origin broke off its answer
        except AssertionError as wrong:
            failures.append(wrong)
            return


def test_a_storm_leaves_nothing_behind():
    rng = random.Random(SEED)
    counts, failures = {"good": 0, "tunnelled": 0, "big": 0}, []
    words = {"weight": 50, "threads": 2, "breaker": "20/1000/50/2", "response_timeout": 150, "tunnel_drain": "30ms"}
    with flaky(b"legacy", rng) as legacy, flaky(b"new", rng) as new, flaky(b"new", rng) as other:
        systems = [new.url, f"{new.url},{other.url}", f"{other.url},{refused_url()},{new.url}"]
        with Proxy(legacy=legacy.url, new=new.url, methods="GET,PUT", **words) as proxy:
            over, end = threading.Event(), time.monotonic() + SECONDS
            threads = [
                threading.Thread(
                    target=visit_until, args=(over, proxy, SEED * 1000 + i, counts, failures)
                )
                for i in range(24)
            ]
            for thread in threads:
                thread.start()
            while time.monotonic() < (end if failures or seen_enough(counts) else end + 60):
                proxy.set(
                    weight=rng.randrange(101),
                    new=rng.choice(systems),
                    health=rng.choice(("", "/healthz")),
                    health_interval=100,
                    limit=rng.choice((0, 4)),
                )
                time.sleep(0.01)
            over.set()
            for thread in threads:
                thread.join(60)
            assert not failures, failures[0]
            assert seen_enough(counts), counts
            wait_for(lambda: proxy.stats()["clients"] == 0, "the last connection's end")
