"""Many processes write to one model at once: no version is lost, doubled or skipped, and nobody is left behind."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

import modelver as mv
from tests.histories_checker import Operation, faults
from tests.registries import MODEL, objects
from tests.servers.seaweedfs import SeaweedFS

from .processes import at_once, processes

LONG = [pytest.mark.full, pytest.mark.timeout(3000)]
FAIREST = 3.0
"""How many times as fast as the slowest writer the fastest may be, over `ENOUGH` commits."""

ENOUGH = 50


def worked(
    writers: int,
    each: int,
    registry: Path | str,
    cache: Path,
    *,
    apart: bool = False,
    opened: Mapping[str, object] | None = None,
) -> tuple[list[Operation], float]:
    """Let processes register and resolve; return what each call was told, and how unlike their rates were."""
    with processes(writers, registry, cache, apart=apart, opened=opened) as started:
        recorded = at_once(started, "record_many", MODEL, "{}", each)
    assert not [told for told in recorded if isinstance(told, tuple)], recorded
    conflicts = [end - start for calls in recorded for start, end, verb, _ in calls if verb == "conflict"]
    history = [
        Operation(start, end, int(version.split(".")[1]), verb == "register", f"writer {writer}")
        for writer, calls in enumerate(recorded)
        for start, end, verb, version in calls
        if verb != "conflict"
    ]
    began = min(operation.start for operation in history)
    ended: dict[str, float] = defaultdict(float)
    for operation in history:
        ended[operation.client] = max(ended[operation.client], operation.end - began)
    ratio = max(ended.values()) / min(ended.values())
    count = sum(operation.writes for operation in history)
    seconds = max(ended.values())
    told = f"{count} commits in {seconds:.1f} s, {len(conflicts)} conflicts, fastest to slowest writer {ratio:.2f}"
    print(told)  # noqa: T201 (figures)
    return history, ratio


def log_of(keys: list[str]) -> list[str]:
    """Return the keys of the model's commits."""
    return sorted(key for key in keys if key.startswith("models/acme--fraud/log/"))


@pytest.mark.parametrize(("writers", "each"), [(16, 8), pytest.param(16, 625, marks=LONG)])
def test_processes_on_a_folder_leave_one_history(writers: int, each: int, tmp_path: Path) -> None:
    """What all of them saw fits one order of events, which is the log's, and the slowest is not far behind."""
    root = tmp_path / "registry"
    history, ratio = worked(writers, each, root, tmp_path / "cache")
    assert sum(operation.writes for operation in history) == writers * each
    assert faults(history, first=0) == []
    keys = [f"models/acme--fraud/log/{seq:020d}.json" for seq in range(1, writers * each + 2)]
    assert log_of([*objects(root)]) == keys
    assert mv.Registry(root, cache_dir=tmp_path / "another machine").verify()
    assert ratio <= FAIREST or each < ENOUGH


@pytest.mark.parametrize(("writers", "each"), [(4, 8), pytest.param(16, 100, marks=LONG)])
@pytest.mark.parametrize("hosts", ["one host", "hosts of their own"])
def test_processes_on_a_bucket_leave_one_history(
    hosts: str, writers: int, each: int, seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    """The same for a bucket, for processes that share a lock and for those that race for each commit."""
    url, options = seaweedfs.fresh()
    mv.Registry(url, storage_options=options, create=True).create_model(MODEL)
    history, ratio = worked(
        writers,
        each,
        url,
        tmp_path / "cache",
        apart=hosts != "one host",
        opened={"storage_options": options},
    )
    assert sum(operation.writes for operation in history) == writers * each
    assert faults(history, first=0) == []
    keys = [f"models/acme--fraud/log/{seq:020d}.json" for seq in range(1, writers * each + 2)]
    assert log_of([*seaweedfs.behind(url)]) == keys
    assert mv.Registry(url, storage_options=options, cache_dir=tmp_path / "another machine").verify()
    assert ratio <= FAIREST or each < ENOUGH


@pytest.mark.parametrize(("kind", "rounds"), [("folder", 4), ("bucket", 2)])  # each bucket is tried out twice
def test_two_that_make_a_registry_at_once_find_themselves_in_one(
    kind: str, rounds: int, seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    """Whoever is first makes it; both work in it, and there are one founding file and one model."""
    with processes(2, tmp_path, tmp_path / "cache", apart=True) as started:
        for number in range(rounds):
            place: Path | str = tmp_path / f"registry-{number}"
            options: dict[str, object] = {}
            if kind == "bucket":
                place, options = seaweedfs.fresh()
            for process in started:
                process.registry = place
                process.opened = {"create": True, "storage_options": options}
            created = at_once(started, "register_many", MODEL, "{}", 1)
            assert sorted(created) == [["1.0.0"], ["1.1.0"]]
            observer = mv.Registry(place, storage_options=options, cache_dir=tmp_path / f"observer-{number}")
            assert observer.models() == [MODEL]
            assert observer.verify()
