# SPDX-License-Identifier: Apache-2.0
"""What a form is, and what all of them are made of."""

from collections import namedtuple

# `expect`:
#   refused  an answer of 400 or above, the connection closed, no whole request at the origin
#   one      the origin gets this request with `body`, and NEXT as a request of its own
#   last     the origin gets this request with `body`; then the connection ends, NEXT unread
#   mute     no answer at all and nothing at the origin: the request never became complete
# `has` are lines that the head at the origin must hold, `lacks` names of fields that it must not;
# `trailers` are all the lines that come behind the body there.
Form = namedtuple("Form", "name wire expect body why has lacks trailers", defaults=((), (), b""))

NEXT = b"GET /next HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n"

POST = b"POST /form HTTP/1.1\r\n"
GET = b"GET /form HTTP/1.1\r\n"
HOST = b"Host: app\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
# What a wrong reading of a body would take for a request.
EVIL = b"GET /evil HTTP/1.1\r\nHost: app\r\n\r\n"
LENGTH = b"Content-Length: 5\r\n"

# Trailers, and what of them goes on.
TRAILERS = {
    "none": (b"", b""),
    "one": (b"X-A: 1\r\n", b"X-A: 1\r\n"),
    "empty-value": (b"X-A:\r\n", b"X-A: \r\n"),
    "blank-value": (b"X-A: \t \r\n", b"X-A: \r\n"),
    "no-space": (b"X-A:1\r\n", b"X-A: 1\r\n"),
    "blanks": (b"X-A:\t 1 2 \t\r\n", b"X-A: 1 2\r\n"),
    "colons": (b"X-A::1:\r\n", b"X-A: :1:\r\n"),
    "two": (b"X-A: 1\r\nX-B: 2\r\n", b"X-A: 1\r\nX-B: 2\r\n"),
    "twice": (b"X-A: 1\r\nx-a: 2\r\n", b"X-A: 1\r\nx-a: 2\r\n"),
    "high": (b"X-A: \xe4\xff\r\n", b"X-A: \xe4\xff\r\n"),
    "grpc": (b"grpc-status: 0\r\ngrpc-message: \r\n", b"grpc-status: 0\r\ngrpc-message: \r\n"),
    "digest": (b"Content-Digest: sha-256=:x=:\r\n", b"Content-Digest: sha-256=:x=:\r\n"),
    "length": (b"Content-Length: 99\r\n", b""),
    "length-between": (b"X-A: 1\r\nContent-Length: 99\r\nX-B: 2\r\n", b"X-A: 1\r\nX-B: 2\r\n"),
    "length-disguised": (b"Content_Length: 99\r\n", b""),
    "coding": (b"Transfer-Encoding: chunked\r\n", b""),
    "coding-capital": (b"TRANSFER-ENCODING: chunked\r\n", b""),
    "host": (b"Host: evil\r\n", b""),
    "forwarded": (b"X-Forwarded-For: 10.0.0.1\r\nForwarded: for=x\r\n", b""),
    "connection": (b"Connection: close\r\nKeep-Alive: x\r\nTE: trailers\r\n", b""),
    "trailer": (b"Trailer: X-A\r\n", b""),
    "credentials": (b"Authorization: x\r\nCookie: a=b\r\nSet-Cookie: a=b\r\n", b""),
    "conditions": (b"If-Match: x\r\nRange: bytes=0-\r\nExpect: 100-continue\r\n", b""),
    "content": (b"Content-Type: text/html\r\nContent-Encoding: gzip\r\n", b""),
}

CONTROLS = [bytes([b]) for b in [*range(0x00, 0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F]]
HIGH = [b"\x80", b"\x85", b"\xa0", b"\xad", b"\xc2\xa0", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xff"]


def spell(data):
    """Bytes as a part of a form's name."""
    out = "".join(chr(b) if chr(b).isalnum() else f"%{b:02x}" for b in data)
    return out[:40] or "empty"


def refused(name, wire, why, **more):
    return Form(name, wire, "refused", None, why, **more)


def one(name, wire, why, body=b"", **more):
    return Form(name, wire, "one", body, why, **more)
