"""Which files are looked into, and which are plain bytes."""

import pytest

from modelver.errors import InvalidValue
from modelver.formats import scan
from modelver.values.filemap import Layout
from tests.formats.support import CountedFile, safetensors, scan_bytes

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


@pytest.mark.parametrize(
    "path",
    [
        "config.json",
        "model.bin",
        "model.safetensors.index.json",
        "safetensors",
        "onnx",
        "model.onnx/config",
        "",
    ],
)
def test_other_files_are_plain_bytes_and_stay_unread(path: str) -> None:
    """Only the suffix of the file's own name counts."""
    file = CountedFile(safetensors(b"{}"))
    assert scan(file.read_at, file.size, path) == Layout()
    assert file.reads == 0


@pytest.mark.parametrize("path", ["a/model.safetensors", "MODEL.SafeTensors", ".safetensors"])
def test_safetensors_are_known_by_their_suffix_in_any_case(path: str) -> None:
    """Windows users write suffixes as they like."""
    assert scan_bytes(safetensors(b"{}"), path) == Layout("safetensors")


@pytest.mark.parametrize("path", ["a/model.onnx", "MODEL.ONNX"])
def test_onnx_is_known_by_its_suffix_in_any_case(path: str) -> None:
    """An empty graph is the smallest model."""
    assert scan_bytes(b"\x3a\x00", path) == Layout("onnx")


@pytest.mark.parametrize("path", ["model.safetensors", "model.onnx"])
def test_a_git_lfs_pointer_is_named_as_what_it_is(path: str) -> None:
    """The commonest false weight file is one that git lfs never fetched."""
    with pytest.raises(InvalidValue, match=rf"Git LFS pointer.*{path}.*git lfs pull"):
        scan_bytes(POINTER, path)
