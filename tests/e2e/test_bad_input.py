"""Each bad input has its own error, which says what is wrong, and changes nothing at all."""

import json
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import modelver as mv
from tests.registries import MODEL, onnx_model, snapshot, weights, write_tree

NFC, NFD = "caf\u00e9.txt", "cafe\u0301.txt"


def folder(base: Path, **files: str | bytes) -> Path:
    """Write a folder of files, whose names may be given with `_` for a dot."""
    (base / "build").mkdir(exist_ok=True)
    return write_tree(base / "build", {name.replace("_", "."): data for name, data in files.items()})


def link(base: Path, target: str) -> Path:
    """Write a folder with a symbolic link."""
    (base / "secret.txt").write_text("secret")
    (folder(base, model_bin=b"1") / "link.txt").symlink_to(target)
    return base / "build"


def linked_folder(base: Path) -> Path:
    """Write a folder with a symbolic link to a folder."""
    (folder(base, model_bin=b"1") / "prompts").symlink_to(base)
    return base / "build"


def pipe(base: Path) -> Path:
    """Make a folder with a named pipe, which would be waited on for ever."""
    beside = base.parent / "with a pipe"  # whoever compares the inputs must not read it
    beside.mkdir()
    os.mkfifo(beside / "pipe")
    return beside


def safetensors(header: bytes, data: bytes = b"") -> dict[str, bytes]:
    """Return a safetensors file of a header as it stands."""
    return {"model.safetensors": struct.pack("<Q", len(header)) + header + data}


def tensor(offsets: tuple[int, int]) -> str:
    """Return the header's entry of a tensor of one float32."""
    return json.dumps({"dtype": "F32", "shape": [1], "data_offsets": offsets})


SOURCES: dict[str, tuple[type[mv.ModelverError], str, Callable[[Path], Any]]] = {
    "a missing file": (mv.NotFound, r"missing: .*nowhere\.bin", lambda base: base / "nowhere.bin"),
    "a missing file of a mapping": (mv.NotFound, "missing: .*nowhere", lambda base: {"a": base / "nowhere"}),
    "a missing file of a list": (
        mv.NotFound,
        "missing: .*nowhere",
        lambda base: [folder(base, a=b"1"), base / "nowhere"],
    ),
    "an empty folder": (mv.InvalidValue, "nothing to register: .*build", folder),
    "a folder of litter": (
        mv.InvalidValue,
        "nothing to register",
        lambda base: write_tree(base / "build", {".DS_Store": ""}),
    ),
    "an empty mapping": (mv.InvalidValue, "nothing to register", lambda _: {}),
    "no source": (mv.InvalidValue, "not a source", lambda _: None),
    "a number": (mv.InvalidValue, "not a source: 5", lambda _: {"model.bin": 5}),
    "bytes without a path": (mv.InvalidValue, "need a path", lambda _: b"1"),
    "a path twice": (
        mv.InvalidValue,
        r"one path in the version: a\.bin",
        lambda base: sorted(write_tree(base, {"x/a.bin": b"1", "y/a.bin": b"1"}).glob("*/a.bin")),
    ),
    "a named pipe": (mv.InvalidValue, "not a regular file: .*pipe", pipe),
    "a device": (mv.InvalidValue, "neither a file nor a folder: /dev/zero", lambda _: "/dev/zero"),
    "a link out of the folder": (
        mv.UnsafePath,
        r"leaves its folder: .*link\.txt.*secret",
        lambda base: link(base, "../secret.txt"),
    ),
    "an absolute link": (mv.UnsafePath, "leaves its folder", lambda base: link(base, "/etc/passwd")),
    "a link to nothing": (mv.NotFound, r"nowhere: .*link\.txt", lambda base: link(base, "gone.txt")),
    "a link to a folder": (mv.UnsafePath, "folder is a symbolic link: .*prompts", linked_folder),
    "a link to itself": (mv.ModelverError, r"link\.txt", lambda base: link(base, "link.txt")),
    "names that differ in case": (
        mv.UnsafePath,
        r"one on Windows or macOS: A\.txt and a\.txt",
        lambda base: folder(base, A_txt="1", a_txt="2"),
    ),
    "folders that differ in case": (
        mv.UnsafePath,
        "one on Windows or macOS",
        lambda base: write_tree(base / "build", {"A/1.txt": "1", "a/2.txt": "2"}),
    ),
    "names that differ in composition": (
        mv.InvalidValue,
        "caf",
        lambda base: write_tree(base / "build", {NFC: "1", NFD: "2"}),
    ),
    "names that differ in folding": (
        mv.UnsafePath,
        "one on Windows or macOS",
        lambda _: {"stra\u00dfe.txt": b"1", "STRASSE.txt": b"2"},
    ),
    "a file and a folder of one name": (
        mv.UnsafePath,
        "file and a folder at once: a and a/b",
        lambda _: {"a": b"1", "a/b": b"2"},
    ),
    "a device of Windows": (mv.UnsafePath, "device on Windows.*con", lambda base: folder(base, con_txt="1")),
    "a dot at the end": (mv.UnsafePath, "dot or a space.*a", lambda base: folder(base, a_="1")),
    "a space at the end": (mv.UnsafePath, "dot or a space", lambda _: {"a /b": b"1"}),
    "a name that is no Unicode": (
        mv.UnsafePath,
        "not valid Unicode|portable",
        lambda base: write_tree(base / "build", {os.fsdecode(b"\xff.bin"): "1"}),
    ),
    "a name of 300 bytes": (mv.LimitExceeded, "too long.*255", lambda _: {"a" * 300: b"1"}),
    "a path of 2000 bytes": (mv.LimitExceeded, "too long.*1024", lambda _: {"a/" * 1000 + "a": b"1"}),
    "a cut safetensors file": (
        mv.InvalidValue,
        r"model\.safetensors",
        lambda base: folder(base, model_safetensors=weights(a=[1, 2])[:-1]),
    ),
    "a safetensors file cut in its header": (
        mv.InvalidValue,
        r"model\.safetensors",
        lambda _: {"model.safetensors": weights(a=[1, 2])[:20]},
    ),
    "an empty safetensors file": (
        mv.InvalidValue,
        r"model\.safetensors",
        lambda _: {"model.safetensors": b""},
    ),
    "a safetensors file that is longer": (
        mv.InvalidValue,
        r"model\.safetensors",
        lambda _: {"model.safetensors": weights(a=[1, 2]) + b"\0"},
    ),
    "a safetensors key twice": (
        mv.InvalidValue,
        r"twice|duplicate",
        lambda _: safetensors(f'{{"a":{tensor((0, 4))},"a":{tensor((0, 4))}}}'.encode(), bytes(4)),
    ),
    "safetensors that overlap": (
        mv.InvalidValue,
        r"model\.safetensors",
        lambda _: safetensors(f'{{"a":{tensor((0, 4))},"b":{tensor((2, 6))}}}'.encode(), bytes(6)),
    ),
    "a safetensors header of an exabyte": (
        mv.InvalidValue,
        r"model\.safetensors",
        lambda _: {"model.safetensors": struct.pack("<Q", 2**60) + b"{}"},
    ),
    "a cut ONNX file": (
        mv.InvalidValue,
        r"model\.onnx",
        lambda base: folder(base, model_onnx=onnx_model([1.0, 2.0])[:-3]),
    ),
    "an ONNX file that is text": (mv.InvalidValue, r"model\.onnx", lambda _: {"model.onnx": b"hello, world"}),
}


def bytes_at(path: str) -> Callable[[Path], Any]:
    """Return what gives bytes under a path of the version."""
    return lambda _: {path: b"1"}


def file_at(path: str) -> Callable[[Path], Any]:
    """Return what gives a file under a path of the version."""
    return lambda base: {path: folder(base, model_bin=b"1") / "model.bin"}


for escaping in (
    "../x",
    "a/../../x",
    "/abs",
    "C:\\x",
    "C:x",
    "a\\b",
    "\\\\host\\share",
    "a//b",
    "./a",
    "a\0b",
):
    SOURCES[f"the path {escaping!r}"] = (mv.InvalidValue, "path", bytes_at(escaping))
    SOURCES[f"the file's path {escaping!r}"] = (mv.InvalidValue, "path", file_at(escaping))
SOURCES["bytes under an empty path"] = (mv.InvalidValue, "path", bytes_at(""))

ARGUMENTS: dict[str, tuple[type[mv.ModelverError], str, Mapping[str, Any]]] = {
    "a misspelt field": (mv.InvalidValue, "intended_use", {"metadata": {"intendet_use": "x"}}),
    "an unknown field": (mv.InvalidValue, "custom", {"metadata": {"colour": "x"}}),
    "a field beside metadata": (mv.InvalidValue, r"metrics=", {"metadata": {"metrics": {"f1": 1}}}),
    "a number for a text": (mv.InvalidValue, "license", {"metadata": {"license": 5}}),
    "metadata that is a list": (mv.InvalidValue, "metadata.*mapping", {"metadata": ["x"]}),
    "a metric that is no number": (mv.InvalidValue, r"metrics\['f1'\]", {"metrics": {"f1": float("nan")}}),
    "an endless metric": (mv.InvalidValue, r"metrics\['f1'\]", {"metrics": {"f1": float("-inf")}}),
    "a metric that is a text": (mv.InvalidValue, r"metrics\['f1'\]", {"metrics": {"f1": "0.9"}}),
    "a metric that is a list": (mv.InvalidValue, r"metrics\['f1'\]", {"metrics": {"f1": [0.9]}}),
    "a metric twice": (
        mv.InvalidValue,
        "twice: f1",
        {"metrics": [mv.Metric("f1", 1.0), mv.Metric("f1", 2.0)]},
    ),
    "a parameter that is no number": (mv.InvalidValue, "lr", {"params": {"lr": float("nan")}}),
    "a parameter that JSON lacks": (mv.InvalidValue, "lr", {"params": {"lr": object()}}),
    "a tag that is a number": (mv.InvalidValue, r"tags\['a'\]", {"tags": {"a": 1}}),
    "a dataset that is missing": (mv.NotFound, "nowhere", {"data": {"train": "nowhere.parquet"}}),
    "a dataset twice": (mv.InvalidValue, "one name", {"data": [mv.Dataset("a"), mv.Dataset("a")]}),
    "a base that is missing": (mv.NotFound, r"acme/base:1\.0\.0", {"base": "acme/base:1.0.0"}),
    "a prompt that is missing": (mv.NotFound, "bytes", {"prompts": {"system": "You are helpful."}}),
    "a prompt that escapes": (mv.UnsafePath, "path", {"prompts": {"../system": b"1"}}),
    "an unknown bump": (mv.InvalidValue, "prerelease", {"bump": "huge"}),
    "an empty commit_id": (mv.InvalidValue, "commit_id", {"commit_id": ""}),
    "a commit_id of two lines": (mv.InvalidValue, "commit_id", {"commit_id": "a\nb"}),
}
for wrong in (
    "1",
    "1.2",
    "01.2.3",
    "1.2.3.4",
    "v",
    "",
    "latest",
    "1.2.3-",
    "1.2.3-01",
    "1.2.3+",
    "\u0661.0.0",
):
    ARGUMENTS[f"the version {wrong!r}"] = (mv.InvalidValue, "version", {"version": wrong})
for wrong in (
    "",
    "a b",
    "-a",
    "a/b",
    "a--b",
    "a..b",
    "latest",
    "sha256",
    "1.2.3",
    "v1.2.3",
    "con",
    "\u00e9",
    "x" * 65,
):
    ARGUMENTS[f"the alias {wrong!r}"] = (mv.InvalidName, "alias|version", {"aliases": [wrong]})

NAMES = (
    *(
        "",
        "/",
        "a/",
        "/a",
        "a/b/c",
        "a b",
        "-a",
        "a-",
        ".a",
        "a.",
        "a--b",
        "a..b",
        "../a",
        "con",
        "a/nul.txt",
    ),
    *("a\\b", "a:1", "a@b", "caf\u00e9", "x" * 65, "a\n", "a\0"),
)


@pytest.fixture(params=["new", "filled"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give the place of a registry: one that is not there yet, or one with a version and an alias."""
    place = tmp_path / "registry"
    if request.param == "filled":
        mv.Registry(place).register(MODEL, {"model.bin": b"0"}, aliases=["production"], capture=False)
    return place


def refused(root: Path, error: type[mv.ModelverError], message: str, *arguments: Any, **options: Any) -> None:
    """Register what must be refused, with this error, and look that nothing was made, changed or left behind."""
    inputs, before = root.parent / "inputs", (root.exists(), snapshot(root))
    given = snapshot(inputs)
    for move in (False, True):
        with pytest.raises(error, match=message):
            mv.Registry(root).register(*arguments, **options, move=move, capture=False)
        assert (root.exists(), snapshot(root)) == before
        assert snapshot(inputs) == given


@pytest.mark.parametrize("name", SOURCES)
def test_a_bad_source_changes_nothing(name: str, root: Path, tmp_path: Path) -> None:
    """Missing, escaping, colliding and malformed files are refused before anything is written."""
    error, message, make = SOURCES[name]
    (tmp_path / "inputs").mkdir()
    refused(root, error, message, MODEL, make(tmp_path / "inputs"))


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_bad_statement_changes_nothing(name: str, root: Path) -> None:
    """What breaks the grammar of a field is refused before anything is written."""
    error, message, options = ARGUMENTS[name]
    refused(root, error, message, MODEL, {"model.bin": b"1"}, **options)


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_model_name_changes_nothing(name: str, root: Path) -> None:
    """A name that can't be a folder everywhere is refused before anything is written."""
    refused(root, mv.InvalidName, "name|device|segments", name, {"model.bin": b"1"})


REFS = (
    "x",
    "x:",
    ":1",
    "a:b:c",
    "acme/fraud:1.0",
    "acme/fraud@",
    "acme/fraud@sha256:12",
    "@production",
    "a b:1.0.0",
    "",
)


@pytest.mark.parametrize("ref", REFS)
def test_a_bad_reference_is_refused_by_every_verb(ref: str, tmp_path: Path) -> None:
    """Text that is no reference, or names nothing, is an error that shows it; nothing is changed."""
    registry = mv.Registry(tmp_path / "registry")
    registry.register(MODEL, {"model.bin": b"0"}, aliases=["production"], capture=False)
    before = snapshot(tmp_path / "registry")
    calls: tuple[Callable[[], object], ...] = (
        lambda: registry.get(ref),
        lambda: registry.resolve(ref),
        lambda: registry.load(ref),
        lambda: registry.status(ref),
        lambda: registry.verify(ref),
        lambda: registry.compare(ref, f"{MODEL}:1.0.0"),
        lambda: registry.compare(f"{MODEL}:1.0.0", ref),
        lambda: registry.finalize(ref),
        lambda: registry.yank(ref, reason="bad"),
        lambda: registry.annotate(ref, "note"),
        lambda: registry.record_metrics(ref, {"f1": 1.0}),
    )
    for call in calls:
        with pytest.raises((mv.InvalidName, mv.NotFound), match=r"name|reference|no such"):
            call()
    assert snapshot(tmp_path / "registry") == before


EXPECTATIONS: dict[str, tuple[type[mv.ModelverError], str, Any]] = {
    "another version": (mv.Conflict, r"1\.0\.0", "1.1.0"),
    "nothing": (mv.Conflict, "production", None),
    "another generation": (mv.Conflict, "generation|production", 1),
    "a version that is none": (mv.ModelverError, "9", "9.9.9"),
}


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_an_alias_that_is_not_where_it_was_expected_stays(name: str, tmp_path: Path) -> None:
    """Moving and deleting it are refused, and the message says what it names."""
    error, message, expected = EXPECTATIONS[name]
    registry = mv.Registry(tmp_path / "registry")
    registry.register(MODEL, {"model.bin": b"0"}, aliases=["production"], capture=False)
    registry.register(MODEL, {"model.bin": b"1"}, capture=False)
    before = snapshot(tmp_path / "registry")
    with pytest.raises(error, match=message):
        registry.set_alias(MODEL, "production", "1.1.0", expected=expected)
    with pytest.raises(error, match=message):
        registry.delete_alias(MODEL, "production", expected=expected)
    assert snapshot(tmp_path / "registry") == before


@pytest.mark.parametrize("expected", ["1.0.0", 1])
def test_an_alias_that_was_expected_to_exist_is_not_made(expected: str | int, tmp_path: Path) -> None:
    """Only `expected=None`, or none at all, makes one."""
    registry = mv.Registry(tmp_path / "registry")
    registry.register(MODEL, {"model.bin": b"0"}, capture=False)
    before = snapshot(tmp_path / "registry")
    with pytest.raises(mv.Conflict, match="production"):
        registry.set_alias(MODEL, "production", "1.0.0", expected=expected)
    assert snapshot(tmp_path / "registry") == before


def test_another_content_under_an_existing_version_is_refused(tmp_path: Path) -> None:
    """Versions never change: the error names what differs."""
    registry = mv.Registry(tmp_path / "registry")
    registry.register(MODEL, {"model.bin": b"0"}, version="1.0.0", capture=False)
    log = snapshot(tmp_path / "registry" / "models")
    with pytest.raises(mv.AlreadyExists, match="weights"):
        registry.register(MODEL, {"model.bin": b"1"}, version="1.0.0", capture=False)
    assert snapshot(tmp_path / "registry" / "models") == log
