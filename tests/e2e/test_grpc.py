# SPDX-License-Identifier: Apache-2.0
"""gRPC through a whole system: a plan with `protocol: h2` splits calls by a metadata header, and an emergency moves
new calls at once while the stream that is open ends where it began."""

import threading
from concurrent import futures

import grpc
import pytest

SERVICE = "story.Echo"
PATIENCE = 30


def raw(data):
    return data


def serve(name):
    """Says its name, or its name and what it was told, message by message."""
    handlers = {
        "Who": grpc.unary_unary_rpc_method_handler(lambda *_: name, raw, raw),
        "Talk": grpc.stream_stream_rpc_method_handler(
            lambda told, _: (name + b":" + t for t in told), raw, raw
        ),
    }
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


@pytest.fixture(name="ports")
def two_services():
    services = [serve(name) for name in (b"legacy", b"new")]
    yield [port for _, port in services]
    for server, _ in services:
        server.stop(None)


def plan_for(yard, ports):
    plan = yard.plan(stages=(0, 50, 100))
    spec = plan["spec"]
    for system, port in zip(("legacy", "new"), ports):
        spec["systems"][system] = {"endpoints": [f"http://127.0.0.1:{port}"], "protocol": "h2"}
    spec["routing"] = {"key": "header:X-User-Id"}
    return plan


def test_calls_are_split_and_an_emergency_brings_them_back(yard, ports):
    yard.open()
    yard.apply(plan_for(yard, ports))
    yard.cli("start", "app")
    yard.wait_status("legacy has all", weight=0)
    with grpc.insecure_channel(yard.sidecars[0].address) as channel:
        who = channel.unary_unary(f"/{SERVICE}/Who", raw, raw)

        def sides():
            return [who(b"", timeout=PATIENCE, metadata=(("x-user-id", str(u)),)) for u in range(40)]

        assert set(sides()) == {b"legacy"}
        yard.cli("promote", "app")
        yard.wait_status("half", weight=50)
        half = sides()
        assert set(half) == {b"legacy", b"new"} and sides() == half
        yard.cli("promote", "app")
        yard.wait_status("everything goes to new", phase="completed", weight=100)
        goes_on = threading.Event()

        def told():
            yield b"one"
            assert goes_on.wait(PATIENCE)
            yield b"two"

        talk = channel.stream_stream(f"/{SERVICE}/Talk", raw, raw)(told(), timeout=PATIENCE)
        assert next(talk) == b"new:one"
        yard.cli("rollback", "app", "--emergency", "--reason", "a story")
        assert set(sides()) == {b"legacy"}
        goes_on.set()
        assert list(talk) == [b"new:two"]
