"""Ready loaders, with the real libraries and files that these wrote."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

import modelver as mv
from modelver.serving import loaders
from tests.registries import MODEL, onnx_model, weights
from tests.serving.conftest import FEATURES

SPLIT = "tiny-00001-of-00002.gguf"


def test_safetensors_come_as_arrays_shards_together(loaded: Callable[..., mv.LoadedModel]) -> None:
    """The names are those of the tensors."""
    files = loaded(a_dot_safetensors=weights(w=[1, 2]), sub__b_dot_safetensors=weights(b=[3]))
    tensors = loaders.safetensors()(files)
    assert {name: tensor.tolist() for name, tensor in tensors.items()} == {"w": [1, 2], "b": [3]}


def test_two_models_are_not_mixed(loaded: Callable[..., mv.LoadedModel]) -> None:
    """A tensor that two files have is an error, until a pattern says which file is meant."""
    files = loaded(a_dot_safetensors=weights(w=[1]), b_dot_safetensors=weights(w=[2]))
    with pytest.raises(mv.InvalidValue, match=r"two files have a tensor of one name.*found w"):
        loaders.safetensors()(files)
    assert loaders.safetensors("b.safetensors")(files)["w"].tolist() == [2]


def test_onnx_runs(loaded: Callable[..., mv.LoadedModel]) -> None:
    """The session computes what the file says."""
    session = loaders.onnx(providers=["CPUExecutionProvider"])(loaded(add_dot_onnx=onnx_model([1.0, 2.0])))
    (answer,) = session.run(None, {"x": np.array([1, 1], dtype=np.float32)})
    assert answer.tolist() == [2, 3]


def test_one_of_several_files_is_named(loaded: Callable[..., mv.LoadedModel]) -> None:
    """Nothing is guessed."""
    files = loaded(a_dot_onnx=onnx_model([1.0]), b_dot_onnx=onnx_model([2.0]))
    with pytest.raises(
        mv.InvalidValue, match=r"several files could be loaded.*a\.onnx, b\.onnx.*Name the file"
    ):
        loaders.onnx()(files)
    session = loaders.onnx("b.onnx")(files)
    assert session.run(None, {"x": np.array([1], dtype=np.float32)})[0].tolist() == [3]


def test_a_file_that_is_not_there_is_told(loaded: Callable[..., mv.LoadedModel]) -> None:
    """Also one that the version has, but that was not included."""
    files = loaded("*.json", model_dot_onnx=onnx_model([1.0]), config_dot_json=b"{}")
    for loader in (loaders.onnx(), loaders.skops(), loaders.gguf(), loaders.onnx("model.onnx")):
        with pytest.raises(mv.NotFound, match="no such file, or it was not included"):
            loader(files)


def test_gguf_gives_the_path_that_llama_cpp_asks_for(loaded: Callable[..., mv.LoadedModel]) -> None:
    """Of a model in parts, the first part's."""
    head = b"GGUF\x03\0\0\0" + bytes(16)
    path = loaders.gguf()(loaded(model_dot_gguf=head))
    assert path.read_bytes() == head
    registry = mv.Registry(f"memory://{uuid.uuid4().hex}")
    version = registry.register(
        MODEL, {SPLIT: head, SPLIT.replace("00001", "00002", 1): head}, changelog="x", capture=False
    )
    assert loaders.gguf()(registry.load(version)).name == SPLIT
    with pytest.raises(mv.InvalidValue, match="not a GGUF file"):
        loaders.gguf()(loaded(model_dot_gguf=b"GGML"))


def test_skops_loads_what_is_trusted(
    loaded: Callable[..., mv.LoadedModel], classifier: LogisticRegression
) -> None:
    """scikit-learn's own types are; it predicts as before."""
    model = loaders.skops()(loaded(model_dot_skops=skops.io.dumps(classifier)))
    assert isinstance(model, LogisticRegression)
    assert model.predict(FEATURES).tolist() == [0, 0, 1, 1]


def test_skops_refuses_other_types_until_they_are_named(loaded: Callable[..., mv.LoadedModel]) -> None:
    """A function that the file names could be any; the list of trusted types comes from the caller."""
    files = loaded(model_dot_skops=skops.io.dumps(FunctionTransformer(os.path.basename)))
    with pytest.raises(mv.UnsafeFormat, match=r"not trusted.*found posixpath\.basename.*trusted="):
        loaders.skops()(files)
    model = loaders.skops(trusted=["posixpath.basename"])(files)
    assert isinstance(model, FunctionTransformer)


def test_a_missing_library_is_named(loaded: Callable[..., mv.LoadedModel], tmp_path: Path) -> None:
    """PyTorch is not among this project's requirements; the message says what to install."""
    code = (
        "import sys, modelver as mv; from modelver.serving import loaders\n"
        "sys.modules['torch'] = None\n"
        f"registry = mv.Registry({str(tmp_path / 'registry')!r})\n"
        "version = registry.register('m', {'w.safetensors': bytes.fromhex(sys.argv[1])}, changelog='x', capture=False)\n"
        "try: loaders.torch_tensors()(registry.load(version))\n"
        "except mv.InvalidValue as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, weights(w=[1]).hex()], capture_output=True, text=True, check=True
    )
    assert "Install it: pip install torch" in done.stdout


@pytest.mark.full
def test_torch_reads_tensors(loaded: Callable[..., mv.LoadedModel]) -> None:
    """With the real PyTorch, which `make test-full` installs."""
    files = loaded(a_dot_safetensors=weights(w=[1, 2]))
    assert loaders.torch_tensors()(files)["w"].tolist() == [1.0, 2.0]
