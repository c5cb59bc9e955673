# SPDX-License-Identifier: Apache-2.0
"""Which system serves each of so many users: asks a sidecar for every one, prints a letter per user.

keys.py PORT USERS     l legacy, n new, ? neither was named
"""

import re
import socket
import sys

CONNECTIONS = 32
SYSTEM = re.compile(rb"\r\nx-switchyard-system: (.)", re.IGNORECASE)


def answer(connection):
    """The whole of one short answer."""
    data = connection.recv(65536)
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, body = data.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)[1])
    while len(body) < length:
        body += connection.recv(65536)
    return head


def system_of(head):
    found = SYSTEM.search(head)
    return found[1].decode() if found else "?"


def main(port, users):
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    for first in range(0, users, CONNECTIONS):
        busy = connections[: users - first]
        for i, connection in enumerate(busy):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: bench\r\nX-User-Id: user-%d\r\n\r\n" % (first + i))
        print(*[system_of(answer(connection)) for connection in busy], sep="\n")


main(int(sys.argv[1]), int(sys.argv[2]))
