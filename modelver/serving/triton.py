"""A model of Triton's model repository: ``<repository>/<model>/<number>/model.onnx`` and ``<model>/config.pbtxt``.

The rules are those of Triton's user guide (triton-inference-server/server, ``docs/user_guide``): "Model Repository" says
what the folders are and what each backend's file is called, "Model Configuration" what ``config.pbtxt`` must hold, and
"Model Management" what Triton notices while it runs. From its source (triton-inference-server/core,
``model_repository_manager.cc`` and ``model_lifecycle.cc``) comes what the guide leaves open: every folder of a repository
is taken for a model, hidden ones too; whatever is in a model's folder beside its configuration and its numbered folders
makes Triton load all its versions again when it changes; and of the numbered folders only those are looked at that the
version policy names. So nothing else is put there, and the policy names one version: writing ``config.pbtxt`` is what
switches.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from modelver.errors import InvalidValue, NotFound
from modelver.serving.layouts import Contents, Kind, Layout, below, folder_of, name_of, placed
from modelver.serving.pbtxt import quoted, with_texts, without_fields
from modelver.values.file import FileEntry
from modelver.values.making import Port

CONFIG = "config.pbtxt"
MAX_CONFIG = 2**20

_NAMES = {
    ".onnx": ("model.onnx", "onnxruntime"),
    ".plan": ("model.plan", "tensorrt"),
    ".engine": ("model.plan", "tensorrt"),
    ".pt": ("model.pt", "pytorch"),
    ".pt2": ("model.pt2", "pytorch"),
    ".xml": ("model.xml", "openvino"),
    ".dali": ("model.dali", "dali"),
}
"""What a model's file ends with, what it must be called, and its backend ("Model Files")."""

_PLATFORMS = {
    "model.onnx": "onnxruntime_onnx",
    "model.plan": "tensorrt_plan",
    "model.pt": "pytorch_libtorch",
    "model.pt2": "torch_aoti",
    "model.savedmodel": "tensorflow_savedmodel",
}
_SELF_DESCRIBING = {"model.onnx", "model.plan", "model.xml", "model.savedmodel"}
"""Models whose inputs and outputs Triton finds out by itself ("Auto-Generated Model Configuration")."""

_TYPES = {
    **{name: f"TYPE_{name.upper()}" for name in ("bool", "uint8", "uint16", "uint32", "uint64")},
    **{name: f"TYPE_{name.upper()}" for name in ("int8", "int16", "int32", "int64", "string")},
    "float16": "TYPE_FP16",
    "float32": "TYPE_FP32",
    "float64": "TYPE_FP64",
    "bfloat16": "TYPE_BF16",
}
_SHARED = ("warmup", "initial_state", "configs")
"""Folders that Triton reads beside a model's configuration, for all of its versions."""

_NUMBER = re.compile(r"[1-9]\d{0,18}")


def triton(contents: Contents, *, name: str, number: int, file: str | None = None) -> Layout:
    """Return the layout of one version of a model.

    Args:
        contents: The version.
        name: The model's folder in the repository.
        number: The version's folder in that.
        file: Which file is the model, where several could be.

    Raises:
        NotFound: The version has no file that Triton knows, or not the one that is asked for.
        InvalidValue: Several files could be the model, or two would have one place, or Triton can't know its inputs and
            outputs, or its own configuration is malformed.
    """
    configs = sorted((each.path for each in contents.files if name_of(each.path) == CONFIG), key=_depth)
    if configs:
        if len(configs) > 1 and _depth(configs[0]) == _depth(configs[1]):
            raise _several(contents, configs, "Register each model by itself.")
        return _as_it_came(contents, configs[0], name, number)
    path, is_folder = _chosen(contents, file)
    main, files = _renamed(contents, path, is_folder=is_folder)
    body = _generated(contents, name, path, main)
    return Layout(Kind.TRITON, placed(files), _policy(body.encode(), number))


def _depth(path: str) -> tuple[int, str]:
    return path.count("/"), ""


def _as_it_came(contents: Contents, path: str, name: str, number: int) -> Layout:
    """Lay out a version that brings its own configuration, and with it a model's folder."""
    text = contents.texts.get(path)
    where = f"{contents.ref}/{path}"
    if text is None or len(text) > MAX_CONFIG:
        raise InvalidValue(
            "a configuration is too large", where=where, expected=f"at most {MAX_CONFIG} bytes"
        )
    files = below(folder_of(path), contents.files)
    del files[CONFIG]
    if shared := sorted({each.partition("/")[0] for each in files if each.startswith(_folders(_SHARED))}):
        raise InvalidValue(
            "files that Triton shares between versions can't be switched with one",
            where=contents.ref,
            found=", ".join(f"{each}/" for each in shared),
            hint="Register the version without them, and put them into the repository by hand.",
        )
    numbered = sorted({each.partition("/")[0] for each in files if _NUMBER.fullmatch(each.partition("/")[0])})
    if len(numbered) > 1:
        raise _several(contents, numbered, "A version has one numbered folder at most.")
    if numbered:
        start = f"{numbered[0]}/"
        files = _at(contents, ((each.removeprefix(start), file) for each, file in files.items()))
    if not files:
        raise NotFound("there is no model beside the configuration", where=where)
    kept = without_fields(text, {b"name", b"version_policy"}, where=where)
    kept = with_texts(kept, b"label_filename", lambda label: f"{number}/".encode() + label, where=where)
    body = f"name: {quoted(name)}\n".encode() + kept.rstrip() + b"\n"
    return Layout(Kind.TRITON, placed(files), _policy(body, number))


def _at(contents: Contents, moved: Iterable[tuple[str, FileEntry]]) -> dict[str, FileEntry]:
    """Return files by their new paths.

    Raises:
        InvalidValue: Two of them have the same one.
    """
    files: dict[str, FileEntry] = {}
    for path, file in moved:
        if path in files:
            raise InvalidValue(
                "two files would have one place in the version's folder",
                where=f"{contents.ref}/{path}",
                found=f"{files[path].path}, {file.path}",
                hint="Register only one of them, or one by another name.",
            )
        files[path] = file
    return files


def _folders(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{name}/" for name in names)


def _policy(body: bytes, number: int) -> bytes:
    return body + f"version_policy: {{ specific: {{ versions: [ {number} ] }} }}\n".encode()


def _chosen(contents: Contents, wanted: str | None) -> tuple[str, bool]:
    """Return which file of the version is the model, or which folder, and whether it is one."""
    paths = [each.path for each in contents.files]
    saved = sorted({folder_of(path) for path in paths if name_of(path) == "saved_model.pb"})
    candidates = [path for path in paths if _ending(path)] + saved
    if wanted is not None:
        if wanted not in candidates:
            raise NotFound(
                "the version has no such model for Triton",
                where=f"{contents.ref}/{wanted}",
                expected=f"one of {', '.join(candidates[:10]) or 'none'}",
            )
        candidates = [wanted]
    usual = [path for path in candidates if name_of(path) == _NAMES.get(_ending(path), ("",))[0]]
    found = usual if len(candidates) > 1 and len(usual) == 1 else candidates
    if len(found) > 1:
        raise _several(
            contents, found, "Say which: file='...', or --file; or register a config.pbtxt with it."
        )
    if not found:
        raise NotFound(
            "the version has no model that Triton knows",
            where=contents.ref,
            expected=f"a file *{', *'.join(_NAMES)}, a SavedModel, or a config.pbtxt",
            hint="For another backend, register a config.pbtxt beside the model.",
        )
    return found[0], found[0] in saved


def _ending(path: str) -> str:
    dot = name_of(path).rfind(".")
    ending = name_of(path)[dot:].lower() if dot >= 0 else ""
    return ending if ending in _NAMES else ""


def _renamed(contents: Contents, path: str, *, is_folder: bool) -> tuple[str, Mapping[str, FileEntry]]:
    """Return what the model is called there, and the files of the version's folder by their paths."""
    by_path = {each.path: each for each in contents.files}
    if is_folder:
        inside = below(path, contents.files)
        return "model.savedmodel", {f"model.savedmodel/{each}": file for each, file in inside.items()}
    name = _NAMES[_ending(path)][0]
    if beside := contents.beside.get(path, ()):
        return name, _in_a_folder(contents, path, beside, by_path)
    files = {name: by_path[path]}
    weights = f"{path[: -len('.xml')]}.bin"
    if name == "model.xml":
        if weights not in by_path:
            raise NotFound("an OpenVINO model lacks its weights", where=f"{contents.ref}/{weights}")
        files["model.bin"] = by_path[weights]
    return name, files


def _in_a_folder(
    contents: Contents, path: str, beside: Sequence[str], by_path: Mapping[str, FileEntry]
) -> Mapping[str, FileEntry]:
    """Lay out an ONNX model of several files: a folder ``model.onnx`` with ``model.onnx`` in it ("ONNX Models")."""
    near = below(folder_of(path), contents.files)
    values = ((each, file) for each, file in near.items() if file.path in beside and file.path != path)
    files = _at(contents, [("model.onnx", by_path[path]), *values])
    files = {f"model.onnx/{each}": file for each, file in files.items()}
    missing = set(beside) - {file.path for file in files.values()}
    if missing:
        raise NotFound(
            "a file with values of an ONNX model's tensors is missing",
            where=contents.ref,
            expected=f"{min(missing)} beside {path}",
        )
    return files


def _generated(contents: Contents, name: str, path: str, main: str) -> str:
    """Write the smallest configuration that is right: no batching, and the ports where all of them are known."""
    backend = next((backend for file, backend in _NAMES.values() if file == main), "tensorflow")
    lines = [f"name: {quoted(name)}", f"backend: {quoted(backend)}"]
    if main in _PLATFORMS:
        lines.append(f"platform: {quoted(_PLATFORMS[main])}")
    lines.append("max_batch_size: 0")
    inputs, outputs = contents.graphs.get(path) or (contents.inputs, contents.outputs)
    ports = [_ports("input", inputs), _ports("output", outputs)]
    if all(ports):
        lines += [line for each in ports for line in each]
    elif main not in _SELF_DESCRIBING:
        raise InvalidValue(
            "Triton can't find out this model's inputs and outputs",
            where=f"{contents.ref}/{main}",
            expected="each input's and output's name, type and shape",
            hint="State them: metadata={'architecture': {'inputs': [...], 'outputs': [...]}}; or register a config.pbtxt.",
        )
    return "".join(f"{line}\n" for line in lines)


def _ports(kind: str, ports: Sequence[Port]) -> list[str]:
    """Return a line for each port; none where one can't be described."""
    described = [_port(port) for port in ports]
    return [f"{kind} {{ {each} }}" for each in described] if all(described) else []


def _port(port: Port) -> str:
    """Describe a port; with no batching its dimensions are those of the model, and an empty shape is not allowed."""
    kind = _TYPES.get(port.dtype)
    if kind is None or port.shape is None:
        return ""
    dims = [side if isinstance(side, int) and side > 0 else -1 for side in port.shape]
    shape = f"dims: [ {', '.join(map(str, dims))} ]" if dims else "dims: [ 1 ] reshape: { shape: [ ] }"
    return f"name: {quoted(port.name)} data_type: {kind} {shape}"


def _several(contents: Contents, found: Sequence[str], hint: str) -> InvalidValue:
    return InvalidValue(
        "several files could be the model", where=contents.ref, found=", ".join(found[:10]), hint=hint
    )
