"""Which bytes of each file of a version hold tensors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import InvalidValue
from modelver.formats import tensor_spans
from modelver.values.filemap import Layout, Tensor


def tensor(offset: int, length: int, file: str = "") -> Tensor:
    """Return a tensor of bytes."""
    return Tensor("w", "uint8", (length,), offset, length, file)


def test_spans_are_of_a_files_own_tensors_and_of_those_that_name_it() -> None:
    """Two models may share a file of values; each span is there once, sorted, and empty ones not at all."""
    layouts = {
        "a.onnx": Layout("onnx", (tensor(8, 4), tensor(64, 8, "w.bin"), tensor(0, 64, "w.bin"))),
        "b.onnx": Layout("onnx", (tensor(4, 4), tensor(4, 0), tensor(0, 64, "w.bin"))),
        "config.json": Layout(),
    }
    assert tensor_spans(layouts, {"a.onnx": 20, "b.onnx": 20, "w.bin": 72, "config.json": 2}) == {
        "a.onnx": ((8, 4),),
        "b.onnx": ((4, 4),),
        "w.bin": ((0, 64), (64, 8)),
        "config.json": (),
    }


def test_values_in_a_file_that_is_not_here_are_refused() -> None:
    """The message names the model, the tensor and the missing file."""
    with pytest.raises(InvalidValue, match=r"not here: a\.onnx, tensor 'w' .*'w\.bin'.*Register it together"):
        tensor_spans({"a.onnx": Layout("onnx", (tensor(0, 4, "w.bin"),))}, {"a.onnx": 20, "v.bin": 4})


@pytest.mark.parametrize("file", ["", "w.bin"])
def test_values_beyond_their_file_are_refused(file: str) -> None:
    """The message gives both sizes."""
    with pytest.raises(InvalidValue, match=r"beyond their file: a\.onnx, .*at least 12 bytes.*found 11"):
        tensor_spans({"a.onnx": Layout("onnx", (tensor(8, 4, file),))}, {"a.onnx": 11, "w.bin": 11})


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.sampled_from(["", "w.bin"])), max_size=20)
)
def test_every_tensor_with_bytes_has_its_span(found: list[tuple[int, int, str]]) -> None:
    """The spans are exactly the ranges of the tensors."""
    layout = Layout("onnx", tuple(tensor(*each) for each in found))
    spans = tensor_spans({"a.onnx": layout}, {"a.onnx": 100, "w.bin": 100})
    for path, file in (("a.onnx", ""), ("w.bin", "w.bin")):
        assert list(spans[path]) == sorted({each[:2] for each in found if each[2] == file and each[1]})
