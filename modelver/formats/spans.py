"""Where the values of tensors lie in each file of a version."""

from collections.abc import Mapping

from modelver.errors import InvalidValue
from modelver.formats.elements import quoted
from modelver.values.filemap import Layout, Tensor


def tensor_spans(
    layouts: Mapping[str, Layout], sizes: Mapping[str, int]
) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return the spans of every file that hold a tensor's values: its own, and those of models that name the file.

    Args:
        layouts: The layouts of weight files, by path in the version.
        sizes: Bytes of every file of the version, by path.

    Returns:
        For every path of `sizes`, its (offset, length) spans: each once, sorted, none of length 0. Tensors that share
        bytes give spans that overlap, except in safetensors files.

    Raises:
        InvalidValue: A tensor's file is not in the version, or its values end beyond the file.
    """
    spans: dict[str, set[tuple[int, int]]] = {path: set() for path in sizes}
    for path, layout in layouts.items():
        for tensor in layout.tensors:
            _check(tensor, path, sizes)
            if tensor.length:
                spans[tensor.file or path].add((tensor.offset, tensor.length))
    return {path: tuple(sorted(found)) for path, found in spans.items()}


def _check(tensor: Tensor, path: str, sizes: Mapping[str, int]) -> None:
    holder = tensor.file or path
    where = f"{path}, tensor {quoted(tensor.name)}"
    if holder not in sizes:
        raise InvalidValue(
            "tensor's values are in a file that is not here",
            where=where,
            expected=f"a file {quoted(holder)}",
            found="no such file",
            hint="Register it together with the model.",
        )
    end = tensor.offset + tensor.length
    if end > sizes[holder]:
        raise InvalidValue(
            "tensor's values end beyond their file",
            where=where,
            expected=f"at least {end} bytes in {quoted(holder)}",
            found=f"{sizes[holder]}",
            hint="The two files may be of different saves: save the model again.",
        )
