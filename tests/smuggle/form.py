# SPDX-License-Identifier: Apache-2.0
"""What a form is, and what all of them are made of."""

from collections import namedtuple

# `expect`:
#   refused  an answer of 400 or above, the connection closed, no whole request at the origin
#   one      the origin gets this request with `body`, and NEXT as a request of its own
#   last     the origin gets this request with `body`; then the connection ends, NEXT unread
#   mute     no answer at all and nothing at the origin: the request never became complete
# `has` are lines that the head at the origin must hold, `lacks` names of fields that it must not.
Form = namedtuple("Form", "name wire expect body why has lacks", defaults=((), ()))

NEXT = b"GET /next HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n"

POST = b"POST /form HTTP/1.1\r\n"
GET = b"GET /form HTTP/1.1\r\n"
HOST = b"Host: app\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
# What a wrong reading of a body would take for a request.
EVIL = b"GET /evil HTTP/1.1\r\nHost: app\r\n\r\n"
LENGTH = b"Content-Length: 5\r\n"

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
