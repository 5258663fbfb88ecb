"""Which file of a version goes where, so that a server finds it: rules alone, which read and write nothing.

- ``plain``: the version's files as they are.
- ``triton``: a model of Triton's model repository; see `modelver.serving.triton`.
- ``vllm``: a folder as Hugging Face's tools write it; see `modelver.serving.vllm`.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import attrs

from modelver.errors import InvalidValue
from modelver.values.file import FileEntry
from modelver.values.making import Port
from modelver.values.path import check_together

MAX_TEXT = 16 * 2**20
"""Bytes of a file that the rules read, such as a weight index; the largest published ones have some megabytes."""


class Kind(StrEnum):
    """A layout's name."""

    PLAIN = "plain"
    TRITON = "triton"
    VLLM = "vllm"


@attrs.frozen
class Contents:
    """What of a version decides about its layout.

    Attributes:
        ref: The version's reference, for messages.
        files: Its files.
        texts: The bytes of those that `texts_wanted` names, by path.
        inputs: What the model takes, as its publisher states it.
        outputs: What it gives, likewise.
        graphs: By the path of an ONNX file, what it takes and gives itself.
        beside: By the path of an ONNX file, the files that hold values of its tensors.
    """

    ref: str
    files: tuple[FileEntry, ...]
    texts: Mapping[str, bytes] = attrs.field(factory=dict)
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    graphs: Mapping[str, tuple[tuple[Port, ...], tuple[Port, ...]]] = attrs.field(factory=dict)
    beside: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)


@attrs.frozen
class Layout:
    """What is laid out.

    Attributes:
        kind: Which layout it is.
        files: The files of the version's folder, with their paths in it, sorted.
        config: The text of Triton's ``config.pbtxt``; empty for other layouts.
    """

    kind: Kind
    files: tuple[FileEntry, ...]
    config: bytes = b""


def kind_of(layout: str) -> Kind:
    """Return the layout that a text names.

    Raises:
        InvalidValue: It names none.
    """
    try:
        return Kind(layout)
    except ValueError:
        raise InvalidValue(
            "not a layout", where=repr(layout)[:80], expected=", ".join(Kind), hint="Choose one of them."
        ) from None


def texts_wanted(kind: Kind, files: Iterable[FileEntry]) -> tuple[FileEntry, ...]:
    """Return the files whose text the rules of a layout read."""
    ends = {Kind.PLAIN: (), Kind.TRITON: ("config.pbtxt",), Kind.VLLM: (".safetensors.index.json",)}[kind]
    return tuple(file for file in files if file.path.endswith(ends) and file.size <= MAX_TEXT) if ends else ()


def plain(contents: Contents) -> Layout:
    """Return the layout of a version's files as they are."""
    return Layout(Kind.PLAIN, placed({file.path: file for file in contents.files}))


def placed(files: Mapping[str, FileEntry]) -> tuple[FileEntry, ...]:
    """Return files with other paths, sorted.

    Args:
        files: By their new paths.

    Raises:
        UnsafePath: Two of them can't be in one folder on every system.
    """
    check_together(files)
    return tuple(attrs.evolve(files[path], path=path) for path in sorted(files))


def below(folder: str, files: Sequence[FileEntry]) -> dict[str, FileEntry]:
    """Return the files below a folder (an empty text is the version's own), by their paths in it."""
    start = f"{folder}/" if folder else ""
    return {file.path.removeprefix(start): file for file in files if file.path.startswith(start)}


def folder_of(path: str) -> str:
    """Return the folder that a file is in; empty for the version's own."""
    return path.rpartition("/")[0]


def name_of(path: str) -> str:
    """Return a file's name."""
    return path.rpartition("/")[2]
