# SPDX-License-Identifier: Apache-2.0
"""common/rpc seen by a client that is not ours: Debian's grpcio."""

import os
import queue
import signal
import subprocess

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

import echo_pb2
import health_pb2
import reflection_pb2
import reflection_v1_pb2

ECHO = "/test.echo.Echo/"
SERVICES = {
    "test.echo.Echo",
    "grpc.health.v1.Health",
    "grpc.reflection.v1alpha.ServerReflection",
    "grpc.reflection.v1.ServerReflection",
}


@pytest.fixture
def server():
    program = os.environ["RPC_ECHO_SERVER"]
    process = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
    process.port = int(process.stdout.readline())
    yield process
    process.stdout.close()
    if process.poll() is None:
        process.terminate()
    assert process.wait(timeout=20) == 0  # a leak or a race report is an exit status


@pytest.fixture
def channel(server):
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(f"127.0.0.1:{server.port}", options=options) as channel:
        yield channel


def unary(channel, path, request, reply, **kwargs):
    method = channel.unary_unary(
        path,
        request_serializer=lambda m: m if isinstance(m, bytes) else m.SerializeToString(),
        response_deserializer=reply.FromString,
    )
    return method(request, timeout=kwargs.pop("timeout", 10), **kwargs)


def bidi(channel, path, requests, reply, timeout=10):
    method = channel.stream_stream(
        path,
        request_serializer=lambda m: m.SerializeToString(),
        response_deserializer=reply.FromString,
    )
    return method(requests, timeout=timeout)


class Requests:
    """An open stream's requests, sent one by one."""

    def __init__(self):
        self.queue = queue.Queue()

    def send(self, message):
        self.queue.put(message)

    def close(self):
        self.queue.put(None)

    def __iter__(self):
        return self

    def __next__(self):
        message = self.queue.get()
        if message is None:
            raise StopIteration
        return message


# ---- unary -------------------------------------------------------------------------------------


def test_a_request_is_answered(channel):
    reply = unary(channel, ECHO + "Say", echo_pb2.Text(text="hello", data=b"\0\1"), echo_pb2.Text)
    assert reply == echo_pb2.Text(text="hello", data=b"\0\1")


def test_an_error_has_status_message_code_and_hint(channel):
    words = "stage half: größer als 50 %"
    failure = echo_pb2.Failure(code="refused", message=words, hint="zurück, bitte")
    with pytest.raises(grpc.RpcError) as caught:
        unary(channel, ECHO + "Fail", failure, echo_pb2.Text)
    error = caught.value
    trailers = dict(error.trailing_metadata())
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == words
    assert trailers["switchyard-code"] == "refused"
    assert trailers["switchyard-hint"] == "zur%C3%BCck,%20bitte"


@pytest.mark.parametrize(
    "path, words",
    [
        ("/test.echo.None/Say", "/test.echo.None/Say"),
        ("/test.echo.Echo/None", "service test.echo.Echo has no method None"),
        ("/nonsense", "/nonsense"),
        ("/test.echo.Echo/Say/more", "has no method Say/more"),
    ],
)
def test_what_is_not_there_is_unimplemented(channel, path, words):
    with pytest.raises(grpc.RpcError) as caught:
        unary(channel, path, echo_pb2.Text(), echo_pb2.Text)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert words in caught.value.details()


def test_bytes_that_are_no_message_are_invalid(channel):
    with pytest.raises(grpc.RpcError) as caught:
        unary(channel, ECHO + "Say", b"\xff\xff\xff", echo_pb2.Text)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "test.echo.Text" in caught.value.details()


def test_a_message_that_unfolds_too_far_is_invalid(channel):
    """A field takes two bytes on the wire and thirty in memory: the decoder has a budget."""
    unknown_fields = b"\x2a\x00"
    unary(channel, ECHO + "Say", unknown_fields * 1000, echo_pb2.Text)
    with pytest.raises(grpc.RpcError) as caught:
        unary(channel, ECHO + "Say", unknown_fields * 1_900_000, echo_pb2.Text)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_message_over_the_limit_is_refused(channel):
    with pytest.raises(grpc.RpcError) as caught:
        unary(channel, ECHO + "Say", echo_pb2.Text(data=bytes(5 << 20)), echo_pb2.Text)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_deadline_is_kept(channel):
    with pytest.raises(grpc.RpcError) as caught:
        unary(channel, ECHO + "Hold", echo_pb2.Text(), echo_pb2.Text, timeout=0.2)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_compressed_requests_are_understood(channel):
    text = echo_pb2.Text(text="x" * 10000)
    gzip = grpc.Compression.Gzip
    assert unary(channel, ECHO + "Say", text, echo_pb2.Text, compression=gzip) == text


# ---- streams -----------------------------------------------------------------------------------


def test_messages_come_back_in_order(channel):
    requests = Requests()
    replies = bidi(channel, ECHO + "Chat", requests, echo_pb2.Text)
    for i in range(20):
        requests.send(echo_pb2.Text(text=str(i)))
        assert next(replies).text == str(i)
    requests.close()
    assert list(replies) == []
    assert replies.code() == grpc.StatusCode.OK


def test_a_stream_ends_with_the_servers_status(channel):
    failure = echo_pb2.Failure(code="conflict", message="an older term")
    replies = bidi(channel, ECHO + "Quit", iter([failure]), echo_pb2.Text)
    with pytest.raises(grpc.RpcError) as caught:
        list(replies)
    assert caught.value.code() == grpc.StatusCode.ABORTED
    assert caught.value.details() == "an older term"


def test_a_refused_stream_tells_why(channel):
    replies = bidi(channel, ECHO + "Refuse", Requests(), echo_pb2.Text)
    with pytest.raises(grpc.RpcError) as caught:
        list(replies)
    assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert dict(caught.value.trailing_metadata())["switchyard-hint"] == "try%20Chat"


def test_a_stream_may_be_cancelled(channel):
    requests = Requests()
    replies = bidi(channel, ECHO + "Chat", requests, echo_pb2.Text)
    requests.send(echo_pb2.Text(text="x"))
    assert next(replies).text == "x"
    replies.cancel()
    assert replies.code() == grpc.StatusCode.CANCELLED
    requests.close()
    assert unary(channel, ECHO + "Say", echo_pb2.Text(text="alive"), echo_pb2.Text).text == "alive"


def test_a_stream_with_a_deadline_ends_at_it(channel):
    requests = Requests()
    replies = bidi(channel, ECHO + "Chat", requests, echo_pb2.Text, timeout=0.2)
    with pytest.raises(grpc.RpcError) as caught:
        list(replies)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    requests.close()


def test_open_streams_end_when_the_server_stops(server, channel):
    requests = Requests()
    replies = bidi(channel, ECHO + "Chat", requests, echo_pb2.Text)
    requests.send(echo_pb2.Text(text="x"))
    next(replies)
    server.terminate()
    with pytest.raises(grpc.RpcError) as caught:
        list(replies)
    assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    requests.close()


# ---- health ------------------------------------------------------------------------------------

HEALTH = "/grpc.health.v1.Health/"
Status = health_pb2.HealthCheckResponse


@pytest.mark.parametrize("service", ["", "test.echo.Echo", "grpc.health.v1.Health"])
def test_health_is_served(channel, service):
    request = health_pb2.HealthCheckRequest(service=service)
    assert unary(channel, HEALTH + "Check", request, Status).status == Status.SERVING


def test_health_of_an_unknown_service_is_not_found(channel):
    with pytest.raises(grpc.RpcError) as caught:
        unary(channel, HEALTH + "Check", health_pb2.HealthCheckRequest(service="none"), Status)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_health_is_watched(server, channel):
    watch = channel.unary_stream(
        HEALTH + "Watch",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=Status.FromString,
    )
    statuses = watch(health_pb2.HealthCheckRequest(), timeout=10)
    unknown = watch(health_pb2.HealthCheckRequest(service="none"), timeout=10)
    assert next(statuses).status == Status.SERVING
    assert next(unknown).status == Status.SERVICE_UNKNOWN
    server.send_signal(signal.SIGUSR1)
    assert next(statuses).status == Status.NOT_SERVING
    server.send_signal(signal.SIGUSR2)
    assert next(statuses).status == Status.SERVING
    server.terminate()
    assert next(statuses).status == Status.NOT_SERVING
    with pytest.raises(grpc.RpcError) as caught:
        next(statuses)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


# ---- reflection --------------------------------------------------------------------------------


@pytest.fixture(params=[reflection_pb2, reflection_v1_pb2], ids=["v1alpha", "v1"])
def reflect(channel, request):
    protocol = request.param
    service = protocol.DESCRIPTOR.services_by_name["ServerReflection"].full_name

    def ask(*requests):
        messages = [protocol.ServerReflectionRequest(host="h", **r) for r in requests]
        path = f"/{service}/ServerReflectionInfo"
        answers = list(bidi(channel, path, iter(messages), protocol.ServerReflectionResponse))
        assert [a.original_request for a in answers] == messages
        assert {a.valid_host for a in answers} <= {"h"}
        return answers

    return ask


def files(answer):
    assert answer.WhichOneof("message_response") == "file_descriptor_response", answer
    protos = answer.file_descriptor_response.file_descriptor_proto
    return [descriptor_pb2.FileDescriptorProto.FromString(p) for p in protos]


def test_services_are_listed(reflect):
    (answer,) = reflect({"list_services": ""})
    assert {s.name for s in answer.list_services_response.service} == SERVICES


def test_a_file_comes_with_its_imports(reflect):
    first, imported = reflect(
        {"file_by_filename": "echo.proto"}, {"file_by_filename": "echo_types.proto"}
    )
    assert [f.name for f in files(first)] == ["echo.proto", "echo_types.proto"]
    assert [f.name for f in files(imported)] == ["echo_types.proto"]


@pytest.mark.parametrize(
    "symbol", ["test.echo.Echo", "test.echo.Echo.Chat", "test.echo.Text", "test.echo.Text.mark"]
)
def test_the_file_of_a_symbol_is_found(reflect, symbol):
    (answer,) = reflect({"file_containing_symbol": symbol})
    assert files(answer)[0].name == "echo.proto"


def test_descriptors_can_be_used(reflect):
    """All imports resolve, and the messages built from them work."""
    (answer,) = reflect({"file_containing_symbol": "test.echo.Echo"})
    pool = descriptor_pool.DescriptorPool()
    for file in reversed(files(answer)):
        pool.Add(file)
    methods = pool.FindServiceByName("test.echo.Echo").methods_by_name
    mark = methods["Chat"].input_type.fields_by_name["mark"]
    assert mark.message_type.full_name == "test.echo.Mark"


@pytest.mark.parametrize(
    "request_, status",
    [
        ({"file_containing_symbol": "test.echo.None"}, grpc.StatusCode.NOT_FOUND),
        ({"file_by_filename": "none.proto"}, grpc.StatusCode.NOT_FOUND),
        ({"all_extension_numbers_of_type": "test.echo.Text"}, grpc.StatusCode.NOT_FOUND),
        ({}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_what_is_not_known_is_an_error_and_not_the_end(reflect, request_, status):
    wrong, right = reflect(request_, {"list_services": "*"})
    assert wrong.error_response.error_code == status.value[0]
    assert wrong.error_response.error_message
    assert len(right.list_services_response.service) == len(SERVICES)
