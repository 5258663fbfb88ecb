"""Registries to test with, what goes into them, and what lies behind their backs."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

import modelver as mv

MODEL = "acme/fraud"
NOBODY = 65534


def weights(**tensors: object) -> bytes:
    """Return a safetensors file of the given values, each a tensor of float32."""
    return save({name: np.asarray(values, dtype=np.float32) for name, values in tensors.items()})


def onnx_model(values: list[float]) -> bytes:
    """Return an ONNX model that adds a constant to its input."""
    added = numpy_helper.from_array(np.asarray(values, dtype=np.float32), "added")
    shape = [len(values)]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "added"], ["y"])],
        "adder",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [added],
    )
    data: bytes = helper.make_model(graph, producer_name="", ir_version=8).SerializeToString()
    return data


def write_tree(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Write files into a folder; return it."""
    for path, data in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def publish(registry: mv.Registry, content: bytes = b"weights", /, **arguments: object) -> mv.ModelVersion:
    """Register one small file, without looking for git and packages."""
    arguments = {"capture": False, **arguments}
    return registry.register(MODEL, {"model.bin": content}, **arguments)  # type: ignore[arg-type] # as given


def snapshot(root: Path) -> dict[str, object]:
    """Return all that is in a folder: bytes and permissions of files, names of folders, targets of links."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_dir():
            found[f"{name}/"] = ""
        else:
            found[name] = (path.stat().st_mode, path.read_bytes())
    return found


def objects(root: Path) -> dict[str, bytes]:
    """Return the objects of a registry's folder by their keys, without temporary files."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "tmp" not in path.relative_to(root).parts[:1]
    }


def temporary_files(root: Path) -> list[Path]:
    """Return the temporary files of a registry's folder."""
    return list((root / "tmp").iterdir()) if (root / "tmp").is_dir() else []


@cache
def _import_everything() -> None:
    """Do what imports all that is imported late: another account may not read root's Python."""
    registry = mv.Registry("memory://imports")
    publish(registry, aliases=["production"])
    registry.load(f"{MODEL}@production", verify="fast").path.stat()
    registry.verify()


@contextmanager
def ordinary_account() -> Iterator[Path]:
    """Run the block as an account that permissions hold for, with a folder of its own; root may write anywhere."""
    _import_everything()
    folder = Path(tempfile.mkdtemp(prefix="modelver-test-"))
    user = os.geteuid()
    if user == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        os.seteuid(user)
        shutil.rmtree(folder)
