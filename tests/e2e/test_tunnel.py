# SPDX-License-Identifier: Apache-2.0
"""WebSockets through a whole system: status counts them, and a rollback ends those on new."""

import socket
import threading

import pytest
from switchyard import wait_for

ASK = (b"GET /live HTTP/1.1\r\nHost: app\r\nX-User-Id: user-1\r\n"
       b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
GOING_AWAY = b"\x88\x02\x03\xe9"
HELLO = b"\x81\x05hello"


class Echo:
    """A service that agrees to every Upgrade and gives every byte back."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    @staticmethod
    def serve(sock):
        with sock:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += sock.recv(1)
            sock.sendall(SWITCH)
            while data := sock.recv(65536):
                sock.sendall(data)

    def close(self):
        self.listener.close()


@pytest.fixture(name="echoes")
def two_echoes():
    echoes = Echo(), Echo()
    yield echoes
    for echo in echoes:
        echo.close()


def read_until(sock, mark):
    data = b""
    while not data.endswith(mark):
        piece = sock.recv(4096)
        assert piece, data
        data += piece
    return data


def test_status_counts_tunnels_and_an_emergency_ends_those_on_new(yard, echoes):
    yard.open()
    plan = yard.plan(stages=(100,))
    for system, echo in zip(("legacy", "new"), echoes):
        plan["spec"]["systems"][system]["endpoints"] = [echo.url]
    yard.apply(plan)
    yard.cli("start", "app")
    yard.wait_status("everything goes to new", phase="completed", weight=100)
    port = int(yard.sidecars[0].address.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        sock.sendall(ASK)
        assert b"X-Switchyard-System: new" in read_until(sock, b"\r\n\r\n")
        sock.sendall(HELLO)
        assert read_until(sock, HELLO) == HELLO
        wait_for(lambda: yard.status().get("newTunnels") == 1, "status counts it")
        assert "tunnels" in yard.cli("status", "app").out
        wait_for(lambda: "tunnels opened" in yard.cli("stats", "app").out, "and stats")

        yard.cli("rollback", "app", "--emergency", "--reason", "INC-7")
        assert read_until(sock, GOING_AWAY) == GOING_AWAY
        assert sock.recv(1) == b""
    wait_for(lambda: yard.status().get("newTunnels", 0) == 0, "status counts none")
