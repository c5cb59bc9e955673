# SPDX-License-Identifier: Apache-2.0
"""Answers of an origin that two implementations could read differently, each with what the client
must get. The client pipelines a second request, whose answer must be its own."""

from collections import namedtuple

from form import TRAILERS

# `expect`:
#   bad   a 502 of the proxy's own
#   good  `status` and `body`
#   cut   a 502, or the connection ends in the middle: nobody can take it for a whole answer
# `closes`: the origin closes behind the answer. `interim`: statuses that come before. `trailers`: all
# the lines that come behind the body.
Answer = namedtuple(
    "Answer", "name wire expect status body why closes method interim lacks trailers",
    defaults=(False, "GET", (), (), b""),
)  # fmt: skip

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 5\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
CONTROLS = [bytes([b]) for b in [*range(0x00, 0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F]]


def bad(name, wire, why, **more):
    return Answer(name, wire, "bad", 502, None, why, **more)


def good(name, wire, why, body=b"hello", status=200, **more):
    return Answer(name, wire, "good", status, body, why, **more)


def cut(name, wire, why, **more):
    return Answer(name, wire, "cut", 200, None, why, **more)


def spell(data):
    return "".join(chr(b) if chr(b).isalnum() else f"%{b:02x}" for b in data)[:40] or "empty"


def status_lines():
    rest = b"\r\n" + LENGTH + b"\r\nhello"
    for line in (
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 \xc3\x9cber",
        b"HTTP/1.0 200 OK",
    ):
        yield good(f"answer-line/{spell(line)}", line + rest, "9112 4")
    for status in (201, 203, 299, 400, 404, 418, 500, 503, 599, 600, 999):
        line = b"HTTP/1.1 %d X" % status
        yield good(f"answer-line/status-{status}", line + rest, "9110 15", status=status)
    wrong = """
        HTTP/1.1 HTTP/1.1_20_OK HTTP/1.1_2000_OK HTTP/1.1_099_OK HTTP/1.1_000_OK HTTP/1.1_-20_OK
        HTTP/1.1_+20_OK HTTP/1.1_2x0_OK HTTP/1.1_0x8_OK HTTP/1.1__200_OK HTTP/1.1_200OK
        HTTP/1.1_OK HTTP/1.2_200_OK HTTP/2_200_OK HTTP/2.0_200_OK HTTP/0.9_200_OK HTTP/1_200_OK
        HTTP/1.10_200_OK http/1.1_200_OK HTTPS/1.1_200_OK ICY_200_OK 200_OK hello SSH-2.0-x
        220_mail
    """.split()
    for line in wrong:
        raw = line.replace("_", " ").encode()
        yield bad(f"answer-line/{spell(raw)}", raw + rest, "9112 4")
    more = {
        "tab": b"HTTP/1.1\t200 OK",
        "tab-after": b"HTTP/1.1 200\tOK",
        "space-before": b" HTTP/1.1 200 OK",
        "blank-before": b"\r\nHTTP/1.1 200 OK",
        "lf-before": b"\nHTTP/1.1 200 OK",
        "cr-in-reason": b"HTTP/1.1 200 O\rK",
        "lf-in-reason": b"HTTP/1.1 200 O\nK: v",
        "nul-in-reason": b"HTTP/1.1 200 O\0K",
        "junk-before": b"junkHTTP/1.1 200 OK",
        "bom-before": b"\xef\xbb\xbfHTTP/1.1 200 OK",
    }
    for name, raw in more.items():
        yield bad(f"answer-line/{name}", raw + rest, "9112 4, 2.2")
    yield bad("answer-line/lf", b"HTTP/1.1 200 OK\n" + LENGTH + b"\r\nhello", "9112 2.2")
    yield bad("answer-line/cr", b"HTTP/1.1 200 OK\r" + LENGTH + b"\r\nhello", "9112 2.2")
    yield bad("answer-line/too-long", b"HTTP/1.1 200 " + b"x" * 40_000 + rest, "a limit")


def framings():
    for value in (b"5", b"05", b" 5 "):
        wire = OK + b"Content-Length: " + value + b"\r\n\r\nhello"
        yield good(f"answer-length/{spell(value)}", wire, "9110 8.6")
    for value in """
        +5 -5 5,5 5, 5;a 0x5 5x x 5.0 "5" 18446744073709551616 18446744073709551621
    """.split() + [
        "",
        "5 5",
        "5, 5",
        "\t5",
        "5\t",
    ]:
        wire = OK + b"Content-Length: " + value.encode() + b"\r\n\r\nhello"
        yield bad(f"answer-length/{spell(value.encode())}-x", wire, "9112 6.3: a 502", closes=True)
    for first in (b"5", b"4", b"0", b""):
        for second in (b"5", b"6"):
            wire = (
                OK
                + b"Content-Length: "
                + first
                + b"\r\nContent-Length: "
                + second
                + b"\r\n\r\nhello"
            )
            yield bad(
                f"answer-length/two-{spell(first)}-{spell(second)}", wire, "9112 6.3", closes=True
            )
    for value in (b"chunked", b"Chunked", b"CHUNKED ", b" chunked"):
        wire = OK + b"Transfer-Encoding: " + value + b"\r\n\r\n" + HELLO
        yield good(f"answer-coding/{spell(value)}", wire, "9112 7")
    wrong = [
        "xchunked",
        "chunked, chunked",
        "gzip, chunked",
        "chunked, gzip",
        "identity",
        "gzip",
        ",chunked",
        "chunked,",
    ]
    wrong += ["chunked;a=b", '"chunked"', "", "chunked identity", "cow", "\tchunked", "chunked\t"]
    for value in wrong:
        wire = OK + b"Transfer-Encoding: " + value.encode() + b"\r\n\r\n" + HELLO
        yield bad(f"answer-coding/{spell(value.encode())}-x", wire, "9112 6.1, 6.3", closes=True)
    for byte in CONTROLS:
        wire = OK + b"Transfer-Encoding: chunked" + byte + b"\r\n\r\n" + HELLO
        yield bad(f"answer-coding/byte-{spell(byte)}", wire, "9110 5.5", closes=True)
        wire = OK + b"Content-Length: 5" + byte + b"\r\n\r\nhello"
        yield bad(f"answer-length/byte-{spell(byte)}", wire, "9110 5.5", closes=True)
    for te in (b"chunked", b"identity", b"xchunked", b""):
        for cl in (b"5", b"0", b"15", b"x"):
            lines = (b"Transfer-Encoding: " + te + b"\r\n", b"Content-Length: " + cl + b"\r\n")
            name = f"{spell(te)}-{spell(cl)}"
            yield bad(
                f"answer-both/te-cl-{name}",
                OK + lines[0] + lines[1] + b"\r\n" + HELLO,
                "9112 6.3",
                closes=True,
            )
            yield bad(
                f"answer-both/cl-te-{name}",
                OK + lines[1] + lines[0] + b"\r\n" + HELLO,
                "9112 6.3",
                closes=True,
            )
    old = b"HTTP/1.0 200 OK\r\n" + CHUNKED
    yield bad("answer-coding/http-1.0", old + b"\r\n" + HELLO, "9112 6.1", closes=True)
    yield bad(
        "answer-coding/twice", OK + CHUNKED + CHUNKED + b"\r\n" + HELLO, "9112 6.1", closes=True
    )
    yield bad(
        "answer-coding/underscore",
        OK + LENGTH + b"Transfer_Encoding: chunked\r\n\r\nhello",
        "9112 6.1",
        closes=True,
    )
    yield good("answer-until-close/1.1", OK + b"\r\nhello", "9112 6.3", closes=True)
    yield good("answer-until-close/1.0", b"HTTP/1.0 200 OK\r\n\r\nhello", "9112 6.3", closes=True)
    yield good("answer-until-close/evil", OK + b"\r\n" + EVIL, "9112 6.3", body=EVIL, closes=True)
    yield good("answer-until-close/empty", OK + b"\r\n", "9112 6.3", body=b"", closes=True)


def chunked():
    good_ones = {
        "plain": HELLO,
        "ext": b"5;a=b\r\nhello\r\n0\r\n\r\n",
        "zeros": b"0005\r\nhello\r\n00\r\n\r\n",
    }
    good_ones |= {
        "two": b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    }
    for name, body in good_ones.items():
        yield good(
            f"answer-chunk/{name}", OK + CHUNKED + b"\r\n" + body, "9112 7.1", lacks=(b"x-a",)
        )
    for name, (lines, kept) in TRAILERS.items():
        wire = OK + CHUNKED + b"\r\n5\r\nhello\r\n0\r\n" + lines + b"\r\n"
        why = "9110 6.5.1: what belongs into a head is dropped"
        yield good(f"answer-trailer/{name}", wire, why, lacks=(b"x-a", b"x-b"), trailers=kept)
    wire = OK + CHUNKED + b"Connection: X-A\r\n\r\n5\r\nhello\r\n0\r\nX-A: 1\r\n\r\n"
    yield good("answer-trailer/named", wire, "9110 7.6.1: nor as a trailer")
    wrong = {
        "size": b"5\r\nhello\r\nx\r\n\r\n",
        "size-plus": b"5\r\nhello\r\n+0\r\n\r\n",
        "size-0x": b"5\r\nhello\r\n0x0\r\n\r\n",
        "size-space": b"5\r\nhello\r\n0 \r\n\r\n",
        "size-huge": b"5\r\nhello\r\n10000000000000000\r\n\r\n",
        "size-empty": b"5\r\nhello\r\n\r\n\r\n",
        "size-lf": b"5\r\nhello\r\n0\n\r\n",
        "data-lf": b"5\r\nhello\n0\r\n\r\n",
        "data-long": b"5\r\nhelloXX0\r\n\r\n",
        "data-crlf-twice": b"5\r\nhello\r\n\r\n0\r\n\r\n",
        "ext-nul": b"5\r\nhello\r\n0;\0\r\n\r\n",
        "ext-lf": b"5\r\nhello\r\n0;a\nb\r\n\r\n",
        "trailer-lf": b"5\r\nhello\r\n0\r\nX: y\n\r\n",
        "trailer-fold": b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n",
        "trailer-no-colon": b"5\r\nhello\r\n0\r\nX\r\n\r\n",
        "trailer-space": b"5\r\nhello\r\n0\r\nX : y\r\n\r\n",
        "trailer-nul": b"5\r\nhello\r\n0\r\nX: \0\r\n\r\n",
        "trailer-cr": b"5\r\nhello\r\n0\r\nX: y\rz: y\r\n\r\n",
        "trailer-long": b"5\r\nhello\r\n0\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
        "end-lf": b"5\r\nhello\r\n0\r\n\n",
        "end-cr": b"5\r\nhello\r\n0\r\n\rx",
    }
    for name, body in wrong.items():
        yield cut(f"answer-chunk/{name}", OK + CHUNKED + b"\r\n" + body, "9112 7.1, 8", closes=True)
    yield cut("answer-cut/chunk", OK + CHUNKED + b"\r\nff\r\nhello", "9112 8", closes=True)
    yield cut(
        "answer-cut/no-last-chunk", OK + CHUNKED + b"\r\n5\r\nhello\r\n", "9112 8", closes=True
    )
    yield cut(
        "answer-cut/last-half", OK + CHUNKED + b"\r\n5\r\nhello\r\n0\r\n", "9112 8", closes=True
    )
    yield cut("answer-cut/length", OK + b"Content-Length: 50\r\n\r\nhello", "9112 8", closes=True)
    yield bad("answer-cut/head", OK + b"Content-Len", "9112 8", closes=True)
    yield bad("answer-cut/line", b"HTTP/1.", "9112 8", closes=True)


def fields():
    def answer(lines):
        return OK + LENGTH + lines + b"\r\nhello"

    wrong = {
        "folded-space": b"X: a\r\n b\r\n",
        "folded-tab": b"X: a\r\n\tb\r\n",
        "folded-empty": b"X: a\r\n \r\n",
        "space-before-colon": b"X : a\r\n",
        "tab-before-colon": b"X\t: a\r\n",
        "space-in-name": b"X Y: a\r\n",
        "no-colon": b"X\r\n",
        "no-name": b": a\r\n",
        "lf": b"X: a\n",
        "lf-lf": b"X: a\n\n",
        "cr": b"X: a\rY: b\r\n",
        "cr-cr-lf": b"X: a\r\r\n",
        "split": b"X: a\n\nHTTP/1.1 200 OK\r\n",
        "nul": b"X: a\0\r\n",
        "nul-name": b"X\0: a\r\n",
        "high-name": b"X\xe4: a\r\n",
        "name-paren": b"X(): a\r\n",
        "connection-bad": b'Connection: "close"\r\n',
        "too-large": b"X: " + b"a" * 40_000 + b"\r\n",
        "too-many": b"X: y\r\n" * 300,
    }
    for name, lines in wrong.items():
        yield bad(f"answer-field/{name}", answer(lines), "9112 5, 2.2", closes=True)
    for byte in CONTROLS:
        yield bad(
            f"answer-field/byte-{spell(byte)}",
            answer(b"X: a" + byte + b"b\r\n"),
            "9110 5.5",
            closes=True,
        )
    dropped = {
        b"Connection": b"x-a\r\nX-A: 1",
        b"Keep-Alive": b"timeout=5",
        b"Proxy-Connection": b"keep-alive",
        b"Upgrade": b"h2c",
        b"Trailer": b"X-A",
        b"TE": b"trailers",
    }
    for name, value in dropped.items():
        wire = answer(name + b": " + value + b"\r\n")
        yield good(
            f"answer-field/hop-{spell(name)}", wire, "9110 7.6.1", lacks=(name.lower(), b"x-a")
        )
    for name in (b"Content-Length", b"Transfer-Encoding", b"Host", b"Date"):
        wire = answer(b"Connection: " + name + b"\r\n")
        yield good(f"answer-field/names-{spell(name)}", wire, "9110 7.6.1")
    yield good("answer-field/obs-text", answer(b"X: \xe4\xff\r\n"), "9110 5.5")
    yield good("answer-field/cookies", answer(b"Set-Cookie: a\r\nSet-Cookie: b\r\n"), "9110 5.3")
    yield good("answer-field/location-evil", answer(b"Location: //evil/\r\n"), "9110 10.2.2")


def bodiless():
    for status in (204, 304):
        line = b"HTTP/1.1 %d X\r\n" % status
        why = "9110 15.3.5, 15.4.5: no content"
        yield good(f"answer-none/{status}", line + b"\r\n", why, body=b"", status=status)
        yield good(
            f"answer-none/{status}-length", line + LENGTH + b"\r\n", why, body=b"", status=status
        )
        yield good(
            f"answer-none/{status}-chunked", line + CHUNKED + b"\r\n", why, body=b"", status=status
        )
        wire = line + b"Content-Length: %d\r\n\r\n" % len(EVIL) + EVIL
        yield good(f"answer-none/{status}-evil", wire, why, body=b"", status=status)
        yield bad(
            f"answer-none/{status}-both", line + LENGTH + CHUNKED + b"\r\n", "9112 6.3", closes=True
        )
    for name, lines in (("length", LENGTH), ("chunked", CHUNKED), ("nothing", b"")):
        yield good(
            f"answer-head/{name}", OK + lines + b"\r\n", "9110 9.3.2", body=b"", method="HEAD"
        )
        wire = OK + lines + b"\r\n" + EVIL
        yield good(f"answer-head/{name}-evil", wire, "9110 9.3.2", body=b"", method="HEAD")
    yield good(
        "answer-none/205",
        b"HTTP/1.1 205 X\r\nContent-Length: 0\r\n\r\n",
        "9110 15.3.6",
        body=b"",
        status=205,
    )


def extra():
    why = "what follows an answer belongs to nobody"
    yield good("answer-extra/evil", OK + LENGTH + b"\r\nhello" + EVIL, why)
    yield good("answer-extra/junk", OK + LENGTH + b"\r\nhellojunk", why)
    yield good("answer-extra/crlf", OK + LENGTH + b"\r\nhello\r\n", why)
    yield good("answer-extra/chunked-evil", OK + CHUNKED + b"\r\n" + HELLO + EVIL, why)
    yield good("answer-extra/zero-evil", OK + b"Content-Length: 0\r\n\r\n" + EVIL, why, body=b"")
    yield good("answer-extra/two", OK + LENGTH + b"\r\nhello" + EVIL + EVIL, why)


def interim():
    final = OK + LENGTH + b"\r\nhello"
    why = "9110 15.2"
    yield good("answer-interim/100", b"HTTP/1.1 100 Continue\r\n\r\n" + final, why)
    yield good("answer-interim/100-twice", b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + final, why)
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    yield good("answer-interim/103", hints + final, why, interim=(103,))
    yield good("answer-interim/103-twice", hints * 2 + final, why, interim=(103, 103))
    yield good("answer-interim/102", b"HTTP/1.1 102 X\r\n\r\n" + final, why, interim=(102,))
    wire = b"HTTP/1.1 103 X\r\nContent-Length: 0\r\n\r\n" + final
    yield good("answer-interim/length-0", wire, why, interim=(103,))
    yield good(
        "answer-interim/head",
        hints + OK + LENGTH + b"\r\n",
        why,
        body=b"",
        method="HEAD",
        interim=(103,),
    )
    wire = b"HTTP/1.1 103 X\r\nContent-Length: %d\r\n\r\n" % len(EVIL) + EVIL + final
    yield bad("answer-interim/length-evil", wire, "9110 8.6: it has no body")
    wire = b"HTTP/1.1 103 X\r\n" + CHUNKED + b"\r\n" + HELLO + final
    yield bad("answer-interim/chunked", wire, "9112 6.1: it has no body", closes=True)
    yield bad(
        "answer-interim/101",
        b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n" + final,
        why,
    )
    yield bad(
        "answer-interim/folded",
        b"HTTP/1.1 103 X\r\nA: b\r\n c\r\n\r\n" + final,
        "9112 5.2",
        closes=True,
    )
    yield bad("answer-interim/only", b"HTTP/1.1 100 Continue\r\n\r\n", "9112 8", closes=True)


def answers():
    """All of them; no two have the same name."""
    groups = (status_lines, framings, chunked, fields, bodiless, extra, interim)
    out = [answer for group in groups for answer in group()]
    names = [answer.name for answer in out]
    assert len(set(names)) == len(names), sorted({n for n in names if names.count(n) > 1})
    return out
