# SPDX-License-Identifier: Apache-2.0
"""Where a body ends: Transfer-Encoding, Content-Length, chunks and trailers."""

from form import CHUNKED, CONTROLS, EVIL, GET, HELLO, HIGH, HOST, LENGTH, POST, TRAILERS
from form import one, refused, spell

# ---- Transfer-Encoding ---------------------------------------------------------------------------


def coding(line):
    return POST + HOST + line + b"\r\n" + HELLO + EVIL


def te_values():
    for value in (b"chunked", b"CHUNKED", b"Chunked", b"chunkeD", b"chunked ", b"chunked  "):
        line = b"Transfer-Encoding: " + value + b"\r\n"
        yield one(
            f"te-value/{spell(value)}", POST + HOST + line + b"\r\n" + HELLO, "9112 7", b"hello"
        )
    for before in (b"", b"  "):
        line = b"Transfer-Encoding:" + before + b"chunked\r\n"
        name = f"te-value/after-colon-{spell(before)}"
        yield one(name, POST + HOST + line + b"\r\n" + HELLO, "9112 5: optional space", b"hello")
    for before, behind in ((b"\t", b""), (b" \t ", b""), (b"", b"\t"), (b" ", b" \t")):
        line = b"Transfer-Encoding:" + before + b"chunked" + behind + b"\r\n"
        name = f"te-value/tab-{spell(before)}-{spell(behind)}"
        yield refused(name, coding(line), "9112 5 allows it, nginx does not: no tabs in framing")
    wrong = """
        xchunked chunkedx chunke chunk hunked chunkedchunked chunked, ,chunked ,chunked,
        chunked,chunked chunked,identity identity,chunked gzip,chunked chunked,gzip identity
        gzip deflate compress x-gzip trailers "chunked" 'chunked' chunked; chunked;q=1
        chunked;a=b chunked=1 chunked/1 (chunked) <chunked> {chunked} [chunked] chunked*
        *chunked -chunked chunked- chun-ked c%68unked chunked\\ \\chunked 0 1 5 cow null none
        true *
    """.split()
    spaced = [
        "chunked, identity",
        "identity, chunked",
        "gzip, chunked",
        "chunked , chunked",
        "",
        " ",
    ]
    spaced += ["ch unked", "chunked chunked", "chun\tked", "x chunked", "chunked x", ", chunked"]
    for value in wrong + spaced:
        raw = value.encode()
        line = b"Transfer-Encoding: " + raw + b"\r\n"
        yield refused(f"te-value/{spell(raw)}", coding(line), '9112 6.1: only "chunked" is known')


def te_bytes():
    for byte in CONTROLS + HIGH:
        for place, value in (("before", byte + b"chunked"), ("after", b"chunked" + byte)):
            line = b"Transfer-Encoding: " + value + b"\r\n"
            yield refused(f"te-byte/{place}-{spell(byte)}", coding(line), "9112 6.1, 9110 5.5")
        line = b"Transfer-Encoding" + byte + b": chunked\r\n"
        yield refused(f"te-byte/name-{spell(byte)}", coding(line), "9110 5.1: a name is a token")


def te_names():
    for name in (b"transfer-encoding", b"TRANSFER-ENCODING", b"tRANSFER-eNCODING"):
        wire = POST + HOST + name + b": chunked\r\n\r\n" + HELLO
        yield one(f"te-name/{spell(name)}", wire, "9110 5.1: names have no case", b"hello")
    lines = [
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding\t: chunked\r\n",
        b" Transfer-Encoding: chunked\r\n",
        b"\tTransfer-Encoding: chunked\r\n",
        b"Transfer Encoding: chunked\r\n",
        b"Transfer_Encoding: chunked\r\n",
        b"transfer_encoding: chunked\r\n",
        b"Transfer-Encoding chunked\r\n",
        b"Transfer-Encoding; chunked\r\n",
        b"Transfer-Encoding=chunked\r\n",
        b'"Transfer-Encoding": chunked\r\n',
        b"Transfer-Encoding\r\n: chunked\r\n",
        b"Transfer-\r\nEncoding: chunked\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b"Transfer-Encoding:\n chunked\r\n",
        b"Transfer-Encoding: \r\n\tchunked\r\n",
        b"X: y\rTransfer-Encoding: chunked\r\n",
        b"X: y\nTransfer-Encoding: chunked\r\n",
        b"X: y\n\rTransfer-Encoding: chunked\r\n",
        b"X: y\r\r\nTransfer-Encoding: chunked\r\n",
        b"X: y\0\r\nTransfer-Encoding: chunked\r\n",
        b": y\r\nTransfer-Encoding: chunked\r\n",
        b"X\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\n",
        b"Transfer-Encoding: chunked\r",
        b"Transfer-Encoding: chun\r\n ked\r\n",
        b"Transfer-Encoding: x\r\n chunked\r\n",
        b"Transfer-Encoding: chunked\r\n , identity\r\n",
    ]
    for line in lines:
        yield refused(f"te-name/{spell(line)}", coding(line), "9112 5.1, 5.2, 2.2")
    # Names that only resemble: fields like any other, and no framing.
    for name in (
        b"Transfer-Encodin",
        b"Transfer-Encodings",
        b"Transfer-Enc0ding",
        b"XTransfer-Encoding",
    ):
        wire = POST + HOST + LENGTH + name + b": chunked\r\n\r\nhello"
        yield one(f"te-name/{spell(name)}", wire, "9110 5.1", b"hello", has=(name + b": chunked",))


def te_twice():
    values = (b"chunked", b"identity", b"gzip", b"xchunked", b"", b"cow")
    for first in values:
        for second in values:
            line = b"Transfer-Encoding: " + first + b"\r\nTransfer-Encoding: " + second + b"\r\n"
            name = f"te-twice/{spell(first)}-{spell(second)}"
            yield refused(name, coding(line), "9112 6.1: two fields are a list")
    line = b"Transfer-Encoding: chunked\r\nX: y\r\ntransfer-encoding: chunked\r\n"
    yield refused("te-twice/apart", coding(line), "9112 6.1: two fields are a list")


# ---- Content-Length ------------------------------------------------------------------------------


def sized(value, body=b"hello"):
    return POST + HOST + b"Content-Length: " + value + b"\r\n\r\n" + body


def cl_values():
    good = [
        (b"5", b"hello"),
        (b"0", b""),
        (b"05", b"hello"),
        (b"000005", b"hello"),
        (b"5 ", b"hello"),
    ]
    good += [(b"  5  ", b"hello"), (b"00", b""), (b"0000000000000000000005", b"hello")]
    for value, body in good:
        yield one(f"cl-value/{spell(value)}", sized(value, body), "9110 8.6: digits", body)
    wrong = """
        +5 -5 -0 +0 5,5 5, ,5 5,6 5;5 5;a=b 5.0 5. .5 5e0 5E1 0x5 0X5 05h 5h x5 5x 0b101 0o5 5_0
        5'0 5/5 5=5 =5 "5" '5' (5) [5] {5} five * 5* ~5 %35 5%20 \\5 5\\ 5-5 5+0 1e1 NaN inf
        null 9223372036854775808 18446744073709551615 18446744073709551616 18446744073709551621
        99999999999999999999 4294967296x -1 -9223372036854775808 ５ ٥
    """.split()
    blanks = [
        "",
        " ",
        "5 5",
        "5 0",
        "0 5",
        "5, 5",
        "5 ,5",
        "+ 5",
        "- 5",
        "5\t0",
        "\t5",
        "5\t",
        "\t",
    ]
    for value in wrong + blanks:
        raw = value.encode()
        yield refused(
            f"cl-value/{spell(raw)}", sized(raw, b"hello" + EVIL), "9110 8.6: digits only"
        )


def cl_bytes():
    for byte in CONTROLS + HIGH:
        for place, value in (("before", byte + b"5"), ("after", b"5" + byte)):
            wire = sized(value, b"hello" + EVIL)
            yield refused(f"cl-byte/{place}-{spell(byte)}", wire, "9110 8.6, 5.5")


def cl_names():
    for name in (b"content-length", b"CONTENT-LENGTH", b"cONTENT-lENGTH"):
        wire = POST + HOST + name + b": 5\r\n\r\nhello"
        yield one(f"cl-name/{spell(name)}", wire, "9110 5.1: names have no case", b"hello")
    lines = [
        b"Content-Length : 5\r\n",
        b"Content-Length\t: 5\r\n",
        b" Content-Length: 5\r\n",
        b"Content Length: 5\r\n",
        b"Content_Length: 5\r\n",
        b"CONTENT_LENGTH: 5\r\n",
        b"Content-Length 5\r\n",
        b"Content-Length=5\r\n",
        b"Content-Length\0: 5\r\n",
        b"\0Content-Length: 5\r\n",
        b"Content-Length:\r\n 5\r\n",
        b"Content-Length: 5\r\n 0\r\n",
        b"Content-Length: 5\n",
        b"Content-Length: 5\r",
        b"X: y\nContent-Length: 5\r\n",
        b"X: y\rContent-Length: 5\r\n",
        b"Content-Len\xc2\xadgth: 5\r\n",
    ]
    for line in lines:
        wire = POST + HOST + line + b"\r\nhello" + EVIL
        yield refused(f"cl-name/{spell(line)}", wire, "9112 5.1, 5.2, 2.2")
    for name in (b"Content-Lengt", b"Content-Lengths", b"XContent-Length", b"Content-Length-"):
        wire = POST + HOST + name + b": 5\r\n\r\n"
        yield one(f"cl-name/{spell(name)}", wire, "9110 5.1", has=(name + b": 5",))


def cl_twice():
    values = (b"5", b"05", b"6", b"0", b"", b"x")
    for first in values:
        for second in values:
            lines = b"Content-Length: " + first + b"\r\nContent-Length: " + second + b"\r\n"
            wire = POST + HOST + lines + b"\r\nhello" + EVIL
            name = f"cl-twice/{spell(first)}-{spell(second)}"
            yield refused(name, wire, "9112 6.3: one length, said once")


# ---- both ----------------------------------------------------------------------------------------


def both():
    codings = (b"chunked", b"CHUNKED", b"xchunked", b"identity", b"chunked, identity", b"")
    lengths = (b"5", b"0", b"4", b"15", b"999", b"x", b"")
    for te in codings:
        for cl in lengths:
            te_line = b"Transfer-Encoding: " + te + b"\r\n"
            cl_line = b"Content-Length: " + cl + b"\r\n"
            for order, lines in (("te-cl", te_line + cl_line), ("cl-te", cl_line + te_line)):
                wire = POST + HOST + lines + b"\r\n0\r\n\r\n" + EVIL
                name = f"both/{order}-{spell(te)}-{spell(cl)}"
                yield refused(name, wire, "9112 6.1, 6.3: two framings are an attack")
    for method in (b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PURGE"):
        head = method + b" /form HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n" + CHUNKED
        yield refused(f"both/{spell(method)}", head + b"\r\n" + HELLO + EVIL, "9112 6.3")


# ---- chunks --------------------------------------------------------------------------------------


def chunks(body):
    return POST + HOST + CHUNKED + b"\r\n" + body


def chunk_sizes():
    good = [b"5", b"05", b"005", b"00000000000005", b"5;a", b"5;a=b", b'5;a="b"', b'5;a="b;c"']
    good += [b"5;a;b;c=d", b"5;a=", b"5; a=b"]
    for size in good:
        wire = chunks(size + b"\r\nhello\r\n0\r\n\r\n")
        yield one(f"chunk-size/{spell(size)}", wire, "9112 7.1", b"hello")
    for size, body in (
        (b"a", b"x" * 10),
        (b"A", b"x" * 10),
        (b"1F", b"y" * 31),
        (b"fF", b"z" * 255),
    ):
        wire = chunks(size + b"\r\n" + body + b"\r\n0\r\n\r\n")
        yield one(f"chunk-size/{spell(size)}", wire, "9112 7.1: hexadecimal", body)
    wrong = """
        +5 -5 0x5 0X5 x5 5x 5h 5H g 5g 5, 5. 5.0 ,5 5-5 5=5 5:5 "5" '5' (5) {5} #5 5# 5/ \\x35
        %35 _5 5_ 5_0 * five -0 -1 ;5 ;a=b =5 0000000000000005 00000000000000000005
        10000000000000005 100000000000000005 ffffffffffffffff fffffffffffffffff 7fffffffffffffff
        8000000000000000 fffffffffffffffb 1000000000000000000000005 ５
    """.split()
    for size in wrong + ["", " 5", "5 ", "5\t", "\t5", "5 ;a", "5\t;a", "5 0", "5 a", "0 5", "- 5"]:
        raw = size.encode()
        wire = chunks(raw + b"\r\nhello\r\n0\r\n\r\n" + EVIL)
        yield refused(f"chunk-size/{spell(raw)}", wire, "9112 7.1: digits, then ; or CR LF")
    for byte in CONTROLS + HIGH:
        for place, size in (
            ("before", byte + b"5"),
            ("after", b"5" + byte),
            ("ext", b"5;a" + byte),
        ):
            if place == "ext" and byte in HIGH:
                continue
            wire = chunks(size + b"\r\nhello\r\n0\r\n\r\n" + EVIL)
            yield refused(f"chunk-byte/{place}-{spell(byte)}", wire, "9112 7.1, 9110 5.5")


def chunk_ends():
    wrong = {
        "size-lf": b"5\nhello\r\n0\r\n\r\n",
        "size-cr": b"5\rhello\r\n0\r\n\r\n",
        "size-cr-cr-lf": b"5\r\r\nhello\r\n0\r\n\r\n",
        "size-lf-cr": b"5\n\rhello\r\n0\r\n\r\n",
        "size-cr-space-lf": b"5\r \nhello\r\n0\r\n\r\n",
        "size-nothing": b"5hello\r\n0\r\n\r\n",
        "data-lf": b"5\r\nhello\n0\r\n\r\n",
        "data-cr": b"5\r\nhello\r0\r\n\r\n",
        "data-nothing": b"5\r\nhello0\r\n\r\n",
        "data-two-bytes": b"5\r\nhelloXX0\r\n\r\n",
        "data-cr-x": b"5\r\nhello\rX0\r\n\r\n",
        "data-x-lf": b"5\r\nhelloX\n0\r\n\r\n",
        "data-lf-cr": b"5\r\nhello\n\r0\r\n\r\n",
        "data-cr-cr-lf": b"5\r\nhello\r\r\n0\r\n\r\n",
        "data-crlf-crlf": b"5\r\nhello\r\n\r\n0\r\n\r\n",
        "data-space": b"5\r\nhello \r\n0\r\n\r\n",
        "data-short": b"5\r\nhell\r\n0\r\n\r\n",
        "data-long": b"5\r\nhelloo\r\n0\r\n\r\n",
        "last-lf": b"5\r\nhello\r\n0\n\r\n",
        "last-lf-lf": b"5\r\nhello\r\n0\n\n",
        "last-cr": b"5\r\nhello\r\n0\r\r\n",
        "last-end-lf": b"5\r\nhello\r\n0\r\n\n",
        "last-end-cr": b"5\r\nhello\r\n0\r\n\rX",
        "last-end-cr-cr-lf": b"5\r\nhello\r\n0\r\n\r\r\n",
        "last-minus": b"5\r\nhello\r\n-0\r\n\r\n",
        "last-hex": b"5\r\nhello\r\n0x0\r\n\r\n",
        "last-space": b"5\r\nhello\r\n0 \r\n\r\n",
        "last-long": b"5\r\nhello\r\n0000000000000000\r\n\r\n",
        "ext-lf": b"5;a\nhello\r\n0\r\n\r\n",
        "ext-lf-in": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        "ext-cr-in": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
        "ext-quoted-crlf": b'5;a="\r\n"\r\nhello\r\n0\r\n\r\n',
        "ext-quoted-lf": b'5;a="\n"\r\nhello\r\n0\r\n\r\n',
        "ext-fold": b"5;a\r\n b\r\nhello\r\n0\r\n\r\n",
        "last-ext-lf": b"5\r\nhello\r\n0;a\n\r\n",
        "blank-first": b"\r\n5\r\nhello\r\n0\r\n\r\n",
        "no-chunks": b"hello",
        "request": EVIL,
    }
    for name, body in wrong.items():
        yield refused(f"chunk-end/{name}", chunks(body + EVIL), "9112 7.1: CR LF and nothing else")
    for name, body in {"00": b"00\r\n\r\n", "000": b"000\r\n\r\n", "ext": b"0;a=b\r\n\r\n"}.items():
        wire = chunks(b"5\r\nhello\r\n" + body)
        yield one(f"chunk-end/last-{name}", wire, '9112 7.1: 1*("0")', b"hello")
    many = b"".join(b"1;x\r\n%c\r\n" % (97 + i % 26) for i in range(300)) + b"0\r\n\r\n"
    payload = bytes(97 + i % 26 for i in range(300))
    yield one("chunk-end/many", chunks(many), "9112 7.1", payload)
    long = b"5;" + b"a" * 70_000 + b"\r\nhello\r\n0\r\n\r\n"
    yield refused("chunk-end/ext-too-long", chunks(long), "9112 7.1.1: a limit")
    many = b"1;" + b"a" * 200 + b"\r\nx\r\n"
    yield refused("chunk-end/ext-too-much", chunks(many * 60 + b"0\r\n\r\n"), "9112 7.1.1: a limit")


def trailers():
    why = "9110 6.5.1: what belongs into a head is dropped"
    for name, (lines, kept) in TRAILERS.items():
        wire = chunks(b"5\r\nhello\r\n0\r\n" + lines + b"\r\n")
        lacks = (b"x-a", b"x-b")
        yield one(f"trailer/{name}", wire, why, b"hello", lacks=lacks, trailers=kept)
    wire = POST + HOST + CHUNKED + b"Connection: X-A\r\n\r\n0\r\nX-A: 1\r\n\r\n"
    yield one("trailer/named", wire, "9110 7.6.1: nor as a trailer")
    wire = POST + HOST + CHUNKED + b"Trailer: X-A\r\n\r\n0\r\nX-A: 1\r\n\r\n"
    has = (b"Trailer: X-A",)
    yield one("trailer/announced", wire, "9110 6.6.2", has=has, trailers=b"X-A: 1\r\n")
    wire = POST + HOST + LENGTH + b"Trailer: X-A\r\n\r\nhello"
    yield one("trailer/no-chunks", wire, "9110 6.6.2: no place", b"hello", lacks=(b"trailer",))
    wrong = {
        "no-colon": b"X-A\r\n",
        "no-name": b": 1\r\n",
        "space-before-colon": b"X-A : 1\r\n",
        "folded": b"X-A: 1\r\n 2\r\n",
        "leading-space": b" X-A: 1\r\n",
        "leading-tab": b"\tX-A: 1\r\n",
        "lf": b"X-A: 1\n",
        "cr": b"X-A: 1\rX-B: 2\r\n",
        "cr-cr-lf": b"X-A: 1\r\r\n",
        "nul": b"X-A: \0\r\n",
        "nul-name": b"X\0A: 1\r\n",
        "del": b"X-A: \x7f\r\n",
        "request": b"GET /evil HTTP/1.1\r\n",
        "high-name": b"X-\xe4: 1\r\n",
        "too-long": b"X-A: " + b"a" * 9000 + b"\r\n",
        "too-many": b"X: 1\r\n" * 2000,
    }
    for name, lines in wrong.items():
        wire = chunks(b"5\r\nhello\r\n0\r\n" + lines + b"\r\n" + EVIL)
        yield refused(f"trailer/{name}", wire, "9112 7.1.2, 5.1, 5.2")


GROUPS = (
    te_values,
    te_bytes,
    te_names,
    te_twice,
    cl_values,
    cl_bytes,
    cl_names,
    cl_twice,
    both,
    chunk_sizes,
    chunk_ends,
    trailers,
)
