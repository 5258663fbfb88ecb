"""Spans name the version that answers: made by the real SDK, sent to a real receiver of OTLP."""

import asyncio
import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

import modelver as mv
from modelver.serving.listening import LISTENERS
from tests.registries import MODEL
from tests.serving.conftest import until
from tests.serving.telemetry.servers import get, uvicorn_of
from tests.serving.telemetry.support import following, move, swapping

KEYS = ("model.name", "model.version", "model.digest", "model.alias", "model.external_facing")
Attributes = dict[str, Any]


class Receiver(ThreadingHTTPServer):
    """Takes spans by OTLP over HTTP, and keeps what they say."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: dict[str, list[Attributes]] = {}
        self.resources: list[Attributes] = []

    def take(self, body: bytes) -> None:
        """Read a request."""
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(_plain(group.resource.attributes))
            for scope in group.scope_spans:
                for span in scope.spans:
                    self.spans.setdefault(span.name, []).append(_plain(span.attributes))

    def span(self, name: str) -> Attributes:
        """Return the attributes of the one span of this name."""
        (found,) = self.spans[name]
        return found


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Take spans."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()
        self.wfile.write(ExportTraceServiceResponse().SerializeToString())

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def _plain(attributes: Any) -> Attributes:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: Any) -> object:
    kind = value.WhichOneof("value")
    return (
        [_value(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a receiver that runs."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def providing(receiver: Receiver, **resource: str | bool) -> TracerProvider:
    """Return a provider that stamps spans and sends them to the receiver."""
    provider = TracerProvider(resource=Resource(resource), shutdown_on_exit=False)
    provider.add_span_processor(mv.VersionSpanProcessor())
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{receiver.server_port}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


@pytest.fixture
def provider(receiver: Receiver) -> Iterator[TracerProvider]:
    """Give the provider; its shutdown sends the rest."""
    provider = providing(receiver)
    yield provider
    provider.shutdown()


@pytest.fixture
def tracer(provider: TracerProvider) -> Tracer:
    """Give a tracer."""
    return provider.get_tracer("tests")


@pytest.fixture
def follower(registry: mv.Registry) -> Iterator[mv.Follower[str]]:
    """Follow production."""
    with following(registry) as follower:
        yield follower


def test_a_span_within_a_use_names_the_version(
    registry: mv.Registry,
    follower: mv.Follower[str],
    provider: TracerProvider,
    tracer: Tracer,
    receiver: Receiver,
) -> None:
    """It has the flat attributes of telemetry; one outside of a use has none."""
    with follower.use() as served, tracer.start_as_current_span("within"):
        move(registry, follower, "1.1.0")
        with tracer.start_as_current_span("later"):
            pass
    with tracer.start_as_current_span("outside"):
        pass
    provider.force_flush()
    assert receiver.span("within") == receiver.span("later") == served.version.telemetry()
    assert receiver.span("within")["model.version"] == "1.0.0"
    assert tuple(receiver.span("within")) == KEYS
    assert receiver.span("outside") == {}


def test_a_span_that_began_before_the_use_is_stamped_too(
    registry: mv.Registry,
    follower: mv.Follower[str],
    provider: TracerProvider,
    tracer: Tracer,
    receiver: Receiver,
) -> None:
    """So does the server's span for the request, though its thread and task are others."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        with tracer.start_as_current_span("GET /"):
            body = await asyncio.to_thread(answer)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

    def answer() -> bytes:
        with follower.use() as served:
            return served.model.encode()

    answers: list[str] = []
    with uvicorn_of(app) as port, swapping(registry, follower), ThreadPoolExecutor(4) as pool:

        def swapped() -> bool:
            answers.extend(each.text for each in pool.map(lambda _: get(port, "/"), range(60)))
            return len(set(answers)) > 1

        until(swapped, "a swap between the requests")
    provider.force_flush()
    stamped = [span["model.version"] for span in receiver.spans["GET /"]]
    assert sorted(stamped) == sorted(answers)


def test_a_span_keeps_its_first_version_and_lists_them_all(
    registry: mv.Registry,
    follower: mv.Follower[str],
    provider: TracerProvider,
    tracer: Tracer,
    receiver: Receiver,
) -> None:
    """A use of another model within a span that is named already does not rename it."""
    with (
        registry.follow(f"{MODEL}:1.2.0", lambda _: "other") as other,
        tracer.start_as_current_span("request"),
    ):
        with follower.use(), tracer.start_as_current_span("first"), other.use():
            with tracer.start_as_current_span("second"):
                pass
            with other.use():
                pass
        with other.use():
            pass
        with follower.use():
            pass
    provider.force_flush()
    for name in ("request", "first"):
        assert receiver.span(name)["model.version"] == "1.0.0"
        assert receiver.span(name)["model.refs"] == [f"{MODEL}:1.0.0", f"{MODEL}:1.2.0"]
    assert receiver.span("second")["model.version"] == "1.2.0"
    assert "model.refs" not in receiver.span("second")


def test_a_span_of_generative_ai_gets_its_conventions_names(
    follower: mv.Follower[str], provider: TracerProvider, tracer: Tracer, receiver: Receiver
) -> None:
    """What was asked for and what answered, unless the instrumentation says what was asked for."""
    with follower.use():
        with tracer.start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"}):
            pass
        asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "bot"}
        with tracer.start_as_current_span("asked", attributes=asked):
            pass
    provider.force_flush()
    assert receiver.span("chat")["gen_ai.request.model"] == f"{MODEL}@production"
    assert receiver.span("chat")["gen_ai.response.model"] == f"{MODEL}:1.0.0"
    assert receiver.span("asked")["gen_ai.request.model"] == "bot"


def test_a_model_without_alias_was_asked_for_by_its_version(registry: mv.Registry) -> None:
    """The convention's two names are then the same."""
    with registry.follow(f"{MODEL}:1.2.0", lambda _: "") as follower:
        assert set(mv.gen_ai_attributes(follower.current).values()) == {f"{MODEL}:1.2.0"}


def test_a_resource_says_what_does_not_change(
    registry: mv.Registry, follower: mv.Follower[str], receiver: Receiver
) -> None:
    """Of a version all is said; of what is followed the name and the alias alone, as its version will change."""
    batch = mv.resource_attributes(registry.resolve(f"{MODEL}@production"))
    assert batch == follower.current.telemetry
    server = mv.resource_attributes(follower)
    assert server == {"model.name": MODEL, "model.alias": "production"}
    provider = providing(receiver, **server)
    with provider.get_tracer("tests").start_as_current_span("span"):
        pass
    provider.shutdown()
    assert receiver.resources == [server]


def test_spans_of_threads_and_tasks_are_never_mislabelled(
    registry: mv.Registry,
    follower: mv.Follower[str],
    provider: TracerProvider,
    tracer: Tracer,
    receiver: Receiver,
) -> None:
    """While versions are swapped as fast as they go, each span names what its thread or task uses."""

    def in_a_thread(_: int) -> None:
        with (
            follower.use() as served,
            tracer.start_as_current_span("span", attributes={"said": served.model}),
        ):
            pass

    async def in_a_task() -> None:
        async with follower.use() as served:
            await asyncio.sleep(0)
            with tracer.start_as_current_span("span", attributes={"said": served.model}):
                await asyncio.sleep(0)

    async def tasks() -> None:
        for _ in range(10):
            await asyncio.gather(*(in_a_task() for _ in range(20)))

    with swapping(registry, follower), ThreadPoolExecutor(4) as pool:
        done = [pool.submit(in_a_thread, number) for number in range(300)]
        asyncio.run(tasks())
        for each in done:
            each.result()
    provider.force_flush()
    assert len(receiver.spans["span"]) == 500
    assert all(span["model.version"] == span["said"] for span in receiver.spans["span"])


def test_a_processor_ends_with_its_provider(receiver: Receiver, follower: mv.Follower[str]) -> None:
    """After the provider's shutdown, no use tells it anything."""
    before = LISTENERS.all
    provider = providing(receiver)
    assert len(LISTENERS.all) == len(before) + 1
    span = provider.get_tracer("tests").start_span("open")
    provider.shutdown()
    assert LISTENERS.all == before
    span.end()
