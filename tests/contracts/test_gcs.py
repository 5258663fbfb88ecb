"""Buckets of Google Cloud Storage keep the contract, as far as an emulator shows."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import fsspec
import pytest
from aiohttp import ServerDisconnectedError
from gcsfs.retry import HttpError
from google.auth.exceptions import TransportError

from modelver.errors import AlreadyExists, IntegrityError, NotFound, Offline, StoreError, UnsupportedStore
from modelver.storage import open_store
from modelver.storage.remote.bucket import PART, Fault
from modelver.storage.remote.gcs import GcsBucket
from modelver.storage.remote.gcs_http import Ended, Refusal, trouble
from modelver.storage.remote.gcs_upload import GcsUpload
from modelver.storage.store import Store
from tests.servers.fakegcs import FakeGCS
from tests.servers.faultproxy import NO_FAULTS, FaultProxy, Faults

from .store import StoreContract

pytestmark = pytest.mark.usefixtures("measured_loop")

_NOBODY = {"token": "anon", "project": "p", "endpoint_url": "http://127.0.0.1:1"}


class TestFakeGCS(StoreContract):
    """A bucket of fake-gcs-server."""

    contested = 20
    examples = 10

    @pytest.fixture
    def store(self, fake_gcs: FakeGCS) -> Store:
        """Give a store in a new bucket."""
        self._server = fake_gcs
        url, options = fake_gcs.fresh()
        type(self).options = options
        return open_store(url, storage_options=options)

    def behind(self, store: Store) -> dict[str, bytes]:
        """Read the bucket by another client."""
        return self._server.behind(store.url)


def test_each_verb_is_one_request(fake_gcs: FakeGCS) -> None:
    """Every verb, a miss and a loss too, costs one request; the clock none after that."""
    url, options = fake_gcs.fresh()
    with FaultProxy("127.0.0.1", fake_gcs.port, NO_FAULTS) as proxy:
        store = open_store(url, storage_options={**options, "endpoint_url": proxy.url})
        store.put_new("a/1", b"1")
        for verb in _some_verbs(store):
            proxy.clear()
            with suppress(AlreadyExists, NotFound):
                verb()
            assert len(proxy.log) == 1, proxy.log
        proxy.clear()
        store.clock()
        assert proxy.log == []


def _some_verbs(store: Store) -> list[Callable[[], object]]:
    return [
        lambda: store.put_new("a/1", b"2"),
        lambda: store.put_new("a/2", b"2"),
        lambda: store.get("a/1", limit=1),
        lambda: store.get("a/0", limit=1),
        lambda: store.size("a/1"),
        lambda: store.size("a/0"),
        lambda: store.read_range("a/1", 0, 1),
        lambda: list(store.list("")),
        lambda: list(store.folders("")),
        lambda: store.delete("a/1"),
    ]


def test_a_lost_reply_is_no_loss(fake_gcs: FakeGCS) -> None:
    """Who created an object, but never heard so, is not told that somebody else did."""
    url, options = fake_gcs.fresh()
    with FaultProxy("127.0.0.1", fake_gcs.port, Faults(drop_reply=0.35, error_after=0.25)) as proxy:
        store = open_store(url, storage_options={**options, "endpoint_url": proxy.url})
        for number in range(10):
            store.put_new(f"log/{number}", b"mine")
        assert proxy.requests["POST", "drop_reply"]
        assert proxy.requests["POST", "error_after"]
    assert [entry.size for entry in open_store(url, storage_options=options).list("log")] == [4] * 10


def test_parts_that_are_there_are_not_sent_again(fake_gcs: FakeGCS) -> None:
    """An upload that was broken off goes on with the parts whose bytes are the same; they are no objects meanwhile."""
    url, options = fake_gcs.fresh()
    data = os.urandom(2 * PART + 5)
    first = open_store(url, storage_options=options).upload("blobs/ab", len(data))
    assert first.send(0, data[:PART])
    assert first.send(1, b"x" * PART)
    first.close()
    store = open_store(url, storage_options=options)
    assert [*store.list(""), *store.folders("")] == []
    upload = store.upload("blobs/ab", len(data))
    sent = [upload.send(number, data[number * PART : (number + 1) * PART]) for number in range(3)]
    upload.finish()
    assert sent == [False, True, True]
    assert fake_gcs.behind(url) == {"blobs/ab": data}


@pytest.mark.parametrize("count", [1, 32, 33, 70])
def test_any_number_of_parts_is_put_together(count: int, fake_gcs: FakeGCS) -> None:
    """The service takes 32 at once, so more are put together in levels, of which nothing is left."""
    upload, url = _small_parts(fake_gcs)
    parts = [b"%04d" % number for number in range(count)]
    for number, part in enumerate(parts):
        upload.send(number, part)
    upload.finish()
    assert fake_gcs.behind(url) == {"blobs/ab": b"".join(parts)}


def _small_parts(server: FakeGCS) -> tuple[GcsUpload, str]:
    url, options = server.fresh()
    bucket, _, prefix = url.removeprefix("gs://").partition("/")
    made = fsspec.filesystem("gs", **options, skip_instance_cache=True)
    return GcsBucket(bucket, f"{prefix}/", made, 15).upload("blobs/ab", 1), url


def test_parts_that_are_gone_end_an_upload(fake_gcs: FakeGCS) -> None:
    """Where another writer removed the parts, the service finds none: that is a conflict, and no missing object."""
    for status, fault in ((404, Fault.ENDED), (412, Fault.EXISTS), (503, Fault.AGAIN)):
        upload, _ = _small_parts(fake_gcs)
        upload.send(0, b"1")
        with pytest.raises((Ended, Refusal)) as caught:
            upload.answered([Refusal(status, "no")])
        assert trouble(caught.value).fault is fault


def test_a_missing_bucket_is_told(fake_gcs: FakeGCS) -> None:
    """Who writes or lists is told that there is no such bucket."""
    _, options = fake_gcs.fresh()
    store = open_store("gs://nothing/registry", storage_options=options)
    verbs: list[Callable[[], object]] = [
        lambda: store.put_new("a", b"1"),
        lambda: list(store.list("")),
        lambda: store.upload("a", 5),
    ]
    for verb in verbs:
        with pytest.raises(StoreError, match="no such bucket or container"):
            verb()


def test_nobody_there_is_offline() -> None:
    """An address at which nobody listens is `Offline`, soon."""
    with pytest.raises(Offline):
        open_store("gs://bucket/registry", storage_options=_NOBODY, timeout=5).get("a", limit=1)


@pytest.mark.parametrize(
    ("layout", "status", "fits"),
    [({"locationType": "zone"}, 200, False), ({"locationType": "region"}, 200, True), ({}, 403, True)],
)
def test_a_zonal_bucket_is_refused(layout: dict[str, str], status: int, fits: bool) -> None:
    """Before anything is written; where we may not ask for the kind of bucket, the probe has to tell."""
    with _answering((status, layout)) as address:
        bucket = _bucket("bucket", address)
        bucket.on_google = True
        if fits:
            bucket.refuse_zonal()
            bucket.refuse_zonal()  # it is not asked twice: there is no second answer
        else:
            with pytest.raises(UnsupportedStore, match="zonal"):
                bucket.refuse_zonal()


@pytest.mark.parametrize(
    ("answers", "copied"),
    [
        ([(200, {"done": False, "rewriteToken": "t"}), (200, {"done": True})], True),
        ([(412, {}), (200, {"size": "3"})], True),
        ([(403, {})], False),
        ([(412, {}), (200, {"size": "4"})], IntegrityError),
        ([(503, {})], Refusal),
    ],
    ids=["in steps", "there already", "forbidden", "another is there", "busy"],
)
def test_a_copy_is_what_the_service_says(
    answers: list[tuple[int, object]], copied: bool | type[Exception]
) -> None:
    """Whatever the service answers to a copy, which the emulator does not; the rule is that of "Objects: rewrite"."""
    with _answering((200, {"size": "3"}), *answers) as address:
        here, there = _bucket("here", address), _bucket("there", address)
        if isinstance(copied, bool):
            assert here.copy_from(there, "blobs/ab") is copied
        else:
            with pytest.raises(copied):
                here.copy_from(there, "blobs/ab")


def test_another_service_is_not_copied_from() -> None:
    """Nothing is asked then."""
    assert not _bucket("here", "http://127.0.0.1:1").copy_from(_bucket("there", "http://127.0.0.1:2"), "a")


def _bucket(name: str, address: str) -> GcsBucket:
    options = {**_NOBODY, "endpoint_url": address}
    return GcsBucket(name, "", fsspec.filesystem("gs", **options, skip_instance_cache=True), 60)


@contextmanager
def _answering(*answers: tuple[int, object]) -> Iterator[str]:
    """Run a server that gives these answers, one after another."""
    left = iter(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = next(left)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (Refusal(404, "No such object: bucket/a"), Fault.MISSING),
        (Refusal(404, "The specified bucket does not exist."), Fault.NO_PLACE),
        (Refusal(404, "Not Found", of_bucket=True), Fault.NO_PLACE),
        (Refusal(403, "no"), Fault.DENIED),
        (Refusal(416, "no"), Fault.OTHER),
        (Refusal(429, "slow"), Fault.AGAIN),
        (HttpError({"code": 401, "message": "Invalid Credentials"}), Fault.DENIED),
        (TransportError("x"), Fault.NOT_SENT),
        (ServerDisconnectedError(), Fault.AGAIN),
        (TimeoutError("x"), Fault.AGAIN),
        (ValueError("x"), Fault.OTHER),
    ],
    ids=repr,
)
def test_what_is_not_known_is_tried_again(error: Exception, fault: Fault) -> None:
    """Only what surely never was is `NOT_SENT`; what trying again can't mend is not tried again."""
    assert trouble(error).fault is fault
