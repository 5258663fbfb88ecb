"""Formats that hold data and no code."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from modelver.errors import InvalidValue, UnsafeFormat
from modelver.serving.loaders.files import Files, library, matching, only

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    import torch  # pyright: ignore[reportMissingImports]

Tensor = TypeVar("Tensor")
_SHOWN = 10


def safetensors(pattern: str = "*.safetensors") -> Callable[[Files], "dict[str, np.ndarray]"]:
    """Load the tensors of all safetensors files, shards too, as NumPy arrays by their names.

    Args:
        pattern: Which files.

    Raises:
        NotFound: (when loading) There is no such file.
        InvalidValue: (when loading) Two files have a tensor of one name, or safetensors or NumPy is not installed.
    """

    def load(files: Files) -> "dict[str, np.ndarray]":
        read = library("safetensors.numpy", "safetensors numpy").load_file
        return _merged(files, pattern, read)

    return load


def torch_tensors(
    pattern: str = "*.safetensors", *, device: str = "cpu"
) -> Callable[[Files], "dict[str, torch.Tensor]"]:
    """Load the tensors of all safetensors files, shards too, as PyTorch tensors: a ``state_dict``.

    Args:
        pattern: Which files.
        device: Where to, such as ``cuda:0``.

    Raises:
        NotFound: (when loading) There is no such file.
        InvalidValue: (when loading) Two files have a tensor of one name, or safetensors or PyTorch is not installed.
    """

    def load(files: Files) -> "dict[str, torch.Tensor]":
        library("torch", "torch")
        read = library("safetensors.torch", "safetensors").load_file
        return _merged(files, pattern, lambda path: read(path, device=device))

    return load


def _merged(files: Files, pattern: str, read: Callable[[Path], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for path in matching(files, [pattern]):
        new = read(path)
        twice = sorted(tensors.keys() & new)
        if twice:
            raise InvalidValue(
                "two files have a tensor of one name",
                where=path,
                found=", ".join(twice[:_SHOWN]),
                hint="Give a pattern that fits the files of one model.",
            )
        tensors.update(new)
    return tensors


def onnx(
    file: str | None = None,
    *,
    providers: Sequence[str] | None = None,
    options: "onnxruntime.SessionOptions | None" = None,
) -> Callable[[Files], "onnxruntime.InferenceSession"]:
    """Load an ONNX file into an ``onnxruntime.InferenceSession``.

    Args:
        file: Its path in the version; None where the version has only one.
        providers: Execution providers; None: those that the installed onnxruntime has, its own order.
        options: Session options, such as the number of threads.

    Raises:
        NotFound: (when loading) There is no such file.
        InvalidValue: (when loading) There are several, or onnxruntime is not installed.
    """

    def load(files: Files) -> "onnxruntime.InferenceSession":
        runtime = library("onnxruntime", "onnxruntime")
        path = only(files, file, ["*.onnx"])
        return runtime.InferenceSession(
            path, sess_options=options, providers=providers or runtime.get_available_providers()
        )

    return load


def gguf(file: str | None = None) -> Callable[[Files], Path]:
    """Give the path of a GGUF file, for llama.cpp and its kin, which open it themselves.

    Of a model that was split, it is the first part's, as llama.cpp asks for (``...-00001-of-00004.gguf``).

    Args:
        file: Its path in the version; None where the version has only one model.

    Raises:
        NotFound: (when loading) There is no such file.
        InvalidValue: (when loading) There are several, or the file is no GGUF file.
    """

    def load(files: Files) -> Path:
        try:
            path = only(files, file, ["*.gguf"])
        except InvalidValue:
            path = only(files, file, ["*-00001-of-?????.gguf"])
        with path.open("rb") as opened:
            head = opened.read(len(_GGUF))
        if head != _GGUF:
            raise InvalidValue("not a GGUF file", where=path, expected=_GGUF, found=head)
        return path

    return load


_GGUF = b"GGUF"


def skops(file: str | None = None, *, trusted: Collection[str] = ()) -> Callable[[Files], object]:
    """Load a scikit-learn model that skops stored.

    Args:
        file: Its path in the version; None where the version has only one.
        trusted: Types beyond those that skops trusts, such as ``mylib.MyScaler``. Never take the list from the file.

    Raises:
        NotFound: (when loading) There is no such file.
        UnsafeFormat: (when loading) The file names a type that is not trusted.
        InvalidValue: (when loading) There are several files, or skops is not installed.
    """

    def load(files: Files) -> object:
        io = library("skops.io", "skops")
        path = only(files, file, ["*.skops"])
        unknown = sorted(set(io.get_untrusted_types(file=path)) - set(trusted))
        if unknown:
            raise UnsafeFormat(
                "the file names types that are not trusted",
                where=path,
                found=", ".join(unknown[:_SHOWN]),
                hint="Look at each of them; then name them in trusted=.",
            )
        loaded: object = io.load(path, trusted=list(trusted))
        return loaded

    return load
