# SPDX-License-Identifier: Apache-2.0
"""TLS towards clients: other people's clients against the proxy's door."""

import json
import os
import random
import socket
import ssl
import subprocess
import sys
import threading

import pytest

from proxy_fixture import Client, Origin, Place, Proxy, Stream, ask, reply, says, wait_for

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from pki import Pki  # noqa: E402  pylint: disable=wrong-import-position,wrong-import-order


@pytest.fixture(scope="module", name="pki")
def make_pki(tmp_path_factory):
    pki = Pki(tmp_path_factory.mktemp("pki"))
    pki.make("one", "DNS:one.test", "DNS:*.one.test")
    pki.make("who", "DNS:who.test")
    return pki


def door(pki, origin, **words):
    return Proxy(legacy=origin.url, weight=0, tls="127.0.0.1:0", tls_cert=pki.path("one.crt"),
                 tls_key=pki.path("one.key"), **words)


class TlsClient(Client):
    """A client as the others, by TLS."""

    def __init__(self, proxy, pki, name="one.test", version=None, alpn=(), cert=None):
        context = ssl.create_default_context(cafile=pki.ca)
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        if version:
            context.minimum_version = context.maximum_version = version
        if alpn:
            context.set_alpn_protocols(alpn)
        if cert:
            context.load_cert_chain(pki.path(cert + ".crt"), pki.path(cert + ".key"))
        sock = socket.create_connection(("127.0.0.1", proxy.tls.port))
        Stream.__init__(self, context.wrap_socket(
            sock, server_hostname=name, suppress_ragged_eofs=False))


def tally(proxy):
    proxy.say("tls")
    return json.loads(proxy.expect("tls"))


def expect_failure(proxy, reason, count=1):
    wait_for(lambda: tally(proxy)[reason] == count, f"{count} of {reason}")


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
def test_requests_are_served_and_systems_told(pki, version):
    with says("hello") as origin, door(pki, origin) as proxy:
        with TlsClient(proxy, pki, version=version) as client:
            for _ in range(3):
                assert client.ask().body == b"hello"
        assert ask(proxy).body == b"hello"
        protos = [request.get("x-forwarded-proto") for request in origin.requests]
        assert protos == ["https"] * 3 + ["http"]
        assert origin.accepted == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_large_bodies_go_both_ways(pki, version):
    big = random.Random(5).randbytes(3_000_000)
    with Origin(lambda r: reply(r.body)) as origin, door(pki, origin) as proxy:
        with TlsClient(proxy, pki, version=version) as client:
            for _ in range(2):
                client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(big) + big)
                assert client.answer().body == big


@pytest.mark.parametrize("flag", ["-tls1_2", "-tls1_3"])
def test_sessions_are_resumed(pki, flag, tmp_path):
    session = str(tmp_path / "session")
    with says("hello") as origin, door(pki, origin, threads=2) as proxy:
        words = []
        for keep in ("-sess_out", "-sess_in", "-sess_in"):
            out = subprocess.run(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.tls.port}", flag,
                 "-servername", "one.test", "-ign_eof", keep, session],
                input=b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                capture_output=True, check=True, timeout=30).stdout.decode("latin-1")
            assert "hello" in out
            words += [line.split(",")[0] for line in out.splitlines()
                      if line.startswith(("New, ", "Reused, "))]
        assert words == ["New", "Reused", "Reused"]
        assert tally(proxy)["resumed"] == 2


def test_curl_is_content(pki):
    with says("hello") as origin, door(pki, origin) as proxy:
        out = subprocess.run(
            ["curl", "-sS", "--http1.1", "--cacert", pki.ca, "--resolve",
             f"a.one.test:{proxy.tls.port}:127.0.0.1", f"https://a.one.test:{proxy.tls.port}/x",
             f"https://a.one.test:{proxy.tls.port}/y"],
            capture_output=True, check=True, timeout=30)
        assert out.stdout == b"hellohello"
        assert tally(proxy)["handshakes"] == 1


def test_http2_comes_by_tls(pki):
    """Clients that prefer it get it, and systems read https all the same."""
    with says("hello") as origin, door(pki, origin, tls_alpn="h2,http/1.1") as proxy:
        urls = [f"https://one.test:{proxy.tls.port}/{i}" for i in range(3)]
        out = subprocess.run(
            ["curl", "-sS", "--http2", "--cacert", pki.ca, "--resolve",
             f"one.test:{proxy.tls.port}:127.0.0.1", "-w", " %{http_version}\n", *urls],
            capture_output=True, check=True, timeout=30)
        assert out.stdout == b"hello 2\n" * 3
        assert {r.get("x-forwarded-proto") for r in origin.requests} == {"https"}
        assert tally(proxy)["handshakes"] == 1
        with TlsClient(proxy, pki, alpn=["http/1.1"]) as client:
            assert client.ask().body == b"hello"


def test_idle_http2_ends_as_tls_does(pki):
    """With a close_notify, which tells it from a connection that was cut (RFC 8446 6.1)."""
    words = {"tls_alpn": "h2,http/1.1", "idle_timeout": "300ms"}
    with says("hello") as origin, door(pki, origin, **words) as proxy:
        with TlsClient(proxy, pki, alpn=["h2"]) as client:
            client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
            assert b"\0\0\x08\7\0" in client.to_end()  # a GOAWAY


def test_alpn_is_answered(pki):
    with says("hello") as origin, door(pki, origin) as proxy:
        with TlsClient(proxy, pki, alpn=["h7", "http/1.1"]) as client:
            assert client.sock.selected_alpn_protocol() == "http/1.1"
            assert client.ask().body == b"hello"
        with TlsClient(proxy, pki) as client:
            assert client.sock.selected_alpn_protocol() is None
            assert client.ask().body == b"hello"
        with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
            TlsClient(proxy, pki, alpn=["h7"])
        expect_failure(proxy, "protocol")


def test_old_versions_are_refused(pki):
    with says("hello") as origin, door(pki, origin) as proxy:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", proxy.tls.port)) as sock:
            with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
                context.wrap_socket(sock)
        expect_failure(proxy, "version")


def test_clients_show_certificates(pki):
    with says("hello") as origin, door(pki, origin, tls_client_ca=pki.ca) as proxy:
        for version in VERSIONS:
            with TlsClient(proxy, pki, cert="who", version=version) as client:
                assert client.ask().body == b"hello"
            with pytest.raises((ssl.SSLError, OSError, EOFError)):
                with TlsClient(proxy, pki, version=version) as client:
                    client.ask()
        expect_failure(proxy, "certificate", 2)
        assert len(origin.requests) == 2


def test_plain_http_is_told(pki):
    with says("hello") as origin, door(pki, origin) as proxy:
        with Client(Place(proxy.tls.port)) as client:
            answer = client.ask()
            assert answer.status == 400
            assert b"https://" in answer.body
            assert client.is_closed()
        expect_failure(proxy, "plain_http")


def test_slow_handshakes_end(pki):
    with says("hello") as origin, door(pki, origin, header_timeout="300ms") as proxy:
        with socket.create_connection(("127.0.0.1", proxy.tls.port), timeout=10) as sock:
            sock.sendall(b"\x16\x03\x01")
            assert sock.recv(1) == b""
        expect_failure(proxy, "timeout")


def test_an_answer_that_was_cut_off_is_seen_as_that(pki):
    """An answer without a length ends at the connection's end, which TLS protects."""

    def cut(request):
        request.stream.send(b"HTTP/1.1 200 OK\r\n\r\npart of it")
        if request.path == "/cut":
            linger = b"\1\0\0\0\0\0\0\0"  # the origin resets its connection
            request.stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def read(path):
        with TlsClient(proxy, pki) as client:
            client.send(f"GET {path} HTTP/1.0\r\nHost: a\r\n\r\n")
            client.until(b"\r\n\r\n")
            return client.to_end()

    with Origin(cut) as origin, door(pki, origin) as proxy:
        assert read("/whole") == b"part of it"
        with pytest.raises(ssl.SSLError, match="(?i)eof"):
            read("/cut")


def test_certificates_change_under_load(pki):
    """Handshakes and requests on all sides while the certificate is replaced: nobody notices."""
    failures, done, stop = [], [0], threading.Event()

    def load():
        while not stop.is_set():
            try:
                with TlsClient(proxy, pki) as client:
                    for _ in range(3):
                        assert client.ask().body == b"hello"
                done[0] += 1
            except (OSError, AssertionError, EOFError) as why:
                failures.append(repr(why))
                return

    with says("hello") as origin, door(pki, origin, threads=2) as proxy:
        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                pki.make("one", "DNS:one.test", "DNS:*.one.test")
                proxy.say("reload")
                assert proxy.expect("reloaded") == "1"
                before = done[0]
                wait_for(lambda: done[0] > before + 5 or failures, "handshakes")
            pki.make("one", "DNS:one.test", days=-1)
            proxy.say("reload")
            assert "has expired" in proxy.expect("refused")
            before = done[0]
            wait_for(lambda: done[0] > before + 5 or failures, "handshakes with the old one")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            pki.make("one", "DNS:one.test", "DNS:*.one.test")
        assert not failures
        counted = tally(proxy)
        assert counted["handshakes"] >= done[0]
        assert all(counted[reason] == 0 for reason in counted
                   if reason not in ("handshakes", "resumed"))


def test_noise_is_survived(pki):
    """Bytes of all kinds at every point of a connection; then the next client is served."""
    dice = random.Random(11)
    hello = ssl_hello()
    with says("hello") as origin, door(pki, origin) as proxy:
        for _ in range(200):
            with socket.create_connection(("127.0.0.1", proxy.tls.port), timeout=10) as sock:
                noise = bytearray(hello[:dice.randrange(1, len(hello))])
                for _ in range(dice.randrange(1, 4)):
                    noise[dice.randrange(len(noise))] = dice.randrange(256)
                sock.sendall(noise + dice.randbytes(dice.randrange(200)))
                sock.shutdown(socket.SHUT_WR)
                try:
                    while sock.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
        with TlsClient(proxy, pki) as client:
            assert client.ask().body == b"hello"


def ssl_hello():
    """The first flight of a client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    talk = context.wrap_bio(incoming, outgoing, server_hostname="one.test")
    with pytest.raises(ssl.SSLWantReadError):
        talk.do_handshake()
    return outgoing.read()
