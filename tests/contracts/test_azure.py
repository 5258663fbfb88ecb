"""Containers of Azure Blob Storage keep the contract, as far as its emulator shows."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import fsspec
import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)

from modelver.errors import AlreadyExists, IntegrityError, NotFound, Offline, StoreError
from modelver.storage import open_store
from modelver.storage.remote.azure import AzureContainer
from modelver.storage.remote.azure_faults import trouble
from modelver.storage.remote.bucket import PART, Fault
from modelver.storage.store import Store
from tests.servers.azurite import ACCOUNT, KEY, Azurite
from tests.servers.faultproxy import NO_FAULTS, FaultProxy, Faults

from .store import StoreContract

pytestmark = pytest.mark.usefixtures("measured_loop")


class TestAzurite(StoreContract):
    """A container of Azurite."""

    contested = 10
    waited_for = 30
    examples = 10

    @pytest.fixture
    def store(self, azurite: Azurite) -> Store:
        """Give a store in a new container."""
        self._server = azurite
        url, options = azurite.fresh()
        type(self).options = options
        return open_store(url, storage_options=options)

    def behind(self, store: Store) -> dict[str, bytes]:
        """Read the container by another client."""
        return self._server.behind(store.url)


def test_each_verb_is_one_request(azurite: Azurite) -> None:
    """Every verb, a miss and a loss too, costs one request; the clock none after that."""
    url, _ = azurite.fresh()
    with FaultProxy("127.0.0.1", azurite.port, NO_FAULTS) as proxy:
        store = open_store(url, storage_options=_through(proxy, azurite))
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


def test_a_lost_reply_is_no_loss(azurite: Azurite) -> None:
    """Who created an object, but never heard so, is not told that somebody else did."""
    url, options = azurite.fresh()
    with FaultProxy("127.0.0.1", azurite.port, NO_FAULTS) as proxy:
        store = open_store(url, storage_options=_through(proxy, azurite))
        for number in range(10):
            proxy.faults = Faults()
            with pytest.raises(NotFound):
                store.size("so/that/a/connection/is/kept")
            proxy.faults = Faults(drop_reply=0.35, error_after=0.25)
            store.put_new(f"log/{number}", b"mine")
        assert proxy.requests["PUT", "drop_reply"]
        assert proxy.requests["PUT", "error_after"]
    assert [entry.size for entry in open_store(url, storage_options=options).list("log")] == [4] * 10


def _through(proxy: FaultProxy, azurite: Azurite) -> dict[str, object]:
    return {"connection_string": azurite.connection_string.replace(str(azurite.port), str(proxy.port))}


def test_parts_that_are_there_are_not_sent_again(azurite: Azurite) -> None:
    """An upload that was broken off goes on with the parts whose bytes are the same."""
    url, options = azurite.fresh()
    data = os.urandom(2 * PART + 5)
    first = open_store(url, storage_options=options).upload("blobs/ab", len(data))
    assert first.send(0, data[:PART])
    assert first.send(1, b"x" * PART)
    first.close()
    store = open_store(url, storage_options=options)
    upload = store.upload("blobs/ab", len(data))
    sent = [upload.send(number, data[number * PART : (number + 1) * PART]) for number in range(3)]
    upload.finish()
    assert sent == [False, True, True]
    assert azurite.behind(url) == {"blobs/ab": data}


def test_folders_that_are_blobs_are_no_objects(azurite: Azurite) -> None:
    """An account with a hierarchical namespace keeps folders as blobs: they are not listed, measured or read."""
    url, options = azurite.fresh()
    container = url.removeprefix("az://").partition("/")[0]
    store = open_store(url, storage_options=options)
    for key in ("a/b", "a-b", "a0"):
        store.put_new(key, b"1")
    with azurite.client() as client:
        client.get_blob_client(container, "registry/a").upload_blob(b"", metadata={"hdi_isfolder": "true"})
    assert [entry.key for entry in store.list("")] == ["a-b", "a/b", "a0"]
    for verb in (lambda: store.size("a"), lambda: store.get("a", limit=1)):
        with pytest.raises(NotFound):
            verb()


def test_a_missing_container_is_told(azurite: Azurite) -> None:
    """Whatever is done first says that there is no such container, and no object's absence."""
    url, options = azurite.fresh()
    store = open_store(url.replace("container-", "nothing-"), storage_options=options)
    verbs: list[Callable[[], object]] = [
        lambda: store.get("a", limit=1),
        lambda: store.size("a"),
        lambda: store.put_new("a", b"1"),
        lambda: list(store.list("")),
        lambda: store.upload("a", 5),
    ]
    for verb in verbs:
        with pytest.raises(StoreError, match="no such bucket or container"):
            verb()


def test_a_wrong_key_is_told_and_never_shown(azurite: Azurite) -> None:
    """Neither the key nor what is signed with it is in the error or the address."""
    url, _ = azurite.fresh()
    key = "c2VjcmV0" * 4
    options = {"connection_string": azurite.connection_string.replace(KEY, key)}
    store = open_store(url, storage_options=options)
    with pytest.raises(StoreError, match="access denied") as caught:
        store.get("a", limit=1)
    assert key not in f"{caught.value} {store!r} {store.url} {store.client}"


def test_nobody_there_is_offline(azurite: Azurite) -> None:
    """An address at which nobody listens is `Offline`, soon."""
    url, _ = azurite.fresh()
    options = {"connection_string": azurite.connection_string.replace(str(azurite.port), "1")}
    with pytest.raises(Offline):
        open_store(url, storage_options=options, timeout=5).get("a", limit=1)


def test_another_account_is_not_copied_from(azurite: Azurite) -> None:
    """Between accounts the service would need a signed address, so nothing is asked."""
    url, options = azurite.fresh()
    other = {"connection_string": azurite.connection_string.replace(f"={ACCOUNT};", "=other;")}
    store = open_store(url, storage_options=options)
    assert not store.copy_from(open_store(url, storage_options=other), "a")


_COPIED = {"x-ms-copy-id": "1", "Content-Length": "0"}
_SIZED = {"Content-Length": "3"}
_THERE = {"x-ms-error-code": "BlobAlreadyExists", "Content-Length": "0"}


@pytest.mark.parametrize(
    ("answers", "copied"),
    [
        (
            [
                (202, {**_COPIED, "x-ms-copy-status": "pending"}),
                (200, {**_SIZED, "x-ms-copy-status": "success"}),
            ],
            True,
        ),
        ([(202, {**_COPIED, "x-ms-copy-status": "failed"}), (202, {"Content-Length": "0"})], False),
        ([(409, _THERE), (200, _SIZED)], True),
        ([(403, {"Content-Length": "0"})], False),
        ([(409, _THERE), (200, {"Content-Length": "4"})], IntegrityError),
        ([(503, {"Content-Length": "0"})], HttpResponseError),
    ],
    ids=["later", "failed", "there already", "forbidden", "another is there", "busy"],
)
def test_a_copy_is_what_the_service_says(
    answers: list[tuple[int, dict[str, str]]], copied: bool | type[Exception]
) -> None:
    """Whatever the service answers to a copy, which the emulator does not; the rule is that of "Copy Blob"."""
    with _answering((200, _SIZED), *answers) as address:
        options = {"account_name": ACCOUNT, "connection_string": _CONNECTION.format(KEY=KEY, address=address)}
        filesystem = fsspec.filesystem("az", **options, skip_instance_cache=True)
        here, there = (AzureContainer(name, "", filesystem, 60) for name in ("here", "there"))
        if isinstance(copied, bool):
            assert here.copy_from(there, "blobs/ab") is copied
        else:
            with pytest.raises(copied):
                here.copy_from(there, "blobs/ab")


_CONNECTION = "DefaultEndpointsProtocol=http;AccountName=here;AccountKey={KEY};BlobEndpoint={address}/here;"


@contextmanager
def _answering(*answers: tuple[int, dict[str, str]]) -> Iterator[str]:
    """Run a server that gives these answers, without bodies, one after another."""
    left = iter(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            status, headers = next(left)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def do_PUT(self) -> None:
            self.do_HEAD()

        def do_DELETE(self) -> None:
            self.do_HEAD()

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


@pytest.mark.usefixtures("unmeasured")
def test_a_forked_child_ends(azurite: Azurite) -> None:
    """At the end of a process adlfs waits for its loop; in a forked child, where none runs, that would be forever."""
    url, options = azurite.fresh()
    done = subprocess.run(
        [sys.executable, "-c", _FORKING, url, json.dumps(options)], timeout=240, check=False
    )
    assert done.returncode == 0
    assert set(azurite.behind(url)) == {"parent", "child"}


_FORKING = """
import json, os, sys
from modelver.storage import open_store

url, options = sys.argv[1:]
store = open_store(url, storage_options=json.loads(options))
store.put_new("parent", b"1")
if (child := os.fork()) == 0:
    store.put_new("child", b"2")
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (HttpResponseError("x"), Fault.AGAIN),
        (IncompleteReadError("x"), Fault.AGAIN),
        (ClientAuthenticationError("x"), Fault.DENIED),
        (ServiceRequestError("x"), Fault.AGAIN),
        (ServiceRequestTimeoutError("x"), Fault.NOT_SENT),
        (ServiceResponseTimeoutError("x"), Fault.AGAIN),
        (TimeoutError("x"), Fault.AGAIN),
        (ValueError("x"), Fault.OTHER),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_known_is_tried_again(error: Exception, fault: Fault) -> None:
    """Only a connection that surely never was is `NOT_SENT`; what trying again can't mend is not tried again."""
    assert trouble(error).fault is fault
