"""Datasets whose bytes are stored with the version, and files that are only looked at."""

import time
from pathlib import Path

import pytest

import modelver as mv
from modelver.cache.stamps import Stamp, StampCache
from modelver.content.looking import look
from modelver.content.snapshots import with_snapshots
from modelver.content.sources import Source, WithFiles, gather
from modelver.values.file import Role
from tests.registries import weights, write_tree


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Give a folder with datasets."""
    return write_tree(tmp_path / "lake", {"train/a.csv": "1", "train/b/c.csv": "2", "eval.csv": "1"})


def test_a_file_and_a_folder_are_stored_by_name(lake: Path) -> None:
    """A file keeps its suffix, a folder its paths; others are not stored."""
    data = [
        mv.Dataset("train", uri=str(lake / "train"), snapshot=True),
        mv.Dataset("eval", uri=str(lake / "eval.csv"), snapshot=True),
        mv.Dataset("more", uri="s3://lake/more/"),
    ]
    found = gather(with_snapshots({"model.bin": b"x"}, data, {}), {}, {})
    assert {source.path: source.role.value for source in found.sources} == {
        "data/eval.csv": "data",
        "data/train/a.csv": "data",
        "data/train/b/c.csv": "data",
        "model.bin": "weights",
    }


def test_sources_without_snapshots_are_left_alone() -> None:
    """Nothing is wrapped where nothing is to be stored."""
    assert with_snapshots("build/", [mv.Dataset("train", uri="x")], {}) == "build/"


def test_snapshots_add_to_files_that_are_settled(lake: Path) -> None:
    """A project's files and its snapshots are one list."""
    before = WithFiles((), (Source("a.txt", b"a", Role.OTHER),))
    data = [mv.Dataset("eval", uri=str(lake / "eval.csv"), snapshot=True)]
    found = with_snapshots(before, data, {})
    assert isinstance(found, WithFiles)
    assert [file.path for file in found.files] == ["a.txt", "data/eval.csv"]


@pytest.mark.parametrize(
    ("dataset", "error"),
    [
        (mv.Dataset("x", digest=f"sha256:{'a' * 64}", snapshot=True), mv.InvalidValue),
        (mv.Dataset("x", uri="nowhere", snapshot=True), mv.NotFound),
        (mv.Dataset("../x", uri=__file__, snapshot=True), mv.UnsafePath),
    ],
)
def test_what_can_not_be_stored_is_told(dataset: mv.Dataset, error: type[mv.ModelverError]) -> None:
    """No place, nothing there, or a name that leads out."""
    with pytest.raises(error):
        with_snapshots((), [dataset], {})


def test_equal_bytes_are_stored_once(lake: Path, tmp_path: Path) -> None:
    """A snapshot is deduplicated as all files are: across datasets, and across versions."""
    registry = mv.Registry(tmp_path / "registry")

    def data() -> list[mv.Dataset]:
        return [
            mv.Dataset("train", uri=str(lake / "train"), snapshot=True),
            mv.Dataset("eval", uri=str(lake / "eval.csv"), snapshot=True),
        ]

    def named(content: bytes) -> int:
        return sum(
            path.read_bytes() == content
            for path in (tmp_path / "registry" / "blobs").rglob("*")
            if path.is_file()
        )

    first = registry.register("m", {"model.bin": b"x"}, data=data(), capture=False)
    second = registry.register("m", {"model.bin": b"y"}, data=data(), capture=False)
    assert named(b"1") == named(b"2") == 1
    assert first.metadata.data == second.metadata.data
    assert registry.load(second).path.joinpath("data/train/b/c.csv").read_text() == "2"
    assert registry.verify()


def test_looking_is_what_registering_finds(tmp_path: Path) -> None:
    """The same entries and maps, without a store; and what was looked at is not hashed again."""
    folder = write_tree(tmp_path / "build", {"m.safetensors": weights(a=[1, 2]), "prompts/system.txt": "x"})
    found = gather(folder, {}, {}).sources
    time.sleep(0.2)  # files that are younger than the clock's grain prove nothing
    stamps = StampCache(tmp_path / "cache")
    seen = look(found, stamps, tmp_path / "cache", frozenset({Role.PROMPT}))
    version = mv.Registry(tmp_path / "registry").register("m", folder, capture=False)
    assert seen.entries == version.files
    assert seen.maps["m.safetensors"].tensors[0].name == "a"
    assert seen.texts == {"prompts/system.txt": b"x"}
    known = stamps.find(Stamp.of((folder / "m.safetensors").stat()))
    assert known is not None
    assert known.sha256 == version.files[0].sha256
    assert look(found, stamps, tmp_path / "cache", frozenset()).entries == seen.entries
