"""Keeping a place in step: what fails is told once, and brought again ever more seldom."""

import attrs
import pytest

import modelver as mv
from modelver.errors import ModelverError, StoreError
from modelver.serving.keeping import Keeper, News
from modelver.serving.source import Sighting
from tests.registries import MODEL

DAY = 86_400.0


@attrs.define
class Place:
    """A place to which nothing can be brought, on a clock of its own."""

    sighting: Sighting
    error: ModelverError | None
    now: float = 0.0
    looks: int = 0
    brought: list[float] = attrs.field(factory=list)

    def look(self) -> Sighting:
        """Say what is named."""
        self.looks += 1
        return self.sighting

    def bring(self) -> mv.ModelVersion:
        """Fail, or not."""
        self.brought.append(self.now)
        if self.error is not None:
            raise self.error
        return self.sighting.version

    def wait(self, seconds: float) -> bool:
        """Let the time go on for a day."""
        self.now += seconds
        return self.now > DAY

    def keeper(self) -> Keeper[mv.ModelVersion]:
        """Keep it."""
        return Keeper(
            self.look,
            self.bring,
            lambda made: made.digest,
            interval=30.0,
            grace=300.0,
            wait=self.wait,
            clock=lambda: self.now,
        )


@pytest.fixture
def place(registry: mv.Registry) -> Place:
    """Give a place whose disk is full."""
    return Place(Sighting(registry.get(f"{MODEL}:1.0.0")), StoreError("could not store", where="there"))


def test_what_stays_broken_is_brought_ever_more_seldom(place: Place) -> None:
    """Each look is one request, but each try may move all the bytes of a version: four an hour, told once."""
    news = list(place.keeper().run())
    assert [each.trouble for each in news] == [place.error]
    assert place.looks > 2000
    assert len(place.brought) < 120
    assert place.brought[1] < 2 * 30.0 * 1.2, "a failure that passes is made good soon"


def test_another_version_does_not_wait_for_one_that_fails(registry: mv.Registry, place: Place) -> None:
    """And what was wrong is told to be well again once something stands there."""
    run = place.keeper().run()
    assert next(run).trouble is place.error
    place.sighting, place.error = Sighting(registry.get(f"{MODEL}:1.1.0")), None
    assert [next(run), next(run)] == [News(place.sighting.version), News()]
    assert len(place.brought) == 2
