"""From a version to a model that may be served: fetched, loaded and checked, each step's failure named."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

import attrs

from modelver.errors import Refused
from modelver.serving.change import Stage
from modelver.serving.journal import call
from modelver.serving.served import Served
from modelver.serving.source import Sighting, Source
from modelver.values.model_version import ModelVersion

T = TypeVar("T")
F = TypeVar("F")


class StageFailed(Exception):
    """A step failed; the error is its cause."""

    def __init__(self, stage: Stage, error: BaseException) -> None:
        super().__init__(stage)
        self.stage: Stage = stage
        self.error = error


@attrs.frozen
class Candidate(Generic[T]):
    """A model that was loaded and checked, and how long that took in seconds."""

    served: Served[T]
    fetch_seconds: float
    load_seconds: float


class Fetched(Protocol[T]):
    """A version whose files are here, verified, and how long that took."""

    @property
    def seconds(self) -> float:
        """Seconds of download and verification."""
        ...

    def load(self) -> Candidate[T]:
        """Load and check it.

        Raises:
            StageFailed: ``load`` or ``check`` failed.
        """
        ...


class Maker(Protocol[T]):
    """What makes a served model of a version."""

    @property
    def ref(self) -> str:
        """The reference that is followed."""
        ...

    def look(self) -> Sighting:
        """Return what the reference names; see `Source.look`."""
        ...

    def earlier(self) -> Iterator[Sighting]:
        """Yield what the reference named before; see `Source.earlier`."""
        ...

    def fetch(self, version: ModelVersion) -> Fetched[T]:
        """Bring a version's files here.

        Raises:
            StageFailed: That failed.
        """
        ...


@attrs.frozen
class ModelMaker(Generic[F, T]):
    """Makes models of what one source has.

    Attributes:
        source: Where versions come from.
        loader: The caller's ``load``.
        check: The caller's smoke test; None for none.
        release: Told of a model that fails its check.
    """

    source: Source[F]
    loader: Callable[[F], T]
    check: Callable[[T], object] | None
    release: Callable[[T], object] | None = None

    @property
    def ref(self) -> str:
        """The reference that is followed."""
        return self.source.ref

    def look(self) -> Sighting:
        """Return what the reference names; see `Source.look`."""
        return self.source.look()

    def earlier(self) -> Iterator[Sighting]:
        """Yield what the reference named before; see `Source.earlier`."""
        return self.source.earlier()

    def fetch(self, version: ModelVersion) -> "FetchedFiles[F, T]":
        """Bring a version's files here, and read what its telemetry says."""
        start = time.monotonic()
        with _named("fetch"):
            files = self.source.fetch(version)
            telemetry = version.telemetry()
        return FetchedFiles(self, version, files, telemetry, time.monotonic() - start)


@attrs.frozen
class FetchedFiles(Generic[F, T]):
    """A version's verified files; see `Fetched`."""

    maker: ModelMaker[F, T]
    version: ModelVersion
    files: F
    telemetry: dict[str, str | bool]
    seconds: float

    def load(self) -> Candidate[T]:
        """Load and check the model."""
        start = time.monotonic()
        with _named("load"):
            model = self.maker.loader(self.files)
        self._check(model)
        served = Served(model, self.version, self.telemetry, files=self.files)
        return Candidate(served, self.seconds, time.monotonic() - start)

    def _check(self, model: T) -> None:
        """Try a model; one that fails is given back, as it may hold what Python can't free and is made at each try."""
        check, release = self.maker.check, self.maker.release
        if check is None:
            return
        try:
            with _named("check"):
                if check(model) is False:
                    raise Refused("the check said no", where=self.version.ref)
        except StageFailed:
            if release is not None:
                call(release, model, f"{self.maker.ref}: release failed")
            raise


def first_at_hand(maker: Maker[T]) -> tuple[Sighting, Candidate[T]] | None:
    """Return the nearest of what the reference named before that can be loaded; None where nothing can.

    That is for a start while the registry is out of reach, after a machine went down in the middle of a swap: it knows
    what the reference names, and doesn't have it.
    """
    for sighting in maker.earlier():
        try:
            return sighting, maker.fetch(sighting.version).load()
        except StageFailed:
            continue
    return None


@contextmanager
def _named(stage: Stage) -> Iterator[None]:
    """Name the step in which an error comes up; a caller's ``sys.exit`` counts as one, and so does a panic in Rust."""
    try:
        yield
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raise StageFailed(stage, error) from error
