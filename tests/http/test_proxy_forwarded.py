# SPDX-License-Identifier: Apache-2.0
"""What a system is told about who asked: X-Forwarded-*, Via, Host and the trace, by policy."""

import pytest
from proxy_fixture import Client, Origin, Proxy, reply

TOLD = {
    "X_Forwarded_For": "10.0.0.1, 10.0.0.2",
    "X_Forwarded_Host": "front",
    "X_Forwarded_Proto": "https",
    "Forwarded": "for=10.0.0.1",
    "Via": "1.1 front",
}
TRACE = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "a=b",
}


def seen_by(told, **words):
    """The head that a system gets."""
    with Origin(lambda _: reply(b"ok")) as origin:
        with Proxy(legacy=origin.url, new=origin.url, **words) as proxy, Client(proxy) as client:
            assert client.ask(**told, **TRACE).status == 200
        head = origin.requests[0]
    assert {name: head.get(name) for name in TRACE} == TRACE
    return head


def fields(head):
    names = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "via")
    return tuple(head.get(name) for name in names)


@pytest.mark.parametrize(
    "words, untold, told",
    [
        (
            {},
            ("127.0.0.1", "app", "http", None, None),
            ("10.0.0.1, 10.0.0.2, 127.0.0.1", "front", "https", "for=10.0.0.1", "1.1 front"),
        ),
        (
            {"forwarded": "replace", "via": 1},
            ("127.0.0.1", "app", "http", None, "1.1 switchyard"),
            ("127.0.0.1", "app", "http", None, "1.1 front, 1.1 switchyard"),
        ),
        (
            {"forwarded": "off"},
            (None, None, None, None, None),
            ("10.0.0.1, 10.0.0.2", "front", "https", "for=10.0.0.1", "1.1 front"),
        ),
    ],
    ids=["append", "replace", "off"],
)
def test_forwarded_fields_follow_the_policy(words, untold, told):
    assert fields(seen_by({}, **words)) == untold
    assert fields(seen_by(TOLD, **words)) == told


def test_forwarded_addresses_stay_in_order_over_several_lines():
    lines = "X-Forwarded-For: a\r\nx-forwarded-for: b, c\r\nX-Forwarded-For: " + "d" * 2000
    with Origin(lambda _: reply(b"ok")) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            for cut, want in (
                (2, "a, b, c, 127.0.0.1"),
                (3, "a, b, c, " + "d" * 2000 + ", 127.0.0.1"),
            ):
                sent = "\r\n".join(lines.split("\r\n")[:cut])
                client.send(f"GET / HTTP/1.1\r\nHost: app\r\n{sent}\r\n\r\n")
                assert client.answer().status == 200
                assert origin.requests[-1].get("x-forwarded-for") == want


def test_a_client_that_names_no_host_gets_the_systems_own():
    with Origin(lambda _: reply(b"ok")) as origin:
        with Proxy(legacy=origin.url, new=origin.url, via=1) as proxy, Client(proxy) as client:
            client.send("GET / HTTP/1.0\r\n\r\n")
            assert client.answer().status == 200
    head = origin.requests[0]
    assert head.get("host") == f"127.0.0.1:{origin.port}" and head.get("x-forwarded-host") is None
    assert head.get("via") == "1.0 switchyard"
