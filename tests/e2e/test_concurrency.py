"""Many processes write to one registry at once, and nothing is lost, doubled or skipped."""

from pathlib import Path

import pytest

import modelver as mv
from tests.registries import objects

from .processes import at_once, processes


@pytest.mark.parametrize(("writers", "each"), [(8, 10), pytest.param(16, 50, marks=pytest.mark.full)])
def test_each_of_many_registrations_is_a_version(writers: int, each: int, tmp_path: Path) -> None:
    """Processes that register into one model get versions of their own; the log has no gap, and its chain is whole."""
    root = tmp_path / "registry"
    with processes(writers, root, tmp_path / "cache") as started:
        created = at_once(started, "register_many", "acme/fraud", "{}", each)
    versions = [version for versions in created for version in versions]
    assert len(versions) == len(set(versions)) == writers * each
    assert sorted(versions) == sorted(f"1.{minor}.0" for minor in range(writers * each))
    logged = [key for key in objects(root) if key.startswith("models/acme--fraud/log/")]
    assert logged == [f"models/acme--fraud/log/{seq:020d}.json" for seq in range(1, writers * each + 2)]
    for registry in (mv.Registry(root), mv.Registry(root, cache_dir=tmp_path / "another machine")):
        assert registry.verify()
        listed = registry.versions("acme/fraud")
        assert {str(version.version) for version in listed} == set(versions)
        assert len({version.files[0].sha256 for version in listed}) == writers * each


def test_each_writer_sees_its_versions_in_order(tmp_path: Path) -> None:
    """What a process registers later has a higher number, whatever the others do meanwhile."""
    with processes(4, tmp_path / "registry", tmp_path / "cache") as started:
        for versions in at_once(started, "register_many", "acme/fraud", "{}", 8):
            minors = [int(version.split(".")[1]) for version in versions]
            assert minors == sorted(minors)
            assert len(minors) == 8


def test_one_process_a_round_moves_an_alias(tmp_path: Path) -> None:
    """Of eight that expect the same generation exactly one wins; the others are told, and nothing else happens."""
    registry = mv.Registry(tmp_path / "registry")
    for content in (b"1", b"2"):
        registry.register("acme/fraud", {"model.bin": content}, aliases=["production"], capture=False)
    with processes(8, tmp_path / "registry", tmp_path / "cache") as started:
        for number in range(10):
            generation = registry.history("acme/fraud", alias="production")[-1].generation
            target = ("1.0.0", "1.1.0")[number % 2]
            outcomes = at_once(
                started, "set_alias", "acme/fraud", "production", target, expected=generation, reason="round"
            )
            assert outcomes.count([target, False]) == 1
            assert [outcome[0] for outcome in outcomes].count("Conflict") == 7
            assert str(registry.get("acme/fraud@production").version) == target
    assert len(registry.history("acme/fraud", alias="production")) == 2 + 10
    assert registry.verify()


def test_a_new_registry_is_made_once(tmp_path: Path) -> None:
    """Processes that make one registry, and one model, at once find themselves in the same one."""
    with processes(2, tmp_path, tmp_path / "cache") as started:
        for number in range(10):
            root = tmp_path / f"registry-{number}"
            for process in started:
                process.registry = root
            created = at_once(started, "register_many", "acme/fraud", "{}", 1)
            assert sorted(created) == [["1.0.0"], ["1.1.0"]]
            assert mv.Registry(root).verify()
            assert not list((root / "tmp").iterdir())
