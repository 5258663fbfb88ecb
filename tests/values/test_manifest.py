"""The manifest: the same statement has the same bytes everywhere, and what is written can be read."""

import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import InvalidValue, LimitExceeded, UnsafePath
from modelver.values.digest import Digest
from modelver.values.file import FileEntry, Role
from modelver.values.manifest import MAX_MANIFEST, Manifest
from modelver.values.name import ModelName
from modelver.values.record import BaseModel, Changelog, Dataset, Metadata
from tests.strategies import file_entries, manifests, texts

NAME = ModelName("fraud")


def entry(path: str) -> FileEntry:
    """Make a file of a version."""
    return FileEntry(path, 3, "a" * 64, Role.WEIGHTS)


@given(manifests)
def test_a_manifest_survives_its_bytes(manifest: Manifest) -> None:
    """from_bytes(to_bytes(m)) == m, with the same bytes and digest again."""
    data = manifest.to_bytes()
    again = Manifest.from_bytes(data, what="a manifest")
    assert again == manifest
    assert again.to_bytes() == data
    assert again.digest == manifest.digest == Digest.of(data)


@given(st.randoms(), file_entries())
def test_the_order_of_files_does_not_matter(random: st.DataObject, files: list[FileEntry]) -> None:
    """However the files are listed, the bytes have them sorted by code point."""
    shuffled = list(files)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # Hypothesis gives a random.Random
    manifest = Manifest(NAME, "1.0.0", shuffled)
    assert manifest == Manifest(NAME, "1.0.0", files)
    assert [file.path for file in manifest.files] == sorted(file.path for file in files)


@given(manifests, texts)
def test_content_is_all_but_number_name_and_changelog(manifest: Manifest, text: str) -> None:
    """Renumbering changes the digest and not the content; other files or metadata change the content."""
    renumbered = attrs.evolve(manifest, version=f"{manifest.version}x", changelog=Changelog(text))
    assert renumbered.content() == manifest.content()
    assert renumbered.digest != manifest.digest
    redescribed = attrs.evolve(
        manifest, metadata=attrs.evolve(manifest.metadata, description=f"{manifest.metadata.description}x")
    )
    assert redescribed.content() != manifest.content()
    emptied = attrs.evolve(manifest, files=())
    assert (emptied.content() == manifest.content()) == (not manifest.files)


def test_captured_and_derived_facts_are_not_in_it() -> None:
    """A manifest has what its publisher states, and nothing else."""
    manifest = Manifest(NAME, "1.0.0", (entry("model.onnx"),), changelog=Changelog("First."))
    assert json.loads(manifest.to_bytes()) == {
        "changelog": {"summary": "First."},
        "files": [{"path": "model.onnx", "role": "weights", "sha256": "a" * 64, "size": 3}],
        "format": 1,
        "model": "fraud",
        "version": "1.0.0",
    }


def test_a_file_is_found_by_its_path() -> None:
    """`file` returns the entry, or None."""
    manifest = Manifest(NAME, "1.0.0", (entry("b"), entry("a")))
    assert manifest.file("a") == entry("a")
    assert manifest.file("c") is None


@pytest.mark.parametrize("paths", [("a", "A"), ("a", "a/b"), ("a", "a"), ("..",), ("/etc/passwd",)])
def test_paths_that_are_unsafe_are_refused_when_made_and_when_read(paths: tuple[str, ...]) -> None:
    """The same rule guards both directions."""
    with pytest.raises(UnsafePath):
        Manifest(NAME, "1.0.0", [entry(path) for path in paths])
    files = [{"path": path, "size": 3, "sha256": "a" * 64} for path in paths]
    data = json.dumps({"format": 1, "model": "fraud", "version": "1.0.0", "files": files}).encode()
    with pytest.raises(UnsafePath):
        Manifest.from_bytes(data, what="a hostile manifest")


@pytest.mark.parametrize(
    ("metadata", "place"),
    [
        (Metadata(tags={"team": 5}), r"\$\.metadata\.tags"),  # type: ignore[dict-item] # that is the point
        (Metadata(description=None), r"\$\.metadata\.description"),  # type: ignore[arg-type] # likewise
        (Metadata(owners=["a", 1]), r"\$\.metadata\.owners\[1\]"),  # type: ignore[list-item] # likewise
        (Metadata(external_facing="no"), r"\$\.metadata\.external_facing"),  # type: ignore[arg-type] # likewise
        (Metadata(data=[Dataset("train", uri=5)]), r"\$\.metadata\.data\[0\]\.uri"),  # type: ignore[arg-type] # likewise
        (Metadata(base=[BaseModel("a", "md5:x")]), r"\$\.metadata\.base\[0\]\.digest"),  # type: ignore[arg-type] # likewise
    ],
)
def test_what_could_not_be_read_again_is_not_written(metadata: Metadata, place: str) -> None:
    """A wrong type is found before a version is made of it, and the message names the field."""
    with pytest.raises(InvalidValue, match=place):
        Manifest(NAME, "1.0.0", (), metadata).to_bytes()


def test_a_manifest_has_a_size_limit() -> None:
    """More than a reader accepts is refused, with advice."""
    manifest = Manifest(NAME, "1.0.0", (), Metadata(description="x" * MAX_MANIFEST))
    with pytest.raises(LimitExceeded, match=r"fraud:1\.0\.0.*Store long texts"):
        manifest.to_bytes()


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"format":2}', b'{"format":1}', b'{"format":true,"model":"a"}', b"\xff"]
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    """Other formats and other JSON raise InvalidValue, and say what was read."""
    with pytest.raises(InvalidValue, match="the blob"):
        Manifest.from_bytes(data, what="the blob")
