"""The registry's own files are no sources, and what names a version may be a whole reference."""

from pathlib import Path

import pytest

import modelver as mv


@pytest.fixture
def registry(tmp_path: Path) -> mv.Registry:
    """Give a registry with one version, beside a file to register."""
    registry = mv.Registry(tmp_path / "registry", cache_dir=tmp_path / "cache")
    registry.register("m", {"w.bin": b"1"}, capture=False)
    (tmp_path / "model.bin").write_bytes(b"2")
    return registry


@pytest.mark.parametrize("move", [False, True])
def test_a_folder_that_holds_the_registry_is_registered_without_it(
    registry: mv.Registry, tmp_path: Path, move: bool
) -> None:
    """Registry and cache are left out of the folder around them, and stay whole when its files are moved."""
    version = registry.register("m", tmp_path, move=move, capture=False)
    assert [file.path for file in version.files] == ["model.bin"]
    assert registry.verify()


@pytest.mark.parametrize("inside", ["", "modelver.json", "blobs", "models/m/log"])
@pytest.mark.parametrize("move", [False, True])
def test_the_registrys_own_files_are_refused(
    registry: mv.Registry, tmp_path: Path, inside: str, move: bool
) -> None:
    """Whatever lies in the registry can't be a source, by a link neither."""
    (tmp_path / "link").symlink_to(tmp_path / "registry", target_is_directory=True)
    for root in ("registry", "link"):
        with pytest.raises(mv.InvalidValue, match="in the registry itself"):
            registry.register("m", {"x": tmp_path / root / inside}, move=move, capture=False)
    assert registry.verify()


def test_a_loaded_version_can_be_registered_again(registry: mv.Registry) -> None:
    """What load gives lies in the cache, and is a source like any other."""
    loaded = registry.load("m:1.0.0")
    version = registry.register("n", loaded, capture=False)
    assert version.files == loaded.record.files


def test_a_move_does_not_give_up_a_file_for_a_damaged_blob(registry: mv.Registry, tmp_path: Path) -> None:
    """A source whose blob is there but damaged is the only good copy: it stays, and the damage is told."""
    source = tmp_path / "again.bin"
    source.write_bytes(b"1")
    (digest,) = [file.sha256 for file in registry.get("m:1.0.0").files]
    blob = tmp_path / "registry" / "blobs" / "sha256" / digest[:2] / digest
    blob.chmod(0o644)
    blob.write_bytes(b"0")
    with pytest.raises(mv.IntegrityError):
        registry.register("n", source, move=True, capture=False)
    assert source.read_bytes() == b"1"


def test_an_alias_takes_a_whole_reference(registry: mv.Registry) -> None:
    """What register prints can be given to set_alias as it is."""
    assert registry.set_alias("m", "production", "m:1.0.0").version == "1.0.0"
    assert registry.set_alias("m", "staging", "m@production").version == "1.0.0"
    with pytest.raises(mv.InvalidName, match="another model"):
        registry.set_alias("m", "production", "other:1.0.0")


def test_a_checkout_that_is_none_is_refused(registry: mv.Registry, tmp_path: Path) -> None:
    """A misspelt checkout is told, not passed over."""
    with pytest.raises(mv.NotFound, match="checkout is missing"):
        registry.register("m", {"w.bin": b"3"}, code=tmp_path / "nowhere")
    with pytest.raises(mv.InvalidValue, match="not a git checkout"):
        registry.register("m", {"w.bin": b"3"}, code=tmp_path)
    assert [version.version for version in registry.versions("m")] == ["1.0.0"]
