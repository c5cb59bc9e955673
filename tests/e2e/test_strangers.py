# SPDX-License-Identifier: Apache-2.0
"""Peers that are no friends of the coordinator: what they send, and how many they are."""

import contextlib
import os
import socket

from switchyard import wait_for


def connect(yard):
    return socket.create_connection(("127.0.0.1", yard.coordinator.port), 30)


def open_files(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def test_a_thousand_connections_that_say_nothing_keep_nobody_out(yard):
    """More than a shell's usual limit of open files; nodes need one each."""
    yard.coordinator.start(before=("prlimit", "--nofile=256:4096"))
    before = open_files(yard.coordinator.process)
    with contextlib.ExitStack() as strangers:
        for _ in range(1000):
            strangers.enter_context(connect(yard)).send(b"PRI * HT")
        yard.services()
        yard.sidecar("node-1")
        yard.wait_nodes(1)
        yard.apply(stages=(100,))
        yard.cli("start", "app")
        yard.cli("rollback", "app", "--emergency", "--reason", "gets through")
    wait_for(lambda: open_files(yard.coordinator.process) <= before + 3, "their descriptors are given back")


def test_without_descriptors_it_ends_rather_than_never_answer_again(yard):
    yard.coordinator.start(before=("prlimit", "--nofile=256:256"))
    yard.services()
    node = yard.sidecar("node-1")
    yard.wait_nodes(1)
    yard.apply(stages=(100,))
    yard.cli("start", "app")
    process = yard.coordinator.process
    process.expected = {2}
    with contextlib.ExitStack() as strangers:
        for _ in range(400):
            with contextlib.suppress(OSError):
                strangers.enter_context(connect(yard)).send(b"PRI * HT")
        assert process.popen.wait(60) == 2
    assert "LimitNOFILE" in process.text()
    assert node.client().ask("user-1") == "new"

    yard.coordinator.start()
    yard.wait_nodes(1)
    yard.cli("rollback", "app", "--emergency", "--reason", "at its place again")


def test_bytes_that_are_no_grpc_end_nothing_but_their_connection(yard):
    yard.coordinator.start()
    for words in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes(range(256)) * 64,
                  b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(range(255, -1, -1)) * 16):
        with connect(yard) as s:
            s.sendall(words)
            s.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                while s.recv(65536):
                    pass
    assert yard.cli("health").status == 0
