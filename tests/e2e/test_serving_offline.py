"""Following a registry in a bucket that is out of reach: at the start, and after a machine went down in a swap."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import modelver as mv
from modelver.storage import cached
from tests.registries import MODEL, publish
from tests.servers.faultproxy import NO_FAULTS, FaultProxy, Faults
from tests.servers.seaweedfs import SeaweedFS
from tests.serving.conftest import until

pytestmark = pytest.mark.usefixtures("fit_stores")

PRODUCTION = f"{MODEL}@production"
NEVER = 1e9
AWAY = Faults(refuse=True)


class Place:
    """A registry with three versions, the first in production, and the way to it, which can be closed."""

    def __init__(self, server: SeaweedFS, proxy: FaultProxy, folder: Path) -> None:
        self.proxy = proxy
        self._folder = folder
        self._url, self._options = server.fresh()
        self.writer = mv.Registry(
            self._url, storage_options=self._options, cache_dir=folder / "writer", create=True
        )
        for number in ("1.0.0", "1.1.0", "1.2.0"):
            publish(self.writer, number.encode(), version=number, changelog="x")
        self.move("1.0.0")

    def move(self, version: str) -> None:
        """Set production, from another machine."""
        self.writer.set_alias(MODEL, "production", version)

    def machine(self) -> mv.Registry:
        """Return the registry object of a process that has just started on the machine that serves."""
        options = {**self._options, "endpoint_url": self.proxy.url}
        return mv.Registry(self._url, storage_options=options, cache_dir=self._folder / "cache")


@pytest.fixture
def place(seaweedfs: SeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Give a registry that can be reached, as yet; one that can't be is asked again soon."""
    monkeypatch.setattr(cached, "REST_SECONDS", 1.0)
    monkeypatch.setattr(cached, "JUST_NOW", 0.5)
    with FaultProxy("127.0.0.1", seaweedfs.port, NO_FAULTS) as proxy:
        yield Place(seaweedfs, proxy, tmp_path)


def text(files: mv.LoadedModel) -> str:
    """Load a model: the version's number."""
    return (files / "model.bin").read_text(encoding="utf-8")


def serve_once(registry: mv.Registry) -> None:
    """Serve, and end."""
    with registry.follow(PRODUCTION, load=text, interval=NEVER) as follower:
        assert follower.current.model == follower.current.version.version


def test_a_start_without_the_registry_serves_what_was_served_last(place: Place) -> None:
    """It is verified, says that it may be old, and is followed by what production names as soon as that can be known."""
    serve_once(place.machine())
    place.proxy.faults = AWAY
    place.move("1.1.0")
    with place.machine().follow(PRODUCTION, load=text, interval=NEVER) as follower:
        assert follower.current.model == "1.0.0"
        assert follower.age > 0
        follower.check_now()
        assert follower.failing is not None
        assert follower.failing.stage == "resolve"
        place.proxy.faults = NO_FAULTS
        until(lambda: follower.check_now().model == "1.1.0", "the swap")
        assert follower.failing is None


def test_a_machine_that_went_down_in_a_swap_starts_with_what_it_has(place: Place) -> None:
    """It had seen that production moved, and not brought the version, when it went down and the registry went away."""
    serve_once(place.machine())
    place.move("1.1.0")
    place.machine().resolve(PRODUCTION)
    place.proxy.faults = AWAY
    with place.machine().follow(PRODUCTION, load=text, interval=NEVER) as follower:
        assert follower.current.model == "1.0.0"
        assert [
            (change.outcome, change.version and change.version.version) for change in follower.history
        ] == [
            ("swapped", "1.0.0"),
            ("failed", "1.1.0"),
        ]
        assert follower.failing is not None
        assert follower.failing.stage == "fetch"
        place.proxy.faults = NO_FAULTS
        until(lambda: follower.check_now().model == "1.1.0", "the swap")
        assert follower.failing is None


def test_what_production_was_rolled_back_from_is_never_at_hand(place: Place) -> None:
    """A machine that only has that version, and knows of the rollback, does not start without the registry."""
    place.move("1.1.0")
    serve_once(place.machine())
    place.writer.rollback(MODEL, "production", reason="f1 dipped")
    place.machine().resolve(PRODUCTION)
    place.proxy.faults = AWAY
    with pytest.raises(mv.Offline):
        place.machine().follow(PRODUCTION, load=text)
