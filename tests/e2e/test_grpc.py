# SPDX-License-Identifier: Apache-2.0
"""gRPC through a whole system: a plan with `protocol: h2` splits calls by a metadata header, an emergency moves
new calls at once and ends the stream that is open on new, and calls that new fails open its breaker."""

import json
import threading
import urllib.request
from concurrent import futures

import grpc
import pytest

from switchyard import free_port, wait_for

SERVICE = "story.Echo"
PATIENCE = 30


def raw(data):
    return data


def serve(name):
    """Says its name, or its name and what it was told, message by message; or ends a call with the status asked for,
    where it is new."""

    def end(status, context):
        if name == b"new" and status != b"OK":
            context.abort(grpc.StatusCode[status.decode()], "as asked")
        return name

    handlers = {
        "Who": grpc.unary_unary_rpc_method_handler(lambda *_: name, raw, raw),
        "End": grpc.unary_unary_rpc_method_handler(end, raw, raw),
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
        spec["systems"][system] = {"endpoints": [f"http://127.0.0.1:{port}"], "protocol": "h2", "responseTimeout": "5s"}
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
        over = threading.Event()

        def told():
            yield b"one"
            over.wait(3 * PATIENCE)

        talk = channel.stream_stream(f"/{SERVICE}/Talk", raw, raw)(told(), timeout=3 * PATIENCE)
        assert next(talk) == b"new:one"
        wait_for(lambda: yard.status().get("newLasting") == 1, "status counts it")
        assert "lasting answers" in yard.cli("status", "app").out
        yard.cli("rollback", "app", "--emergency", "--reason", "a story")
        assert set(sides()) == {b"legacy"}
        with pytest.raises(grpc.RpcError) as ended:
            list(talk)
        over.set()
        assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "another system" in ended.value.details()
    wait_for(lambda: yard.status().get("newLasting", 0) == 0, "nobody is on new")


def metrics(admin):
    with urllib.request.urlopen(f"http://{admin}/metrics", timeout=PATIENCE) as page:
        return page.read().decode()


def lines_of(log):
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_fifth_call_that_new_fails_opens_its_breaker(yard, ports):
    log = yard.folder / "access.log"
    admin = f"127.0.0.1:{free_port()}"
    yard.services()
    yard.coordinator.start()
    node = yard.sidecar("node-1", options=["--access-log", log, "--access-log-sample", "0%", "--admin", admin])
    yard.wait_nodes(1)
    plan = plan_for(yard, ports)
    plan["spec"]["stages"] = plan["spec"]["stages"][-1:]
    plan["spec"]["breaker"] = {"errors": 5, "window": "300s", "openFor": "600s"}
    yard.apply(plan)
    yard.cli("start", "app")
    yard.wait_status("everything goes to new", phase="completed", weight=100)
    with grpc.insecure_channel(node.address, [("grpc.enable_retries", 0)]) as channel:
        call = channel.unary_unary(f"/{SERVICE}/End", raw, raw)

        def end(status):
            try:
                return call(status.encode(), timeout=PATIENCE, metadata=(("x-user-id", "1"),)).decode()
            except grpc.RpcError as e:
                return e.code().name

        assert [end("NOT_FOUND") for _ in range(20)] == ["NOT_FOUND"] * 20, "which is an answer"
        failures = ["UNAVAILABLE", "INTERNAL", "UNAVAILABLE", "INTERNAL", "UNIMPLEMENTED"]
        assert [end(status) for status in failures] == failures
        assert [end("UNAVAILABLE") for _ in range(20)] == ["legacy"] * 20
    wait_for(lambda: len(lines_of(log)) == 5, "what failed is logged, whatever the sample")
    assert [line["grpc_status"] for line in lines_of(log)] == failures
    assert all(line["status"] == 200 and line["system"] == "new" for line in lines_of(log))
    wait_for(lambda: yard.status()["breaker"]["openNodes"] == 1, "operators see it")
    wait_for(lambda: yard.stats()["new"]["errors"] == 5, "and the errors")
    spoken = 'switchyard_client_requests_total{protocol="http2"} 45\n'
    wait_for(lambda: spoken in metrics(admin), "and what clients spoke")
