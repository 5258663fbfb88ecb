"""Without the store: what was read before is there, verified and with its age; the rest says so; nothing is written."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import modelver as mv
from modelver.storage import cached
from tests.registries import MODEL, publish
from tests.servers.faultproxy import NO_FAULTS, FaultProxy, Faults
from tests.servers.seaweedfs import SeaweedFS

pytestmark = pytest.mark.usefixtures("fit_stores")

SHORT = 4.0
"""Seconds for who waits for a store that takes requests and doesn't answer."""

PRODUCTION = f"{MODEL}@production"


class Place:
    """A registry with two versions in a bucket, and a client of it behind a proxy that has loaded one of them.

    Attributes:
        writer: Writes past the proxy, on another machine.
        proxy: What the client goes through.
        cache: The client's.
    """

    def __init__(self, server: SeaweedFS, proxy: FaultProxy, folder: Path) -> None:
        self.url, self._options = server.fresh()
        self.proxy = proxy
        self.cache = folder / "cache"
        self.writer = mv.Registry(
            self.url, storage_options=self._options, cache_dir=folder / "writer", create=True
        )
        publish(self.writer, b"never loaded")
        publish(self.writer, b"loaded", aliases=["production"])
        assert (self.client().load(PRODUCTION) / "model.bin").read_bytes() == b"loaded"

    def client(self, **more: object) -> mv.Registry:
        """Return a new client, which knows what its cache knows."""
        options = {**self._options, "endpoint_url": self.proxy.url}
        given: dict[str, object] = {"cache_dir": self.cache, **more}
        return mv.Registry(self.url, storage_options=options, **given)  # type: ignore[arg-type] # as given


@pytest.fixture
def place(seaweedfs: SeaweedFS, tmp_path: Path) -> Iterator[Place]:
    """Give a registry that can be reached, as yet."""
    with FaultProxy("127.0.0.1", seaweedfs.port, NO_FAULTS) as proxy:
        yield Place(seaweedfs, proxy, tmp_path)


WRITES: tuple[Callable[[mv.Registry], object], ...] = (
    lambda registry: publish(registry, b"new"),
    lambda registry: registry.set_alias(MODEL, "production", "1.0.0"),
    lambda registry: registry.rollback(MODEL, "production"),
    lambda registry: registry.delete_alias(MODEL, "production"),
    lambda registry: registry.annotate(PRODUCTION, "note"),
    lambda registry: registry.yank(PRODUCTION, reason="bad"),
    lambda registry: registry.create_model("other"),
)


def answers_from_memory(registry: mv.Registry) -> None:
    """Check what a client without a store can say, and that it says how old that is."""
    with pytest.warns(UserWarning, match=r"last known state, of \d{4}-.* UTC$"):
        loaded = registry.load(PRODUCTION, verify="full")
    assert (loaded / "model.bin").read_bytes() == b"loaded"
    with pytest.warns(UserWarning, match="last known"):
        assert str(registry.resolve(PRODUCTION).version) == "1.1.0"
    with pytest.warns(UserWarning, match="last known"):
        assert [str(version.version) for version in registry.versions(MODEL)] == ["1.0.0", "1.1.0"]
    with pytest.warns(UserWarning, match="last known"), pytest.raises(mv.Offline) as unread:
        registry.load(f"{MODEL}:1.0.0")
    assert unread.value.hint
    assert unread.value.found or "modelver is offline" in unread.value.what  # why it can't be reached


@pytest.mark.filterwarnings("ignore:.*last known")
def test_writes_fail_closed(place: Place) -> None:
    """Whatever is to be written, the error says that it was not, or that nobody knows; and it was not."""
    before = [str(entry) for entry in place.writer.history(MODEL)]
    place.proxy.faults = Faults(refuse=True)
    for write in WRITES:
        with pytest.raises((mv.StoreError, mv.CommitUnknown)):
            write(place.client())
        with pytest.raises(mv.Offline, match="offline"):
            write(place.client(offline=True))
    assert [str(entry) for entry in place.writer.history(MODEL)] == before
    assert place.writer.models() == [MODEL]


@pytest.mark.filterwarnings("ignore:.*last known")
def test_what_was_done_before_is_not_called_done_from_memory(place: Place) -> None:
    """A write that finds nothing to do must have asked the store: somebody may have moved on meanwhile."""
    used = place.client()
    used.set_alias(MODEL, "production", "1.1.0")
    place.writer.set_alias(MODEL, "production", "1.0.0")
    place.proxy.faults = Faults(refuse=True)
    for write in (
        lambda: used.set_alias(MODEL, "production", "1.1.0"),
        lambda: used.create_model(MODEL),
    ):
        with pytest.raises(mv.Offline):
            write()


def test_an_unreachable_store_leaves_what_was_read(place: Place) -> None:
    """A client that was used, and a new one, go on with what the cache has."""
    used = place.client()
    used.load(PRODUCTION)
    place.proxy.faults = Faults(refuse=True)
    for registry in (used, place.client()):
        answers_from_memory(registry)


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_who_is_offline_asks_nobody(by: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a single request is made, though the store could be reached."""
    if by == "environment":
        monkeypatch.setenv("MODELVER_OFFLINE", "1")
    place.proxy.clear()
    answers_from_memory(place.client(**({"offline": True} if by == "argument" else {})))
    assert place.proxy.log == []


def test_who_never_asked_is_told_so(place: Place, tmp_path: Path) -> None:
    """A client with an empty cache says that the store can't be reached, and what to do."""
    place.proxy.faults = Faults(refuse=True)
    for more in ({}, {"offline": True}):
        registry = place.client(cache_dir=tmp_path / "empty", **more)
        with pytest.raises(mv.Offline) as error:
            registry.load(PRODUCTION)
        assert error.value.hint


@pytest.mark.filterwarnings("ignore:.*last known")
def test_what_is_out_of_reach_is_not_called_damaged(place: Place) -> None:
    """Verifying fails where it can't read, from the beginning or from some request on."""
    place.proxy.faults = Faults(refuse=True)
    for ref in (None, PRODUCTION):
        with pytest.raises(mv.Offline):
            place.client().verify(ref)
        with pytest.raises(mv.Offline, match="modelver is offline"):
            place.client(offline=True).verify(ref)


def test_a_store_that_comes_back_is_asked_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the rest what is read is current, without a warning, and writing works."""
    monkeypatch.setattr(cached, "REST_SECONDS", 1.0)
    monkeypatch.setattr(cached, "JUST_NOW", 0.5)
    registry = place.client()
    place.proxy.faults = Faults(refuse=True)
    answers_from_memory(registry)
    publish(place.writer, b"newer", aliases=["production"])
    place.proxy.faults = NO_FAULTS
    time.sleep(1.1)
    assert (registry.load(PRODUCTION) / "model.bin").read_bytes() == b"newer"
    assert str(registry.rollback(MODEL, "production").version) == "1.1.0"
    assert str(place.writer.resolve(PRODUCTION).version) == "1.1.0"


def test_a_killed_server_is_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a real server, killed and started again: last known, then current, and nothing that was told is lost."""
    monkeypatch.setattr(cached, "REST_SECONDS", 0.0)
    monkeypatch.setattr(cached, "JUST_NOW", 0.0)
    with SeaweedFS(tmp_path / "server") as server, FaultProxy("127.0.0.1", server.port, NO_FAULTS) as proxy:
        place = Place(server, proxy, tmp_path)
        registry = place.client()
        registry.load(PRODUCTION)
        server.kill()
        monkeypatch.setattr(cached, "REST_SECONDS", 30.0)
        answers_from_memory(place.client(timeout=SHORT))
        server.restart()
        publish(place.writer, b"newer", aliases=["production"])
        assert (registry.load(PRODUCTION) / "model.bin").read_bytes() == b"newer"
        assert registry.verify()


@pytest.mark.filterwarnings("ignore:.*last known")
def test_damage_in_the_cache_is_noticed(place: Place, tmp_path: Path) -> None:
    """With one bit of any kept file flipped, what is loaded is right or nothing; once the store is back, so is all."""
    whole = tmp_path / "whole"
    shutil.copytree(place.cache, whole)
    files = [
        path.relative_to(whole)
        for path in sorted(whole.rglob("*"))
        if path.is_file()
        and path.stat().st_size
        and re.match(r"(registries|blobs|versions)/", str(path.relative_to(whole)))
    ]
    assert len(files) == 7
    failed = 0
    for file in files:
        shutil.rmtree(place.cache)
        shutil.copytree(whole, place.cache)
        damaged = bytearray((place.cache / file).read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (place.cache / file).chmod(0o644)
        (place.cache / file).write_bytes(damaged)
        try:
            content = (place.client(offline=True).load(PRODUCTION, verify="full") / "model.bin").read_bytes()
        except mv.ModelverError:
            failed += 1
        else:
            assert content == b"loaded", file
        assert (place.client().load(PRODUCTION, verify="full") / "model.bin").read_bytes() == b"loaded"
        loaded = place.client(offline=True).load(PRODUCTION, verify="full")
        assert (loaded / "model.bin").read_bytes() == b"loaded", file
    assert failed


@pytest.mark.filterwarnings("ignore:.*last known")
def test_zeros_that_a_power_cut_left_in_the_cache_are_no_tampering(place: Place) -> None:
    """What was kept before them is the last known state; once the store is back, so is all."""
    newest = max(place.cache.glob("registries/*/models/*/log/*.json"))
    newest.chmod(0o644)
    newest.write_bytes(bytes(newest.stat().st_size))
    away = place.client(offline=True)
    with pytest.raises(mv.NotFound):
        away.resolve(PRODUCTION)
    assert place.client().resolve(PRODUCTION) == place.client(offline=True).resolve(PRODUCTION)


@pytest.mark.filterwarnings("ignore:.*last known")
def test_an_older_state_of_another_address_is_no_rollback(place: Place) -> None:
    """What is known by one address may be older than what this machine saw by another: that is its age, and no attack."""
    other = mv.Registry(place.url, storage_options=place._options, cache_dir=place.cache)
    publish(place.writer, b"newer", aliases=["production"])
    assert str(other.resolve(PRODUCTION).version) == "1.2.0"
    assert str(place.client(offline=True).resolve(PRODUCTION).version) == "1.1.0"
    place.proxy.faults = Faults(refuse=True)
    assert (place.client().load(PRODUCTION) / "model.bin").read_bytes() == b"loaded"
    place.proxy.faults = NO_FAULTS
    assert str(place.client().resolve(PRODUCTION).version) == "1.2.0"


def test_a_store_that_breaks_off_while_a_log_is_read_is_no_tampering(place: Place) -> None:
    """A commit that was listed, but can't be read, is not a missing one: the last known state ends before it."""
    publish(place.writer, b"newer", aliases=["production"])
    newest = f"/log/{4:020d}.json"
    place.proxy.faults = Faults(reset=1, only=lambda _, path: newest in path)
    answers_from_memory(place.client(timeout=SHORT))
    assert ("GET", "reset") in place.proxy.requests
