"""A speech detector in production: a registry in a bucket, the server that follows it, and the load on that server."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnx

import modelver as mv
from tests.formats.support import scan_bytes
from tests.material import wheel_file
from tests.measuring import unmeasured_environment
from tests.servers.seaweedfs import SeaweedFS

from . import http_load, speech_server
from .speech_server import FILE, MODEL, VERSION_HEADER, probability, session

RELEASES = ("5.1.2", "6.0.0", "6.2.0")
PATIENCE = 120.0

_TIME = np.arange(512) / 16_000
CHUNK = (0.3 * np.sin(2 * np.pi * 220 * _TIME) * np.sin(2 * np.pi * 3 * _TIME)).astype("<f4").tobytes()
"""The sound of every request."""


def release(version: str) -> bytes:
    """Return the model of a release of silero-vad."""
    return wheel_file("silero-vad", version, f"silero_vad/data/{FILE}").read_bytes()


def noted(data: bytes, text: str) -> bytes:
    """Return a model that computes the same, with a note in it."""
    more = onnx.ModelProto(metadata_props=[onnx.StringStringEntryProto(key="note", value=text)])
    return data + more.SerializeToString()


def damaged(data: bytes) -> bytes:
    """Return a model of the same size whose largest tensors have other values: it loads, and computes nonsense."""
    broken = bytearray(data)
    for tensor in scan_bytes(data, FILE).tensors:
        if tensor.length > 100_000:
            broken[tensor.offset : tensor.offset + tensor.length // 2] = bytes(tensor.length // 2)
    return bytes(broken)


def impostor(operator: str = "Constant") -> bytes:
    """Return a model that takes the same inputs and gives 7 for a probability; with an unknown operator it can't be loaded."""
    helper, kind = onnx.helper, onnx.TensorProto
    inputs = [
        helper.make_tensor_value_info("input", kind.FLOAT, [1, 576]),
        helper.make_tensor_value_info("state", kind.FLOAT, [2, 1, 128]),
        helper.make_tensor_value_info("sr", kind.INT64, []),
    ]
    seven = helper.make_tensor("seven", kind.FLOAT, [1, 1], [7.0])
    graph = helper.make_graph(
        [helper.make_node(operator, [], ["output"], value=seven)],
        "impostor",
        inputs,
        [helper.make_tensor_value_info("output", kind.FLOAT, [1, 1])],
    )
    data: bytes = helper.make_model(graph, ir_version=8).SerializeToString()
    return data


def computed(data: bytes, folder: Path) -> float:
    """Return what a model says of the sound of every request."""
    path = folder / "asked.onnx"
    path.write_bytes(data)
    return probability(session(path), CHUNK)


class Production:
    """A registry in a bucket, with the releases as versions.

    Attributes:
        url, options: Where it is.
        registry: Writes to it, from another machine than the server's.
        expected: What each release computes.
    """

    def __init__(self, store: SeaweedFS, folder: Path) -> None:
        self._store = store
        self.url, self.options = store.fresh()
        self.registry = mv.Registry(
            self.url, storage_options=self.options, cache_dir=folder / "writer", create=True, actor="ci"
        )
        self.expected: dict[str, float] = {}
        for version in RELEASES:
            self.register(version, release(version))
            self.expected[version] = computed(release(version), folder)
        self.promote(RELEASES[0])

    def register(self, version: str, data: bytes, **files: bytes) -> None:
        """Register a model under a version, with other files."""
        contents = {FILE: data, **files}
        self.registry.register(MODEL, contents, version=version, changelog=version, capture=False)

    def promote(self, version: str) -> None:
        """Let production name a version."""
        self.registry.promote(f"{MODEL}:{version}", to="production")

    def damage(self, version: str, data: bytes) -> None:
        """Put other bytes in the place of a version's model, behind the registry's back."""
        (file,) = self.registry.get(f"{MODEL}:{version}").files
        digest = file.sha256
        bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        key = f"{prefix}/blobs/sha256/{digest[:2]}/{digest}".lstrip("/")
        with self._store.client() as client:
            assert client.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(data)
            client.put_object(Bucket=bucket, Key=key, Body=data)


class SpeechServer:
    """A running server process.

    Args:
        folder: For its settings and its cache.
        opened: The arguments of its registry object.
        follow: More arguments of `Registry.follow`.
        port: The port to serve on; a free one by default.
    """

    def __init__(
        self, folder: Path, opened: Mapping[str, object], follow: Mapping[str, object], port: int = 0
    ) -> None:
        settings = folder / "settings.json"
        settings.write_text(
            json.dumps({"opened": dict(opened), "follow": dict(follow), "port": port}), encoding="utf-8"
        )
        self.process = subprocess.Popen(
            [sys.executable, speech_server.__file__, str(settings)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline() or 0)
        assert self.port, "the server has ended; its traceback is above"
        self.url = f"http://127.0.0.1:{self.port}"
        self.until(lambda health: health["version"])

    def get(self, path: str) -> Any:
        """Return what it answers to GET."""
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as reply:  # noqa: S310 (our own server)
            return json.load(reply)

    def until(self, told: Callable[[dict[str, Any]], object]) -> float:
        """Wait until its health is as it should be; return the seconds that took."""
        start = time.monotonic()
        health: object = None
        while time.monotonic() < start + PATIENCE:
            assert self.process.poll() is None, "the server has ended; its traceback is above"
            try:
                health = self.get("/healthz")
            except OSError:
                health = None
            if isinstance(health, dict) and told(health):
                return time.monotonic() - start
            time.sleep(0.01)
        raise AssertionError(f"the server is not as it should be: {health}")

    def serves(self, version: str) -> float:
        """Wait until it serves a version."""
        return self.until(lambda health: health["version"] == version)

    def fails(self, stage: str) -> float:
        """Wait until it says that a stage fails."""
        return self.until(lambda health: health["failing"] == stage)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()


class Load:
    """Requests at a constant rate from a process of its own; `answers` when it has ended."""

    def __init__(self) -> None:
        self.answers: list[http_load.Answer] = []

    @property
    def failed(self) -> list[str]:
        """What went wrong."""
        return [said for _, _, said, value in self.answers if value is None]

    def latency(self, share: float) -> float:
        """Return the seconds within which a share of the requests was answered."""
        return float(np.quantile([taken for _, taken, _, _ in self.answers], share))


@contextmanager
def load(url: str, folder: Path, rate: float) -> Iterator[Load]:
    """Keep a server busy, with so many requests a second."""
    body = folder / "chunk"
    body.write_bytes(CHUNK)
    command = [sys.executable, http_load.__file__, f"{url}/speech", str(body), str(rate), VERSION_HEADER]
    environment = unmeasured_environment()
    found = Load()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield found
        finally:
            out, _ = process.communicate("")
        found.answers = [tuple(answer) for answer in json.loads(out)]
