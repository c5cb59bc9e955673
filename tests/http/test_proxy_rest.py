# SPDX-License-Identifier: Apache-2.0
"""Whoever is waited for, waiting costs nothing: a level-triggered loop that listens to what it will
not handle would spin."""

import socket
import struct
import threading
import time

import pytest
from proxy_fixture import Client, Origin, Proxy, reply, wait_for

GET = "GET / HTTP/1.1\r\nHost: app\r\n\r\n"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() resets


class Scene:
    """One origin, one client, and the moment at which everybody waits."""

    def __init__(self):
        self.arrived = threading.Event()
        self.over = threading.Event()

    def hold(self, request):
        self.arrived.set()
        self.over.wait(20)
        return reply(b"late")

    def flood(self, request):
        request.stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        request.stream.sock.setblocking(False)
        try:
            while True:
                request.stream.sock.send(b"x" * 65536)
        except BlockingIOError:
            pass
        self.arrived.set()
        self.over.wait(20)

    def flood_and_reset(self, request):
        request.stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        threading.Timer(0.1, self.over.set).start()
        self.flood(request)


def half_closes(client):
    client.send(GET)
    client.sock.shutdown(socket.SHUT_WR)


def pipelines_without_end(client):
    client.send(GET)
    client.sock.setblocking(False)
    try:
        while True:
            client.sock.send(GET.encode() * 1000)
    except BlockingIOError:
        pass


def reads_nothing(client):
    client.send(GET)


def reads_nothing_and_half_closes(client):
    client.send(GET)
    client.sock.shutdown(socket.SHUT_WR)


def sends_a_body_nobody_reads(client):
    client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 100000000\r\n\r\n")
    client.sock.setblocking(False)
    try:
        while True:
            client.sock.send(b"x" * 65536)
    except BlockingIOError:
        pass


def stops_in_its_body(client):
    client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 100\r\n\r\nsome")


SCENES = [
    (half_closes, Scene.hold),
    (pipelines_without_end, Scene.hold),
    (sends_a_body_nobody_reads, Scene.hold),
    (stops_in_its_body, Scene.hold),
    (reads_nothing, Scene.flood),
    (reads_nothing_and_half_closes, Scene.flood),
    (reads_nothing, Scene.flood_and_reset),
]


@pytest.mark.parametrize("client_does, origin_does", SCENES, ids=lambda f: f.__name__)
def test_waiting_costs_nothing(client_does, origin_does):
    scene = Scene()
    with Origin(lambda r: origin_does(scene, r), early=True) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy:
            with Client(proxy, rcvbuf=8192) as client:
                client_does(client)
                assert scene.arrived.wait(10)
                time.sleep(0.3)
                before = proxy.cpu_seconds()
                time.sleep(0.5)
                assert proxy.cpu_seconds() - before < 0.1
                scene.over.set()
            wait_for(lambda: proxy.stats()["clients"] == 0, "the client's end")


def test_a_body_that_arrives_while_connecting_costs_nothing():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        port = busy.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        url = f"http://127.0.0.1:{port}"
        with Proxy(legacy=url, new=url, connect_timeout=5000) as proxy, Client(proxy) as client:
            sends_a_body_nobody_reads(client)
            time.sleep(0.3)
            before = proxy.cpu_seconds()
            time.sleep(0.5)
            assert proxy.cpu_seconds() - before < 0.1
        for filler in fillers:
            filler.close()
