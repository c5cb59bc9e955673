# SPDX-License-Identifier: Apache-2.0
"""What RFC 9110 asks of everybody in the middle: Date, Max-Forwards."""

import email.utils
import time

import pytest
from proxy_fixture import Client, Origin, Proxy, ask, refused_url, reply, says


def seconds_ago(answer):
    date = answer.get("date")
    assert date.endswith(" GMT")
    return abs(time.time() - email.utils.parsedate_to_datetime(date).timestamp())


def test_an_answer_without_a_date_gets_one():
    """RFC 9110 6.6.1."""
    with says("x") as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            for method in ("GET", "HEAD", "GET"):
                assert seconds_ago(client.ask(method)) < 60


def test_an_answer_keeps_its_date():
    said = "Sun, 06 Nov 1994 08:49:37 GMT"
    with Origin(lambda _: reply(Date=said)) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy:
            assert ask(proxy).get("date") == said


def test_interim_answers_get_none_and_ours_get_one():
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    with Origin(lambda _: hint + reply(b"x")) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            assert client.ask().get("date") is None
            assert seconds_ago(client.answer()) < 60
            proxy.set(legacy=refused_url(), new=refused_url())
            answer = client.ask()
            assert answer.status == 502 and seconds_ago(answer) < 60


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_max_forwards_counts_down(method):
    """RFC 9110 7.6.2."""
    with says("x") as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            for value, then in (("1", "0"), ("10", "9"), ("007", "6"), (str(10**15), "999999")):
                assert client.ask(method, Max_Forwards=value).status == 200
                assert origin.requests.pop().get("max-forwards") == then
            assert client.ask(method).status == 200
            assert origin.requests.pop().get("max-forwards") is None


@pytest.mark.parametrize("method, status", [("OPTIONS", 200), ("TRACE", 501)])
def test_max_forwards_of_nothing_ends_here(method, status):
    with says("x") as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            assert client.ask(method, Max_Forwards="0").status == status
            assert origin.requests == []
            for value in ("-1", "1, 2", "", "x", "1\r\nMax-Forwards: 1"):
                assert client.ask(method, Max_Forwards=value).status == 400
            assert origin.requests == []
            assert client.ask(path="/next").status == 200, "the connection was kept"


def test_max_forwards_means_nothing_to_other_methods():
    with says("x") as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        assert ask(proxy, Max_Forwards="0").status == 200
        assert origin.requests[0].get("max-forwards") == "0"
