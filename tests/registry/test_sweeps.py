"""What a registration owes to garbage collections beside it, which are written here by hand."""

from collections.abc import Callable

import pytest

import modelver as mv
from modelver.history.event import SweepDone, SweepStarted
from modelver.log import Log, Proposal
from modelver.registry.versions import registering
from modelver.storage.layout import blob_key
from tests.registries import MODEL, publish

WEIGHTS = mv.Digest.of(b"weights")
Between = Callable[[Callable[[], object]], None]


def write(log: Log, *events: SweepStarted | SweepDone) -> None:
    """Append events to a log."""
    log.append(lambda _: Proposal(events), by="sweeper")


def logs(registry: mv.Registry) -> list[Log]:
    """Return the logs that a sweep writes to: the registry's, and those of the models that there are."""
    session = registry._session
    return [session.registry_log, *(session.log(name) for name in session.models())]


def start(registry: mv.Registry, *blobs: mv.Digest, sweep: str = "s1") -> None:
    """Begin a sweep."""
    registry._session.open_for_writing()
    for log in logs(registry):
        write(log, SweepStarted(sweep, tuple(blob.hex for blob in blobs)))


def finish(registry: mv.Registry, sweep: str = "s1") -> None:
    """End a sweep."""
    for log in logs(registry):
        write(log, SweepDone(sweep))


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Between:
    """Have something happen once, after a registration's files were stored and before it is committed."""
    original = registering.commit_version

    def install(happen: Callable[[], object]) -> None:
        def commit(*arguments: object) -> object:
            monkeypatch.setattr(registering, "commit_version", original)
            happen()
            return original(*arguments)  # type: ignore[arg-type] # as given

        monkeypatch.setattr(registering, "commit_version", commit)

    return install


@pytest.fixture
def other(memory: mv.Registry) -> mv.Registry:
    """Give the same registry as another process has it."""
    return mv.Registry(memory.url)


@pytest.mark.parametrize("new", [True, False])
def test_a_condemned_blob_can_t_be_registered(new: bool, memory: mv.Registry, other: mv.Registry) -> None:
    """Until the sweep is done it is a Conflict, in a new model too; afterwards it goes in."""
    if not new:
        publish(memory, b"first")
    start(other, WEIGHTS)
    with pytest.raises(mv.Conflict, match="about to delete"):
        publish(memory)
    assert not new or memory.versions(MODEL) == []
    finish(other)
    assert publish(memory).created
    assert memory.verify()


def test_other_blobs_are_not_hindered(memory: mv.Registry, other: mv.Registry) -> None:
    """A registration that needs nothing condemned goes on while a sweep runs."""
    publish(memory, b"first")
    start(other, WEIGHTS)
    assert publish(memory, b"second").created


@pytest.mark.parametrize("new", [True, False])
def test_a_sweep_that_starts_meanwhile_wins(
    new: bool, memory: mv.Registry, other: mv.Registry, between: Between
) -> None:
    """The files were stored already, but their blobs are condemned: Conflict, and nothing refers to them."""
    if not new:
        publish(memory, b"first")
    between(lambda: start(other, WEIGHTS))
    with pytest.raises(mv.Conflict, match="about to delete"):
        publish(memory)
    assert len(memory.versions(MODEL)) == (0 if new else 1)


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("deleted", [True, False])
def test_a_sweep_that_ran_meanwhile_is_noticed(
    new: bool, deleted: bool, memory: mv.Registry, other: mv.Registry, between: Between
) -> None:
    """It may have taken a blob that was just relied on: all are looked for again, and one that is gone is a Conflict."""
    if not new:
        publish(memory, b"first")

    def sweep() -> None:
        start(other, WEIGHTS)
        if deleted:
            del memory._session.store._objects[blob_key(WEIGHTS)]  # type: ignore[attr-defined] # a memory store
        finish(other)

    between(sweep)
    if deleted:
        with pytest.raises(mv.Conflict, match="took a blob"):
            publish(memory)
        assert publish(memory).created
    else:
        assert publish(memory).created
    assert memory.verify()


def test_maps_and_manifests_count_too(memory: mv.Registry, other: mv.Registry, between: Between) -> None:
    """A file map, or the manifest that is about to be written, may be what is condemned."""
    version = publish(memory, b"first")
    event = memory._session.log(version.name).commit(2)[0].events[0]
    (map_digest,) = event.maps.values()  # type: ignore[union-attr] # a registration
    start(other, map_digest)
    with pytest.raises(mv.Conflict):
        publish(memory, b"first", metrics={"f1": 1})
    finish(other)
    expected = publish(mv.Registry("memory://twin"), b"first")
    assert expected.digest == version.digest
    start(other, mv.Digest.of(publish(mv.Registry("memory://twin"), b"2").manifest.to_bytes()), sweep="s2")
    with pytest.raises(mv.Conflict):
        publish(memory, b"2")


def test_a_new_model_s_log_learns_of_running_sweeps(memory: mv.Registry, other: mv.Registry) -> None:
    """Its first version copies them, so that later registrations into it honour them too."""
    memory.create_model("other")
    write(other._session.registry_log, SweepStarted("s1", (WEIGHTS.hex,)))
    version = publish(memory, b"first")
    state = memory._session.state(version.name)
    assert state.is_condemned(WEIGHTS.hex)
    with pytest.raises(mv.Conflict):
        publish(memory)


def test_finalizing_honours_sweeps(memory: mv.Registry, other: mv.Registry) -> None:
    """A release of the same blobs is a registration like any other."""
    experiment = publish(memory, bump="prerelease")
    start(other, WEIGHTS)
    with pytest.raises(mv.Conflict):
        memory.finalize(experiment)
    finish(other)
    assert memory.finalize(experiment).version == "1.0.0"
