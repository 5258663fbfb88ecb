"""Verifying: everything that is stored, or one version; each finding names its object."""

from itertools import pairwise
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import MODEL, objects, publish, write_tree


@pytest.fixture
def version(registry: mv.Registry, build: Path) -> mv.ModelVersion:
    """Give a version with provenance."""
    return registry.register(MODEL, build, run="run-1", capture=False)


def keys_of(registry: mv.Registry, version: mv.ModelVersion) -> dict[str, str]:
    """Return the keys of a version's objects by what they are."""
    commit, _ = registry._session.log(version.name).commit(2)
    event = commit.events[0]
    maps = event.maps.values()  # type: ignore[union-attr] # a registration
    digests = {
        "manifest": version.digest,
        "provenance": event.provenance,  # type: ignore[union-attr] # likewise
        "map": next(iter(maps)),
        "file": mv.Digest.from_hex(version.files[0].sha256),
    }
    return {what: f"blobs/sha256/{digest.hex[:2]}/{digest.hex}" for what, digest in digests.items()} | {
        "commit": "models/acme--fraud/log/00000000000000000002.json"
    }


def test_a_whole_registry_verifies(registry: mv.Registry, version: mv.ModelVersion) -> None:
    """The report counts what was checked, and raises nothing."""
    report = registry.verify()
    assert report
    assert report.ok
    assert report.checked["blobs"] == 8
    assert (report.checked["commits"], report.checked["versions"]) == (2, 1)
    report.raise_if_failed()
    assert "all is well" in str(report)
    assert registry.verify(version)
    assert registry.verify("acme/fraud@latest").subject == "acme/fraud:1.0.0"


@pytest.mark.parametrize("what", ["manifest", "provenance", "map", "file", "commit"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
@pytest.mark.parametrize("fresh", [True, False])
def test_each_damage_names_its_object(
    what: str, damage: str, fresh: bool, registry: mv.Registry, root: Path, version: mv.ModelVersion
) -> None:
    """In the whole registry and in the one version, for a new object and one that was open before."""
    key = keys_of(registry, version)[what]
    path = root / key
    data = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(data[:-1] if damage == "cut" else bytes([data[0] ^ 1]) + data[1:])
    checker = mv.Registry(root) if fresh else registry
    report = checker.verify()
    assert [finding.object for finding in report.findings] == [key]
    with pytest.raises(mv.IntegrityError, match=key):
        report.raise_if_failed()
    if what == "commit" and fresh:
        with pytest.raises(mv.Corrupt):
            checker.verify("acme/fraud:1.0.0")
    else:
        assert key in [finding.object for finding in checker.verify(version).findings]


def test_a_damaged_founding_file_is_found(
    registry: mv.Registry, root: Path, version: mv.ModelVersion
) -> None:
    """Flipped, cut, missing, or another registry's: the report says so, for new objects and open ones."""
    path = root / "modelver.json"
    data = path.read_bytes()
    other = mv.Registry(root.parent / "other", create=True)
    foreign = (Path(other.url) / "modelver.json").read_bytes()
    for damaged in (data[:-1], data.replace(b"1", b"2", 1), b"", None, foreign, b"x" * 100_000):
        path.unlink(missing_ok=True)
        if damaged is not None:
            path.write_bytes(damaged)
        for checker in (registry, mv.Registry(root)):
            report = checker.verify()
            if damaged is foreign and checker is not registry:
                assert "models/acme--fraud/log/00000000000000000001.json" in str(report)
            else:
                assert [finding.object for finding in report.findings] == ["modelver.json"]
    path.unlink()
    with pytest.raises(mv.LogTampered, match="founding file is missing"):
        publish(mv.Registry(root))
    path.write_bytes(data)
    assert registry.verify()


def test_nothing_there_is_not_well(tmp_path: Path) -> None:
    """A registry that does not exist is NotFound, not a report."""
    with pytest.raises(mv.NotFound, match="no registry here"):
        mv.Registry(tmp_path / "nothing").verify()


def test_stray_objects_are_findings(registry: mv.Registry, root: Path, version: mv.ModelVersion) -> None:
    """A blob in the wrong place, and a folder that can be no model's."""
    write_tree(
        root,
        {"blobs/sha256/ab/notes.txt": "x", f"blobs/sha256/ff/{'ab' * 32}": "x", "models/a--b--c/log/x": ""},
    )
    report = registry.verify()
    assert {finding.object for finding in report.findings} == {
        "blobs/sha256/ab/notes.txt",
        f"blobs/sha256/ff/{'ab' * 32}",
        "models/a--b--c",
    }


def test_unneeded_blobs_are_checked_too(registry: mv.Registry, root: Path, version: mv.ModelVersion) -> None:
    """What a crash left behind may be needed one day."""
    digest = mv.Digest.of(b"left behind")
    key = f"blobs/sha256/{digest.hex[:2]}/{digest.hex}"
    write_tree(root, {key: b"left behind"})
    assert registry.verify()
    write_tree(root, {key: b"Left behind"})
    assert [finding.object for finding in registry.verify().findings] == [key]


def test_swapped_objects_are_found(registry: mv.Registry, root: Path, version: mv.ModelVersion) -> None:
    """Each object is where its name says: two blobs, two commits or two kinds can't stand in for each other."""
    publish(registry, b"2")
    stored = objects(root)
    keys = sorted(stored)
    for one, other in pairwise(keys):
        (root / one).unlink()
        (root / other).unlink()
        (root / one).write_bytes(stored[other])
        (root / other).write_bytes(stored[one])
        found = {finding.object for finding in mv.Registry(root).verify().findings}
        assert {one, other} & found
        (root / one).write_bytes(stored[one])
        (root / other).write_bytes(stored[other])
    assert mv.Registry(root).verify()


def test_a_log_that_was_cut_is_found_by_who_saw_it(
    registry: mv.Registry, root: Path, version: mv.ModelVersion, tmp_path: Path
) -> None:
    """On a machine that saw the last commit; another one can't know (docs/format.md)."""
    (root / "models" / "acme--fraud" / "log" / "00000000000000000002.json").unlink()
    report = mv.Registry(root).verify()
    assert [finding.object for finding in report.findings] == [
        "models/acme--fraud/log/00000000000000000002.json"
    ]
    with pytest.raises(mv.RollbackDetected):
        mv.Registry(root).versions(MODEL)
    assert mv.Registry(root, cache_dir=tmp_path / "elsewhere").verify()


@pytest.fixture
def long(registry: mv.Registry) -> mv.Registry:
    """Give a registry whose log has a checkpoint."""
    version = publish(registry)
    for number in range(70):
        registry.annotate(version, str(number))
    return registry


def test_checkpoints_are_derived(long: mv.Registry, root: Path) -> None:
    """A damaged one is a finding; a deleted one is not, and neither hinders reading."""
    folder = root / "models" / "acme--fraud" / "checkpoints"
    (checkpoint,) = folder.iterdir()
    assert long.verify().checked["checkpoints"] == 1
    data = checkpoint.read_bytes()
    checkpoint.unlink()
    checkpoint.write_bytes(data[:-1])
    report = mv.Registry(root).verify()
    assert [finding.object for finding in report.findings] == [
        f"models/acme--fraud/checkpoints/{checkpoint.name}"
    ]
    assert len(mv.Registry(root).versions(MODEL)) == 1
    checkpoint.unlink()
    assert mv.Registry(root).verify()
    (folder / "00000000000000000007.json").write_bytes(data)
    assert "another number" in str(mv.Registry(root).verify())


def test_a_damaged_commit_is_not_blamed_on_checkpoints(long: mv.Registry, root: Path) -> None:
    """One object is damaged, and one is named."""
    key = "models/acme--fraud/log/00000000000000000005.json"
    data = (root / key).read_bytes()
    (root / key).unlink()
    (root / key).write_bytes(data.replace(b"acme", b"acne", 1))
    assert [finding.object for finding in mv.Registry(root).verify().findings] == [key]


def test_reports_show_what_is_wrong(registry: mv.Registry, root: Path, version: mv.ModelVersion) -> None:
    """As text and in a notebook, with the object, and escaped."""
    key = keys_of(registry, version)["file"]
    (root / key).unlink()
    report = registry.verify()
    assert key in str(report)
    assert key in report._repr_html_()
    assert not report


def test_memory_registries_verify_too(memory: mv.Registry) -> None:
    """Stores without files are checked blob by blob."""
    version = publish(memory)
    assert memory.verify()
    assert memory.verify(version)
    objects_behind = memory._session.store._objects  # type: ignore[attr-defined] # a memory store
    key = next(key for key, data in objects_behind.items() if data == b"weights")
    objects_behind[key] = b"Weights"
    assert [finding.object for finding in memory.verify().findings] == [key]
    objects_behind[key] = b"weights and more"
    assert [finding.object for finding in memory.verify(version).findings] == [key]
    del objects_behind[key]
    assert [finding.what for finding in memory.verify().findings] == [
        "a blob that a version needs is missing"
    ]
